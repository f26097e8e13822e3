//! Fair shares: the arithmetic of virtual time. Rules D1, D3, D4 and D5 (docs/rules/scheduler.md).
//!
//! A [`Share`] says how far a thread has come: its *virtual runtime* advances by `elapsed × 64 / weight`, so
//! threads that keep level in virtual time have received CPU time in the ratio of their weights. A turn is one
//! *slice*; the *virtual finish* is where the virtual runtime will be when the turn is used up.
//!
//! A [`VirtualClock`] says how far everybody on one CPU should have come. It advances as in WF²Q+ (Bennett and
//! Zhang, "Hierarchical packet fair queueing algorithms", SIGCOMM 1996): by delivered service × 64 / total weight
//! while several threads are runnable, and never behind the slowest of them. The first term is why a stream of newcomers, each starting at the
//! clock, cannot hold back a light thread for ever; the second is why rounding cannot make the clock fall behind.

use crate::time::{Nanos, VirtualTime};
use crate::weight::{EffectiveWeight, LatencyClass, Weight, turn};

pub use abi::scheduling::Policy;

/// The turn a thread of the normal class gets while others wait.
pub const DEFAULT_REQUEST: Nanos = Nanos::from_millis(4);

/// The effective weight at which virtual time equals real time.
const REFERENCE: u64 = EffectiveWeight::REFERENCE;

/// A thread's place in the race for fair service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    vruntime: VirtualTime,
    vfinish: VirtualTime,
    virtual_slice: u64,
    /// The length of a normal turn in nanoseconds. Small types: a share is copied on the hot path.
    request: u32,
    /// What the weight comes to; less than the thread's own if it shares with others (D7).
    effective: EffectiveWeight,
    /// Virtual time already counted but not yet used, in 1/`effective` of a virtual nanosecond: always below it.
    prepaid: u32,
    weight: Weight,
    class: LatencyClass,
}

impl Share {
    /// A share that has not received anything yet.
    #[must_use]
    pub const fn new(weight: Weight, class: LatencyClass) -> Share {
        let mut share = Share {
            vruntime: VirtualTime::ZERO,
            vfinish: VirtualTime::ZERO,
            virtual_slice: 0,
            request: DEFAULT_REQUEST.0 as u32,
            effective: EffectiveWeight::of(weight),
            prepaid: 0,
            weight,
            class,
        };
        share.measure_slice();
        share
    }

    /// The weight.
    #[must_use]
    pub const fn weight(&self) -> Weight {
        self.weight
    }

    /// What the weight comes to.
    #[must_use]
    pub const fn effective(&self) -> EffectiveWeight {
        self.effective
    }

    /// The latency class.
    #[must_use]
    pub const fn class(&self) -> LatencyClass {
        self.class
    }

    /// Service received so far, in virtual time on the clock of the CPU it belongs to.
    #[must_use]
    pub const fn vruntime(&self) -> VirtualTime {
        self.vruntime
    }

    /// Where the virtual runtime will be when the present turn is used up; the key of the run tree.
    #[must_use]
    pub const fn vfinish(&self) -> VirtualTime {
        self.vfinish
    }

    /// The length of one turn in real time.
    #[must_use]
    pub const fn slice(&self) -> Nanos {
        turn(self.class, Nanos(self.request as u64))
    }

    /// The length of one turn in virtual time: `slice × 64 / weight`, rounded up, with the effective weight.
    #[must_use]
    pub const fn virtual_slice(&self) -> u64 {
        self.virtual_slice
    }

    /// Counts `ran` of CPU time and returns the virtual time it amounts to.
    ///
    /// Rounds up and keeps what was rounded for the next charge: over any number of charges the sum is never below
    /// the exact value and never a whole virtual nanosecond above it.
    pub const fn charge(&mut self, ran: Nanos) -> u64 {
        let weight = self.effective.wide();
        let advanced = if weight == REFERENCE {
            ran.0
        } else {
            // It saturates when a thread runs alone for half a year and nobody asks how far it is.
            let owed = ran
                .0
                .saturating_mul(REFERENCE)
                .saturating_sub(self.prepaid as u64);
            if owed == 0 {
                self.prepaid -= (ran.0 * REFERENCE) as u32;
                return 0;
            }
            let (advanced, added) = divide_up(owed, weight);
            self.prepaid = added as u32;
            advanced
        };
        self.vruntime = self.vruntime.after(advanced);
        advanced
    }

    /// Starts a new turn from the present virtual runtime.
    pub const fn renew(&mut self) {
        self.vfinish = self.next_vfinish();
    }

