//! The load of every CPU, published by its owner and read by everybody without a lock. Rules B5 and S1.
//!
//! Placement reads it to choose a CPU before any queue is locked. A reading may be a moment old: then the choice is
//! a little worse, never wrong, since the queue itself is only touched under its lock.

use alloc::boxed::Box;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::cpu::Cpu;
use crate::ids::CpuId;
use crate::time::VirtualTime;

/// How busy one CPU is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Threads that wait for it.
    pub waiting: u32,
    /// Whether it runs a thread.
    pub running: bool,
    /// The weight of all of them.
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

    /// Weight in the low half, waiting threads above it, the running one in the highest bit.
    const fn packed(self) -> u64 {
        let waiting = if self.waiting > WAITING_LIMIT {
            WAITING_LIMIT
        } else {
            self.waiting
        };
        (self.weight as u64) | ((waiting as u64) << 32) | ((self.running as u64) << 63)
    }

    const fn unpacked(bits: u64) -> Load {
        Load {
            waiting: (bits >> 32) as u32 & WAITING_LIMIT,
            running: bits >> 63 != 0,
            weight: bits as u32,
        }
    }
}

const WAITING_LIMIT: u32 = u32::MAX >> 1;

/// Read access to everybody's load: what placement decides by.
pub trait LoadView {
    /// The load of `cpu`, or `None` when it is not online.
    fn load(&self, cpu: CpuId) -> Option<Load>;
}

/// One CPU's column, alone on its cache lines so that publishing disturbs no neighbour.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Column {
    load: AtomicU64,
    clock: AtomicU64,
    online: AtomicU64,
}

/// The loads of all CPUs. The memory is sized once, when the number of CPUs is known.
#[derive(Debug)]
pub struct LoadBoard {
    columns: Box<[Column]>,
}

impl LoadBoard {
    /// A board for CPUs 0 to `cpu_count - 1`, none of them online.
    #[must_use]
    pub fn new(cpu_count: u32) -> LoadBoard {
        LoadBoard {
            columns: (0..cpu_count).map(|_| Column::default()).collect(),
        }
    }

    /// Publishes a CPU's load and clock, and with them that it is online. Called by whoever changed its queue, under
    /// its lock.
    pub fn publish<P>(&self, cpu: &Cpu<P>) {
        if let Some(column) = self.columns.get(cpu.id().index()) {
            // Relaxed: the values are advice, and no other memory is reached through them.
            column.load.store(cpu.load().packed(), Ordering::Relaxed);
            column.clock.store(cpu.clock().0, Ordering::Relaxed);
            column.online.store(1, Ordering::Relaxed);
        }
    }

    /// Marks a CPU as gone: no placement chooses it until it publishes again.
    pub fn withdraw(&self, cpu: CpuId) {
        if let Some(column) = self.columns.get(cpu.index()) {
            column.online.store(0, Ordering::Relaxed);
        }
    }

    /// A recent reading of a CPU's virtual clock, for [`crate::entity::Entity::observe_home_clock`].
    #[must_use]
    pub fn clock(&self, cpu: CpuId) -> VirtualTime {
        let column = self.columns.get(cpu.index());
        VirtualTime(column.map_or(0, |column| column.clock.load(Ordering::Relaxed)))
    }
}

impl LoadView for LoadBoard {
    fn load(&self, cpu: CpuId) -> Option<Load> {
        let column = self.columns.get(cpu.index())?;
        if column.online.load(Ordering::Relaxed) == 0 {
            return None;
        }
        Some(Load::unpacked(column.load.load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fair::Policy;
    use crate::time::Instant;

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
            assert_eq!(Load::unpacked(load.packed()), load);
        }
    }

    #[test]
    fn a_cpu_is_on_the_board_from_its_first_publication_until_it_withdraws() {
        let board = LoadBoard::new(2);
        let cpu: Cpu<()> = Cpu::new(CpuId(1), Policy::default(), Instant::BOOT);
        assert_eq!(board.load(CpuId(1)), None);
        board.publish(&cpu);
        assert_eq!(board.load(CpuId(1)), Some(Load::default()));
        board.withdraw(CpuId(1));
        assert_eq!(board.load(CpuId(1)), None);
        assert_eq!(board.load(CpuId(2)), None, "not a CPU of this machine");
    }
}
