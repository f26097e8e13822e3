//! A poller of submissions goes to sleep while a program publishes one. Rule F7, nasty row 4; abi.md
//! section 4.
//!
//! The poller raises NEED_WAKEUP, fences, and looks at the tail once more; only if nothing is there does it
//! sleep. The program publishes its tail, fences, and looks at the flag; if it is up, it rings (enters the
//! kernel). Each side writes one word and then reads the other's: without both fences both may read the old
//! value, and the submission lies there until something else happens.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicU32, Ordering, fence};
use loom::thread;

use crate::Mistake;

const NEED_WAKEUP: u32 = 1;

#[derive(Default)]
struct Page {
    tail: AtomicU32,
    flags: AtomicU32,
    /// The program entered the kernel to wake the poller.
    rung: AtomicBool,
}

/// One submission against one poller about to sleep: it must be seen, or the doorbell must ring.
pub fn sleeps_only_when_it_will_be_woken(mistake: Mistake) {
    let page = Arc::new(Page::default());
    let program = thread::spawn({
        let page = page.clone();
        move || {
            page.tail.store(1, Ordering::Release);
            fence(Ordering::SeqCst);
            if page.flags.load(Ordering::Relaxed) & NEED_WAKEUP != 0 {
                page.rung.store(true, Ordering::Release);
            }
        }
    });
    let asleep = go_to_sleep(&page, mistake);
    program.join().unwrap();
    assert!(
        !asleep || page.rung.load(Ordering::Acquire),
        "a submission waits and nobody comes"
    );
}

/// Whether the poller found nothing and sleeps.
fn go_to_sleep(page: &Page, mistake: Mistake) -> bool {
    let has_work = || page.tail.load(Ordering::Acquire) != 0;
    if has_work() {
        return false;
    }
    page.flags.store(NEED_WAKEUP, Ordering::Relaxed);
    if mistake == Mistake::SleepWithoutRecheck {
        return true;
    }
    if mistake != Mistake::NoFence {
        fence(Ordering::SeqCst);
    }
    if has_work() {
        page.flags.store(0, Ordering::Relaxed);
        return false;
    }
    true
}
