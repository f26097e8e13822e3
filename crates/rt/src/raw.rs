//! The ring by hand: submissions placed one by one, completions read one by one, and an entry into the kernel where
//! the program says. The lane (what everything else of this runtime uses) keeps a table of what is in flight and
//! finds each answer by its ticket; a program that counts instructions, or that keeps one batch in flight at a
//! time, can do without.
//!
//! Everything here is safe all the same. Memory that an operation names is borrowed for longer than [`with_ring`]
//! runs, and `with_ring` returns only when every operation has completed: until then nobody else can look at it.

use core::cell::Cell;
use core::marker::PhantomData;
use core::sync::atomic::{AtomicU32, AtomicU64};

use abi::layout::PAGE_SIZE;
use abi::ring::{Cqe, Opcode, SQ_ENTRIES, SQE_WORDS, Sqe, sqe_flags};

use crate::cap::Client;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::memory::{MemoryObject, Protection, VirtualMemory};
use crate::message::EMPTY;
use crate::park::ParkSpace;
use crate::pending::Target;
use crate::ring::RingPage;
use crate::syscall::{Entered, enter};
use crate::thread::{ThreadControl, YIELD};
use crate::thread_block::{current_tid, with_lane};

/// A submission that is ready to be placed, as often as one likes. What it names lives for `'m`.
#[derive(Clone, Copy)]
pub struct Operation<'m> {
    words: [u64; SQE_WORDS],
    memory: PhantomData<&'m mut [u8]>,
}

impl<'m> Operation<'m> {
    #[inline]
    fn new(sqe: Sqe) -> Operation<'m> {
        Operation {
            words: sqe.to_words(),
            memory: PhantomData,
        }
    }

    /// Nothing; completes at once with 0.
    #[inline]
    pub fn nop() -> Operation<'static> {
        Operation::new(Sqe {
            opcode: Opcode::Nop as u8,
            ..Sqe::default()
        })
    }

    /// Calls a method. What it answers goes to `result`, to be looked at when the ring is no longer borrowed.
    #[inline]
    pub fn call(target: Target, params: &'m [u8], result: &'m mut [u8]) -> Operation<'m> {
        Operation::new(Sqe {
            opcode: Opcode::Call as u8,
            method_id: target.method,
            cap_id: target.cap,
            addr: params.as_ptr() as u64,
            len: params.len() as u32,
            result_addr: result.as_mut_ptr() as u64,
            result_len: result.len() as u32,
            ..Sqe::default()
        })
    }

    /// Lets other threads run first.
    #[inline]
    pub fn yield_now(control: &ThreadControl) -> Operation<'static> {
        Operation::call(control.cap().method(YIELD), &EMPTY, &mut [])
    }

    /// Receives a call; `buffer` takes its header and message. The completion's result is the bytes of both.
    #[inline]
    pub fn receive(endpoint: &Endpoint, buffer: &'m mut [u8]) -> Operation<'m> {
        Operation::new(Sqe {
            opcode: Opcode::Recv as u8,
            cap_id: endpoint.cap().id(),
            result_addr: buffer.as_mut_ptr() as u64,
            result_len: buffer.len() as u32,
            ..Sqe::default()
        })
    }

    /// Answers a received call, by the number in its completion.
    #[inline]
    pub fn answer(endpoint: &Endpoint, call_id: u32, payload: &'m [u8]) -> Operation<'m> {
        Operation::new(Sqe {
            opcode: Opcode::Return as u8,
            cap_id: endpoint.cap().id(),
            call_id,
            addr: payload.as_ptr() as u64,
            len: payload.len() as u32,
            ..Sqe::default()
        })
    }

    /// Waits while `word` holds `expected`, for ever if need be. For the calling thread only.
    #[inline]
    pub fn park(space: &ParkSpace, word: &'m AtomicU32, expected: u32) -> Operation<'m> {
        Operation::new(Sqe {
            opcode: Opcode::Park as u8,
            flags: sqe_flags::THREAD_OWNED,
            cap_id: space.cap().id(),
            addr: word.as_ptr() as u64,
            len: expected,
            pipeline_dep: abi::park::NO_TIMEOUT,
            call_id: current_tid(),
            ..Sqe::default()
        })
    }

    /// Wakes at most `most` threads that wait on `word`; the completion says how many.
    #[inline]
    pub fn unpark(space: &ParkSpace, word: &'m AtomicU32, most: u32) -> Operation<'m> {
        Operation::new(Sqe {
            opcode: Opcode::Unpark as u8,
            cap_id: space.cap().id(),
            addr: word.as_ptr() as u64,
            len: most,
            ..Sqe::default()
        })
    }

    /// The same PARK with another expected value: one word changes.
    #[inline]
    #[must_use]
    pub fn expecting(mut self, expected: u32) -> Operation<'m> {
        self.words[3] = u64::from(expected);
        self
    }
}

/// The calling thread's ring. Operations placed here may name memory that lives for `'m`.
pub struct Ring<'r, 'm> {
    page: RingPage,
    lane: PhantomData<&'r mut RingPage>,
    sq_tail: u32,
    cq_head: u32,
    /// Longer than this value can live, and not to be shortened: the type of a scope.
    memory: PhantomData<Cell<&'m [u8]>>,
}

impl<'m> Ring<'_, 'm> {
    /// Places a submission; the next [`Ring::enter`] starts it. At most 16 between two entries.
    #[inline]
    pub fn submit(&mut self, operation: &Operation<'m>) {
        debug_assert!(self.page.queued(self.sq_tail) < SQ_ENTRIES);
        self.page.place(self.sq_tail, operation.words);
        self.sq_tail = self.sq_tail.wrapping_add(1);
    }

    /// Runs what was submitted, then waits until `wanted` completions are unread (0: does not wait).
    #[inline]
    pub fn enter(&mut self, wanted: u32) -> Entered {
        self.page.publish(self.sq_tail, self.cq_head);
        enter(wanted, u64::MAX)
    }

    /// The next completion, if one has come.
    #[inline]
    pub fn completion(&mut self) -> Option<Cqe> {
        let cqe = self.page.peek(self.cq_head)?;
        self.cq_head = self.cq_head.wrapping_add(1);
        Some(cqe)
    }

    /// Submits one operation and waits for its completion, while nothing else is in flight.
    ///
    /// # Panics
    /// When the kernel comes back without a completion.
    #[inline]
    pub fn perform(&mut self, operation: &Operation<'m>) -> Cqe {
        self.submit(operation);
        self.enter(1);
        self.completion().expect("the entry waited for it")
    }
}

/// Lends the calling thread's ring to `work`, and returns when everything it submitted has completed.
///
/// # Panics
/// When operations of the runtime's own are in flight, and when `work` uses anything else of this runtime that
/// needs the ring: printing, calling, starting threads.
pub fn with_ring<'m, R>(work: impl FnOnce(&mut Ring<'_, 'm>) -> R) -> R {
    with_lane(|lane| {
        let (page, sq_tail, cq_head) = lane.bare();
        let (first_submission, first_completion) = (*sq_tail, *cq_head);
        let mut ring = Ring {
            page: page.reborrow(),
            lane: PhantomData,
            sq_tail: first_submission,
            cq_head: first_completion,
            memory: PhantomData,
        };
        let result = work(&mut ring);
        // One completion for each submission: so the two distances say what is still in flight.
        let submitted = ring.sq_tail.wrapping_sub(first_submission);
        while ring.cq_head.wrapping_sub(first_completion) != submitted {
            if ring.completion().is_none() {
                ring.enter(1);
            }
        }
        ring.page.publish(ring.sq_tail, ring.cq_head);
        (*sq_tail, *cq_head) = (ring.sq_tail, ring.cq_head);
        result
    })
}

