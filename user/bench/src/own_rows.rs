//! Rows that only Sundial has, or has in its own way: the boot (N12), calls by its one way (N3), turns with an entry
//! for each operation (N5b), and what a page of image costs a new process (N14b).

use alloc::vec::Vec;

use rt::Error;
use rt::monitor::Monitor;
use workloads::plan::{Plan, fact};
use workloads::run::Row;
use workloads::{calls, lives, parking};

use crate::calls::Way;
use crate::calls_in_context;
use crate::processes::life;
use crate::system::Sundial;
use crate::turns::Turns;

/// Pages that the padded program has more than the one that does nothing (src/bin/padded.rs).
const PADDING_PAGES: u64 = 64;

/// All of them.
pub fn rows() -> Vec<Row<Sundial>> {
    let mut rows: Vec<Row<Sundial>> = alloc::vec![
        ("boot", first_instruction),
        ("call", |system, plan| calls::call_and_return(
            system,
            plan,
            "call",
            Way::WithoutContext
        )),
        ("park-apart", |system, plan| parking::measure(
            system,
            plan,
            "park-apart",
            |system| Turns::<false>::new(&system.0)
        )),
        ("process-padded", spawn_padded),
    ];
    rows.extend(calls_in_context::rows());
    rows
}

/// N12: the way from power-on to this program, as the kernel's own clock and the processor's counter tell it. There is
/// one boot per machine, so there are no rounds.
fn first_instruction(system: &Sundial, plan: &Plan) -> Result<(), Error> {
    let monitor: Monitor = system.0.first()?;
    monitor.system(|info| {
        fact(system, "boot", "boot-ns", info.get_boot_ns());
        fact(system, "boot", "monotonic-ns", info.get_monotonic_ns());
        fact(system, "boot", "ticks", plan.begun);
        fact(system, "boot", "tick-hz", info.get_tsc_hz());
        fact(system, "boot", "frames-total", info.get_frames_total());
        fact(system, "boot", "frames-free", info.get_frames_free());
        Ok(())
    })
}

/// N14b: the program that does nothing, with more pages.
fn spawn_padded(system: &Sundial, plan: &Plan) -> Result<(), Error> {
    fact(system, "process-padded", "pages", PADDING_PAGES);
    lives::measure_processes(system, plan, "process-padded", || life(&system.0, "bench-padded"))
}
