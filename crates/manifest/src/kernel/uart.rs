//! The two serial lines. The console is fixed, because the kernel's last words go there; the terminal is not.

use crate::error::{ManifestError, Problem};
use crate::path::Path;
use schema_gen::system::{UartParity, UartPort, system_config, uart_config};

/// Speed of the UART's clock, of which every baud rate is a fraction.
pub const CLOCK_BAUD: u32 = 115_200;

/// Settings of a serial line, with defaults filled in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Uart {
    /// Which line.
    pub port: UartPort,
    /// Bits per second; divides [`CLOCK_BAUD`].
    pub baud: u32,
    /// 5 to 8.
    pub data_bits: u8,
    /// 1 or 2.
    pub stop_bits: u8,
    /// Parity.
    pub parity: UartParity,
}

impl Uart {
    /// The console, always.
    pub const CONSOLE: Self = Self {
        port: UartPort::Com1,
        baud: CLOCK_BAUD,
        data_bits: 8,
        stop_bits: 1,
        parity: UartParity::None,
    };
    /// The terminal when nothing else is said.
    pub const TERMINAL: Self = Self {
        port: UartPort::Com2,
        ..Self::CONSOLE
    };

    /// What to write into the UART's divisor latch.
    #[must_use]
    pub const fn divisor(&self) -> u16 {
        (CLOCK_BAUD / self.baud) as u16
    }

    fn decode(path: &Path<'_>, uart: uart_config::Reader<'_>) -> Result<Self, ManifestError> {
        let default = Self::CONSOLE;
        Ok(Self {
            port: uart
                .get_port()
                .map_err(|value| path.field("port").unknown(value))?,
            baud: if uart.get_baud() == 0 {
                default.baud
            } else {
                uart.get_baud()
            },
            data_bits: if uart.get_data_bits() == 0 {
                default.data_bits
            } else {
                uart.get_data_bits()
            },
            stop_bits: if uart.get_stop_bits() == 0 {
                default.stop_bits
            } else {
                uart.get_stop_bits()
            },
            parity: uart
                .get_parity()
                .map_err(|value| path.field("parity").unknown(value))?,
        })
    }
}

/// The console: what the manifest says must be what it is.
pub(crate) fn console(path: &Path<'_>, config: system_config::Reader<'_>) -> Result<Uart, ManifestError> {
    if !config.has_console_uart() {
        return Ok(Uart::CONSOLE);
    }
    let uart = Uart::decode(
        path,
        config
            .get_console_uart()
            .map_err(|error| path.unreadable(&error))?,
    )?;
    let must = |equal: bool, field, value: u64, allowed| {
        if equal {
            Ok(())
        } else {
            Err(path.field(field).fail(Problem::OutOfRange { value, allowed }))
        }
    };
    must(uart.port == UartPort::Com1, "port", uart.port as u64, "com1 (0)")?;
    must(uart.baud == CLOCK_BAUD, "baud", uart.baud.into(), "115200")?;
    must(uart.data_bits == 8, "dataBits", uart.data_bits.into(), "8")?;
    must(uart.stop_bits == 1, "stopBits", uart.stop_bits.into(), "1")?;
    must(
        uart.parity == UartParity::None,
        "parity",
        uart.parity as u64,
        "none (0)",
    )?;
    Ok(uart)
}

/// The terminal: any setting the hardware can do.
pub(crate) fn terminal(path: &Path<'_>, config: system_config::Reader<'_>) -> Result<Uart, ManifestError> {
    if !config.has_terminal_uart() {
        return Ok(Uart::TERMINAL);
    }
    let uart = Uart::decode(
        path,
        config
            .get_terminal_uart()
            .map_err(|error| path.unreadable(&error))?,
    )?;
    let refuse =
        |field, value: u64, allowed| Err(path.field(field).fail(Problem::OutOfRange { value, allowed }));
    if uart.port != UartPort::Com2 {
        return refuse("port", uart.port as u64, "com2 (1)");
    }
    // A divisor must fit the latch: 115200 has no larger divisor than itself, which needs 17 bits.
    if !CLOCK_BAUD.is_multiple_of(uart.baud) || CLOCK_BAUD / uart.baud > u32::from(u16::MAX) {
        return refuse("baud", uart.baud.into(), "rates that divide 115200");
    }
    if !(5..=8).contains(&uart.data_bits) {
        return refuse("dataBits", uart.data_bits.into(), "5 to 8");
    }
    if !(1..=2).contains(&uart.stop_bits) {
        return refuse("stopBits", uart.stop_bits.into(), "1 or 2");
    }
    if uart.data_bits == 5 && uart.stop_bits == 2 {
        return refuse("stopBits", 2, "1 with 5 data bits");
    }
    Ok(uart)
}