    /// Where a turn that started now would finish.
    pub(crate) const fn next_vfinish(&self) -> VirtualTime {
        self.vruntime.after(self.virtual_slice)
    }

    /// Puts the turn behind `other`: what a thread that yields asks for. Its share does not change.
    pub fn finish_after(&mut self, other: VirtualTime) {
        self.vfinish = self.vfinish.max(other.after(1));
    }

    /// Whether the present turn has `least` left, and more than what rounding leaves of a turn that is used up.
    #[must_use]
    pub fn turn_is_open(&self, least: Nanos) -> bool {
        self.vfinish > self.vruntime.after(1) && self.turn_left() >= least
    }

    /// How long the present turn still lasts in real time: a whole slice, or what an interruption left of it.
    #[must_use]
    pub fn turn_left(&self) -> Nanos {
        let left = self.vfinish.0.saturating_sub(self.vruntime.0);
        if left >= self.virtual_slice {
            self.slice()
        } else {
            Nanos(left.saturating_mul(self.effective.wide()) / REFERENCE)
        }
    }

    /// Whether this share is not ahead of the clock, the condition of [`Policy::Eevdf`] for being served.
    #[must_use]
    pub fn is_eligible(&self, clock: VirtualTime) -> bool {
        self.vruntime <= clock
    }

    /// A new thread starts level with everybody else (D4).
    pub const fn start_at(&mut self, clock: VirtualTime) {
        self.vruntime = clock;
    }

    /// Takes away credit beyond one virtual slice: what sleeping can earn (D4).
    pub fn limit_credit(&mut self, clock: VirtualTime) {
        self.vruntime = self.vruntime.max(clock.before(self.virtual_slice));
    }

    /// Takes away credit beyond `most` virtual time.
    pub fn limit_credit_to(&mut self, most: u64, level: VirtualTime) {
        self.vruntime = self.vruntime.max(level.before(most));
    }

    /// Translates from a clock showing `from` to a clock showing `to`: the distance to the clock is kept (D3).
    pub const fn rebase(&mut self, from: VirtualTime, to: VirtualTime) {
        self.vruntime = to.moved(self.vruntime.offset_from(from));
        self.vfinish = to.moved(self.vfinish.offset_from(from));
    }

    /// Changes weight and class. The service the thread is owed or has had in advance, in real time, stays the same,
    /// as if it had left with its lag and joined again; rounding goes against the thread (D3).
    pub fn reweigh(&mut self, weight: Weight, class: LatencyClass, clock: VirtualTime) {
        self.reweigh_as(weight, class, EffectiveWeight::of(weight), clock);
    }

    /// The same for a thread whose weight comes to `effective`.
    pub(crate) fn reweigh_as(
        &mut self,
        weight: Weight,
        class: LatencyClass,
        effective: EffectiveWeight,
        clock: VirtualTime,
    ) {
        self.weight = weight;
        self.class = class;
        // Whoever asks again and again pays for the rounding.
        self.prepaid = 0;
        self.resize(effective, clock);
        self.renew();
    }

    /// The weight comes to something else from now on. As in [`Share::reweigh`] the service owed stays the same, and so
    /// does what is left of the turn. What rounding takes is kept for the next charge: a thread may be resized at every
    /// wake-up of another one, and neither gains nor loses by it.
    pub(crate) fn resize(&mut self, effective: EffectiveWeight, clock: VirtualTime) {
        let (old, new) = (self.effective.wide(), effective.wide());
        let left = self.vfinish.offset_from(self.vruntime);
        let (ahead, rest) = rescale(self.vruntime.offset_from(clock), old, self.prepaid, new);
        self.vruntime = clock.moved(ahead);
        self.vfinish = self.vruntime.moved(rescale(left, old, 0, new).0);
        self.prepaid = rest;
        self.effective = effective;
        self.measure_slice();
    }

    /// Sets the length of a normal turn for this thread alone: one microsecond at least, one second at most.
    pub fn set_request(&mut self, request: Nanos) {
        self.request = request.0.clamp(1_000, 1_000_000_000) as u32;
        self.measure_slice();
    }

    const fn measure_slice(&mut self) {
        self.virtual_slice = (self.slice().0 * REFERENCE).div_ceil(self.effective.wide());
    }
}

/// `amount / by`, rounded up, and what was added to `amount` for that. The product of the two need not fit, so it is not formed.
pub(crate) const fn divide_up(amount: u64, by: u64) -> (u64, u64) {
    match (amount / by, amount % by) {
        (whole, 0) => (whole, 0),
        (whole, rest) => (whole + 1, by - rest),
    }
}

