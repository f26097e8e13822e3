//! Rows in wall time. A shared host has slow and fast minutes, so systems take turns: Sundial, Linux, Sundial, Linux, and so
//! on; the boots of one round are neighbours in time and are compared with each other.

use super::boot;
use super::measured::Measured;
use super::plan::Plan;
use super::sources;
use super::system::System;
use super::{Bench, Findings};
use anyhow::{Result, ensure};
use std::time::Instant;
use xtask::progress;
use xtask::qemu::{Machine, interrupt};

/// Systems that take turns. What mitigations cost is told by the counted rows.
const TAKING_TURNS: [System; 2] = [System::Sundial, System::Linux];

/// Rounds of a full run, the least with which a gate is judged; and of a quick one.
pub(super) const ROUNDS: u32 = 10;
const QUICK_ROUNDS: u32 = 3;

/// A boot of the series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Turn {
    round: u32,
    system: System,
}

/// In which order the boots of some systems are made.
fn turns(systems: &[System], rounds: u32) -> Vec<Turn> {
    (0..rounds)
        .flat_map(|round| {
            systems.iter().map(move |system| Turn {
                round,
                system: *system,
            })
        })
        .collect()
}

/// Measures those that are wanted.
pub(super) fn measure(bench: &Bench) -> Findings {
    let mut findings = Findings::default();
    let rounds = if bench.quick { QUICK_ROUNDS } else { ROUNDS };
    let mut machines = Vec::new();
    for system in TAKING_TURNS {
        if !bench.systems.contains(&system) || sources::of(system, true, |id| bench.wants(id)).is_empty() {
            continue;
        }
        match machine(bench, system) {
            Ok(machine) => machines.push((system, machine)),
            Err(error) => findings.fail(format!("{system}: {error:#}")),
        }
    }
    let systems: Vec<System> = machines.iter().map(|(system, _)| *system).collect();
    let began = Instant::now();
    let turns = turns(&systems, rounds);
    findings.join(run(&turns, |turn| {
        ensure!(!interrupt::pending(), "interrupted");
        let machine = machines.iter().find(|(system, _)| *system == turn.system);
        let Some((_, machine)) = machine else {
            return Ok(Findings::default());
        };
        let booted = boot::boot(machine)?;
        let mut findings = Findings::default();
        for source in sources::of(turn.system, true, |id| bench.wants(id)) {
            findings.take(source.measured(turn.system, bench.wall, &booted));
        }
        progress::say(format!(
            "wall time, round {} of {rounds}: {} ({:.0} s so far)",
            turn.round + 1,
            turn.system,
            began.elapsed().as_secs_f64()
        ));
        Ok(findings)
    }));
    findings
}

fn machine(bench: &Bench, system: System) -> Result<Machine> {
    let plan = Plan {
        name: format!("timed-{system}"),
        rows: sources::names(&sources::of(system, true, |id| bench.wants(id))),
        rounds: if bench.quick { 1 } else { 3 },
        window: if bench.quick { 200_000_000 } else { 1_000_000_000 },
        settle: if bench.quick { 3 } else { 10 },
    };
    bench.machine(system, bench.wall, &plan)
}

/// Makes the boots one after the other, in their order; the rows of later rounds go behind those of the first. A boot that
/// fails leaves the rest.
fn run(turns: &[Turn], mut boot: impl FnMut(Turn) -> Result<Findings>) -> Findings {
    let mut all = Findings::default();
    for turn in turns {
        match boot(*turn) {
            Ok(mut booted) => {
                for row in booted.rows.drain(..) {
                    add(&mut all.rows, row);
                }
                all.join(booted);
            }
            Err(error) => {
                all.fail(format!("round {} of {}: {error:#}", turn.round + 1, turn.system));
                if interrupt::pending() {
                    break;
                }
            }
        }
    }
    all
}

fn add(rows: &mut Vec<Measured>, row: Measured) {
    let same = |known: &&mut Measured| known.system == row.system && known.line() == row.line();
    match rows.iter_mut().find(same) {
        None => rows.push(row),
        Some(known) => {
            known.figures.extend(row.figures);
            known.boots += row.boots;
            for (name, value) in row.counters {
                let sum = known
                    .counters
                    .get(&name)
                    .and_then(|known| known.as_u64())
                    .unwrap_or(0);
                known
                    .counters
                    .insert(name, (sum + value.as_u64().unwrap_or(0)).into());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::boot::Clock;
    use super::super::measured::Figures;
    use super::*;
    use xtask::qemu::Accelerator;

    fn row(system: System, sample: f64) -> Measured {
        let mut row = Measured::new(
            "N15a",
            system,
            Clock::Wall(Accelerator::Tcg),
            Figures::of(vec![sample]),
        );
        row.counters.insert("switches".to_owned(), 2.into());
        row
    }

    #[test]
    fn n15_systems_take_turns_so_that_every_pair_is_of_neighbours() {
        let turns = turns(&TAKING_TURNS, ROUNDS);
        assert_eq!(turns.len(), 20);
        for (pair, round) in turns.chunks(2).zip(0..) {
            let systems: Vec<System> = pair.iter().map(|turn| turn.system).collect();
            assert_eq!(systems, TAKING_TURNS, "round {round}");
            assert!(pair.iter().all(|turn| turn.round == round));
        }
    }

    #[test]
    fn n15_boots_are_made_in_that_order_and_samples_keep_it() {
        let mut seen = Vec::new();
        let findings = run(&turns(&TAKING_TURNS, 3), |turn| {
            seen.push(turn.system);
            let sample = f64::from(u32::try_from(seen.len()).unwrap());
            let rows = vec![row(turn.system, sample)];
            Ok(Findings {
                rows,
                failures: Vec::new(),
            })
        });
        let (ours, theirs) = (System::Sundial, System::Linux);
        assert_eq!(seen, [ours, theirs, ours, theirs, ours, theirs]);
        let of = |system| findings.rows.iter().find(|row| row.system == system).unwrap();
        assert_eq!(of(ours).figures.samples, [1.0, 3.0, 5.0]);
        assert_eq!(of(theirs).figures.samples, [2.0, 4.0, 6.0]);
        assert_eq!((of(ours).boots, &of(ours).counters["switches"]), (3, &6.into()));
    }

    #[test]
    fn a_boot_that_fails_is_told_and_leaves_the_others() {
        let findings = run(&turns(&TAKING_TURNS, 2), |turn| {
            ensure!(turn.round == 1 || turn.system == System::Sundial, "no console");
            let rows = vec![row(turn.system, 1.0)];
            Ok(Findings {
                rows,
                failures: Vec::new(),
            })
        });
        assert_eq!(findings.failures, ["round 1 of linux: no console"]);
        let boots: Vec<u32> = findings.rows.iter().map(|row| row.boots).collect();
        assert_eq!(boots, [2, 1]);
    }
}
