//! `bench attribution`: where the time of an operation goes, by a kernel that was built to tell (rule A2), and what the telling
//! costs (A3). docs/attribution.md says what is measured and how to read it.
//!
//! Each row is booted twice with a different number of rounds; what the tables of the two boots differ by, divided by the
//! operations they differ by, is the operation's. Booting, warming up and printing are in both, so they are in neither. On one
//! CPU ticks are instructions, the same in each run. The same row also runs on the kernel as it is shipped, and on that with
//! its trace switched on.

mod cost;
mod table;

use super::plan::Plan;
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use xtask::build::{self, Profile, manifest, symbols};
use xtask::qemu::{self, Ending, Guest, Machine, interrupt};
use xtask::toolchain::{self, Bare};
use xtask::{exit, progress, workspace};

use cost::Samples;
use table::Table;

/// Rows that can be attributed: the id of the big table and the program's name.
const ROWS: [(&str, &str); 10] = [
    ("N1", "null-entry"),
    ("N2", "nop-batch"),
    ("N3", "call"),
    ("N4a", "call-own-limit"),
    ("N4b", "call-lent-limit"),
    ("N5", "park"),
    ("N5b", "park-apart"),
    ("N6", "yield"),
    ("N13", "thread"),
    ("N14", "process"),
];

/// Rows that are no number of operations, and shown as a whole: in the first the timer interrupts user programs, which is
/// when they are seen; in the second there is work for more than one CPU.
const WHOLE: [(&str, &str); 2] = [("N7c", "tick-shared"), ("B7", "scale")];

/// The row of which places in the program are shown.
const SAMPLED: &str = WHOLE[0].1;

/// What is measured when nobody says.
const USUAL: [&str; 4] = ["N1", "N3", "N5", "N6"];

/// Length of the window of the rows that have one, in ticks.
const WINDOW: u64 = 1_000_000_000;

/// Rounds of the two boots.
const ROUNDS: (u32, u32) = (2, 6);

/// A boot that takes longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(900);

/// What a normal kernel does not contain and a measured one does: the form of its table's lines.
const MARK: &[u8] = b"@attribution";

/// Options of `bench attribution`.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Options {
    /// attribution: a row, such as N3; may be given several times (N1 N3 N5 N6 if not).
    #[arg(long, value_name = "ROW")]
    pub(super) row: Vec<String>,
    /// attribution: virtual CPUs; with more than one, ticks are of wall time.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) cpus: u32,
}

/// A row with all that was found out about it.
struct Attributed {
    id: String,
    name: &'static str,
    /// Ticks of an operation: as shipped, traced, attributed.
    normal: Option<Samples>,
    traced: Option<Samples>,
    attributed: Option<Samples>,
    /// What these operations did; one that stands for the whole boot where there are none.
    table: Table,
    operations: u64,
}

/// The kernels and programs of a run.
struct Images {
    normal: PathBuf,
    attributed: PathBuf,
    programs: PathBuf,
    cpus: u32,
}

/// The part of the verb.
pub(super) fn run(options: &Options, json: bool) -> Result<u8> {
    let wanted: Vec<String> = if options.row.is_empty() {
        USUAL.map(str::to_owned).to_vec()
    } else {
        options.row.clone()
    };
    let rows = wanted.iter().map(|id| find(id)).collect::<Result<Vec<_>>>()?;
    qemu::find_or_install()?;
    interrupt::watch();
    let bare = toolchain::find_or_install()?;
    let images = Images {
        normal: build::kernel(&bare, Profile::Release)?,
        attributed: kernel(&bare)?,
        programs: build::programs(&bare)?,
        cpus: options.cpus,
    };
    ensure!(
        !carries_tables(&images.normal)? && carries_tables(&images.attributed)?,
        "the normal kernel contains attribution, or the other one does not"
    );
    for (id, name) in rows {
        progress::say(format!("measuring {id} ({name})"));
        let row = measure(&images, id, name)?;
        if json {
            println!("{}", row.to_json(options.cpus));
            continue;
        }
        row.print();
        if name == SAMPLED {
            row.print_places(&std::fs::read(program(&bare)?)?);
        }
    }
    Ok(exit::OK)
}

fn find(id: &str) -> Result<(&'static str, &'static str)> {
    let mut known = ROWS.iter().chain(&WHOLE);
    let found = known.find(|(known, _)| known.eq_ignore_ascii_case(id));
    let all: Vec<&str> = ROWS.iter().chain(&WHOLE).map(|(id, _)| *id).collect();
    found
        .copied()
        .with_context(|| format!("{id} cannot be attributed; there are: {}", all.join(", ")))
}

/// Builds the kernel that tells.
fn kernel(bare: &Bare) -> Result<PathBuf> {
    let (mut command, output) = apart(bare, "sundial-kernel");
    command.args(["--features", "machine/attribution"]);
    progress::step("building the kernel (attribution)", &mut command)?;
    symbols::fill(&output.join("sundial-kernel"))
}

