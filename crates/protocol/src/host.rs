//! What a host brings: the CPU that acts, locks, time, interrupts, and whoever writes down what happened.

use alloc::boxed::Box;
use core::ops::{Deref, DerefMut};

use abi::trace::Event;
use sched::word::AtomicWord;
use sched::{
    Affinity, Charge, Cpu, CpuId, EnqueueReason, Entity, Horizon, Instant, LatencyClass, LoadBoard, Parking,
    PlacementReason, Rank, ThreadId, Topology, Weight, Whereabouts,
};

use crate::step::Step;

/// A thread as a value: whoever has it is its only owner (rule B2).
pub type Owned<H> = Box<Entity<<H as Host>::Body>>;

/// What all CPUs see without a lock.
#[derive(Debug)]
pub struct Ground<W> {
    /// Who is whose neighbour.
    pub topology: Topology,
    /// Everybody's load, roughly.
    pub board: LoadBoard<W>,
}

/// Something worth counting that leaves no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Another CPU's queue was looked into for a thread to take.
    StealTry,
    /// A thread was taken from another CPU's queue.
    Steal,
    /// A rule of placement has decided.
    Chosen(PlacementReason),
    /// A thread is about to be queued on a CPU that was chosen for it.
    Placed {
        /// Why it is: it is new, woken, or had to leave where it was.
        why: EnqueueReason,
        /// It is the acting CPU.
        is_here: bool,
    },
}

/// One CPU that acts, with the machine around it.
pub trait Host: Sized {
    /// What the host hangs on a thread.
    type Body;
    /// A thread's record that others see; it names the thread wherever that is.
    type Task: ?Sized;
    /// The words of the load board.
    type Word: AtomicWord;
    /// [`Ground`], held on to while CPUs are locked.
    type Ground: Deref<Target = Ground<Self::Word>>;
    /// A CPU's dispatch state, locked.
    type Locked: DerefMut<Target = Cpu<Self::Body>>;
    /// A thread's parking cell, locked.
    type Cell<'t>: DerefMut<Target = Parking<Owned<Self>>>
    where
        Self::Task: 't;
    /// While one of these lives, nothing on this CPU may allocate (rule B3).
    type HardPath;

    /// The CPU that acts.
    fn here(&self) -> CpuId;
    /// The time on its clock.
    fn now(&mut self) -> Instant;
    /// What all CPUs see.
    fn ground(&self) -> &Ground<Self::Word>;
    /// The same, to be held on to.
    fn hold_ground(&self) -> Self::Ground;
    /// Whether this CPU is the only one: then nobody has to be told or asked.
    fn is_alone(&self) -> bool {
        self.ground().topology.cpu_count() == 1
    }
    /// Begins a stretch without allocation.
    fn hard_path() -> Self::HardPath;

    /// Locks a CPU's dispatch state.
    fn lock(&mut self, cpu: CpuId) -> Self::Locked;
    /// Lets it go.
    fn unlock(&mut self, locked: Self::Locked);
    /// Locks a thread's parking cell. Order: the cell, then a CPU.
    fn lock_cell<'t>(&mut self, task: &'t Self::Task) -> Self::Cell<'t>;
    /// Lets it go.
    fn unlock_cell<'t>(&mut self, task: &'t Self::Task, cell: Self::Cell<'t>);
    /// Acts on a CPU's candidate slot under its lock: a thread woken by the running one, which gets the CPU if that one
    /// blocks now.
    fn with_candidate<R>(&mut self, cpu: CpuId, act: impl FnOnce(&mut Option<Owned<Self>>) -> R) -> R;

    /// The running thread is in a system call, so that a candidate makes sense.
    fn is_in_call(&self) -> bool;
    /// Whether a CPU takes threads. Asked under its lock.
    fn is_online(&self, cpu: CpuId) -> bool {
        let _ = cpu;
        true
    }
    /// Shows a CPU's load to everybody. Called under its lock.
    fn publish(&mut self, locked: &Self::Locked) {
        self.ground().board.publish(&**locked);
    }
    /// This CPU is to look at its queue before it goes back to its thread.
    fn look_again(&mut self);
    /// Whether it was to; after that it is not.
    fn take_look_again(&mut self) -> bool;
    /// What runs now has this horizon, or none.
    fn set_horizon(&mut self, horizon: Option<Horizon>);
    /// Sends a reschedule interrupt that was asked for under the target's lock.
    fn send(&mut self, target: CpuId);
    /// What follows a step, its locks being free: performs it now, or has it performed before this CPU does anything else. The
    /// thread that begins to run because of it, if it is performed now and one does.
    fn then(&mut self, step: Step<Self::Body>) -> Option<Owned<Self>>;
    /// The same for a step because of which no thread begins to run here. That none has to be let go of is seen where this is
    /// called.
    #[inline(always)]
    fn follow(&mut self, step: Step<Self::Body>) {
        match self.then(step) {
            None => {}
            Some(thread) => drop(thread),
        }
    }
    /// A thread is on its way between two places, each of which was looked at. Whether to look again at once.
    fn wait_for_arrival(&mut self) -> bool;

    /// The running thread, as records show it.
    fn running_id(&self) -> ThreadId;
    /// A thread's id.
    fn id(&self, task: &Self::Task) -> ThreadId;
    /// The thread was ordered to end.
    fn is_dying(&self, task: &Self::Task) -> bool;
    /// The thread that is about to run wants to wait.
    fn waits(&self, entity: &Entity<Self::Body>) -> bool;
    /// Whether what it wants to wait for is there, so that it goes on; else it is listed for that.
    fn is_over(&mut self, entity: &mut Owned<Self>, task: &Self::Task) -> bool;
    /// Its weight and class, as noted last.
    fn policy(&self, task: &Self::Task) -> (Weight, LatencyClass);
    /// Notes its weight and class. Called under its cell's lock.
    fn note_policy(&mut self, task: &Self::Task, policy: (Weight, LatencyClass));
    /// Notes where it may run; what was noted before comes back. Called under its cell's lock.
    fn note_affinity(&mut self, task: &Self::Task, affinity: &mut Affinity) {
        let _ = (task, affinity);
    }
    /// In which queue it was put last, and at which rank.
    fn whereabouts<'t>(&'t self, task: &'t Self::Task) -> &'t Whereabouts<Self::Word>;
    /// It waits in this queue at this rank, which is noted in its whereabouts. Called under the CPU's lock, the thread not being
    /// in the queue yet.
    fn queued(&mut self, entity: &Entity<Self::Body>, cpu: CpuId, rank: Rank);
    /// It has been given this CPU.
    fn began(&mut self, entity: &Entity<Self::Body>, at: Instant);
    /// It has ended its stay on this CPU, and this is what it is charged.
    fn left(&mut self, entity: &mut Entity<Self::Body>, charge: Charge);
    /// The running thread has used more than its budget, which it agreed to end for: it is ordered to, and does at this boundary.
    fn fault(&mut self, thread: &mut Owned<Self>);
    /// No CPU that it may run on is online: where it is queued all the same, or the host keeps it until one comes.
    fn strand(&mut self, entity: Owned<Self>) -> Option<(Owned<Self>, CpuId)>;

    /// Writes down what happened at this instant, if anybody wants to know.
    fn record(&mut self, at: Instant, event: Event);
    /// Writes down what happened now.
    fn record_now(&mut self, event: Event);
    /// Counts.
    fn count(&mut self, what: Counted);
}
