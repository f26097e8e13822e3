//! Protocols between processors, each run in every order that the memory model allows.
//!
//! A protocol is a few lines in which two or three parties touch the same words: the kernel parks a thread
//! while another CPU wakes it, a poller falls asleep while a program publishes work. Such lines are easy to
//! get wrong and nearly impossible to test on real processors, so each is written here once more, on the
//! types of `loom`, which tries all interleavings and all values a load may return. Where a piece of the
//! kernel is a pure type, the model uses that very type ([`sched::Parking`]).
//!
//! Every protocol takes a [`Mistake`]. The tests run it right, where it must hold, and with each mistake,
//! where loom must find the order in which it fails: a model that cannot fail proves nothing.
//!
//! [`park`]: a thread comes to rest while it is woken. [`queue`]: one side of a ring page. [`doorbell`]: a
//! poller goes to sleep. [`shootdown`]: CPUs that wait for each other.
#![forbid(unsafe_code)]

pub mod doorbell;
pub mod park;
pub mod queue;
pub mod shootdown;

/// A way to get a protocol wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// None: the protocol as the kernel has it.
    None,
    /// Look first, and list the waiter in a second step.
    ListAfterLooking,
    /// Come to rest without looking for a wake that came early.
    IgnoreEarlyWake,
    /// Publish an index without release.
    RelaxedPublish,
    /// Publish the index before the entry.
    PublishEarly,
    /// Take an entry's slot for the next entry without looking whether it was read.
    OverwriteUnread,
    /// Go to sleep without looking at the queue again.
    SleepWithoutRecheck,
    /// Look again, but without a fence between the flag and the look.
    NoFence,
    /// Wait for a lock without answering other CPUs.
    SpinDeaf,
    /// Answer a request to flush before having flushed.
    AnswerBeforeFlush,
}

/// Runs `protocol` in every order with at most `preemptions` involuntary switches; panics where it fails.
/// Three preemptions find all bugs of this size known to us, and keep a run within seconds.
pub fn explore(preemptions: usize, protocol: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(protocol);
}
