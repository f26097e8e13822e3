//! Threads that share the process's one ring. The published client is built for one thread, so threads submit and
//! collect through this module: one lock around both queues, and a mailbox in which whoever drains the completion
//! queue leaves what belongs to others. A waiter that finds nothing sleeps in the kernel for a short while only,
//! because another thread may have put its completion into the mailbox meanwhile.

use crate::bench::{Failure, Outcome};
use crate::{raw, wire};
use alloc::boxed::Box;
use alloc::{format, vec, vec::Vec};
use capos::{capos_capnp, syscall};
use capos_config::ring::{CAP_OP_PARK, CAP_OP_UNPARK, CAP_SQE_THREAD_OWNED, CapCqe, CapSqe, SQ_ENTRIES};
use core::cell::UnsafeCell;
use core::hint::spin_loop;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// Bytes of a thread's stack.
const STACK_BYTES: usize = 16 * 1024;

/// How long a waiter sleeps before it looks into the mailbox again.
const NAP_NS: u64 = 500_000;

/// The thread id of the process's first thread.
pub const FIRST_THREAD: u32 = 1;

struct Mailbox {
    taken: AtomicBool,
    letters: UnsafeCell<Vec<CapCqe>>,
}

// SAFETY: `letters` is reached only through `Mailbox::with`, which holds `taken` meanwhile.
unsafe impl Sync for Mailbox {}

static MAILBOX: Mailbox = Mailbox {
    taken: AtomicBool::new(false),
    letters: UnsafeCell::new(Vec::new()),
};
static NEXT_USER_DATA: AtomicU64 = AtomicU64::new(0x7000_0000);

impl Mailbox {
    fn with<R>(&self, act: impl FnOnce(&mut Vec<CapCqe>) -> R) -> R {
        while self.taken.swap(true, Ordering::Acquire) {
            spin_loop();
        }
        // SAFETY: the flag was clear and is ours until the store below, so this is the only reference.
        let result = act(unsafe { &mut *self.letters.get() });
        self.taken.store(false, Ordering::Release);
        result
    }
}

/// A number no other submission of this module uses.
pub fn fresh_user_data() -> u64 {
    NEXT_USER_DATA.fetch_add(1, Ordering::Relaxed)
}

/// Appends an SQE; enters the kernel first while the queue is full.
pub fn submit(entry: CapSqe) {
    loop {
        let room = MAILBOX.with(|_| {
            let indices = raw::indices();
            let room = indices.sq_tail.wrapping_sub(indices.sq_head) < SQ_ENTRIES;
            if room {
                raw::submit(entry);
            }
            room
        });
        if room {
            return;
        }
        let _ = syscall::cap_enter(0, 0);
    }
}

/// The completion of `user_data`, if it is there already. Nothing is dispatched.
pub fn collect(user_data: u64) -> Option<CapCqe> {
    MAILBOX.with(|letters| {
        while let Some(entry) = raw::next() {
            letters.push(entry);
        }
        let place = letters.iter().position(|entry| entry.user_data == user_data)?;
        Some(letters.swap_remove(place))
    })
}

/// Waits for the completion of `user_data`.
pub fn wait_for(user_data: u64) -> CapCqe {
    loop {
        if let Some(entry) = collect(user_data) {
            return entry;
        }
        let _ = syscall::cap_enter(1, NAP_NS);
    }
}

/// Submits an SQE under fresh user data and waits for its completion.
pub fn perform(entry: CapSqe) -> CapCqe {
    let user_data = fresh_user_data();
    submit(CapSqe { user_data, ..entry });
    wait_for(user_data)
}

/// A PARK of thread `tid` on `word` while it holds `expected`; `timeout_ns` is relative.
pub fn park_sqe(space: u32, tid: u32, word: &AtomicU32, expected: u32, timeout_ns: u64) -> CapSqe {
    CapSqe {
        flags: CAP_SQE_THREAD_OWNED,
        cap_id: space,
        addr: word.as_ptr() as u64,
        len: expected,
        pipeline_dep: timeout_ns,
        call_id: tid,
        ..raw::sqe(CAP_OP_PARK, 0)
    }
}

/// An UNPARK of at most `count` threads that wait on `word`.
pub fn unpark_sqe(space: u32, word: &AtomicU32, count: u32) -> CapSqe {
    CapSqe {
        cap_id: space,
        addr: word.as_ptr() as u64,
        len: count,
        ..raw::sqe(CAP_OP_UNPARK, 0)
    }
}

