//! Programs: which ELF images can be loaded, and how.
//!
//! Only static 64-bit executables whose segments lie in the image region, on pages of their own, never both
//! writable and executable. [`check`] looks at everything the loader will rely on, so that loading cannot
//! fail for a reason that lies in the file. Field offsets are those of the System V ABI, ELF-64 object file
//! format.

mod header;

use abi::layout::{IMAGE_BASE, IMAGE_LIMIT, PAGE_SIZE, TLS_BASE, TLS_LIMIT};
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;
use header::{Header, Segment as RawSegment, kind};

/// A program that can be loaded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Program {
    /// Address of the first instruction, in an executable segment.
    pub entry: u64,
    /// What to map, by ascending address; no two share a page. Segments without memory are left out.
    pub segments: Vec<Segment>,
    /// Thread-local storage of the first thread, if the program has any.
    pub tls: Option<Tls>,
}

/// A piece of memory and what is in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Segment {
    /// First address; not necessarily on a page boundary.
    pub vaddr: u64,
    /// Bytes of the file that go there; the rest of the memory is zero.
    pub file: Range<usize>,
    /// Bytes of memory, at least as many as of the file and at least 1.
    pub mem_size: u64,
    /// What may be done with it.
    pub permissions: Permissions,
}

impl Segment {
    /// The pages it touches, as addresses.
    #[must_use]
    pub const fn pages(&self) -> Range<u64> {
        // No overflow: the segment ends below the image limit.
        (self.vaddr & !(PAGE_SIZE - 1))..(self.vaddr + self.mem_size).next_multiple_of(PAGE_SIZE)
    }
}

/// What may be done with memory. Everything mapped can be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Permissions {
    /// Read only.
    Read,
    /// Read and write.
    ReadWrite,
    /// Read and execute.
    ReadExecute,
}

/// Template of a thread's storage.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tls {
    /// Bytes of the file that go to its start.
    pub file: Range<usize>,
    /// Bytes in all, at least 1.
    pub mem_size: u64,
    /// Alignment, a power of two.
    pub align: u64,
}

/// Why an image cannot be loaded. `header` counts program headers from 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "fields are what the variant's sentence says")]
pub enum ProgramError {
    /// The file ends before its headers do.
    Truncated,
    /// This is no 64-bit little-endian ELF file of version 1.
    NotElf64,
    /// This is not a static executable for x86-64.
    NotExecutable,
    /// Program headers have an unexpected size, or there are none or more than 64.
    BadHeaders,
    /// The program wants a dynamic linker.
    Dynamic { header: usize },
    /// The segment's bytes are not all in the file.
    OutsideFile { header: usize },
    /// More bytes in the file than in memory.
    FileLargerThanMemory { header: usize },
    /// The segment's memory is not all in the image region.
    OutsideImage { header: usize },
    /// File offset and address differ within their pages.
    Misaligned { header: usize },
    /// Both writable and executable.
    WritableAndExecutable { header: usize },
    /// Two segments share a page.
    Overlap { vaddr: u64 },
    /// The entry point is in no executable segment.
    BadEntry { entry: u64 },
    /// More than one template of thread-local storage, or one that is misaligned or too large.
    BadTls { header: usize },
}

/// Most program headers: real programs have half a dozen.
const MAX_HEADERS: usize = 64;

/// Checks an ELF image.
///
/// # Errors
/// See [`ProgramError`]; nothing is assumed about `image`.
pub fn check(image: &[u8]) -> Result<Program, ProgramError> {
    let header = Header::read(image)?;
    let mut segments = Vec::new();
    let mut tls = None;
    for (index, raw) in header.segments(image)?.enumerate() {
        match raw.kind {
            kind::LOAD if raw.mem_size > 0 => segments.push(segment(index, &raw, image.len())?),
            kind::TLS if raw.mem_size > 0 => {
                let storage = thread_storage(index, &raw, image.len())?;
                if tls.replace(storage).is_some() {
                    return Err(ProgramError::BadTls { header: index });
                }
            }
            kind::LOAD if raw.file_size > 0 => {
                return Err(ProgramError::FileLargerThanMemory { header: index });
            }
            kind::DYNAMIC | kind::INTERPRETER => return Err(ProgramError::Dynamic { header: index }),
            _ => {}
        }
    }
    segments.sort_by_key(|segment| segment.vaddr);
    for pair in segments.windows(2) {
        if pair[0].pages().end > pair[1].pages().start {
            return Err(ProgramError::Overlap { vaddr: pair[1].vaddr });
        }
    }
    let entry = header.entry;
    let executable = segments.iter().any(|segment| {
        segment.permissions == Permissions::ReadExecute
            && (segment.vaddr..segment.vaddr + segment.mem_size).contains(&entry)
    });
    if !executable {
        return Err(ProgramError::BadEntry { entry });
    }
    Ok(Program { entry, segments, tls })
}

