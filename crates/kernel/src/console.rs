//! The console's serial line: what programs write through Console, and what the kernel itself has to say. Each piece comes
//! out whole.

use core::fmt::{self, Write};

use machine::Lock;
use machine::attribution::Site;
use machine::serial::{Format, Line, Uart};

static UART: Lock<Uart> = Site::Serial.lock(Uart::new(Line::Com1));

/// Sets the line up.
pub fn init() {
    UART.lock().configure(Format::STANDARD);
}

/// Writes bytes as they are, in one piece.
pub fn write(parts: &[&[u8]]) {
    let mut uart = UART.lock();
    for part in parts {
        uart.write_all(part);
    }
}

struct Whole<'a>(&'a mut Uart);

impl Write for Whole<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write_all(text.as_bytes());
        Ok(())
    }
}

/// Writes a message of the kernel, in one piece.
pub fn say(message: fmt::Arguments<'_>) {
    #[expect(
        clippy::let_underscore_must_use,
        reason = "formatting these arguments cannot fail: the writer never does"
    )]
    let _ = Whole(&mut UART.lock()).write_fmt(message);
}
