//! System calls, and above all `cap_enter`: works through the submissions, then returns or waits. docs/abi.md, section 2 gives
//! the order of its steps; the numbers below are that section's.

use alloc::sync::Arc;
use core::sync::atomic::Ordering::Relaxed;

use abi::ring::Cqe;
use abi::syscall;
use abi::validate::{check_words, owner_of};
use sched::{Instant, Nanos};

use super::{Listing, Look, Ring};
use crate::call::{self, Caller, Outcome};
use crate::process::exit;
use crate::process::thread::Thread;
use crate::run::Owned;
use crate::run::cpus::CpuState;
use crate::run::thread_body::Wait;
use crate::run::timer::{self, Armed, Timer};
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
#[inline]
pub fn syscall(cpu: &'static CpuState, entity: &mut Owned, thread: &Arc<Thread>) -> After {
    let (number, first, second) = entity.payload.context.syscall();
    match number {
        syscall::CAP_ENTER => return cap_enter(cpu, entity, thread, first, second),
        syscall::EXIT => {
            let code = first as i64;
            entity.payload.exit_code = Some(code);
            exit::end_process(thread.process(), code, exit::Reason::Exited);
            return After::Exit;
        }
        // The retired write, the measurement checkpoint (this kernel measures by its counters) and everything unknown.
        _ => entity.payload.context.set_result(syscall::REJECTED),
    }
    After::Continue
}

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
    let Pass {
        available,
        foreign_head,
        listing,
        after,
    } = dispatch(cpu, entity, thread, listed);
    if listing.is_some() {
        entity.payload.wait = Some(Wait {
            minimum: listed,
            until: None,
            armed: None,
            listing,
        });
        return After::Block;
    }
    let answer = match minimum {
        // Step 4.
        minimum if u64::from(available) >= minimum => u64::from(available),
        // Step 5.
        _ if foreign_head => syscall::FOREIGN_HEAD,
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

/// What a pass over the submissions left.
struct Pass {
    available: u32,
    foreign_head: bool,
    /// As what the thread is listed, if it asked for that and has to wait.
    listing: Option<Listing>,
    after: After,
}

/// Works through the submissions in order, until none is left, the first belongs to another thread, or no completion
/// fits any more. If fewer than `listed` completions are unread then, the thread is listed to wait for them, except
/// where others wait too or it gives way first.
#[inline]
fn dispatch(cpu: &'static CpuState, entity: &mut Owned, thread: &Arc<Thread>, listed: u32) -> Pass {
    let ring: &Ring = &thread.ring;
    let mut state = ring.state.lock();
    while state.dispatching {
        // Another thread's pass ends soon: it never sleeps in here.
        drop(state);
        machine::cpu::relax();
        state = ring.state.lock();
    }
    state.flush_backlog(&ring.page);
    let mut pass = Pass {
        available: 0,
        foreign_head: false,
        listing: None,
        after: After::Continue,
    };
    let mut submissions = 0;
    while let Some(words) = state.next_submission(&ring.page, &mut submissions) {
        let user_data = words[1];
        let opcode = check_words(&words);
        if opcode.is_ok() && owner_of(&words).is_some_and(|owner| owner != thread.tid()) {
            pass.foreign_head = true;
            break;
        }
        state.indices.take(&ring.page, 1);
        submissions += 1;
        let completion = match opcode {
            Err(error) => Cqe::plain(user_data, error.failure().code()),
            Ok(opcode) => {
                state.dispatching = true;
                drop(state);
                let mut caller = Caller {
                    cpu,
                    entity: &mut *entity,
                    thread,
                    user_data,
                };
                let outcome = call::execute(&mut caller, opcode, &words);
                state = ring.state.lock();
                state.dispatching = false;
                match outcome {
                    Outcome::Completed { result, records } => {
                        Cqe::plain(user_data, result).with_records(records)
                    }
                    Outcome::Pending => continue,
                    Outcome::Yield => {
                        pass.after = After::Yield;
                        Cqe::plain(user_data, 0)
                    }
                    Outcome::EndThread(code) => {
                        drop(state);
                        exit::end_thread(entity, code);
                        count_submissions(cpu, submissions);
                        return Pass {
                            available: 0,
                            foreign_head: false,
                            listing: None,
                            after: After::Exit,
                        };
                    }
                }
            }
        };
        state.publish(&ring.page, completion.to_words());
    }
    pass.available = state.indices.unread(&ring.page);
    if !state.waiters.is_empty() {
        ring.wake_satisfied(state);
    } else if pass.available < listed && !pass.foreign_head && matches!(pass.after, After::Continue) {
        pass.listing = Some(state.list(thread, listed));
    }
    count_submissions(cpu, submissions);
    pass
}

#[inline]
fn count_submissions(cpu: &CpuState, submissions: u64) {
    let counter = &cpu.counters.submissions;
    counter.store(counter.load(Relaxed) + submissions, Relaxed);
}

/// Looks at a thread's wait, before it blocks and each time it was woken: true if it is over, and the system call's result
/// is set; else it is listed with its ring and its deadline.
pub fn is_over(entity: &mut Owned, thread: &Arc<Thread>, mut wait: Wait) -> bool {
    let over = wait.until.is_some_and(|until| now() >= until);
    let available = match thread.ring.wait_for(thread, wait.minimum) {
        Look::Enough(available) => available,
        Look::Listed(_) if over => thread.ring.stop_waiting(thread),
        Look::Listed(listing) => {
            wait.listing = Some(listing);
            if let (Some(until), None) = (wait.until, wait.armed) {
                wait.armed = arm(thread, until);
            }
            entity.payload.wait = Some(wait);
            return false;
        }
    };
    if let Some(armed) = wait.armed
        && let Some(mut memory) = timer::disarm(armed)
    {
        memory.waiter = Timer::None;
        thread.keep_deadline(memory);
    }
    entity.payload.wait = None;
    entity.payload.context.set_result(u64::from(available));
    true
}

fn arm(thread: &Arc<Thread>, until: Instant) -> Option<Armed> {
    // The memory is with the thread whenever its deadline is in no queue, which is so here: nothing is armed.
    let mut memory = thread.take_deadline()?;
    memory.waiter = Timer::Thread(thread.clone());
    Some(timer::arm(until, memory))
}
