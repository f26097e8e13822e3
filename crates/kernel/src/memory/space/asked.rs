//! What programs ask of their memory, by VirtualMemory and MemoryObject: each request is decided by the map (`requests`) and
//! then done to the page tables, whole or not at all.

use alloc::sync::Arc;

use abi::layout::PAGE_SIZE;

use super::{Space, page_protection};
use crate::memory::object::{MemoryObject, ObjectRef};
use crate::memory::pages::{Pages, count_for};
use crate::memory::protection::Protection;
use crate::memory::refusal::Refusal;
use crate::memory::regions::Regions;
use crate::memory::requests::ObjectView;

impl Space {
    /// VirtualMemory.map.
    ///
    /// # Errors
    /// See [`Regions::map`]; also NoMemory when RAM cannot hold it.
    pub fn map(&self, hint: u64, bytes: u64, protection: Protection) -> Result<u64, Refusal> {
        let map = |regions: &mut Regions<ObjectRef>| regions.map(hint, bytes, protection);
        self.promising(bytes, map, Regions::unmap).map(Pages::address)
    }

    /// Runs a change that gives `bytes` of memory, with what it needs promised before, and taken back by `undo` if there
    /// are no page tables for it.
    fn promising(
        &self,
        bytes: u64,
        change: impl FnOnce(&mut Regions<ObjectRef>) -> Result<Pages, Refusal>,
        undo: impl FnOnce(&mut Regions<ObjectRef>, u64, u64) -> Result<Pages, Refusal>,
    ) -> Result<Pages, Refusal> {
        let count = count_for(bytes)?;
        let _change = self.pages.change();
        let mut regions = self.regions.lock();
        // A wish beyond the process's limit is refused with that reason, and promises nothing.
        let promised = if count <= regions.limits().committed_pages {
            count
        } else {
            0
        };
        self.promise(promised)?;
        let pages = change(&mut regions).inspect_err(|_| self.release(promised))?;
        if let Err(refusal) = self.make_tables(pages) {
            // Never refused right after the change.
            undo(&mut regions, pages.address(), pages.count() * PAGE_SIZE)?;
            self.release(promised);
            return Err(refusal);
        }
        Ok(pages)
    }

    /// VirtualMemory.reserve.
    ///
    /// # Errors
    /// See [`Regions::reserve`].
    pub fn reserve(&self, hint: u64, bytes: u64) -> Result<u64, Refusal> {
        let _change = self.pages.change();
        self.regions
            .lock()
            .reserve(hint, bytes)
            .map(|pages| pages.address())
    }

    /// VirtualMemory.commit.
    ///
    /// # Errors
    /// See [`Regions::commit`]; also NoMemory when RAM cannot hold it.
    pub fn commit(&self, address: u64, bytes: u64, protection: Protection) -> Result<(), Refusal> {
        let commit = |regions: &mut Regions<ObjectRef>| regions.commit(address, bytes, protection);
        self.promising(bytes, commit, Regions::decommit).map(|_| ())
    }

    /// VirtualMemory.decommit.
    ///
    /// # Errors
    /// See [`Regions::decommit`].
    pub fn decommit(&self, address: u64, bytes: u64) -> Result<(), Refusal> {
        self.giving_up(|regions| regions.decommit(address, bytes))
    }

    /// VirtualMemory.unmap.
    ///
    /// # Errors
    /// See [`Regions::unmap`].
    pub fn unmap(&self, address: u64, bytes: u64) -> Result<(), Refusal> {
        self.giving_up(|regions| regions.unmap(address, bytes))
    }

    /// Runs a change that takes memory away, and takes back its promise once no CPU can reach it.
    fn giving_up(
        &self,
        give_up: impl FnOnce(&mut Regions<ObjectRef>) -> Result<Pages, Refusal>,
    ) -> Result<(), Refusal> {
        let change = self.pages.change();
        let (pages, given_up) = {
            let mut regions = self.regions.lock();
            let before = regions.committed_pages();
            let pages = give_up(&mut regions)?;
            (pages, before - regions.committed_pages())
        };
        change.unmap(pages.address(), pages.count());
        self.release(given_up);
        Ok(())
    }

    /// VirtualMemory.protect.
    ///
    /// # Errors
    /// See [`Regions::protect`].
    pub fn protect(&self, address: u64, bytes: u64, protection: Protection) -> Result<(), Refusal> {
        let change = self.pages.change();
        let pages = self.regions.lock().protect(address, bytes, protection)?;
        change.protect(pages.address(), pages.count(), page_protection(protection));
        Ok(())
    }

    /// MemoryObject.map: the frames are there at once.
    ///
    /// # Errors
    /// See [`Regions::map_object`]; also NoMemory when there is no RAM for page tables.
    pub fn map_object(
        &self,
        object: &Arc<MemoryObject>,
        hint: u64,
        offset: u64,
        bytes: u64,
        protection: Protection,
    ) -> Result<u64, Refusal> {
        let reference = ObjectRef(object.clone());
        let view = ObjectView {
            object: reference.clone(),
            object_pages: object.frames().len() as u64,
            offset,
        };
        let change = self.pages.change();
        let pages = self.regions.lock().map_object(hint, view, bytes, protection)?;
        let start = pages.address();
        let undo = || {
            let mut regions = self.regions.lock();
            regions.unmap_object(&reference, start, pages.count() * PAGE_SIZE)
        };
        if let Err(refusal) = self.make_tables(pages) {
            undo()?;
            return Err(refusal);
        }
        let frames = object
            .frames()
            .iter()
            .skip((offset / PAGE_SIZE) as usize)
            .take(pages.count() as usize);
        for (index, frame) in (0..).zip(frames) {
            let at = start + index * PAGE_SIZE;
            if self
                .pages
                .map(at, frame.clone(), page_protection(protection))
                .is_err()
            {
                change.unmap(start, index);
                undo()?;
                return Err(Refusal::NoMemory);
            }
        }
        Ok(start)
    }

    /// MemoryObject.unmap.
    ///
    /// # Errors
    /// See [`Regions::unmap_object`].
    pub fn unmap_object(&self, object: &Arc<MemoryObject>, address: u64, bytes: u64) -> Result<(), Refusal> {
        let change = self.pages.change();
        let object = ObjectRef(object.clone());
        let pages = self.regions.lock().unmap_object(&object, address, bytes)?;
        change.unmap(pages.address(), pages.count());
        Ok(())
    }

    /// MemoryObject.protect.
    ///
    /// # Errors
    /// See [`Regions::protect_object`].
    pub fn protect_object(
        &self,
        object: &Arc<MemoryObject>,
        address: u64,
        bytes: u64,
        protection: Protection,
    ) -> Result<(), Refusal> {
        let change = self.pages.change();
        let object = ObjectRef(object.clone());
        let pages = self
            .regions
            .lock()
            .protect_object(&object, address, bytes, protection)?;
        change.protect(pages.address(), pages.count(), page_protection(protection));
        Ok(())
    }
}
