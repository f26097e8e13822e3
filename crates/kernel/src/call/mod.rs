//! One submission: checks its buffers and its capability in the order of docs/abi.md, section 6, then hands it to the object.
//! What methods do is in `objects` and `endpoint`; `method` is what they need to read their parameters and to answer,
//! `transfers` what comes with a message, `park` waiting on words.

mod method;
mod park;
mod transfers;

pub use method::{Answer, Call, Reply, Room, Trouble, disconnected, invalid, overloaded, unimplemented};
pub use transfers::{Transfers, check_buffers};

use alloc::sync::Arc;

use abi::result::Failure;
use abi::ring::{Opcode, SQE_WORDS};
use abi::validate::{Buffer, Op};

use crate::capability::Capability;
use crate::endpoint::{self, Endpoint, Heading, leaving};
use crate::objects;
use crate::process::attention::{Asked, Rest};
use crate::process::thread::Thread;
use crate::run::Owned;
use crate::run::cpus::CpuState;

/// The thread whose submission is worked on.
pub struct Caller<'a> {
    /// The CPU it runs on.
    pub cpu: &'static CpuState,
    /// Itself.
    pub entity: &'a mut Owned,
    /// Its record.
    pub thread: &'a Arc<Thread>,
    /// The submission's.
    pub user_data: u64,
}

/// What became of a submission.
pub enum Outcome {
    /// It is done.
    Completed {
        /// What its completion says.
        result: i32,
        /// How many capability records follow the answer.
        records: u16,
    },
    /// It completes later, through its operation.
    Pending,
    /// A piece of it is done; the thread keeps what is left, and goes on with that before it does anything else.
    Unfinished,
    /// It is done, and the thread gives way.
    Yield,
    /// The thread ends, and nothing completes.
    EndThread(i64),
}

impl Outcome {
    /// Done, and there is nothing to say.
    pub const DONE: Outcome = Outcome::code(0);

    /// Done, with this result.
    #[inline]
    pub const fn code(result: i32) -> Outcome {
        Outcome::Completed { result, records: 0 }
    }
}

/// The outcome of a submission that failed.
#[inline]
pub fn failed(failure: Failure) -> Outcome {
    Outcome::code(failure.code())
}

/// Works on one well-formed submission.
#[inline(always)]
pub fn execute(caller: &mut Caller<'_>, opcode: Opcode, words: &[u64; SQE_WORDS]) -> Outcome {
    match Op::of_checked(opcode, words) {
        Op::Nop => Outcome::DONE,
        Op::Call {
            cap,
            method,
            params,
            result,
            transfers,
            ..
        } => call(caller, cap, method, params, result, transfers),
        Op::Return {
            cap,
            call,
            payload,
            transfers,
            exception,
        } => endpoint::answer::answer(caller, cap, call, payload, transfers, exception),
        Op::Recv { cap, result } => endpoint::receive::receive(caller, cap, result),
        Op::Cancel { cap, target } => endpoint::receive::cancel(caller, cap, target),
        Op::Release { cap } => release(caller, cap),
        Op::Park {
            cap,
            addr,
            expected,
            timeout_ns,
            ..
        } => park::park(caller, cap, addr, expected, timeout_ns),
        Op::Unpark {
            cap,
            addr,
            max_waiters,
        } => park::unpark(caller, cap, addr, max_waiters),
    }
}

/// Works again on the call of a method of which a piece was done. Its buffers were checked then; whoever unmaps one meanwhile is told so when
/// it is used.
#[cold]
pub fn call_again(caller: &mut Caller<'_>, asked: Asked) -> Outcome {
    match caller
        .thread
        .process()
        .with_capability(asked.cap, Capability::clone)
    {
        Some(capability) => ask(caller, &capability, asked),
        None => failed(Failure::InvokeFailed),
    }
}

/// What a capability leads to, taken out of the table so that its lock is not held meanwhile.
enum Target {
    Endpoint(Arc<Endpoint>, Heading),
    /// Giving way, which needs nothing of its object.
    Yield,
    Object(Capability),
}

#[inline]
fn call(
    caller: &mut Caller<'_>,
    cap: u32,
    method: u16,
    params: Buffer,
    result: Buffer,
    transfers: u16,
) -> Outcome {
    let process = caller.thread.process();
    if let Err(failure) = check_buffers(process, params, result) {
        return failed(failure);
    }
    let transfers = match Transfers::locate(process, params, transfers) {
        Ok(transfers) => transfers,
        Err(failure) => return failed(failure),
    };
    let found = process.with_capability(cap, |capability| match capability.endpoint() {
        Some(endpoint) => Target::Endpoint(endpoint.clone(), Heading::of(capability, method)),
        None if objects::is_yield(capability, method) => Target::Yield,
        None => Target::Object(capability.clone()),
    });
    let Some(target) = found else {
        return failed(Failure::InvokeFailed);
    };
    if matches!(target, Target::Yield) && transfers.are_none() {
        return Outcome::Yield;
    }
    let parcel = match transfers.stage(process) {
        Ok(parcel) => parcel,
        Err(failure) => return failed(failure),
    };
    match target {
        Target::Endpoint(endpoint, heading) => {
            endpoint::call::call(caller, endpoint, heading, params, result, parcel)
        }
        Target::Yield | Target::Object(_) if !parcel.is_empty() => {
            leaving::give_back(process, parcel);
            failed(Failure::TransferNotSupported)
        }
        Target::Yield => Outcome::Yield,
        Target::Object(capability) => {
            let asked = Asked {
                user_data: caller.user_data,
                cap,
                method,
                params,
                result,
            };
            ask(caller, &capability, asked)
        }
    }
}

/// Asks an object of the kernel's. Out of line, so that the way to an endpoint keeps its registers.
#[inline(never)]
fn ask(caller: &mut Caller<'_>, capability: &Capability, asked: Asked) -> Outcome {
    let Asked {
        method,
        params,
        result,
        ..
    } = asked;
    let mut call = Call::new(caller, method, params, result);
    let answer = objects::call(&mut call, capability);
    let thread = caller.thread;
    let outcome = method::deliver(thread.process(), result, answer);
    if matches!(outcome, Outcome::Unfinished) {
        thread.attention.keep(Rest::Again(asked));
    }
    outcome
}

fn release(caller: &Caller<'_>, cap: u32) -> Outcome {
    if leaving::release(caller.thread.process(), cap) {
        Outcome::DONE
    } else {
        failed(Failure::InvalidRequest)
    }
}
