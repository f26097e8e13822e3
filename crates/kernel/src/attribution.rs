//! Tells where the time went at the end of a kernel that was built to be measured (rule A2, docs/attribution.md): on the
//! console, the tables that the machine kept and the counters that are kept always. Any other kernel says nothing.

use alloc::string::String;
use core::fmt::Write;

use machine::attribution;

use crate::console;
use crate::objects::monitor::counters;
use crate::run::cpus;
use crate::run::wake::now;

/// Writes all tables, as lines that begin with `@attribution`.
pub(crate) fn tell() {
    if !attribution::IS_ON {
        return;
    }
    let mut text = String::new();
    #[expect(clippy::let_underscore_must_use, reason = "writing to a string cannot fail")]
    let _ = attribution::write(&mut text);
    for cpu in cpus::all() {
        for (name, value, _) in counters::rows(cpu, now()) {
            #[expect(clippy::let_underscore_must_use, reason = "as above")]
            let _ = writeln!(text, "@attribution count {} {name} {value}", cpu.index);
        }
    }
    console::write(&[text.as_bytes()]);
}
