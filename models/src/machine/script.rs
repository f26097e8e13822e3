//! What threads do, drawn by chance. shuttle's random numbers come from the seed of its schedule, so a schedule's seed
//! says everything.

use std::collections::VecDeque;

use sched::ThreadId;
use shuttle::rand::{Rng, thread_rng};

use super::check::Size;

/// One step of a thread. Each is one system call, but for the last two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Post a letter to a thread, and wake it if it waits for one.
    Post(ThreadId),
    /// Post a letter to a thread, and wait for one oneself: the CPU may be handed over.
    PostAndWait(ThreadId),
    /// Wait for a letter.
    Wait,
    /// Let others run.
    Yield,
    /// Kill a thread.
    Kill(ThreadId),
    /// Give a thread another weight.
    Reweigh(ThreadId, u16),
    /// Say where a thread may run: on the CPUs whose bits are set.
    Restrict(ThreadId, u8),
    /// A timer interrupt comes: the thread's wait is over.
    Expire(ThreadId),
    /// Run for ever.
    Spin,
}

/// A script for one of the threads of a machine of this size. At its end the thread exits.
pub fn draw(size: &Size) -> VecDeque<Step> {
    let mut chance = thread_rng();
    let kinds = if size.changes { 20 } else { 16 };
    let length = chance.gen_range(1..=size.steps);
    let mut script: VecDeque<Step> = (0..length)
        .map(|_| {
            let other = ThreadId(chance.gen_range(1..=size.threads));
            match chance.gen_range(0..kinds) {
                0..4 => Step::Post(other),
                4..8 => Step::PostAndWait(other),
                8..11 => Step::Wait,
                11..13 => Step::Yield,
                13 => Step::Kill(other),
                14 | 15 => Step::Expire(other),
                16 | 17 => Step::Reweigh(other, 1 << chance.gen_range(0..11)),
                _ => Step::Restrict(other, chance.gen_range(1..1 << size.cpus)),
            }
        })
        .collect();
    if chance.gen_range(0..3) == 0 {
        script.push_back(Step::Spin);
    }
    script
}
