//! What a load needs of an operating system. A program that runs loads implements these traits for one small value, its
//! handle on the system; where the whole of a row is something that only the system can do in its own way (its
//! cheapest entry, its calls), the method does the loop, so that nothing of ours stands between two operations.

use alloc::vec::Vec;
use core::fmt;
use core::sync::atomic::{AtomicU32, AtomicU64};

/// Time, memory and a place to print.
pub trait System: Copy + Send + Sync + 'static {
    /// Why something could not be done.
    type Error: fmt::Display + Send + 'static;

    /// The processor's time-stamp counter.
    fn ticks() -> u64;

    /// How many of its ticks are a second.
    fn tick_hz(&self) -> Result<u64, Self::Error>;

    /// Prints a line.
    fn line(&self, text: fmt::Arguments<'_>);

    /// Sleeps for at least so many nanoseconds.
    fn sleep_ns(&self, duration_ns: u64) -> Result<(), Self::Error>;

    /// So many zeroed words that all threads of this process share, for as long as the program runs.
    fn words(&self, count: usize) -> Result<&'static [AtomicU64], Self::Error>;
}

/// Threads of one process, and what they do to wait for each other.
pub trait Threads: System {
    /// A running thread, and the answer it will give.
    type Thread<T: Send + 'static>;
    /// How two threads take turns in one process.
    type Turns: Turns;

    /// Runs `body` on a new thread.
    fn spawn<T, F>(&self, body: F) -> Result<Self::Thread<T>, Self::Error>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static;

    /// Waits, blocked, for a thread to end: its answer.
    fn join<T: Send + 'static>(&self, thread: Self::Thread<T>) -> Result<T, Self::Error>;

    /// Waits while `word` holds `expected`. May return for no reason.
    fn park(word: &AtomicU32, expected: u32);

    /// Wakes at most `most` threads that wait on `word`.
    fn unpark(word: &AtomicU32, most: u32);

    /// Yields as long as `again` says so.
    fn yield_while(&self, again: impl FnMut() -> bool) -> Result<(), Self::Error>;

    /// The system's best way to take turns.
    fn turns(&self) -> Result<Self::Turns, Self::Error>;
}

/// Half of a ping-pong between two threads: both words count turns up.
pub trait Turns: Copy + Send + 'static {
    /// As long as `again` says so: gives the other a turn by adding one to `other` and waking it, then waits until `own` is
    /// not what it was before. Only the caller writes `other`.
    fn take_while(&self, own: &'static AtomicU32, other: &'static AtomicU32, again: impl FnMut() -> bool);
}

/// The way into the kernel and back.
pub trait Entry: System {
    /// So many of the system's cheapest entries that are of any use: how many went wrong.
    fn null_entries(&self, count: u64) -> Result<u64, Self::Error>;

    /// So many entries, each with [`BATCH`] operations that do nothing: how many operations went wrong.
    fn nop_batches(&self, count: u64) -> Result<u64, Self::Error>;
}

/// Operations that share an entry in [`Entry::nop_batches`].
pub const BATCH: u64 = 16;

/// Processes that run a part of the same program.
pub trait Processes: System {
    /// A running process.
    type Child: Child<Error = Self::Error>;

    /// Starts a process that runs [`crate::run::part`] with this name.
    fn start(&self, part: &str) -> Result<Self::Child, Self::Error>;

    /// In such a process: answers its parent's questions with `answer`, until the parent says that was all.
    fn serve(&self, answer: impl FnMut(Words) -> Words) -> Result<(), Self::Error>;

    /// The whole life of a process that does nothing, from its start to its exit code: whether that was right.
    fn process_life(&self) -> Result<bool, Self::Error>;
}

/// What a parent and a child tell each other at a time.
pub type Words = [u64; 4];

/// A process that was started, seen from its parent.
pub trait Child {
    /// Why something could not be done.
    type Error;

    /// Asks, and does not wait for the answer. One question at a time.
    fn ask(&mut self, question: Words) -> Result<(), Self::Error>;

    /// Waits for the answer.
    fn answer(&mut self) -> Result<Words, Self::Error>;

