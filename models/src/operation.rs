//! An operation that several parties may end at once: the object where it waits serves it, its time-out comes, it is
//! withdrawn, its ring is closed with its process. Rules P5, P7 and P18.
//!
//! The table and the order in which each party touches it, the time-outs and the object are the kernel's own code
//! ([`rings::table`], [`rings::ending`]). The ring has room for one operation, so that the next one has the same slot, and
//! whoever still knows the first by name must not end the second.
//!
//! What must hold in every order: what is posted for an operation is posted once; whoever is told that it ended the operation
//! is right; of an operation that has ended no time-out is armed and no object keeps it; after closing nothing is posted
//! and nothing is under way; and nobody writes into its submitter's memory after it has ended.

use loom::sync::{Arc, Mutex, MutexGuard};
use loom::thread;
use rings::ending::{self, Host};
use rings::{Name, Table};

use crate::Mistake;

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Code {
    Served,
    Expired,
    Withdrawn,
}

/// Who may end the operation, besides its time-out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// The object where it waits.
    Server,
    /// Its submitter, by asking the object.
    Withdrawer,
    /// The end of the process.
    Closer,
}

/// The private side of the ring.
struct Side {
    operations: Table<u32, (), u32, ()>,
    posted: Vec<(u32, Code)>,
    closed: bool,
    /// How many were posted when it was closed.
    before_closing: usize,
    /// Whoever closed it is done, and its memory is used for something else.
    gone: bool,
}

struct System {
    side: Mutex<Side>,
    /// The object's queue.
    object: Mutex<Vec<Name>>,
    /// Armed time-outs.
    deadlines: Mutex<Vec<(u32, Name)>>,
    /// How many operations the object was told to have served.
    served: Mutex<usize>,
    mistake: Mistake,
}

impl Host for System {
    type Details = u32;
    type Place = ();
    type Timer = u32;
    type Memory = ();
    type Completion = Code;
    type Locked<'a> = MutexGuard<'a, Side>;

    fn lock(&self) -> MutexGuard<'_, Side> {
        self.side.lock().unwrap()
    }

    fn table<'l>(locked: &'l mut MutexGuard<'_, Side>) -> &'l mut Table<u32, (), u32, ()> {
        &mut locked.operations
    }

    fn is_closed(locked: &MutexGuard<'_, Side>) -> bool {
        locked.closed
    }

    fn post(&self, mut locked: MutexGuard<'_, Side>, details: u32, completion: Code) -> u32 {
        locked.posted.push((details, completion));
        0
    }

    fn disarm(&self, timer: u32) -> Option<()> {
        if self.mistake == Mistake::KeepTheTimer {
            return None;
        }
        let mut deadlines = self.deadlines.lock().unwrap();
        let armed = deadlines.iter().position(|(id, _)| *id == timer)?;
        deadlines.remove(armed);
        Some(())
    }

    fn forget(&self, (): (), name: Name) {
        if self.mistake != Mistake::ForgetNothing {
            self.object.lock().unwrap().retain(|waiting| *waiting != name);
        }
    }

    fn wait(&self) {
        thread::yield_now();
    }
}

impl System {
    fn new(mistake: Mistake) -> Arc<System> {
        Arc::new(System {
            side: Mutex::new(Side {
                operations: Table::new(1).unwrap(),
                posted: Vec::new(),
                closed: false,
                before_closing: 0,
                gone: false,
            }),
            object: Mutex::default(),
            deadlines: Mutex::default(),
            served: Mutex::new(0),
            mistake,
        })
    }

    /// Begins an operation at the object, if the ring has room and is open.
    fn begin(&self, details: u32) -> Option<Name> {
        // Under the object's lock, which whoever serves takes too.
        let mut object = self.object.lock().unwrap();
        let mut side = self.side.lock().unwrap();
        if side.closed {
            return None;
        }
        let name = side.operations.begin(details, Some(())).ok()?;
        object.push(name);
        Some(name)
    }

    fn arm(&self, name: Name) {
        ending::arm(self, name, |_| {
            self.deadlines.lock().unwrap().push((1, name));
            1
        });
    }

