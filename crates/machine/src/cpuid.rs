//! What this CPU can do, read once by the first CPU and then a plain struct. All CPUs of a machine are
//! taken to be alike, as every x86-64 system is; what differs between them (APIC id, topology) is in
//! topology.rs.
//!
//! Leaves: Intel SDM volume 2, CPUID; hypervisor leaves 0x4000_0000 and 0x4000_0010: the convention that
//! KVM, VMware and QEMU share. Decoding is `raw-cpuid`'s work.

use core::arch::x86_64::__cpuid_count;

use raw_cpuid::{CpuId, CpuIdReader, CpuIdResult};

use crate::boot_cell::BootCell;

static FEATURES: BootCell<Features> = BootCell::new("cpuid::FEATURES");

/// State components that this kernel saves for a thread: x87, SSE, AVX and the three of AVX-512
/// (Intel SDM volume 1, 13.1). Others (MPX, PKRU, AMX) stay off in XCR0, so user code cannot use them.
const SAVED_COMPONENTS: u64 = 0b1110_0111;
/// The legacy FXSAVE region and the XSAVE header, which every XSAVE area starts with.
const XSAVE_LEGACY_BYTES: usize = 512 + 64;

/// How the XSAVE instructions are to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Xsave {
    /// The value for XCR0: the state components that are enabled and saved.
    pub mask: u64,
    /// Bytes that XSAVE writes in standard format with this mask; at least 576.
    pub area_bytes: usize,
}

/// What the CPUs of this machine can do.
#[derive(Debug, Clone, Copy)]
pub struct Features {
    /// Pages can be marked no-execute.
    pub nx: bool,
    /// The kernel can be kept from executing user pages.
    pub smep: bool,
    /// The kernel can be kept from touching user pages.
    pub smap: bool,
    /// User code can be kept from reading descriptor table addresses.
    pub umip: bool,
    /// RDFSBASE, WRFSBASE and their GS siblings exist.
    pub fsgsbase: bool,
    /// XSAVE exists; without it FXSAVE saves x87 and SSE state.
    pub xsave: Option<Xsave>,
    /// XSAVEOPT exists.
    pub xsaveopt: bool,
    /// AVX exists and its state is in the XSAVE mask.
    pub avx: bool,
    /// Address-space tags in the translation cache.
    pub pcid: bool,
    /// INVPCID exists.
    pub invpcid: bool,
    /// The local APIC can be driven by MSRs, with 32-bit ids.
    pub x2apic: bool,
    /// The local APIC timer can be armed with a time-stamp value.
    pub tsc_deadline: bool,
    /// The time-stamp counter runs at one rate in every power state.
    pub invariant_tsc: bool,
    /// RDTSCP exists.
    pub rdtscp: bool,
    /// RDRAND exists.
    pub rdrand: bool,
    /// RDSEED exists.
    pub rdseed: bool,
    /// Pages of 1 GiB exist.
    pub gib_pages: bool,
    /// The time-stamp counter's rate in Hz, where CPUID states it exactly.
    pub tsc_hz: Option<u64>,
    /// The local APIC timer's input rate in Hz (before its divider), where CPUID states it exactly.
    pub apic_timer_hz: Option<u64>,
    /// A hypervisor runs this machine.
    pub hypervisor: bool,
    hypervisor_name: [u8; 12],
}

impl Features {
    /// The hypervisor's signature (`KVMKVMKVM`, `TCGTCGTCGTCG`), or an empty string on bare metal.
    pub fn hypervisor_name(&self) -> &str {
        let end = self
            .hypervisor_name
            .iter()
            .position(|&byte| byte == 0)
            .unwrap_or(12);
        core::str::from_utf8(&self.hypervisor_name[..end]).unwrap_or("unknown")
    }

