//! One CPU of the machine as a host of the protocol between CPUs: every lock, every word of the load board and every interrupt
//! is a place where shuttle lets another CPU go on. Here, too, is what a host can get wrong.

use abi::trace::Event;
use protocol::{Counted, Ground, Host, Step};
use sched::placement::steal_order;
use sched::{
    Affinity, Charge, Cpu, CpuId, Entity, Horizon, Instant, LatencyClass, Parking, Rank, ThreadId, Weight,
    Whereabouts,
};
use shuttle::sync::atomic::Ordering::Relaxed;
use shuttle::sync::{Arc, MutexGuard};

use super::thread::{Body, Thread};
use super::word::Word;
use super::{CpuState, Machine, Owned};
use crate::Mistake;

/// A CPU that acts.
pub struct Here<'m> {
    /// The machine.
    pub machine: &'m Machine,
    /// The CPU.
    pub cpu: &'m CpuState,
    /// The running thread is in a system call.
    pub in_call: bool,
    /// It looks at its queue before its thread goes on.
    look_again: bool,
    /// It queues a thread.
    arriving: bool,
    /// It ends a thread.
    killing: bool,
}

impl<'m> Here<'m> {
    /// CPU `index` of the machine.
    pub fn new(machine: &'m Machine, index: u32) -> Here<'m> {
        Here {
            machine,
            cpu: &machine.cpus[index as usize],
            in_call: false,
            look_again: false,
            arriving: false,
            killing: false,
        }
    }

    fn makes(&self, mistake: Mistake) -> bool {
        self.machine.mistake == mistake
    }

    /// A reschedule interrupt has arrived.
    pub fn interrupted(&mut self) {
        self.cpu.sched.lock().unwrap().acknowledge_reschedule();
        self.look_again = true;
    }

    /// Orders a thread to end. If it does not run it ends here and now, else at its CPU's next boundary.
    pub fn kill(&mut self, thread: &Arc<Thread>) {
        if !thread.order_to_die() {
            return;
        }
        self.killing = self.makes(Mistake::KillWithoutInterrupting);
        let taken_out = protocol::take_out(self, thread);
        self.killing = false;
        if let Some(entity) = taken_out {
            bury(entity);
        }
    }

    /// The running thread was ordered to die: takes it off its CPU and chooses the next.
    pub fn leave_cpu(&mut self, mut entity: Owned) -> Option<Owned> {
        let next = protocol::depart(self, &mut entity);
        self.cpu.current.store(0, Relaxed);
        bury(entity);
        next
    }

    /// In a system call: a letter has come for a thread that was listed for it. If it still waits for that one, its wait
    /// ends here, and it need not look again. The thread becomes the CPU's candidate.
    pub fn end_wait(&mut self, thread: &Arc<Thread>, listing: u64) {
        let Some(mut entity) = protocol::take_parked(self, thread) else {
            return;
        };
        let body = &mut entity.payload;
        if body.waits && (body.listing == Some(listing) || self.makes(Mistake::EndAnyWait)) {
            body.waits = false;
            body.told = true;
        }
        protocol::ready(self, entity);
    }

    /// Steals, but passes a CPU over whose lock is held.
    fn steal_without_waiting(&mut self) -> Option<Owned> {
        let Ground { topology, board } = &self.machine.ground;
        for victim in steal_order(self.here(), topology, board) {
            let Ok(mut sched) = self.machine.cpus[victim.index()].sched.try_lock() else {
                continue;
            };
            let stolen = sched.steal_for(self.here(), self.machine.now());
            board.publish(&sched);
            drop(sched);
            if let Some(entity) = stolen {
                return protocol::adopt(self, entity);
            }
        }
        None
    }
}

/// Destroys a thread that no CPU runs and no queue holds.
fn bury(entity: Owned) {
    let thread = entity.payload.thread.clone();
    drop(entity);
    thread.mailbox.lock().unwrap().listed = None;
    assert!(
        !thread.cell.lock().unwrap().is_resting(),
        "a dead thread is still parked"
    );
    assert!(
        !thread.buried.swap(true, shuttle::sync::atomic::Ordering::SeqCst),
        "a thread is buried twice"
    );
}

impl<'m> Host for Here<'m> {
    type Body = Body;
    type Task = Arc<Thread>;
    type Word = Word;
    type Ground = &'m Ground<Word>;
    type Locked = MutexGuard<'m, Cpu<Body>>;
    type Cell<'t> = MutexGuard<'t, Parking<Owned>>;
    type HardPath = ();

    fn here(&self) -> CpuId {
        CpuId(self.cpu.index)
    }

    fn now(&mut self) -> Instant {
        self.machine.now()
    }

    fn ground(&self) -> &Ground<Word> {
        &self.machine.ground
    }

    fn hold_ground(&self) -> &'m Ground<Word> {
        &self.machine.ground
    }

    fn hard_path() {}

