//! Sets of CPUs of any size, in the byte form they have on the wire.
//!
//! CPU n is bit n mod 8 of byte n / 8. The canonical form has no zero byte at its end, so equal sets are equal
//! bytes; the empty string is the empty set and never means "all".

use alloc::vec::Vec;

use crate::ids::CpuId;

/// A set of CPUs, always in canonical form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct CpuMask {
    bytes: Vec<u8>,
}

/// Why bytes are not a mask that can be used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaskError {
    /// The last byte is zero: send the mask without it.
    NotCanonical,
    /// The mask names a CPU that this machine does not schedule.
    UnknownCpu(CpuId),
    /// It names none where one is needed.
    Empty,
    /// None of the CPUs that it names has started; this is the lowest of them.
    NotStarted(CpuId),
    /// There is no memory to keep it.
    NoMemory,
}

impl CpuMask {
    /// The empty set.
    #[must_use]
    pub const fn empty() -> CpuMask {
        CpuMask { bytes: Vec::new() }
    }

    /// The set of CPUs 0 to `count - 1`.
    #[must_use]
    pub fn first(count: u32) -> CpuMask {
        (0..count).map(CpuId).collect()
    }

    /// Reads the wire form. `cpu_count` is the number of CPUs the scheduler has, numbered from 0.
    ///
    /// # Errors
    /// See [`MaskError`]; nothing is corrected.
    pub fn parse(bytes: &[u8], cpu_count: u32) -> Result<CpuMask, MaskError> {
        if bytes.last() == Some(&0) {
            return Err(MaskError::NotCanonical);
        }
        if let Some(last) = highest(bytes)
            && last >= u64::from(cpu_count)
        {
            return Err(MaskError::UnknownCpu(CpuId(
                u32::try_from(last).unwrap_or(u32::MAX),
            )));
        }
        let mut kept = Vec::new();
        kept.try_reserve_exact(bytes.len())
            .map_err(|_| MaskError::NoMemory)?;
        kept.extend_from_slice(bytes);
        Ok(CpuMask { bytes: kept })
    }

    /// The wire form.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether `cpu` is in the set.
    #[must_use]
    pub fn contains(&self, cpu: CpuId) -> bool {
        self.bytes
            .get(cpu.index() / 8)
            .is_some_and(|byte| byte & (1 << (cpu.0 % 8)) != 0)
    }

    /// The CPUs 64 × `group` to 64 × `group` + 63 of the set, the first as the lowest bit.
    #[must_use]
    pub fn among(&self, group: usize) -> u64 {
        let bytes = self.bytes.iter().skip(8 * group).take(8);
        (0..)
            .zip(bytes)
            .fold(0, |bits, (index, byte)| bits | u64::from(*byte) << (8 * index))
    }

    /// Adds `cpu`.
    pub fn insert(&mut self, cpu: CpuId) {
        let index = cpu.index() / 8;
        if self.bytes.len() <= index {
            self.bytes.resize(index + 1, 0);
        }
        self.bytes[index] |= 1 << (cpu.0 % 8);
    }

    /// Takes `cpu` out.
    pub fn remove(&mut self, cpu: CpuId) {
        if let Some(byte) = self.bytes.get_mut(cpu.index() / 8) {
            *byte &= !(1 << (cpu.0 % 8));
            while self.bytes.last() == Some(&0) {
                self.bytes.pop();
            }
        }
    }

    /// Whether no CPU is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// How many CPUs are in the set.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.bytes.iter().map(|byte| byte.count_ones()).sum()
    }

    /// The CPUs in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = CpuId> {
        (0_u32..).zip(&self.bytes).flat_map(|(index, byte)| {
            (0..8)
                .filter(move |bit| byte & (1 << bit) != 0)
                .map(move |bit| CpuId(index * 8 + bit))
        })
    }

    /// Whether every CPU of this set is in `other`.
    #[must_use]
    pub fn is_subset(&self, other: &CpuMask) -> bool {
        self.bytes.len() <= other.bytes.len()
            && self
                .bytes
                .iter()
                .zip(&other.bytes)
                .all(|(mine, its)| mine & !its == 0)
    }

    /// Whether some CPU is in both sets.
    #[must_use]
    pub fn intersects(&self, other: &CpuMask) -> bool {
        self.bytes
            .iter()
            .zip(&other.bytes)
            .any(|(mine, its)| mine & its != 0)
    }
}

impl FromIterator<CpuId> for CpuMask {
    fn from_iter<I: IntoIterator<Item = CpuId>>(cpus: I) -> CpuMask {
        let mut mask = CpuMask::empty();
        for cpu in cpus {
            mask.insert(cpu);
        }
        mask
    }
}

