//! The x87, SSE and AVX registers. The kernel uses none of them, so they stay the running thread's while the kernel
//! works, and are saved only when another thread takes the CPU. XSAVE where the CPU has it, else FXSAVE (Intel SDM
//! volume 1, chapter 13).

use alloc::boxed::Box;
use core::arch::asm;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::{cpuid, registers};

/// Size in blocks of a save area, and which parts of the state it holds (0: FXSAVE only). Set by the boot CPU.
static BLOCKS: AtomicU32 = AtomicU32::new(8);
static MASK: AtomicU64 = AtomicU64::new(0);

/// 64 bytes, aligned as XSAVE wants.
#[repr(C, align(64))]
#[derive(Clone)]
struct Block([u8; 64]);

/// One thread's saved registers.
pub(crate) struct Area(Box<[Block]>);

impl Area {
    /// The state that a new thread starts with: all exceptions masked, registers zero.
    pub(crate) fn new() -> Area {
        let blocks = BLOCKS.load(Ordering::Relaxed) as usize;
        let mut area = alloc::vec![Block([0; 64]); blocks].into_boxed_slice();
        // FCW = 0x37f at byte 0, MXCSR = 0x1f80 at byte 24; for XSAVE an all-zero header means "initial values", but
        // MXCSR is loaded regardless.
        area[0].0[0..2].copy_from_slice(&0x37f_u16.to_le_bytes());
        area[0].0[24..28].copy_from_slice(&0x1f80_u32.to_le_bytes());
        Area(area)
    }

    /// Bytes of an area.
    pub(crate) fn bytes() -> usize {
        BLOCKS.load(Ordering::Relaxed) as usize * size_of::<Block>()
    }

    /// Saves this CPU's registers here.
    #[inline]
    pub(crate) fn save(&mut self) {
        let mask = MASK.load(Ordering::Relaxed);
        let pointer = self.0.as_mut_ptr();
        // SAFETY: the area is aligned and as large as CPUID said for this mask (`new`).
        unsafe {
            if mask == 0 {
                asm!("fxsave64 [{}]", in(reg) pointer, options(nostack, preserves_flags));
            } else {
                asm!("xsave64 [{}]", in(reg) pointer, in("eax") mask as u32, in("edx") 0,
                     options(nostack, preserves_flags));
            }
        }
    }

    /// Loads this CPU's registers from here.
    #[inline]
    pub(crate) fn restore(&self) {
        let mask = MASK.load(Ordering::Relaxed);
        let pointer = self.0.as_ptr();
        // SAFETY: the content is from `new` or `save` (user space never sees the area), so it is well formed; soft-float
        // kernel code does not use the registers.
        unsafe {
            if mask == 0 {
                asm!("fxrstor64 [{}]", in(reg) pointer, options(nostack, preserves_flags));
            } else {
                asm!("xrstor64 [{}]", in(reg) pointer, in("eax") mask as u32, in("edx") 0,
                     options(nostack, preserves_flags));
            }
        }
    }
}

/// Turns the registers on for user space on this CPU.
pub(crate) fn enable() {
    const MONITOR_COPROCESSOR: u64 = 1 << 1;
    const EMULATION: u64 = 1 << 2;
    const TASK_SWITCHED: u64 = 1 << 3;
    const NUMERIC_ERROR: u64 = 1 << 5;
    const OSFXSR: u64 = 1 << 9;
    const OSXMMEXCPT: u64 = 1 << 10;
    const OSXSAVE: u64 = 1 << 18;
    let xsave = cpuid::features().xsave;
    // SAFETY: every x86-64 has FXSAVE and SSE; OSXSAVE only if CPUID has XSAVE.
    unsafe {
        let cr0 = registers::read_cr0() & !(EMULATION | TASK_SWITCHED);
        registers::write_cr0(cr0 | MONITOR_COPROCESSOR | NUMERIC_ERROR);
        let osxsave = if xsave.is_some() { OSXSAVE } else { 0 };
        registers::write_cr4(registers::read_cr4() | OSFXSR | OSXMMEXCPT | osxsave);
    }
    let Some(xsave) = xsave else { return };
    // SAFETY: OSXSAVE is on, and the mask holds only what CPUID lists, x87 and SSE always (cpuid.rs).
    unsafe {
        asm!("xsetbv", in("ecx") 0, in("eax") xsave.mask as u32, in("edx") 0, options(nostack, preserves_flags));
    }
    BLOCKS.store(xsave.area_bytes.div_ceil(64) as u32, Ordering::Relaxed);
    MASK.store(xsave.mask, Ordering::Relaxed);
}
