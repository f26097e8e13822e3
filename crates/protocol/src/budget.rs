//! Changing the CPU time of a thread wherever that is: bound, unbound, lent, given back, revoked, carved out of, looked at. Rules E1,
//! E6 and E10 (docs/rules/contexts.md).

use alloc::boxed::Box;

use sched::{Budget, Cpu, Exchanged, Instant, Parking, Rank};

use crate::host::{Host, Owned};
use crate::reach::{Change, Found, Reached, changes_what_is_armed, reach};

/// Has `change` do with the budget of a thread what it likes, after everything up to the instant that it is told was charged to
/// it: take it, leave another in its place, change it, or look at it. It is called once if the thread is reached, under the lock of the
/// CPU where that waits or runs, and not at all otherwise. It neither allocates nor frees.
pub fn change_budget<H: Host>(
    host: &mut H,
    task: &H::Task,
    change: impl FnMut(&mut Option<Box<Budget>>, Instant),
) -> Reached {
    let now = host.now();
    reach(host, task, &mut Budgeting { change, now })
}

struct Budgeting<F> {
    change: F,
    /// For a thread that is on no CPU.
    now: Instant,
}

impl<H: Host, F: FnMut(&mut Option<Box<Budget>>, Instant)> Change<H> for Budgeting<F> {
    const MUST_FIND: bool = true;

    fn in_cell(&mut self, cell: &mut Parking<Owned<H>>) -> bool {
        let resting = cell.resting_mut();
        resting.is_some_and(|thread| {
            thread.change_parked_budget(|budget| (self.change)(budget, self.now));
            true
        })
    }

    fn candidate(&mut self, slot: &mut Option<Owned<H>>) {
        if let Some(thread) = slot {
            thread.change_parked_budget(|budget| (self.change)(budget, self.now));
        }
    }

    fn queued(&mut self, cpu: &mut Cpu<H::Body>, rank: Rank, now: Instant) -> Option<Found<H>> {
        let changed = cpu.change_queued_budget(rank, now, |budget| (self.change)(budget, now))?;
        Some(match changed {
            Exchanged::Stays(enqueued) => Found::Turned(enqueued),
            Exchanged::Leaves(thread) => Found::Leaves(thread),
        })
    }

    fn running(&mut self, cpu: &mut Cpu<H::Body>, now: Instant) -> bool {
        changes_what_is_armed(cpu, now, |cpu| {
            cpu.change_running_budget(now, |budget| (self.change)(budget, now))
        })
    }
}
