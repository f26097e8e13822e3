//! One direction of a ring page: a producer writes entries and publishes its tail, a consumer copies them
//! out and publishes its head. Submissions and completions are the same protocol with the roles exchanged.
//! Rule P7, nasty row 19; abi.md section 4.
//!
//! The memory orders are those of the kernel's page view and of the published runtime: entries are plain
//! writes, the producer releases its tail, the consumer acquires it, and the same for the head. (The
//! runtime's volatile stores are release stores on the machines we run on.)

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use loom::thread;

use crate::Mistake;

/// How many entries the model's ring has; a power of two as on the page, and small, so that it fills and
/// wraps.
const ENTRIES: u32 = 2;

struct Page {
    head: AtomicU32,
    tail: AtomicU32,
    entries: [Entry; ENTRIES as usize],
}

/// An entry. `access` tells loom about the plain reads and writes of `value`, so that it finds two at once.
#[derive(Default)]
struct Entry {
    value: AtomicU64,
    access: UnsafeCell<()>,
}

impl Page {
    fn new(start: u32) -> Self {
        Page {
            head: AtomicU32::new(start),
            tail: AtomicU32::new(start),
            entries: Default::default(),
        }
    }

    fn entry(&self, index: u32) -> &Entry {
        &self.entries[(index & (ENTRIES - 1)) as usize]
    }

    fn write(&self, index: u32, value: u64) {
        let entry = self.entry(index);
        entry
            .access
            .with_mut(|_| entry.value.store(value, Ordering::Relaxed));
    }

    fn read(&self, index: u32) -> u64 {
        let entry = self.entry(index);
        entry.access.with(|_| entry.value.load(Ordering::Relaxed))
    }
}

/// `count` entries go through a ring whose indices begin at `start`; each must come out once, whole and in
/// order.
pub fn carries_entries(start: u32, count: u64, mistake: Mistake) {
    let page = Arc::new(Page::new(start));
    let producer = thread::spawn({
        let page = page.clone();
        move || produce(&page, start, count, mistake)
    });
    let mut head = start;
    for expected in 1..=count {
        while page.tail.load(Ordering::Acquire).wrapping_sub(head) == 0 {
            thread::yield_now();
        }
        assert_eq!(page.read(head), expected, "an entry was lost, repeated or torn");
        head = head.wrapping_add(1);
        page.head.store(head, Ordering::Release);
    }
    producer.join().unwrap();
    assert_eq!(
        page.tail.load(Ordering::Acquire),
        head,
        "the ring is empty at the end"
    );
}

fn produce(page: &Page, start: u32, count: u64, mistake: Mistake) {
    let publish = if mistake == Mistake::RelaxedPublish {
        Ordering::Relaxed
    } else {
        Ordering::Release
    };
    let mut tail = start;
    for value in 1..=count {
        let full = || tail.wrapping_sub(page.head.load(Ordering::Acquire)) >= ENTRIES;
        while mistake != Mistake::OverwriteUnread && full() {
            thread::yield_now();
        }
        if mistake == Mistake::PublishEarly {
            page.tail.store(tail.wrapping_add(1), publish);
        }
        page.write(tail, value);
        tail = tail.wrapping_add(1);
        page.tail.store(tail, publish);
    }
}
