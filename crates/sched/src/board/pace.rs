//! How far each CPU has come, compared with the others: what [`crate::balance`] decides by. Rule D8.
//!
//! Virtual clocks of different CPUs have nothing to do with each other, so each CPU has an *offset* that makes times on
//! its clock comparable. What a level comes to with that fades ([`crate::fading`]), by as much for all CPUs: whenever a CPU looks at
//! its own level the offset takes up what has faded since it did last.

use core::sync::atomic::Ordering;

use super::{Column, LoadBoard};
use crate::cpu::Cpu;
use crate::fading::fade;
use crate::ids::CpuId;
use crate::load::{Load, LoadView};
use crate::outline::Outline;
use crate::time::{Instant, VirtualTime};
use crate::weight::EffectiveWeight;
use crate::word::AtomicWord;

/// How far one CPU has come, and how fast it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    /// How far its threads have come on average, comparable between CPUs.
    pub(crate) level: VirtualTime,
    /// Their weight: the level rises by elapsed time × 64 / weight.
    pub(crate) weight: u64,
    /// Whether one thread has the CPU for itself.
    pub(crate) alone: bool,
    /// Where the thread that it runs may run.
    pub(crate) outline: Outline,
    /// Whether it has idled since somebody compared himself with it.
    pub(crate) has_idled: bool,
}

impl<W: AtomicWord> LoadBoard<W> {
    /// How far a CPU that runs a thread has come by `now`, or `None` when it runs none.
    pub(crate) fn pace(&self, cpu: CpuId, now: Instant) -> Option<Pace> {
        let load = self.load(cpu).filter(|load| load.running)?;
        let column = self.columns.get(cpu.index())?;
        Some(Pace {
            level: column.compare(column.level_at(load, now), now),
            weight: u64::from(load.weight.max(1)),
            alone: load.waiting == 0,
            outline: Outline::from_bits(column.outline.load(Ordering::Relaxed)),
            has_idled: column.has_idled.load(Ordering::Relaxed) != 0,
        })
    }

    /// Lets the level of this CPU fade up to `now`, and says how it compares with those of others. Called under its lock.
    pub(crate) fn settle_level<P>(&self, cpu: &Cpu<P>, now: Instant) -> VirtualTime {
        let level = cpu.level();
        let column = self.columns.get(cpu.id().index());
        column.map_or(level, |column| column.settle(level, 0, now))
    }

    /// How far another CPU is ahead of this one, or `None` when it runs nothing. Called under the lock of this one.
    pub fn lead<P>(&self, cpu: &Cpu<P>, other: CpuId, now: Instant) -> Option<i64> {
        let own = self.settle_level(cpu, now);
        self.pace(other, now).map(|pace| pace.level.offset_from(own))
    }

    /// From now on all times on the clock of a CPU count as `span` later: it has idled, and nobody is owed anything there.
    /// Anybody may say so. If its own CPU looks at its level in the same moment one of the two may be lost, and is seen to the
    /// next time.
    pub(crate) fn begin_anew(&self, cpu: CpuId, span: u64, now: Instant) {
        let running = self.load(cpu).filter(|load| load.running);
        if let Some((column, load)) = self.columns.get(cpu.index()).zip(running) {
            column.has_idled.store(0, Ordering::Relaxed);
            let _ = column.settle(column.level_at(load, now), span, now);
        }
    }
}

impl<W: AtomicWord> Column<W> {
    /// How far a CPU with this load, which runs a thread, has come on its own clock by `now`.
    fn level_at(&self, load: Load, now: Instant) -> VirtualTime {
        let ran = now.since(Instant(self.as_of.load(Ordering::Relaxed)));
        let weight = u64::from(load.weight.max(1));
        let since = ran.0.saturating_mul(EffectiveWeight::REFERENCE) / weight;
        VirtualTime(self.level.load(Ordering::Relaxed)).after(since)
    }

    /// How a level on this CPU's own clock compares with those of others at `now`.
    fn compare(&self, level: VirtualTime, now: Instant) -> VirtualTime {
        let faded = VirtualTime(self.faded.load(Ordering::Relaxed));
        let since = now.since(Instant(self.faded_at.load(Ordering::Relaxed)));
        let risen = VirtualTime(level.0.wrapping_add(self.offset.load(Ordering::Relaxed)));
        fade(faded, risen, since)
    }

    /// From `now` on a level on this CPU's own clock compares as it does, and `more` on top.
    fn settle(&self, level: VirtualTime, more: u64, now: Instant) -> VirtualTime {
        let comparable = self.compare(level, now).after(more);
        self.faded.store(comparable.0, Ordering::Relaxed);
        self.faded_at.store(now.0, Ordering::Relaxed);
        let offset = comparable.0.wrapping_sub(level.0);
        self.offset.store(offset, Ordering::Relaxed);
        comparable
    }
}
