//! Principals: on whose behalf threads run. Rule D7 (docs/rules/scheduler.md).
//!
//! A session, an account, or a process has a weight of its own, and its runnable threads divide that among themselves: the
//! *effective weight* of a thread is the principal's weight × its own weight / the weights of all threads of the principal
//! that are runnable, on whatever CPU. Everything else, from virtual time to keeping CPUs level, goes by effective weights,
//! so fairness between principals is no second mechanism beside the first.
//!
//! **Why making threads gains nothing.** The clock of a CPU advances by service / the sum of the effective weights that
//! compete there, and whoever is runnable with weight w receives w times that, less at most its own turn and the longest
//! one (rule D1). So what counts is which sums others face. The parts of one principal are rounded down and come to its
//! weight at most, however many there are: for a competitor a principal of a hundred threads is a principal. A part is
//! computed anew whenever the thread begins, arrives or is charged, and a thread waits with the weight it arrived with, so
//! a part that others have made smaller lasts until the thread next begins: one turn. And as a change of weight keeps the service that is owed
//! ([`crate::fair::Share::reweigh`]), a debt made with a large part is paid back in full with a small one.
//!
//! What can still be gained is bounded: parts are lifted to the lightest weight of a thread, which is a 16,384th of what a
//! principal of the default weight has. So n threads gain n such parts at most.
//!
//! The sum is one atomic number per principal, changed when a thread blocks, wakes, comes or goes and by nothing else; it
//! takes no lock and no memory. A thread on its own pays for none of this.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use crate::fair::divide_up;
use crate::time::Nanos;
use crate::weight::{EffectiveWeight, Weight};

/// How much more than a thread of the same weight a principal weighs, so that parts of it are still whole numbers.
///
/// Principals are compared with each other. Where there are any, give one to every thread: a thread without is as light as
/// one of [`SCALE`] threads that share a principal.
pub const SCALE: u16 = 256;

/// Whose threads share one weight. Made once, held by each of its threads.
#[derive(Debug)]
pub struct Principal {
    weight: Weight,
    /// The sum of its runnable threads' own weights.
    runnable: AtomicU32,
}

impl Principal {
    /// A principal without threads.
    #[must_use]
    pub const fn new(weight: Weight) -> Principal {
        Principal {
            weight,
            runnable: AtomicU32::new(0),
        }
    }

    /// What its threads divide.
    #[must_use]
    pub const fn weight(&self) -> Weight {
        self.weight
    }

    /// The sum of the weights of its threads that run or wait for a CPU. At most four million threads of the heaviest
    /// weight fit.
    #[must_use]
    pub fn runnable_weight(&self) -> u32 {
        self.runnable.load(Relaxed)
    }

    /// Makes the sum wrong, for the tests of the checks.
    #[cfg(test)]
    pub(crate) fn falsify(&self) {
        let _ = self.runnable.fetch_add(1, Relaxed);
    }
}

/// A thread's tie to its principal. It goes where the thread's share is the truth: into the CPU while the thread runs.
///
/// Dropping it takes the thread out of the sum, so a thread that is dropped anywhere leaves it exact.
#[derive(Debug)]
pub(crate) struct Membership {
    principal: Arc<Principal>,
    /// What it adds to the sum: its weight while it is runnable, else zero.
    counted: u32,
    /// The sum for which its part was computed last.
    seen: u32,
    /// Virtual time at its own weight that was counted but not used, in 1/weight of a virtual nanosecond.
    prepaid: u16,
}

impl Membership {
    pub(crate) const fn of(principal: Arc<Principal>) -> Membership {
        Membership {
            principal,
            counted: 0,
            seen: 0,
            prepaid: 0,
        }
    }

    pub(crate) const fn principal(&self) -> &Arc<Principal> {
        &self.principal
    }

    /// The thread is runnable, with this weight. That it was already is fine.
    pub(crate) fn count(&mut self, weight: Weight) {
        let counted = u32::from(weight.get());
        if counted != self.counted {
            // One step, so that nobody sees the sum without this thread.
            let change = counted.wrapping_sub(self.counted);
            let _ = self.principal.runnable.fetch_add(change, Relaxed);
            self.counted = counted;
            self.seen = 0;
        }
    }

    /// The thread is not runnable any more. That it was not is fine.
    pub(crate) fn discount(&mut self) {
        if self.counted != 0 {
            let _ = self.principal.runnable.fetch_sub(self.counted, Relaxed);
            self.counted = 0;
            self.seen = 0;
        }
    }

    /// Its weight changes; whether it is runnable does not.
    pub(crate) fn reweigh(&mut self, weight: Weight) {
        if self.counted != 0 {
            self.count(weight);
        }
        self.seen = 0;
        self.prepaid = 0;
    }

    /// What `ran` amounts to at the thread's own weight, rounded up; what was rounded is kept for the next time.
    pub(crate) fn virtual_time(&mut self, ran: Nanos, weight: Weight) -> u64 {
        let weight = u64::from(weight.get());
        let service = ran.0.saturating_mul(u64::from(Weight::DEFAULT.get()));
        let prepaid = u64::from(self.prepaid);
        if service < prepaid {
            self.prepaid = (prepaid - service) as u16;
            return 0;
        }
        let (advanced, added) = divide_up(service - prepaid, weight);
        self.prepaid = added as u16;
        advanced
    }

    /// The thread's part at this moment, or `None` if it is what it was the last time.
    pub(crate) fn changed(&mut self, weight: Weight) -> Option<EffectiveWeight> {
        let sum = self.principal.runnable_weight();
        if sum == self.seen {
            return None;
        }
        Some(self.part(weight))
    }

    /// The thread's part at this moment.
    pub(crate) fn part(&mut self, weight: Weight) -> EffectiveWeight {
        self.seen = self.principal.runnable_weight();
        let whole = EffectiveWeight::of(self.principal.weight).wide() * u64::from(SCALE);
        EffectiveWeight::part(whole, weight, self.seen)
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.discount();
    }
}

#[cfg(test)]
mod tests;
