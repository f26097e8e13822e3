//! A host without threads: what is done to the ring, to time-outs and to the place is written down in order.

use core::cell::{Cell, RefCell, RefMut};

use alloc::vec;
use alloc::vec::Vec;

use super::*;

/// What happened to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Did {
    Arrived,
    Posted(u32, i32),
    Disarmed(u32),
    Forgot(&'static str),
}

struct Side {
    table: Table<u32, &'static str, u32, u32>,
    closed: bool,
}

struct Ring {
    side: RefCell<Side>,
    did: RefCell<Vec<Did>>,
    /// Time-outs that have come already give no memory back.
    came: Option<u32>,
    /// The operation that somebody has claimed and is writing for.
    writer: Cell<Option<Name>>,
}

impl Host for Ring {
    type Details = u32;
    type Place = &'static str;
    type Timer = u32;
    type Memory = u32;
    type Completion = i32;
    type Locked<'a> = RefMut<'a, Side>;

    fn lock(&self) -> RefMut<'_, Side> {
        self.side.borrow_mut()
    }

    fn table<'l>(locked: &'l mut RefMut<'_, Side>) -> &'l mut Table<u32, &'static str, u32, u32> {
        &mut locked.table
    }

    fn is_closed(locked: &RefMut<'_, Side>) -> bool {
        locked.closed
    }

    fn post(&self, locked: RefMut<'_, Side>, details: u32, completion: i32) -> u32 {
        drop(locked);
        self.did.borrow_mut().push(Did::Posted(details, completion));
        7
    }

    fn disarm(&self, timer: u32) -> Option<u32> {
        self.did.borrow_mut().push(Did::Disarmed(timer));
        // Its memory has the time-out's number.
        (self.came != Some(timer)).then_some(timer)
    }

    fn forget(&self, place: &'static str, _: Name) {
        // Places have locks of their own, under which they end operations: the ring's is free.
        assert!(self.side.try_borrow_mut().is_ok());
        self.did.borrow_mut().push(Did::Forgot(place));
    }

    /// Whoever has claimed the operation ends it now.
    fn wait(&self) {
        let writer = self.writer.take();
        let name = writer.expect("a ring waits for a writer alone");
        assert_eq!(finish(self, name, 9, || unreachable!()), None);
    }
}

impl Ring {
    fn with_room(room: u16) -> Ring {
        Ring {
            side: RefCell::new(Side {
                table: Table::new(room).unwrap(),
                closed: false,
            }),
            did: RefCell::default(),
            came: None,
            writer: Cell::new(None),
        }
    }

    fn begin(&self, details: u32) -> Name {
        self.lock().table.begin(details, Some("queue")).unwrap()
    }

    /// What was done since this was asked last.
    fn did(&self) -> Vec<Did> {
        self.did.take()
    }

    /// The memory that the slot of an operation keeps, which is taken out.
    fn memory(&self, name: Name) -> Option<u32> {
        self.lock().table.take_memory(name).flatten()
    }
}

#[test]
fn p18_what_is_completed_arrives_before_it_is_told_and_its_time_out_is_taken_back() {
    let ring = Ring::with_room(1);
    let name = ring.begin(3);
    arm(&ring, name, |memory| {
        assert_eq!(memory, None);
        40
    });
    let arrive = || ring.did.borrow_mut().push(Did::Arrived);
    assert_eq!(complete(&ring, name, -5, arrive), Some(7));
    assert_eq!(ring.did(), [Did::Arrived, Did::Posted(3, -5), Did::Disarmed(40)]);
    assert_eq!(complete(&ring, name, -6, arrive), None);
    assert_eq!(ring.did(), [], "it has ended: nothing arrives");
    let next = ring.begin(4);
    assert_eq!(
        ring.memory(next),
        Some(40),
        "the next one in the slot has the memory"
    );
}

#[test]
fn p18_a_closed_ring_is_told_nothing_and_its_operation_stays_for_whoever_closes_it() {
    let ring = Ring::with_room(1);
    let name = ring.begin(3);
    ring.lock().closed = true;
    assert_eq!(complete(&ring, name, 0, || panic!("nothing arrives")), None);
    assert_eq!(ring.did(), []);
    assert_eq!(ring.lock().table.details(name), Some(3));
}

