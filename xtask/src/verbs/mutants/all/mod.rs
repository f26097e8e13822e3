//! `mutants --all`: every place of the pure crates, one after the other. cargo-mutants ([`tool`]) thinks of what could be wrong there:
//! another operator, another answer, a branch that is gone. The crate's own tests hunt it, and then those of packages that stand
//! on it ([`crates`]). What is known is kept ([`known`]), so that a run may be broken off and shared out; what changes nothing
//! is written down with its reason ([`explained`]). docs/mutants.md has the table as it was last printed.

mod crates;
mod explained;
mod known;
mod switched;
mod table;
mod tool;

use super::scratch::Scratch;
use super::{MutantsArguments, bar, report};
use crate::{exit, progress};
use anyhow::{Context, Result};
use crates::{CRATES, Crate};
use known::{Known, Verdict};
use std::str::FromStr;
use std::time::Duration;
use switched::{Asked, Switched};
use table::Count;
use tool::{Listed, Tool};

/// Mutants that are tried between two moments at which what is known is kept.
const BATCH: usize = 8;

/// In a quick hunt a crate's programs that take longer than this are not asked: a survivor would cost that much.
const QUICK: Duration = Duration::from_secs(1);

/// One part of so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shard {
    number: usize,
    of: usize,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let parts = text.split_once('/');
        let numbers = parts.and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
        match numbers {
            Some((number, of)) if (1..=of).contains(&number) => Ok(Shard { number, of }),
            _ => Err("a part is wanted, such as 1/4".to_owned()),
        }
    }
}

/// The verb: exit code 1 when a mutant survived.
pub(super) fn all(arguments: &MutantsArguments) -> Result<u8> {
    let mut chosen = Vec::new();
    for name in &arguments.package {
        let names = || CRATES.map(|one| one.name).join(", ");
        chosen.push(
            Crate::find(name).with_context(|| format!("no crate {name} here; there are: {}", names()))?,
        );
    }
    if chosen.is_empty() {
        chosen.extend(CRATES);
    }
    let scratch = Scratch::refreshed()?;
    let tool = Tool::find_or_install(&scratch)?;
    let folder = scratch.file("all");
    std::fs::create_dir_all(&folder)?;
    let mut counts = Vec::new();
    for one in chosen {
        let listed = tool.list(one.name)?;
        let (explained, rest) = explained::split(one, &explained::read(one)?, listed)?;
        let mut known = Known::load(&folder, one.name, &rest, &scratch.tree())?;
        if !arguments.list {
            let mut pending = pending(&rest, &known, arguments.shard);
            let parts = &arguments.file;
            pending.retain(|listed| parts.is_empty() || parts.iter().any(|part| listed.file.contains(part)));
            hunt(&tool, one, &pending, &mut known, arguments.quick)?;
        }
        counts.push(Count::of(one.name, explained, &rest, &known));
    }
    print(&counts, arguments.json)?;
    let all_noticed = counts.iter().all(|count| count.survived.is_empty());
    Ok(if all_noticed { exit::OK } else { exit::FAILED })
}

/// Those of a shard that nobody has noticed yet.
fn pending(rest: &[Listed], known: &Known, shard: Option<Shard>) -> Vec<Listed> {
    let shard = shard.unwrap_or(Shard { number: 1, of: 1 });
    let in_shard = rest
        .iter()
        .enumerate()
        .filter(|(index, _)| index % shard.of == shard.number - 1);
    let open = in_shard.filter(|(_, listed)| is_open(known, listed));
    open.map(|(_, listed)| listed.clone()).collect()
}

/// Tries mutants of a crate: all in one build, and what that leaves, or lets through, one by one.
fn hunt(tool: &Tool<'_>, one: Crate, pending: &[Listed], known: &mut Known, is_quick: bool) -> Result<()> {
    if pending.is_empty() {
        return Ok(());
    }
    hunt_in_one_build(tool, one, pending, known, is_quick)?;
    let mut rest = pending.to_vec();
    rest.retain(|listed| is_open(known, listed));
    if is_quick {
        progress::say(format!("{}: {} are left for longer hunts", one.name, rest.len()));
        return Ok(());
    }
    hunt_one_by_one(tool, one, &rest, known)
}

/// Whether nobody has noticed a mutant yet.
fn is_open(known: &Known, listed: &Listed) -> bool {
    matches!(known.verdict(listed), None | Some(Verdict::Survived))
}

