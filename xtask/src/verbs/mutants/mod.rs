//! `mutants`: puts known mistakes into the code, one at a time, and sees whether the tests notice.
//!
//! A *mutant* is a file in `mutants/` ([`mutant`]): a mistake that a system somewhere made, as a replacement of text, and
//! the cheapest *hunt* that should find it ([`hunt`]): a test, a model, a campaign of the simulator, or a test that boots. Each is tried in a copy of the
//! tree ([`scratch`]); what came of it is a row of the table ([`report`]), and is kept ([`known`]). docs/mutants.md has the table as it
//! was last printed.
//! With `--all` ([`mod@all`]) nobody chooses the mistakes: every place of the pure crates is tried.

mod all;
mod boot;
mod hunt;
mod judge;
mod known;
mod mutant;
mod observed;
mod report;
mod scratch;

use crate::{exit, progress};
use anyhow::{Result, bail, ensure};
use clap::Args;
use hunt::{Hunted, Hunter};
use indicatif::{ProgressBar, ProgressStyle};
use judge::Ending;
use known::Known;
use mutant::Mutant;
use report::Row;
use scratch::Scratch;

/// `mutants`.
#[derive(Args, Debug)]
#[command(after_help = "\
Each mutant is put into a copy of the tree, built, and hunted by the cheapest test, model or
campaign that should find it. First the hunts are tried without mutants and must find nothing.
The first run builds the copy, which takes some minutes; then a mutant takes some seconds, and one that is
hunted by booting half a minute. What came of each is kept, so they can be tried a few at a time.

With --all, cargo-mutants (installed when missing) thinks of the mistakes: every place of the crates caps, protocol,
rings, manifest, abi and sched is tried, all of a crate in one build, which takes minutes, and then what that cannot tell
in builds of its own, which takes longer; --quick does without. What is known is kept after every few, so a run that
is broken off goes on where it was; --shard shares it out.

Exit code 0: every mutant was caught. docs/mutants.md says how to add one.

Examples:
  ./x mutants                             all of them
  ./x mutants --list                      what there is
  ./x mutants --only steal-looks-at-eight
  ./x mutants --only row:10 --json        those of one row of the table
  ./x mutants --known                     the table of what is known, and nothing tried
  ./x mutants --all --package caps        every place of one crate
  ./x mutants --all --quick               every place, as far as one build of each crate tells
  ./x mutants --all --list                what is known of all, and nothing tried")]
pub struct MutantsArguments {
    /// Print the mutants and what hunts them, and try none.
    #[arg(long)]
    list: bool,
    /// Only the mutant of this name, or those of row:N; may be given several times.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Print what came of the mutants when they were tried last, and try none.
    #[arg(long, conflicts_with_all = ["all", "list"])]
    known: bool,
    /// Print one JSON object for each mutant (with --all, for each crate) instead of a table.
    #[arg(long)]
    json: bool,
    /// Every place of the pure crates, by cargo-mutants.
    #[arg(long, conflicts_with = "only")]
    all: bool,
    /// With --all, only this crate; may be given several times.
    #[arg(long, value_name = "CRATE", requires = "all")]
    package: Vec<String>,
    /// With --all, only files whose path has this in it; may be given several times.
    #[arg(long, value_name = "PART", requires = "all")]
    file: Vec<String>,
    /// With --all, only what one build of a crate and its nearest and shortest tests can tell, in minutes.
    #[arg(long, requires = "all")]
    quick: bool,
    /// With --all, only part K of N.
    #[arg(long, value_name = "K/N", requires = "all")]
    shard: Option<all::Shard>,
}

