//! The idle and the crowded CPUs, as sets. Rule B1.
//!
//! There are two bits for each CPU, in words of 64 CPUs, so that whoever looks for a CPU reads a line for 64 of them:
//! *idle*, it would run a thread at once, and *crowded*, a thread waits there that could be stolen. One pair of
//! readings must not cross: a CPU goes idle and sees nobody crowded, while a thread begins to wait and its waker sees
//! nobody idle. So the bits are written and read with sequential consistency: each side sets its bit before it looks for
//! the other's, and at least one sees the other. models runs this file in every order there is.

use alloc::boxed::Box;
use core::sync::atomic::Ordering;

use crate::ids::CpuId;
use crate::load::GROUP;
use crate::word::AtomicWord;

/// The bits of all CPUs.
#[derive(Debug)]
pub(super) struct Sets<W> {
    groups: Box<[Group<W>]>,
}

/// Those of [`GROUP`] CPUs, alone on their cache lines.
#[derive(Debug)]
#[repr(align(128))]
struct Group<W> {
    idle: W,
    crowded: W,
}

impl<W: AtomicWord> Sets<W> {
    /// Sets for CPUs 0 to `cpu_count - 1`, with none of them in either.
    pub(super) fn new(cpu_count: u32) -> Sets<W> {
        let group = |_| Group {
            idle: W::new(0),
            crowded: W::new(0),
        };
        Sets {
            groups: (0..(cpu_count as usize).div_ceil(GROUP)).map(group).collect(),
        }
    }

    /// Says of a CPU in which of the two it is. Called under its lock.
    #[inline]
    pub(super) fn assign(&self, cpu: CpuId, idle: bool, crowded: bool) {
        let (group, bit) = place_of(cpu);
        if let Some(group) = self.groups.get(group) {
            assign(&group.idle, bit, idle);
            assign(&group.crowded, bit, crowded);
        }
    }

    /// Takes a CPU out of the idle ones. `true`: it was one of them.
    #[must_use = "of all who try, one has taken it out"]
    pub(super) fn take_idle(&self, cpu: CpuId) -> bool {
        let (group, bit) = place_of(cpu);
        let Some(group) = self.groups.get(group) else {
            return false;
        };
        group.idle.fetch_and(!bit, Ordering::SeqCst) & bit != 0
    }

    /// The idle CPUs of a group.
    #[inline]
    pub(super) fn idle_in(&self, group: usize) -> u64 {
        let group = self.groups.get(group);
        group.map_or(0, |group| group.idle.load(Ordering::SeqCst))
    }

    /// The crowded ones.
    #[inline]
    pub(super) fn crowded_in(&self, group: usize) -> u64 {
        let group = self.groups.get(group);
        group.map_or(0, |group| group.crowded.load(Ordering::SeqCst))
    }

    /// Whether any CPU is idle.
    #[inline]
    pub(super) fn some_idle(&self) -> bool {
        let mut groups = self.groups.iter();
        groups.any(|group| group.idle.load(Ordering::SeqCst) != 0)
    }
}

/// Where a CPU's bit is: which group, and which bit of its words.
#[inline]
const fn place_of(cpu: CpuId) -> (usize, u64) {
    (cpu.index() / GROUP, 1 << (cpu.index() % GROUP))
}

/// Gives a bit the value that is wanted. Bits that are right already, as they mostly are, are not written:
/// whoever set them held this CPU's lock before, or is about to interrupt it.
#[inline]
fn assign<W: AtomicWord>(word: &W, bit: u64, wanted: bool) {
    let is = word.load(Ordering::Relaxed) & bit != 0;
    if is == wanted {
        return;
    }
    if wanted {
        word.fetch_or(bit, Ordering::SeqCst);
    } else {
        word.fetch_and(!bit, Ordering::SeqCst);
    }
}
