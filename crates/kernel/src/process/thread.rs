//! A thread: a task of a process, with the ring on which it makes its system calls, and how it ended. What CPUs know of it
//! is the task (`run::task`).

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::AtomicBool;
use core::sync::atomic::Ordering::Relaxed;

use machine::Lock;
use sched::ThreadId;

use super::Process;
use super::attention::Attention;
use crate::context::Context;
use crate::context::asking::Asking;
use crate::context::lending::Called;
use crate::memory::account::{Charge, Cost, Short};
use crate::memory::waiting_list::WaitingList;
use crate::ring::Ring;
use crate::ring::operation::{Operation, WaitPlace};
use crate::run::task::Task;

/// How a thread ended, and who wants to know.
#[derive(Default)]
struct End {
    code: Option<i64>,
    joiners: WaitingList<Operation>,
}

/// A thread.
pub struct Thread {
    task: Arc<Task>,
    process: Arc<Process>,
    /// The ring on which its `cap_enter` works.
    pub ring: Arc<Ring>,
    /// What is to be seen to before it runs on.
    pub attention: Attention,
    end: Lock<End>,
    /// The context that it is bound to.
    pub context: Lock<Option<Arc<Context>>>,
    /// The context whose time it was lent.
    pub borrowed: Lock<Option<Arc<Context>>>,
    /// A call of it that was received while it had time.
    pub called: Lock<Option<Called>>,
    /// A reservation that it asks for, in pieces.
    pub asking: Lock<Option<Box<Asking>>>,
    has_time: AtomicBool,
    /// For this record, the task and the first places for joiners.
    _charge: Charge,
}

impl Thread {
    /// What a thread takes.
    pub fn cost() -> Cost {
        Cost::heap(size_of::<Thread>() + WaitingList::<Operation>::FIRST_BYTES).and(Task::cost())
    }

    /// A thread's record, for which [`Thread::cost`] was charged. `tid` counts from 1 in each process.
    pub fn new(process: Arc<Process>, tid: u32, ring: Arc<Ring>, charge: Charge) -> Arc<Thread> {
        let id = ThreadId(u64::from(process.pid) << 32 | u64::from(tid));
        Arc::new(Thread {
            task: Task::new(id, process.space.pages().clone(), process.usage.clone()),
            process,
            ring,
            attention: Attention::default(),
            end: Lock::new(End::default()),
            context: Lock::new(None),
            borrowed: Lock::new(None),
            called: Lock::new(None),
            asking: Lock::new(None),
            has_time: AtomicBool::new(false),
            _charge: charge,
        })
    }

    /// What CPUs know of it.
    #[inline]
    pub fn task(&self) -> &Arc<Task> {
        &self.task
    }

    /// Its id, unique in the machine.
    #[inline]
    pub fn id(&self) -> ThreadId {
        self.task.id()
    }

    /// Its number in its process.
    #[inline]
    pub fn tid(&self) -> u32 {
        self.id().0 as u32
    }

    /// Its process.
    #[inline]
    pub fn process(&self) -> &Arc<Process> {
        &self.process
    }

    /// Whether it is bound to a context or was lent one's time, as of lately: whoever acts on that looks again.
    #[inline]
    pub fn may_lend(&self) -> bool {
        self.has_time.load(Relaxed)
    }

    /// Notes whether it is bound to a context or was lent one's time, after either has changed. Of several who note it, the last is right.
    pub fn note_time(&self) {
        let own = self.context.lock();
        let borrowed = self.borrowed.lock();
        self.has_time.store(own.is_some() || borrowed.is_some(), Relaxed);
    }

    /// Its exit code, once it has ended.
    pub fn exit_code(&self) -> Option<i64> {
        self.end.lock().code
    }

    /// Lists somebody who waits for its end; the code if it has ended.
    ///
    /// # Errors
    /// When the list cannot grow, or its process cannot pay for that.
    pub fn on_exit(&self, joiner: &Operation) -> Result<Option<i64>, Short> {
        let mut end = self.end.lock();
        if end.code.is_none() {
            end.joiners.room_for_one_more(joiner.account())?;
            end.joiners.push_back(joiner.clone());
        }
        Ok(end.code)
    }

    /// It has ended: keeps the code and gives everybody who waits for it.
    pub fn finish(&self, code: i64) -> WaitingList<Operation> {
        let mut end = self.end.lock();
        end.code = Some(code);
        core::mem::take(&mut end.joiners)
    }

    /// Whether it has ended, for those that hold a handle.
    pub fn has_ended(&self) -> bool {
        self.end.lock().code.is_some()
    }
}

/// Each is one of its own.
impl PartialEq for Thread {
    fn eq(&self, other: &Thread) -> bool {
        core::ptr::eq(self, other)
    }
}

impl WaitPlace for Thread {
    fn forget(&self, operation: &Operation) {
        self.end.lock().joiners.retain(|joiner| joiner != operation);
    }
}
