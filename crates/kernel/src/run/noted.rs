//! Numbers of what was noted on a CPU, under a lock, that somebody waits to be told of: told as soon as that CPU holds none.

use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

/// As many as are kept at most. A pass over a ring ends this many calls and timers a few; where the last call on an endpoint with
/// many goes, what finds no place is told when it is next noted.
const MOST: usize = 16;

/// The numbers, from the front on; 0 is none. Only its own CPU touches them.
#[derive(Default)]
pub struct Noted([AtomicU64; MOST]);

impl Noted {
    /// Whether there is any.
    #[inline]
    pub fn is_any(&self) -> bool {
        self.0[0].load(Relaxed) != 0
    }

    /// Notes one.
    pub fn note(&self, number: u64) {
        for place in &self.0 {
            let there = place.load(Relaxed);
            if there == number {
                return;
            }
            if there == 0 {
                place.store(number, Relaxed);
                return;
            }
        }
    }

    /// Takes all.
    pub fn take(&self) -> impl Iterator<Item = u64> {
        let taken: [u64; MOST] = core::array::from_fn(|place| self.0[place].swap(0, Relaxed));
        taken.into_iter().take_while(|number| *number != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e5_each_is_noted_once_in_the_order_in_which_they_came() {
        let noted = Noted::default();
        assert!(!noted.is_any());
        for number in [3, 5, 3, 4, 5] {
            noted.note(number);
        }
        assert!(noted.is_any());
        assert!(noted.take().eq([3, 5, 4]));
        assert!(!noted.is_any());
    }

    #[test]
    fn e5_what_finds_no_place_displaces_nothing() {
        let noted = Noted::default();
        (1..=20).for_each(|number| noted.note(number));
        assert!(noted.take().eq(1..=16));
        assert!(noted.take().eq([]));
    }
}