/// The processor's time-stamp counter. With `--icount` on a machine of one GHz it counts instructions.
#[inline]
pub fn ticks() -> u64 {
    // SAFETY: every x86-64 processor has the instruction, and the kernel leaves it allowed.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// `count` zeroed words of fresh memory that all threads may share, for as long as the program runs.
pub fn shared_words(memory: &VirtualMemory, count: usize) -> Result<&'static [AtomicU64], Error> {
    let bytes = (8 * count as u64).next_multiple_of(PAGE_SIZE);
    let address = memory.map(0, bytes, Protection::ReadWrite)?;
    let words = core::ptr::with_exposed_provenance::<AtomicU64>(address as usize);
    // SAFETY: the kernel mapped `bytes` zeroed bytes there just now, page-aligned, where nothing was; nobody else
    // knows the address, and nothing in this runtime takes the pages away again.
    Ok(unsafe { core::slice::from_raw_parts(words, count) })
}

/// `count` words of a memory object, to be shared with whoever else maps it, for as long as the program runs.
pub fn shared_object(object: &MemoryObject, count: usize) -> Result<&'static [AtomicU64], Error> {
    let bytes = (8 * count as u64).next_multiple_of(PAGE_SIZE);
    let address = object.map(0, bytes, Protection::ReadWrite)?;
    let words = core::ptr::with_exposed_provenance::<AtomicU64>(address as usize);
    // SAFETY: the kernel mapped `bytes` bytes of the object there just now, page-aligned, where nothing was. Other processes
    // may write them at any time, which is what these words are for; nothing in this runtime takes the pages away again.
    Ok(unsafe { core::slice::from_raw_parts(words, count) })
}
