//! What methods of kernel objects need: their parameters, where to answer, and how their answers get there.

use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::result::Failure;
use abi::transfer::{RECORD_BYTES, Record};
use abi::validate::Buffer;

use super::{Caller, Outcome, failed};
use crate::capability::Capability;
use crate::memory::account::{Charge, Cost, Short};
use crate::process::Process;
use crate::process::thread::Thread;
use crate::ring::operation::{Operation, WaitPlace};
use crate::wire::{self, ExceptionKind, Words};

/// Copies of up to this many bytes are made without being charged: they are gone when the call is over, and the machine's
/// reserve has room for those of every CPU.
const SMALL: usize = 4096;

/// Why a method did not do what it was asked to.
pub enum Trouble {
    /// The caller gets an exception.
    Exception(ExceptionKind, &'static str),
    /// The caller gets a result code.
    Failure(Failure),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Trouble {
        Trouble::Failure(failure)
    }
}

impl From<capnp::Error> for Trouble {
    fn from(_: capnp::Error) -> Trouble {
        Trouble::Exception(ExceptionKind::InvalidArgument, "the parameters do not decode")
    }
}

impl From<capnp::NotInSchema> for Trouble {
    fn from(_: capnp::NotInSchema) -> Trouble {
        Trouble::Exception(
            ExceptionKind::InvalidArgument,
            "a parameter has an unknown enum value",
        )
    }
}

impl From<Short> for Trouble {
    fn from(short: Short) -> Trouble {
        overloaded(match short {
            Short::Account | Short::Granted => "more memory than this process may have",
            Short::Machine => "no memory that is not promised to others",
        })
    }
}

/// An exception of type invalidArgument.
pub fn invalid(text: &'static str) -> Trouble {
    Trouble::Exception(ExceptionKind::InvalidArgument, text)
}

/// An exception of type overloaded.
pub fn overloaded(text: &'static str) -> Trouble {
    Trouble::Exception(ExceptionKind::Overloaded, text)
}

/// An exception of type disconnected.
pub fn disconnected(text: &'static str) -> Trouble {
    Trouble::Exception(ExceptionKind::Disconnected, text)
}

/// An exception of type unimplemented.
pub fn unimplemented() -> Trouble {
    Trouble::Exception(
        ExceptionKind::Unimplemented,
        "this interface has no such method here",
    )
}

/// What a method answers.
pub enum Reply {
    /// Nothing: zero bytes.
    Void,
    /// An encoded empty struct.
    EmptyStruct,
    /// A message.
    Message(Vec<u8>),
    /// A message and new capabilities; [`Call::require_room`] was asked first.
    Capabilities(Vec<u8>, Vec<Capability>),
    /// It answers later, through the operation it began.
    Pending,
    /// No answer: the thread ends.
    EndThread(i64),
}

/// What a method answers, or why not.
pub type Answer = Result<Reply, Trouble>;

/// A call of a kernel object.
pub struct Call<'a, 'b> {
    /// Who calls.
    pub caller: &'a mut Caller<'b>,
    /// The method's number.
    pub method: u16,
    /// Where results go; checked to be writable.
    pub result: Buffer,
    params: Buffer,
}

impl<'a, 'b> Call<'a, 'b> {
    /// A call of `method` by `caller`, whose buffers were checked.
    pub(super) fn new(caller: &'a mut Caller<'b>, method: u16, params: Buffer, result: Buffer) -> Self {
        Call {
            caller,
            method,
            result,
            params,
        }
    }

    /// The calling process.
    pub fn process(&self) -> &Arc<Process> {
        self.caller.thread.process()
    }

    /// The calling thread.
    pub fn thread(&self) -> &Arc<Thread> {
        self.caller.thread
    }

    /// The parameters, copied out of user memory. Decode with [`Words::message`].
    ///
    /// # Errors
    /// When they cannot be read any more, or there is no memory for them.
    pub fn params(&self) -> Result<Words, Trouble> {
        let bytes = self.params.len as usize;
        let mut words = Words::new(bytes, self.room_for(bytes)?)?;
        self.process()
            .space
            .read_here(self.params.addr, words.bytes_mut())
            .map_err(|_| Failure::InvalidParams)?;
        Ok(words)
    }

