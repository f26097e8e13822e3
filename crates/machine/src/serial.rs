//! The two serial lines: COM1 carries the console and panic reports, COM2 the terminal. A [`Uart`] is plain
//! register access; who may use it when is the caller's lock. [`emergency_write`] takes no lock and needs
//! nothing to be set up, so it works from any panic.
//!
//! Registers: National Semiconductor PC16550D data sheet, sections 8.1 to 8.7.

use crate::port::Port;

/// Bytes that the transmitter takes at once when it reports itself empty.
const FIFO_BYTES: usize = 16;
/// How often the transmitter's state is looked at before a byte is given up. A byte takes 87 us at 115200
/// baud; this is many times that on any machine, and bounds the harm of a line that is not there.
const TRANSMIT_POLLS: u32 = 1_000_000;

/// What is read where nothing is on the bus; no state of a real line.
const EMPTY_SLOT: u8 = 0xff;
const LINE_DATA_READY: u8 = 1 << 0;
const LINE_TRANSMITTER_EMPTY: u8 = 1 << 5;
const LINE_CONTROL_DIVISOR: u8 = 1 << 7;
const INTERRUPT_RECEIVED: u8 = 1 << 0;
/// FIFOs on, both cleared, receive interrupt after one byte: a key press is answered at once.
const FIFO_ON_AND_CLEAR: u8 = 0b0000_0111;
/// DTR and RTS say that we are here; OUT2 connects the interrupt line on a PC.
const MODEM_READY: u8 = 0b0000_1011;
const MODEM_LOOPBACK: u8 = 0b0001_0000;

/// Which serial line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// Ports 0x3f8 to 0x3ff, ISA interrupt 4.
    Com1,
    /// Ports 0x2f8 to 0x2ff, ISA interrupt 3.
    Com2,
}

impl Line {
    const fn base(self) -> u16 {
        match self {
            Line::Com1 => 0x3f8,
            Line::Com2 => 0x2f8,
        }
    }

    /// The ISA interrupt line of this serial line.
    pub const fn irq(self) -> u8 {
        match self {
            Line::Com1 => 4,
            Line::Com2 => 3,
        }
    }
}

/// Parity of a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parity {
    /// No parity bit.
    None,
    /// The number of ones, with the parity bit, is odd.
    Odd,
    /// The number of ones, with the parity bit, is even.
    Even,
}

/// Bits of data in a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataBits {
    /// Five.
    Five,
    /// Six.
    Six,
    /// Seven.
    Seven,
    /// Eight.
    Eight,
}

/// Stop bits after a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopBits {
    /// One.
    One,
    /// Two.
    Two,
}

/// The shape of characters on the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// 115200 divided by this is the baud rate. Zero is taken as one.
    pub divisor: u16,
    /// Bits of data.
    pub data_bits: DataBits,
    /// Parity.
    pub parity: Parity,
    /// Stop bits.
    pub stop_bits: StopBits,
}

impl Format {
    /// 115200 baud, eight data bits, no parity, one stop bit.
    pub const STANDARD: Format = Format {
        divisor: 1,
        data_bits: DataBits::Eight,
        parity: Parity::None,
        stop_bits: StopBits::One,
    };

    fn line_control(self) -> u8 {
        let data = match self.data_bits {
            DataBits::Five => 0b00,
            DataBits::Six => 0b01,
            DataBits::Seven => 0b10,
            DataBits::Eight => 0b11,
        };
        let stop = match self.stop_bits {
            StopBits::One => 0,
            StopBits::Two => 0b100,
        };
        let parity = match self.parity {
            Parity::None => 0,
            Parity::Odd => 0b01_000,
            Parity::Even => 0b11_000,
        };
        data | stop | parity
    }
}

/// One 16550 serial line. Two `Uart`s of one line interleave their bytes; keep it behind a lock.
pub struct Uart {
    /// Receive buffer (read), transmit holding (write), or the divisor's low byte.
    data: Port<u8>,
    /// Interrupt enable, or the divisor's high byte.
    interrupts: Port<u8>,
    fifo_control: Port<u8>,
    line_control: Port<u8>,
    modem_control: Port<u8>,
    line_status: Port<u8>,
}

