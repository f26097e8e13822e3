//! Work that a submission started and that ends later: a sleep, a join, a call to an endpoint, a receive. Each is a
//! slot in its ring's table (`rings::table`), made when the submission is accepted; the object that it waits at keeps an
//! [`Operation`], a name for the slot that goes stale when the operation ends in another way. So ending is exact: once, by
//! whoever comes first (`rings::ending`). Here is what a slot holds, and what objects may do. Rules P5, P7 and P18.

use alloc::boxed::Box;
use alloc::sync::Arc;

use abi::result::Failure;
use abi::ring::Cqe;
use abi::validate::Buffer;
use machine::{BootCell, cpu};
use rings::ending::{self, Host};
use rings::{Name, Table};
use sched::{Deadline, Instant};

use super::claim::Claim;
use super::{Locked, Ring};
use crate::memory::account::{Account, Cost};
use crate::run::timer::{self, Armed, Due, Timer};
use crate::wire::{self, ExceptionKind};

/// Operations one ring may have under way. More are refused as overloaded.
pub const LIMIT: usize = 64;

/// Memory that an operation's place in the list of the object where it waits takes at most. The machine promises it with
/// the ring, so that a list finds room when it grows (`memory::waiting_list`).
pub const LISTING_BYTES: usize = 160;

/// What a ring's table of operations takes.
pub(super) const COST: Cost = Cost::heap(LIMIT * (Operations::SLOT_BYTES + size_of::<u16>())).and(
    // As it begins them: time-outs, and listings, twice because lists grow by doubling.
    Cost::heap_later(LIMIT * (size_of::<Deadline<Timer>>() + 2 * LISTING_BYTES)),
);

/// The object at which an operation waits.
pub trait WaitPlace: Send + Sync {
    /// Takes the operation out of the object's queues: it has ended.
    fn forget(&self, operation: &Operation);
}

/// What a submission said that completes later.
#[derive(Clone, Copy)]
pub(super) struct Details {
    user_data: u64,
    pub(super) result: Buffer,
    /// The ticket of a loan that ends with it, 0 without one.
    loan: u64,
}

/// What is done when an operation ends that has the ticket of a loan, before anybody learns of the end. Set before there is one.
pub static WHEN_A_LOAN_ENDS: BootCell<fn(u64)> = BootCell::new("operation::WHEN_A_LOAN_ENDS");

impl Default for Details {
    fn default() -> Details {
        Details {
            user_data: 0,
            result: Buffer { addr: 0, len: 0 },
            loan: 0,
        }
    }
}

/// The operations of a ring.
pub(super) type Operations = Table<Details, Arc<dyn WaitPlace>, Armed, Box<Deadline<Timer>>>;

/// A name for an operation under way. Cloning it makes another name, not another operation.
#[derive(Clone)]
pub struct Operation {
    pub(super) ring: Arc<Ring>,
    pub(super) name: Name,
}

impl PartialEq for Operation {
    fn eq(&self, other: &Operation) -> bool {
        self.name == other.name && Arc::ptr_eq(&self.ring, &other.ring)
    }
}

/// Whether whoever waited for an operation was told what somebody wanted to tell it.
#[must_use = "an operation that had ended before tells nobody"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It was.
    Yes,
    /// It has no room for what it was to be told, and was told that.
    NoRoom,
    /// It had ended before.
    Ended,
}

impl Told {
    /// Whether it was told.
    #[inline]
    pub fn is_yes(self) -> bool {
        self == Told::Yes
    }

    /// Nothing depends on it: who was not told this was told of another end, or is gone.
    #[inline]
    pub fn either_way(self) {}

    #[inline]
    pub(super) fn when(is_told: bool) -> Told {
        if is_told { Told::Yes } else { Told::Ended }
    }
}

/// The ring has as many operations under way as it may.
#[derive(Debug)]
pub struct TooMany;

impl Ring {
    /// Accepts an operation that will end later.
    ///
    /// # Errors
    /// [`TooMany`] when [`LIMIT`] are under way, or the process is ending.
    #[inline(always)]
    pub fn begin(
        self: &Arc<Ring>,
        user_data: u64,
        result: Buffer,
        place: Option<Arc<dyn WaitPlace>>,
    ) -> Result<Operation, TooMany> {
        let mut state = self.lock();
        if state.closed {
            return Err(TooMany);
        }
        let details = Details {
            user_data,
            result,
            loan: 0,
        };
        let name = state.operations.begin(details, place).map_err(|_| TooMany)?;
        Ok(Operation {
            ring: self.clone(),
            name,
        })
    }
}

/// A ring to end operations of.
pub(super) struct Ending<'a>(pub(super) &'a Arc<Ring>);

