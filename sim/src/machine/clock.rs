//! The CPUs' clocks, which need not agree: each starts a little apart and goes a little faster or slower.

use sched::{Instant, Nanos};

use crate::random::Random;
use crate::scenario::Faults;

/// One CPU's clock. Its readings never go back.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clock {
    ahead: Nanos,
    /// How much faster than true time it goes, in parts per million; never slower, so that readings never go back.
    fast: u64,
}

const MILLION: u64 = 1_000_000;

impl Clock {
    pub(super) fn new(faults: &Faults, random: &mut Random) -> Clock {
        let mut up_to = |most: u64| if most == 0 { 0 } else { random.below(most + 1) };
        Clock {
            ahead: Nanos(up_to(faults.skew.0)),
            fast: up_to(u64::from(faults.drift)),
        }
    }

    /// What it shows at a true instant.
    pub(super) const fn read(self, at: Instant) -> Instant {
        if self.fast == 0 {
            return Instant(at.0 + self.ahead.0);
        }
        let gained = (at.0 as u128 * self.fast as u128 / MILLION as u128) as u64;
        Instant(at.0 + gained + self.ahead.0)
    }

    /// The first true instant at which it shows at least `reading`.
    pub(super) const fn when(self, reading: Instant) -> Instant {
        let since = reading.0.saturating_sub(self.ahead.0);
        if self.fast == 0 {
            return Instant(since);
        }
        let scaled = since as u128 * MILLION as u128;
        Instant(scaled.div_ceil((MILLION + self.fast) as u128) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn l1_a_timer_set_by_a_skewed_clock_is_never_early(
            ahead in 0_u64..1_000_000, fast in 0_u64..5_000, reading in 2_000_000_u64..1 << 50,
        ) {
            let clock = Clock { ahead: Nanos(ahead), fast };
            let when = clock.when(Instant(reading));
            prop_assert!(clock.read(when).0 >= reading);
            prop_assert!(clock.read(Instant(when.0 - 1)).0 <= reading);
        }
    }
}
