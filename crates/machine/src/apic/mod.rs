//! Interrupt controllers: one local APIC per CPU (`local`) with its one-shot timer (`timer`), the I/O APICs
//! that device lines come in at (`io`), and the old pair of 8259s, which is switched off (`pic`).
//!
//! platform.rs brings them up in order.

pub mod io;
pub mod local;
pub mod pic;
pub mod timer;

pub use local::{can_reach, id, send_ipi, send_nmi_to_others};

use crate::traps::vector;

/// The hardware's number for a CPU. Numbers may have gaps and exceed 255; they are not CPU indices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApicId(pub u32);

/// Tells the executing CPU's local APIC that the interrupt it delivered with this vector has been taken. A
/// spurious one is not in service, so there is nothing to tell.
#[inline]
pub fn end_of_interrupt(vector: u8) {
    if vector != vector::SPURIOUS {
        local::end_of_interrupt();
    }
}

/// Turns the executing CPU's local APIC and timer on, with the kernel's vectors; everything else local is
/// masked. After [`local::init`] and [`timer::init`] have run on the first CPU.
pub(crate) fn init_this_cpu() {
    local::init_this_cpu(vector::SPURIOUS);
    timer::init_this_cpu(vector::TIMER);
}
