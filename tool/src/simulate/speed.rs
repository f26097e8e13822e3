//! How fast the simulator is.

use clap::Args;
use serde_json::json;
use sim::{Machine, compare};
use std::time::Instant;

#[derive(Args)]
pub(super) struct Speed {
    /// Print one JSON object for each machine.
    #[arg(long)]
    json: bool,
    /// Give each thread a limit of its CPU time, to see what budgets cost.
    #[arg(long)]
    limits: bool,
}

/// CPUs, threads and simulated milliseconds of each measurement.
const MACHINES: [(u32, u32, u64); 4] = [
    (2, 196, 4_000),
    (16, 1_568, 500),
    (128, 12_500, 80),
    (1_024, 100_000, 100),
];

impl Speed {
    pub(super) fn run(self) -> Result<(), String> {
        let mut first = None;
        if !self.json {
            println!("   CPUs  threads    events  million/s  ns/event  to the first  bytes/thread");
        }
        for (cpus, threads, millis) in MACHINES {
            let crowd = if self.limits {
                compare::crowd_with_limits
            } else {
                compare::crowd
            };
            let scenario = crowd(cpus, threads, sched::Nanos::from_millis(millis));
            let mut machine = Machine::new(&scenario);
            // Looking at everything is for finding mistakes; here it is the work itself that is measured.
            machine.audit_every(0);
            let mut settled = None;
            let outcome = machine.run_watched(|machine| {
                // The beginning, in which all threads are made at once, is another story.
                if settled.is_none() && machine.all_have_arrived() {
                    settled = Some((Instant::now(), machine.summary().events));
                }
                true
            });
            let (since, before) = settled.unwrap_or((Instant::now(), 0));
            let nanos = since.elapsed().as_nanos() as f64 / (outcome.events - before).max(1) as f64;
            let ratio = nanos / *first.get_or_insert(nanos);
            let mut bytes = sim::machine::bytes_per_thread();
            if self.limits {
                bytes += sim::machine::bytes_per_budget();
            }
            if self.json {
                println!(
                    "{}",
                    json!({"cpus": cpus, "threads": threads, "events": outcome.events, "ns_per_event": nanos,
                           "ratio_to_first": ratio, "bytes_per_thread": bytes})
                );
            } else {
                println!(
                    "{cpus:>7} {threads:>8} {:>9} {:>10.2} {nanos:>9.0} {ratio:>12.2}x {bytes:>13}",
                    outcome.events,
                    1e3 / nanos
                );
            }
        }
        Ok(())
    }
}
