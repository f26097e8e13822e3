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

    const fn only(cpu: CpuId) -> Outline {
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
