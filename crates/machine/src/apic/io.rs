//! The I/O APICs: where device interrupt lines come in and are turned into a vector for a CPU. A route is
//! changed masked, written, and read back, so a wrong one is noticed where it is made; the old route is
//! handed to the caller, who can put it back (rule P12).
//!
//! Intel 82093AA data sheet, section 3: index and data windows, redirection table.

use alloc::vec::Vec;

use super::ApicId;
use crate::acpi::{Madt, Polarity, Trigger};
use crate::boot_cell::BootCell;
use crate::lock::Lock;
use crate::memory::map_mmio;

const WINDOW_BYTES: usize = 0x20;
const INDEX: usize = 0x00;
const DATA: usize = 0x10;
const REGISTER_VERSION: u32 = 1;
const REGISTER_TABLE: u32 = 0x10;

const ACTIVE_LOW: u32 = 1 << 13;
const LEVEL: u32 = 1 << 15;
const MASKED: u32 = 1 << 16;
/// Delivery status and remote IRR change by themselves.
const READ_ONLY: u32 = 1 << 12 | 1 << 14;

/// Where an interrupt line leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The vector that the CPU receives.
    pub vector: u8,
    /// The CPU, by APIC id; an I/O APIC can name ids below 255 only.
    pub destination: ApicId,
    /// When the line is active.
    pub polarity: Polarity,
    /// How it signals.
    pub trigger: Trigger,
    /// The line is kept from interrupting.
    pub masked: bool,
}

/// Why a line was not routed. Nothing else than its mask has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteError {
    /// No I/O APIC has this line.
    NoSuchLine,
    /// The CPU's id does not fit: choose one with an id below 255.
    UnreachableCpu,
    /// Vectors below 16 are reserved.
    ReservedVector,
    /// The hardware reads back something else. The line is left masked.
    NotAccepted {
        /// What it reads back.
        found: Route,
    },
}

struct IoApic {
    /// Address of the mapped windows.
    windows: usize,
    first_interrupt: u32,
    lines: u32,
}

struct IoApics {
    controllers: Lock<Vec<IoApic>>,
    madt: Madt,
}

static IO_APICS: BootCell<IoApics> = BootCell::new("apic::io::IO_APICS");

/// Maps the I/O APICs and masks all their lines. On the first CPU, once.
pub(crate) fn init(madt: &Madt) {
    let mut controllers = Vec::new();
    for entry in madt.io_apics() {
        let mut io_apic = IoApic {
            windows: map_mmio(u64::from(entry.address), WINDOW_BYTES) as usize,
            first_interrupt: entry.first_interrupt,
            lines: 0,
        };
        io_apic.lines = (io_apic.read(REGISTER_VERSION) >> 16 & 0xff) + 1;
        for line in 0..io_apic.lines {
            io_apic.write(REGISTER_TABLE + 2 * line, MASKED);
        }
        controllers.push(io_apic);
    }
    IO_APICS.set(IoApics {
        controllers: Lock::new(controllers),
        madt: *madt,
    });
}

/// Routes an ISA line to a vector on a CPU, unmasked, with the polarity and trigger that the firmware states.
/// Returns the route it had, for [`set_isa_route`].
///
/// # Errors
/// See [`RouteError`].
pub fn route_isa_irq(irq: u8, vector: u8, destination: ApicId) -> Result<Route, RouteError> {
    let line = IO_APICS.get().madt.isa_line(irq);
    let route = Route {
        vector,
        destination,
        polarity: line.polarity,
        trigger: line.trigger,
        masked: false,
    };
    set_isa_route(irq, route)
}

/// Gives an ISA line exactly this route: masked first, then destination, then the rest, then read back.
/// Returns the route it had.
///
/// # Errors
/// See [`RouteError`].
pub fn set_isa_route(irq: u8, route: Route) -> Result<Route, RouteError> {
    if route.destination.0 >= 0xff {
        return Err(RouteError::UnreachableCpu);
    }
    if !route.masked && route.vector < 16 {
        return Err(RouteError::ReservedVector);
    }
    with_isa_line(irq, |io_apic, line| {
        let old = io_apic.route(line);
        io_apic.set_route(line, Route { masked: true, ..old });
        io_apic.set_destination(line, route.destination);
        io_apic.set_route(line, route);
        let found = io_apic.route(line);
        if found == route {
            return Ok(old);
        }
        io_apic.set_route(
            line,
            Route {
                masked: true,
                ..found
            },
        );
        Err(RouteError::NotAccepted { found })
    })
}