/// Builds the bench program once more, with its symbols: everything in it has the address it has without them.
fn program(bare: &Bare) -> Result<PathBuf> {
    let (mut command, output) = apart(bare, "bench");
    command.env("SUNDIAL_SYMBOLS", "kept").args(["--bin", "bench"]);
    progress::step("building the bench program (symbols)", &mut command)?;
    Ok(output.join("bench"))
}

/// A command that builds a package in a target folder of its own, so that what is special about it stays there; and
/// where the result will be.
fn apart(bare: &Bare, package: &str) -> (Command, PathBuf) {
    let folder = bare.target_folder().with_extension("attribution");
    let profile = Profile::Release.name();
    let mut command = bare.cargo("build");
    command.env("CARGO_TARGET_DIR", &folder);
    command.args(["--package", package, "--profile", profile]);
    (command, folder.join(toolchain::TARGET).join(profile))
}

/// Whether an image is of a kernel that tells.
fn carries_tables(image: &Path) -> Result<bool> {
    let bytes = std::fs::read(image).with_context(|| format!("cannot read {}", image.display()))?;
    Ok(bytes.windows(MARK.len()).any(|window| window == MARK))
}

fn measure(images: &Images, id: &str, name: &'static str) -> Result<Attributed> {
    let boot = |kernel: &Path, rounds, traced| boot(images, kernel, name, rounds, traced);
    if WHOLE.iter().any(|(_, whole)| *whole == name) {
        let lines = boot(&images.attributed, 1, false)?;
        return Ok(Attributed {
            id: id.to_owned(),
            name,
            normal: None,
            traced: None,
            attributed: None,
            table: Table::read(&lines)?,
            operations: 1,
        });
    }
    let normal = Samples::read(name, &boot(&images.normal, ROUNDS.1, false)?)?;
    let traced = Samples::read(name, &boot(&images.normal, ROUNDS.1, true)?)?;
    let short = boot(&images.attributed, ROUNDS.0, false)?;
    let long = boot(&images.attributed, ROUNDS.1, false)?;
    let (few, many) = (Samples::read(name, &short)?, Samples::read(name, &long)?);
    Ok(Attributed {
        id: id.to_owned(),
        name,
        operations: many.operations() - few.operations(),
        table: Table::read(&long)?.since(&Table::read(&short)?),
        normal: Some(normal),
        traced: Some(traced),
        attributed: Some(many),
    })
}

/// Boots a kernel with the bench program, which measures one row: its console's lines.
fn boot(images: &Images, kernel: &Path, row: &'static str, rounds: u32, traced: bool) -> Result<Vec<String>> {
    let folder = workspace::run_folder().join("attribution");
    std::fs::create_dir_all(&folder)?;
    let description = folder.join(row).with_extension("toml");
    std::fs::write(&description, plan(row, rounds, traced))?;
    let manifest = manifest::build(&description, std::slice::from_ref(&images.programs))?;
    let mut machine = Machine::new(kernel.to_path_buf(), manifest);
    machine.cpus = images.cpus.to_string();
    if images.cpus == 1 {
        machine.cpu_model = Some("Nehalem".to_owned());
        machine.icount = true;
    }
    if traced {
        machine.kernel_arguments.push("trace".to_owned());
    }
    let mut guest = Guest::start(&machine)?;
    let console = guest.take_console().context("the console is not on a pipe")?;
    let reader = std::thread::spawn(move || -> Vec<String> {
        BufReader::new(console).lines().map_while(Result::ok).collect()
    });
    let ending = guest.wait(Some(PATIENCE))?;
    let Ok(lines) = reader.join() else {
        bail!("the console could not be read")
    };
    if ending != (Ending::Exited { code: 0 }) {
        let tail: Vec<&str> = lines.iter().rev().take(20).rev().map(String::as_str).collect();
        bail!("{ending}; the console's last lines:\n{}", tail.join("\n"));
    }
    Ok(lines)
}

/// The manifest of a boot that measures one row, and whether it may keep a trace.
fn plan(row: &'static str, rounds: u32, traced: bool) -> String {
    let plan = Plan {
        name: row.to_owned(),
        rows: vec![row],
        rounds,
        window: WINDOW,
        settle: 0,
    };
    format!("{}traced = {}\n", plan.for_sundial(), u32::from(traced))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a3_a_plan_allows_a_trace_only_where_the_trace_is_measured() {
        assert!(plan("call", 3, true).ends_with("traced = 1\n"));
        assert!(plan("call", 3, false).ends_with("traced = 0\n"));
    }

    #[test]
    fn a2_rows_are_found_by_their_id_and_others_are_named() {
        assert_eq!(find("n5B").unwrap(), ("N5b", "park-apart"));
        let refusal = find("N99").unwrap_err().to_string();
        assert!(refusal.contains("N13") && refusal.contains("N7c"), "{refusal}");
    }
}
