//! A page of plain words, whose program's side is played by the tests.

use core::array;
use core::cell::RefCell;
use core::sync::atomic::{AtomicU32, Ordering};

use abi::ring::header::{Field, Header, give_back, posted, publish_before_entry};
use abi::ring::{CQ_ENTRIES, Opcode, SQ_ENTRIES, Sqe};
use alloc::vec::Vec;

use super::*;

struct Page {
    words: [AtomicU32; 16],
    submissions: RefCell<[[u64; SQE_WORDS]; SQ_ENTRIES as usize]>,
    completions: RefCell<[Completion; CQ_ENTRIES as usize]>,
    /// What the program has read.
    read: RefCell<u32>,
}

impl Header for Page {
    type Word = AtomicU32;

    fn word(&self, field: Field) -> &AtomicU32 {
        &self.words[field as usize / 4]
    }
}

impl Entries for Page {
    fn submission_word(&self, index: u32, word: usize) -> u64 {
        self.submissions.borrow()[(index % SQ_ENTRIES) as usize][word]
    }

    fn set_completion(&self, index: u32, words: Completion) {
        self.completions.borrow_mut()[(index % CQ_ENTRIES) as usize] = words;
    }

    fn count_overflow(&self) {
        self.word(Field::CqOverflow).fetch_add(1, Ordering::Relaxed);
    }
}

impl Page {
    fn at(index: u32, most: usize) -> (Page, Queues) {
        let page = Page {
            words: array::from_fn(|_| AtomicU32::new(index)),
            submissions: RefCell::new([[0; SQE_WORDS]; SQ_ENTRIES as usize]),
            completions: RefCell::new([[0; 4]; CQ_ENTRIES as usize]),
            read: RefCell::new(index),
        };
        (page, Queues::starting_at(index, most))
    }

    /// Submits these opcodes, with their place as user data.
    fn submit(&self, opcodes: &[Opcode]) {
        let head = self.word(Field::SqHead).load(Ordering::Relaxed);
        for (place, &opcode) in (0..).zip(opcodes) {
            let sqe = Sqe {
                opcode: opcode as u8,
                user_data: u64::from(place),
                ..Sqe::default()
            };
            let index = head.wrapping_add(place);
            self.submissions.borrow_mut()[(index % SQ_ENTRIES) as usize] = sqe.to_words();
        }
        publish_before_entry(self, head.wrapping_add(opcodes.len() as u32));
    }

    /// Reads up to `most` completions: their user data.
    fn read(&self, most: u32) -> Vec<u64> {
        let head = *self.read.borrow();
        let unread = posted(self).wrapping_sub(head).min(most);
        let seen = (0..unread)
            .map(|place| self.completions.borrow()[(head.wrapping_add(place) % CQ_ENTRIES) as usize][0])
            .collect();
        *self.read.borrow_mut() = head.wrapping_add(unread);
        give_back(self, head.wrapping_add(unread));
        seen
    }
}

fn completion(user_data: u64) -> Completion {
    Cqe::plain(user_data, 0).to_words()
}

#[test]
fn p15_a_pass_answers_the_nops_that_it_was_told_of_and_no_more() {
    for start in [0, u32::MAX - 5] {
        let (page, mut queues) = Page::at(start, 4);
        page.submit(&[Opcode::Nop; 3]);
        let mut left = queues.pending(&page);
        // The program goes on submitting while the pass is under way.
        page.submit(&[Opcode::Nop; SQ_ENTRIES as usize]);
        assert!(!queues.answer_nops(&page, &mut left));
        assert_eq!((left, page.read(CQ_ENTRIES)), (0, alloc::vec![0, 1, 2]));
        assert!(queues.is_pending(&page));
    }
}

