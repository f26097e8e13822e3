//! One CPU's loop: runs a thread until it leaves, and idles while there is none. What it asks in between and what follows is
//! the protocol's.

use protocol::Boundary;
use sched::{Affinity, CpuId, EndReason, LatencyClass, Weight};
use shuttle::sync::Arc;
use shuttle::sync::atomic::Ordering::Relaxed;

use super::host::Here;
use super::power::Ended;
use super::script::Step;
use super::{Machine, Owned};
use crate::Mistake;

/// How a thread left the CPU.
enum Left {
    /// The thread that follows it, if there is one.
    Next(Option<Owned>),
    /// It did not: the machine has settled while it runs.
    Settled(Owned),
}

impl Machine {
    /// The loop of one CPU until the machine has settled; the thread that it runs then.
    pub fn cpu_loop(&self, index: u32) -> Option<Owned> {
        let mut here = Here::new(self, index);
        let mut next = None;
        loop {
            let running = match next.take() {
                Some(running) => running,
                None => here.idle()?,
            };
            match here.run(running) {
                Left::Next(follower) => next = follower,
                Left::Settled(running) => return Some(running),
            }
        }
    }
}

impl Here<'_> {
    /// Waits until there is a thread to run: the own queue first, then other CPUs' queues. `None`: never again.
    fn idle(&mut self) -> Option<Owned> {
        self.cpu.current.store(0, Relaxed);
        loop {
            if let Some(running) = protocol::pick(self) {
                return Some(running);
            }
            match self.machine.power.rest(self.cpu.index) {
                Ended::Interrupted => self.interrupted(),
                Ended::Settled => return None,
            }
        }
    }

    fn run(&mut self, mut entity: Owned) -> Left {
        let thread = entity.payload.thread.clone();
        self.cpu.current.store(thread.id.0, Relaxed);
        loop {
            entity = match protocol::boundary(self, entity, &thread, false) {
                Boundary::Run(entity) => entity,
                Boundary::Next(next) => return Left::Next(next),
                Boundary::Dying(entity) => return Left::Next(self.leave_cpu(entity)),
            };
            if core::mem::take(&mut entity.payload.told) {
                thread.take();
            }
            // Interrupts come in user mode only.
            if self.machine.power.take(self.cpu.index) {
                self.interrupted();
                continue;
            }
            match entity.payload.script.pop_front() {
                Some(Step::Spin) => {
                    entity.payload.script.push_front(Step::Spin);
                    match self.machine.power.rest(self.cpu.index) {
                        Ended::Interrupted => self.interrupted(),
                        Ended::Settled => return Left::Settled(entity),
                    }
                }
                Some(Step::Yield) => return Left::Next(protocol::requeue(self, entity, EndReason::Yielded)),
                Some(step) => self.perform(&mut entity, step),
                None => self.kill(&thread),
            }
        }
    }

    /// A system call or a timer interrupt. A wait that it leaves is begun by the loop.
    fn perform(&mut self, entity: &mut Owned, step: Step) {
        self.in_call = !matches!(step, Step::Expire(_));
        match step {
            Step::Post(to) | Step::PostAndWait(to) => {
                let to = self.machine.thread(to);
                let mut mailbox = to.mailbox.lock().unwrap();
                mailbox.letters += 1;
                let satisfied = mailbox.listed.take();
                drop(mailbox);
                if let Some(listing) = satisfied {
                    self.end_wait(to, listing);
                }
                entity.payload.waits = matches!(step, Step::PostAndWait(_));
            }
            Step::Wait => entity.payload.waits = true,
            Step::Kill(victim) => self.kill(self.machine.thread(victim)),
            Step::Reweigh(other, weight) => self.reweigh(self.machine.thread(other), weight),
            Step::Restrict(other, bits) => self.restrict(self.machine.thread(other), bits),
            // The thread looks again, and waits on: its letter may still come.
            Step::Expire(sleeper) => protocol::wake(self, self.machine.thread(sleeper)),
            Step::Yield | Step::Spin => {}
        }
        self.in_call = false;
        if !entity.payload.waits && self.machine.mistake != Mistake::ReturnWithACandidate {
            protocol::settle_candidate(self);
        }
    }

    fn restrict(&mut self, thread: &Arc<super::thread::Thread>, bits: u8) {
        let cpus = (0..8).filter(|cpu| bits >> cpu & 1 != 0).map(CpuId);
        let affinity = Affinity::Mask(cpus.collect());
        let reached = protocol::restrict(self, thread, affinity.clone(), affinity);
        assert!(
            reached == protocol::Reached::Done || thread.is_dying(),
            "a change did not reach a living thread"
        );
    }

    fn reweigh(&mut self, thread: &Arc<super::thread::Thread>, weight: u16) {
        let change = protocol::Reweigh {
            weight: Weight::new(weight),
            class: Some(LatencyClass::Normal),
        };
        let reached = protocol::reweigh(self, thread, change);
        assert!(
            reached == protocol::Reached::Done || thread.is_dying(),
            "a change did not reach a living thread"
        );
    }
}
