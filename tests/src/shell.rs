//! The shell with somebody at its terminal.

use crate::{Boot, Setup};

/// The default system, booted up to the shell's first prompt.
#[must_use]
pub fn seated() -> Boot {
    let boot = Setup::shell().terminal().start();
    boot.expect("sundial> ");
    boot
}

/// Types a line: what appears until the next prompt.
pub fn answer(boot: &Boot, line: &str) -> String {
    boot.type_text(&format!("{line}\r"));
    // The shell shows what is typed; the answer follows it.
    boot.expect("\n");
    boot.expect("sundial> ")
}