/// The number of the highest bit that is set.
fn highest(bytes: &[u8]) -> Option<u64> {
    let index = bytes.iter().rposition(|byte| *byte != 0)?;
    Some(index as u64 * 8 + u64::from(bytes[index].ilog2()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    #[test]
    fn cpu_n_is_bit_n_mod_8_of_byte_n_div_8() {
        let mask: CpuMask = [CpuId(0), CpuId(9), CpuId(300)].into_iter().collect();
        assert_eq!(mask.bytes()[..2], [1, 2]);
        assert_eq!(mask.bytes().len(), 38);
        assert_eq!(
            mask.iter().collect::<vec::Vec<_>>(),
            [CpuId(0), CpuId(9), CpuId(300)]
        );
        assert_eq!(mask.len(), 3);
    }

    #[test]
    fn x2_a_set_is_read_64_cpus_at_a_time() {
        let mask: CpuMask = [CpuId(0), CpuId(63), CpuId(64), CpuId(300)].into_iter().collect();
        let groups = [0, 1, 2, 4, 5, usize::MAX / 8].map(|group| mask.among(group));
        assert_eq!(groups, [1 | 1 << 63, 1, 0, 1 << (300 % 64), 0, 0]);
    }

    #[test]
    fn the_empty_mask_is_no_cpu() {
        let mask = CpuMask::parse(&[], 4).unwrap();
        assert!(mask.is_empty() && !mask.contains(CpuId(0)));
    }

    #[test]
    fn masks_that_are_not_canonical_or_name_unknown_cpus_are_refused() {
        assert_eq!(CpuMask::parse(&[1, 0], 64), Err(MaskError::NotCanonical));
        assert_eq!(CpuMask::parse(&[0], 64), Err(MaskError::NotCanonical));
        assert_eq!(CpuMask::parse(&[0x10], 4), Err(MaskError::UnknownCpu(CpuId(4))));
        assert_eq!(CpuMask::parse(&[0x0f], 4).unwrap(), CpuMask::first(4));
    }

    #[test]
    fn removing_the_last_cpu_of_a_byte_keeps_the_form_canonical() {
        let mut mask: CpuMask = [CpuId(1), CpuId(40)].into_iter().collect();
        mask.remove(CpuId(40));
        assert_eq!(mask.bytes(), [2]);
        mask.remove(CpuId(1));
        assert_eq!(mask, CpuMask::empty());
    }

    /// Every set of some CPUs around the ends of bytes and words, beside the same as bits.
    fn some_sets() -> vec::Vec<(u32, CpuMask)> {
        let named = [0, 7, 8, 63, 64, 300].map(CpuId);
        let set = |bits: u32| {
            let cpus = named.iter().zip(0..).filter(move |(_, bit)| bits >> bit & 1 != 0);
            cpus.map(|(cpu, _)| *cpu).collect()
        };
        (0..1 << named.len()).map(|bits| (bits, set(bits))).collect()
    }

    #[test]
    fn x2_sets_of_cpus_are_sets() {
        let sets = some_sets();
        for (bits, set) in &sets {
            assert_eq!((set.len(), set.is_empty()), (bits.count_ones(), *bits == 0));
            let members: vec::Vec<CpuId> = (0..310).map(CpuId).filter(|cpu| set.contains(*cpu)).collect();
            assert_eq!(members, set.iter().collect::<vec::Vec<_>>());
            assert_eq!(members.len(), set.len() as usize);
            for (other_bits, other) in &sets {
                assert_eq!(set.is_subset(other), bits & !other_bits == 0, "{set:?} {other:?}");
                assert_eq!(set.intersects(other), bits & other_bits != 0, "{set:?} {other:?}");
                let mut rest = set.clone();
                other.iter().for_each(|cpu| rest.remove(cpu));
                assert_eq!(rest, sets[(bits & !other_bits) as usize].1);
            }
        }
    }

    #[test]
    fn x2_the_highest_cpu_of_a_mask_is_one_that_there_is() {
        for cpu in [0, 7, 8, 63, 64, 300] {
            let mut mask = CpuMask::first(2);
            mask.insert(CpuId(cpu));
            let highest = cpu.max(1);
            assert_eq!(CpuMask::parse(mask.bytes(), highest + 1), Ok(mask.clone()));
            let unknown = MaskError::UnknownCpu(CpuId(highest));
            assert_eq!(CpuMask::parse(mask.bytes(), highest), Err(unknown));
        }
    }

    #[test]
    fn subsets_and_intersections_ignore_length() {
        let (small, large) = (CpuMask::first(3), CpuMask::first(20));
        assert!(small.is_subset(&large) && !large.is_subset(&small) && small.intersects(&large));
        assert!(!small.intersects(&CpuMask::empty()) && CpuMask::empty().is_subset(&small));
    }
}
