//! Which package, core and hardware thread a CPU is, from its own CPUID: placement prefers siblings, and
//! status output names them. Each CPU asks for itself, since only it can execute its CPUID.
//!
//! Intel SDM volume 3, 9.9.3 (leaves 0x1f, 0xb, and 1 with 4); AMD APM volume 3, appendix E, leaf 0x8000_001e.

use raw_cpuid::CpuIdReader;

use crate::cpuid::{Leaves, native};

/// Where a CPU sits in the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Topology {
    /// Its local APIC's id.
    pub apic_id: u32,
    /// The chip package.
    pub package: u32,
    /// The physical core within the package.
    pub core: u32,
    /// The hardware thread within the core.
    pub thread: u32,
}

/// Where the executing CPU sits.
pub fn of_this_cpu() -> Topology {
    decode(&Leaves(native))
}

/// An APIC id is package, core and thread side by side; what is to be found out is how many bits the thread
/// and the core have.
fn decode(leaves: &Leaves<impl CpuIdReader>) -> Topology {
    if let Some(topology) = [0x1f, 0xb].iter().find_map(|&leaf| from_levels(leaves, leaf)) {
        return topology;
    }
    let apic_id = leaves.get(1, 0).map_or(0, |basic| basic.ebx >> 24);
    match amd_bits(leaves).or_else(|| legacy_bits(leaves)) {
        Some((thread_bits, package_shift)) => split(apic_id, thread_bits, package_shift),
        None => Topology {
            apic_id,
            package: apic_id,
            core: 0,
            thread: 0,
        },
    }
}

/// Leaf 0x1f or 0xb: one subleaf per level, each with the shift to the next one's id. Levels between core and
/// package (module, tile, die) are counted into the core: cores are what work is placed on.
fn from_levels(leaves: &Leaves<impl CpuIdReader>, leaf: u32) -> Option<Topology> {
    /// More levels than are defined; the list ends with an invalid one.
    const MAX_LEVELS: u32 = 8;
    const INVALID: u32 = 0;
    const THREAD: u32 = 1;
    let (mut thread_bits, mut package_shift, mut apic_id) = (0, None, 0);
    for level in 0..MAX_LEVELS {
        let entry = leaves.get(leaf, level)?;
        let kind = entry.ecx >> 8 & 0xff;
        if kind == INVALID || entry.ebx & 0xffff == 0 {
            break;
        }
        let shift = entry.eax & 0x1f;
        if kind == THREAD {
            thread_bits = shift;
        }
        package_shift = Some(shift);
        apic_id = entry.edx;
    }
    Some(split(apic_id, thread_bits, package_shift?))
}

/// AMD without leaf 0xb: leaf 0x8000_001e has the threads of a core, leaf 0x8000_0008 the bits of a package.
fn amd_bits(leaves: &Leaves<impl CpuIdReader>) -> Option<(u32, u32)> {
    if leaves.get(0, 0)?.ecx != u32::from_le_bytes(*b"cAMD") {
        return None;
    }
    let threads = (leaves.get(0x8000_001e, 0)?.ebx >> 8 & 0xff) + 1;
    let sizes = leaves.get(0x8000_0008, 0)?.ecx;
    let package_shift = match sizes >> 12 & 0xf {
        0 => bits_for((sizes & 0xff) + 1),
        stated => stated,
    };
    Some((bits_for(threads), package_shift))
}

/// Before leaf 0xb: leaf 1 has the ids of a package, leaf 4 the cores among them.
fn legacy_bits(leaves: &Leaves<impl CpuIdReader>) -> Option<(u32, u32)> {
    const HYPER_THREADING: u32 = 1 << 28;
    let basic = leaves.get(1, 0)?;
    if basic.edx & HYPER_THREADING == 0 {
        return None;
    }
    let ids = (basic.ebx >> 16 & 0xff).max(1);
    // Without leaf 4 (AMD before 0x8000_001e had no threads) every id is a core.
    let core_bits = match leaves.get(4, 0).filter(|cache| cache.eax & 0x1f != 0) {
        Some(cache) => bits_for((cache.eax >> 26) + 1),
        None => bits_for(ids),
    };
    let package_shift = bits_for(ids).max(core_bits);
    Some((package_shift - core_bits, package_shift))
}

