//! One CPU's loop, as `kernel::run` has it: runs a thread until it leaves, and idles while there is none.

use sched::{EndReason, Verdict};
use shuttle::sync::atomic::Ordering::SeqCst;

use super::power::Ended;
use super::script::Step;
use super::switch::Blocked;
use super::{CpuState, Machine, Owned};
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
        let cpu = &self.cpus[index as usize];
        self.board.publish(&cpu.sched.lock().unwrap());
        let mut next = None;
        loop {
            let running = match next.take() {
                Some(running) => running,
                None => self.idle(cpu)?,
            };
            match self.run(cpu, running) {
                Left::Next(follower) => next = follower,
                Left::Settled(running) => return Some(running),
            }
        }
    }

    /// Waits until there is a thread to run: the own queue first, then other CPUs' queues. `None`: never again.
    fn idle(&self, cpu: &CpuState) -> Option<Owned> {
        cpu.current.store(0, SeqCst);
        loop {
            if let Some(running) = self.pick(cpu).or_else(|| self.steal(cpu)) {
                return Some(running);
            }
            match self.power.rest(cpu.index) {
                Ended::Interrupted => cpu.sched.lock().unwrap().acknowledge_reschedule(),
                Ended::Settled => return None,
            }
        }
    }

    fn run(&self, cpu: &CpuState, mut entity: Owned) -> Left {
        let thread = entity.payload.thread.clone();
        cpu.current.swap(thread.id.0, SeqCst);
        let mut reschedule = false;
        loop {
            if thread.is_dying() {
                if self.mistake != Mistake::DieWithACandidate {
                    self.settle_candidate(cpu);
                }
                return Left::Next(self.leave_cpu(cpu, entity));
            }
            if core::mem::take(&mut entity.payload.told) {
                thread.take();
            }
            if entity.payload.waits {
                entity.payload.listing = thread.take_or_list();
                if entity.payload.listing.is_none() {
                    entity.payload.waits = false;
                    if self.mistake != Mistake::GoOnWithACandidate {
                        self.settle_candidate(cpu);
                    }
                } else {
                    match self.block(cpu, entity, &thread) {
                        Blocked::Next(next) => return Left::Next(next),
                        Blocked::WokenAlready(same) => {
                            entity = same;
                            continue;
                        }
                    }
                }
            }
            if core::mem::take(&mut reschedule) {
                let verdict = cpu.sched.lock().unwrap().reconsider(self.now());
                if verdict == Verdict::Switch {
                    return Left::Next(self.requeue(cpu, entity, EndReason::Preempted));
                }
            }
            // Interrupts come in user mode only.
            if self.power.take(cpu.index) {
                cpu.sched.lock().unwrap().acknowledge_reschedule();
                reschedule = true;
                continue;
            }
            match entity.payload.script.pop_front() {
                Some(Step::Spin) => {
                    entity.payload.script.push_front(Step::Spin);
                    match self.power.rest(cpu.index) {
                        Ended::Interrupted => {
                            cpu.sched.lock().unwrap().acknowledge_reschedule();
                            reschedule = true;
                        }
                        Ended::Settled => return Left::Settled(entity),
                    }
                }
                Some(Step::Yield) => return Left::Next(self.requeue(cpu, entity, EndReason::Yielded)),
                Some(step) => self.perform(cpu, &mut entity, step),
                None => self.kill(cpu, &thread),
            }
        }
    }

    /// A system call or a timer interrupt. A wait that it leaves is begun by the loop.
    fn perform(&self, cpu: &CpuState, entity: &mut Owned, step: Step) {
        match step {
            Step::Post(to) | Step::PostAndWait(to) => {
                let to = self.thread(to);
                let mut mailbox = to.mailbox.lock().unwrap();
                mailbox.letters += 1;
                let satisfied = mailbox.listed.take();
                drop(mailbox);
                if let Some(listing) = satisfied {
                    self.end_wait(cpu, to, listing);
                }
                entity.payload.waits = matches!(step, Step::PostAndWait(_));
            }
            Step::Wait => entity.payload.waits = true,
            Step::Kill(victim) => self.kill(cpu, self.thread(victim)),
            // The thread looks again, and waits on: its letter may still come.
            Step::Expire(sleeper) => self.wake(cpu, self.thread(sleeper)),
            Step::Yield | Step::Spin => {}
        }
        if !entity.payload.waits && self.mistake != Mistake::ReturnWithACandidate {
            self.settle_candidate(cpu);
        }
    }
}
