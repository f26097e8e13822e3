//! N12: the way from power-on to this program, as the kernel's own clock and the processor's counter tell it.

use rt::monitor::Monitor;
use rt::{Env, Error};

use crate::plan::{Plan, fact};

/// Prints when the first process was ready to run. There is one boot per machine, so there are no rounds.
pub fn first_instruction(env: &Env, plan: &Plan) -> Result<(), Error> {
    let monitor: Monitor = env.first()?;
    monitor.system(|info| {
        fact("boot", "boot-ns", info.get_boot_ns());
        fact("boot", "monotonic-ns", info.get_monotonic_ns());
        fact("boot", "ticks", plan.begun);
        fact("boot", "tick-hz", info.get_tsc_hz());
        fact("boot", "frames-total", info.get_frames_total());
        fact("boot", "frames-free", info.get_frames_free());
        Ok(())
    })
}
