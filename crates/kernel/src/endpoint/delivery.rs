//! What crosses between two processes: bytes from the running one's memory into the other's, and capabilities from one
//! table into the other, all or none.

use alloc::sync::Arc;

use abi::endpoint::{CallerSession, HEADER_BYTES, Header};
use abi::result::Failure;
use abi::ring::Cqe;
use abi::transfer::{RECORD_BYTES, Record};
use abi::validate::Buffer;
use caps::{Parcel, Received};

use super::check::next_id;
use super::{Heading, Party, State};
use crate::capability::Capability;
use crate::memory::space::Space;
use crate::process::Process;
use crate::ring::claim::Claim;
use crate::ring::operation::Told;

/// Bytes carried per step between two address spaces.
const STEP: usize = 256;
/// The same for short messages: clearing the larger buffer would cost more than the copy.
const SMALL_STEP: usize = 64;

/// Where a message's bytes are.
pub(super) enum Source<'a> {
    /// In the memory of the process that is loaded.
    Loaded(&'a Space, Buffer),
    /// In the kernel.
    Kernel(&'a [u8]),
}

impl Source<'_> {
    pub(super) fn len(&self) -> usize {
        match self {
            Source::Loaded(_, buffer) => buffer.len as usize,
            Source::Kernel(bytes) => bytes.len(),
        }
    }

    /// Copies everything to `to` in `space`. The ends were checked before; whoever unmapped its own since gets what it asked
    /// for, an error.
    fn copy_to(&self, space: &Space, to: u64) -> Result<(), Undelivered> {
        match self {
            Source::Kernel(bytes) => space.write(to, bytes).map_err(|_| Undelivered::Gone),
            Source::Loaded(_, Buffer { len: 0, .. }) => Ok(()),
            Source::Loaded(from, buffer) if buffer.len as usize <= SMALL_STEP => {
                copy_in_steps::<SMALL_STEP>(from, *buffer, space, to)
            }
            Source::Loaded(from, buffer) => copy_in_steps::<STEP>(from, *buffer, space, to),
        }
    }
}

/// Copies through a small buffer on the kernel's stack: the two address spaces are never loaded at once.
#[inline]
fn copy_in_steps<const BYTES: usize>(
    from: &Space,
    buffer: Buffer,
    space: &Space,
    to: u64,
) -> Result<(), Undelivered> {
    let mut step = [0; BYTES];
    let mut done = 0;
    while done < buffer.len as usize {
        let part = &mut step[..BYTES.min(buffer.len as usize - done)];
        from.read_here(buffer.addr + done as u64, part)
            .map_err(|_| Undelivered::Source)?;
        space
            .write(to + done as u64, part)
            .map_err(|_| Undelivered::Gone)?;
        done += part.len();
    }
    Ok(())
}

/// Why a message was not delivered; nothing of it has arrived.
#[must_use = "somebody has to be told"]
pub(super) enum Undelivered {
    /// The receiver's buffer is too small.
    TooSmall,
    /// The receiver's buffer, or some of it, is not there any more.
    Gone,
    /// The sender's own message is not there any more.
    Source,
    /// The receiver's capability table is full.
    Table,
}

/// Puts a message and its capabilities into the receiver's buffer; the records follow the payload. `received` tells what a
/// parcel with capabilities became; the receiver sees nothing of them before [`tell`].
#[inline(always)]
pub(super) fn put(
    receiver: &Arc<Process>,
    buffer: Buffer,
    header: Option<&[u8; HEADER_BYTES]>,
    source: &Source<'_>,
    parcel: &Parcel<Capability>,
    received: &mut Option<Received>,
) -> Result<usize, Undelivered> {
    let prefix = header.map_or(0, |header| header.len());
    let bytes = prefix + source.len();
    if bytes + parcel.len() * RECORD_BYTES > buffer.len as usize {
        return Err(Undelivered::TooSmall);
    }
    let space = &receiver.space;
    if let Some(header) = header {
        space.write(buffer.addr, header).map_err(|_| Undelivered::Gone)?;
    }
    source.copy_to(space, buffer.addr + prefix as u64)?;
    if parcel.is_empty() {
        return Ok(bytes);
    }
    *received = Some(put_capabilities(receiver, buffer.addr + bytes as u64, parcel)?);
    Ok(bytes)
}

