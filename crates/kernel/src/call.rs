//! One submission: checks its buffers and its capability in the order of abi.md section 6, then hands it to the object.
//! What every method needs to read its parameters and to answer is here; what methods do is in `objects` and `endpoint`.

use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::limits;
use abi::park::Outcome as ParkOutcome;
use abi::result::{Failure, MAX_MESSAGE_BYTES};
use abi::ring::Cqe;
use abi::transfer::{DESCRIPTOR_BYTES, Descriptor, Mode, RECORD_BYTES, Record, descriptor_region};
use abi::validate::{Buffer, Op};
use caps::{CapId, Parcel, TransferError};
use sched::Nanos;

use crate::capability::{Capability, Object};
use crate::endpoint;
use crate::memory::commitment;
use crate::objects;
use crate::process::Process;
use crate::process::thread::Thread;
use crate::ring::dispatch::failed;
use crate::ring::operation::{Operation, WaitPlace};
use crate::run::Owned;
use crate::run::cpus::CpuState;
use crate::run::wake::now;
use crate::wire::{self, ExceptionKind, Words};

/// Parameters up to this many bytes are copied even when the kernel is short of memory: they are gone at once.
const SMALL: u32 = 4096;

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
    /// It is done; the completion's user data is filled in later.
    Completed(Cqe),
    /// It completes later, through its operation.
    Pending,
    /// It is done, and the thread gives way.
    Yield,
    /// The thread ends, and nothing completes.
    EndThread(i64),
}

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

/// An exception of type invalidArgument.
pub fn invalid(text: &'static str) -> Trouble {
    Trouble::Exception(ExceptionKind::InvalidArgument, text)
}

