//! Making threads runnable, as `kernel::run::wake` does it.

use sched::placement::{helper, new_thread_target, wake_target};
use sched::{CpuId, Effect, EnqueueReason, Enqueued};
use shuttle::sync::atomic::Ordering::SeqCst;

use super::thread::Thread;
use super::{CpuState, Machine, Owned};
use crate::Mistake;

impl Machine {
    /// A timer interrupt makes a blocked thread runnable; one that is not blocked yet will look again.
    pub fn wake(&self, cpu: &CpuState, thread: &Thread) {
        if let Some(entity) = self.take_parked(thread) {
            self.place(cpu, entity, EnqueueReason::Wake);
        }
    }

    /// In a system call: a letter has come for a thread that was listed for it. If it still waits for that one, its wait
    /// ends here, and it need not look again. The thread becomes the CPU's candidate.
    pub fn end_wait(&self, cpu: &CpuState, thread: &Thread, listing: u64) {
        let Some(mut entity) = self.take_parked(thread) else {
            return;
        };
        let body = &mut entity.payload;
        if body.waits && (body.listing == Some(listing) || self.mistake == Mistake::EndAnyWait) {
            body.waits = false;
            body.told = true;
        }
        let mut candidate = cpu.candidate.lock().unwrap();
        if candidate.is_none() {
            *candidate = Some(entity);
            return;
        }
        drop(candidate);
        self.place(cpu, entity, EnqueueReason::Wake);
    }

    /// Takes a thread out of its parking cell, or notes that it must not block.
    pub fn take_parked(&self, thread: &Thread) -> Option<Owned> {
        let mut cell = thread.cell.lock().unwrap();
        if self.mistake == Mistake::WakeWithoutNote && !cell.is_resting() {
            return None;
        }
        cell.wake()
    }

    /// The waker goes on: its candidate is placed like any other woken thread.
    pub fn settle_candidate(&self, cpu: &CpuState) {
        let candidate = cpu.candidate.lock().unwrap().take();
        if let Some(entity) = candidate {
            self.place(cpu, entity, EnqueueReason::Wake);
        }
    }

    /// Chooses a CPU and queues the thread there.
    pub fn place(&self, cpu: &CpuState, mut entity: Owned, why: EnqueueReason) {
        let here = CpuId(cpu.index);
        let chosen = match why {
            EnqueueReason::New => new_thread_target(entity.affinity(), here, &self.topology, &self.board),
            _ => wake_target(
                entity.last_cpu(),
                entity.affinity(),
                here,
                &self.topology,
                &self.board,
            ),
        };
        let target = chosen.map_or(here, |placement| placement.cpu);
        if entity.last_cpu().is_some_and(|last| last != target) {
            entity.observe_home_clock(|home| self.board.clock(home));
        }
        self.put(cpu, &self.cpus[target.index()], entity, why);
    }

    /// Queues a thread on a CPU and has that CPU notice.
    fn put(&self, cpu: &CpuState, target: &CpuState, entity: Owned, why: EnqueueReason) {
        let thread = entity.payload.thread.clone();
        let mut sched = target.sched.lock().unwrap();
        let Enqueued { rank, effect } = sched.enqueue(entity, why, self.now());
        thread.queued.note(CpuId(target.index), rank);
        self.board.publish(&sched);
        let interrupt = effect != Effect::Nothing && sched.request_reschedule();
        let helper = helper(&sched, &self.topology, &self.board);
        drop(sched);
        if let Some(helper) = helper {
            self.call_helper(helper);
        }
        // A CPU that puts a thread into its own queue notices at its next boundary, which here is an interrupt, too.
        if interrupt && (self.mistake != Mistake::ForgetToInterrupt || target.index == cpu.index) {
            self.power.send(target.index);
        }
    }

    /// Wakes an idle CPU to take over a thread that waits behind another.
    pub fn call_helper(&self, helper: CpuId) {
        if self.mistake == Mistake::NeverCallHelpers || !self.board.call(helper) {
            return;
        }
        let helper = &self.cpus[helper.index()];
        let interrupt = helper.sched.lock().unwrap().request_reschedule();
        if interrupt {
            self.power.send(helper.index);
        }
    }

    /// The CPU that runs a thread, if one does, and those that it has just left and that have not said so yet.
    pub fn running_on(&self, thread: &Thread) -> impl Iterator<Item = &CpuState> {
        let id = thread.id.0;
        self.cpus.iter().filter(move |cpu| cpu.current.load(SeqCst) == id)
    }
}