#[test]
fn p18_what_expires_leaves_its_place_first_and_no_time_out_is_taken_back() {
    let ring = Ring::with_room(1);
    let name = ring.begin(3);
    arm(&ring, name, |_| 40);
    assert_eq!(expire(&ring, name, -11), 7);
    assert_eq!(ring.did(), [Did::Forgot("queue"), Did::Posted(3, -11)]);
    assert_eq!(expire(&ring, name, -11), 0, "it has ended: nobody is woken");
    assert_eq!(ring.did(), []);
}

#[test]
fn p18_a_time_out_is_armed_in_the_memory_of_the_one_before() {
    let ring = Ring::with_room(1);
    let name = ring.begin(3);
    keep_memory(&ring, name, 9);
    arm(&ring, name, |memory| {
        assert_eq!(memory, Some(9));
        40
    });
    assert_eq!(ring.memory(name), None, "it is in use");
    assert_eq!(complete(&ring, name, 0, || ()), Some(7));
    assert_eq!(ring.did(), [Did::Posted(3, 0), Did::Disarmed(40)]);
}

#[test]
fn p18_a_time_out_for_what_has_ended_meanwhile_is_taken_back_and_one_for_what_had_ended_is_not_armed() {
    let ring = Ring::with_room(1);
    let name = ring.begin(3);
    arm(&ring, name, |_| {
        assert_eq!(complete(&ring, name, 0, || ()), Some(7));
        40
    });
    assert_eq!(ring.did(), [Did::Posted(3, 0), Did::Disarmed(40)]);
    arm(&ring, name, |_| panic!("nothing to arm it for"));
}

#[test]
fn p18_a_time_out_that_has_come_gives_no_memory_back() {
    let mut ring = Ring::with_room(1);
    ring.came = Some(40);
    let name = ring.begin(3);
    arm(&ring, name, |_| 40);
    assert_eq!(complete(&ring, name, 0, || ()), Some(7));
    let next = ring.begin(4);
    assert_eq!(ring.memory(next), None);
}

#[test]
fn p5_whoever_closes_a_ring_ends_all_and_takes_each_out_of_its_place() {
    let ring = Ring::with_room(3);
    let with_time_out = ring.begin(1);
    arm(&ring, with_time_out, |_| 40);
    let without = ring.begin(2);
    let nowhere = ring.lock().table.begin(3, None).unwrap();
    ring.lock().closed = true;
    abandon_all(&ring);
    let expected = vec![Did::Disarmed(40), Did::Forgot("queue"), Did::Forgot("queue")];
    assert_eq!(ring.did(), expected);
    assert!(ring.lock().table.is_empty());
    for name in [with_time_out, without, nowhere] {
        assert_eq!(complete(&ring, name, 0, || ()), None);
    }
}

#[test]
fn p18_what_is_claimed_is_finished_by_whoever_claimed_it_and_only_then_is_a_ring_closed() {
    let ring = Ring::with_room(2);
    let begin = |details| {
        let begun = ring.side.borrow_mut().table.begin(details, Some("queue"));
        begun.unwrap()
    };
    let (told, writing) = (begin(1), begin(2));
    assert_eq!((claim(&ring, told), claim(&ring, writing)), (Some(1), Some(2)));
    assert_eq!(claim(&ring, told), None);
    assert_eq!(
        (complete(&ring, told, 5, || ()), expire(&ring, told, 6)),
        (None, 0)
    );
    let arrive = || ring.did.borrow_mut().push(Did::Arrived);
    assert_eq!(finish(&ring, told, 8, arrive), Some(7));
    assert_eq!(*ring.did.borrow(), vec![Did::Arrived, Did::Posted(1, 8)]);
    ring.writer.set(Some(writing));
    ring.side.borrow_mut().closed = true;
    abandon_all(&ring);
    assert!(ring.side.borrow().table.is_empty() && ring.writer.get().is_none());
    assert_eq!(ring.did.borrow().len(), 2, "nothing is posted on a closed ring");
    assert_eq!(claim(&ring, writing), None);
}
