//! io_uring with operations that do nothing.

use std::io::Error;

use io_uring::{IoUring, opcode};

/// A ring of this thread's own.
pub(crate) struct NopRing {
    ring: IoUring,
}

impl NopRing {
    /// With room for so many operations between two entries.
    pub(crate) fn new(entries: u32) -> Result<NopRing, Error> {
        Ok(NopRing {
            ring: IoUring::new(entries)?,
        })
    }

    /// So many NOPs in one entry, and every completion read: how many went wrong.
    #[inline]
    pub(crate) fn nops(&mut self, count: u32) -> Result<u64, Error> {
        let nop = opcode::Nop::new().build();
        {
            let mut queue = self.ring.submission();
            for _ in 0..count {
                // SAFETY: a NOP names no memory.
                unsafe { queue.push(&nop) }.map_err(|_| Error::other("the ring is full"))?;
            }
        }
        self.ring.submit_and_wait(count as usize)?;
        let right = self.ring.completion().filter(|done| done.result() == 0).count();
        Ok(u64::from(count).abs_diff(right as u64))
    }
}
