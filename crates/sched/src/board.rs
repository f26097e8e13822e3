//! The load of every CPU, published under its lock and read by everybody without one. Rules B1, B5 and S1.
//!
//! Placement reads it to choose a CPU before any queue is locked. A reading may be a moment old: then the choice is
//! a little worse, never wrong, since the queue itself is only touched under its lock.
//!
//! Each CPU has a column: its [load](crate::load), its clock, and how far it has come, which the file [`pace`] compares.
//! Beside the columns there are two sets, of idle and of crowded CPUs: see [`sets`].
//!
//! Everything is written under the CPU's lock, with one exception: anybody may take a CPU out of the idle ones, and so has
//! summoned it ([`LoadBoard::summon`]). Setting and clearing are single steps, so a CPU that is summoned while it publishes
//! itself is idle again or summoned, and in the second case the interrupt is still to come, after which it publishes again.

use alloc::boxed::Box;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::cpu::{Cpu, Running};
use crate::ids::CpuId;
use crate::load::{Load, LoadView, OFFLINE};
use crate::outline::Outline;
use crate::time::{Instant, VirtualTime};
use crate::word::AtomicWord;

mod pace;
mod sets;
#[cfg(test)]
mod tests;

pub(crate) use pace::Pace;
use sets::Sets;

/// One CPU's column, alone on its cache lines so that publishing disturbs no neighbour.
#[derive(Debug)]
#[repr(align(128))]
struct Column<W> {
    load: W,
    clock: W,
    /// How far the CPU's threads had come, on its clock, at the instant `as_of`.
    level: W,
    as_of: W,
    /// Where the thread that it runs may run.
    outline: W,
    /// Whether it has idled since somebody compared himself with it.
    has_idled: W,
    /// What is added to a time on its clock to compare it with times on other CPUs' clocks.
    offset: W,
    /// What the level came to, with that, when it faded last; and when that was.
    faded: W,
    faded_at: W,
}

/// The loads of all CPUs. The memory is sized once, when the number of CPUs is known. `W` are the words in it.
#[derive(Debug)]
pub struct LoadBoard<W = AtomicU64> {
    columns: Box<[Column<W>]>,
    sets: Sets<W>,
}

impl LoadBoard {
    /// A board for CPUs 0 to `cpu_count - 1`, none of them online.
    #[must_use]
    pub fn new(cpu_count: u32) -> LoadBoard {
        LoadBoard::with_words(cpu_count)
    }
}

impl<W: AtomicWord> LoadBoard<W> {
    /// The same on words of any kind.
    #[must_use]
    pub fn with_words(cpu_count: u32) -> LoadBoard<W> {
        let zero = || W::new(0);
        let column = |_| Column {
            load: W::new(OFFLINE),
            clock: zero(),
            level: zero(),
            as_of: zero(),
            outline: zero(),
            has_idled: zero(),
            offset: zero(),
            faded: W::new(VirtualTime::START.0),
            faded_at: zero(),
        };
        LoadBoard {
            columns: (0..cpu_count).map(column).collect(),
            sets: Sets::new(cpu_count),
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
            let outline = cpu.running().map_or(Outline::NOWHERE, Running::outline);
            column.outline.store(outline.bits(), Ordering::Relaxed);
            if cpu.load().idle() {
                column.has_idled.store(1, Ordering::Relaxed);
            }
        }
        self.write(cpu.id(), column, Some(cpu.load()));
    }

    /// Marks a CPU as gone: no placement chooses it until it publishes again. Called under its lock.
    pub fn withdraw(&self, cpu: CpuId) {
        if let Some(column) = self.columns.get(cpu.index()) {
            self.write(cpu, column, None);
        }
    }

    /// Summons an idle CPU that [`crate::placement::helper`] named, so that nobody else summons it or sends it a thread
    /// meanwhile. `true`: interrupt it now. `false`: it is not idle any more, or summoned already. It counts as summoned until
    /// it publishes, which it does before it looks for threads to steal, whether it then finds one or not.
    #[must_use = "a CPU that was summoned has to be interrupted"]
    pub fn summon(&self, cpu: CpuId) -> bool {
        self.sets.take_idle(cpu)
    }

    #[inline]
    fn write(&self, cpu: CpuId, column: &Column<W>, load: Option<Load>) {
        let bits = load.map_or(OFFLINE, Load::packed);
        let idle = load.is_some_and(|load| load.idle());
        if column.load.load(Ordering::Relaxed) == bits && !idle {
            // As most often: one thread has made way for another. Only a summons changes a bit behind its CPU's back.
            return;
        }
        column.load.store(bits, Ordering::Release);
        self.sets
            .assign(cpu, idle, load.is_some_and(|load| load.crowded()));
    }

    /// A recent reading of a CPU's virtual clock, for [`crate::entity::Entity::observe_home_clock`].
    #[must_use]
    pub fn clock(&self, cpu: CpuId) -> VirtualTime {
        let column = self.columns.get(cpu.index());
        VirtualTime(column.map_or(0, |column| column.clock.load(Ordering::Relaxed)))
    }
}

impl<W: AtomicWord> LoadView for LoadBoard<W> {
    fn load(&self, cpu: CpuId) -> Option<Load> {
        let bits = self.columns.get(cpu.index())?.load.load(Ordering::Acquire);
        let mut load = Load::unpacked(bits)?;
        if load.idle() && !self.is_idle(cpu) {
            // It was summoned: a thread is as good as there.
            load.waiting = 1;
        }
        Some(load)
    }

    #[inline]
    fn idle_in(&self, group: usize) -> u64 {
        self.sets.idle_in(group)
    }

    #[inline]
    fn crowded_in(&self, group: usize) -> u64 {
        self.sets.crowded_in(group)
    }

    #[inline]
    fn somebody_is_idle(&self) -> bool {
        self.sets.some_idle()
    }
}
