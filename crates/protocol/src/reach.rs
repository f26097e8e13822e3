//! One way to act on a thread wherever it is: at rest, a candidate, queued, running, or on its way between these. Rules B5, D3
//! and P5. Ending a thread, its weight, its class, where it may run and what CPU time it has are such changes; whatever else concerns one
//! thread is one more.
//!
//! The thread's cell is held from the first look to the last, so it neither comes to rest nor is woken meanwhile. Then it is in
//! one of the CPUs' candidate slots, queues or hands, where it is changed under that CPU's lock; or on its way from one of these
//! to another, and on no such way is a cell waited for. A way is short: whoever must find the thread looks again.
//!
//! **Who orders a thread to end need not find it.** The order is given before the search begins. A CPU on which the thread
//! begins after it was looked at there has taken its own lock after the searcher let it go, so it sees the order when it asks
//! for it at the boundary, before the thread's next instruction; and where the thread began before that look, it was found.

use sched::cpu::Restricted;
use sched::placement::helper;
use sched::{
    Affinity, Cpu, CpuId, Effect, EnqueueReason, Enqueued, Instant, LatencyClass, Parking, Rank, Verdict,
    Weight,
};

use crate::host::{Host, Owned};
use crate::step::Step;

/// What is to be done to a thread.
pub trait Change<H: Host> {
    /// Whether the thread must be found, if it is on its way.
    const MUST_FIND: bool;

    /// The search begins. From here to [`Change::done`] no other change of this thread is made.
    fn begin(&mut self, host: &H, task: &H::Task) {
        let _ = (host, task);
    }
    /// Its cell: does it if the thread rests there.
    fn in_cell(&mut self, cell: &mut Parking<Owned<H>>) -> bool;
    /// It is a candidate: runnable, in no queue.
    fn candidate(&mut self, slot: &mut Option<Owned<H>>);
    /// It waits in this CPU's queue, if it does.
    fn queued(&mut self, cpu: &mut Cpu<H::Body>, rank: Rank, now: Instant) -> Option<Found<H>>;
    /// It runs there. Whether that CPU has to look again.
    fn running(&mut self, cpu: &mut Cpu<H::Body>, now: Instant) -> bool;
    /// The change was made: whoever asks for it from now on is told the new state.
    fn done(&mut self, host: &mut H, task: &H::Task) {
        let _ = (host, task);
    }
}

/// What became of a thread that was found in a queue.
#[must_use = "its CPU may have to look again, and a thread may be in here"]
pub enum Found<H: Host> {
    /// It stays where it is.
    Stays,
    /// It stays, at another place of the queue.
    Turned(Enqueued),
    /// It was taken out.
    Taken,
    /// It waits elsewhere from now on.
    Leaves(Owned<H>),
}

/// Whether the change was made.
#[must_use = "the change may not have been made"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// It was.
    Done,
    /// The thread was ordered to end, and is on its way there.
    Dying,
    /// It is on its way, and the host does not wait in here.
    OnItsWay,
}

/// Makes a change to a thread wherever it is.
pub fn reach<H: Host, C: Change<H>>(host: &mut H, task: &H::Task, change: &mut C) -> Reached {
    let _hard = H::hard_path();
    let mut cell = host.lock_cell(task);
    change.begin(host, task);
    let reached = if change.in_cell(&mut cell) {
        Reached::Done
    } else {
        search(host, task, change)
    };
    if reached == Reached::Done {
        change.done(host, task);
    }
    host.unlock_cell(task, cell);
    reached
}

fn search<H: Host, C: Change<H>>(host: &mut H, task: &H::Task, change: &mut C) -> Reached {
    loop {
        if look_everywhere(host, task, change) {
            return Reached::Done;
        }
        if C::MUST_FIND && host.is_dying(task) {
            return Reached::Dying;
        }
        if !C::MUST_FIND || !host.wait_for_arrival() {
            return Reached::OnItsWay;
        }
    }
}