/// A distance in virtual time for the same service at another weight, rounded up, and what was rounded in 1/`new` of a
/// virtual nanosecond. `prepaid` is in 1/`old` of one and not part of the distance's service.
fn rescale(distance: i64, old: u64, prepaid: u32, new: u64) -> (i64, u32) {
    let service = distance
        .checked_mul(old as i64)
        .and_then(|service| service.checked_sub(i64::from(prepaid)));
    if let Some(service) = service {
        let rest = service.rem_euclid(new as i64);
        return match (service.div_euclid(new as i64), rest) {
            (scaled, 0) => (scaled, 0),
            (scaled, rest) => (scaled + 1, (new as i64 - rest) as u32),
        };
    }
    // Somebody slept for weeks.
    let service = i128::from(distance) * i128::from(old) - i128::from(prepaid);
    let scaled = service.div_euclid(i128::from(new)) + 1;
    (scaled.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64, 0)
}

/// How far everybody on one CPU should have come. It never runs backwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VirtualClock {
    now: VirtualTime,
    /// Service × [`REFERENCE`] that did not amount to a whole virtual nanosecond at `remainder_of` total weight.
    remainder: u64,
    remainder_of: u64,
    /// Service × [`REFERENCE`] that is delivered before the clock goes on, to threads that came here behind it.
    owed: u64,
}

impl VirtualClock {
    /// A clock at [`VirtualTime::START`].
    #[must_use]
    pub const fn new() -> VirtualClock {
        VirtualClock {
            now: VirtualTime::START,
            remainder: 0,
            remainder_of: 0,
            owed: 0,
        }
    }

    /// The reading.
    #[must_use]
    pub const fn now(&self) -> VirtualTime {
        self.now
    }

    /// Counts `ran` of service delivered while `total_weight` was runnable, in the units of [`EffectiveWeight`].
    pub const fn advance(&mut self, ran: Nanos, total_weight: u64) {
        let ran = if self.owed == 0 { ran } else { self.repay(ran) };
        if total_weight == REFERENCE {
            self.now = self.now.after(ran.0);
        } else {
            // What was left over at another total weight is less than a virtual nanosecond and is dropped: a clock
            // that is behind is caught up, one that got ahead would make newcomers wait for no reason.
            if self.remainder_of != total_weight {
                self.remainder_of = total_weight;
                self.remainder = 0;
            }
            let service = ran.0.saturating_mul(REFERENCE).saturating_add(self.remainder);
            let divisor = if total_weight == 0 { 1 } else { total_weight };
            self.now = self.now.after(service / divisor);
            self.remainder = service % divisor;
        }
    }

    /// Moves up to the slowest runnable thread, if it is ahead. Then nobody is owed anything.
    pub fn catch_up(&mut self, slowest: VirtualTime) {
        if slowest >= self.now {
            self.now = slowest;
            self.owed = 0;
        }
    }

    /// A thread comes that is `behind` the clock, or one goes that is ahead of it by as much: the others will have had
    /// less than the clock shows, so it waits for them. As in EEVDF (Stoica and Abdel-Wahab 1995, section 3) the sum
    /// of all lags stays what it was, except that there the clock steps back, which ours never does.
    #[cold]
    pub fn wait_for(&mut self, weight: EffectiveWeight, behind: i64) {
        let owed = i128::from(self.owed) + i128::from(behind) * i128::from(weight.wide());
        self.owed = u64::try_from(owed.max(0)).unwrap_or(u64::MAX);
    }

    /// A thread goes that is `ahead` of the clock. If it is behind, what it was owed is owed here no more: it takes that
    /// along, or is gone.
    #[inline]
    pub fn leaves(&mut self, weight: EffectiveWeight, ahead: i64) {
        if self.owed != 0 && ahead < 0 {
            self.wait_for(weight, ahead);
        }
    }

    /// How far the threads here have come on average when they weigh `total_weight`: the reading, less what is owed.
    #[must_use]
    pub const fn level(&self, total_weight: u64) -> VirtualTime {
        match self.owed.checked_div(total_weight) {
            Some(behind) => self.now.before(behind),
            None => self.now,
        }
    }

    /// Uses `ran` to deliver what is owed; what remains of it.
    #[cold]
    const fn repay(&mut self, ran: Nanos) -> Nanos {
        let service = ran.0.saturating_mul(REFERENCE);
        if service < self.owed {
            self.owed -= service;
            return Nanos::ZERO;
        }
        let left = service - self.owed;
        self.owed = 0;
        Nanos(left / REFERENCE)
    }
}

impl Default for VirtualClock {
    fn default() -> VirtualClock {
        VirtualClock::new()
    }
}

#[cfg(test)]
mod tests;
