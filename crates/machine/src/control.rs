//! CR0 and CR4: what the kernel wants of the processor, each exactly as stated here and nothing that a loader left. What user mode could use to
//! change or see something that is not switched between threads stays off. Rule P17; docs/soundness/registers.md.
//!
//! Intel SDM volume 3, section 2.5.

use crate::cpu::PerCpu;
use crate::{cpuid, fpu, registers};

/// Protected mode, paging, write protection of the kernel, native x87 errors. Off: emulation, task switched, alignment checks, caches off.
const CR0: u64 = 1 << 0 | 1 << 1 | 1 << 4 | 1 << 5 | 1 << 16 | 1 << 31;

const PAE: u64 = 1 << 5;
const MACHINE_CHECK: u64 = 1 << 6;
const GLOBAL_PAGES: u64 = 1 << 7;
const FXSAVE: u64 = 1 << 9;
const VECTOR_EXCEPTIONS: u64 = 1 << 10;
const UMIP: u64 = 1 << 11;
const XSAVE: u64 = 1 << 18;
const SMEP: u64 = 1 << 20;
const SMAP: u64 = 1 << 21;

/// Turns on what this CPU has, and everything else off: FS and GS bases, performance counters, protection keys, shadow stacks,
/// virtual-8086 extensions.
pub(crate) fn enable(this: &PerCpu) {
    let features = cpuid::features();
    let optional = [
        (features.machine_check, MACHINE_CHECK),
        (features.global_pages, GLOBAL_PAGES),
        (features.umip, UMIP),
        (features.xsave.is_some(), XSAVE),
        (features.smep, SMEP),
        (features.smap, SMAP),
    ];
    let cr4 = optional
        .iter()
        .filter(|(has, _)| *has)
        .fold(PAE | FXSAVE | VECTOR_EXCEPTIONS, |all, (_, bit)| all | bit);
    // SAFETY: paging stays as it is; the other bits are of every x86-64 processor (cpuid.rs refuses one without them) or listed by
    // CPUID; the kernel runs from supervisor pages and opens SMAP windows (copy.rs).
    unsafe {
        registers::write_cr0(CR0);
        registers::write_cr4(cr4);
    }
    this.smap.set(u32::from(features.smap));
    fpu::enable();
}
