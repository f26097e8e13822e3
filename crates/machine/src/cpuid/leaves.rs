//! CPUID by leaf, each checked against the highest of its range before it is read: a processor answers a leaf beyond that with the data of
//! another one, so that nonsense looks like an answer. Limiting the range is an ordinary switch of firmware and hypervisors.

use raw_cpuid::{CpuIdReader, CpuIdResult};

/// What a leaf says that is not there.
pub(super) const NOTHING: CpuIdResult = CpuIdResult {
    eax: 0,
    ebx: 0,
    ecx: 0,
    edx: 0,
};

/// The leaves of a processor. Whoever asks for the hypervisor's has looked that there is one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leaves<R>(pub(crate) R);

impl<R: CpuIdReader> Leaves<R> {
    /// A leaf's answer, if the processor has the leaf. A subleaf that it does not have answers zeroes.
    pub(crate) fn get(&self, leaf: u32, subleaf: u32) -> Option<CpuIdResult> {
        /// Leaves that follow each other: basic from 0, the hypervisor's from 0x4000_0000, extended from 0x8000_0000.
        const RANGE: u32 = 0xffff_ff00;
        let highest = self.0.cpuid2(leaf & RANGE, 0).eax;
        let has_range = highest & RANGE == leaf & RANGE;
        (has_range && leaf <= highest).then(|| self.0.cpuid2(leaf, subleaf))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p1_a_leaf_beyond_the_highest_of_its_range_is_not_there() {
        let processor = |leaf: u32, subleaf: u32| CpuIdResult {
            eax: match leaf {
                0 => 0xb,
                0x8000_0000 => 0x8000_0008,
                _ => leaf,
            },
            ebx: subleaf,
            ..NOTHING
        };
        let leaves = Leaves(processor);
        let has = |leaf| leaves.get(leaf, 0).is_some();
        assert!(has(0) && has(4) && has(0xb) && !has(0xc) && !has(0xd));
        assert!(has(0x8000_0000) && has(0x8000_0008) && !has(0x8000_001e));
        assert_eq!(leaves.get(0xb, 3).map(|answer| answer.ebx), Some(3));
        // No range at all: the answer to its first leaf is about something else.
        let without = Leaves(|_: u32, _: u32| CpuIdResult { eax: 0xb, ..NOTHING });
        assert!(without.get(0xb, 0).is_some() && without.get(0x8000_0001, 0).is_none());
        assert!(without.get(0x4000_0010, 0).is_none());
    }
}