/// Bits that count up to `n` things: the logarithm, rounded up.
fn bits_for(n: u32) -> u32 {
    n.next_power_of_two().trailing_zeros()
}

fn split(apic_id: u32, thread_bits: u32, package_shift: u32) -> Topology {
    let low_bits = |value: u32, bits: u32| value & ((1u32 << bits) - 1);
    let thread_bits = thread_bits.min(package_shift);
    Topology {
        apic_id,
        package: apic_id >> package_shift,
        core: low_bits(apic_id, package_shift) >> thread_bits,
        thread: low_bits(apic_id, thread_bits),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raw_cpuid::CpuIdResult;

    fn leaf(eax: u32, ebx: u32, ecx: u32, edx: u32) -> CpuIdResult {
        CpuIdResult { eax, ebx, ecx, edx }
    }

    #[test]
    fn p2_extended_leaf_splits_a_wide_id() {
        let two_threads_of_64_cores = |number, sub| match (number, sub) {
            (0, _) => leaf(0xb, 0, 0, 0),
            (0xb, 0) => leaf(1, 2, 0x100, 301),
            (0xb, 1) => leaf(7, 128, 0x201, 301),
            _ => leaf(0, 0, 2, 301),
        };
        let found = decode(&Leaves(two_threads_of_64_cores));
        assert_eq!(
            found,
            Topology {
                apic_id: 301,
                package: 2,
                core: 22,
                thread: 1
            }
        );
    }

    #[test]
    fn p2_dies_are_part_of_the_core_number() {
        let with_dies = |number, sub| match (number, sub) {
            (0, _) => leaf(0x1f, 0, 0, 0),
            (0x1f, 0) => leaf(1, 2, 0x100, 0b0110_0111),
            (0x1f, 1) => leaf(4, 16, 0x201, 0b0110_0111),
            (0x1f, 2) => leaf(6, 64, 0x502, 0b0110_0111),
            _ => leaf(0, 0, 3, 0),
        };
        let found = decode(&Leaves(with_dies));
        assert_eq!((found.package, found.core, found.thread), (1, 0b1_0011, 1));
    }

    #[test]
    fn p2_amd_without_the_extended_leaf_has_its_own() {
        let epyc = |number, _| match number {
            0 => leaf(0xa, 0, u32::from_le_bytes(*b"cAMD"), 0),
            1 => leaf(0, 0x2b << 24, 0, 1 << 28),
            0x8000_0000 => leaf(0x8000_001f, 0, 0, 0),
            0x8000_0008 => leaf(0, 0, 4 << 12 | 15, 0),
            0x8000_001e => leaf(0, 1 << 8, 0, 0),
            _ => leaf(0, 0, 0, 0),
        };
        assert_eq!(
            decode(&Leaves(epyc)),
            Topology {
                apic_id: 0x2b,
                package: 2,
                core: 5,
                thread: 1
            }
        );
    }

    #[test]
    fn p2_leaves_1_and_4_are_the_last_resort() {
        let core_2 = |number, sub| match (number, sub) {
            (0, _) => leaf(4, 0, 0, 0),
            (1, _) => leaf(0, 6 << 24 | 4 << 16, 0, 1 << 28),
            (4, 0) => leaf(1 << 26 | 1, 0, 0, 0),
            _ => leaf(0, 0, 0, 0),
        };
        assert_eq!(
            decode(&Leaves(core_2)),
            Topology {
                apic_id: 6,
                package: 1,
                core: 1,
                thread: 0
            }
        );
        let single = |number, _| {
            if number == 1 {
                leaf(0, 3 << 24, 0, 0)
            } else {
                leaf(1, 0, 0, 0)
            }
        };
        assert_eq!(
            decode(&Leaves(single)),
            Topology {
                apic_id: 3,
                package: 3,
                core: 0,
                thread: 0
            }
        );
    }
}
