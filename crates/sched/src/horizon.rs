//! The next instant at which a CPU has to look again at what it runs, with the reason, and the one-shot timer that sees to
//! it. Rules X1 and F13.
//!
//! A CPU has one horizon: the earliest of all that ends what it does now. It is an answer of the scheduler core, no entry
//! of a queue, so that a switch costs no insertion and no removal. The hardware timer is set for the horizon or for the
//! head of the CPU's deadline queue; [`OneShot`] knows both and touches the hardware only when that is needed.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use crate::time::Instant;

/// Why a CPU has to look again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HorizonReason {
    /// The running thread's turn is used up, and another one waits.
    TurnEnd,
    /// The running thread's budget is used up.
    BudgetEnd,
    /// A thread that waits for budget, or goes on without, has some again.
    Replenishment,
}

impl HorizonReason {
    /// All reasons, in the order of their variants.
    pub const ALL: [HorizonReason; 3] = [
        HorizonReason::TurnEnd,
        HorizonReason::BudgetEnd,
        HorizonReason::Replenishment,
    ];
}

/// When a CPU has to look again, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Horizon {
    /// The instant.
    pub at: Instant,
    /// What comes then.
    pub why: HorizonReason,
}

impl Horizon {
    /// The running thread's turn ends.
    #[must_use]
    pub const fn turn_end(at: Instant) -> Horizon {
        let why = HorizonReason::TurnEnd;
        Horizon { at, why }
    }
}

/// What has to be done to the hardware timer of a CPU that is about to idle.
#[must_use = "the hardware still has to be set"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// Nothing: it is right as it is.
    Same,
    /// Set it for this instant.
    Arm(Instant),
    /// Nothing waits for time: switch it off.
    Disarm,
}

/// One CPU's one-shot timer: the horizon, and what the hardware is set for. That CPU alone writes it, without a lock; the
/// orders are relaxed, so these are plain moves.
#[derive(Debug)]
pub struct OneShot {
    horizon: AtomicU64,
    why: AtomicU32,
    /// [`Instant::NEVER`] while the hardware is set for nothing.
    armed: AtomicU64,
}

impl OneShot {
    /// A timer that is set for nothing.
    #[must_use]
    pub const fn new() -> OneShot {
        OneShot {
            horizon: AtomicU64::new(Instant::NEVER.0),
            why: AtomicU32::new(HorizonReason::TurnEnd as u32),
            armed: AtomicU64::new(Instant::NEVER.0),
        }
    }

    /// The horizon, if what runs has one.
    #[must_use]
    #[inline]
    pub fn horizon(&self) -> Option<Horizon> {
        let at = Instant(self.horizon.load(Relaxed));
        let why = HorizonReason::ALL.get(self.why.load(Relaxed) as usize)?;
        (at != Instant::NEVER).then_some(Horizon { at, why: *why })
    }

    /// Whether what runs has one.
    #[must_use]
    #[inline]
    pub fn has_horizon(&self) -> bool {
        self.horizon.load(Relaxed) != Instant::NEVER.0
    }

    /// What the hardware is set for.
    #[must_use]
    pub fn armed(&self) -> Option<Instant> {
        let at = Instant(self.armed.load(Relaxed));
        (at != Instant::NEVER).then_some(at)
    }

    /// What runs now has this horizon, or none: that of what ran before is gone.
    #[inline]
    pub fn set(&self, horizon: Option<Horizon>) {
        match horizon {
            Some(Horizon { at, why }) => {
                self.horizon.store(at.0, Relaxed);
                self.why.store(why as u32, Relaxed);
            }
            None => self.horizon.store(Instant::NEVER.0, Relaxed),
        }
    }

    /// What to set the hardware for, with `head` as the first of the deadlines; `None` if it need not be touched.
    ///
    /// A timer that is set for an earlier instant than it has to be fires, finds nothing, and is set anew: cheaper than
    /// touching the hardware at each switch.
    #[must_use = "the hardware still has to be set"]
    #[inline]
    pub fn arm(&self, head: Option<Instant>) -> Option<Instant> {
        let head = head.map_or(Instant::NEVER.0, |at| at.0);
        let wanted = head.min(self.horizon.load(Relaxed));
        if wanted >= self.armed.load(Relaxed) {
            return None;
        }
        self.armed.store(wanted, Relaxed);
        Some(Instant(wanted))
    }

