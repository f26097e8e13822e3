//! Threads: start one, wait for it.
//!
//! Every thread gets a ring of its own, so that it submits and completes without asking the others, and a stack
//! with an unmapped page below it. At the top of the stack lies its thread-local memory:
//!
//! ```text
//!   base               guard page, never mapped
//!   base + 4096        the stack's far end
//!   top - 72           stack pointer at entry (as after a call: 8 past a multiple of 16)
//!   top - 24           pointer to the thread's record (thread_block.rs)
//!   top - 16 = FS      address of itself
//! ```

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::layout::PAGE_SIZE;
use abi::ring::{Opcode, Sqe};
use abi::syscall::exit_code;

use crate::cap::{Client, client};
use crate::env::Env;
use crate::error::{Error, Kind};
use crate::heap::NapLock;
use crate::lane::Lane;
use crate::memory::{Protection, VirtualMemory};
use crate::message::{Aligned, EMPTY, Flat};
use crate::pending::{Pending, VOID_ROOM, call, call_void};
use crate::ring::RingPage;
use crate::thread_block::{ThreadBlock, with_lane};

client! {
    /// What a thread may do to itself.
    ThreadControl, THREAD_CONTROL
}

client! {
    /// Starts threads of this process.
    ThreadSpawner, THREAD_SPAWNER
}

client! {
    /// A thread, to wait for.
    ThreadHandle, THREAD_HANDLE
}

const EXIT_THREAD: u16 = 2;
/// Method of ThreadControl.
pub(crate) const YIELD: u16 = 3;

/// Flag of ThreadSpawner.create: a ring for the thread alone.
const OWN_RING: u64 = 1;

/// Stack bytes of a thread that does not say.
pub const DEFAULT_STACK: u64 = 64 << 10;

/// Distance of the thread pointer (FS base) and of the first stack pointer from the top of the stack.
const THREAD_POINTER_BELOW_TOP: u64 = 16;
const ENTRY_BELOW_TOP: u64 = 72;

impl ThreadControl {
    /// Lets other threads run first, if any is waiting for this CPU.
    pub fn yield_now(&self) -> Result<(), Error> {
        call_void(self.cap().method(YIELD), &EMPTY)
    }
}

impl ThreadHandle {
    /// Starts waiting for the thread's exit code.
    pub fn start_join(&self) -> Result<Pending<i64>, Error> {
        Pending::start(self.cap().method(0), EMPTY.to_vec(), VOID_ROOM, |reply| {
            Ok(reply.i64(0))
        })
    }
}

/// The three capabilities that starting threads takes, and stacks of threads that have ended.
pub struct Threads {
    memory: VirtualMemory,
    spawner: ThreadSpawner,
    control: ThreadControl,
    kept: Arc<KeptStacks>,
}

impl Threads {
    /// From whatever names the program was granted them under.
    pub fn new(env: &Env) -> Result<Threads, Error> {
        Ok(Threads {
            memory: env.first()?,
            spawner: env.first()?,
            control: env.first()?,
            kept: Arc::new(KeptStacks(NapLock::new(Vec::new()))),
        })
    }

    /// Runs `body` on a new thread with [`DEFAULT_STACK`].
    pub fn spawn<T, F>(&self, body: F) -> Result<JoinHandle<T>, Error>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        self.spawn_with_stack(DEFAULT_STACK, body)
    }

    /// Runs `body` on a new thread whose stack has `stack_bytes` (rounded up to pages).
    pub fn spawn_with_stack<T, F>(&self, stack_bytes: u64, body: F) -> Result<JoinHandle<T>, Error>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let stack = match self.kept.take(stack_bytes) {
            Some(stack) => stack,
            None => Stack::new(&self.memory, stack_bytes)?,
        };
        let answer = Arc::new(NapLock::new(None));
        let start = Box::new(Start {
            body: {
                let answer = answer.clone();
                Box::new(move || *answer.lock() = Some(body()))
            },
            control: self.control.cap().id(),
        });
        let start = Box::into_raw(start);
        let handle = self.create(
            thread_start as *const () as u64,
            stack.top - ENTRY_BELOW_TOP,
            start as u64,
            stack.thread_pointer(),
            OWN_RING,
        );
        match handle {
            Ok(handle) => Ok(JoinHandle {
                handle,
                answer,
                stack: Some(stack),
                kept: self.kept.clone(),
            }),
            Err(error) => {
                // SAFETY: no thread was made, so the box is still ours alone.
                drop(unsafe { Box::from_raw(start) });
                self.kept.keep(stack);
                Err(error)
            }
        }
    }

    fn create(
        &self,
        entry: u64,
        stack_top: u64,
        arg: u64,
        fs_base: u64,
        flags: u64,
    ) -> Result<ThreadHandle, Error> {
        let params = Flat::<56>::new()
            .u64(0, entry)
            .u64(8, stack_top)
            .u64(16, arg)
            .u64(24, fs_base)
            .u64(32, flags);
        let mut room = Aligned::<VOID_ROOM>::zeroed();
        let reply = call(self.spawner.cap().method(0), params.bytes(), &mut room.0)?;
        reply.cap(usize::from(reply.u16(0))).map(ThreadHandle::from_cap)
    }
}

/// What a new thread finds behind its argument.
struct Start {
    body: Box<dyn FnOnce() + Send>,
    /// Capability id of ThreadControl: a thread has to end itself.
    control: u32,
}

