//! `./x chaos`: boots the random programs of user/proofs (`chaos`) with one seed after the other, on one CPU whose time is counted in
//! instructions and on several that really run at once, and looks at how each boot ends. A seed that ends badly is made small: fewer
//! actors, fewer steps, kinds of deeds left out, for as long as it still ends in the same way. What remains is printed with the
//! command that repeats it.
//!
//! [`trial`] is one boot, [`shrink`] makes one small, this file goes through the seeds.
#![forbid(unsafe_code)]

mod shrink;
mod trial;

use anyhow::Result;
use clap::Parser;
use proofs::chaos::deed::Deed;
use serde_json::json;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use trial::{Images, Trial, Verdict};
use xtask::{exit, progress};

/// Random programs that do everything at once and are ended at random moments, on booted kernels.
#[derive(Debug, Parser)]
#[command(
    name = "chaos",
    bin_name = "./x chaos",
    after_help = "\
Examples:
  ./x chaos                                    20 seeds on 1, 2 and 4 CPUs
  ./x chaos --minutes 480                      a night
  ./x chaos --first 17 --seeds 1 --cpus 2      one seed again
  ./x chaos --first 17 --seeds 1 --without meddle,park --steps 40 --no-shrink

On one CPU time is counted in instructions and a seed always does the same. On several the host decides who is
faster, so a seed fails sometimes: it is tried several times when it is made small.

Exit codes: 0 all seeds ended well, 1 one did not, 2 the command line was not understood.
A boot that did not start is no seed that failed: what QEMU said is printed, and the code is 1."
)]
struct Arguments {
    /// The first seed.
    #[arg(long, value_name = "N", default_value_t = 1)]
    first: u64,
    /// How many seeds.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = at_least_one)]
    seeds: u64,
    /// Go on with further seeds until so many minutes have passed.
    #[arg(long, value_name = "M", value_parser = at_least_one)]
    minutes: Option<u64>,
    /// Numbers of CPUs; each seed is booted on each.
    #[arg(
        long, value_name = "N,...", value_delimiter = ',', default_values_t = [1, 2, 4],
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    cpus: Vec<u32>,
    /// Rounds of a boot, each with the next seed.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = at_least_one)]
    rounds: u64,
    /// Processes that live at a time, 1 to 6.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=6))]
    actors: u64,
    /// Deeds of one thread.
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = at_least_one)]
    steps: u64,
    /// Kinds of deeds to leave out; a wrong name is answered with all of them.
    #[arg(long, value_name = "KIND,...", value_delimiter = ',', value_parser = known_kind)]
    without: Vec<String>,
    /// Leave failures as they are.
    #[arg(long)]
    no_shrink: bool,
    /// Print one JSON object for each boot.
    #[arg(long)]
    json: bool,
}

/// What tries nothing finds nothing wrong.
fn at_least_one(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(number @ 1..) => Ok(number),
        _ => Err("a number from 1 on is wanted".to_owned()),
    }
}

fn known_kind(name: &str) -> Result<String, String> {
    if Deed::from_name(name).is_some() {
        return Ok(name.to_owned());
    }
    let names: Vec<&str> = Deed::names().collect();
    Err(format!("there is no such kind; there are {}", names.join(", ")))
}

fn main() -> ExitCode {
    match chaos(&Arguments::parse()) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            progress::say(format!("{error:#}"));
            ExitCode::from(exit::FAILED)
        }
    }
}

fn chaos(arguments: &Arguments) -> Result<u8> {
    let images = Images::build()?;
    let began = Instant::now();
    let limit = arguments.minutes.map(|minutes| Duration::from_secs(60 * minutes));
    let wanted = |done: u64| match limit {
        Some(limit) => began.elapsed() < limit,
        None => done < arguments.seeds,
    };
    let (mut passed, mut failed) = (0_u64, 0_u64);
    let mut done = 0;
    while wanted(done) {
        for cpus in &arguments.cpus {
            let trial = Trial {
                seed: arguments.first.wrapping_add(done * arguments.rounds),
                rounds: arguments.rounds,
                cpus: *cpus,
                actors: arguments.actors,
                steps: arguments.steps,
                without: arguments.without.clone(),
            };
            let verdict = trial.run(&images)?;
            report(&trial, &verdict, arguments.json);
            let Verdict::Failed(failure) = verdict else {
                passed += 1;
                continue;
            };
            failed += 1;
            if !arguments.no_shrink {
                let small = shrink::make_small(trial, &failure, &images)?;
                progress::say(format!("as small as it gets:  {}", small.command()));
            }
        }
        done += 1;
    }
    println!("{passed} passed, {failed} failed");
    Ok(if failed == 0 { exit::OK } else { exit::FAILED })
}

fn report(trial: &Trial, verdict: &Verdict, as_json: bool) {
    let complaint = match verdict {
        Verdict::Passed => None,
        Verdict::Failed(failure) => Some(failure),
    };
    if as_json {
        println!(
            "{}",
            json!({
                "seed": trial.seed, "cpus": trial.cpus, "rounds": trial.rounds,
                "passed": complaint.is_none(), "what": complaint.map(|failure| &failure.what),
                "again": trial.command(),
            })
        );
    }
    match complaint {
        None if as_json => {}
        None => println!("seed {} on {} CPUs: as it should be", trial.seed, trial.cpus),
        Some(failure) => {
            progress::say(format!(
                "seed {} on {} CPUs: {}",
                trial.seed, trial.cpus, failure.what
            ));
            progress::say(format!("again:  {}", trial.command()));
            for line in failure
                .console
                .lines()
                .rev()
                .take(40)
                .collect::<Vec<_>>()
                .iter()
                .rev()
            {
                eprintln!("    {line}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_that_tries_nothing_is_refused() {
        for option in [
            "--cpus",
            "--seeds",
            "--minutes",
            "--rounds",
            "--actors",
            "--steps",
        ] {
            assert!(
                Arguments::try_parse_from(["chaos", option, "1"]).is_ok(),
                "{option}"
            );
            let refused = Arguments::try_parse_from(["chaos", option, "0"]).unwrap_err();
            assert_eq!(refused.exit_code(), 2, "{option}");
        }
        assert!(Arguments::try_parse_from(["chaos", "--cpus", "2,0"]).is_err());
    }
}
