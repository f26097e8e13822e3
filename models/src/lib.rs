//! Protocols between processors, run in every order that the memory model allows, or in very many.
//!
//! A protocol is a few lines in which two or three parties touch the same words: the kernel parks a thread
//! while another CPU wakes it, a CPU falls asleep while a thread begins to wait on another. Such lines are easy to
//! get wrong and nearly impossible to test on real processors. Here they run on the types of `loom`, which tries all
//! interleavings and all values a load may return, and of `shuttle`, which tries many schedules of something larger.
//! docs/models.md says of each model which code of the kernel it is built from, what it checks and what it cannot see.
//!
//! Every protocol takes a [`Mistake`]. The tests run it right, where it must hold, and with each mistake,
//! where the order in which it fails must be found: a model that cannot fail proves nothing.
//!
//! With loom: [`park`], a thread comes to rest while it is woken; [`board`], a CPU goes to sleep while a thread begins to
//! wait; [`ring`], the two sides of a ring page and a poller that goes to sleep; [`operation`], several parties end an
//! operation at once; [`lock`], CPUs that take a lock; [`shootdown`], CPUs that wait for each other; [`word`], the words
//! they share. With shuttle: [`machine`], a few CPUs and everything they do with threads.
#![forbid(unsafe_code)]

pub mod board;
pub mod lock;
pub mod machine;
pub mod operation;
pub mod park;
pub mod ring;
pub mod shootdown;
pub mod word;

/// A way to get a protocol wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// None: the protocol as the kernel has it.
    None,
    /// Look first, and list the waiter in a second step.
    ListAfterLooking,
    /// Come to rest without looking for a wake that came early.
    IgnoreEarlyWake,
    /// Leave no note for a thread that is woken before it rests.
    WakeWithoutNote,
    /// End a thread's wait although it has come back to wait for something else meanwhile.
    EndAnyWait,
    /// Look for somebody to steal from, and then publish that one is idle.
    LookBeforePublishing,
    /// Look for an idle CPU, and then publish that a thread waits.
    AskBeforePublishing,
    /// Pass a crowded CPU over because its lock is held.
    StealOnlyWithoutWaiting,
    /// Interrupt an idle CPU without having claimed it.
    SummonWithoutClaiming,
    /// Words whose steps order nothing but themselves.
    WeakWords,
    /// Queue a thread on another CPU without interrupting that.
    ForgetToInterrupt,
    /// Let threads wait beside idle CPUs.
    NeverCallHelpers,
    /// Call no helper for those who still wait when a thread begins.
    NoHelperForTheRest,
    /// Leave the candidate where it is when what one waited for is there.
    GoOnWithACandidate,
    /// Leave it where it is when a system call returns.
    ReturnWithACandidate,
    /// Leave it where it is when the running thread was ordered to die.
    DieWithACandidate,
    /// Order a running thread to die, and do not interrupt its CPU.
    KillWithoutInterrupting,
    /// Publish the index before the entry.
    PublishEarly,
    /// Take an entry's slot for the next entry without looking whether it was read.
    OverwriteUnread,
    /// Give an entry's slot back before having copied it.
    GiveBackEarly,
    /// Go to sleep without looking at the queue again.
    SleepWithoutRecheck,
    /// Look again, but without a fence between the flag and the look.
    NoFence,
    /// Wait for a lock without answering other CPUs.
    SpinDeaf,
    /// Answer a request to flush before having flushed.
    AnswerBeforeFlush,
    /// End an operation and leave its time-out armed.
    KeepTheTimer,
    /// End an operation and leave it in the queue of the object where it waits.
    ForgetNothing,
    /// End whatever operation has the slot of the one that is meant.
    EndTheSlotsTenant,
    /// Count an operation as served without asking whether it had ended before.
    ServeWithoutAsking,
    /// Write into its submitter's memory before being the one who ends it.
    WriteWithoutClaim,
}

/// Runs `protocol` in every order with at most `preemptions` involuntary switches; panics where it fails.
/// Three preemptions find all bugs of this size known to us, and keep a run within seconds.
pub fn explore(preemptions: usize, protocol: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(protocol);
}