#[test]
fn p7_nops_before_another_submission_are_answered_and_that_is_left() {
    let (page, mut queues) = Page::at(0, 4);
    page.submit(&[Opcode::Nop, Opcode::Nop, Opcode::Recv, Opcode::Nop]);
    let mut left = queues.pending(&page);
    assert!(queues.answer_nops(&page, &mut left));
    assert_eq!((left, queues.next(&page)[1]), (2, 2));
    queues.take(&page);
    left -= 1;
    assert!(!queues.answer_nops(&page, &mut left));
    assert_eq!((left, page.read(CQ_ENTRIES)), (0, alloc::vec![0, 1, 3]));
}

#[test]
fn p7_completions_that_found_the_queue_full_come_first_when_there_is_room() {
    for start in [0, u32::MAX - 40] {
        let (page, mut queues) = Page::at(start, 4);
        let full = u64::from(CQ_ENTRIES);
        for user_data in 0..full + 2 {
            queues.publish(&page, completion(user_data));
        }
        assert_eq!(queues.available(&page), CQ_ENTRIES);
        assert_eq!(page.read(3), [0, 1, 2]);
        // A newcomer finds room and two who have waited longer.
        queues.publish(&page, completion(full + 2));
        let rest: Vec<u64> = (3..full + 3).collect();
        assert_eq!(page.read(CQ_ENTRIES), rest);
    }
}

#[test]
fn p7_whoever_counts_what_is_unread_counts_what_has_waited_for_room() {
    let (page, mut queues) = Page::at(0, 4);
    for user_data in 0..u64::from(CQ_ENTRIES) + 3 {
        queues.publish(&page, completion(user_data));
    }
    assert_eq!(page.read(CQ_ENTRIES).len(), CQ_ENTRIES as usize);
    assert_eq!(queues.available(&page), 3);
    assert_eq!(page.read(CQ_ENTRIES).len(), 3);
}

#[test]
fn p7_what_fits_nowhere_is_counted() {
    let (page, mut queues) = Page::at(0, 1);
    for user_data in 0..u64::from(CQ_ENTRIES) + 3 {
        queues.publish(&page, completion(user_data));
    }
    assert_eq!(page.word(Field::CqOverflow).load(Ordering::Relaxed), 2);
}

#[test]
fn b4_posting_is_news_until_the_waiters_were_looked_at() {
    let (page, mut queues) = Page::at(0, 4);
    assert!(!queues.is_news());
    queues.publish(&page, completion(1));
    assert!(queues.is_news());
    queues.were_looked_at();
    assert!(!queues.is_news());
    page.submit(&[Opcode::Nop]);
    let mut left = queues.pending(&page);
    assert!(!queues.answer_nops(&page, &mut left));
    assert!(queues.is_news());
}

#[test]
fn p7_there_is_a_submission_from_its_tail_on_until_it_is_taken() {
    let (page, mut queues) = Page::at(u32::MAX, 4);
    assert!(!queues.is_pending(&page));
    page.submit(&[Opcode::Recv]);
    assert!(queues.is_pending(&page));
    queues.take(&page);
    assert!(!queues.is_pending(&page));
}

#[test]
fn p5_what_waits_for_room_in_a_ring_that_is_closed_is_dropped() {
    let (page, mut queues) = Page::at(0, 4);
    for user_data in 0..u64::from(CQ_ENTRIES) + 2 {
        queues.publish(&page, completion(user_data));
    }
    queues.clear();
    assert_eq!(page.read(CQ_ENTRIES).len(), CQ_ENTRIES as usize);
    assert_eq!(queues.available(&page), 0);
    assert_eq!(
        page.word(Field::CqOverflow).load(Ordering::Relaxed),
        0,
        "nobody lost it"
    );
}

#[test]
fn p7_one_pass_at_a_time_and_a_busy_ring_says_so_where_there_is_something_to_be_taken() {
    let (page, mut queues) = Page::at(0, 4);
    assert_eq!(queues.begin_pass(true, &page), Some(0));
    page.submit(&[Opcode::Call, Opcode::Call]);
    assert_eq!(queues.begin_pass(true, &page), None);
    assert_eq!(queues.begin_pass(false, &page), Some(2));
}
