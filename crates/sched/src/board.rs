//! The load of every CPU, published by its owner and read by everybody without a lock. Rules B5 and S1.
//!
//! Placement reads it to choose a CPU before any queue is locked. A reading may be a moment old: then the choice is
//! a little worse, never wrong, since the queue itself is only touched under its lock.
//!
//! One pair of readings must not cross: a CPU goes idle and sees no waiting thread anywhere, while a thread begins to
//! wait and its waker sees no idle CPU. So loads are published with sequential consistency: at least one side sees the
//! other.

use alloc::boxed::Box;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::cpu::{Cpu, Running};
use crate::ids::CpuId;
use crate::time::{Instant, VirtualTime};
use crate::weight::EffectiveWeight;

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

    /// Weight in the low half, waiting threads above it, then the bits for called, online and running.
    const fn packed(self) -> u64 {
        let waiting = if self.waiting > WAITING_LIMIT {
            WAITING_LIMIT
        } else {
            self.waiting
        };
        (self.weight as u64) | ((waiting as u64) << 32) | ONLINE | ((self.running as u64) << 63)
    }

    const fn unpacked(bits: u64) -> Option<Load> {
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

const WAITING_LIMIT: u32 = u32::MAX >> 3;
/// Set on an idle CPU that was called to take over a thread, until it publishes again.
const CALLED: u64 = 1 << 61;
const ONLINE: u64 = 1 << 62;
const OFFLINE: u64 = 0;

/// Whether these bits are those of a CPU that a thread could be sent to and run at once.
const fn is_idle(bits: u64) -> bool {
    match Load::unpacked(bits) {
        Some(load) => load.idle() && bits & CALLED == 0,
        None => false,
    }
}

/// Read access to everybody's load: what placement decides by.
pub trait LoadView {
    /// The load of `cpu`, or `None` when it is not online.
    fn load(&self, cpu: CpuId) -> Option<Load>;

    /// Whether it is worth looking for an idle CPU.
    fn somebody_is_idle(&self) -> bool {
        true
    }
}

/// One CPU's column, alone on its cache lines so that publishing disturbs no neighbour.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Column {
    load: AtomicU64,
    clock: AtomicU64,
    /// How far the CPU's threads had come, on its clock, at the instant `as_of`.
    level: AtomicU64,
    as_of: AtomicU64,
    /// What is added to a time on its clock to compare it with times on other CPUs' clocks. It only grows.
    offset: AtomicU64,
}

/// How far one CPU has come, and how fast it goes on. For [`crate::balance`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    /// How far its threads have come on average, comparable between CPUs.
    pub(crate) level: VirtualTime,
    /// Their weight: the level rises by elapsed time × 64 / weight.
    pub(crate) weight: u64,
    /// Whether one thread has the CPU for itself.
    pub(crate) alone: bool,
}

/// The loads of all CPUs. The memory is sized once, when the number of CPUs is known.
#[derive(Debug)]
pub struct LoadBoard {
    columns: Box<[Column]>,
    idle: Counter,
}

/// A number on its own cache lines.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Counter(AtomicU32);

impl LoadBoard {
    /// A board for CPUs 0 to `cpu_count - 1`, none of them online.
    #[must_use]
    pub fn new(cpu_count: u32) -> LoadBoard {
        LoadBoard {
            columns: (0..cpu_count).map(|_| Column::default()).collect(),
            idle: Counter::default(),
        }
    }

    /// Publishes a CPU's load and clock, and with them that it is online. Called by whoever changed its queue, under
    /// its lock; a CPU that is about to idle publishes before it looks for threads to steal.
    pub fn publish<P>(&self, cpu: &Cpu<P>) {
        let Some(column) = self.columns.get(cpu.id().index()) else {
            return;
        };
        // Nobody asks how far the only CPU has come.
        if self.columns.len() > 1 {
            column.clock.store(cpu.clock().0, Ordering::Relaxed);
            column.level.store(cpu.level().0, Ordering::Relaxed);
            let as_of = cpu.running().map_or(Instant::BOOT, Running::charged_to);
            column.as_of.store(as_of.0, Ordering::Relaxed);
        }
        self.write(column, Some(cpu.load()));
    }

    /// Marks a CPU as gone: no placement chooses it until it publishes again.
    pub fn withdraw(&self, cpu: CpuId) {
        if let Some(column) = self.columns.get(cpu.index()) {
            self.write(column, None);
        }
    }