/// Looks for the thread on every CPU, the likeliest first.
fn look_everywhere<H: Host, C: Change<H>>(host: &mut H, task: &H::Task, change: &mut C) -> bool {
    let count = host.ground().topology.cpu_count();
    let likeliest = host.whereabouts(task).cpu();
    let mut cpus = (likeliest.0..count).chain(0..likeliest.0).map(CpuId);
    cpus.any(|cpu| as_candidate(host, cpu, task, change) || on_cpu(host, cpu, task, change))
}

/// A thread that was woken by one that may still hand it the CPU: in no queue, and not running.
fn as_candidate<H: Host, C: Change<H>>(host: &mut H, cpu: CpuId, task: &H::Task, change: &mut C) -> bool {
    let id = host.id(task);
    host.with_candidate(cpu, |slot| {
        let is_here = slot.as_ref().is_some_and(|candidate| candidate.id() == id);
        if is_here {
            change.candidate(slot);
        }
        is_here
    })
}

/// A thread that runs or waits on `cpu`. That CPU looks again if this changes what it should do.
fn on_cpu<H: Host, C: Change<H>>(host: &mut H, cpu: CpuId, task: &H::Task, change: &mut C) -> bool {
    let id = host.id(task);
    let mut locked = host.lock(cpu);
    let at = host.now();
    let mut leaves = None;
    let look_again = if locked.running().is_some_and(|running| running.id() == id) {
        change.running(&mut locked, at)
    } else {
        let rank = host.whereabouts(task).rank(cpu, id);
        match rank.and_then(|rank| change.queued(&mut locked, rank, at)) {
            None => {
                host.unlock(locked);
                return false;
            }
            Some(Found::Turned(Enqueued { rank, effect })) => {
                host.whereabouts(task).note(cpu, rank);
                effect != Effect::Nothing
            }
            Some(Found::Stays | Found::Taken) => false,
            Some(Found::Leaves(thread)) => {
                leaves = Some(thread);
                false
            }
        }
    };
    host.publish(&locked);
    let is_here = cpu == host.here();
    let interrupt = look_again && !is_here && locked.request_reschedule();
    // A thread that stays may now be one that an idle CPU can take over.
    let ground = host.ground();
    let helper = helper(&*locked, &ground.topology, &ground.board);
    host.unlock(locked);
    if look_again && is_here {
        host.look_again();
    }
    if interrupt {
        host.then(Step::Send(cpu));
    }
    if let Some(helper) = helper {
        host.then(Step::Help(helper));
    }
    if let Some(thread) = leaves {
        host.then(Step::Place(thread, EnqueueReason::Migrated));
    }
    true
}

/// Whether a change of the running thread is its CPU's business: it switches, or its timer was armed for another horizon.
pub(crate) fn changes_what_is_armed<B>(
    cpu: &mut Cpu<B>,
    now: Instant,
    change: impl FnOnce(&mut Cpu<B>) -> Verdict,
) -> bool {
    // What the timer was armed for follows from what has been used, which is charged first.
    let _ = cpu.uncollected(now);
    let before = cpu.horizon(now);
    change(cpu) != Verdict::Keep(before)
}

/// Ends a thread that was ordered to end, if it does not run: takes it out of where it is, for the caller to bury. A CPU that
/// runs it is made to look up.
pub fn take_out<H: Host>(host: &mut H, task: &H::Task) -> Option<Owned<H>> {
    let mut removal = Removal(None);
    // Not found is on its way, and whoever has it looks at the order before it runs a single instruction more.
    let _ = reach(host, task, &mut removal);
    removal.0
}

/// Takes the thread out.
struct Removal<H: Host>(Option<Owned<H>>);

impl<H: Host> Change<H> for Removal<H> {
    const MUST_FIND: bool = false;

    fn in_cell(&mut self, cell: &mut Parking<Owned<H>>) -> bool {
        // If it does not rest, this notes that it must not: it may be about to, and have looked at the order before.
        self.0 = cell.wake();
        self.0.is_some()
    }

    fn candidate(&mut self, slot: &mut Option<Owned<H>>) {
        self.0 = slot.take();
    }

