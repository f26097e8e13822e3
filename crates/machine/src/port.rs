//! I/O ports: the 64 KiB address space beside memory where the old devices live (serial lines, the interval
//! timer, the real-time clock, the interrupt controllers). A [`Port`] names one port and the width it is
//! accessed with. Making one is the unsafe step, taken once per device register; using it is safe.
//!
//! Instructions: IN and OUT, Intel SDM volume 2.

use core::arch::asm;
use core::marker::PhantomData;

/// How wide an access is: implemented for `u8`, `u16` and `u32`, the widths that IN and OUT have.
pub(crate) trait Width: Copy {
    /// Executes IN.
    ///
    /// # Safety
    /// As for [`Port::new`].
    unsafe fn input(port: u16) -> Self;
    /// Executes OUT.
    ///
    /// # Safety
    /// As for [`Port::new`].
    unsafe fn output(port: u16, value: Self);
}

macro_rules! width {
    ($type:ty, $register:tt) => {
        impl Width for $type {
            #[inline]
            unsafe fn input(port: u16) -> Self {
                let value: $type;
                // SAFETY: the caller vouches that accesses to this port cannot harm memory. The compiler
                // must assume that memory is read and written (no `nomem`): a device may look at it.
                unsafe { asm!(concat!("in ", $register, ", dx"), out($register) value, in("dx") port,
                              options(nostack, preserves_flags)) };
                value
            }
            #[inline]
            unsafe fn output(port: u16, value: Self) {
                // SAFETY: as for `input`.
                unsafe { asm!(concat!("out dx, ", $register), in("dx") port, in($register) value,
                              options(nostack, preserves_flags)) };
            }
        }
    };
}
width!(u8, "al");
width!(u16, "ax");
width!(u32, "eax");

/// One I/O port, accessed as `W`.
pub(crate) struct Port<W> {
    number: u16,
    width: PhantomData<fn() -> W>,
}

impl<W: Width> Port<W> {
    /// Names a port.
    ///
    /// # Safety
    /// No value written to this port, and no read of it, may make a device break memory that Rust code owns
    /// (start a DMA transfer, remap memory, switch A20), for as long as the port is in use. Serial lines,
    /// timers and interrupt masks are fine.
    pub(crate) const unsafe fn new(number: u16) -> Self {
        Self {
            number,
            width: PhantomData,
        }
    }

    /// Reads the port. May have side effects in the device.
    #[inline]
    pub(crate) fn read(&self) -> W {
        // SAFETY: promised to `Port::new`.
        unsafe { W::input(self.number) }
    }

    /// Writes the port.
    #[inline]
    pub(crate) fn write(&self, value: W) {
        // SAFETY: promised to `Port::new`.
        unsafe { W::output(self.number, value) }
    }
}
