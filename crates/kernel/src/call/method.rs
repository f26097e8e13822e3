//! What methods of kernel objects need: their parameters, where to answer, and how their answers get there.

use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::result::Failure;
use abi::transfer::{RECORD_BYTES, Record};
use abi::validate::Buffer;
use caps::{Full, MAX_TRANSFERS, Parcel, Received};

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
    /// A message and new capabilities, for which there is room.
    Capabilities(Vec<u8>, Vec<Capability>, Room),
    /// It answers later, through the operation it began.
    Pending,
    /// It has done a piece, and is called again.
    Again,
    /// No answer: the thread ends.
    EndThread(i64),
}

/// Places that are kept in a process's table for capabilities that a method makes. They are there whatever arrives
/// meanwhile, so nothing is made whose capability has no place.
pub struct Room {
    process: Arc<Process>,
    places: usize,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.process.capabilities.lock().free_places(self.places);
    }
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
    pub fn thread(&self) -> &Thread {
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

    /// Makes sure that an answer of `bytes` can be delivered, before anything is changed.
    ///
    /// # Errors
    /// Invalid result buffer.
    pub fn require_room(&self, bytes: usize) -> Result<(), Trouble> {
        if bytes > self.result.len as usize {
            return Err(Failure::InvalidResult.into());
        }
        Ok(())
    }

    /// The same for an answer with `capabilities` new capabilities, whose places in the table are kept from now on.
    ///
    /// # Errors
    /// Invalid result buffer, or overloaded when the capability table is full.
    pub fn keep_room(&self, bytes: usize, capabilities: usize) -> Result<Room, Trouble> {
        self.require_room(bytes + capabilities * RECORD_BYTES)?;
        let process = self.process();
        let kept = process.capabilities.lock().keep_places(capabilities);
        kept.map_err(|_| overloaded("the capability table is full"))?;
        Ok(Room {
            process: process.clone(),
            places: capabilities,
        })
    }
}

/// Writes a method's answer to where the submission said.
#[inline(never)]
pub(super) fn deliver(process: &Process, result: Buffer, answer: Answer) -> Outcome {
    let (bytes, made) = match answer {
        Ok(Reply::Void) => return Outcome::DONE,
        Ok(Reply::Pending) => return Outcome::Pending,
        Ok(Reply::Again) => return Outcome::Unfinished,
        Ok(Reply::EndThread(code)) => return Outcome::EndThread(code),
        Ok(Reply::EmptyStruct) => (wire::EMPTY_STRUCT.to_vec(), None),
        Ok(Reply::Message(bytes)) => (bytes, None),
        Ok(Reply::Capabilities(bytes, capabilities, room)) => (bytes, Some((capabilities, room))),
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
    let count = made.as_ref().map_or(0, |(capabilities, _)| capabilities.len());
    if bytes.len() + count * RECORD_BYTES > result.len as usize
        || process.space.write(result.addr, &bytes).is_err()
    {
        return failed(Failure::InvalidResult);
    }
    let records_at = result.addr + bytes.len() as u64;
    let entered = match made {
        Some((capabilities, room)) => enter(process, records_at, capabilities, room),
        None => Ok(()),
    };
    match entered {
        Ok(()) => Outcome::Completed {
            result: bytes.len() as i32,
            records: count as u16,
        },
        Err(failure) => failed(failure),
    }
}

/// Puts new capabilities into the caller's table and their records at `at` in its memory: all or none. No id finds them before
/// all is written (rule P18), and they are dropped without the table's lock, because each may be its object's only one.
fn enter(process: &Process, at: u64, capabilities: Vec<Capability>, room: Room) -> Result<(), Failure> {
    let mut parcels = Vec::with_capacity(capabilities.len().div_ceil(MAX_TRANSFERS));
    let mut rest = capabilities.into_iter();
    while rest.len() > 0 {
        let parcel = Parcel::of_new(rest.by_ref().take(MAX_TRANSFERS));
        parcels.push(parcel.map_err(|_| Failure::TransferAborted)?);
    }
    let arrived = receive_all(process, &parcels, room)?;
    let ids = arrived.iter().flat_map(|received| received.iter());
    let made = parcels.iter().flat_map(Parcel::iter);
    let records = (at..).step_by(RECORD_BYTES).zip(ids.zip(made));
    let written = records.map(|(at, (id, capability))| {
        let record = Record {
            cap_id: id.raw(),
            interface_id: capability.interface,
        };
        process.space.write(at, &record.encode())
    });
    let done = written.collect::<Result<(), _>>();
    let mut table = process.capabilities.lock();
    for received in arrived {
        match done {
            Ok(()) => table.accept(received),
            Err(_) => table.withdraw(received),
        }
    }
    done.map_err(|_| Failure::InvalidResult)
}

/// Lets what is in the parcels, which keep a copy of it, into the places that were kept for it, and into no others.
fn receive_all(
    process: &Process,
    parcels: &[Parcel<Capability>],
    mut room: Room,
) -> Result<Vec<Received>, Failure> {
    let mut arrived = Vec::with_capacity(parcels.len());
    let mut table = process.capabilities.lock();
    table.free_places(core::mem::take(&mut room.places));
    for parcel in parcels {
        match table.receive(parcel) {
            Ok(received) => arrived.push(received),
            Err(Full) => {
                arrived.into_iter().for_each(|received| table.withdraw(received));
                // The room goes without the lock, which it takes.
                drop(table);
                return Err(Failure::TransferAborted);
            }
        }
    }
    drop(table);
    Ok(arrived)
}
