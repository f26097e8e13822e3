//! B7: the same work on two CPUs and on one, in wall time, under multi-threaded TCG. Both cases run in the same boot, in
//! turns, so that a slow moment of the host hits both; the figure is the ratio of neighbours. It means something
//! only on a host with two free cores: the load in the recipe tells.

use super::Bench;
use super::guest;
use super::rows::Measured;
use crate::qemu::Machine;
use anyhow::Result;

const MACHINE: &str = "TCG, thread=multi, -cpu max, -smp 2, 256 MiB; 16 MiB in 262,144 blocks, 64 rounds";

/// Measures both ratios, one per pair.
pub(super) fn measure(bench: &Bench) -> Result<Vec<Measured>> {
    if !bench.wants_any(&["B7a", "B7b"]) {
        return Ok(Vec::new());
    }
    let (boots, pairs) = if bench.quick { (2, 1) } else { (10, 3) };
    let manifest = bench.manifest_for("scale", &["scale"], pairs)?;
    let mut machine = Machine::new(bench.kernel.clone(), manifest);
    machine.cpus = "2".to_owned();
    let (mut work, mut total, mut verified) = (Pairs::default(), Pairs::default(), true);
    for _ in 0..boots {
        let booted = guest::boot(&machine)?;
        let row = booted.row("scale")?;
        verified &= row.verified();
        let ticks_per_ms = row.fact("tick-hz")? / 1_000;
        work.add(row.facts("work-1"), row.facts("work-2"), ticks_per_ms);
        total.add(row.facts("total-1"), row.facts("total-2"), ticks_per_ms);
    }
    let measured = |id: &str, pairs: Pairs| {
        let row = Measured::new(id, pairs.ratios, MACHINE)
            .with("boots", boots)
            .with("ms_one_and_two", pairs.times);
        Measured {
            verified,
            warm_up: 1,
            ..row
        }
    };
    Ok(vec![measured("B7a", work), measured("B7b", total)])
}

/// Neighbouring cases: their times in milliseconds and how often the second goes into the first.
#[derive(Default)]
struct Pairs {
    ratios: Vec<f64>,
    times: Vec<Vec<u64>>,
}

impl Pairs {
    #[expect(clippy::cast_precision_loss, reason = "times are small numbers of ticks")]
    fn add(&mut self, one: &[u64], two: &[u64], ticks_per_ms: u64) {
        for (one, two) in one.iter().zip(two) {
            self.ratios.push(*one as f64 / *two as f64);
            self.times.push(vec![one / ticks_per_ms, two / ticks_per_ms]);
        }
    }
}