impl Uart {
    /// The registers of a line, as they are: nothing is set up yet.
    pub const fn new(line: Line) -> Self {
        let base = line.base();
        // SAFETY: a serial line moves bytes over a wire; none of its registers reaches memory.
        unsafe {
            Self {
                data: Port::new(base),
                interrupts: Port::new(base + 1),
                fifo_control: Port::new(base + 2),
                line_control: Port::new(base + 3),
                modem_control: Port::new(base + 4),
                line_status: Port::new(base + 5),
            }
        }
    }

    /// Sets the line up with empty FIFOs and no interrupts. Returns whether a line answers: a byte sent
    /// through the chip's own loop-back comes back.
    pub fn configure(&mut self, format: Format) -> bool {
        if self.line_status.read() == EMPTY_SLOT {
            return false;
        }
        self.interrupts.write(0);
        self.line_control.write(LINE_CONTROL_DIVISOR);
        let [low, high] = format.divisor.max(1).to_le_bytes();
        self.data.write(low);
        self.interrupts.write(high);
        self.line_control.write(format.line_control());
        self.fifo_control.write(FIFO_ON_AND_CLEAR);
        self.modem_control.write(MODEM_LOOPBACK);
        // Five bits are what every format carries.
        const PROBE: u8 = 0x1a;
        self.data.write(PROBE);
        let mut polls = TRANSMIT_POLLS;
        while !self.has_received() && polls > 0 {
            polls -= 1;
            core::hint::spin_loop();
        }
        let answered = self.data.read() == PROBE;
        self.fifo_control.write(FIFO_ON_AND_CLEAR);
        self.modem_control.write(MODEM_READY);
        answered
    }

    /// Sends bytes, waiting for the line as needed. A line that never becomes ready swallows what is left
    /// after a bounded wait instead of stopping the kernel.
    ///
    /// The line's state is read once for every sixteen bytes, as many as the FIFO holds: on a virtual machine each
    /// look is an exit to the host.
    pub fn write_all(&mut self, bytes: &[u8]) {
        crate::attribution::serial(bytes.len());
        for chunk in bytes.chunks(FIFO_BYTES) {
            if !self.wait_for_transmitter() {
                return;
            }
            for &byte in chunk {
                self.data.write(byte);
            }
        }
    }

    /// The next received byte, if there is one.
    pub fn try_read(&mut self) -> Option<u8> {
        if self.has_received() {
            Some(self.data.read())
        } else {
            None
        }
    }

    /// Lets the line raise its interrupt whenever a received byte waits. Bytes that already wait raise it at
    /// once.
    pub fn enable_receive_interrupt(&mut self) {
        self.interrupts.write(INTERRUPT_RECEIVED);
    }

    fn has_received(&self) -> bool {
        let status = self.line_status.read();
        status != EMPTY_SLOT && status & LINE_DATA_READY != 0
    }

    fn wait_for_transmitter(&self) -> bool {
        for _ in 0..TRANSMIT_POLLS {
            if self.line_status.read() & LINE_TRANSMITTER_EMPTY != 0 {
                return true;
            }
            core::hint::spin_loop();
        }
        false
    }
}

/// Writes bytes to COM1 without a lock and without needing [`Uart::configure`] (firmware or the emulator
/// leaves the line usable). For panics and early boot: output of other CPUs may be mixed in.
pub fn emergency_write(bytes: &[u8]) {
    Uart::new(Line::Com1).write_all(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p9_the_standard_format_is_eight_none_one() {
        assert_eq!(Format::STANDARD.line_control(), 0b0000_0011);
    }

    #[test]
    fn p9_every_part_of_a_format_has_its_bits() {
        let odd = Format {
            divisor: 12,
            data_bits: DataBits::Seven,
            parity: Parity::Odd,
            stop_bits: StopBits::Two,
        };
        assert_eq!(odd.line_control(), 0b0000_1110);
        assert_eq!(
            Format {
                parity: Parity::Even,
                ..odd
            }
            .line_control(),
            0b0001_1110
        );
        let sizes = [DataBits::Five, DataBits::Six, DataBits::Seven, DataBits::Eight];
        let encoded = sizes.map(|data_bits| {
            let format = Format {
                data_bits,
                ..Format::STANDARD
            };
            format.line_control()
        });
        assert_eq!(encoded, [0, 1, 2, 3]);
    }
}
