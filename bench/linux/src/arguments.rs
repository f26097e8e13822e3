//! What the program is asked for on its command line.

use workloads::plan::Plan;

pub(crate) const USAGE: &str = "usage: linux-bench --rows ROW,ROW... [--rounds N] [--window NANOSECONDS] [--settle SECONDS]
       linux-bench --list
  Measures rows, and prints their raw samples. As the first process of a machine it takes no arguments: it reads
  them from the file /plan (lines such as rows=call-pipe,park), and ends the machine when it is done.

  --rows ROW,ROW...      what to measure
  --rounds N             how often each measurement is repeated after one to warm up (11)
  --window NANOSECONDS   how long what runs for a time runs (1000000000)
  --settle SECONDS       sleep before the first row (0)
  --list                 print the names of all rows
  --help                 print this

Examples:
  linux-bench --rows call-pipe,park --rounds 3";

/// What is wished for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Rows(Plan),
    /// To be a part of a load, in a process that the program itself has started.
    Part(String),
    List,
    Help,
}

/// Reads the arguments, the program's name not among them.
pub(crate) fn read(arguments: impl IntoIterator<Item = String>, begun: u64) -> Result<Wish, String> {
    let mut arguments = arguments.into_iter();
    let mut plan = Plan::new(begun);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--help" | "-h" => return Ok(Wish::Help),
            "--list" => return Ok(Wish::List),
            _ => {}
        }
        let value = arguments
            .next()
            .ok_or_else(|| format!("`{argument}` says nothing, or wants a value"))?;
        if argument == crate::processes::PART {
            return Ok(Wish::Part(value));
        }
        argument
            .strip_prefix("--")
            .and_then(|key| plan.set(key, &value))
            .ok_or_else(|| format!("`{argument} {value}` makes no sense"))?;
    }
    if plan.rows.is_empty() {
        return Err("it wants to be told what to measure".to_owned());
    }
    Ok(Wish::Rows(plan))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_words(text: &str) -> Result<Wish, String> {
        read(text.split_whitespace().map(str::to_owned), 7)
    }

    #[test]
    fn arguments_become_a_plan() {
        let expected = Plan {
            rows: vec!["call-pipe".to_owned(), "park".to_owned()],
            rounds: 3,
            ..Plan::new(7)
        };
        assert_eq!(
            read_words("--rows call-pipe,park --rounds 3"),
            Ok(Wish::Rows(expected))
        );
        assert_eq!(read_words("--rounds 3 --help"), Ok(Wish::Help));
        assert_eq!(read_words("--part hog"), Ok(Wish::Part("hog".to_owned())));
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (text, named) in [
            ("--rounds 0", "--rounds 0"),
            ("--rows", "--rows"),
            ("--row call", "--row call"),
            ("", "told what to measure"),
        ] {
            let mistake = read_words(text).unwrap_err();
            assert!(mistake.contains(named), "{text}: {mistake}");
        }
    }
}
