//! Ctrl-C and termination signals become a flag, so that a boot is ended in order: QEMU first, its scratch
//! files next, and the terminal is put back as it was.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

static FLAG: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// From here on signals set the flag instead of ending the process. Called by verbs, not by the test driver.
pub fn watch() {
    FLAG.get_or_init(|| {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // A signal that cannot be caught ends the process as ever, and QEMU with it (guest.rs).
            let _ = signal_hook::flag::register(signal, Arc::clone(&flag));
        }
        flag
    });
}

/// Whether a signal came since [`watch`].
#[must_use]
pub fn pending() -> bool {
    FLAG.get().is_some_and(|flag| flag.load(Ordering::Relaxed))
}