    /// Says that that was all, and waits for the process to end.
    fn end(self) -> Result<(), Self::Error>;
}

/// Calls from one process to another.
pub trait Calls: System {
    /// The ways there are on this system.
    type Way: Copy + Send + 'static;
    /// A client's end.
    type Link: Link<Error = Self::Error>;

    /// The one that is quickest between processes.
    fn best_way(&self) -> Self::Way;

    /// Starts a process that answers calls. For [`Service::Empty`] both processes stay on one CPU.
    fn connect(&self, way: Self::Way, service: Service) -> Result<Self::Link, Self::Error>;
}

/// What a server does with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Messages are empty, or as short as the way allows, and nothing is done for them.
    Empty,
    /// A word goes over, a piece of work is done with it, and a word comes back.
    Work,
}

/// A client's end of a connection to a serving process.
pub trait Link: Send + 'static {
    /// Why something could not be done.
    type Error;

    /// So many empty calls, each waited for: how many went wrong. For [`Service::Empty`].
    fn empty_calls(&mut self, count: u64) -> Result<u64, Self::Error>;

    /// A call with a word, and the word that came back. For [`Service::Work`].
    fn call(&mut self, request: u64) -> Result<u64, Self::Error>;

    /// The server's process id.
    fn server(&mut self) -> Result<u32, Self::Error>;

    /// Ends the server: its exit code.
    fn end(self) -> Result<u64, Self::Error>;
}

/// How soon and how much threads run, and what they have used.
pub trait Scheduling: System {
    /// This process's number.
    fn own_process(&self) -> u32;

    /// The calling thread's number.
    fn own_thread(&self) -> u32;

    /// Sets how much the calling thread counts beside others: one of [`WEIGHTS`].
    fn set_own_weight(&self, weight: u16) -> Result<(), Self::Error>;

    /// Puts the calling thread before all ordinary ones, as far as the system can.
    fn become_urgent(&self) -> Result<(), Self::Error>;

    /// Nanoseconds on the clock that [`Scheduling::sleep_until`] goes by.
    fn moment(&self) -> u64;

    /// Sleeps until a moment, and never less.
    fn sleep_until(&self, moment: u64) -> Result<(), Self::Error>;

    /// Nanoseconds that each has been on a CPU so far, as the kernel accounts for it.
    fn runtimes(&self, accounts: &[Account]) -> Result<Vec<u64>, Self::Error>;
}

/// Weights that every system has: those of Linux' nice values 0, 3, 7 and 10.
pub const WEIGHTS: [u16; 4] = [1024, 526, 215, 110];

/// Who has used CPU time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// A process.
    pub process: u32,
    /// One of its threads; all of them if there is none.
    pub thread: Option<u32>,
}

/// CPU time that the kernel caps or guarantees.
pub trait Budgets: Scheduling {
    /// The most of a CPU that one thread can have.
    const WHOLE_CPU: Budget;

    /// Does something with a budget of the calling thread's own, which goes on without one afterwards.
    fn with_budget<T>(&self, budget: Budget, body: impl FnOnce() -> T) -> Result<T, Self::Error>;
}

/// So much CPU time in each period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// At most, or at least.
    pub kind: Kind,
    /// So many nanoseconds,
    pub time_ns: u64,
    /// in every so many.
    pub period_ns: u64,
}

/// What a budget does for its thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It caps: the thread is served by its weight, and waits when it has had its budget.
    Limit,
    /// It guarantees: the thread is served before all who have none, and waits when it has had its budget.
    Reservation,
}

/// What the kernel has counted.
pub trait Counters: System {
    /// Timer interrupts of all CPUs.
    fn timer_interrupts(&self) -> Result<TimerInterrupts, Self::Error>;

    /// Switches between threads on all CPUs.
    fn switches(&self) -> Result<u64, Self::Error>;

    /// Calls `each` with the name and value of everything else that is worth keeping with a row.
    fn counters(&self, each: &mut dyn FnMut(&str, u64)) -> Result<(), Self::Error>;
}

/// Timer interrupts since boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerInterrupts {
    /// All.
    pub all: u64,
    /// Those that the scheduler asked for, to look whether somebody else should run.
    pub slice: u64,
}