/// An exception of type overloaded.
pub fn overloaded(text: &'static str) -> Trouble {
    Trouble::Exception(ExceptionKind::Overloaded, text)
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
    /// Nothing, and the thread gives way.
    Yield,
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

impl Call<'_, '_> {
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
    /// When they cannot be read any more, or the kernel is short of memory.
    pub fn params(&self) -> Result<Words, Trouble> {
        if self.params.len > SMALL && !commitment::has_room_for_objects() {
            return Err(overloaded("the kernel is short of memory"));
        }
        let mut words = Words::new(self.params.len as usize);
        self.process()
            .space
            .read_here(self.params.addr, words.bytes_mut())
            .map_err(|_| Failure::InvalidParams)?;
        Ok(words)
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

/// Works on one well-formed submission.
pub fn execute(caller: &mut Caller<'_>, op: Op) -> Outcome {
    let process = caller.thread.process();
    match op {
        Op::Nop => Outcome::Completed(Cqe::plain(0, 0)),
        Op::Call {
            cap,
            method,
            params,
            result,
            transfers,
            disclosure,
            ..
        } => call(caller, cap, method, params, result, transfers, disclosure),
        Op::Return {
            cap,
            call,
            payload,
            transfers,
            exception,
        } => endpoint::answer::answer(caller, cap, call, payload, transfers, exception),
        Op::Recv { cap, result } => endpoint::receive::receive(caller, cap, result),
        Op::Cancel { cap, target } => endpoint::receive::cancel(caller, cap, target),
        Op::Release { cap } => {
            // Dropped after the lock: it may be an object's last capability.
            let removed = process.capabilities.lock().remove(CapId::from_raw(cap));
            match removed {
                Some(_) => {
                    process.labels.lock().retain(|(id, _)| *id != cap);
                    Outcome::Completed(Cqe::plain(0, 0))
                }
                None => failed(Failure::InvalidRequest),
            }
        }
        Op::Park {
            cap,
            addr,
            expected,
            timeout_ns,
            ..
        } => park(caller, cap, addr, expected, timeout_ns),
        Op::Unpark {
            cap,
            addr,
            max_waiters,
        } => unpark(caller, cap, addr, max_waiters),
    }
}

/// Checks that a call's buffers are as large as they may be and really there.
pub fn check_buffers(process: &Process, params: Buffer, result: Buffer) -> Result<(), Failure> {
    if params.len > MAX_MESSAGE_BYTES {
        return Err(Failure::InvalidParams);
    }
    if result.len > MAX_MESSAGE_BYTES
        || process
            .space
            .probe_here(result.addr, result.len as usize, true)
            .is_err()
    {
        return Err(Failure::InvalidResult);
    }
    process
        .space
        .probe_here(params.addr, params.len as usize, false)
        .map_err(|_| Failure::InvalidParams)
}

/// A submission's transfer descriptors: where they lie, or why they cannot.
pub struct Transfers {
    at: Result<u64, Failure>,
    count: u16,
}

impl Transfers {
    /// Finds the descriptors behind `payload`.
    ///
    /// # Errors
    /// When the region cannot be read. A malformed region is an error of [`Transfers::stage`], which comes later.
    pub fn locate(process: &Process, payload: Buffer, count: u16) -> Result<Transfers, Failure> {
        if count == 0 {
            return Ok(Transfers { at: Ok(0), count });
        }
        let at = descriptor_region(payload.addr, payload.len, count);
        if let Ok(at) = at
            && process
                .space
                .probe_here(at, usize::from(count) * DESCRIPTOR_BYTES, false)
                .is_err()
        {
            return Err(Failure::InvalidParams);
        }
        Ok(Transfers { at, count })
    }

    /// Reads the descriptors and takes the capabilities they name, to be delivered.
    ///
    /// # Errors
    /// Malformed or missing: invalid transfer descriptor. Not transferable: transfer not supported.
    pub fn stage(&self, process: &Process) -> Result<Parcel<Capability>, Failure> {
        if self.count == 0 {
            return Ok(Parcel::empty());
        }
        // A malformed region, too many descriptors among them, ends here: what follows relies on the count.
        let at = self.at?;
        let mut bytes = [0; limits::TRANSFERS as usize * DESCRIPTOR_BYTES];
        let bytes = &mut bytes[..usize::from(self.count) * DESCRIPTOR_BYTES];
        process
            .space
            .read_here(at, bytes)
            .map_err(|_| Failure::InvalidParams)?;
        let mut descriptors = [caps::Descriptor {
            id: CapId::NONE,
            mode: caps::Mode::Copy,
        }; 16];
        for (to, from) in descriptors.iter_mut().zip(bytes.as_chunks().0) {
            let Descriptor { cap_id, mode } = Descriptor::decode(*from)?;
            let mode = match mode {
                Mode::Copy => caps::Mode::Copy,
                Mode::Move => caps::Mode::Move,
            };
            *to = caps::Descriptor {
                id: CapId::from_raw(cap_id),
                mode,
            };
        }
        let descriptors = &descriptors[..usize::from(self.count)];
        process
            .capabilities
            .lock()
            .stage(descriptors, Capability::is_transferable)
            .map_err(|error| match error {
                TransferError::NotTransferable { .. } => Failure::TransferNotSupported,
                _ => Failure::InvalidTransfer,
            })
    }
}

fn call(
    caller: &mut Caller<'_>,
    cap: u32,
    method: u16,
    params: Buffer,
    result: Buffer,
    transfers: u16,
    disclosure: u8,
) -> Outcome {
    let process = caller.thread.process().clone();
    if let Err(failure) = check_buffers(&process, params, result) {
        return failed(failure);
    }
    let transfers = match Transfers::locate(&process, params, transfers) {
        Ok(transfers) => transfers,
        Err(failure) => return failed(failure),
    };
    let Some(capability) = process.capability(cap) else {
        return failed(Failure::InvokeFailed);
    };
    let parcel = match transfers.stage(&process) {
        Ok(parcel) => parcel,
        Err(failure) => return failed(failure),
    };
    match &capability.object {
        Object::EndpointClient(endpoint) => endpoint::call::call(
            caller,
            endpoint,
            &capability,
            method,
            params,
            result,
            parcel,
            disclosure,
        ),
        Object::EndpointOwner(owner) => endpoint::call::call(
            caller,
            &owner.endpoint,
            &capability,
            method,
            params,
            result,
            parcel,
            disclosure,
        ),
        _ if !parcel.is_empty() => {
            endpoint::give_back(&process, parcel);
            failed(Failure::TransferNotSupported)
        }
        _ => {
            let mut call = Call {
                caller,
                method,
                result,
                params,
            };
            let answer = objects::call(&mut call, &capability);
            deliver(&process, result, answer)
        }
    }
}

/// Writes a method's answer to where the submission said.
fn deliver(process: &Process, result: Buffer, answer: Answer) -> Outcome {
    let (bytes, capabilities) = match answer {
        Ok(Reply::Void) => return Outcome::Completed(Cqe::plain(0, 0)),
        Ok(Reply::Pending) => return Outcome::Pending,
        Ok(Reply::Yield) => return Outcome::Yield,
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
    let cap_count = capabilities.len() as u16;
    for (index, capability) in (0..).zip(capabilities) {
        let interface_id = capability.interface;
        let inserted = process.capabilities.lock().insert(capability);
        let Ok(id) = inserted else {
            return failed(Failure::TransferAborted);
        };
        let record = Record {
            cap_id: id.raw(),
            interface_id,
        }
        .encode();
        let at = result.addr + bytes.len() as u64 + index * RECORD_BYTES as u64;
        if process.space.write(at, &record).is_err() {
            return failed(Failure::InvalidResult);
        }
    }
    Outcome::Completed(Cqe::plain(0, bytes.len() as i32).with_records(cap_count))
}

fn is_park_space(process: &Process, cap: u32) -> bool {
    process
        .capability(cap)
        .is_some_and(|capability| matches!(capability.object, Object::ParkSpace))
}

fn park(caller: &Caller<'_>, cap: u32, address: u64, expected: u32, timeout_ns: u64) -> Outcome {
    let process = caller.thread.process();
    if !is_park_space(process, cap) {
        return failed(Failure::InvokeFailed);
    }
    // The word is there and its page is in place, so reading it again under the queue's lock cannot have to wait.
    if process.space.read_word_here(address).is_err() {
        return failed(Failure::InvalidParams);
    }
    process.parking.reserve();
    let parked = process.parking.park(
        address,
        caller.thread.tid(),
        || match machine::read_user_word(address) {
            Ok(word) if word == expected => Ok(()),
            Ok(_) => Err(ParkOutcome::Mismatch.code()),
            Err(_) => Err(Failure::InvalidParams.code()),
        },
        || {
            let empty = Buffer { addr: 0, len: 0 };
            let place: Arc<dyn WaitPlace> = process.clone();
            caller
                .thread
                .ring
                .begin(caller.user_data, empty, Some(place))
                .map_err(|_| Failure::InvokeFailed.code())
        },
    );
    match parked {
        Ok(operation) => {
            if timeout_ns != abi::park::NO_TIMEOUT {
                operation.arm(now() + Nanos(timeout_ns), ParkOutcome::TimedOut.code());
            }
            Outcome::Pending
        }
        Err(code) => Outcome::Completed(Cqe::plain(0, code)),
    }
}

fn unpark(caller: &Caller<'_>, cap: u32, address: u64, max_waiters: u32) -> Outcome {
    let process = caller.thread.process();
    if !is_park_space(process, cap) {
        return failed(Failure::InvokeFailed);
    }
    if process.space.read_word_here(address).is_err() {
        return failed(Failure::InvalidParams);
    }
    let mut woken = 0;
    while woken < max_waiters
        && let Some(operation) = process.parking.unpark(address)
    {
        if operation.complete_code(ParkOutcome::Woken.code()) {
            woken += 1;
        }
    }
    Outcome::Completed(Cqe::plain(0, woken as i32))
}
