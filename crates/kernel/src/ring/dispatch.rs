//! System calls, and above all `cap_enter`: works through the submissions, then returns or waits. abi.md section 2 gives
//! the order of its steps; the numbers below are that section's.

use core::sync::atomic::Ordering::Relaxed;

use abi::result::Failure;
use abi::ring::Cqe;
use abi::syscall;
use abi::validate::{Op, validate_words};
use sched::{Instant, Nanos};

use super::Ring;
use crate::call::{self, Caller, Outcome};
use crate::process::exit;
use crate::run::Owned;
use crate::run::cpus::CpuState;
use crate::run::thread_body::Wait;
use crate::run::timer::{self, Timer};
use crate::run::wake::now;

/// What the CPU's loop does after a system call.
#[must_use = "the loop still has to act on this"]
pub enum After {
    /// Go on with this thread, or let it wait if it has a wait.
    Continue,
    /// Let others run first.
    Yield,
    /// The thread was ordered to die.
    Exit,
}

/// Handles the system call in the thread's registers.
#[inline]
pub fn syscall(cpu: &'static CpuState, entity: &mut Owned) -> After {
    let (number, first, second) = entity.payload.context.syscall();
    match number {
        syscall::CAP_ENTER => return cap_enter(cpu, entity, first, second),
        syscall::EXIT => {
            let code = first as i64;
            entity.payload.exit_code = Some(code);
            exit::end_process(entity.payload.thread.process(), code, exit::Reason::Exited);
            return After::Exit;
        }
        // The retired write, the measurement checkpoint (this kernel measures by its counters) and everything unknown.
        _ => entity.payload.context.set_result(syscall::REJECTED),
    }
    After::Continue
}

fn cap_enter(cpu: &'static CpuState, entity: &mut Owned, minimum: u64, timeout: u64) -> After {
    if minimum > syscall::MAX_WANTED {
        entity.payload.context.set_result(syscall::REJECTED);
        return After::Continue;
    }
    // Steps 1 to 3.
    let Pass {
        available,
        foreign_head,
        after,
    } = dispatch(cpu, entity);
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
    after: After,
}

/// Works through the submissions in order, until none is left, the first belongs to another thread, or no completion
/// fits any more.
fn dispatch(cpu: &'static CpuState, entity: &mut Owned) -> Pass {
    let thread = entity.payload.thread.clone();
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
        after: After::Continue,
    };
    let mut submissions = 0;
    while let Some(words) = state.next_submission(&ring.page, &mut submissions) {
        let user_data = words[1];
        let op = validate_words(&words);
        if let Ok(op) = &op
            && op.owner().is_some_and(|owner| owner != thread.tid())
        {
            pass.foreign_head = true;
            break;
        }
        state.indices.take(&ring.page, 1);
        submissions += 1;
        let completion = match op {
            Err(error) => Cqe::plain(user_data, error.failure().code()),
            Ok(Op::Nop) => Cqe::plain(user_data, 0),
            Ok(op) => {
                state.dispatching = true;
                drop(state);
                let mut caller = Caller {
                    cpu,
                    entity: &mut *entity,
                    thread: &thread,
                    user_data,
                };
                let outcome = call::execute(&mut caller, op);
                state = ring.state.lock();
                state.dispatching = false;
                match outcome {
                    Outcome::Completed(completion) => Cqe {
                        user_data,
                        ..completion
                    },
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
                            after: After::Exit,
                        };
                    }
                }
            }
        };
        state.publish(&ring.page, completion.to_words());
    }
    pass.available = state.indices.unread(&ring.page);
    ring.wake_satisfied(state);
    count_submissions(cpu, submissions);
    pass
}

#[inline]
fn count_submissions(cpu: &CpuState, submissions: u64) {
    let counter = &cpu.counters.submissions;
    counter.store(counter.load(Relaxed) + submissions, Relaxed);
}

/// Whether a wait is over.
pub enum Waited {
    /// It is; the system call's result is set.
    Over,
    /// It is not; the thread is listed with its ring and its deadline.
    Block,
}

/// Looks at a thread's wait: before it blocks, and each time it was woken.
pub fn wait_again(entity: &mut Owned, wait: Wait) -> Waited {
    let thread = entity.payload.thread.clone();
    let over = wait.until.is_some_and(|until| now() >= until);
    let available = match thread.ring.wait_for(&thread, wait.minimum) {
        Some(available) => available,
        None if over => thread.ring.stop_waiting(&thread),
        None => {
            if let (Some(until), None) = (wait.until, wait.armed) {
                arm(entity, wait, until);
            }
            return Waited::Block;
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
    Waited::Over
}

fn arm(entity: &mut Owned, wait: Wait, until: Instant) {
    let thread = &entity.payload.thread;
    // The memory is with the thread whenever its deadline is in no queue, which is so here: nothing is armed.
    if let Some(mut memory) = thread.take_deadline() {
        memory.waiter = Timer::Thread(thread.clone());
        let armed = timer::arm(until, memory);
        entity.payload.wait = Some(Wait {
            armed: Some(armed),
            ..wait
        });
    }
}

/// Completion of a submission that failed.
pub fn failed(failure: Failure) -> Outcome {
    Outcome::Completed(Cqe::plain(0, failure.code()))
}
