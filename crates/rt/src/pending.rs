//! Calls: the one that waits for its answer at once, and the one that flies while the program does other things.
//!
//! A [`Pending`] owns the memory its answer goes to. Dropping it early is fine: the lane keeps that memory until
//! the kernel has finished with it.

use alloc::string::String;
use alloc::vec::Vec;
use core::marker::PhantomData;

use abi::result::Failure;
use abi::ring::{Cqe, Opcode, Sqe};
use abi::transfer::{DESCRIPTOR_BYTES, RECORD_BYTES, Record};

use crate::cap::Cap;
use crate::error::{Error, Kind};
use crate::lane::{Buffers, Ticket};
use crate::message::{self, decode, root_field};
use crate::thread_block::with_lane;

/// Names a method of a capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Capability id in this process's table.
    pub cap: u32,
    /// Method number within the interface.
    pub method: u16,
}

/// A successful answer: the message, and the capabilities that came with it.
pub struct Reply<'a> {
    payload: &'a [u8],
    records: &'a [u8],
}

impl<'a> Reply<'a> {
    /// The message's bytes.
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// A number in the root struct, by byte offset.
    pub(crate) fn u16(&self, offset: usize) -> u16 {
        u16::from_le_bytes(root_field(self.payload, offset))
    }

    /// A number in the root struct, by byte offset.
    pub(crate) fn u32(&self, offset: usize) -> u32 {
        u32::from_le_bytes(root_field(self.payload, offset))
    }

    /// A number in the root struct, by byte offset.
    pub(crate) fn u64(&self, offset: usize) -> u64 {
        u64::from_le_bytes(root_field(self.payload, offset))
    }

    /// A number in the root struct, by byte offset.
    pub(crate) fn i64(&self, offset: usize) -> i64 {
        i64::from_le_bytes(root_field(self.payload, offset))
    }

    /// The first bit of a byte in the root struct.
    pub(crate) fn bit(&self, offset: usize) -> bool {
        root_field::<1>(self.payload, offset)[0] & 1 != 0
    }

    /// Reads the message with generated code.
    pub fn read<T: capnp::traits::Owned, R>(
        &self,
        read: impl FnOnce(T::Reader<'_>) -> capnp::Result<R>,
    ) -> Result<R, Error> {
        decode::<T, R>(self.payload, read)
    }

    /// How many capabilities came along.
    pub fn cap_count(&self) -> usize {
        self.records.len() / RECORD_BYTES
    }

    /// Takes over the capability that came as number `index`. Take each one once: it is released on drop.
    pub fn cap(&self, index: usize) -> Result<Cap, Error> {
        let (records, _) = self.records.as_chunks::<RECORD_BYTES>();
        records
            .get(index)
            .map(|bytes| Cap::owned(Record::decode(*bytes).cap_id))
            .ok_or(Error::Malformed)
    }
}

/// Calls `target` and waits. `result` takes the answer and must be aligned to 8 (as `Aligned` is).
pub fn call<'a>(target: Target, params: &[u8], result: &'a mut [u8]) -> Result<Reply<'a>, Error> {
    call_with_transfers(target, params, 0, result)
}

/// [`call`], where the last `transfers` × 8 bytes of `params` are transfer descriptors.
pub(crate) fn call_with_transfers<'a>(
    target: Target,
    params: &[u8],
    transfers: u16,
    result: &'a mut [u8],
) -> Result<Reply<'a>, Error> {
    let cqe = with_lane(|lane| {
        let mut sqe = call_sqe(target, params, result.as_mut_ptr() as u64, result.len());
        sqe.len -= u32::from(transfers) * DESCRIPTOR_BYTES as u32;
        sqe.xfer_cap_count = transfers;
        // SAFETY: `params` and `result` are borrowed until this function returns, and `wait` returns only with
        // the completion.
        let ticket = unsafe { lane.submit(sqe) }?;
        Ok::<Cqe, Error>(lane.wait(ticket))
    })?;
    settle(&cqe, result)
}

fn call_sqe(target: Target, params: &[u8], result_addr: u64, result_len: usize) -> Sqe {
    Sqe {
        opcode: Opcode::Call as u8,
        method_id: target.method,
        cap_id: target.cap,
        addr: params.as_ptr() as u64,
        len: params.len() as u32,
        result_addr,
        result_len: result_len as u32,
        ..Sqe::default()
    }
}