    fn read<R: CpuIdReader>(cpuid: R) -> Self {
        let id = CpuId::with_cpuid_reader(cpuid.clone());
        let basic = id.get_feature_info();
        let basic_has = |test: fn(&raw_cpuid::FeatureInfo) -> bool| basic.as_ref().is_some_and(test);
        let leaf7 = id.get_extended_feature_info();
        let leaf7_has = |test: fn(&raw_cpuid::ExtendedFeatures) -> bool| leaf7.as_ref().is_some_and(test);
        let extended = id.get_extended_processor_and_feature_identifiers();
        let extended_has = |test: fn(&raw_cpuid::ExtendedProcessorFeatureIdentifiers) -> bool| {
            extended.as_ref().is_some_and(test)
        };
        let hypervisor = basic_has(|f| f.has_hypervisor());
        let xsave = if basic_has(|f| f.has_xsave()) {
            Some(xsave_layout(&cpuid))
        } else {
            None
        };
        let (tsc_hz, apic_timer_hz) = stated_frequencies(&cpuid, hypervisor);
        Self {
            nx: extended_has(|f| f.has_execute_disable()),
            smep: leaf7_has(|f| f.has_smep()),
            smap: leaf7_has(|f| f.has_smap()),
            umip: leaf7_has(|f| f.has_umip()),
            fsgsbase: leaf7_has(|f| f.has_fsgsbase()),
            xsave,
            xsaveopt: xsave.is_some() && cpuid.cpuid2(0xd, 1).eax & 1 != 0,
            avx: basic_has(|f| f.has_avx()) && xsave.is_some_and(|x| x.mask & 0b100 != 0),
            pcid: basic_has(|f| f.has_pcid()),
            invpcid: leaf7_has(|f| f.has_invpcid()),
            x2apic: basic_has(|f| f.has_x2apic()),
            tsc_deadline: basic_has(|f| f.has_tsc_deadline()),
            invariant_tsc: id
                .get_advanced_power_mgmt_info()
                .is_some_and(|p| p.has_invariant_tsc()),
            rdtscp: extended_has(|f| f.has_rdtscp()),
            rdrand: basic_has(|f| f.has_rdrand()),
            rdseed: leaf7_has(|f| f.has_rdseed()),
            gib_pages: extended_has(|f| f.has_1gib_pages()),
            tsc_hz,
            apic_timer_hz,
            hypervisor,
            hypervisor_name: if hypervisor {
                signature(cpuid.cpuid1(0x4000_0000))
            } else {
                [0; 12]
            },
        }
    }
}

/// Reads the features of this machine. Called once, by the first CPU, before anything asks for them.
///
/// # Panics
/// When it is called twice.
pub(crate) fn init() -> &'static Features {
    FEATURES.set(Features::read(native))
}

/// What the CPUs of this machine can do.
///
/// # Panics
/// When boot has not read them yet.
pub fn features() -> &'static Features {
    FEATURES.get()
}

/// The CPUID instruction of the executing CPU.
pub(crate) fn native(leaf: u32, subleaf: u32) -> CpuIdResult {
    let result = __cpuid_count(leaf, subleaf);
    CpuIdResult {
        eax: result.eax,
        ebx: result.ebx,
        ecx: result.ecx,
        edx: result.edx,
    }
}

/// The mask of what CPU and kernel both know, and the size of its standard-format area: the furthest end
/// of an enabled component (SDM volume 1, 13.4.2: subleaf i gives size in EAX and offset in EBX).
fn xsave_layout(cpuid: &impl CpuIdReader) -> Xsave {
    let supported = u64::from(cpuid.cpuid2(0xd, 0).eax);
    let mut mask = supported & SAVED_COMPONENTS | 0b11;
    // AVX-512's three components may only be enabled together, and on top of AVX (SDM volume 1, 13.3).
    if mask & 0b100 == 0 || mask & 0b1110_0000 != 0b1110_0000 {
        mask &= !0b1110_0000;
    }
    let mut area_bytes = XSAVE_LEGACY_BYTES;
    for component in (2..8).filter(|component| mask & (1 << component) != 0) {
        let place = cpuid.cpuid2(0xd, component);
        area_bytes = area_bytes.max(place.ebx as usize + place.eax as usize);
    }
    Xsave { mask, area_bytes }
}