    fn queued(&mut self, cpu: &mut Cpu<H::Body>, rank: Rank, now: Instant) -> Option<Found<H>> {
        self.0 = cpu.remove(rank, now);
        self.0.is_some().then_some(Found::Taken)
    }

    fn running(&mut self, _: &mut Cpu<H::Body>, _: Instant) -> bool {
        true
    }
}

/// Changes weight and class of a thread.
pub fn reweigh<H: Host>(host: &mut H, task: &H::Task, change: Reweigh) -> Reached {
    let now = host.policy(task);
    reach(host, task, &mut Reweighing { change, now })
}

/// What is to be different; the rest stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reweigh {
    /// The weight.
    pub weight: Option<Weight>,
    /// The class.
    pub class: Option<LatencyClass>,
}

struct Reweighing {
    change: Reweigh,
    /// What the thread has, and then what it gets.
    now: (Weight, LatencyClass),
}

impl<H: Host> Change<H> for Reweighing {
    const MUST_FIND: bool = true;

    fn begin(&mut self, host: &H, task: &H::Task) {
        let (weight, class) = host.policy(task);
        self.now = (
            self.change.weight.unwrap_or(weight),
            self.change.class.unwrap_or(class),
        );
    }

    fn in_cell(&mut self, cell: &mut Parking<Owned<H>>) -> bool {
        let resting = cell.resting_mut();
        resting.is_some_and(|thread| {
            thread.reweigh_parked(self.now.0, self.now.1);
            true
        })
    }

    fn candidate(&mut self, slot: &mut Option<Owned<H>>) {
        if let Some(thread) = slot {
            thread.reweigh_parked(self.now.0, self.now.1);
        }
    }

    fn queued(&mut self, cpu: &mut Cpu<H::Body>, rank: Rank, now: Instant) -> Option<Found<H>> {
        let queued = cpu.reweigh_queued(rank, self.now.0, self.now.1, now);
        queued.map(Found::Turned)
    }

    fn running(&mut self, cpu: &mut Cpu<H::Body>, now: Instant) -> bool {
        changes_what_is_armed(cpu, now, |cpu| cpu.reweigh_running(self.now.0, self.now.1, now))
    }

    fn done(&mut self, host: &mut H, task: &H::Task) {
        host.note_policy(task, self.now);
    }
}

/// Changes where a thread may run: at once, wherever it is. `noted` is the same once more, for the thread's record. The caller
/// has seen to it that there is such a CPU.
pub fn restrict<H: Host>(host: &mut H, task: &H::Task, affinity: Affinity, noted: Affinity) -> Reached {
    let mut restriction = Restriction { affinity, noted };
    // What the thread had before is freed behind this, outside of all locks.
    reach(host, task, &mut restriction)
}

struct Restriction {
    /// Where it may run, and then where it might before.
    affinity: Affinity,
    /// The same for its record.
    noted: Affinity,
}

impl<H: Host> Change<H> for Restriction {
    const MUST_FIND: bool = true;

    fn in_cell(&mut self, cell: &mut Parking<Owned<H>>) -> bool {
        let resting = cell.resting_mut();
        resting.is_some_and(|thread| {
            thread.swap_affinity(&mut self.affinity);
            true
        })
    }

    fn candidate(&mut self, slot: &mut Option<Owned<H>>) {
        // Whoever hands it the CPU, or places it, asks.
        if let Some(thread) = slot {
            thread.swap_affinity(&mut self.affinity);
        }
    }

    fn queued(&mut self, cpu: &mut Cpu<H::Body>, rank: Rank, now: Instant) -> Option<Found<H>> {
        let restricted = cpu.restrict_queued(rank, &mut self.affinity, now)?;
        Some(match restricted {
            Restricted::Stays => Found::Stays,
            Restricted::Leaves(thread) => Found::Leaves(thread),
        })
    }

    fn running(&mut self, cpu: &mut Cpu<H::Body>, now: Instant) -> bool {
        changes_what_is_armed(cpu, now, |cpu| cpu.restrict_running(&mut self.affinity, now))
    }

    fn done(&mut self, host: &mut H, task: &H::Task) {
        host.note_affinity(task, &mut self.noted);
    }
}