fn segment(index: usize, raw: &RawSegment, image_bytes: usize) -> Result<Segment, ProgramError> {
    let file = file_range(index, raw, image_bytes)?;
    let end = raw.vaddr.checked_add(raw.mem_size);
    if raw.vaddr < IMAGE_BASE || end.is_none_or(|end| end > IMAGE_LIMIT) {
        return Err(ProgramError::OutsideImage { header: index });
    }
    if !file.is_empty() && raw.offset % PAGE_SIZE != raw.vaddr % PAGE_SIZE {
        return Err(ProgramError::Misaligned { header: index });
    }
    let permissions = match (
        raw.flags & header::flag::WRITE != 0,
        raw.flags & header::flag::EXECUTE != 0,
    ) {
        (true, true) => return Err(ProgramError::WritableAndExecutable { header: index }),
        (true, false) => Permissions::ReadWrite,
        (false, true) => Permissions::ReadExecute,
        (false, false) => Permissions::Read,
    };
    Ok(Segment {
        vaddr: raw.vaddr,
        file,
        mem_size: raw.mem_size,
        permissions,
    })
}

fn thread_storage(index: usize, raw: &RawSegment, image_bytes: usize) -> Result<Tls, ProgramError> {
    let file = file_range(index, raw, image_bytes)?;
    let align = raw.align.max(1);
    // Block, padding up to the thread pointer, and the pointer to itself must fit the region.
    let needed = raw
        .mem_size
        .checked_add(align)
        .and_then(|bytes| bytes.checked_add(8));
    if !align.is_power_of_two()
        || align > PAGE_SIZE
        || needed.is_none_or(|bytes| bytes > TLS_LIMIT - TLS_BASE)
    {
        return Err(ProgramError::BadTls { header: index });
    }
    Ok(Tls {
        file,
        mem_size: raw.mem_size,
        align,
    })
}

fn file_range(index: usize, raw: &RawSegment, image_bytes: usize) -> Result<Range<usize>, ProgramError> {
    if raw.file_size > raw.mem_size {
        return Err(ProgramError::FileLargerThanMemory { header: index });
    }
    if raw.file_size == 0 {
        // Linkers leave any offset in a segment without file bytes.
        return Ok(0..0);
    }
    match raw.offset.checked_add(raw.file_size) {
        Some(end) if end <= image_bytes as u64 => Ok(raw.offset as usize..end as usize),
        _ => Err(ProgramError::OutsideFile { header: index }),
    }
}

impl core::error::Error for ProgramError {}

impl fmt::Display for ProgramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => write!(f, "the file ends within its headers"),
            Self::NotElf64 => write!(f, "not a 64-bit little-endian ELF file"),
            Self::NotExecutable => write!(f, "not a static executable for x86-64"),
            Self::BadHeaders => write!(f, "the program headers make no sense"),
            Self::Dynamic { header } => write!(f, "program header {header}: needs a dynamic linker"),
            Self::OutsideFile { header } => write!(f, "program header {header}: bytes outside the file"),
            Self::FileLargerThanMemory { header } => {
                write!(
                    f,
                    "program header {header}: more bytes in the file than in memory"
                )
            }
            Self::OutsideImage { header } => {
                write!(
                    f,
                    "program header {header}: outside 0x{IMAGE_BASE:x}..0x{IMAGE_LIMIT:x}"
                )
            }
            Self::Misaligned { header } => {
                write!(
                    f,
                    "program header {header}: offset and address differ within the page"
                )
            }
            Self::WritableAndExecutable { header } => {
                write!(f, "program header {header}: both writable and executable")
            }
            Self::Overlap { vaddr } => write!(f, "the segment at 0x{vaddr:x} shares a page with another"),
            Self::BadEntry { entry } => write!(f, "entry 0x{entry:x} is in no executable segment"),
            Self::BadTls { header } => write!(f, "program header {header}: unusable thread-local storage"),
        }
    }
}

#[cfg(test)]
mod tests;