/// Tries mutants that are built at once, with the tests of one package after the other.
fn hunt_in_one_build(
    tool: &Tool<'_>,
    one: Crate,
    pending: &[Listed],
    known: &mut Known,
    is_quick: bool,
) -> Result<()> {
    let mut switched = Switched::of(tool.scratch(), one, pending)?;
    for package in one.packages(is_quick) {
        let open = pending.iter().enumerate();
        let open: Vec<_> = open.filter(|(_, listed)| is_open(known, listed)).collect();
        if open.is_empty() {
            break;
        }
        let most = if is_quick && package == one.name {
            QUICK
        } else {
            Duration::MAX
        };
        switched.turn_to(package, most)?;
        let bar = bar(open.len());
        for (tried, (index, listed)) in open.into_iter().enumerate() {
            bar.set_message(listed.name.clone());
            let asked = switched.ask(index)?;
            bar.suspend(|| progress::say(format!("{}: {asked}", listed.name)));
            match asked {
                Asked::Caught { .. } => known.learn(listed, Verdict::Caught(package.to_owned())),
                Asked::OutOfTime => known.learn(listed, Verdict::OutOfTime(package.to_owned())),
                Asked::NotBuilt => known.learn(listed, Verdict::NotBuilt),
                Asked::Survived => known.learn(listed, Verdict::Survived),
                Asked::Left => {}
            }
            bar.inc(1);
            if tried % BATCH == 0 {
                known.save()?;
            }
        }
        bar.finish_and_clear();
        known.save()?;
    }
    Ok(())
}

/// Tries mutants one by one, batch by batch: with the crate's own tests, then what survives with those of others.
fn hunt_one_by_one(tool: &Tool<'_>, one: Crate, pending: &[Listed], known: &mut Known) -> Result<()> {
    let packages: Vec<&str> = one.packages(false).collect();
    let mut patience: Vec<Option<Duration>> = vec![None; packages.len()];
    let bar = bar(pending.len());
    let mut tried = 0;
    for batch in pending.chunks(BATCH) {
        bar.set_message(format!("{}: {}", one.name, batch[0].name));
        let mut open = batch.to_vec();
        for (package, patience) in packages.iter().zip(&mut patience) {
            if open.is_empty() {
                break;
            }
            let limit = match *patience {
                Some(limit) => limit,
                None => *patience.insert(tool.patience(package)?),
            };
            let verdicts = tool.try_all(one.name, &open, package, limit)?;
            for (listed, verdict) in open.iter().zip(&verdicts) {
                known.learn(listed, verdict.clone());
            }
            open.retain(|listed| known.verdict(listed) == Some(&Verdict::Survived));
        }
        known.save()?;
        tried += batch.len();
        bar.inc(batch.len() as u64);
        bar.suspend(|| {
            progress::say(format!("{}: {tried} of {} tried", one.name, pending.len()));
            open.iter()
                .for_each(|listed| progress::say(format!("SURVIVED: {}", listed.name)));
        });
    }
    bar.finish_and_clear();
    Ok(())
}

fn print(counts: &[Count], as_json: bool) -> Result<()> {
    if as_json {
        let lines = counts.iter().map(|count| format!("{}\n", count.to_json()));
        return report::write(&lines.collect::<String>());
    }
    let lines: Vec<[String; 9]> = counts.iter().map(Count::cells).collect();
    let mut text = report::table(&Count::TITLES.map(str::to_owned), &lines);
    for survivor in counts.iter().flat_map(|count| &count.survived) {
        text += &format!("SURVIVED: {survivor}\n");
    }
    report::write(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_a_part_of_so_many() {
        assert_eq!("2/4".parse(), Ok(Shard { number: 2, of: 4 }));
        for wrong in ["0/4", "5/4", "2", "a/b", "1/0", ""] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn shards_share_out_what_is_open() {
        let listed = |number: usize| Listed {
            name: number.to_string(),
            file: "a.rs".to_owned(),
            mutant: String::new(),
            ..Listed::default()
        };
        let all: Vec<Listed> = (0..10).map(listed).collect();
        let mut known = Known::default();
        known.learn(&all[0], Verdict::NotBuilt);
        known.learn(&all[3], Verdict::Survived);
        let names = |shard: &str| -> Vec<String> {
            let pending = pending(&all, &known, Some(shard.parse().unwrap()));
            pending.into_iter().map(|listed| listed.name).collect()
        };
        assert_eq!(names("1/3"), ["3", "6", "9"]);
        assert_eq!(names("2/3"), ["1", "4", "7"]);
        assert_eq!(pending(&all, &known, None).len(), 9);
    }
}
