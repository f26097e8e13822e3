//! What a process asks for its memory: the methods of VirtualMemory and the mapping methods of
//! MemoryObject. Rule P9 (docs/rules/memory.md).
//!
//! Each request checks everything first and changes the list of regions last; the caller then does to the
//! page tables what the answer says. If the machine runs out of frames half-way, the caller takes the
//! request back: `unmap` undoes `map`, `unmap_object` undoes `map_object`, `decommit` undoes `commit`.
//! Right after the request this is never refused: the room it needs was set aside by the request itself.
//!
//! A request acts only on pages that were made through the same capability, all of them or none.

use abi::layout::{DYNAMIC_BASE, PAGE_SIZE};

use super::pages::{Pages, count_for};
use super::protection::Protection;
use super::refusal::Refusal;
use super::region::{Kind, Region};
use super::regions::Regions;

/// Where the kernel puts what comes without a hint: `[0x4000_0000, 0x7000_0000_0000)`.
const AUTOMATIC_FIRST: u64 = 0x4000_0000 / PAGE_SIZE;
const AUTOMATIC_END: u64 = 0x7000_0000_0000 / PAGE_SIZE;

/// Free pages between what the kernel places, so that running off the end of a mapping faults.
const GUARD_PAGES: u64 = 1;

/// A memory object as one request sees it.
#[derive(Clone, Debug)]
pub struct ObjectView<O> {
    /// The object.
    pub object: O,
    /// How many pages it has.
    pub object_pages: u64,
    /// Byte offset of the view, a multiple of the page size.
    pub offset: u64,
}

impl<O: Clone + PartialEq> Regions<O> {
    /// VirtualMemory.map: zeroed memory at `hint`, or where the kernel likes if that is 0.
    ///
    /// # Errors
    /// Empty, Unaligned, Outside, Occupied; CommitLimit, NoGap, TooManyRegions, NoMemory.
    pub fn map(&mut self, hint: u64, bytes: u64, protection: Protection) -> Result<Pages, Refusal> {
        let pages = self.place(hint, bytes)?;
        self.check_commit(pages)?;
        self.prepare_insert()?;
        self.committed += pages.count();
        self.insert(Region {
            pages,
            protection,
            kind: Kind::Anonymous,
        });
        Ok(pages)
    }

    /// VirtualMemory.reserve: address space without memory.
    ///
    /// # Errors
    /// As [`map`](Self::map), with AddressSpaceLimit instead of CommitLimit.
    pub fn reserve(&mut self, hint: u64, bytes: u64) -> Result<Pages, Refusal> {
        let pages = self.place(hint, bytes)?;
        self.check_address_space(pages)?;
        self.prepare_insert()?;
        self.address_space += pages.count();
        self.insert(Region {
            pages,
            protection: Protection::NONE,
            kind: Kind::Reserved,
        });
        Ok(pages)
    }

    /// VirtualMemory.unmap: gives up memory and reservations.
    ///
    /// # Errors
    /// Empty, Unaligned, Outside, NotYours; TooManyRegions, NoMemory (when a hole would cut a region in two).
    pub fn unmap(&mut self, address: u64, bytes: u64) -> Result<Pages, Refusal> {
        let pages = Pages::parse(address, bytes)?;
        self.check_each(pages, |region| match region.kind {
            Kind::Anonymous | Kind::Reserved | Kind::Committed => Ok(()),
            Kind::Fixed(_) | Kind::Object { .. } => Err(Refusal::NotYours),
        })?;
        self.prepare_change(pages)?;
        self.give_up(pages);
        Ok(pages)
    }

    /// VirtualMemory.protect: other rights for memory that is there.
    ///
    /// # Errors
    /// As [`unmap`](Self::unmap), and NotCommitted for reserved pages without memory.
    pub fn protect(&mut self, address: u64, bytes: u64, protection: Protection) -> Result<Pages, Refusal> {
        let pages = Pages::parse(address, bytes)?;
        self.check_each(pages, |region| match region.kind {
            Kind::Anonymous | Kind::Committed => Ok(()),
            Kind::Reserved => Err(Refusal::NotCommitted),
            Kind::Fixed(_) | Kind::Object { .. } => Err(Refusal::NotYours),
        })?;
        self.prepare_change(pages)?;
        self.change(pages, |region| region.protection = protection);
        Ok(pages)
    }

    /// VirtualMemory.commit: zeroed memory for a part of a reservation.
    ///
    /// # Errors
    /// As [`unmap`](Self::unmap), NotYours also for memory that is no reservation; AlreadyCommitted,
    /// CommitLimit.
    pub fn commit(&mut self, address: u64, bytes: u64, protection: Protection) -> Result<Pages, Refusal> {
        let pages = Pages::parse(address, bytes)?;
        self.check_each(pages, |region| match region.kind {
            Kind::Reserved => Ok(()),
            Kind::Committed => Err(Refusal::AlreadyCommitted),
            Kind::Anonymous | Kind::Fixed(_) | Kind::Object { .. } => Err(Refusal::NotYours),
        })?;
        self.check_commit(pages)?;
        self.prepare_change(pages)?;
        self.committed += pages.count();
        self.change(pages, |region| {
            region.kind = Kind::Committed;
            region.protection = protection;
        });
        Ok(pages)
    }