    /// Charges copies of `bytes` that this call needs for a moment, if they are more than a few.
    ///
    /// # Errors
    /// Overloaded, when there is no memory for them.
    pub fn room_for(&self, bytes: usize) -> Result<Charge, Trouble> {
        if bytes <= SMALL {
            return Ok(Charge::NOTHING);
        }
        Ok(self.process().account.charge(Cost::heap_later(bytes))?)
    }

    /// Begins an operation that answers this call later. `place` is where it waits.
    ///
    /// # Errors
    /// Overloaded, when the ring has too many under way.
    pub fn begin(&self, place: Option<Arc<dyn WaitPlace>>) -> Result<Operation, Trouble> {
        self.thread()
            .ring
            .begin(self.caller.user_data, self.result, place)
            .map_err(|_| overloaded("too many operations under way on this ring"))
    }

    /// Makes sure that an answer of `bytes` with `capabilities` new capabilities can be delivered, before anything is
    /// changed.
    ///
    /// # Errors
    /// Invalid result buffer, or overloaded when the capability table is full.
    pub fn require_room(&self, bytes: usize, capabilities: usize) -> Result<(), Trouble> {
        if bytes + capabilities * RECORD_BYTES > self.result.len as usize {
            return Err(Failure::InvalidResult.into());
        }
        if self.process().capabilities.lock().room() < capabilities {
            return Err(overloaded("the capability table is full"));
        }
        Ok(())
    }
}

/// Writes a method's answer to where the submission said.
#[inline(never)]
pub(super) fn deliver(process: &Process, result: Buffer, answer: Answer) -> Outcome {
    let (bytes, capabilities) = match answer {
        Ok(Reply::Void) => return Outcome::DONE,
        Ok(Reply::Pending) => return Outcome::Pending,
        Ok(Reply::EndThread(code)) => return Outcome::EndThread(code),
        Ok(Reply::EmptyStruct) => (wire::EMPTY_STRUCT.to_vec(), Vec::new()),
        Ok(Reply::Message(bytes)) => (bytes, Vec::new()),
        Ok(Reply::Capabilities(bytes, capabilities)) => (bytes, capabilities),
        Err(Trouble::Failure(failure)) => return failed(failure),
        Err(Trouble::Exception(kind, text)) => {
            let message = wire::exception(kind, text);
            let fits =
                message.len() <= result.len as usize && process.space.write(result.addr, &message).is_ok();
            return failed(if fits {
                Failure::ApplicationException
            } else {
                Failure::ApplicationExceptionNoDetail
            });
        }
    };
    let records = capabilities.len() * RECORD_BYTES;
    if bytes.len() + records > result.len as usize || process.space.write(result.addr, &bytes).is_err() {
        return failed(Failure::InvalidResult);
    }
    let records_at = result.addr + bytes.len() as u64;
    match insert_all(process, records_at, capabilities) {
        Ok(records) => Outcome::Completed {
            result: bytes.len() as i32,
            records,
        },
        Err(failure) => failed(failure),
    }
}

/// Puts new capabilities into the caller's table and their records at `at` in its memory: all or none. How many there are.
fn insert_all(process: &Process, at: u64, capabilities: Vec<Capability>) -> Result<u16, Failure> {
    let mut inserted = Vec::with_capacity(capabilities.len());
    for (capability, at) in capabilities.into_iter().zip((at..).step_by(RECORD_BYTES)) {
        let interface_id = capability.interface;
        let entered = process.capabilities.lock().insert(capability);
        let written = entered.map_err(|_| Failure::TransferAborted).and_then(|id| {
            inserted.push(id);
            let record = Record {
                cap_id: id.raw(),
                interface_id,
            };
            let space = &process.space;
            space
                .write(at, &record.encode())
                .map_err(|_| Failure::InvalidResult)
        });
        if let Err(failure) = written {
            for id in inserted {
                // Dropped without the table's lock: it is the object's only capability.
                let undone = process.capabilities.lock().remove(id);
                drop(undone);
            }
            return Err(failure);
        }
    }
    Ok(inserted.len() as u16)
}