    fn lock(&mut self, cpu: CpuId) -> MutexGuard<'m, Cpu<Body>> {
        self.machine.cpus[cpu.index()].sched.lock().unwrap()
    }

    fn unlock(&mut self, locked: MutexGuard<'m, Cpu<Body>>) {
        drop(locked);
    }

    fn lock_cell<'t>(&mut self, task: &'t Arc<Thread>) -> MutexGuard<'t, Parking<Owned>> {
        let mut cell = task.cell.lock().unwrap();
        if self.makes(Mistake::IgnoreEarlyWake) && !cell.is_resting() {
            *cell = Parking::new();
        }
        cell
    }

    fn unlock_cell<'t>(&mut self, _: &'t Arc<Thread>, mut cell: MutexGuard<'t, Parking<Owned>>) {
        if self.makes(Mistake::WakeWithoutNote) && !cell.is_resting() {
            *cell = Parking::new();
        }
    }

    fn with_candidate<R>(&mut self, cpu: CpuId, act: impl FnOnce(&mut Option<Owned>) -> R) -> R {
        act(&mut self.machine.cpus[cpu.index()].candidate.lock().unwrap())
    }

    fn is_in_call(&self) -> bool {
        self.in_call
    }

    fn look_again(&mut self) {
        self.look_again = true;
    }

    fn take_look_again(&mut self) -> bool {
        core::mem::take(&mut self.look_again)
    }

    fn set_horizon(&mut self, _: Option<Horizon>) {}

    fn send(&mut self, target: CpuId) {
        self.machine.power.send(target.0);
    }

    fn then(&mut self, step: Step<Body>) -> Option<Owned> {
        match step {
            Step::Enqueue(..) => {
                self.arriving = true;
                let next = step.perform(self);
                self.arriving = false;
                next
            }
            Step::Send(_) if self.arriving && self.makes(Mistake::ForgetToInterrupt) => None,
            Step::Send(_) if self.killing => None,
            Step::Help(_) if self.makes(Mistake::NeverCallHelpers) => None,
            Step::Help(_) if !self.arriving && self.makes(Mistake::NoHelperForTheRest) => None,
            Step::Help(_) => {
                let arriving = core::mem::take(&mut self.arriving);
                let next = step.perform(self);
                self.arriving = arriving;
                next
            }
            Step::Steal if self.makes(Mistake::StealOnlyWithoutWaiting) => self.steal_without_waiting(),
            Step::Settle => {
                let dies = self.machine.thread(self.running_id()).is_dying();
                let forgets = if dies {
                    Mistake::DieWithACandidate
                } else {
                    Mistake::GoOnWithACandidate
                };
                if self.makes(forgets) {
                    return None;
                }
                step.perform(self)
            }
            _ => step.perform(self),
        }
    }

    fn wait_for_arrival(&mut self) -> bool {
        shuttle::thread::yield_now();
        true
    }

    fn running_id(&self) -> ThreadId {
        ThreadId(self.cpu.current.load(Relaxed))
    }

    fn id(&self, task: &Arc<Thread>) -> ThreadId {
        task.id
    }

    fn is_dying(&self, task: &Arc<Thread>) -> bool {
        task.is_dying()
    }

    fn waits(&self, entity: &Entity<Body>) -> bool {
        entity.payload.waits
    }

    fn is_over(&mut self, entity: &mut Owned, task: &Arc<Thread>) -> bool {
        entity.payload.listing = task.take_or_list();
        entity.payload.waits = entity.payload.listing.is_some();
        !entity.payload.waits
    }

    fn policy(&self, task: &Arc<Thread>) -> (Weight, LatencyClass) {
        *task.policy.lock().unwrap()
    }

    fn note_policy(&mut self, task: &Arc<Thread>, policy: (Weight, LatencyClass)) {
        *task.policy.lock().unwrap() = policy;
    }

    fn note_affinity(&mut self, task: &Arc<Thread>, affinity: &mut Affinity) {
        core::mem::swap(&mut *task.affinity.lock().unwrap(), affinity);
    }

    fn whereabouts<'t>(&'t self, task: &'t Arc<Thread>) -> &'t Whereabouts<Word> {
        &task.queued
    }

    fn queued(&mut self, entity: &Entity<Body>, cpu: CpuId, rank: Rank) {
        entity.payload.thread.queued.note(cpu, rank);
    }

    fn began(&mut self, _: &Entity<Body>, _: Instant) {}

    fn left(&mut self, _: &mut Entity<Body>, _: Charge) {}

    fn fault(&mut self, _: &mut Owned) {
        unreachable!("no thread of these models has a budget");
    }

    fn strand(&mut self, entity: Owned) -> Option<(Owned, CpuId)> {
        panic!("{} may run on no CPU", entity.id());
    }

    fn record(&mut self, _: Instant, _: Event) {}

    fn record_now(&mut self, _: Event) {}

    fn count(&mut self, _: Counted) {}
}
