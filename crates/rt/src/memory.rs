//! Memory: pages of this program's address space, and memory objects that can be mapped and handed over.
//!
//! Mapping is safe as such: new pages appear where nothing was. Using them as Rust memory is what `thread`
//! does for its stacks, with the reasons given there.

use alloc::string::String;

use crate::cap::{Client, client};
use crate::error::Error;
use crate::message::{Aligned, EMPTY, Flat};
use crate::pending::{VOID_ROOM, call, call_void};

client! {
    /// The address space of this process: map, protect, reserve and commit pages.
    VirtualMemory, VIRTUAL_MEMORY
}

client! {
    /// Source of memory objects.
    FrameAllocator, FRAME_ALLOCATOR
}

client! {
    /// Some pages that can be mapped, also by several processes.
    MemoryObject, MEMORY_OBJECT
}

/// What may be done with a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// Nothing: every access faults.
    None,
    /// Read.
    Read,
    /// Read and write.
    ReadWrite,
    /// Read and execute. Nothing is ever both writable and executable.
    ReadExecute,
}

impl Protection {
    /// Bits on the wire: 1 read, 2 write, 4 execute.
    fn bits(self) -> u32 {
        match self {
            Protection::None => 0,
            Protection::Read => 1,
            Protection::ReadWrite => 3,
            Protection::ReadExecute => 5,
        }
    }
}

impl VirtualMemory {
    /// Maps zeroed memory and says where. `hint` 0 lets the kernel choose; sizes round up to pages.
    pub fn map(&self, hint: u64, size: u64, protection: Protection) -> Result<u64, Error> {
        self.map_raw(hint, size, protection.bits())
    }

    /// [`VirtualMemory::map`] with any protection bits, right or wrong.
    pub fn map_raw(&self, hint: u64, size: u64, bits: u32) -> Result<u64, Error> {
        self.address(
            0,
            Flat::<40>::new().u64(0, hint).u64(8, size).u32(16, bits).bytes(),
        )
    }

    /// Sets aside addresses without memory behind them.
    pub fn reserve(&self, size: u64) -> Result<u64, Error> {
        self.address(3, Flat::<32>::new().u64(8, size).bytes())
    }

    fn address(&self, method: u16, params: &[u8]) -> Result<u64, Error> {
        let mut room = Aligned::<VOID_ROOM>::zeroed();
        call(self.cap().method(method), params, &mut room.0).map(|reply| reply.u64(0))
    }

    /// Puts memory behind a part of a reservation.
    pub fn commit(&self, addr: u64, size: u64, protection: Protection) -> Result<(), Error> {
        let params = Flat::<40>::new()
            .u64(0, addr)
            .u64(8, size)
            .u32(16, protection.bits());
        call_void(self.cap().method(4), params.bytes())
    }
}

/// What takes memory away that a program may be using: sound only where nothing refers to it any more, so
/// these stay inside the runtime (`hostile` lends them to programs that attack).
impl VirtualMemory {
    pub(crate) fn unmap(&self, addr: u64, size: u64) -> Result<(), Error> {
        call_void(
            self.cap().method(1),
            Flat::<32>::new().u64(0, addr).u64(8, size).bytes(),
        )
    }

    #[cfg(feature = "hostile")]
    pub(crate) fn protect(&self, addr: u64, size: u64, protection: Protection) -> Result<(), Error> {
        let params = Flat::<40>::new()
            .u64(0, addr)
            .u64(8, size)
            .u32(16, protection.bits());
        call_void(self.cap().method(2), params.bytes())
    }
}

impl FrameAllocator {
    /// A memory object of `pages` zeroed pages.
    pub fn allocate(&self, pages: u32) -> Result<MemoryObject, Error> {
        let mut room = Aligned::<VOID_ROOM>::zeroed();
        let reply = call(
            self.cap().method(1),
            Flat::<24>::new().u32(0, pages).bytes(),
            &mut room.0,
        )?;
        reply.cap(usize::from(reply.u16(0))).map(MemoryObject::from_cap)
    }
}

impl MemoryObject {
    /// Its size in bytes.
    pub fn size(&self) -> Result<u64, Error> {
        let mut room = Aligned::<VOID_ROOM>::zeroed();
        call(self.cap().method(0), &EMPTY, &mut room.0).map(|reply| reply.u64(8))
    }

    /// Maps `size` bytes from `offset` on and says where.
    pub fn map(&self, offset: u64, size: u64, protection: Protection) -> Result<u64, Error> {
        let params = Flat::<48>::new()
            .u64(8, offset)
            .u64(16, size)
            .u32(24, protection.bits());
        let mut room = Aligned::<VOID_ROOM>::zeroed();
        call(self.cap().method(1), params.bytes(), &mut room.0).map(|reply| reply.u64(0))
    }
}

client! {
    /// Random bytes.
    EntropySource, ENTROPY_SOURCE
}

client! {
    /// The system's name and message of the day.
    SystemInfo, SYSTEM_INFO
}

impl SystemInfo {
    /// The message of the day; may be empty.
    pub fn message_of_the_day(&self) -> Result<String, Error> {
        let mut room = Aligned::<8192>::zeroed();
        call(self.cap().method(0), &EMPTY, &mut room.0)?
            .read::<schema_gen::system::system_info::motd_results::Owned, _>(|root| {
                Ok(root.get_text()?.to_string().unwrap_or_default())
            })
    }

    /// The host name; may be empty.
    pub fn host_name(&self) -> Result<String, Error> {
        let mut room = Aligned::<8192>::zeroed();
        call(self.cap().method(1), &EMPTY, &mut room.0)?
            .read::<schema_gen::system::system_info::hostname_results::Owned, _>(|root| {
            Ok(root.get_name()?.to_string().unwrap_or_default())
        })
    }
}
