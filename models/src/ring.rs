//! The two sides of a ring page. Rules P7 and F7; docs/mutants.md, rows 4 and 19; docs/abi.md, section 4.
//!
//! Submissions and completions are the same protocol with the roles exchanged: whoever produces writes an entry and
//! publishes its tail, whoever consumes copies it out and publishes its head. A poller of submissions goes to sleep by
//! raising NEED_WAKEUP and looking once more, while the program publishes and then looks at the flag.
//!
//! Every access to an index or the flag is the one that kernel and runtime make: [`abi::ring::header`]. When entries are
//! written and copied in between is written down here once more; loom finds two accesses to one at once. The
//! rings begin nearly full, so that they fill up and run over their end soon.

use abi::ring::header::{self, Field, Header, KernelSide, Word};
use abi::ring::{CQ_ENTRIES, SQ_ENTRIES};
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use loom::thread;

use crate::Mistake;
use crate::word::HeaderWord;

/// A ring page, of whose two queues one is used.
struct Page<W> {
    sq_head: W,
    sq_tail: W,
    sq_flags: W,
    cq_head: W,
    cq_tail: W,
    cq_overflow: W,
    entries: Vec<Entry>,
}

/// An entry. `access` tells loom about the plain reads and writes of `value`, so that it finds two at once.
#[derive(Default)]
struct Entry {
    value: AtomicU32,
    access: UnsafeCell<()>,
}

impl<W: Word + Default> Page<W> {
    fn new(start: u32, entries: u32) -> Arc<Self> {
        let index = || {
            let word = W::default();
            word.store(start, Ordering::Relaxed);
            word
        };
        Arc::new(Page {
            sq_head: index(),
            sq_tail: index(),
            sq_flags: W::default(),
            cq_head: index(),
            cq_tail: index(),
            cq_overflow: W::default(),
            entries: (0..entries).map(|_| Entry::default()).collect(),
        })
    }

    fn entry(&self, index: u32) -> &Entry {
        &self.entries[index as usize % self.entries.len()]
    }

    fn write(&self, index: u32, value: u32) {
        let entry = self.entry(index);
        let store = |_| entry.value.store(value, Ordering::Relaxed);
        entry.access.with_mut(store);
    }

    fn read(&self, index: u32) -> u32 {
        let entry = self.entry(index);
        entry.access.with(|_| entry.value.load(Ordering::Relaxed))
    }
}

impl<W: Word> Header for Page<W> {
    type Word = W;

    fn word(&self, field: Field) -> &W {
        match field {
            Field::SqHead => &self.sq_head,
            Field::SqTail => &self.sq_tail,
            Field::SqFlags => &self.sq_flags,
            Field::CqHead => &self.cq_head,
            Field::CqTail => &self.cq_tail,
            Field::CqOverflow => &self.cq_overflow,
        }
    }
}

/// Submissions that are in the ring before it begins, so that the second of those that follow finds it full.
const QUEUED: u32 = SQ_ENTRIES - 1;
/// The same for completions.
const POSTED: u32 = CQ_ENTRIES - 1;
/// How many follow.
const MORE: u32 = 2;

/// A program submits while the kernel takes: each submission comes out once, whole and in order. The indices begin at
/// `start`.
pub fn carries_submissions(start: u32, mistake: Mistake) {
    match mistake {
        Mistake::WeakWords => submissions::<HeaderWord<false, true>>(start, mistake),
        _ => submissions::<HeaderWord<true, true>>(start, mistake),
    }
}

