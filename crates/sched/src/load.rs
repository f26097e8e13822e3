//! How busy one CPU is, in a word of its own, and what placement asks of everybody's loads. Rules B1, B5 and S1.
//!
//! A load is packed into one word so that it is read and written in one step. Whoever decides by loads sees them through
//! [`LoadView`]: the board of the running machine ([`crate::board`]), or whatever a test makes up.

use crate::ids::CpuId;

/// How busy one CPU is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Threads that wait for it.
    pub waiting: u32,
    /// Whether it runs a thread.
    pub running: bool,
    /// The effective weight of all of them.
    pub weight: u32,
}

impl Load {
    /// Threads that want this CPU, the running one included.
    #[must_use]
    pub const fn runnable(&self) -> u32 {
        self.waiting.saturating_add(self.running as u32)
    }

    /// Whether nobody runs and nobody waits.
    #[must_use]
    pub const fn idle(&self) -> bool {
        !self.running && self.waiting == 0
    }

    /// Whether a thread waits that another CPU may take. A CPU that was woken for its only thread is about to run it.
    #[must_use]
    pub const fn crowded(&self) -> bool {
        self.waiting > !self.running as u32
    }

    /// Weight in the low half, waiting threads above it, then the bits for online and running.
    pub(crate) const fn packed(self) -> u64 {
        let waiting = if self.waiting > WAITING_LIMIT {
            WAITING_LIMIT
        } else {
            self.waiting
        };
        (self.weight as u64) | ((waiting as u64) << 32) | ONLINE | ((self.running as u64) << 63)
    }

    pub(crate) const fn unpacked(bits: u64) -> Option<Load> {
        if bits & ONLINE == 0 {
            return None;
        }
        Some(Load {
            waiting: (bits >> 32) as u32 & WAITING_LIMIT,
            running: bits >> 63 != 0,
            weight: bits as u32,
        })
    }
}

const WAITING_LIMIT: u32 = u32::MAX >> 2;
const ONLINE: u64 = 1 << 62;
/// What is there for a CPU that is not online.
pub(crate) const OFFLINE: u64 = 0;

/// How many CPUs share a word of a set.
pub const GROUP: usize = u64::BITS as usize;

/// Read access to everybody's load: what placement decides by. A view that knows loads only has the sets derived from
/// them, which is slow, and fine for tests.
pub trait LoadView {
    /// The load of `cpu`, or `None` when it is not online.
    fn load(&self, cpu: CpuId) -> Option<Load>;

    /// The idle CPUs of a group of [`GROUP`], as bits; `group` counts from 0 and may be beyond the last one.
    fn idle_in(&self, group: usize) -> u64 {
        gather(group, |cpu| self.load(cpu).is_some_and(|load| load.idle()))
    }

    /// The CPUs of a group where a thread waits that another one may take.
    fn crowded_in(&self, group: usize) -> u64 {
        gather(group, |cpu| self.load(cpu).is_some_and(|load| load.crowded()))
    }

    /// Whether it is worth looking for an idle CPU.
    fn somebody_is_idle(&self) -> bool {
        true
    }

    /// Whether `cpu` is idle, and nobody has summoned it yet.
    fn is_idle(&self, cpu: CpuId) -> bool {
        self.idle_in(cpu.index() / GROUP) & 1 << (cpu.index() % GROUP) != 0
    }
}

fn gather(group: usize, holds: impl Fn(CpuId) -> bool) -> u64 {
    let first = (group * GROUP) as u32;
    (0..GROUP as u32)
        .filter(|bit| holds(CpuId(first + bit)))
        .fold(0, |bits, bit| bits | 1 << bit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_survives_packing() {
        for load in [
            Load::default(),
            Load {
                waiting: 3,
                running: true,
                weight: 192,
            },
            Load {
                waiting: WAITING_LIMIT,
                running: false,
                weight: u32::MAX,
            },
        ] {
            assert_eq!(Load::unpacked(load.packed()), Some(load));
        }
    }
}
