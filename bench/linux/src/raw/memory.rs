//! Memory that two processes share.

use std::fs::File;
use std::io::{Error, ErrorKind};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU32, AtomicU64};

/// A place for one client and one server to hand a word over and back. Zeroed at first.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Exchange {
    /// Requests made so far.
    pub(crate) requests: AtomicU32,
    /// Not zero: the next request is none, but the end.
    pub(crate) over: AtomicU32,
    /// On a line of its own: the other side writes it.
    pub(crate) answers: AtomicU32,
    _padding: [u32; 13],
    /// The word: of the side whose turn it is.
    pub(crate) word: AtomicU64,
}

/// Maps the start of `file`, for as long as the program runs.
pub(crate) fn map_exchange(file: &File) -> Result<&'static Exchange, Error> {
    let bytes = size_of::<Exchange>();
    if file.metadata()?.len() < bytes as u64 {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            "the shared memory is too small",
        ));
    }
    // SAFETY: the kernel chooses the place, so nothing that exists is replaced.
    let address = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            bytes,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED,
            file.as_raw_fd(),
            0,
        )
    };
    if address == libc::MAP_FAILED {
        return Err(Error::last_os_error());
    }
    // SAFETY: the mapping is page-aligned, as large as the structure (checked above; the file is a memfd of this
    // program's, which nobody makes smaller), never unmapped, and any bytes are valid atomics: all that both processes
    // do with them is atomic.
    Ok(unsafe { &*address.cast::<Exchange>() })
}