fn submissions<W: Word + Default + Send + Sync + 'static>(start: u32, mistake: Mistake) {
    let page = Page::<W>::new(start, SQ_ENTRIES);
    let mut kernel = KernelSide::starting_at(start);
    let mut tail = start;
    for value in 0..QUEUED {
        page.write(tail, value);
        tail = tail.wrapping_add(1);
    }
    header::publish_before_entry(&*page, tail);
    let program = thread::spawn({
        let page = page.clone();
        move || {
            for value in QUEUED..QUEUED + MORE {
                while mistake != Mistake::OverwriteUnread && header::queued(&*page, tail) >= SQ_ENTRIES {
                    thread::yield_now();
                }
                let next = tail.wrapping_add(1);
                if mistake == Mistake::PublishEarly {
                    let _ = header::publish(&*page, next);
                }
                page.write(tail, value);
                let _ = header::publish(&*page, next);
                tail = next;
            }
        }
    });
    let mut expected = 0;
    while expected < QUEUED + MORE {
        let batch = kernel.pending(&*page);
        if batch == 0 {
            thread::yield_now();
        }
        if mistake == Mistake::GiveBackEarly && batch > 0 {
            kernel.take(&*page, 1);
            assert_eq!(page.read(kernel.sq_head().wrapping_sub(1)), expected);
            expected += 1;
            continue;
        }
        // As the kernel takes what it can answer at once: copies a batch, and updates the index once.
        for offset in 0..batch {
            let value = page.read(kernel.sq_head().wrapping_add(offset));
            assert_eq!(value, expected, "a submission was lost, repeated or torn");
            expected += 1;
        }
        kernel.take(&*page, batch);
    }
    program.join().unwrap();
    assert_eq!(kernel.pending(&*page), 0, "the ring is empty at the end");
}

/// The kernel posts while a program reads: each completion comes out once, whole and in order. The indices begin at
/// `start`.
pub fn carries_completions(start: u32, mistake: Mistake) {
    match mistake {
        Mistake::WeakWords => completions::<HeaderWord<false, true>>(start, mistake),
        _ => completions::<HeaderWord<true, true>>(start, mistake),
    }
}

fn completions<W: Word + Default + Send + Sync + 'static>(start: u32, mistake: Mistake) {
    let page = Page::<W>::new(start, CQ_ENTRIES);
    let mut kernel = KernelSide::starting_at(start);
    for value in 0..POSTED {
        page.write(kernel.cq_tail().wrapping_add(value), value);
    }
    kernel.post(&*page, POSTED);
    let poster = thread::spawn({
        let page = page.clone();
        move || {
            for value in POSTED..POSTED + MORE {
                while mistake != Mistake::OverwriteUnread && kernel.room(&*page) == 0 {
                    thread::yield_now();
                }
                if mistake == Mistake::PublishEarly {
                    kernel.post(&*page, 1);
                    page.write(kernel.cq_tail().wrapping_sub(1), value);
                } else {
                    page.write(kernel.cq_tail(), value);
                    kernel.post(&*page, 1);
                }
            }
            kernel
        }
    });
    // The first makes room, the last are read as soon as they are there; those between are read when all is quiet.
    let read = |value: u32| {
        let found = page.read(start.wrapping_add(value));
        assert_eq!(found, value, "a completion was lost, repeated or torn");
    };
    if mistake == Mistake::GiveBackEarly {
        header::give_back(&*page, start.wrapping_add(1));
    }
    read(0);
    header::give_back(&*page, start.wrapping_add(1));
    let end = start.wrapping_add(POSTED + MORE);
    while header::posted(&*page) != end {
        thread::yield_now();
    }
    (POSTED..POSTED + MORE).for_each(read);
    let kernel = poster.join().unwrap();
    (1..POSTED).for_each(read);
    header::give_back(&*page, end);
    assert_eq!(kernel.unread(&*page), 0, "the ring is empty at the end");
}

/// One submission against one poller about to sleep: it must be seen, or the program must enter the kernel.
pub fn sleeps_only_when_it_will_be_woken(mistake: Mistake) {
    match mistake {
        Mistake::NoFence => poller::<HeaderWord<true, false>>(mistake),
        _ => poller::<HeaderWord<true, true>>(mistake),
    }
}

fn poller<W: Word + Default + Send + Sync + 'static>(mistake: Mistake) {
    let page = Page::<W>::new(0, 1);
    let rung = Arc::new(AtomicBool::new(false));
    let program = thread::spawn({
        let (page, rung) = (page.clone(), rung.clone());
        move || {
            if header::publish(&*page, 1) {
                rung.store(true, Ordering::Release);
            }
        }
    });
    let mut kernel = KernelSide::starting_at(0);
    let asleep = kernel.pending(&*page) == 0 && kernel.fall_asleep(&*page);
    let asleep = asleep || mistake == Mistake::SleepWithoutRecheck;
    program.join().unwrap();
    assert!(
        !asleep || rung.load(Ordering::Acquire),
        "a submission waits and nobody comes"
    );
}
