//! A thread's shared record and its mailbox, as `kernel::process::thread` and `kernel::ring` have them.

use std::collections::VecDeque;

use sched::{Affinity, LatencyClass, Parking, ThreadId, Weight, Whereabouts};
use shuttle::sync::atomic::{AtomicBool, Ordering::SeqCst};
use shuttle::sync::{Arc, Mutex};

use super::Owned;
use super::script::Step;
use super::word::Word;

/// What a thread carries along.
pub struct Body {
    /// Its shared record.
    pub thread: Arc<Thread>,
    /// What it will do.
    pub script: VecDeque<Step>,
    /// It waits in its system call.
    pub waits: bool,
    /// As what it is listed, while it waits.
    pub listing: Option<u64>,
    /// Whoever woke it has ended its wait: there is a letter.
    pub told: bool,
}

/// What others post to a thread, and whether it is listed to be told.
#[derive(Default)]
pub struct Mailbox {
    /// Posted and not taken.
    pub letters: u32,
    /// The thread waits for a letter, listed under this number.
    pub listed: Option<u64>,
    /// How many times it was listed.
    listings: u64,
}

/// A thread's shared record.
pub struct Thread {
    /// Who it is.
    pub id: ThreadId,
    /// Where it is while it is blocked.
    pub cell: Mutex<Parking<Owned>>,
    /// What it waits for.
    pub mailbox: Mutex<Mailbox>,
    /// In which queue it was put last, and at which rank.
    pub queued: Whereabouts<Word>,
    /// It has ended.
    pub buried: AtomicBool,
    /// Where it may run, as set last.
    pub affinity: Mutex<Affinity>,
    /// Its weight and class, as set last.
    pub policy: Mutex<(Weight, LatencyClass)>,
    dying: AtomicBool,
}

impl Thread {
    /// A thread that does not run yet.
    pub fn new(id: ThreadId) -> Thread {
        Thread {
            id,
            cell: Mutex::new(Parking::new()),
            mailbox: Mutex::default(),
            queued: Whereabouts::new(),
            buried: AtomicBool::new(false),
            affinity: Mutex::new(Affinity::Any),
            policy: Mutex::new((Weight::DEFAULT, LatencyClass::Normal)),
            dying: AtomicBool::new(false),
        }
    }

    /// Orders it to end; true the first time.
    pub fn order_to_die(&self) -> bool {
        !self.dying.swap(true, SeqCst)
    }

    /// It is to end as soon as it is safe.
    pub fn is_dying(&self) -> bool {
        self.dying.load(SeqCst)
    }

    /// Takes a letter, or lists itself for the next one: the number under which.
    pub fn take_or_list(&self) -> Option<u64> {
        let mut mailbox = self.mailbox.lock().unwrap();
        mailbox.listed = None;
        if mailbox.letters > 0 {
            mailbox.letters -= 1;
            return None;
        }
        mailbox.listings += 1;
        mailbox.listed = Some(mailbox.listings);
        mailbox.listed
    }

    /// Takes the letter that it was told of.
    pub fn take(&self) {
        let mut mailbox = self.mailbox.lock().unwrap();
        assert!(mailbox.letters > 0, "a wait ended without a letter");
        mailbox.letters -= 1;
    }
}