    /// Reserves an idle CPU that [`crate::placement::helper`] named, so that nobody else calls it or sends it a thread
    /// meanwhile. `true`: interrupt it now. `false`: it is not idle any more. The reservation ends when that CPU
    /// publishes, which it does after it has looked for threads to steal, whether it found one or not.
    #[must_use = "a CPU that was called has to be interrupted"]
    pub fn call(&self, cpu: CpuId) -> bool {
        let Some(column) = self.columns.get(cpu.index()) else {
            return false;
        };
        let reserve = |bits| is_idle(bits).then_some(bits | CALLED);
        let called = column
            .load
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, reserve)
            .is_ok();
        if called {
            self.idle.0.fetch_sub(1, Ordering::SeqCst);
        }
        called
    }

    /// A CPU's column is written under its lock, except that anybody may call it: hence the swap.
    fn write(&self, column: &Column, load: Option<Load>) {
        let bits = load.map_or(OFFLINE, Load::packed);
        let before = column.load.swap(bits, Ordering::SeqCst);
        match (is_idle(before), is_idle(bits)) {
            (false, true) => drop(self.idle.0.fetch_add(1, Ordering::SeqCst)),
            (true, false) => drop(self.idle.0.fetch_sub(1, Ordering::SeqCst)),
            (true, true) | (false, false) => {}
        }
    }

    /// How far a CPU that runs a thread has come by `now`, or `None` when it runs none.
    pub(crate) fn pace(&self, cpu: CpuId, now: Instant) -> Option<Pace> {
        let load = self.load(cpu).filter(|load| load.running)?;
        let column = self.columns.get(cpu.index())?;
        let ran = now.since(Instant(column.as_of.load(Ordering::Relaxed)));
        let weight = u64::from(load.weight.max(1));
        let since = ran.0.saturating_mul(EffectiveWeight::REFERENCE) / weight;
        let level = VirtualTime(column.level.load(Ordering::Relaxed)).after(since);
        Some(Pace {
            level: self.comparable(cpu, level),
            weight,
            alone: load.waiting == 0,
        })
    }

    /// A time on a CPU's clock as it compares with times on the clocks of others.
    pub(crate) fn comparable(&self, cpu: CpuId, on_its_clock: VirtualTime) -> VirtualTime {
        let column = self.columns.get(cpu.index());
        on_its_clock.after(column.map_or(0, |column| column.offset.load(Ordering::Relaxed)))
    }

    /// Forgets that a CPU lags: from now on all times on its clock count as `span` later.
    pub(crate) fn forgive(&self, cpu: CpuId, span: u64) {
        if let Some(column) = self.columns.get(cpu.index()) {
            column.offset.fetch_add(span, Ordering::Relaxed);
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
        let bits = self.columns.get(cpu.index())?.load.load(Ordering::SeqCst);
        let mut load = Load::unpacked(bits)?;
        if bits & CALLED != 0 {
            // A thread is as good as there.
            load.waiting = load.waiting.max(1);
        }
        Some(load)
    }

    fn somebody_is_idle(&self) -> bool {
        self.idle.0.load(Ordering::SeqCst) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::EnqueueReason;
    use crate::entity::{Entity, QueueKey};
    use crate::fair::Policy;
    use crate::ids::ThreadId;
    use crate::time::Instant;
    use crate::weight::{LatencyClass, Weight};

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

    #[test]
    fn s1_the_board_knows_whether_somebody_is_idle() {
        let board = LoadBoard::new(2);
        let mut cpus = [0, 1].map(|id| Cpu::<()>::new(CpuId(id), Policy::default(), Instant::BOOT));
        assert!(!board.somebody_is_idle(), "nobody is online");
        cpus.iter().for_each(|cpu| board.publish(cpu));
        for (id, cpu) in (0..).zip(&mut cpus) {
            assert!(board.somebody_is_idle());
            let thread = Entity::new(ThreadId(id), Weight::DEFAULT, LatencyClass::Normal, ());
            let _ = cpu.enqueue(thread, EnqueueReason::New, Instant::BOOT);
            board.publish(cpu);
        }
        assert!(!board.somebody_is_idle());
        let key = cpus[1].queued().next().map(|thread| QueueKey {
            vfinish: thread.share().vfinish(),
            id: thread.id(),
        });
        assert!(cpus[1].remove(key.unwrap(), Instant::BOOT).is_some());
        board.publish(&cpus[1]);
        board.publish(&cpus[1]);
        assert!(board.somebody_is_idle());
        board.withdraw(CpuId(1));
        board.withdraw(CpuId(1));
        assert!(!board.somebody_is_idle());
    }

    #[test]
    fn b1_an_idle_cpu_is_called_once_until_it_publishes_again() {
        let board = LoadBoard::new(2);
        let cpu = Cpu::<()>::new(CpuId(1), Policy::default(), Instant::BOOT);
        assert!(!board.call(CpuId(1)), "not online");
        board.publish(&cpu);
        assert!(board.call(CpuId(1)));
        assert!(!board.call(CpuId(1)));
        assert!(!board.somebody_is_idle());
        assert_eq!(
            board.load(CpuId(1)).map(|load| load.idle()),
            Some(false),
            "placement leaves it alone, too"
        );
        board.publish(&cpu);
        assert!(board.somebody_is_idle() && board.call(CpuId(1)));
    }
}
