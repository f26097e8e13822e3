//! What a terminal does with typed bytes, apart from the wire that brings them. Rule P9
//! (docs/rules/terminal.md).
//!
//! Bytes arrive at any time and wait in [`input::Input`]. A program takes them raw, or asks for a line,
//! which [`discipline::Discipline`] edits and echoes. Everything here is pure: the object that holds both,
//! its lock and its waiting callers are elsewhere.

pub mod discipline;
pub mod input;
pub struct Terminal;
pub fn init(_: &manifest::kernel::uart::Uart) {}
pub fn system() -> Option<&'static alloc::sync::Arc<Terminal>> { None }
pub fn input() {}
