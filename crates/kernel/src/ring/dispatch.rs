//! System calls, and above all `cap_enter`: works through the submissions, then returns or waits. docs/abi.md, section 2 gives
//! the order of its steps; the numbers below are that section's.
//!
//! A pass is bounded whoever fills the ring (rule P15). A submission that takes longer than a piece is done in several:
//! the thread keeps what is left, leaves the call to its CPU's loop, where interrupts and orders are looked at, and comes
//! back here as if it had made the same system call again.

use alloc::sync::Arc;
use core::sync::atomic::Ordering::Relaxed;

use abi::ring::{CQ_ENTRIES, Cqe, Opcode};
use abi::syscall;
use abi::validate::{check_words, is_of_another};
use rings::Listing;
use sched::Nanos;

use super::{Locked, Ring};
use crate::call::{self, Caller, Outcome};
use crate::process::attention::{Progress, Rest};
use crate::process::exit;
use crate::process::thread::Thread;
use crate::run::Owned;
use crate::run::cpus::CpuState;
use crate::run::host::Host;
use crate::run::wait::Wait;
use crate::run::wake::now;

/// What the CPU's loop does after a system call.
#[must_use = "the loop still has to act on this"]
pub enum After {
    /// Go on with this thread, or let it wait if it has a wait.
    Continue,
    /// Block: the wait is listed with the ring, and nothing but a completion ends it.
    Block,
    /// Let others run first.
    Yield,
    /// The thread was ordered to die.
    Exit,
}

/// Handles the system call in the thread's registers.
#[inline(always)]
pub fn syscall(cpu: &'static CpuState, entity: &mut Owned, thread: &Arc<Thread>) -> After {
    let (number, first, second) = entity.payload.context.syscall();
    match number {
        syscall::CAP_ENTER => return cap_enter(cpu, entity, thread, first, second),
        syscall::EXIT => {
            exit::exit(thread, entity, first as i64);
            return After::Exit;
        }
        // The retired write, the measurement checkpoint (this kernel measures by its counters) and everything unknown.
        _ => entity.payload.context.set_result(syscall::REJECTED),
    }
    After::Continue
}

/// Goes on with the submission that a former pass of the thread's system call left unfinished; whether it is done now.
pub fn go_on(cpu: &'static CpuState, entity: &mut Owned, thread: &Arc<Thread>) -> bool {
    let (user_data, outcome) = match thread.attention.take() {
        None => return true,
        Some(Rest::Unparking(unparking)) => {
            let user_data = unparking.user_data;
            match unparking.go_on(thread.process()) {
                Progress::Done(result) => (user_data, Outcome::code(result)),
                Progress::Unfinished(rest) => {
                    thread.attention.keep(Rest::Unparking(rest));
                    return false;
                }
            }
        }
        Some(Rest::Again(asked)) => {
            let user_data = asked.user_data;
            let mut caller = Caller {
                cpu,
                entity,
                thread,
                user_data,
            };
            (user_data, call::call_again(&mut caller, asked))
        }
    };
    let completion = match outcome {
        Outcome::Completed { result, records } => Cqe::plain(user_data, result).with_records(records),
        Outcome::Unfinished => return false,
        Outcome::Yield => Cqe::plain(user_data, 0),
        Outcome::Pending => return true,
        Outcome::EndThread(code) => {
            exit::end_thread(thread, entity, code);
            return true;
        }
    };
    thread.ring.post(completion);
    true
}

#[inline(always)]
fn cap_enter(
    cpu: &'static CpuState,
    entity: &mut Owned,
    thread: &Arc<Thread>,
    minimum: u64,
    timeout: u64,
) -> After {
    if minimum > syscall::MAX_WANTED {
        entity.payload.context.set_result(syscall::REJECTED);
        return After::Continue;
    }
    // Who waits for ever need not look again before it blocks.
    let listed = if timeout == syscall::NO_TIMEOUT {
        minimum as u32
    } else {
        0
    };
    // Steps 1 to 3.
    let (pass, available, listing) = dispatch(cpu, entity, thread, listed);
    let Pass { stopped, after, .. } = pass;
    if listing.is_some() {
        entity.payload.wait = Some(Wait {
            minimum: listed,
            until: None,
            armed: None,
            listing,
        });
        return After::Block;
    }
    let answer = match (stopped, minimum) {
        // The loop comes back here.
        (Stopped::Unfinished, _) => return after,
        (Stopped::Busy, _) => syscall::CONSUMER_BUSY,
        // Step 4.
        (_, minimum) if u64::from(available) >= minimum => u64::from(available),
        // Step 5.
        (Stopped::ForeignHead, _) => syscall::FOREIGN_HEAD,
        // Step 6.
        _ if timeout == 0 => u64::from(available),
        _ => {
            let until = (timeout != syscall::NO_TIMEOUT).then(|| now() + Nanos(timeout));
            entity.payload.wait = Some(Wait {
                minimum: minimum as u32,
                until,
                armed: None,
                listing: None,
            });
            return after;
        }
    };
    entity.payload.context.set_result(answer);
    after
}

