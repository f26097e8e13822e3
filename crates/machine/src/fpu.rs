//! The x87, SSE and AVX registers. The kernel uses none of them, so they stay the running thread's while the kernel
//! works, and are saved only when another thread takes the CPU. XSAVE where the CPU has it, else FXSAVE (Intel SDM
//! volume 1, chapter 13).

use alloc::boxed::Box;
use core::arch::asm;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::cpuid;

/// Size in blocks of a save area. Set by the boot CPU, like [`HOW`].
static BLOCKS: AtomicU32 = AtomicU32::new(8);
/// Which parts of the state XSAVE saves (0: FXSAVE does), and [`LEAVES_POINTERS`].
static HOW: AtomicU64 = AtomicU64::new(0);
/// Restoring leaves the x87 pointers to the last instruction and its operand alone unless an exception waits (AMD APM volume 2,
/// 11.4.4.3): the next thread would see the last one's.
const LEAVES_POINTERS: u64 = 1 << 32;

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
        let mask = HOW.load(Ordering::Relaxed) as u32;
        let pointer = self.0.as_mut_ptr();
        // SAFETY: the area is aligned and as large as CPUID said for this mask (`new`).
        unsafe {
            if mask == 0 {
                asm!("fxsave64 [{}]", in(reg) pointer, options(nostack, preserves_flags));
            } else {
                asm!("xsave64 [{}]", in(reg) pointer, in("eax") mask, in("edx") 0,
                     options(nostack, preserves_flags));
            }
        }
    }

    /// Loads this CPU's registers from here.
    #[inline]
    pub(crate) fn restore(&self) {
        let how = HOW.load(Ordering::Relaxed);
        let pointer = self.0.as_ptr();
        if how >= LEAVES_POINTERS {
            clear_pointers();
        }
        // SAFETY: the content is from `new` or `save` (user space never sees the area), so it is well formed; soft-float
        // kernel code does not use the registers.
        unsafe {
            if how as u32 == 0 {
                asm!("fxrstor64 [{}]", in(reg) pointer, options(nostack, preserves_flags));
            } else {
                asm!("xrstor64 [{}]", in(reg) pointer, in("eax") how as u32, in("edx") 0,
                     options(nostack, preserves_flags));
            }
        }
    }
}

/// Has the x87 unit do something of ours, so that its pointers say nothing of the last thread.
#[cold]
#[inline(never)]
fn clear_pointers() {
    static OPERAND: u32 = 0;
    // SAFETY: reads a constant. What waits is cleared first, so nothing is raised; the registers are restored next.
    unsafe {
        asm!("fnclex", "emms", "fild dword ptr [{}]", in(reg) &raw const OPERAND, options(nostack, preserves_flags));
    }
}

/// Turns the registers on for user space on this CPU. CR4 lets XSAVE through already, if CPUID has it (control.rs).
pub(crate) fn enable() {
    let features = cpuid::features();
    let mut how = if features.restores_pointers {
        0
    } else {
        LEAVES_POINTERS
    };
    if let Some(xsave) = features.xsave {
        // SAFETY: OSXSAVE is on, and the mask holds only what CPUID lists, x87 and SSE always (cpuid.rs).
        unsafe {
            asm!("xsetbv", in("ecx") 0, in("eax") xsave.mask as u32, in("edx") 0, options(nostack, preserves_flags));
        }
        BLOCKS.store(xsave.area_bytes.div_ceil(64) as u32, Ordering::Relaxed);
        how |= xsave.mask;
    }
    HOW.store(how, Ordering::Relaxed);
}