    /// The CPU is about to idle: nothing runs, and only deadlines and the horizon of those who wait for budget count.
    pub fn idle(&self, head: Option<Instant>) -> Setting {
        let horizon = self.horizon().map(|horizon| horizon.at);
        let wanted = head.into_iter().chain(horizon).min();
        if wanted == self.armed() {
            return Setting::Same;
        }
        self.armed.store(wanted.unwrap_or(Instant::NEVER).0, Relaxed);
        wanted.map_or(Setting::Disarm, Setting::Arm)
    }

    /// The hardware has fired: it is set for nothing any more.
    pub fn fired(&self) {
        self.armed.store(Instant::NEVER.0, Relaxed);
    }

    /// The reason of the horizon if it has come by `now`; it is taken out, so that it comes once.
    #[must_use = "the CPU has to look again"]
    pub fn reached(&self, now: Instant) -> Option<HorizonReason> {
        let horizon = self.horizon().filter(|horizon| horizon.at <= now)?;
        self.set(None);
        Some(horizon.why)
    }
}

impl Default for OneShot {
    fn default() -> OneShot {
        OneShot::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(at: u64) -> Option<Horizon> {
        Some(Horizon::turn_end(Instant(at)))
    }

    #[test]
    fn x1_a_horizon_that_came_does_not_stay() {
        let timer = OneShot::new();
        timer.set(turn(10));
        assert_eq!(timer.arm(None), Some(Instant(10)));
        assert_eq!(timer.reached(Instant(9)), None, "not yet");
        timer.fired();
        assert_eq!(timer.reached(Instant(10)), Some(HorizonReason::TurnEnd));
        assert_eq!((timer.horizon(), timer.reached(Instant(10))), (None, None));
        assert_eq!(timer.arm(None), None, "nothing is left to be set for");
    }

    #[test]
    fn x1_who_runs_alone_has_no_horizon_of_whoever_ran_before() {
        let timer = OneShot::new();
        timer.set(turn(10));
        timer.set(None);
        assert_eq!((timer.horizon(), timer.reached(Instant::NEVER)), (None, None));
        assert_eq!((timer.arm(None), timer.armed()), (None, None));
    }

    #[test]
    fn x1_the_hardware_is_set_for_the_earlier_of_horizon_and_deadline_and_only_when_needed() {
        let timer = OneShot::new();
        timer.set(turn(10));
        assert_eq!(timer.arm(Some(Instant(20))), Some(Instant(10)));
        assert_eq!(timer.arm(Some(Instant(10))), None, "it is set for that");
        assert_eq!(timer.arm(Some(Instant(5))), Some(Instant(5)));
        timer.set(None);
        assert_eq!(timer.arm(Some(Instant(20))), None, "set early, and left so");
        timer.fired();
        assert_eq!(
            timer.arm(Some(Instant(20))),
            Some(Instant(20)),
            "now it is set anew"
        );
    }

    #[test]
    fn f3_an_idle_cpu_has_a_timer_for_deadlines_only() {
        let timer = OneShot::new();
        timer.set(turn(10));
        assert_eq!(timer.arm(None), Some(Instant(10)));
        timer.set(None);
        assert_eq!(timer.idle(None), Setting::Disarm);
        assert_eq!((timer.idle(None), timer.horizon()), (Setting::Same, None));
        assert_eq!(timer.idle(Some(Instant(7))), Setting::Arm(Instant(7)));
        assert_eq!(timer.idle(Some(Instant(7))), Setting::Same);
        assert_eq!(
            timer.idle(Some(Instant(9))),
            Setting::Arm(Instant(9)),
            "later is worth it here"
        );
    }

    #[test]
    fn e3_an_idle_cpu_has_a_timer_for_whoever_waits_for_budget() {
        let timer = OneShot::new();
        timer.set(Some(Horizon {
            at: Instant(8),
            why: HorizonReason::Replenishment,
        }));
        assert_eq!(timer.idle(Some(Instant(9))), Setting::Arm(Instant(8)));
        assert_eq!(timer.idle(Some(Instant(7))), Setting::Arm(Instant(7)));
    }

    #[test]
    fn f13_every_reason_is_read_back_as_it_was_set() {
        let timer = OneShot::new();
        for (index, why) in (0..).zip(HorizonReason::ALL) {
            assert_eq!(why as usize, index);
            let horizon = Some(Horizon { at: Instant(3), why });
            timer.set(horizon);
            assert_eq!(timer.horizon(), horizon);
        }
    }
}