/// Rates that CPUID states exactly: the hypervisor's timing leaf (kHz), else leaf 0x15 with a crystal
/// frequency. Leaf 0x16 is not used: it is rounded to whole MHz, which can be 250 ppm off.
fn stated_frequencies(cpuid: &impl CpuIdReader, hypervisor: bool) -> (Option<u64>, Option<u64>) {
    let in_hz = |khz: u32| {
        if khz == 0 {
            None
        } else {
            Some(u64::from(khz) * 1000)
        }
    };
    // QEMU answers reserved leaves with the highest basic leaf, so the upper bound is checked first.
    if hypervisor && (0x4000_0010..0x4000_0100).contains(&cpuid.cpuid1(0x4000_0000).eax) {
        let timing = cpuid.cpuid1(0x4000_0010);
        return (in_hz(timing.eax), in_hz(timing.ebx));
    }
    if cpuid.cpuid1(0).eax < 0x15 {
        return (None, None);
    }
    let ratio = cpuid.cpuid1(0x15);
    if ratio.eax == 0 || ratio.ebx == 0 || ratio.ecx == 0 {
        return (None, None);
    }
    let crystal = u64::from(ratio.ecx);
    // The crystal also feeds the APIC timer where this leaf exists (SDM volume 3, 11.5.4).
    (
        Some(crystal * u64::from(ratio.ebx) / u64::from(ratio.eax)),
        Some(crystal),
    )
}

fn signature(leaf: CpuIdResult) -> [u8; 12] {
    let mut name = [0; 12];
    name[0..4].copy_from_slice(&leaf.ebx.to_le_bytes());
    name[4..8].copy_from_slice(&leaf.ecx.to_le_bytes());
    name[8..12].copy_from_slice(&leaf.edx.to_le_bytes());
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(eax: u32, ebx: u32, ecx: u32, edx: u32) -> CpuIdResult {
        CpuIdResult { eax, ebx, ecx, edx }
    }

    #[test]
    fn p5_the_save_area_ends_where_its_last_enabled_component_ends() {
        let with_avx_and_pkru = |number: u32, sub: u32| match (number, sub) {
            (0xd, 0) => leaf(0b10_0000_0111, 0, 0, 0),
            (0xd, 2) => leaf(256, 576, 0, 0),
            (0xd, 9) => leaf(8, 2688, 0, 0),
            _ => leaf(0, 0, 0, 0),
        };
        assert_eq!(
            xsave_layout(&with_avx_and_pkru),
            Xsave {
                mask: 0b111,
                area_bytes: 832
            }
        );
    }

    #[test]
    fn p5_half_of_avx_512_is_none_of_it() {
        let opmask_only = |number: u32, sub: u32| match (number, sub) {
            (0xd, 0) => leaf(0b10_0111, 0, 0, 0),
            (0xd, 2) => leaf(256, 576, 0, 0),
            _ => leaf(64, 1088, 0, 0),
        };
        assert_eq!(
            xsave_layout(&opmask_only),
            Xsave {
                mask: 0b111,
                area_bytes: 832
            }
        );
    }

    #[test]
    fn x6_a_crystal_of_unknown_rate_states_no_frequency() {
        let no_crystal = |number: u32, _: u32| match number {
            0 => leaf(0x16, 0, 0, 0),
            0x15 => leaf(2, 168, 0, 0),
            _ => leaf(2100, 0, 0, 0),
        };
        assert_eq!(stated_frequencies(&no_crystal, false), (None, None));
    }

    #[test]
    fn x6_the_crystal_times_the_ratio_is_the_counter_rate() {
        let skylake = |number: u32, _: u32| match number {
            0 => leaf(0x16, 0, 0, 0),
            0x15 => leaf(2, 250, 24_000_000, 0),
            _ => leaf(0, 0, 0, 0),
        };
        assert_eq!(
            stated_frequencies(&skylake, false),
            (Some(3_000_000_000), Some(24_000_000))
        );
    }
}
