//! A run: gets what is to be measured, measures part by part, and judges, keeps and prints what came out.

use super::arguments::{BenchArguments, Suite};
use super::boot::Clock;
use super::linux::Linux;
use super::recipe::Recipe;
use super::system::System;
use super::table::{self, ROWS};
use super::{
    Findings, attribution, compare, counted, gates, keep, measured, memory, report, scheduler, screen,
    series, sources,
};
use anyhow::{Result, ensure};
use lab::bench::Rows;
use std::collections::BTreeMap;
use std::path::PathBuf;
use xtask::build::{self, Profile};
use xtask::qemu::{self, accelerator, interrupt};
use xtask::{exit, progress, toolchain, workspace};

/// What every part of a run needs.
pub(super) struct Bench {
    pub(super) kernel: PathBuf,
    pub(super) programs: PathBuf,
    pub(super) manifest: PathBuf,
    pub(super) quick: bool,
    pub(super) only: Vec<String>,
    /// Those that are here.
    pub(super) systems: Vec<System>,
    pub(super) linux: Option<Linux>,
    /// The clock of rows in wall time.
    pub(super) wall: Clock,
}

impl Bench {
    /// Whether the row with this id is to be measured.
    pub(super) fn wants(&self, id: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only.eq_ignore_ascii_case(id))
    }

    /// The package of each system's Linux kernel.
    pub(super) fn linux_packages(&self) -> BTreeMap<&'static str, String> {
        let kernel = |system: &System| {
            let kernel = self.linux.as_ref()?.kernel(*system)?;
            Some((system.name(), kernel.package.clone()))
        };
        self.systems.iter().filter_map(kernel).collect()
    }

    /// Gets Linux, as far as it can be had and is wanted; the rest is a failure of the run.
    fn add_linux(&mut self, arguments: &BenchArguments) -> Findings {
        let mut findings = Findings::default();
        let wanted = |system: &System| {
            let sources = |timed| sources::of(*system, timed, |id| self.wants(id));
            let asked = !sources(false).is_empty() || !sources(true).is_empty();
            *system != System::Sundial && (asked || memory::is_for(self, *system))
        };
        let systems: Vec<System> = System::ALL.into_iter().filter(wanted).collect();
        if systems.is_empty() {
            return findings;
        }
        match Linux::prepare(&systems, arguments.linux_program.as_deref()) {
            Ok((linux, missing)) => {
                missing.into_iter().for_each(|reason| findings.fail(reason));
                let here = systems.iter().filter(|system| linux.kernel(**system).is_some());
                self.systems.extend(here);
                self.linux = Some(linux);
            }
            Err(error) => findings.fail(format!("no rows of Linux: {error:#}")),
        }
        findings
    }
}

/// Measures the rows of its file that are wanted.
type Part = fn(&Bench) -> Findings;

/// In the order in which they run: what counts instructions first, as it leaves the host warm and its files read.
const PARTS: [(&str, Part); 4] = [
    ("instructions", counted::measure),
    ("least memory", memory::measure),
    ("the scheduler core", scheduler::measure),
    ("wall time", series::measure),
];

/// The verb.
pub(super) fn bench(arguments: &BenchArguments) -> Result<u8> {
    if arguments.suite == Suite::Attribution {
        return attribution::run(&arguments.attribution, arguments.json);
    }
    for id in &arguments.only {
        let ids: Vec<&str> = ROWS.iter().map(|row| row.id).collect();
        ensure!(
            table::find(id).is_some(),
            "there is no row {id}; there are: {}",
            ids.join(", ")
        );
    }
    let old = arguments
        .compare
        .first()
        .map(|path| keep::read(path))
        .transpose()?;
    if let (Some(old), Some(new)) = (&old, arguments.compare.get(1)) {
        show_changes(old, &keep::read(new)?, arguments.json);
        return Ok(exit::OK);
    }

    qemu::find_or_install()?;
    interrupt::watch();
    let built = build::everything(Profile::Release, arguments.kernel.as_deref())?;
    let kernel = std::path::absolute(&built.kernel)?;
    let mut bench = Bench {
        wall: Clock::Wall(accelerator::choose(&kernel).accelerator),
        kernel,
        programs: built.programs,
        manifest: built.manifest,
        quick: arguments.quick,
        only: arguments.only.clone(),
        systems: vec![System::Sundial],
        linux: None,
    };
    let mut findings = Findings::default();
    if arguments.suite == Suite::All {
        findings.join(bench.add_linux(arguments));
    }
    let recipe = Recipe::of_this_run(&toolchain::find()?, &bench)?;
    for (what, measure) in PARTS {
        progress::say(format!("measuring: {what}"));
        findings.join(measure(&bench));
        if interrupt::pending() {
            progress::say("interrupted: nothing is kept");
            return Ok(exit::INTERRUPTED);
        }
    }
    finish(findings, &recipe, old.as_ref(), arguments)
}

/// Judges, keeps and prints what was measured: the exit code.
fn finish(
    mut findings: Findings,
    recipe: &Recipe,
    old: Option<&Rows>,
    arguments: &BenchArguments,
) -> Result<u8> {
    let place = |row: &measured::Measured| {
        let place = ROWS.iter().position(|known| known.id == row.row.id);
        (place, row.variant, row.system)
    };
    findings.rows.sort_by_key(place);
    let checked_in = keep::reference();
    let verdicts = gates::judge(&mut findings.rows, checked_in.as_ref());
    let voids = screen::voids(&findings.rows);
    let values = keep::values(&findings.rows, recipe);
    let kept = keep::keep(&values, recipe, arguments.reference)?;
    let rows = keep::read(&kept)?;

    match (old, arguments.json) {
        (Some(old), json) => show_changes(old, &rows, json),
        (None, true) => values.iter().for_each(|row| println!("{row}")),
        (None, false) => screen::print(&findings.rows, recipe),
    }
    if !arguments.json {
        for (id, verdict) in &verdicts {
            let word = match verdict.passed {
                Some(true) => "accepted",
                Some(false) => "NOT ACCEPTED",
                None => "not judged",
            };
            let condition = verdict.condition.replace('_', " ").replace("linux", "Linux");
            println!("gate {id}, {condition}: {word} ({})", verdict.reason);
        }
        println!("raw rows: {}", workspace::shown(&kept));
    }
    let name = arguments.compare.first().map(|path| path.display().to_string());
    match report::write(&rows, name.as_deref().zip(old)) {
        Ok(pages) if !arguments.json => pages
            .iter()
            .for_each(|page| println!("report: {}", workspace::shown(page))),
        Ok(_) => {}
        Err(error) => findings.fail(format!("the report could not be made: {error:#}")),
    }
    for trouble in voids.iter().chain(&findings.failures) {
        progress::say(format!("FAILED: {trouble}"));
    }
    let refused = verdicts.iter().any(|(_, verdict)| verdict.passed == Some(false));
    let failed = refused || !voids.is_empty() || !findings.failures.is_empty();
    Ok(if failed { exit::FAILED } else { exit::OK })
}

fn show_changes(old: &Rows, new: &Rows, json: bool) {
    if json {
        compare::print_json(old, new);
    } else {
        compare::print(old, new);
    }
}
