//! Memory objects: frames that exist apart from any process and can be mapped by those that hold a capability. They go
//! when the last capability and the last mapping go, because mappings hold the object too. docs/abi.md, section 16.

use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::Ordering::Relaxed;

use machine::memory::frames::Frame;

use super::commitment;
use crate::process::Process;

/// Frames to be shared.
pub struct MemoryObject {
    frames: Vec<Frame>,
    /// Whose quota they count against, as long as they exist.
    maker: Weak<Process>,
}

/// A memory object as regions know it: equal only to itself.
#[derive(Clone)]
pub struct ObjectRef(pub Arc<MemoryObject>);

impl PartialEq for ObjectRef {
    fn eq(&self, other: &ObjectRef) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl MemoryObject {
    /// An object of `pages` zeroed frames that follow each other in RAM; `None` when there is no such run.
    /// The caller has counted them against `maker`.
    pub fn new(pages: usize, maker: &Arc<Process>) -> Option<Arc<MemoryObject>> {
        if !commitment::promise(pages as u64) {
            return None;
        }
        match Frame::contiguous(pages) {
            Some(frames) => Some(Arc::new(MemoryObject {
                frames,
                maker: Arc::downgrade(maker),
            })),
            None => {
                commitment::release(pages as u64);
                None
            }
        }
    }

    /// Its frames.
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }
}

impl Drop for MemoryObject {
    fn drop(&mut self) {
        commitment::release(self.frames.len() as u64);
        if let Some(maker) = self.maker.upgrade() {
            maker.frame_pages.fetch_sub(self.frames.len() as u64, Relaxed);
        }
    }
}
