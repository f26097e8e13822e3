//! `bench`: what the kernel's operations cost. `bench core` boots the release kernel with the program of user/bench as its
//! first process and prints one table: operation, cost, aim, met or missed. Costs are instructions, counted by the
//! emulator (`-icount shift=0`, CPU model Nehalem, one CPU), so they do not depend on this machine or its load;
//! the few rows that are wall times say so. Every row is kept with all its samples in bench/results/.
//!
//! [`rows`] lists what there is; [`guest`] boots and reads what the program prints; [`costs`], [`boots`], [`scale`] and
//! [`scheduler`] each fill some rows; [`report`] prints and keeps; [`recipe`] says what the figures belong to.

mod boots;
mod costs;
mod guest;
mod recipe;
mod report;
mod rows;
mod scale;
mod scheduler;

use crate::build::Profile;
use crate::qemu::{self, Machine, interrupt};
use crate::{exit, progress, toolchain};
use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

use recipe::Recipe;
use rows::{Measured, ROWS, Row};

/// `bench`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ./x bench core                       the whole table
  ./x bench core --quick               fewer rounds and boots; for a look, not for the record
  ./x bench core --only N3 --only N13  some rows
  ./x bench core --json                one JSON object per row instead of the table

Exit code 1 when a row could not be measured or its check failed. A missed aim is printed as missed; it is no error.")]
pub struct BenchArguments {
    /// What to measure.
    #[arg(value_enum)]
    pub suite: Suite,
    /// Print one JSON object per row instead of the table.
    #[arg(long)]
    pub json: bool,
    /// Fewer rounds, shorter windows, fewer boots.
    #[arg(long)]
    pub quick: bool,
    /// Only rows with this id, such as N3; may be given several times.
    #[arg(long, value_name = "NAME")]
    pub only: Vec<String>,
    /// A kernel image to measure instead of this tree's.
    #[arg(long, value_name = "ELF")]
    pub kernel: Option<PathBuf>,
    /// Keep the rows in bench/results/reference.jsonl, the run that is checked in.
    #[arg(long)]
    pub reference: bool,
}

/// Groups of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Suite {
    /// Entries, calls, wake-ups, switches, ticks, boots, lives of threads and processes, and scaling.
    Core,
}

/// Measures the rows of its file that are wanted.
type Part = fn(&Bench) -> Result<Vec<Measured>>;

/// What every part of a run needs.
struct Bench {
    kernel: PathBuf,
    programs: PathBuf,
    manifest: PathBuf,
    quick: bool,
    only: Vec<String>,
}

impl Bench {
    /// Whether a row is to be measured.
    fn wants(&self, row: &Row) -> bool {
        self.only.is_empty() || self.only.iter().any(|id| id.eq_ignore_ascii_case(row.id))
    }

    /// Whether any of the rows with these ids is to be measured.
    fn wants_any(&self, ids: &[&str]) -> bool {
        ROWS.iter().any(|row| ids.contains(&row.id) && self.wants(row))
    }

    /// The machine on which instructions are counted.
    fn counting_machine(&self, manifest: PathBuf) -> Machine {
        let mut machine = Machine::new(self.kernel.clone(), manifest);
        machine.cpus = "1".to_owned();
        machine.cpu_model = Some("Nehalem".to_owned());
        machine.icount = true;
        machine
    }
}

/// The verb.
pub(super) fn bench(arguments: &BenchArguments) -> Result<u8> {
    let Suite::Core = arguments.suite;
    for id in &arguments.only {
        let known = ROWS.iter().any(|row| row.id.eq_ignore_ascii_case(id));
        let ids: Vec<&str> = ROWS.iter().map(|row| row.id).collect();
        ensure!(known, "there is no row {id}; there are: {}", ids.join(", "));
    }
    qemu::find_or_install()?;
    interrupt::watch();
    let built = super::build::everything(Profile::Release, arguments.kernel.as_deref())?;
    let bench = Bench {
        kernel: std::path::absolute(&built.kernel)?,
        programs: built.programs,
        manifest: built.manifest,
        quick: arguments.quick,
        only: arguments.only.clone(),
    };
    let recipe = Recipe::of_this_run(&toolchain::find()?, &bench)?;

    let mut measured = Vec::new();
    let parts: [(&str, Part); 4] = [
        ("costs in instructions", costs::measure),
        ("boots", boots::measure),
        ("scheduler core", scheduler::measure),
        ("two workers against one", scale::measure),
    ];
    let mut failed = false;
    for (what, measure) in parts {
        progress::say(format!("measuring: {what}"));
        match measure(&bench) {
            Ok(rows) => measured.extend(rows.into_iter().filter(|row| bench.wants(row.row))),
            Err(error) => {
                progress::say(format!("FAILED: {what}: {error:#}"));
                failed = true;
            }
        }
    }
    let place = |row: &Measured| ROWS.iter().position(|known| known.id == row.row.id);
    measured.sort_by_key(place);
    failed |= measured.iter().any(|row| !row.verified);
    let kept = report::keep(&measured, &recipe, arguments.reference)?;
    if arguments.json {
        report::print_json(&measured, &recipe);
    } else {
        report::print_table(&measured, &recipe);
        println!("raw rows: {}", crate::workspace::shown(&kept));
    }
    Ok(if failed { exit::FAILED } else { exit::OK })
}
