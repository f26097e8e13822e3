//! Work that a submission started and that ends later: a sleep, a join, a call to an endpoint, a receive. Each is a
//! slot in its ring's table, made when the submission is accepted; the object that it waits at keeps an [`Operation`],
//! a name for the slot that goes stale when the operation ends in another way. So ending is exact: once, by whoever
//! comes first. Rules P5 and P7.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::result::Failure;
use abi::ring::Cqe;
use abi::validate::Buffer;
use sched::{Deadline, Instant};

use super::Ring;
use crate::memory::account::{Cost, refusable};
use crate::run::timer::{self, Armed, Timer};
use crate::wire::{self, ExceptionKind};

/// Operations one ring may have under way. More are refused as overloaded.
pub const LIMIT: usize = 64;

/// Memory that an operation's place in the list of the object where it waits takes at most. The ring pays for it, so that
/// joining a list cannot fail and leaves nothing unpaid when the list grows.
pub const LISTING_BYTES: usize = 160;

/// What a ring's table of operations takes.
pub(super) const COST: Cost = Cost::heap(LIMIT * (size_of::<Slot>() + size_of::<u16>())).and(
    // As it begins them: time-outs, and listings, twice because lists grow by doubling.
    Cost::heap_later(LIMIT * (size_of::<Deadline<Timer>>() + 2 * LISTING_BYTES)),
);

/// The object at which an operation waits.
pub trait WaitPlace: Send + Sync {
    /// Takes the operation out of the object's queues: it has ended.
    fn forget(&self, operation: &Operation);
}

/// What the ring knows of an operation. A slot is written and read field by field: an operation begins and ends on
/// every call.
struct Slot {
    generation: u64,
    /// An operation has it.
    taken: bool,
    user_data: u64,
    result: Buffer,
    place: Option<Arc<dyn WaitPlace>>,
    timer: Option<Armed>,
    /// Memory for a time-out, kept for the next operation in this slot.
    deadline: Option<Box<Deadline<Timer>>>,
}

impl Slot {
    /// Out of line: few operations have a time-out.
    #[cold]
    #[inline(never)]
    fn take_timer(&mut self) -> Option<Armed> {
        self.timer.take()
    }
}

/// What is left of an operation that has ended, to be let go of without the ring's lock.
struct Ended {
    user_data: u64,
    place: Option<Arc<dyn WaitPlace>>,
    timer: Option<Armed>,
}

pub(super) struct Operations {
    slots: Vec<Slot>,
    free: Vec<u16>,
}

impl Operations {
    /// A table with room for all slots; `None` when RAM is full.
    pub(super) fn new() -> Option<Operations> {
        let mut slots = Vec::new();
        refusable(|| slots.try_reserve_exact(LIMIT)).ok()?;
        Some(Operations {
            slots,
            free: Vec::with_capacity(LIMIT),
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.slots.len() == self.free.len()
    }

    /// A free slot, marked as taken.
    #[inline]
    fn take(&mut self) -> Option<(u16, &mut Slot)> {
        let index = match self.free.pop() {
            Some(index) => index,
            None => self.grow()?,
        };
        let slot = &mut self.slots[usize::from(index)];
        slot.taken = true;
        Some((index, slot))
    }

    #[cold]
    fn grow(&mut self) -> Option<u16> {
        if self.slots.len() == LIMIT {
            return None;
        }
        self.slots.push(Slot {
            generation: 1,
            taken: false,
            user_data: 0,
            result: Buffer { addr: 0, len: 0 },
            place: None,
            timer: None,
            deadline: None,
        });
        Some(self.slots.len() as u16 - 1)
    }

    #[inline]
    fn get(&mut self, index: u16, generation: u64) -> Option<&mut Slot> {
        self.slots
            .get_mut(usize::from(index))
            .filter(|slot| slot.generation == generation && slot.taken)
    }

    #[inline]
    fn end(&mut self, index: u16, generation: u64) -> Option<Ended> {
        let slot = self.get(index, generation)?;
        // A stale name never fits again: 2^64 reuses do not happen.
        slot.generation += 1;
        slot.taken = false;
        let ended = Ended {
            user_data: slot.user_data,
            place: slot.place.take(),
            timer: slot.timer.is_some().then(|| slot.take_timer()).flatten(),
        };
        self.free.push(index);
        Some(ended)
    }
}

/// A name for an operation under way. Cloning it makes another name, not another operation.
#[derive(Clone)]
pub struct Operation {
    ring: Arc<Ring>,
    slot: u16,
    generation: u64,
}

impl PartialEq for Operation {
    fn eq(&self, other: &Operation) -> bool {
        self.slot == other.slot && self.generation == other.generation && Arc::ptr_eq(&self.ring, &other.ring)
    }
}

/// Whether whoever waited for an operation was told what somebody wanted to tell it.
#[must_use = "an operation that had ended before tells nobody"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It was.
    Yes,
    /// It had ended before, or has no room for what it was to be told and was told that.
    No,
}

impl Told {
    /// Whether it was told.
    #[inline]
    pub fn is_yes(self) -> bool {
        self == Told::Yes
    }

