//! Leaving one thread and choosing the next, as `kernel::run::switch` does it.

use sched::placement::{helper, steal_order};
use sched::{Cpu, CpuId, EndReason, EnqueueReason, HandedOver, Instant};
use shuttle::sync::MutexGuard;

use super::thread::{Body, Thread};
use super::{CpuState, Machine, Owned};
use crate::Mistake;

/// How an attempt to block ended.
pub enum Blocked {
    /// The thread is parked; the next one, if there is one.
    Next(Option<Owned>),
    /// It was woken before it was parked, and has to look again. The thread that it woke itself is still the candidate.
    WokenAlready(Owned),
}

impl Machine {
    /// Picks and begins the next thread.
    fn choose(&self, mut sched: MutexGuard<'_, Cpu<Body>>, at: Instant) -> Option<Owned> {
        let begun = sched.pick(at).map(|picked| {
            let mut entity = picked.entity;
            let _ = sched.begin(&mut entity, at);
            entity
        });
        self.let_others_know(sched);
        begun
    }

    /// Publishes a CPU's load after a choice, and calls an idle CPU if somebody is left waiting.
    fn let_others_know(&self, sched: MutexGuard<'_, Cpu<Body>>) {
        self.board.publish(&sched);
        let helper = helper(&sched, &self.topology, &self.board);
        drop(sched);
        if let Some(helper) = helper
            && self.mistake != Mistake::NoHelperForTheRest
        {
            self.call_helper(helper);
        }
    }

    /// Takes the next thread from this CPU's queue.
    pub fn pick(&self, cpu: &CpuState) -> Option<Owned> {
        self.choose(cpu.sched.lock().unwrap(), self.now())
    }

    /// Takes the most overdue waiting thread of another CPU, nearest first.
    pub fn steal(&self, cpu: &CpuState) -> Option<Owned> {
        for victim in steal_order(CpuId(cpu.index), &self.topology, &self.board) {
            let victim = &self.cpus[victim.index()];
            let mut sched = match victim.sched.try_lock() {
                Ok(sched) => sched,
                Err(_) if self.mistake == Mistake::StealOnlyWithoutWaiting => continue,
                Err(_) => victim.sched.lock().unwrap(),
            };
            let stolen = sched.steal_for(CpuId(cpu.index), self.now());
            self.board.publish(&sched);
            drop(sched);
            let Some(entity) = stolen else { continue };
            let thread = entity.payload.thread.clone();
            let mut sched = cpu.sched.lock().unwrap();
            let at = self.now();
            let queued = sched.enqueue(entity, EnqueueReason::Migrated, at);
            thread.queued.note(CpuId(cpu.index), queued.rank);
            return self.choose(sched, at);
        }
        None
    }

    /// Parks the running thread, unless it was woken meanwhile, and chooses the next: the thread it has just woken, if
    /// the scheduler allows that, else the first of the queue.
    pub fn block(&self, cpu: &CpuState, entity: Owned, thread: &Thread) -> Blocked {
        let mut cell = thread.cell.lock().unwrap();
        if self.mistake == Mistake::IgnoreEarlyWake {
            *cell = sched::Parking::new();
        }
        let entity = match cell.rest(entity) {
            Ok(resting) => resting,
            Err(entity) => return Blocked::WokenAlready(entity),
        };
        let candidate = cpu.candidate.lock().unwrap().take();
        let mut sched = cpu.sched.lock().unwrap();
        let at = self.now();
        let mut refused = None;
        let handed = candidate.and_then(|candidate| match sched.hand_over(entity, candidate, at) {
            Ok(handed) => Some(handed),
            Err(refusal) => {
                refused = Some(refusal.entity);
                None
            }
        });
        let next = match handed {
            Some(HandedOver { entity: next, .. }) => {
                self.board.publish(&sched);
                drop(sched);
                Some(next)
            }
            None => {
                let _ = sched.end(entity, at, EndReason::Blocked);
                self.choose(sched, at)
            }
        };
        drop(cell);
        if let Some(refused) = refused {
            self.place(cpu, refused, EnqueueReason::Wake);
        }
        Blocked::Next(next)
    }

    /// Puts the running thread back into the queue and chooses the next, which may be the same.
    pub fn requeue(&self, cpu: &CpuState, entity: Owned, why: EndReason) -> Option<Owned> {
        let mut sched = cpu.sched.lock().unwrap();
        let at = self.now();
        let rotated = sched.rotate(entity, at, why, |entity, _, rank| {
            entity.payload.thread.queued.note(CpuId(cpu.index), rank);
        });
        self.let_others_know(sched);
        Some(rotated.entity)
    }

    /// The running thread has ended: forgets it and chooses the next.
    pub fn depart(&self, cpu: &CpuState, entity: &mut Owned) -> Option<Owned> {
        let mut sched = cpu.sched.lock().unwrap();
        let at = self.now();
        let _ = sched.end(entity, at, EndReason::Exited);
        self.choose(sched, at)
    }
}