/// Turns a completion and the buffer it filled into an answer.
pub(crate) fn settle<'a>(cqe: &Cqe, result: &'a [u8]) -> Result<Reply<'a>, Error> {
    match Failure::from_code(cqe.result) {
        Some(Failure::ApplicationException) => Err(decode::<schema_gen::system::cap_exception::Owned, _>(
            result,
            |exception| {
                let kind = Kind::from_wire(exception.get_type().map_or(0, |kind| kind as u16));
                Ok(Error::Exception(
                    kind,
                    exception.get_message()?.to_string().unwrap_or_default(),
                ))
            },
        )
        .unwrap_or(Error::Malformed)),
        Some(Failure::ApplicationExceptionNoDetail) => Err(Error::Exception(Kind::Failed, String::new())),
        Some(failure) => Err(Error::Refused(failure)),
        None => {
            let length = usize::try_from(cqe.result).map_err(|_| Error::Malformed)?;
            let (payload, rest) = result.split_at_checked(length).ok_or(Error::Malformed)?;
            let records = rest
                .get(..usize::from(cqe.cap_count) * RECORD_BYTES)
                .ok_or(Error::Malformed)?;
            Ok(Reply { payload, records })
        }
    }
}

/// A call in flight; its answer decodes to a `T`.
pub struct Pending<T> {
    ticket: Option<Ticket>,
    buffers: Buffers,
    decode: fn(Reply<'_>) -> Result<T, Error>,
    /// The ticket means something only in the lane of the thread that made it.
    _stays_on_this_thread: PhantomData<*const ()>,
}

impl<T> Pending<T> {
    /// Queues the call and starts it. `result_bytes` is the room for the answer.
    pub fn start(
        target: Target,
        params: Vec<u8>,
        result_bytes: usize,
        decode: fn(Reply<'_>) -> Result<T, Error>,
    ) -> Result<Pending<T>, Error> {
        let mut buffers = Buffers {
            params,
            result: alloc::vec![0; result_bytes.div_ceil(8)],
        };
        let result_addr = buffers.result.as_mut_ptr() as u64;
        let ticket = with_lane(|lane| {
            let sqe = call_sqe(target, &buffers.params, result_addr, buffers.result.len() * 8);
            // SAFETY: both buffers are on the heap and owned by the `Pending`, which neither touches nor frees
            // them before the completion was taken, and gives them to the lane when it is dropped before that.
            let ticket = unsafe { lane.submit(sqe) }?;
            crate::syscall::enter(0, 0);
            Ok::<_, Error>(ticket)
        })?;
        Ok(Pending {
            ticket: Some(ticket),
            buffers,
            decode,
            _stays_on_this_thread: PhantomData,
        })
    }

    /// Whether the answer is here. Does not enter the kernel: see [`wait_any`].
    pub fn is_ready(&self) -> bool {
        self.ticket
            .is_none_or(|ticket| with_lane(|lane| lane.is_done(ticket)))
    }

    /// Waits for the answer.
    pub fn wait(mut self) -> Result<T, Error> {
        let Some(ticket) = self.ticket.take() else {
            return Err(Error::Malformed);
        };
        let cqe = with_lane(|lane| lane.wait(ticket));
        (self.decode)(settle(&cqe, bytes_of(&self.buffers.result))?)
    }
}

impl<T> Drop for Pending<T> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            let buffers = core::mem::take(&mut self.buffers);
            with_lane(|lane| lane.abandon(ticket, buffers));
        }
    }
}

/// Waits until an operation of this thread has completed since the last call returned, or `timeout_ns` have passed
/// (`u64::MAX`: for ever). So a loop that looks at all its operations and then calls this misses none.
pub fn wait_any(timeout_ns: u64) -> bool {
    with_lane(|lane| lane.wait_any(timeout_ns))
}

/// The bytes of whole words.
pub(crate) fn bytes_of(words: &[u64]) -> &[u8] {
    // SAFETY: the same memory, any byte is a valid u8, and bytes need no alignment.
    unsafe { core::slice::from_raw_parts(words.as_ptr().cast(), size_of_val(words)) }
}

/// The bytes of whole words, to write.
pub(crate) fn bytes_of_mut(words: &mut [u64]) -> &mut [u8] {
    // SAFETY: as in `bytes_of`, borrowed uniquely; any bytes make valid words.
    unsafe { core::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), size_of_val(words)) }
}

/// Calls a method whose answer is empty.
pub(crate) fn call_void(target: Target, params: &[u8]) -> Result<(), Error> {
    let mut result = message::Aligned::<VOID_ROOM>::zeroed();
    call(target, params, &mut result.0).map(|_| ())
}

/// Room for an answer of a few numbers, or for an exception with its text.
pub(crate) const VOID_ROOM: usize = 512;
