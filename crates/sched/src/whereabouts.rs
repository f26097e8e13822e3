//! In which queue a thread was put last, and at which rank: what others need to find it there. Rules B2 and P5.
//!
//! Two words that belong to no lock. They are written under the lock of the CPU whose queue it is, and read in two steps:
//! [`Whereabouts::cpu`] says whom to lock, and under that lock [`Whereabouts::rank`] says where to look. If the thread
//! waits there, both words are those of that queueing, since nobody could have taken it out and put it elsewhere
//! meanwhile. If it does not, what is read may be of two queueings, and finds nothing: a rank names its thread, and the
//! queue has none at that place.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::ids::{CpuId, ThreadId};
use crate::rank::Rank;
use crate::time::{Instant, VirtualTime};
use crate::word::AtomicWord;

const FAIR: u64 = 0;
const DEADLINE: u64 = 1;
const THROTTLED: u64 = 2;

/// Where one thread was queued last.
#[derive(Debug)]
pub struct Whereabouts<W = AtomicU64> {
    /// The CPU in the low half, the band above: in one word, because a time means something in its band only.
    place: W,
    /// The time in that band: all 64 bits of it.
    time: W,
}

impl<W: AtomicWord> Whereabouts<W> {
    /// Those of a thread that was never queued.
    #[must_use]
    pub fn new() -> Whereabouts<W> {
        Whereabouts {
            place: W::new(0),
            time: W::new(0),
        }
    }

    /// The thread was put into the queue of `cpu`, whose lock is held.
    #[inline]
    pub fn note(&self, cpu: CpuId, rank: Rank) {
        let (band, time) = match rank {
            Rank::Fair(finish, _) => (FAIR, finish.0),
            Rank::Deadline(at, _) => (DEADLINE, at.0),
            Rank::Throttled(at, _) => (THROTTLED, at.0),
        };
        self.place.store(u64::from(cpu.0) | band << 32, Relaxed);
        self.time.store(time, Relaxed);
    }

    /// Whose lock to take to look for the thread.
    pub fn cpu(&self) -> CpuId {
        CpuId(self.place.load(Relaxed) as u32)
    }

    /// Where the thread, which is `id`, waits on `cpu`, whose lock is held, if it waits there. `None`: it was queued on
    /// another CPU meanwhile.
    #[must_use]
    pub fn rank(&self, cpu: CpuId, id: ThreadId) -> Option<Rank> {
        let place = self.place.load(Relaxed);
        let time = self.time.load(Relaxed);
        if place as u32 != cpu.0 {
            return None;
        }
        Some(match place >> 32 {
            DEADLINE => Rank::Deadline(Instant(time), id),
            THROTTLED => Rank::Throttled(Instant(time), id),
            _ => Rank::Fair(VirtualTime(time), id),
        })
    }
}

impl<W: AtomicWord> Default for Whereabouts<W> {
    fn default() -> Whereabouts<W> {
        Whereabouts::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b2_a_rank_is_read_back_as_it_was_noted_in_every_band_and_at_both_ends_of_time() {
        let id = ThreadId(u64::MAX);
        for cpu in [0, 1, 64, 1_023, u32::MAX].map(CpuId) {
            for time in [0, 1, u64::MAX >> 1, u64::MAX - 1, u64::MAX] {
                for rank in [
                    Rank::Fair(VirtualTime(time), id),
                    Rank::Deadline(Instant(time), id),
                    Rank::Throttled(Instant(time), id),
                ] {
                    let place = Whereabouts::<AtomicU64>::new();
                    place.note(cpu, rank);
                    assert_eq!((place.cpu(), place.rank(cpu, id)), (cpu, Some(rank)));
                }
            }
        }
    }

    #[test]
    fn b2_under_another_cpus_lock_there_is_no_rank() {
        let place = Whereabouts::<AtomicU64>::new();
        place.note(CpuId(70), Rank::Throttled(Instant(5), ThreadId(1)));
        assert_eq!(place.rank(CpuId(6), ThreadId(1)), None);
        place.note(CpuId(6), Rank::Fair(VirtualTime(5), ThreadId(1)));
        assert_eq!(place.rank(CpuId(70), ThreadId(1)), None);
    }
}
