//! What threads do, drawn by chance. shuttle's random numbers come from the seed of its schedule, so a schedule's seed
//! says everything.

use std::collections::VecDeque;

use sched::ThreadId;
use shuttle::rand::{Rng, thread_rng};

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
    /// A timer interrupt comes: the thread's wait is over.
    Expire(ThreadId),
    /// Run for ever.
    Spin,
}

/// A script of up to `steps` steps for one of so many threads. At its end the thread exits.
pub fn draw(threads: u64, steps: usize) -> VecDeque<Step> {
    let mut chance = thread_rng();
    let length = chance.gen_range(1..=steps);
    let mut script: VecDeque<Step> = (0..length)
        .map(|_| {
            let other = ThreadId(chance.gen_range(1..=threads));
            match chance.gen_range(0..16) {
                0..4 => Step::Post(other),
                4..8 => Step::PostAndWait(other),
                8..11 => Step::Wait,
                11..13 => Step::Yield,
                13 => Step::Kill(other),
                _ => Step::Expire(other),
            }
        })
        .collect();
    if chance.gen_range(0..3) == 0 {
        script.push_back(Step::Spin);
    }
    script
}
