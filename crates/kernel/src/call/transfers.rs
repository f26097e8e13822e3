//! What comes with a message: buffers, checked, and transfer descriptors, found and made into a parcel.

use abi::limits;
use abi::result::{Failure, MAX_MESSAGE_BYTES};
use abi::transfer::{DESCRIPTOR_BYTES, Descriptor, Mode, descriptor_region};
use abi::validate::Buffer;
use caps::{CapId, Parcel, TransferError};

use crate::capability::Capability;
use crate::process::Process;

/// Checks that a call's buffers are as large as they may be and really there.
#[inline]
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
    #[inline]
    pub fn locate(process: &Process, payload: Buffer, count: u16) -> Result<Transfers, Failure> {
        if count == 0 {
            return Ok(Transfers { at: Ok(0), count });
        }
        Transfers::find(process, payload, count)
    }

    /// Whether there are none.
    #[inline]
    pub fn are_none(&self) -> bool {
        self.count == 0
    }

    fn find(process: &Process, payload: Buffer, count: u16) -> Result<Transfers, Failure> {
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
    #[inline]
    pub fn stage(&self, process: &Process) -> Result<Parcel<Capability>, Failure> {
        if self.count == 0 {
            return Ok(Parcel::empty());
        }
        self.take(process)
    }

    fn take(&self, process: &Process) -> Result<Parcel<Capability>, Failure> {
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
