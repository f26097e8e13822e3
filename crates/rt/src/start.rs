//! From the kernel's first instruction to the program's `main`, and from a panic to the exit.

use abi::capset::{Capset, Page};
use abi::syscall::exit_code;

use crate::env::Env;
use crate::lane::Lane;
use crate::ring::RingPage;
use crate::syscall::exit;
use crate::thread_block::ThreadBlock;

unsafe extern "Rust" {
    /// The program's own entry, defined by [`crate::main!`].
    safe fn sundial_main(env: &Env) -> i64;
}

/// Where the kernel enters: ring page, process id, capset page (0: none). The stack looks as after a call.
///
/// # Safety
/// Called by the kernel, once, as the first code of the process.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".text._start")]
unsafe extern "C" fn _start(ring: usize, pid: u64, capset: usize) -> ! {
    if ring != abi::layout::RING as usize {
        exit(exit_code::BAD_BOOTSTRAP);
    }
    // SAFETY: the kernel passes the process ring, which stays mapped, and this is the first thread: the only user.
    let Some(page) = (unsafe { RingPage::new(ring) }) else {
        exit(exit_code::BAD_BOOTSTRAP)
    };
    let block = ThreadBlock::new(1, Lane::new(page));
    // SAFETY: the kernel set FS base from PT_TLS (user.ld), and `block` outlives the thread: this function ends
    // by ending the process.
    unsafe { crate::thread_block::install(&raw const block) };

    let capset = match capset as u64 {
        0 => None,
        abi::layout::CAPSET => {
            let page = core::ptr::with_exposed_provenance::<Page>(capset);
            // SAFETY: the kernel mapped this page readable and never changes it; bytes need no alignment.
            match Capset::read(unsafe { &*page }) {
                Ok(capset) => Some(capset),
                Err(_) => exit(exit_code::BAD_BOOTSTRAP),
            }
        }
        _ => exit(exit_code::BAD_BOOTSTRAP),
    };
    let env = Env::new(pid, capset);
    crate::print::choose_output(&env);
    crate::park::remember_space(&env);
    let code = sundial_main(&env);
    exit(code)
}

/// Says what happened where, and ends the process.
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    crate::print::last_words(format_args!("{info}\n"));
    exit(exit_code::PANIC)
}
