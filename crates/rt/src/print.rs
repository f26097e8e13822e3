//! `print!` and `println!`: text to whoever watches this program.
//!
//! The output is the capability `out` if the parent granted one (a pipe, a console or a terminal), else the
//! console named `console`. Without either, text goes nowhere. Each macro call is one write, so lines of several
//! threads do not mix.

use alloc::string::String;
use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};

use abi::interfaces;

use crate::env::{Env, OUTPUT};
use crate::message::{Run, with_run};
use crate::pending::{Target, call_void};
use crate::pipe;

/// Capability id of the output; 0: none. Written once, before `main`.
static OUTPUT_CAP: AtomicU32 = AtomicU32::new(0);
/// 1 if the output is a pipe, whose writes may be partial.
static OUTPUT_IS_PIPE: AtomicU32 = AtomicU32::new(0);

/// Method 0 of Console and TerminalSession, and method 1 of Pipe, all write bytes.
const WRITE: u16 = 0;

/// Looks for the output among the program's capabilities.
pub(crate) fn choose_output(env: &Env) {
    let is_writable = |interface| {
        [
            interfaces::PIPE,
            interfaces::CONSOLE,
            interfaces::TERMINAL_SESSION,
        ]
        .contains(&interface)
    };
    let chosen = env
        .capabilities()
        .find(|entry| entry.name == OUTPUT && is_writable(entry.interface_id))
        .or_else(|| {
            env.capabilities()
                .find(|entry| entry.interface_id == interfaces::CONSOLE)
        });
    if let Some(entry) = chosen {
        OUTPUT_CAP.store(entry.cap_id, Ordering::Relaxed);
        OUTPUT_IS_PIPE.store(
            u32::from(entry.interface_id == interfaces::PIPE),
            Ordering::Relaxed,
        );
    }
}

/// Writes bytes to the output. What cannot be written is dropped: there is nobody left to tell.
pub fn write_output(bytes: &[u8]) {
    let cap = OUTPUT_CAP.load(Ordering::Relaxed);
    if cap == 0 || bytes.is_empty() {
        return;
    }
    if OUTPUT_IS_PIPE.load(Ordering::Relaxed) != 0 {
        let _ = pipe::write_all(cap, bytes);
    } else {
        // A message may have 65,536 bytes with its framing; longer text goes in pieces.
        for piece in bytes.chunks(32 << 10) {
            let _ = with_run(Run::Data, piece, |params| {
                call_void(Target { cap, method: WRITE }, params)
            });
        }
    }
}

/// What the macros expand to.
pub fn print_formatted(text: fmt::Arguments<'_>) {
    match text.as_str() {
        Some(plain) => write_output(plain.as_bytes()),
        None => write_output(alloc::fmt::format(text).as_bytes()),
    }
}

/// A panic's message. It may come in the middle of anything, so it neither allocates nor waits for long.
pub(crate) fn last_words(text: fmt::Arguments<'_>) {
    struct Short {
        bytes: [u8; 400],
        used: usize,
    }
    impl fmt::Write for Short {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            let room = &mut self.bytes[self.used..];
            let fits = text.len().min(room.len());
            room[..fits].copy_from_slice(&text.as_bytes()[..fits]);
            self.used += fits;
            Ok(())
        }
    }
    if !crate::thread_block::lane_is_free() {
        return;
    }
    let mut short = Short {
        bytes: [0; 400],
        used: 0,
    };
    let _ = fmt::write(&mut short, text);
    write_output(&short.bytes[..short.used]);
}

/// Joins displayable things with spaces; handy for lists in messages.
pub fn joined<T: fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    let mut text = String::new();
    for item in items {
        if !text.is_empty() {
            text.push(' ');
        }
        let _ = fmt::write(&mut text, format_args!("{item}"));
    }
    text
}

/// Writes formatted text to the program's output.
#[macro_export]
macro_rules! print {
    ($($argument:tt)*) => { $crate::print::print_formatted(core::format_args!($($argument)*)) };
}

/// Writes formatted text and a line end to the program's output.
#[macro_export]
macro_rules! println {
    () => { $crate::print!("\n") };
    ($($argument:tt)*) => { $crate::print::print_formatted(core::format_args!("{}\n", core::format_args!($($argument)*))) };
}