/// Why a pass took no more submissions.
#[derive(Clone, Copy)]
enum Stopped {
    /// It has taken those that were there when it began, or as many as completions fit.
    Done,
    /// The first that is left belongs to another thread.
    ForeignHead,
    /// Another thread is in the middle of a pass, and there are some to be taken.
    Busy,
    /// One of them is under way still.
    Unfinished,
    /// One of them ended the thread.
    Ended,
}

/// How far a pass over the submissions is.
struct Pass {
    stopped: Stopped,
    after: After,
    /// A submission may have woken somebody, who is the candidate for this CPU.
    may_have_woken: bool,
    /// Submissions that were there when it began and are not taken.
    left: u32,
}

/// Works in order through the submissions that are there now, of which there are 16 at most, until the first belongs to
/// another thread, or no completion fits any more. Whoever refills the queue meanwhile does so for a later entry. If
/// fewer than `listed` completions are unread then, the thread is listed to wait for them, except where others wait too
/// or it gives way first. The unread completions, and as what the thread is listed.
#[inline(always)]
fn dispatch(
    cpu: &'static CpuState,
    entity: &mut Owned,
    thread: &Arc<Thread>,
    listed: u32,
) -> (Pass, u32, Option<Listing>) {
    let ring: &Ring = &thread.ring;
    let mut pass = Pass {
        stopped: Stopped::Done,
        after: After::Continue,
        may_have_woken: false,
        left: 0,
    };
    let mut state = ring.lock();
    let is_under_way = state.dispatching;
    let Some(found) = state.queues.begin_pass(is_under_way, &ring.page) else {
        pass.stopped = Stopped::Busy;
        return (pass, 0, None);
    };
    pass.left = found;
    let mut available;
    loop {
        if state.queues.answer_nops(&ring.page, &mut pass.left) {
            state = perform(cpu, entity, thread, state, &mut pass);
        }
        available = state.queues.available(&ring.page);
        // Whoever reads completions may have made room meanwhile, and nobody else will take what is left.
        let is_held_back = pass.left > 0 && matches!(pass.stopped, Stopped::Done);
        if !is_held_back || available == CQ_ENTRIES {
            break;
        }
    }
    count_submissions(cpu, u64::from(found - pass.left));
    let mut listing = None;
    if !state.waiters.is_empty() {
        ring.wake_others(state);
    } else {
        state.queues.were_looked_at();
        let goes_on = matches!((pass.stopped, &pass.after), (Stopped::Done, After::Continue));
        if available < listed && goes_on {
            listing = Some(state.waiters.list(thread.task().clone(), listed));
        }
    }
    (pass, available, listing)
}

/// Executes the submissions of a pass that are more than a NOP, without the ring's lock.
#[inline(always)]
fn perform<'a>(
    cpu: &'static CpuState,
    entity: &mut Owned,
    thread: &'a Arc<Thread>,
    mut state: Locked<'a>,
    pass: &mut Pass,
) -> Locked<'a> {
    let ring: &Ring = &thread.ring;
    loop {
        let words = state.queues.next(&ring.page);
        let user_data = words[1];
        let opcode = check_words(&words);
        if opcode.is_ok() && is_of_another(&words, thread.tid()) {
            pass.stopped = Stopped::ForeignHead;
            return state;
        }
        state.queues.take(&ring.page);
        pass.left -= 1;
        let completion = match opcode {
            Err(error) => Some(Cqe::plain(user_data, error.failure().code())),
            Ok(opcode) => {
                state.dispatching = true;
                drop(state);
                // It waits for nothing but the short submissions with which its waker waits itself.
                if pass.may_have_woken && !(pass.left == 0 && matches!(opcode, Opcode::Recv | Opcode::Park)) {
                    protocol::settle_candidate(&mut Host(cpu));
                }
                pass.may_have_woken = true;
                let mut caller = Caller {
                    cpu,
                    entity: &mut *entity,
                    thread,
                    user_data,
                };
                let outcome = call::execute(&mut caller, opcode, &words);
                state = ring.lock();
                state.dispatching = false;
                match outcome {
                    Outcome::Completed { result, records } => {
                        Some(Cqe::plain(user_data, result).with_records(records))
                    }
                    Outcome::Pending => None,
                    Outcome::Unfinished => {
                        pass.stopped = Stopped::Unfinished;
                        return state;
                    }
                    Outcome::Yield => {
                        pass.after = After::Yield;
                        Some(Cqe::plain(user_data, 0))
                    }
                    Outcome::EndThread(code) => {
                        // What the pass has posted so far is for its siblings, who may wait.
                        ring.wake_others(state);
                        exit::end_thread(thread, entity, code);
                        pass.stopped = Stopped::Ended;
                        pass.after = After::Exit;
                        return ring.lock();
                    }
                }
            }
        };
        if let Some(completion) = completion {
            state.publish(&ring.page, completion);
        }
        if pass.left == 0 || !state.queues.answer_nops(&ring.page, &mut pass.left) {
            return state;
        }
    }
}

#[inline]
fn count_submissions(cpu: &CpuState, submissions: u64) {
    let counter = &cpu.counters.submissions;
    counter.store(counter.load(Relaxed) + submissions, Relaxed);
}
