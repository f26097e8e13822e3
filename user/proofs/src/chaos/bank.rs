//! The bank: CPU time that is made before a round, and of which every actor has copies. Actors bind themselves to it, take it from each other,
//! work with it for each other and divide it; the process that behaves gives it to threads of theirs without asking, also to such as end just then.
//! When all have ended it is bound to nobody and lent to nobody.

use alloc::format;
use alloc::vec::Vec;

use rt::Error;
use rt::context::{Context, Refused, ms, us};
use rt::monitor::{Monitor, Supervisor};
use rt::process::Grant;
use rt::random::Random;
use rt::time::Timer;
use schema_gen::system::SchedulingContextStanding as Standing;

use crate::ensure;
use crate::tools::{Wrong, wait_until};

/// Threads that get CPU time without having asked, each time somebody is ended.
const FORCED: u32 = 3;

/// The time of a round.
pub(super) struct Bank {
    times: Vec<Context>,
}

impl Bank {
    /// Some limits, and some reservations with something to divide.
    pub(super) fn open(time: &Context) -> Result<Bank, Wrong> {
        let limits = [
            Context::limit(us(100)).every(us(100)),
            Context::limit(us(300)).every(ms(1)).on([0]),
            Context::limit(ms(2)).every(ms(4)),
        ];
        let reservations = [
            Context::reserve(us(100)).every(us(700)).on([0]),
            Context::reserve(ms(2)).every(ms(10)).due_within(ms(5)).on([0]),
        ];
        let made = limits.iter().map(|wish| wish.create(time));
        let made = made.chain(reservations.iter().map(|wish| wish.carve(time)));
        let mut times = Vec::new();
        for answer in made {
            match answer? {
                Ok(context) => times.push(context),
                Err(refusal) => {
                    return Err(Wrong::Seen(format!("CPU time for a round is refused: {refusal}")));
                }
            }
        }
        Ok(Bank { times })
    }

    /// A copy of each, for an actor.
    pub(super) fn copies(&self) -> impl Iterator<Item = Grant> {
        let numbered = self.times.iter().enumerate();
        numbered.map(|(number, time)| Grant::copy(&format!("x{number}"), time))
    }

    /// Binds some threads of others, which may end meanwhile.
    pub(super) fn forces_time_on(
        &self,
        monitor: &Monitor,
        supervisor: &Supervisor,
        random: &mut Random,
        own: u32,
    ) -> Result<(), Error> {
        let threads = monitor.threads(0, |threads| {
            let others = threads.iter().filter(|thread| thread.get_pid() != own);
            Ok(others
                .map(|thread| (thread.get_pid(), thread.get_tid()))
                .collect::<Vec<_>>())
        })?;
        for _ in 0..FORCED {
            let drawn = random.below(threads.len().max(1) as u32) as usize;
            let time = &self.times[random.below(self.times.len() as u32) as usize];
            if let Some(&(pid, tid)) = threads.get(drawn) {
                // It may have ended, have time of its own, or be given some: each is an answer, and so is an exception.
                let _answer = supervisor.bind_context(pid, tid, time);
            }
        }
        Ok(())
    }

    /// Nobody is left who could have any of it, and whoever asks for it has it, unless it was revoked. How often it was lent.
    pub(super) fn closes(self, timer: &Timer) -> Result<u64, Wrong> {
        let mut lent = 0;
        for (number, time) in self.times.iter().enumerate() {
            wait_until(timer, "CPU time comes home", || {
                time.usage(|usage| {
                    Ok(usage.get_standing()? == Standing::Unbound && usage.get_donation_depth() == 0)
                })
            })?;
            lent += time.usage(|usage| Ok(usage.get_lent()))?;
            let bound = time.bind()?;
            let unbound = time.unbind()?;
            ensure!(
                bound == unbound && matches!(bound, Ok(()) | Err(Refused::Stale)),
                "CPU time {number} of the bank, which nobody has, is bound: {bound:?}, and unbound: {unbound:?}"
            );
        }
        Ok(lent)
    }
}

/// How many contexts there are, and how much of a second of all CPUs together is reserved, in nanoseconds.
pub(super) fn all(monitor: &Monitor) -> Result<(u32, u64), Error> {
    monitor.contexts(|contexts, capacities| {
        let reserved = capacities
            .iter()
            .map(|cpu| cpu.get_given_ns() - cpu.get_left_ns());
        Ok((contexts.len(), reserved.sum()))
    })
}
