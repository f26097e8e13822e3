//! A CPU without a task: it waits for one, asleep, with no timer armed unless something waits for time (rule F3).

use core::sync::atomic::Ordering::Relaxed;

use abi::trace::Event;
use machine::{cpu, trace};

use super::cpus::{CpuState, count};
use super::host::Host;
use super::{Owned, interrupts, timer};

/// Waits until there is a task to run: interrupts first, then the queue, then other CPUs' queues.
pub fn wait(cpu: &'static CpuState) -> Owned {
    cpu.current.store(0, Relaxed);
    cpu::set_note(0);
    let mut noted = false;
    loop {
        interrupts::handle_pending(cpu);
        // Nothing is left to be looked at again: what follows looks at everything.
        let host = &mut Host(cpu);
        protocol::Host::take_look_again(host);
        if let Some(next) = protocol::pick(host) {
            return next;
        }
        if !noted {
            trace::record(Event::IdleEnter {});
            noted = true;
        }
        cpu::unload_space();
        if !timer::rearm_for_idling(cpu) {
            count(&cpu.counters.idles_untimed);
        }
        cpu::idle();
    }
}