impl Host for Ending<'_> {
    type Details = Details;
    type Place = Arc<dyn WaitPlace>;
    type Timer = Armed;
    type Memory = Box<Deadline<Timer>>;
    type Completion = Cqe;
    type Locked<'l>
        = Locked<'l>
    where
        Self: 'l;

    #[inline]
    fn lock(&self) -> Locked<'_> {
        self.0.lock()
    }

    #[inline]
    fn table<'l>(locked: &'l mut Locked<'_>) -> &'l mut Operations {
        &mut locked.operations
    }

    #[inline]
    fn is_closed(locked: &Locked<'_>) -> bool {
        locked.closed
    }

    #[inline]
    fn post(&self, mut locked: Locked<'_>, details: Details, completion: Cqe) -> u32 {
        if details.loan != 0 {
            WHEN_A_LOAN_ENDS.get()(details.loan);
        }
        let user_data = details.user_data;
        let completion = Cqe {
            user_data,
            ..completion
        };
        // A ring that is closed was found so before, under this lock.
        locked.queues.publish(&self.0.page, completion.to_words());
        self.0.wake_satisfied(locked)
    }

    fn disarm(&self, timer: Armed) -> Option<Box<Deadline<Timer>>> {
        let mut memory = timer::disarm(timer)?;
        memory.waiter = Timer::None;
        Some(memory)
    }

    fn forget(&self, place: Arc<dyn WaitPlace>, name: Name) {
        place.forget(&Operation {
            ring: self.0.clone(),
            name,
        });
    }

    fn wait(&self) {
        cpu::relax();
    }
}

impl Due for Ring {
    /// The operation's time is up: it ends with the code, and out of the queue of the object it waits at.
    fn end(self: Arc<Ring>, name: Name, code: i32, memory: Box<Deadline<Timer>>) -> u32 {
        let host = Ending(&self);
        ending::keep_memory(&host, name, memory);
        ending::expire(&host, name, Cqe::plain(0, code))
    }
}

impl Operation {
    /// What pays for its place in a list.
    pub fn account(&self) -> &Arc<Account> {
        self.ring.account()
    }

    #[inline]
    fn details(&self) -> Option<Details> {
        self.ring.lock().operations.details(self.name)
    }

    /// Whether it is under way on this ring, for a submission with this user data.
    pub fn is_of(&self, ring: &Arc<Ring>, user_data: u64) -> bool {
        Arc::ptr_eq(&self.ring, ring)
            && self
                .details()
                .is_some_and(|details| details.user_data == user_data)
    }

    /// Makes a loan that ends with it, if it is still under way and nobody is about to end it: `lend` is called with the ring locked, and says
    /// the ticket. One that it has already, and that is not right, ends before. Whether there is one.
    pub fn lend(&self, is_right: impl FnOnce(u64) -> bool, lend: impl FnOnce() -> Option<u64>) -> bool {
        let mut state = self.ring.lock();
        let Some(details) = state.operations.details_mut(self.name) else {
            return false;
        };
        if details.loan != 0 {
            if is_right(details.loan) {
                return true;
            }
            WHEN_A_LOAN_ENDS.get()(details.loan);
        }
        details.loan = lend().unwrap_or(0);
        details.loan != 0
    }

    /// Whether it is still under way.
    pub fn is_live(&self) -> bool {
        self.details().is_some()
    }

    /// Lets it end by time-out at `at` with the completion code `code`. Call once, right after [`Ring::begin`]. May
    /// allocate the first time a slot is used this way.
    pub fn arm(&self, at: Instant, code: i32) {
        ending::arm(&Ending(&self.ring), self.name, |memory| {
            let waiter = Timer::End {
                of: self.ring.clone(),
                name: self.name,
                code,
            };
            let memory = match memory {
                Some(mut memory) => {
                    memory.waiter = waiter;
                    memory
                }
                None => Deadline::new(waiter),
            };
            timer::arm(at, memory)
        });
    }

    /// Ends it with what `completion` makes of its user data, if it is still under way.
    #[inline]
    pub fn complete(&self, completion: Cqe) -> Told {
        Told::when(ending::complete(&Ending(&self.ring), self.name, completion, || ()).is_some())
    }

    /// Claims it, to write what it waited for into its submitter's memory; nothing, if it has ended or somebody else is about
    /// to end it.
    #[inline(always)]
    pub fn claim(&self) -> Option<Claim<'_>> {
        let details = ending::claim(&Ending(&self.ring), self.name)?;
        Some(Claim {
            operation: self,
            result: details.result,
        })
    }

    /// Ends it with a message, written to where its submission said; if there is no room for it, with the failure that
    /// says so.
    pub fn complete_bytes(&self, bytes: &[u8]) -> Told {
        let Some(claim) = self.claim() else {
            return Told::Ended;
        };
        if claim.write(bytes) {
            return claim.complete(Cqe::plain(0, bytes.len() as i32));
        }
        match claim.fail(Failure::InvalidResult) {
            Told::Yes => Told::NoRoom,
            told => told,
        }
    }

    /// Ends it with an exception, whose message is written if there is room.
    pub fn complete_exception(&self, kind: ExceptionKind, text: &str) -> Told {
        let Some(claim) = self.claim() else {
            return Told::Ended;
        };
        let is_written = claim.write(&wire::exception(kind, text));
        claim.fail(if is_written {
            Failure::ApplicationException
        } else {
            Failure::ApplicationExceptionNoDetail
        })
    }

    /// Ends it with a code.
    pub fn complete_code(&self, code: i32) -> Told {
        self.complete(Cqe::plain(0, code))
    }

    /// Ends it with a failure.
    pub fn fail(&self, failure: Failure) -> Told {
        self.complete_code(failure.code())
    }
}
