//! The ELF header and program headers, field by field.

use super::{MAX_HEADERS, ProgramError};

/// Bytes of the file header.
const FILE_HEADER_BYTES: usize = 64;
/// Bytes of a program header.
const PROGRAM_HEADER_BYTES: usize = 56;

/// Kinds of program headers.
pub(super) mod kind {
    pub(crate) const LOAD: u32 = 1;
    pub(crate) const DYNAMIC: u32 = 2;
    pub(crate) const INTERPRETER: u32 = 3;
    pub(crate) const TLS: u32 = 7;
}

/// Bits of a program header's flags.
pub(super) mod flag {
    pub(crate) const EXECUTE: u32 = 1;
    pub(crate) const WRITE: u32 = 2;
}

/// What the file header says.
pub(super) struct Header {
    pub(super) entry: u64,
    table: u64,
    count: usize,
}

/// What a program header says.
pub(super) struct Segment {
    pub(super) kind: u32,
    pub(super) flags: u32,
    pub(super) offset: u64,
    pub(super) vaddr: u64,
    pub(super) file_size: u64,
    pub(super) mem_size: u64,
    pub(super) align: u64,
}

impl Header {
    pub(super) fn read(image: &[u8]) -> Result<Self, ProgramError> {
        let Some(header) = image.first_chunk::<FILE_HEADER_BYTES>() else {
            return Err(if image.starts_with(b"\x7fELF") {
                ProgramError::Truncated
            } else {
                ProgramError::NotElf64
            });
        };
        // Magic, 64-bit class, little-endian data, version 1.
        if !header.starts_with(b"\x7fELF\x02\x01\x01") || u32_at(header, 20) != 1 {
            return Err(ProgramError::NotElf64);
        }
        const STATIC_EXECUTABLE: u16 = 2;
        const X86_64: u16 = 62;
        if u16_at(header, 16) != STATIC_EXECUTABLE || u16_at(header, 18) != X86_64 {
            return Err(ProgramError::NotExecutable);
        }
        let count = usize::from(u16_at(header, 56));
        if usize::from(u16_at(header, 54)) != PROGRAM_HEADER_BYTES || !(1..=MAX_HEADERS).contains(&count) {
            return Err(ProgramError::BadHeaders);
        }
        Ok(Self {
            entry: u64_at(header, 24),
            table: u64_at(header, 32),
            count,
        })
    }

    /// The program headers, in the order of the file.
    pub(super) fn segments<'a>(
        &self,
        image: &'a [u8],
    ) -> Result<impl Iterator<Item = Segment> + use<'a>, ProgramError> {
        let table = usize::try_from(self.table)
            .ok()
            .and_then(|start| image.get(start..))
            .and_then(|rest| rest.get(..self.count * PROGRAM_HEADER_BYTES))
            .ok_or(ProgramError::Truncated)?;
        Ok(table.chunks_exact(PROGRAM_HEADER_BYTES).map(|header| Segment {
            kind: u32_at(header, 0),
            flags: u32_at(header, 4),
            offset: u64_at(header, 8),
            vaddr: u64_at(header, 16),
            file_size: u64_at(header, 32),
            mem_size: u64_at(header, 40),
            align: u64_at(header, 48),
        }))
    }
}

fn bytes_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    core::array::from_fn(|i| bytes[at + i])
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes_at(bytes, at))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes_at(bytes, at))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes_at(bytes, at))
}
