//! Counters of known rate that the time-stamp counter is measured against, best first: the high-precision
//! event timer, the ACPI power management timer, and channel 2 of the 8254 interval timer, which every PC
//! has. A [`Reference`] is read one sample at a time and counts up without ever wrapping.

use crate::acpi::{Fadt, HpetTable};
use crate::memory::map_mmio;
use crate::port::Port;

/// The ACPI power management timer's rate (ACPI 6.5, 4.8.2.1).
const PM_TIMER_HZ: u64 = 3_579_545;
/// The 8254's rate: a third of the NTSC colour clock, as the power management timer's is the whole.
const PIT_HZ: u64 = 1_193_182;
const FEMTOSECONDS_PER_SECOND: u64 = 1_000_000_000_000_000;

// HPET registers (IA-PC HPET specification 1.0a, section 2.3): the capabilities' upper half is the counter's
// period in femtoseconds, bit 13 says that the counter has 64 bits.
const HPET_BYTES: usize = 0x400;
const HPET_CAPABILITIES: usize = 0x00;
const HPET_CONFIGURATION: usize = 0x10;
const HPET_COUNTER: usize = 0xf0;
const HPET_ENABLE: u32 = 1 << 0;
/// The longest period that the specification allows: 100 ns.
const HPET_MAX_PERIOD_FS: u32 = 100_000_000;

/// Which counter a clock was measured against, or that it needed none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// CPUID states the rate.
    Cpuid,
    /// The high-precision event timer.
    Hpet,
    /// The ACPI power management timer.
    PowerManagementTimer,
    /// The 8254 interval timer.
    IntervalTimer,
}

impl Source {
    /// A short name for status output.
    pub fn name(self) -> &'static str {
        match self {
            Source::Cpuid => "cpuid",
            Source::Hpet => "hpet",
            Source::PowerManagementTimer => "pm-timer",
            Source::IntervalTimer => "pit",
        }
    }
}

enum Counter {
    Hpet(Hpet),
    PmTimer(Port<u32>),
    Pit(Pit),
}

/// A counter of known rate.
pub(super) struct Reference {
    counter: Counter,
    hz: u64,
    /// Which bits of a reading count.
    mask: u64,
    last: u64,
    total: u64,
}

impl Reference {
    /// The best counter that this machine has.
    pub(super) fn best(hpet: Option<HpetTable>, fadt: Option<&Fadt>) -> Self {
        hpet.and_then(Self::hpet)
            .or_else(|| fadt.and_then(Self::pm_timer))
            .unwrap_or_else(Self::pit)
    }

    pub(super) fn hpet(table: HpetTable) -> Option<Self> {
        let hpet = Hpet {
            registers: map_mmio(table.address, HPET_BYTES),
        };
        let period_fs = hpet.read(HPET_CAPABILITIES + 4);
        if !(1..=HPET_MAX_PERIOD_FS).contains(&period_fs) {
            return None;
        }
        hpet.write(HPET_CONFIGURATION, hpet.read(HPET_CONFIGURATION) | HPET_ENABLE);
        // The lower half is enough: at the shortest allowed periods it lasts far longer than a calibration.
        let hz = FEMTOSECONDS_PER_SECOND / u64::from(period_fs);
        Some(Self::new(Counter::Hpet(hpet), hz, u64::from(u32::MAX)))
    }

    pub(super) fn pm_timer(fadt: &Fadt) -> Option<Self> {
        // SAFETY: the power management timer only counts; reading it changes nothing and it is never written.
        let port = unsafe { Port::new(fadt.timer_port?) };
        let mask = if fadt.timer_32_bits {
            u64::from(u32::MAX)
        } else {
            (1 << 24) - 1
        };
        let mut reference = Self::new(Counter::PmTimer(port), PM_TIMER_HZ, mask);
        // A table can name a port where nothing counts. Some hundred reads take more than one tick.
        if (0..1000).any(|_| reference.read() > 0) {
            Some(reference)
        } else {
            None
        }
    }

    pub(super) fn pit() -> Self {
        Self::new(Counter::Pit(Pit::start()), PIT_HZ, 0xffff)
    }

    fn new(counter: Counter, hz: u64, mask: u64) -> Self {
        let mut reference = Self {
            counter,
            hz,
            mask,
            last: 0,
            total: 0,
        };
        reference.last = reference.raw();
        reference
    }

    pub(super) fn hz(&self) -> u64 {
        self.hz
    }

    pub(super) fn source(&self) -> Source {
        match self.counter {
            Counter::Hpet(_) => Source::Hpet,
            Counter::PmTimer(_) => Source::PowerManagementTimer,
            Counter::Pit(_) => Source::IntervalTimer,
        }
    }

    /// Ticks since this reference was made. Must be called more often than the counter wraps: 54 ms for the
    /// interval timer, seconds for the others.
    pub(super) fn read(&mut self) -> u64 {
        let raw = self.raw();
        self.total += raw.wrapping_sub(self.last) & self.mask;
        self.last = raw;
        self.total
    }

    fn raw(&self) -> u64 {
        match &self.counter {
            Counter::Hpet(hpet) => u64::from(hpet.read(HPET_COUNTER)),
            Counter::PmTimer(port) => u64::from(port.read()),
            Counter::Pit(pit) => pit.read(),
        }
    }
}

struct Hpet {
    registers: *mut u8,
}

impl Hpet {
    fn read(&self, offset: usize) -> u32 {
        debug_assert!(offset < HPET_BYTES && offset.is_multiple_of(4));
        // SAFETY: `registers` is the uncached mapping of HPET_BYTES bytes that `map_mmio` made for good; the
        // offset is an aligned register within it; the device's registers may be read at any time.
        unsafe { self.registers.add(offset).cast::<u32>().read_volatile() }
    }

    fn write(&self, offset: usize, value: u32) {
        debug_assert!(offset < HPET_BYTES && offset.is_multiple_of(4));
        // SAFETY: as for `read`; the only register written is the configuration, which starts the counter.
        unsafe { self.registers.add(offset).cast::<u32>().write_volatile(value) }
    }
}

/// Channel 2 of the 8254, counting down from 65536 over and over (mode 2), with the speaker off.
/// Intel 8254 data sheet: control word, and the counter latch command.
struct Pit {
    control: Port<u8>,
    channel_2: Port<u8>,
}

impl Pit {
    fn start() -> Self {
        // SAFETY: the interval timer's ports and the speaker gate count and beep; neither reaches memory.
        let (control, channel_2, gate) = unsafe { (Port::new(0x43), Port::new(0x42), Port::<u8>::new(0x61)) };
        // Bit 0 lets channel 2 count, bit 1 would connect it to the speaker.
        gate.write(gate.read() & 0b1111_1100 | 0b01);
        // Channel 2, low byte then high byte, mode 2, binary; zero means 65536.
        control.write(0b1011_0100);
        channel_2.write(0);
        channel_2.write(0);
        Self { control, channel_2 }
    }

    /// Ticks, counting up modulo 65536.
    fn read(&self) -> u64 {
        // Latch channel 2, then read it byte by byte.
        self.control.write(0b1000_0000);
        let low = self.channel_2.read();
        let high = self.channel_2.read();
        u64::from(u16::from_le_bytes([low, high]).wrapping_neg())
    }
}
