//! What this CPU can do, read once by the first CPU and then a plain struct. All CPUs of a machine are
//! taken to be alike, as every x86-64 system is; what differs between them (APIC id, topology) is in
//! topology.rs.
//!
//! Leaves: Intel SDM volume 2, CPUID; hypervisor leaves 0x4000_0000 and 0x4000_0010: the convention that
//! KVM, VMware and QEMU share. Decoding is `raw-cpuid`'s work.

use core::arch::x86_64::__cpuid_count;

mod leaves;

use raw_cpuid::{CpuId, CpuIdReader, CpuIdResult};

use crate::boot_cell::BootCell;
pub(crate) use leaves::Leaves;

static FEATURES: BootCell<Features> = BootCell::new("cpuid::FEATURES");

/// State components that this kernel saves for a thread: x87, SSE, AVX and the three of AVX-512
/// (Intel SDM volume 1, 13.1). Others (MPX, PKRU, AMX) stay off in XCR0, so user code cannot use them.
const SAVED_COMPONENTS: u64 = 0b1110_0111;
/// More than all of these need (2,688 bytes): what claims more is no layout.
const MOST_XSAVE_BYTES: usize = 16 << 10;
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

/// What the CPUs of this machine can do, as far as anybody asks.
#[derive(Debug, Clone, Copy)]
pub struct Features {
    /// What the kernel cannot do without and this CPU lacks: the first of it.
    pub lacking: Option<&'static str>,
    /// The kernel can be kept from executing user pages.
    pub smep: bool,
    /// The kernel can be kept from touching user pages.
    pub smap: bool,
    /// User code can be kept from reading descriptor table addresses.
    pub umip: bool,
    /// Translations of the kernel's pages can outlive a change of address spaces.
    pub global_pages: bool,
    /// Errors of the hardware are reported by an exception and in banks of registers.
    pub machine_check: bool,
    /// The control register of the first of those banks is the firmware's.
    pub first_bank_is_firmwares: bool,
    /// XSAVE exists; without it FXSAVE saves x87 and SSE state.
    pub xsave: Option<Xsave>,
    /// Restoring x87 state restores the pointers to its last instruction as well, whether an exception waits or not.
    pub restores_pointers: bool,
    /// The local APIC can be driven by MSRs, with 32-bit ids.
    pub x2apic: bool,
    /// The local APIC timer can be armed with a time-stamp value.
    pub tsc_deadline: bool,
    /// The time-stamp counter runs at one rate in every power state.
    pub invariant_tsc: bool,
    /// RDTSCP exists, and the register that it reads.
    pub rdtscp: bool,
    /// RDRAND exists.
    pub rdrand: bool,
    /// RDSEED exists.
    pub rdseed: bool,
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