/// The route of an ISA line, as the hardware has it.
///
/// # Errors
/// When no I/O APIC has the line.
pub fn isa_route(irq: u8) -> Result<Route, RouteError> {
    with_isa_line(irq, |io_apic, line| Ok(io_apic.route(line)))
}

/// Masks or unmasks an ISA line.
///
/// # Errors
/// When no I/O APIC has the line, or it would be unmasked without ever having had a route.
pub fn mask_isa_irq(irq: u8, masked: bool) -> Result<(), RouteError> {
    with_isa_line(irq, |io_apic, line| {
        let route = io_apic.route(line);
        if !masked && route.vector < 16 {
            return Err(RouteError::ReservedVector);
        }
        io_apic.set_route(line, Route { masked, ..route });
        Ok(())
    })
}

fn with_isa_line<T>(
    irq: u8,
    action: impl FnOnce(&mut IoApic, u32) -> Result<T, RouteError>,
) -> Result<T, RouteError> {
    let all = IO_APICS.get();
    let interrupt = all.madt.isa_line(irq).global_interrupt;
    let mut controllers = all.controllers.lock();
    let found = controllers.iter_mut().find_map(|io_apic| {
        let line = interrupt.checked_sub(io_apic.first_interrupt)?;
        (line < io_apic.lines).then_some((io_apic, line))
    });
    let (io_apic, line) = found.ok_or(RouteError::NoSuchLine)?;
    action(io_apic, line)
}

impl IoApic {
    fn route(&mut self, line: u32) -> Route {
        let low = self.read(REGISTER_TABLE + 2 * line);
        let high = self.read(REGISTER_TABLE + 2 * line + 1);
        Route {
            vector: low as u8,
            destination: ApicId(high >> 24),
            polarity: if low & ACTIVE_LOW != 0 {
                Polarity::Low
            } else {
                Polarity::High
            },
            trigger: if low & LEVEL != 0 {
                Trigger::Level
            } else {
                Trigger::Edge
            },
            masked: low & MASKED != 0,
        }
    }

    fn set_destination(&mut self, line: u32, destination: ApicId) {
        self.write(REGISTER_TABLE + 2 * line + 1, destination.0 << 24);
    }

    /// Everything but the destination, which is in the other half and must not change while unmasked.
    fn set_route(&mut self, line: u32, route: Route) {
        let polarity = if route.polarity == Polarity::Low {
            ACTIVE_LOW
        } else {
            0
        };
        let trigger = if route.trigger == Trigger::Level { LEVEL } else { 0 };
        let mask = if route.masked { MASKED } else { 0 };
        let low = u32::from(route.vector) | polarity | trigger | mask;
        debug_assert_eq!(low & READ_ONLY, 0);
        self.write(REGISTER_TABLE + 2 * line, low);
    }

    // Both take `&mut self`: index and data are two accesses that must not be interleaved.

    fn read(&mut self, register: u32) -> u32 {
        // SAFETY: `init` mapped WINDOW_BYTES of registers at `windows` for good, and the caller holds this
        // controller alone (`&mut self`, from under the lock or before it exists).
        unsafe {
            ((self.windows + INDEX) as *mut u32).write_volatile(register);
            ((self.windows + DATA) as *const u32).read_volatile()
        }
    }

    fn write(&mut self, register: u32, value: u32) {
        // SAFETY: as for `read`; a redirection entry steers an interrupt to a vector at or above 16 (checked
        // by the callers), for which the kernel has a handler, and reaches no memory.
        unsafe {
            ((self.windows + INDEX) as *mut u32).write_volatile(register);
            ((self.windows + DATA) as *mut u32).write_volatile(value);
        }
    }
}