/// Where the kernel enters a thread.
///
/// # Safety
/// Entered by the kernel with what `spawn_with_stack` passed to it: the box, and a stack with thread-local
/// memory laid out as this file's introduction says.
unsafe extern "C" fn thread_start(start: *mut Start, tid: u64, ring: usize) -> ! {
    // SAFETY: the box was leaked for this thread alone (`spawn_with_stack`).
    let Start { body, control } = *unsafe { Box::from_raw(start) };
    // SAFETY: with the flag that `spawn_with_stack` passes, the kernel maps this ring for this thread alone.
    let Some(page) = (unsafe { RingPage::new(ring) }) else {
        crate::syscall::exit(exit_code::BAD_BOOTSTRAP)
    };
    let block = ThreadBlock::new(tid as u32, Lane::new(page));
    // SAFETY: FS base is this stack's thread pointer, and `block` lives until the thread has ended below.
    unsafe { crate::thread_block::install(&raw const block) };
    body();
    end_thread(control)
}

/// Ends the calling thread alone. This call has no completion.
fn end_thread(control: u32) -> ! {
    let params = Flat::<24>::new();
    let sqe = Sqe {
        opcode: Opcode::Call as u8,
        method_id: EXIT_THREAD,
        cap_id: control,
        addr: params.bytes().as_ptr() as u64,
        len: params.bytes().len() as u32,
        ..Sqe::default()
    };
    // SAFETY: `params` lives on a stack frame that is never left.
    let _ = with_lane(|lane| unsafe { lane.submit(sqe) });
    loop {
        crate::syscall::enter(1, u64::MAX);
    }
}

/// A stack with its guard page and thread-local memory. Given back by the joiner, not on drop: its thread may
/// still stand on it.
struct Stack {
    base: u64,
    top: u64,
    memory: u32,
}

impl Stack {
    fn new(memory: &VirtualMemory, bytes: u64) -> Result<Stack, Error> {
        let bytes = Stack::rounded(bytes);
        let base = memory.reserve(PAGE_SIZE + bytes)?;
        let stack = Stack {
            base,
            top: base + PAGE_SIZE + bytes,
            memory: memory.cap().id(),
        };
        if let Err(error) = memory.commit(base + PAGE_SIZE, bytes, Protection::ReadWrite) {
            stack.give_back();
            return Err(error);
        }
        stack.prepare();
        Ok(stack)
    }

    /// Whole pages, and at least two.
    fn rounded(bytes: u64) -> u64 {
        bytes.max(2 * PAGE_SIZE).next_multiple_of(PAGE_SIZE)
    }

    /// Lays out the thread-local memory of a thread that has not begun: its own address, and no record yet.
    fn prepare(&self) {
        let own_address = core::ptr::with_exposed_provenance_mut::<u64>(self.thread_pointer() as usize);
        // SAFETY: both words lie in the topmost page, which was committed readable and writable and never taken away
        // since; no thread stands on this stack, and nobody else knows of it.
        unsafe {
            own_address.write(self.thread_pointer());
            own_address.sub(1).write(0);
        }
    }

    fn thread_pointer(&self) -> u64 {
        self.top - THREAD_POINTER_BELOW_TOP
    }

    fn give_back(self) {
        let memory = VirtualMemory::from_cap(crate::cap::Cap::granted(self.memory));
        // If it fails, the memory stays mapped; that is all.
        let _ = memory.unmap(self.base, self.top - self.base);
    }
}

/// Stacks of threads that were joined, for the next ones: mapping and unmapping is most of what a thread costs.
struct KeptStacks(NapLock<Vec<Stack>>);

/// As many stacks are kept; a program that ends more threads at once unmaps the others.
const MOST_KEPT: usize = 4;

impl KeptStacks {
    /// A stack of the size that is asked for, ready for a thread.
    fn take(&self, bytes: u64) -> Option<Stack> {
        let mut stacks = self.0.lock();
        let index = stacks
            .iter()
            .position(|stack| stack.top - stack.base == PAGE_SIZE + Stack::rounded(bytes))?;
        let stack = stacks.swap_remove(index);
        stack.prepare();
        Some(stack)
    }

    /// Keeps a stack that no thread stands on, or gives it back.
    fn keep(&self, stack: Stack) {
        let mut stacks = self.0.lock();
        if stacks.len() < MOST_KEPT {
            stacks.push(stack);
        } else {
            drop(stacks);
            stack.give_back();
        }
    }
}

impl Drop for KeptStacks {
    fn drop(&mut self) {
        for stack in self.0.get_mut().drain(..) {
            stack.give_back();
        }
    }
}

/// A running thread, and the answer it will give.
pub struct JoinHandle<T> {
    handle: ThreadHandle,
    answer: Arc<NapLock<Option<T>>>,
    /// Dropped without being given back when nobody joins: then the stack stays mapped.
    stack: Option<Stack>,
    kept: Arc<KeptStacks>,
}

impl<T> JoinHandle<T> {
    /// Starts waiting for the thread to end, for its exit code alone.
    pub fn start_join(&self) -> Result<Pending<i64>, Error> {
        self.handle.start_join()
    }

    /// Waits for the thread to end and returns what its body returned.
    pub fn join(mut self) -> Result<T, Error> {
        self.handle.start_join()?.wait()?;
        if let Some(stack) = self.stack.take() {
            self.kept.keep(stack);
        }
        let answer = self.answer.lock().take();
        answer
            .ok_or_else(|| Error::Exception(Kind::Disconnected, "the thread ended without an answer".into()))
    }
}
