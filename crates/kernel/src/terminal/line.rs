//! Setting the terminal's serial line up, as the manifest wants it, and saying so where there is none. Rules P9 and P13.

use alloc::sync::Arc;

use machine::apic::{ApicId, io};
use machine::serial::{DataBits, Format, Line, Parity, StopBits, Uart};
use machine::{cpu, vector};
use manifest::kernel::uart;
use schema_gen::system::UartParity;

use super::input::Input;
use super::{SYSTEM, Terminal};
use crate::console::say;

const NO_LINE: &str = "the terminal is not there: no serial line answers at port 0x2f8 (COM2)";
const NO_INTERRUPT: &str = "the terminal is not there: no interrupt controller takes its line";

/// Sets the second serial line up as the manifest wants it, with its interrupt at this CPU. Where that is not possible, the
/// console says so now, and programs are told when they use the terminal.
pub fn init(settings: &uart::Uart) {
    let mut uart = Uart::new(Line::Com2);
    let mut input = Input::new();
    let is_there = uart.configure(format(settings));
    let here = ApicId(cpu::apic_id(cpu::index()));
    let routed = io::route_isa_irq(Line::Com2.irq(), vector::TERMINAL_INPUT, here);
    let absent = match routed {
        Ok(_) if is_there => {
            uart.enable_receive_interrupt();
            None
        }
        Ok(_) => {
            say(format_args!(
                "{NO_LINE}. On QEMU give a second -serial, such as -serial mon:stdio after -serial file:console\n"
            ));
            Some(NO_LINE)
        }
        Err(error) => {
            say(format_args!("{NO_INTERRUPT} ({error:?})\n"));
            Some(NO_INTERRUPT)
        }
    };
    if absent.is_some() {
        input.hang_up();
    }
    SYSTEM.set(Arc::new(Terminal::new(uart, input, absent)));
}

/// The manifest's settings as the line takes them.
fn format(settings: &uart::Uart) -> Format {
    Format {
        divisor: settings.divisor(),
        // The manifest's check lets 5 to 8 data bits and 1 or 2 stop bits through.
        data_bits: match settings.data_bits {
            5 => DataBits::Five,
            6 => DataBits::Six,
            7 => DataBits::Seven,
            _ => DataBits::Eight,
        },
        parity: match settings.parity {
            UartParity::None => Parity::None,
            UartParity::Even => Parity::Even,
            UartParity::Odd => Parity::Odd,
        },
        stop_bits: if settings.stop_bits == 2 {
            StopBits::Two
        } else {
            StopBits::One
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p9_the_terminals_line_is_set_up_as_the_manifest_says() {
        let settings = uart::Uart {
            baud: 9600,
            data_bits: 7,
            stop_bits: 2,
            parity: UartParity::Odd,
            ..uart::Uart::TERMINAL
        };
        let odd = Format {
            divisor: 12,
            data_bits: DataBits::Seven,
            parity: Parity::Odd,
            stop_bits: StopBits::Two,
        };
        assert_eq!(format(&settings), odd);
        assert_eq!(format(&uart::Uart::TERMINAL), Format::STANDARD);
    }
}