/// Puts a message's capabilities into the receiver's table and their records at `at` in its memory: all or none.
fn put_capabilities(
    receiver: &Process,
    at: u64,
    parcel: &Parcel<Capability>,
) -> Result<Received, Undelivered> {
    let space = &receiver.space;
    let received = receiver
        .capabilities
        .lock()
        .receive(parcel)
        .map_err(|_| Undelivered::Table)?;
    match write_records(space, at, &received, parcel) {
        Ok(()) => Ok(received),
        Err(()) => {
            receiver.capabilities.lock().withdraw(received);
            Err(Undelivered::Gone)
        }
    }
}

/// Tells whoever waits what was [`put`] into its buffer. Its capabilities are there in the moment in which
/// it is told; if its ring was closed meanwhile, it has none of them.
#[inline(always)]
pub(super) fn tell(
    claim: Claim<'_>,
    process: &Process,
    completion: Cqe,
    received: &mut Option<Received>,
) -> Told {
    if received.is_none() {
        return claim.complete(completion);
    }
    let capabilities = &process.capabilities;
    let told = claim.complete_and(completion, || {
        if let Some(received) = received.take() {
            capabilities.lock().accept(received);
        }
    });
    if let Some(received) = received.take() {
        capabilities.lock().withdraw(received);
    }
    told
}

fn write_records(space: &Space, at: u64, received: &Received, parcel: &Parcel<Capability>) -> Result<(), ()> {
    for (index, (id, capability)) in (0..).zip(received.iter().zip(parcel.iter())) {
        let record = Record {
            cap_id: id.raw(),
            interface_id: capability.interface,
        }
        .encode();
        space
            .write(at + index * RECORD_BYTES as u64, &record)
            .map_err(|_| ())?;
    }
    Ok(())
}

/// What came of offering a call to a receive.
#[must_use = "the call is still to be delivered if it was not taken"]
pub(super) enum Offer {
    /// The receive has completed with it, under this id. Whoever was told of the call cannot answer before the endpoint's lock
    /// is free, and it is in flight then.
    Taken(u32),
    /// The receive has failed for want of room, or had ended; the call is still to be delivered.
    TooSmall,
    /// The receive has failed because its buffer has gone, perhaps after most of a long message was copied.
    Gone,
    /// The call cannot be delivered, for this reason; the receive is still there.
    Refused(Failure),
}

/// Offers a call to one receive. On [`Offer::Taken`] the caller of this function puts it among those in flight, with its
/// parcel ([`State::is_received`]).
#[inline(always)]
pub(super) fn offer(
    state: &mut State,
    receive: &Party,
    heading: Heading,
    source: &Source<'_>,
    parcel: &Parcel<Capability>,
) -> Offer {
    // Before anything is copied: where its buffer was belongs to its process alone when it has ended.
    let Some(claim) = receive.operation.claim() else {
        return Offer::TooSmall;
    };
    let header = Header {
        interface_id: heading.interface,
        method_id: heading.method,
        params_len: source.len() as u32,
        session: CallerSession::default(),
    }
    .encode();
    let receiver = receive.process();
    let mut received = None;
    match put(
        receiver,
        claim.result(),
        Some(&header),
        source,
        parcel,
        &mut received,
    ) {
        Ok(bytes) => {
            let call_id = next_id(state.last_id, |id| {
                state.in_flight.iter().any(|call| call.id == id)
            });
            let message = Cqe {
                badge: heading.badge,
                call_id,
                ..Cqe::plain(0, bytes as i32)
            };
            let message = message.with_records(parcel.len() as u16);
            if !tell(claim, receiver, message, &mut received).is_yes() {
                // Its thread ends at this moment, and nobody was told of the message: another receive will have it.
                return Offer::TooSmall;
            }
            state.last_id = call_id;
            Offer::Taken(call_id)
        }
        Err(reason @ (Undelivered::TooSmall | Undelivered::Gone)) => {
            claim.fail(Failure::InvalidResult).either_way();
            match reason {
                Undelivered::Gone => Offer::Gone,
                _ => Offer::TooSmall,
            }
        }
        Err(Undelivered::Table) => Offer::Refused(Failure::TransferAborted),
        Err(Undelivered::Source) => Offer::Refused(Failure::InvalidParams),
    }
}