    /// The timer's interrupt.
    fn fire(&self) {
        let due = self.deadlines.lock().unwrap().pop();
        let Some((_, mut name)) = due else { return };
        ending::keep_memory(self, name, ());
        if self.mistake == Mistake::EndTheSlotsTenant {
            let tenant = self.side.lock().unwrap().operations.first();
            name = tenant.unwrap_or(name);
        }
        ending::expire(self, name, Code::Expired);
    }

    fn act(&self, party: Party) {
        match party {
            Party::Server => {
                let Some(name) = self.take_waiting() else { return };
                let ended = self.serve(name);
                if ended || self.mistake == Mistake::ServeWithoutAsking {
                    *self.served.lock().unwrap() += 1;
                }
            }
            Party::Withdrawer => {
                let Some(name) = self.take_waiting() else { return };
                let _ended = ending::complete(self, name, Code::Withdrawn, || ());
            }
            Party::Closer => {
                let mut side = self.side.lock().unwrap();
                side.closed = true;
                side.before_closing = side.posted.len();
                drop(side);
                ending::abandon_all(self);
                self.side.lock().unwrap().gone = true;
            }
        }
    }

    /// Writes into the submitter's memory and ends the operation; whether it did.
    fn serve(&self, name: Name) -> bool {
        if self.mistake == Mistake::WriteWithoutClaim {
            let details = self.side.lock().unwrap().operations.details(name);
            let Some(details) = details else { return false };
            self.write(details);
            return ending::complete(self, name, Code::Served, || ()).is_some();
        }
        let Some(details) = ending::claim(self, name) else {
            return false;
        };
        self.write(details);
        ending::finish(self, name, Code::Served, || ()).is_some()
    }

    /// What an operation's submitter gets written, which it may be from its beginning to its end.
    fn write(&self, details: u32) {
        let side = self.side.lock().unwrap();
        let has_ended = side.posted.iter().any(|(of, _)| *of == details);
        assert!(
            !has_ended && !side.gone,
            "written into the memory of an operation that has ended"
        );
    }

    fn take_waiting(&self) -> Option<Name> {
        let mut object = self.object.lock().unwrap();
        (!object.is_empty()).then(|| object.remove(0))
    }

    fn everything_is_as_it_should_be(&self) {
        let mut side = self.side.lock().unwrap();
        for details in [1, 2] {
            let posted = side.posted.iter().filter(|(of, _)| *of == details).count();
            assert!(posted <= 1, "operation {details} ended {posted} times");
        }
        assert!(
            !side.posted.contains(&(2, Code::Expired)),
            "an operation without a time-out has expired"
        );
        let told = side
            .posted
            .iter()
            .filter(|(_, code)| *code == Code::Served)
            .count();
        assert_eq!(*self.served.lock().unwrap(), told, "served, and told so");
        for name in self.object.lock().unwrap().iter() {
            assert!(
                side.operations.details(*name).is_some(),
                "the object keeps a ghost"
            );
        }
        for (_, name) in self.deadlines.lock().unwrap().iter() {
            assert!(
                side.operations.details(*name).is_some(),
                "a ghost's time-out is armed"
            );
        }
        if side.closed {
            assert!(
                side.operations.is_empty(),
                "something is under way on a closed ring"
            );
            assert_eq!(side.posted.len(), side.before_closing, "posted after closing");
        }
    }
}

/// An operation is armed while its time-out comes and `party` ends it, too; if its slot is free then, another one begins
/// there.
pub fn ends_once(party: Party, mistake: Mistake) {
    let system = System::new(mistake);
    let first = system.begin(1);
    let ender = thread::spawn({
        let system = system.clone();
        move || system.act(party)
    });
    let timer = thread::spawn({
        let system = system.clone();
        move || system.fire()
    });
    if let Some(first) = first {
        system.arm(first);
    }
    let _second = system.begin(2);
    ender.join().unwrap();
    timer.join().unwrap();
    system.everything_is_as_it_should_be();
}

/// The object serves an operation while its ring is closed, and its submitter's memory is used for something else after that.
pub fn served_while_closing(mistake: Mistake) {
    let system = System::new(mistake);
    let begun = system.begin(1);
    assert!(begun.is_some(), "the ring is open and empty");
    let server = thread::spawn({
        let system = system.clone();
        move || system.act(Party::Server)
    });
    system.act(Party::Closer);
    server.join().unwrap();
    system.everything_is_as_it_should_be();
}
