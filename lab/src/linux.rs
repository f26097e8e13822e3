//! Scheduler events as Linux tells them: what Perfetto's standard views and CTF analyses know by name.
//!
//! Both exporters write these; they differ only in how the fields are laid out. A thread's priority is 120 throughout, what
//! Linux calls nice 0: weights have events of their own.

use crate::steps::{Left, Step, What};
use abi::trace::{Event, Thread};

/// The priority of every thread.
pub const PRIORITY: i32 = 120;

/// One of Linux's scheduler events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linux {
    /// `sched_switch`.
    Switch {
        /// Who leaves.
        prev: Thread,
        /// How, as the kernel's task states number it.
        prev_state: i64,
        /// Who comes.
        next: Thread,
    },
    /// `sched_waking`: also for a new thread, whose waiting begins so.
    Waking {
        /// Who becomes ready.
        thread: Thread,
        /// Who did it; nobody for an interrupt.
        by: Thread,
        /// The CPU chosen.
        target: u32,
    },
    /// `sched_wakeup_new`.
    WakeupNew {
        /// Who is new.
        thread: Thread,
        /// The CPU chosen.
        target: u32,
    },
    /// `sched_migrate_task`.
    Migrate {
        /// Who moves.
        thread: Thread,
        /// From this CPU.
        from: u32,
        /// To this one.
        to: u32,
    },
    /// `sched_process_exit`, which is about one thread.
    Exit {
        /// Who has ended.
        thread: Thread,
    },
}

/// What Linux would have told of a step; nothing, one event, or two.
#[must_use]
pub fn told(step: &Step) -> [Option<Linux>; 2] {
    match step.what {
        What::Switch { from, left, to } => {
            let (prev, next) = (from, to);
            let prev_state = state(left);
            [
                Some(Linux::Switch {
                    prev,
                    prev_state,
                    next,
                }),
                None,
            ]
        }
        What::Event(Event::Wake { target, thread, by }) => [Some(Linux::Waking { thread, by, target }), None],
        What::Event(Event::ThreadStart { cpu, thread, .. }) => {
            let by = Thread::NONE;
            let target = cpu;
            let new = Linux::WakeupNew { thread, target };
            [Some(Linux::Waking { thread, by, target }), Some(new)]
        }
        What::Event(Event::Migrate { from, thread, to }) => {
            let to = u32::try_from(to).unwrap_or(u32::MAX);
            [Some(Linux::Migrate { thread, from, to }), None]
        }
        What::Event(Event::Steal { victim, thread }) => {
            let (from, to) = (victim, step.cpu);
            [Some(Linux::Migrate { thread, from, to }), None]
        }
        What::Event(Event::ThreadExit { thread, .. }) => [Some(Linux::Exit { thread }), None],
        What::Event(_) => [None, None],
    }
}

/// How a thread left, in the bits that Linux prints since 4.14 (include/trace/events/sched.h, `sched_switch`): 0 can run,
/// 1 sleeps, 16 is dead.
const fn state(left: Left) -> i64 {
    match left {
        Left::Waits => 0,
        Left::Blocked => 1,
        Left::Gone => 0x10,
    }
}