    /// VirtualMemory.decommit: takes the memory of a part of a reservation away and keeps the addresses.
    ///
    /// # Errors
    /// As [`unmap`](Self::unmap), NotYours also for memory that is no reservation, NotCommitted.
    pub fn decommit(&mut self, address: u64, bytes: u64) -> Result<Pages, Refusal> {
        let pages = Pages::parse(address, bytes)?;
        self.check_each(pages, |region| match region.kind {
            Kind::Committed => Ok(()),
            Kind::Reserved => Err(Refusal::NotCommitted),
            Kind::Anonymous | Kind::Fixed(_) | Kind::Object { .. } => Err(Refusal::NotYours),
        })?;
        self.prepare_change(pages)?;
        self.committed -= pages.count();
        self.change(pages, |region| {
            region.kind = Kind::Reserved;
            region.protection = Protection::NONE;
        });
        Ok(pages)
    }

    /// MemoryObject.map: a view of an object, which counts as address space and not as memory of the process.
    ///
    /// # Errors
    /// As [`map`](Self::map), with AddressSpaceLimit instead of CommitLimit; PastObject.
    pub fn map_object(
        &mut self,
        hint: u64,
        view: ObjectView<O>,
        bytes: u64,
        protection: Protection,
    ) -> Result<Pages, Refusal> {
        let count = count_for(bytes)?;
        if !view.offset.is_multiple_of(PAGE_SIZE) {
            return Err(Refusal::Unaligned);
        }
        let first_page = view.offset / PAGE_SIZE;
        if first_page
            .checked_add(count)
            .is_none_or(|end| end > view.object_pages)
        {
            return Err(Refusal::PastObject);
        }
        let pages = self.place(hint, bytes)?;
        self.check_address_space(pages)?;
        self.prepare_insert()?;
        self.address_space += pages.count();
        let kind = Kind::Object {
            object: view.object,
            first_page,
        };
        self.insert(Region {
            pages,
            protection,
            kind,
        });
        Ok(pages)
    }

    /// MemoryObject.unmap: ends views of `object`. The caller holds on to the object until no processor can
    /// reach its frames any more.
    ///
    /// # Errors
    /// Empty, Unaligned, Outside, NotYours; TooManyRegions, NoMemory.
    pub fn unmap_object(&mut self, object: &O, address: u64, bytes: u64) -> Result<Pages, Refusal> {
        let pages = self.check_views(object, address, bytes)?;
        self.prepare_change(pages)?;
        self.give_up(pages);
        Ok(pages)
    }

    /// MemoryObject.protect: other rights for views of `object`.
    ///
    /// # Errors
    /// As [`unmap_object`](Self::unmap_object).
    pub fn protect_object(
        &mut self,
        object: &O,
        address: u64,
        bytes: u64,
        protection: Protection,
    ) -> Result<Pages, Refusal> {
        let pages = self.check_views(object, address, bytes)?;
        self.prepare_change(pages)?;
        self.change(pages, |region| region.protection = protection);
        Ok(pages)
    }

    /// Where a new region goes: exactly at the hint, or anywhere if that is 0.
    fn place(&self, hint: u64, bytes: u64) -> Result<Pages, Refusal> {
        if hint != 0 {
            let pages = Pages::parse(hint, bytes)?;
            if hint < DYNAMIC_BASE {
                return Err(Refusal::Outside);
            }
            self.check_free(pages)?;
            return Ok(pages);
        }
        let window = Pages::new(AUTOMATIC_FIRST, AUTOMATIC_END - AUTOMATIC_FIRST)?;
        self.find_gap(count_for(bytes)?, window, GUARD_PAGES)
            .ok_or(Refusal::NoGap)
    }

    fn check_commit(&self, pages: Pages) -> Result<(), Refusal> {
        let left = self.limits.committed_pages.saturating_sub(self.committed);
        if pages.count() > left {
            Err(Refusal::CommitLimit { left })
        } else {
            Ok(())
        }
    }

    fn check_address_space(&self, pages: Pages) -> Result<(), Refusal> {
        let left = self.limits.address_space_pages.saturating_sub(self.address_space);
        if pages.count() > left {
            Err(Refusal::AddressSpaceLimit { left })
        } else {
            Ok(())
        }
    }

    fn check_views(&self, wanted: &O, address: u64, bytes: u64) -> Result<Pages, Refusal> {
        let pages = Pages::parse(address, bytes)?;
        self.check_each(pages, |region| match &region.kind {
            Kind::Object { object, .. } if object == wanted => Ok(()),
            _ => Err(Refusal::NotYours),
        })?;
        Ok(pages)
    }

    /// Removes pages and takes them off the accounts.
    fn give_up(&mut self, pages: Pages) {
        self.committed -= self.count(pages, Kind::is_committed);
        self.address_space -= self.count(pages, Kind::is_address_space);
        self.remove(pages);
    }
}

#[cfg(test)]
mod tests;
