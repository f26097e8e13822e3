//! What can follow a step of the protocol, as a value.

use alloc::boxed::Box;

use sched::{CpuId, EnqueueReason, Entity};

use crate::host::{Host, Owned};
use crate::{balance, take, wake};

/// One step that follows another.
#[must_use = "what follows has to be performed"]
#[derive(Debug)]
pub enum Step<B> {
    /// Chooses a CPU for a runnable thread.
    Place(Box<Entity<B>>, EnqueueReason),
    /// Queues it there.
    Enqueue(Box<Entity<B>>, CpuId, EnqueueReason),
    /// Summons an idle CPU that may take over a waiting thread.
    Help(CpuId),
    /// Sends a reschedule interrupt.
    Send(CpuId),
    /// The running thread goes on: its candidate is placed.
    Settle,
    /// A turn has ended: levels the CPUs.
    Balance,
    /// Picks the next thread, or looks elsewhere for one.
    Pick,
    /// Looks for a thread to take from another CPU.
    Steal,
    /// Runs one that was taken, or a better one.
    Adopt(Box<Entity<B>>),
}

impl<B> Step<B> {
    /// Performs it; the thread that begins to run here because of it, if one does.
    #[inline(always)]
    pub fn perform<H: Host<Body = B>>(self, host: &mut H) -> Option<Owned<H>> {
        match self {
            Step::Place(thread, why) => wake::place(host, thread, why),
            Step::Enqueue(thread, target, why) => wake::enqueue(host, thread, target, why),
            Step::Help(helper) => wake::summon_helper(host, helper),
            Step::Send(target) => host.send(target),
            Step::Settle => wake::settle_candidate(host),
            Step::Balance => balance::balance(host),
            Step::Pick => return take::pick(host),
            Step::Steal => return take::steal(host),
            Step::Adopt(thread) => return take::adopt(host, thread),
        }
        None
    }

    /// The thread that it carries.
    pub fn thread_mut(&mut self) -> Option<&mut Entity<B>> {
        match self {
            Step::Place(thread, _) | Step::Enqueue(thread, _, _) | Step::Adopt(thread) => Some(thread),
            _ => None,
        }
    }

    /// The same, to look at.
    pub fn thread(&self) -> Option<&Entity<B>> {
        match self {
            Step::Place(thread, _) | Step::Enqueue(thread, _, _) | Step::Adopt(thread) => Some(thread),
            _ => None,
        }
    }
}
