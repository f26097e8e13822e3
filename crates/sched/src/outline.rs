//! Where threads may run, in outline: one word for any number of CPUs. Rules B6 and X2.
//!
//! On machines of up to 64 CPUs an outline is exact; on larger ones it may say yes where the answer is no, never the other
//! way round. So whoever searches passes over what an outline excludes, and asks the affinity of what is left.

use crate::entity::Affinity;
use crate::ids::CpuId;

/// A set of CPUs in one word: CPU n is bit n mod 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outline(u64);

impl Outline {
    pub(crate) const NOWHERE: Outline = Outline(0);
    pub(crate) const EVERYWHERE: Outline = Outline(u64::MAX);

    /// The word.
    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    /// The set in a word.
    pub(crate) const fn from_bits(bits: u64) -> Outline {
        Outline(bits)
    }

    pub(crate) fn of(affinity: &Affinity) -> Outline {
        match affinity {
            Affinity::Any => Outline::EVERYWHERE,
            Affinity::One(cpu) => Outline::only(*cpu),
            Affinity::Mask(mask) => mask
                .iter()
                .fold(Outline::NOWHERE, |all, cpu| all.or(Outline::only(cpu))),
        }
    }

    /// The CPUs at this place of a word.
    pub(crate) const fn at(place: usize) -> Outline {
        Outline(1 << (place % u64::BITS as usize))
    }

    /// Those that are in both.
    pub(crate) const fn both(self, other: Outline) -> Outline {
        Outline(self.0 & other.0)
    }

    /// Those that are not in the other.
    pub(crate) const fn without(self, other: Outline) -> Outline {
        Outline(self.0 & !other.0)
    }

    /// Whether some are in both.
    pub(crate) const fn meets(self, other: Outline) -> bool {
        self.0 & other.0 != 0
    }

    /// The places in a word of those that are in it.
    pub(crate) fn places(self) -> impl Iterator<Item = usize> {
        let first = (self.0 != 0).then_some(self.0);
        let left = core::iter::successors(first, |left| match left & (left - 1) {
            0 => None,
            left => Some(left),
        });
        left.map(|left| left.trailing_zeros() as usize)
    }

    /// This CPU alone.
    pub(crate) const fn only(cpu: CpuId) -> Outline {
        Outline(1 << (cpu.0 % u64::BITS))
    }

    pub(crate) const fn or(self, other: Outline) -> Outline {
        Outline(self.0 | other.0)
    }

    /// Whether `cpu` may be among them.
    pub(crate) const fn may_include(self, cpu: CpuId) -> bool {
        self.0 & Outline::only(cpu).0 != 0
    }
}