/// The verb: exit code 1 when a mutant survived.
pub(super) fn mutants(arguments: &MutantsArguments) -> Result<u8> {
    if arguments.all {
        return all::all(arguments);
    }
    let chosen = choose(mutant::read_all()?, &arguments.only)?;
    if arguments.list {
        report::list(&chosen, arguments.json)?;
        return Ok(exit::OK);
    }
    if arguments.known {
        return print_known(&chosen, arguments.json);
    }
    let scratch = Scratch::refreshed()?;
    let mut known = Known::load(&scratch)?;
    // A stale one is told before minutes are spent on the others.
    for mutant in &chosen {
        mutant.mutated(&scratch.tree())?;
    }
    let hunter = Hunter::new(scratch, chosen.iter().flat_map(Mutant::hunts))?;
    hold_without_mutants(&hunter, &chosen, &mut known)?;
    let bar = bar(chosen.len());
    let mut rows = Vec::new();
    let before = known.clone();
    hunter.hunt_all(
        &chosen,
        |hunt| before.held(hunt),
        |mutant, hunted| {
            if let Some(errors) = hunted.iter().find_map(Hunted::errors) {
                bar.suspend(|| progress::say(errors));
            }
            let row = Row::of(mutant, &hunted);
            known.learn(&row)?;
            bar.suspend(|| progress::say(row.sentence()));
            bar.set_message(mutant.name.clone());
            bar.inc(1);
            rows.push(row);
            Ok(())
        },
    )?;
    bar.finish_and_clear();
    report::print(&rows, arguments.json)?;
    let all_caught = rows.iter().all(Row::is_caught);
    Ok(if all_caught { exit::OK } else { exit::FAILED })
}

/// The table of what is known: exit code 1 when it is not known of each that it was caught.
fn print_known(chosen: &[Mutant], as_json: bool) -> Result<u8> {
    let known = Known::of_before()?;
    let rows: Vec<Row> = chosen
        .iter()
        .filter_map(|mutant| known.row(mutant).cloned())
        .collect();
    if rows.is_empty() {
        progress::say("nothing is known yet of any of these as they are now; ./x mutants tries them");
        return Ok(exit::FAILED);
    }
    report::print(&rows, as_json)?;
    let untried = chosen.len() - rows.len();
    if untried > 0 {
        progress::say(format!("{untried} were not tried as they are now"));
    }
    let all_caught = untried == 0 && rows.iter().all(Row::is_caught);
    Ok(if all_caught { exit::OK } else { exit::FAILED })
}

/// The mutants that the words name, or all when there are none.
fn choose(all: Vec<Mutant>, words: &[String]) -> Result<Vec<Mutant>> {
    for word in words {
        ensure!(
            all.iter().any(|mutant| mutant.answers_to(word)),
            "there is no mutant {word}; ./x mutants --list shows all"
        );
    }
    let wanted = |mutant: &Mutant| words.is_empty() || words.iter().any(|word| mutant.answers_to(word));
    Ok(all.into_iter().filter(wanted).collect())
}

/// A hunt that finds something where there is nothing proves nothing afterwards. Those that were tried in this very text hold.
fn hold_without_mutants(hunter: &Hunter, mutants: &[Mutant], known: &mut Known) -> Result<()> {
    let mut hunts: Vec<_> = mutants.iter().flat_map(Mutant::hunts).collect();
    hunts.retain(|hunt| known.held(hunt).is_none());
    hunts.sort();
    hunts.dedup();
    let bar = bar(hunts.len());
    for hunt in hunts {
        bar.set_message(format!("without mutants: {hunt}"));
        let hunted = hunter.hunt(hunt)?;
        match hunted.ending {
            Ending::Survived => known.holds(hunt, hunted.took)?,
            Ending::Caught { by } => bail!("{hunt} fails without any mutant: {}", by.join(", ")),
            Ending::NotBuilt { errors } => bail!("the tree does not build:\n{errors}"),
            Ending::OutOfTime => bail!("{hunt} does not come to an end without any mutant"),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    progress::say("without mutants every hunt comes back with nothing");
    Ok(())
}

fn bar(length: usize) -> ProgressBar {
    if !progress::watched() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(length as u64);
    if let Ok(style) = ProgressStyle::with_template("[{bar:30}] {pos}/{len} ({elapsed}) {wide_msg:.dim}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(std::time::Duration::from_millis(120));
    bar
}
