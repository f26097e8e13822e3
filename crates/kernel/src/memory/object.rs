//! Memory objects: frames that exist apart from any process and can be mapped by those that hold a capability. They go
//! when the last capability and the last mapping go, because mappings hold the object too. docs/abi.md, section 16.

use alloc::sync::Arc;
use alloc::vec::Vec;

use machine::memory::frames::Frame;

use super::account::{Account, Charge, Cost, Short};

/// Frames to be shared.
pub struct MemoryObject {
    frames: Vec<Frame>,
    /// They count against whoever made them, as long as they exist.
    _charge: Charge,
}

/// A memory object as regions know it: equal only to itself.
#[derive(Clone)]
pub struct ObjectRef(pub Arc<MemoryObject>);

impl PartialEq for ObjectRef {
    fn eq(&self, other: &ObjectRef) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// Why there is no object.
pub enum NoObject {
    /// It is not charged.
    Short(Short),
    /// There is no such run of free frames.
    NoRun,
}

impl MemoryObject {
    /// An object of `pages` zeroed frames that follow each other in RAM, charged to `account`.
    ///
    /// # Errors
    /// [`NoObject`].
    pub fn new(pages: usize, account: &Arc<Account>) -> Result<Arc<MemoryObject>, NoObject> {
        let listing = pages.saturating_mul(size_of::<Frame>());
        let cost = Cost::granted_frames(pages as u64)
            .and(Cost::heap(size_of::<MemoryObject>().saturating_add(listing)));
        let charge = account.charge(cost).map_err(NoObject::Short)?;
        let frames = Frame::contiguous(pages).ok_or(NoObject::NoRun)?;
        Ok(Arc::new(MemoryObject {
            frames,
            _charge: charge,
        }))
    }

    /// Its frames.
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }
}
