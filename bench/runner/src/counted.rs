//! Rows that are counted in instructions: one boot of each system measures all of its rows. Neither the host nor its load
//! changes these figures, so boots run side by side, as many as the host has processors.

use super::boot::{self, Clock};
use super::formulas::calls::PLAIN_CALL;
use super::measured::Measured;
use super::plan::Plan;
use super::sources::{self, Source};
use super::system::System;
use super::table::Aim;
use super::{Bench, Findings};
use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Instant;
use xtask::progress;
use xtask::qemu::Machine;

/// Seconds of virtual time for Linux to end what it deferred at boot; sleeping costs the host next to nothing here.
const SETTLE: u32 = 10;

/// One system's boot.
struct Job {
    system: System,
    sources: Vec<&'static Source>,
    machine: Machine,
}

/// Measures those that are wanted.
pub(super) fn measure(bench: &Bench) -> Findings {
    let mut findings = Findings::default();
    let mut jobs = VecDeque::new();
    for system in &bench.systems {
        match job(bench, *system) {
            Ok(Some(job)) => jobs.push_back(job),
            Ok(None) => {}
            Err(error) => findings.fail(format!("{system}: {error:#}")),
        }
    }
    if jobs.is_empty() {
        return findings;
    }
    // The slowest first: Linux boots for a minute where Sundial takes a second.
    jobs.make_contiguous().reverse();
    let workers = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(jobs.len());
    let names: Vec<&str> = jobs.iter().map(|job| job.system.name()).collect();
    progress::say(format!(
        "counting on {}, {workers} boots at a time",
        names.join(", ")
    ));
    let (jobs, results) = (Mutex::new(jobs), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(job) = jobs.lock().ok().and_then(|mut jobs| jobs.pop_front()) {
                    let began = Instant::now();
                    let result = run(&job);
                    progress::say(format!("{}: {:.0} s", job.system, began.elapsed().as_secs_f64()));
                    if let Ok(mut results) = results.lock() {
                        results.push(result);
                    }
                }
            });
        }
    });
    for result in results.into_inner().unwrap_or_default() {
        findings.join(result);
    }
    share_the_image_copy(bench, &mut findings.rows);
    hold_against_the_plain_call(&mut findings.rows);
    findings
}

fn job(bench: &Bench, system: System) -> Result<Option<Job>> {
    let sources = sources::of(system, false, |id| bench.wants(id));
    if sources.is_empty() {
        return Ok(None);
    }
    let plan = Plan {
        name: format!("counted-{system}"),
        rows: sources::names(&sources),
        rounds: if bench.quick { 3 } else { 11 },
        window: if bench.quick { 200_000_000 } else { 1_000_000_000 },
        settle: SETTLE,
    };
    let machine = bench.machine(system, Clock::Instructions, &plan)?;
    Ok(Some(Job {
        system,
        sources,
        machine,
    }))
}

fn run(job: &Job) -> Findings {
    let mut findings = Findings::default();
    let booted = boot::boot(&job.machine).with_context(|| format!("{}, counting", job.system));
    match booted {
        Ok(booted) => {
            for source in &job.sources {
                findings.take(source.measured(job.system, Clock::Instructions, &booted));
            }
        }
        Err(error) => findings.fail(format!("{error:#}")),
    }
    findings
}

/// N4 may cost 1.15 times the plain call of the same boot.
fn hold_against_the_plain_call(measured: &mut [Measured]) {
    for row in measured {
        let plain = row.figures.details.get(PLAIN_CALL).and_then(Value::as_f64);
        if let Some(plain) = plain {
            row.aim = Aim::AtMost((1.15 * plain).round());
        }
    }
}

/// N14 is aimed at without the copy of the image: the aim of this run is the aim and the copy.
#[expect(clippy::cast_precision_loss, reason = "an image has few pages")]
fn share_the_image_copy(bench: &Bench, measured: &mut [Measured]) {
    let page = measured
        .iter()
        .find(|row| row.row.id == "N14b")
        .and_then(Measured::median);
    let bytes = std::fs::metadata(bench.programs.join("bench-nothing")).map_or(0, |data| data.len());
    let of_sundial = |row: &&mut Measured| row.row.id == "N14" && row.system == System::Sundial;
    let Some(row) = measured.iter_mut().find(of_sundial) else {
        return;
    };
    if let (Some(page), Aim::AtMost(most)) = (page, row.aim) {
        let pages = bytes.div_ceil(4096);
        row.aim = Aim::AtMost(most + (page * pages as f64).round());
        row.figures.details.insert("image_pages".into(), pages.into());
    }
}