    /// What is missing that the kernel goes on without, and what follows from that.
    pub fn absent(&self) -> impl Iterator<Item = &'static str> + use<> {
        [
            (self.smep, "smep: the kernel could execute user pages by mistake"),
            (self.smap, "smap: the kernel could touch user pages by mistake"),
            (self.umip, "umip: programs see where descriptor tables lie"),
            (
                self.machine_check,
                "mce, mca: errors of the hardware go unnoticed",
            ),
            (
                self.xsave.is_some(),
                "xsave: programs have x87 and SSE registers only",
            ),
            (
                self.rdrand || self.rdseed,
                "rdrand, rdseed: there is no source of randomness, and programs are told so",
            ),
            (
                self.invariant_tsc || self.hypervisor,
                "invariant-tsc: the clock is right only while the processor keeps its speed",
            ),
        ]
        .into_iter()
        .filter_map(|(has, what)| if has { None } else { Some(what) })
    }

    fn read<R: CpuIdReader>(cpuid: R) -> Self {
        let leaves = Leaves(cpuid.clone());
        let id = CpuId::with_cpuid_reader(cpuid);
        let basic = id.get_feature_info();
        let basic_has = |test: fn(&raw_cpuid::FeatureInfo) -> bool| basic.as_ref().is_some_and(test);
        let leaf7 = id.get_extended_feature_info();
        let leaf7_has = |test: fn(&raw_cpuid::ExtendedFeatures) -> bool| leaf7.as_ref().is_some_and(test);
        let extended = id.get_extended_processor_and_feature_identifiers();
        let extended_has = |test: fn(&raw_cpuid::ExtendedProcessorFeatureIdentifiers) -> bool| {
            extended.as_ref().is_some_and(test)
        };
        let needed = [
            ("execute-disable (nx)", extended_has(|f| f.has_execute_disable())),
            ("system calls (syscall)", extended_has(|f| f.has_syscall_sysret())),
            ("local APIC (apic)", basic_has(|f| f.has_apic())),
            ("time-stamp counter (tsc)", basic_has(|f| f.has_tsc())),
            ("model-specific registers (msr)", basic_has(|f| f.has_msr())),
            ("FXSAVE (fxsr)", basic_has(|f| f.has_fxsave_fxstor())),
            ("SSE2 (sse2)", basic_has(|f| f.has_sse() && f.has_sse2())),
        ];
        let hypervisor = basic_has(|f| f.has_hypervisor());
        let xsave = if basic_has(|f| f.has_xsave()) {
            xsave_layout(&leaves)
        } else {
            None
        };
        let (tsc_hz, apic_timer_hz) = stated_frequencies(&leaves, hypervisor);
        Self {
            lacking: needed
                .into_iter()
                .find_map(|(what, has)| if has { None } else { Some(what) }),
            smep: leaf7_has(|f| f.has_smep()),
            smap: leaf7_has(|f| f.has_smap()),
            umip: leaf7_has(|f| f.has_umip()),
            global_pages: basic_has(|f| f.has_pge()),
            machine_check: basic_has(|f| f.has_mce() && f.has_mca()),
            first_bank_is_firmwares: basic
                .as_ref()
                .is_some_and(|f| f.family_id() == 6 && f.model_id() < 0x1a),
            xsave,
            restores_pointers: restores_pointers(&leaves),
            x2apic: basic_has(|f| f.has_x2apic()),
            tsc_deadline: basic_has(|f| f.has_tsc_deadline()),
            invariant_tsc: id
                .get_advanced_power_mgmt_info()
                .is_some_and(|p| p.has_invariant_tsc()),
            rdtscp: extended_has(|f| f.has_rdtscp()),
            rdrand: basic_has(|f| f.has_rdrand()),
            rdseed: leaf7_has(|f| f.has_rdseed()),
            tsc_hz,
            apic_timer_hz,
            hypervisor,
            hypervisor_name: if hypervisor {
                leaves.get(0x4000_0000, 0).map_or([0; 12], signature)
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
/// of an enabled component (SDM volume 1, 13.4.2: subleaf i gives size in EAX and offset in EBX). `None` where the leaf that says so is
/// kept back or makes no sense: then FXSAVE is used, which needs no leaf.
fn xsave_layout(leaves: &Leaves<impl CpuIdReader>) -> Option<Xsave> {
    let supported = u64::from(leaves.get(0xd, 0)?.eax);
    if supported & 0b11 != 0b11 {
        return None;
    }
    let places: [Option<usize>; 8] = core::array::from_fn(|component| {
        let place = leaves.get(0xd, component as u32).unwrap_or(leaves::NOTHING);
        let (size, offset) = (place.eax as usize, place.ebx as usize);
        let is_honest = size > 0 && offset >= XSAVE_LEGACY_BYTES && offset + size <= MOST_XSAVE_BYTES;
        is_honest.then_some(offset + size)
    });
    let has_place = |component: &u64| *component < 2 || places[*component as usize].is_some();
    let mut mask = (0..8)
        .filter(|component| (supported & SAVED_COMPONENTS) >> component & 1 != 0)
        .filter(has_place)
        .fold(0, |mask, component| mask | 1 << component);
    // AVX-512's three components may only be enabled together, and on top of AVX (SDM volume 1, 13.3).
    if mask & 0b100 == 0 || mask & 0b1110_0000 != 0b1110_0000 {
        mask &= !0b1110_0000;
    }
    let area_bytes = (2..8)
        .filter(|component| mask & (1 << component) != 0)
        .filter_map(|component: usize| places[component])
        .fold(XSAVE_LEGACY_BYTES, usize::max);
    Some(Xsave { mask, area_bytes })
}

/// AMD's processors say whether they restore the x87 pointers always (leaf 0x8000_0008); others always have.
fn restores_pointers(leaves: &Leaves<impl CpuIdReader>) -> bool {
    const RESTORES_POINTERS: u32 = 1 << 2;
    let is_amds = leaves
        .get(0, 0)
        .is_some_and(|vendor| [*b"cAMD", *b"uine"].contains(&vendor.ecx.to_le_bytes()));
    !is_amds
        || leaves
            .get(0x8000_0008, 0)
            .is_some_and(|sizes| sizes.ebx & RESTORES_POINTERS != 0)
}

/// Rates that CPUID states exactly: the hypervisor's timing leaf (kHz), else leaf 0x15 with a crystal
/// frequency. Leaf 0x16 is not used: it is rounded to whole MHz, which can be 250 ppm off.
fn stated_frequencies(leaves: &Leaves<impl CpuIdReader>, hypervisor: bool) -> (Option<u64>, Option<u64>) {
    let in_hz = |khz: u32| {
        if khz == 0 {
            None
        } else {
            Some(u64::from(khz) * 1000)
        }
    };
    if hypervisor && let Some(timing) = leaves.get(0x4000_0010, 0) {
        return (in_hz(timing.eax), in_hz(timing.ebx));
    }
    let Some(ratio) = leaves.get(0x15, 0) else {
        return (None, None);
    };
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
            (0, _) => leaf(0xd, 0, 0, 0),
            (0xd, 0) => leaf(0b10_0000_0111, 0, 0, 0),
            (0xd, 2) => leaf(256, 576, 0, 0),
            (0xd, 9) => leaf(8, 2688, 0, 0),
            _ => leaf(0, 0, 0, 0),
        };
        assert_eq!(
            xsave_layout(&Leaves(with_avx_and_pkru)),
            Some(Xsave {
                mask: 0b111,
                area_bytes: 832
            })
        );
    }

    #[test]
    fn p5_half_of_avx_512_is_none_of_it() {
        let opmask_only = |number: u32, sub: u32| match (number, sub) {
            (0, _) => leaf(0xd, 0, 0, 0),
            (0xd, 0) => leaf(0b10_0111, 0, 0, 0),
            (0xd, 2) => leaf(256, 576, 0, 0),
            _ => leaf(64, 1088, 0, 0),
        };
        assert_eq!(
            xsave_layout(&Leaves(opmask_only)),
            Some(Xsave {
                mask: 0b111,
                area_bytes: 832
            })
        );
    }

    #[test]
    fn p5_a_layout_that_is_kept_back_or_makes_no_sense_is_not_believed() {
        // As QEMU's `-cpu max,level=12`: leaves beyond the highest answer with its data.
        for highest in 0..0xd {
            let limited = |number: u32, _: u32| match number {
                0 => leaf(highest, 0, 0, 0),
                _ => leaf(0x1234_5677, 0x2000, 0x2000, 0),
            };
            assert_eq!(xsave_layout(&Leaves(limited)), None, "level {highest}");
        }
        let without_sse = |number: u32, _: u32| leaf(if number == 0 { 0xd } else { 0b1 }, 0, 0, 0);
        assert_eq!(xsave_layout(&Leaves(without_sse)), None);
        let avx_without_a_place = |number: u32, sub: u32| match (number, sub) {
            (0, _) => leaf(0xd, 0, 0, 0),
            (0xd, 0) => leaf(0b111, 0, 0, 0),
            _ => leaf(256, 0, 0, 0),
        };
        assert_eq!(
            xsave_layout(&Leaves(avx_without_a_place)).map(|layout| layout.mask),
            Some(0b11)
        );
    }

    #[test]
    fn p17_amds_processors_restore_x87_pointers_only_where_they_say_so() {
        let vendor = |name: &[u8; 4]| u32::from_le_bytes(*name);
        let processor = |ecx: u32, sizes: u32| {
            move |number: u32, _: u32| match number {
                0 => leaf(0xd, 0, ecx, 0),
                0x8000_0000 => leaf(0x8000_0008, 0, 0, 0),
                0x8000_0008 => leaf(0, sizes, 0, 0),
                _ => leaf(0, 0, 0, 0),
            }
        };
        assert!(restores_pointers(&Leaves(processor(vendor(b"ntel"), 0))));
        assert!(!restores_pointers(&Leaves(processor(vendor(b"cAMD"), 0))));
        assert!(restores_pointers(&Leaves(processor(vendor(b"cAMD"), 1 << 2))));
    }

    #[test]
    fn x6_a_crystal_of_unknown_rate_states_no_frequency() {
        let no_crystal = |number: u32, _: u32| match number {
            0 => leaf(0x16, 0, 0, 0),
            0x15 => leaf(2, 168, 0, 0),
            _ => leaf(2100, 0, 0, 0),
        };
        assert_eq!(stated_frequencies(&Leaves(no_crystal), false), (None, None));
    }

    #[test]
    fn x6_the_crystal_times_the_ratio_is_the_counter_rate() {
        let skylake = |number: u32, _: u32| match number {
            0 => leaf(0x16, 0, 0, 0),
            0x15 => leaf(2, 250, 24_000_000, 0),
            _ => leaf(0, 0, 0, 0),
        };
        assert_eq!(
            stated_frequencies(&Leaves(skylake), false),
            (Some(3_000_000_000), Some(24_000_000))
        );
    }
}
