//! B7: the same work on two CPUs and on one, in wall time, under multi-threaded TCG. Both cases run in the same boot, one
//! after the other, so that a slow moment of the host hits both; the figure is the ratio of the pair.

use super::Bench;
use super::guest;
use super::rows::Measured;
use crate::qemu::Machine;
use anyhow::Result;

const MACHINE: &str = "TCG, thread=multi, -cpu max, -smp 2, 256 MiB; 16 MiB in 262,144 blocks, 64 rounds";

/// Measures both ratios, one per boot.
#[expect(clippy::cast_precision_loss, reason = "times are small numbers of ticks")]
pub(super) fn measure(bench: &Bench) -> Result<Vec<Measured>> {
    if !bench.wants_any(&["B7a", "B7b"]) {
        return Ok(Vec::new());
    }
    let manifest = bench.manifest_for("scale", &["scale-1", "scale-2"], 1)?;
    let mut machine = Machine::new(bench.kernel.clone(), manifest);
    machine.cpus = "2".to_owned();
    let (mut work, mut total, mut verified) = (Vec::new(), Vec::new(), true);
    let mut times = Vec::new();
    for _ in 0..if bench.quick { 2 } else { 10 } {
        let booted = guest::boot(&machine)?;
        let (one, two) = (booted.row("scale-1")?, booted.row("scale-2")?);
        verified &= one.verified() && two.verified();
        let pair = |name| Ok::<_, anyhow::Error>((one.fact(name)? as f64, two.fact(name)? as f64));
        let (work_pair, total_pair) = (pair("work")?, pair("total")?);
        work.push(work_pair.0 / work_pair.1);
        total.push(total_pair.0 / total_pair.1);
        let ticks_per_ms = one.fact("tick-hz")? as f64 / 1e3;
        times.push(vec![work_pair.0 / ticks_per_ms, work_pair.1 / ticks_per_ms]);
    }
    let with_times = |id: &str, ratios: Vec<f64>| {
        let row = Measured::new(id, ratios, MACHINE).with("work_ms_one_and_two", times.clone());
        Measured { verified, ..row }
    };
    Ok(vec![with_times("B7a", work), with_times("B7b", total)])
}
