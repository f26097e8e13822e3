//! What a CPU asks before it lets its thread run on, and in which order. Rules B4, B6 and P5.

use crate::host::{Host, Owned};
use crate::leave::{Blocked, Reconsidered, block, reconsider};
use crate::step::Step;

/// What comes next for the running thread.
#[must_use = "the CPU still has to act on this"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ahead {
    /// It was ordered to end, and does now.
    Die,
    /// What it waits for is not there: it comes to rest.
    Block,
    /// What it waited for is there. Ask again.
    GoOn,
    /// Its turn is looked at.
    Reconsider,
    /// It runs.
    Run,
}

/// What comes next for the running thread. `listed`: it was listed for what it waits for in the call that has just ended, and
/// need not look before it comes to rest.
#[inline]
pub fn ahead<H: Host>(host: &mut H, thread: &mut Owned<H>, task: &H::Task, listed: bool) -> Ahead {
    if host.is_dying(task) {
        // It may have woken somebody and meant to wait, in which case that one is the candidate still.
        host.then(Step::Settle);
        return Ahead::Die;
    }
    if host.waits(thread) {
        if listed || !host.is_over(thread, task) {
            return Ahead::Block;
        }
        host.then(Step::Settle);
        return Ahead::GoOn;
    }
    if host.take_look_again() {
        return Ahead::Reconsider;
    }
    Ahead::Run
}

/// How a boundary ends, for a host that performs steps at once.
#[must_use = "a thread is in here"]
pub enum Boundary<H: Host> {
    /// The thread runs.
    Run(Owned<H>),
    /// It left the CPU; the one that follows, if there is one.
    Next(Option<Owned<H>>),
    /// It was ordered to end. The CPU still belongs to it, until it departs.
    Dying(Owned<H>),
}

/// Does what comes next for the running thread until it runs or has left.
#[inline]
pub fn boundary<H: Host>(
    host: &mut H,
    mut thread: Owned<H>,
    task: &H::Task,
    mut listed: bool,
) -> Boundary<H> {
    loop {
        match ahead(host, &mut thread, task, listed) {
            Ahead::Run => return Boundary::Run(thread),
            Ahead::Die => return Boundary::Dying(thread),
            Ahead::GoOn => {}
            Ahead::Block => match block(host, thread, task) {
                Blocked::Next(next) => return Boundary::Next(next),
                Blocked::WokenAlready(same) => thread = same,
            },
            Ahead::Reconsider => match reconsider(host, thread) {
                Reconsidered::Next(next) => return Boundary::Next(next),
                Reconsidered::Keeps(same) => thread = same,
            },
        }
        listed = false;
    }
}
