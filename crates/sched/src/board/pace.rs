//! How far each CPU has come, compared with the others: what [`crate::balance`] decides by. Rule D8.
//!
//! Virtual clocks of different CPUs have nothing to do with each other, so each CPU has an *offset* that makes times on
//! its clock comparable. Offsets only grow: a lag that is forgiven is added to the offset of the CPU that has it.

use core::sync::atomic::Ordering;

use super::LoadBoard;
use crate::ids::CpuId;
use crate::load::LoadView;
use crate::outline::Outline;
use crate::time::{Instant, Nanos, VirtualTime};
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
    /// For how long, at least.
    pub(crate) alone_for: Nanos,
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
        let ran = now.since(Instant(column.as_of.load(Ordering::Relaxed)));
        let weight = u64::from(load.weight.max(1));
        let since = ran.0.saturating_mul(EffectiveWeight::REFERENCE) / weight;
        let level = VirtualTime(column.level.load(Ordering::Relaxed)).after(since);
        Some(Pace {
            level: self.comparable(cpu, level),
            weight,
            alone: load.waiting == 0,
            alone_for: if load.waiting == 0 { ran } else { Nanos::ZERO },
            outline: Outline::from_bits(column.outline.load(Ordering::Relaxed)),
            has_idled: column.has_idled.load(Ordering::Relaxed) != 0,
        })
    }

    /// A time on a CPU's clock as it compares with times on the clocks of others.
    pub(crate) fn comparable(&self, cpu: CpuId, on_its_clock: VirtualTime) -> VirtualTime {
        let column = self.columns.get(cpu.index());
        on_its_clock.after(column.map_or(0, |column| column.offset.load(Ordering::Relaxed)))
    }

    /// Forgives a CPU that lags: from now on all times on its clock count as `span` later.
    pub(crate) fn forgive(&self, cpu: CpuId, span: u64) {
        if let Some(column) = self.columns.get(cpu.index()) {
            column.offset.fetch_add(span, Ordering::Relaxed);
        }
    }

    /// The same for one that nobody is owed anything on: it counts from here.
    pub(crate) fn begin_anew(&self, cpu: CpuId, span: u64) {
        if let Some(column) = self.columns.get(cpu.index()) {
            column.has_idled.store(0, Ordering::Relaxed);
        }
        self.forgive(cpu, span);
    }
}