    /// Nothing depends on it: whoever ended the operation before has told its side.
    #[inline]
    pub fn either_way(self) {}
}

/// The ring has as many operations under way as it may.
#[derive(Debug)]
pub struct TooMany;

impl Ring {
    /// Accepts an operation that will end later.
    ///
    /// # Errors
    /// [`TooMany`] when [`LIMIT`] are under way, or the process is ending.
    pub fn begin(
        self: &Arc<Ring>,
        user_data: u64,
        result: Buffer,
        place: Option<Arc<dyn WaitPlace>>,
    ) -> Result<Operation, TooMany> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(TooMany);
        }
        let (index, slot) = state.operations.take().ok_or(TooMany)?;
        slot.user_data = user_data;
        slot.result = result;
        slot.place = place;
        Ok(Operation {
            ring: self.clone(),
            slot: index,
            generation: slot.generation,
        })
    }
}

impl Operation {
    /// The ring on which it will complete.
    pub fn ring(&self) -> &Arc<Ring> {
        &self.ring
    }

    /// The slot it has, for objects that index by it.
    pub fn is_of(&self, ring: &Arc<Ring>, user_data: u64) -> bool {
        Arc::ptr_eq(&self.ring, ring)
            && self
                .ring
                .state
                .lock()
                .operations
                .get(self.slot, self.generation)
                .is_some_and(|slot| slot.user_data == user_data)
    }

    /// Where its result goes, while it is under way.
    pub fn result(&self) -> Option<Buffer> {
        let mut state = self.ring.state.lock();
        let slot = state.operations.get(self.slot, self.generation)?;
        Some(slot.result)
    }

    /// Whether it is still under way.
    pub fn is_live(&self) -> bool {
        self.ring
            .state
            .lock()
            .operations
            .get(self.slot, self.generation)
            .is_some()
    }

    /// Lets it end by time-out at `at` with the completion code `code`. Call once, right after [`Ring::begin`]. May
    /// allocate the first time a slot is used this way.
    pub fn arm(&self, at: Instant, code: i32) {
        let memory = {
            let mut state = self.ring.state.lock();
            match state.operations.get(self.slot, self.generation) {
                Some(slot) => slot.deadline.take(),
                None => return,
            }
        };
        let waiter = Timer::Operation {
            operation: self.clone(),
            code,
        };
        let memory = match memory {
            Some(mut memory) => {
                memory.waiter = waiter;
                memory
            }
            None => Deadline::new(waiter),
        };
        let armed = timer::arm(at, memory);
        let mut state = self.ring.state.lock();
        if let Some(slot) = state.operations.get(self.slot, self.generation) {
            slot.timer = Some(armed);
        } else {
            // It ended between the two locks.
            drop(state);
            drop(timer::disarm(armed));
        }
    }

    /// Ends it with what `completion` makes of its user data, if it is still under way.
    pub fn complete(&self, completion: Cqe) -> Told {
        self.complete_and(completion, || ())
    }