/// What a new thread runs: its argument and its thread id; the value is its exit code.
pub type Body = fn(u64, u32) -> i64;

struct Start {
    body: Body,
    argument: u64,
    control: u32,
}

/// A started thread.
pub struct Thread {
    /// The id of its ThreadHandle.
    pub handle: u32,
}

/// A stack of its own for a thread; the address just above it. Never freed: a thread cannot free what it stands on.
pub fn stack_top() -> u64 {
    let stack = vec![0u128; STACK_BYTES / 16].leak();
    stack.as_ptr_range().end as u64
}

/// Starts a thread. `spawner` and `control` are ids of a ThreadSpawner and a ThreadControl.
pub fn start(spawner: u32, control: u32, body: Body, argument: u64) -> Outcome<Thread> {
    let start = Box::into_raw(Box::new(Start {
        body,
        argument,
        control,
    }));
    // A function expects its stack as a call leaves it: 8 bytes off 16.
    create(
        spawner,
        begin as *const () as u64,
        stack_top() - 8,
        start as u64,
        0,
    )
    .map_err(|completion| Failure(format!("ThreadSpawner.create: {}", completion.result)))
}

/// ThreadSpawner.create as it is on the wire.
pub fn create(spawner: u32, entry: u64, stack: u64, argument: u64, flags: u64) -> Result<Thread, CapCqe> {
    let params = wire::encode::<capos_capnp::thread_spawner::create_params::Owned>(|mut params| {
        params.set_entry(entry);
        params.set_stack_top(stack);
        params.set_arg(argument);
        params.set_flags(flags);
    });
    let mut result = vec![0u64; 64];
    let bytes = words_as_bytes(&mut result);
    let completion = perform(raw::call(spawner, 0, 0, &params, bytes));
    if completion.result < 0 || completion.cap_count != 1 {
        return Err(completion);
    }
    let record = completion.result as usize;
    let handle = u32::from_le_bytes([
        bytes[record],
        bytes[record + 1],
        bytes[record + 2],
        bytes[record + 3],
    ]);
    Ok(Thread { handle })
}

/// Waits for the thread's end; the value is its exit code.
pub fn join(thread: &Thread) -> Outcome<i64> {
    let mut result = vec![0u64; 64];
    let bytes = words_as_bytes(&mut result);
    let completion = perform(raw::call(thread.handle, 0, 0, wire::NOTHING, bytes));
    let Ok(length) = usize::try_from(completion.result) else {
        return Err(Failure(format!("ThreadHandle.join: {}", completion.result)));
    };
    wire::decode::<capos_capnp::thread_handle::join_results::Owned, _>(&bytes[..length], |answer| {
        Ok(answer.get_exit_code())
    })
}

/// Ends the calling thread, whose id is `tid`.
pub fn exit(control: u32, tid: u32, code: i64) -> ! {
    let params = wire::encode::<capos_capnp::thread_control::exit_thread_params::Owned>(|mut params| {
        params.set_code(code)
    });
    submit(CapSqe {
        flags: CAP_SQE_THREAD_OWNED,
        call_id: tid,
        ..raw::call(control, 2, fresh_user_data(), &params, &mut [])
    });
    // Nobody else may dispatch it, and it has no completion.
    loop {
        let _ = syscall::cap_enter(1, NAP_NS);
    }
}

/// Waits until one request more than the `submitted` first ones (a submission queue's tail) was made and taken by the
/// kernel: another thread's, such as its park, or its exit when nobody joins it.
pub fn await_request(submitted: u32) {
    loop {
        let indices = raw::indices();
        if indices.sq_tail == submitted.wrapping_add(1) && indices.sq_head == indices.sq_tail {
            return;
        }
        let _ = syscall::cap_enter(32, NAP_NS);
    }
}

extern "C" fn begin(start: u64, tid: u64) -> ! {
    // SAFETY: the address is the box that `start` leaked for this thread alone.
    let Start {
        body,
        argument,
        control,
    } = *unsafe { Box::from_raw(start as *mut Start) };
    let tid = tid as u32;
    let code = body(argument, tid);
    exit(control, tid, code)
}

/// The bytes of an aligned buffer.
pub fn words_as_bytes(words: &mut [u64]) -> &mut [u8] {
    let length = words.len() * 8;
    // SAFETY: eight bytes a word, any value is a byte, and the borrow is exclusive.
    unsafe { core::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), length) }
}