    /// The same; if this call ends it, `arrive` runs before anybody can see the completion, under the ring's lock.
    #[inline]
    pub fn complete_and(&self, completion: Cqe, arrive: impl FnOnce()) -> Told {
        match self.end(completion, arrive) {
            Some(_) => Told::Yes,
            None => Told::No,
        }
    }

    /// As [`Operation::complete_and`]; how many threads that woke, if this call ended it.
    #[inline]
    fn end(&self, completion: Cqe, arrive: impl FnOnce()) -> Option<u32> {
        let mut state = self.ring.state.lock();
        // Nobody reads the completions of a ring that is being closed, and whoever closes it ends what is under way.
        if state.closed {
            return None;
        }
        let ended = state.operations.end(self.slot, self.generation)?;
        let Ended {
            user_data,
            place,
            timer,
        } = ended;
        arrive();
        state.publish(
            &self.ring.page,
            Cqe {
                user_data,
                ..completion
            }
            .to_words(),
        );
        let woken = self.ring.wake_satisfied(state);
        self.clean(timer);
        drop(place);
        Some(woken)
    }

    /// Ends it because its time is up: with a code, and out of the queue of the object it waits at. How many threads that
    /// woke.
    pub fn expire(&self, code: i32) -> u32 {
        let place = {
            let mut state = self.ring.state.lock();
            state.operations.get(self.slot, self.generation).and_then(|slot| {
                slot.timer = None;
                slot.place.take()
            })
        };
        if let Some(place) = place {
            place.forget(self);
        }
        self.end(Cqe::plain(0, code), || ()).unwrap_or(0)
    }

    /// Ends it with a message, written to where its submission said; if there is no room for it, with the failure that
    /// says so.
    pub fn complete_bytes(&self, bytes: &[u8]) -> Told {
        let Some(result) = self.result() else {
            return Told::No;
        };
        let written =
            bytes.len() <= result.len as usize && self.ring.process.space.write(result.addr, bytes).is_ok();
        if written {
            return self.complete_code(bytes.len() as i32);
        }
        self.fail(Failure::InvalidResult).either_way();
        Told::No
    }

    /// Ends it with an exception, whose message is written if there is room.
    pub fn complete_exception(&self, kind: ExceptionKind, text: &str) -> Told {
        let Some(result) = self.result() else {
            return Told::No;
        };
        let message = wire::exception(kind, text);
        let written = message.len() <= result.len as usize
            && self.ring.process.space.write(result.addr, &message).is_ok();
        self.fail(if written {
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

    /// Disarms its time-out and keeps the memory for the next operation in the slot.
    #[inline]
    fn clean(&self, timer: Option<Armed>) {
        if let Some(armed) = timer {
            self.disarm(armed);
        }
    }

    #[inline(never)]
    fn disarm(&self, armed: Armed) {
        if let Some(mut memory) = timer::disarm(armed) {
            memory.waiter = Timer::None;
            self.keep_memory(memory);
        }
    }

    /// Gives back the memory of a time-out that has fired.
    pub fn keep_memory(&self, memory: Box<Deadline<Timer>>) {
        let mut state = self.ring.state.lock();
        let kept = state
            .operations
            .slots
            .get_mut(usize::from(self.slot))
            .map(|slot| slot.deadline.replace(memory));
        drop(state);
        drop(kept);
    }
}

/// Ends every operation of a closed ring without a completion, and takes each out of where it waits.
pub(super) fn abandon_all(ring: &Arc<Ring>) {
    loop {
        let mut state = ring.state.lock();
        let found = state.operations.slots.iter().position(|slot| slot.taken);
        let Some(index) = found else { return };
        let generation = state.operations.slots[index].generation;
        let operation = Operation {
            ring: ring.clone(),
            slot: index as u16,
            generation,
        };
        let ended = state.operations.end(operation.slot, generation);
        drop(state);
        if let Some(ended) = ended {
            operation.clean(ended.timer);
            if let Some(place) = ended.place {
                place.forget(&operation);
            }
        }
    }
}
