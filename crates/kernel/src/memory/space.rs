//! A process's memory: the map of its ranges (`regions`), the page tables that realise it, and access from the kernel.
//! Zeroed memory gets its frames when it is first touched, by the program or by the kernel on its behalf; the
//! promise that they exist was made when the range was. Rules P4 and P9.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use abi::layout::PAGE_SIZE;
use machine::Lock;
use machine::attribution::Site;
use machine::memory::address_space::{AddressSpace, MapError, NotMapped, Protection as PageProtection};
use machine::memory::frames::Frame;

use super::commitment;
use super::object::{MemoryObject, ObjectRef};
use super::pages::Pages;
use super::protection::Protection;
use super::refusal::Refusal;
use super::regions::{Kind, Limits, Part, Regions};
use super::requests::ObjectView;

/// The address space of one process.
pub struct Space {
    pages: Arc<AddressSpace>,
    regions: Lock<Regions<ObjectRef>>,
    /// Pages promised to this space, to be released with it.
    promised: AtomicU64,
}

impl Space {
    /// An empty space; `None` when RAM is full.
    pub fn new(limits: Limits) -> Option<Arc<Space>> {
        let pages = AddressSpace::new()?;
        let regions = Site::AddressSpace.lock(Regions::new(limits));
        Some(Arc::new(Space {
            pages,
            regions,
            promised: AtomicU64::new(0),
        }))
    }

    /// The page tables.
    #[inline]
    pub fn pages(&self) -> &Arc<AddressSpace> {
        &self.pages
    }

    fn promise(&self, pages: u64) -> Result<(), Refusal> {
        if !commitment::promise(pages) {
            return Err(Refusal::NoMemory);
        }
        self.promised.fetch_add(pages, Relaxed);
        Ok(())
    }

    fn release(&self, pages: u64) {
        self.promised.fetch_sub(pages, Relaxed);
        commitment::release(pages);
    }

    /// Lays out a part of the process whose frames come later, when it is touched.
    ///
    /// # Errors
    /// When RAM or the map is full, or something is there.
    pub fn add_part(&self, pages: Pages, protection: Protection, part: Part) -> Result<(), Refusal> {
        self.promise(pages.count())?;
        self.regions
            .lock()
            .insert_fixed(pages, protection, part)
            .inspect_err(|_| self.release(pages.count()))
    }

    /// Lays out a part whose frames exist already and are shown by [`Self::show`].
    ///
    /// # Errors
    /// When the map is full, or something is there.
    pub fn add_shared_part(&self, pages: Pages, protection: Protection, part: Part) -> Result<(), Refusal> {
        self.regions.lock().insert_fixed(pages, protection, part)
    }

    /// Lays out one page that shows `frame`, which exists and is not counted here.
    ///
    /// # Errors
    /// As [`Self::add_part`].
    pub fn add_page(
        &self,
        page: Pages,
        frame: Frame,
        protection: Protection,
        part: Part,
    ) -> Result<(), Refusal> {
        let mut regions = self.regions.lock();
        regions.insert_fixed(page, protection, part)?;
        let shown = self.show(page.address(), frame, protection);
        if shown.is_err() {
            let _ = regions.remove_fixed(page);
        }
        shown
    }

    /// Removes a page laid out by [`Self::add_page`].
    pub fn remove_page(&self, page: Pages) {
        // Held over both: between them the page would look free while its translation is still in place, and a
        // thread that is made at that moment could not have it.
        let mut regions = self.regions.lock();
        if regions.remove_fixed(page).is_ok() {
            self.pages.unmap(page.address(), 1);
        }
    }

    /// Shows `frame` at `address`, inside a part that is laid out already.
    ///
    /// # Errors
    /// When RAM is full or a frame is there.
    pub fn show(&self, address: u64, frame: Frame, protection: Protection) -> Result<(), Refusal> {
        self.pages
            .map(address, frame, page_protection(protection))
            .map_err(|_| Refusal::NoMemory)
    }

    /// The lowest free run of `count` pages within `window`.
    pub fn find_gap(&self, count: u64, window: Pages) -> Option<Pages> {
        self.regions.lock().find_gap(count, window, 0)
    }

    /// Gives the page of `address` its frame if it is zeroed memory that has none yet and the access is allowed. True if
    /// the access should be tried again.
    pub fn fill(&self, address: u64, write: bool, execute: bool) -> bool {
        // Held until the frame is shown: otherwise the range could go meanwhile and leave a page behind.
        let regions = self.regions.lock();
        let Some(region) = regions.at(address) else {
            return false;
        };
        let protection = region.protection;
        let allowed = protection.allows_access()
            && (!write || protection.allows_write())
            && (!execute || protection.allows_execute());
        if !allowed || !matches!(region.kind, Kind::Anonymous | Kind::Committed | Kind::Fixed(_)) {
            return false;
        }
        let page = address & !(PAGE_SIZE - 1);
        if !commitment::has_room_for_tables() {
            return false;
        }
        let Some(frame) = Frame::zeroed() else {
            return false;
        };
        match self.pages.map(page, frame, page_protection(protection)) {
            Ok(()) => true,
            // Another thread was faster, or the translation was stale: the frame is there with the right permission.
            Err(MapError::Taken) => self.pages.frame_at(page, page_protection(protection)).is_some(),
            Err(MapError::OutOfMemory) => false,
        }
    }

    /// Tries an access again as long as the page it faults at only lacked its frame.
    #[inline]
    fn filling<T>(
        &self,
        write: bool,
        mut access: impl FnMut() -> Result<T, NotMapped>,
    ) -> Result<T, NotMapped> {
        loop {
            match access() {
                Err(fault) if self.fill(fault.address, write, false) => {}
                ended => return ended,
            }
        }
    }

    /// Reads from this space while it is the loaded one.
    ///
    /// # Errors
    /// The address that cannot be read.
    #[inline]
    pub fn read_here(&self, from: u64, into: &mut [u8]) -> Result<(), NotMapped> {
        self.filling(false, || machine::read_user(from, into))
    }

    /// Reads one aligned 32-bit word from this space while it is the loaded one.
    ///
    /// # Errors
    /// The address, if it is misaligned or cannot be read.
    #[inline]
    pub fn read_word_here(&self, from: u64) -> Result<u32, NotMapped> {
        if from & 3 != 0 {
            return Err(NotMapped { address: from });
        }
        self.filling(false, || machine::read_user_word(from))
    }

    /// Makes sure that the whole range can be read, or written, while this space is the loaded one.
    ///
    /// # Errors
    /// An address that cannot.
    #[inline]
    pub fn probe_here(&self, from: u64, len: usize, write: bool) -> Result<(), NotMapped> {
        self.filling(write, || machine::probe_user(from, len, write))
    }

    /// Writes into this space, whichever is loaded.
    ///
    /// # Errors
    /// The address that cannot be written; bytes before it may have been.
    #[inline]
    pub fn write(&self, to: u64, bytes: &[u8]) -> Result<(), NotMapped> {
        self.filling(true, || self.pages.write(to, bytes))
    }

    /// VirtualMemory.map.
    ///
    /// # Errors
    /// See [`Regions::map`]; also NoMemory when RAM cannot hold it.
    pub fn map(&self, hint: u64, bytes: u64, protection: Protection) -> Result<u64, Refusal> {
        self.promising(bytes, |regions| regions.map(hint, bytes, protection))
            .map(Pages::address)
    }

    /// Runs a change that gives `bytes` of memory, with the promise made before and taken back if it is refused.
    fn promising(
        &self,
        bytes: u64,
        change: impl FnOnce(&mut Regions<ObjectRef>) -> Result<Pages, Refusal>,
    ) -> Result<Pages, Refusal> {
        let count = super::pages::count_for(bytes)?;
        let mut regions = self.regions.lock();
        // A wish beyond the process's limit is refused with that reason, and promises nothing.
        let promised = if count <= regions.limits().committed_pages {
            count
        } else {
            0
        };
        self.promise(promised)?;
        change(&mut regions).inspect_err(|_| self.release(promised))
    }

    /// VirtualMemory.reserve.
    ///
    /// # Errors
    /// See [`Regions::reserve`].
    pub fn reserve(&self, hint: u64, bytes: u64) -> Result<u64, Refusal> {
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
        self.promising(bytes, |regions| regions.commit(address, bytes, protection))
            .map(|_| ())
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
        change: impl FnOnce(&mut Regions<ObjectRef>) -> Result<Pages, Refusal>,
    ) -> Result<(), Refusal> {
        let mut regions = self.regions.lock();
        let before = regions.committed_pages();
        let pages = change(&mut regions)?;
        self.pages.unmap(pages.address(), pages.count());
        self.release(before - regions.committed_pages());
        Ok(())
    }

    /// VirtualMemory.protect.
    ///
    /// # Errors
    /// See [`Regions::protect`].
    pub fn protect(&self, address: u64, bytes: u64, protection: Protection) -> Result<(), Refusal> {
        let mut regions = self.regions.lock();
        let pages = regions.protect(address, bytes, protection)?;
        self.pages
            .protect(pages.address(), pages.count(), page_protection(protection));
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
        if !commitment::has_room_for_tables() {
            return Err(Refusal::NoMemory);
        }
        let view = ObjectView {
            object: reference.clone(),
            object_pages: object.frames().len() as u64,
            offset,
        };
        let mut regions = self.regions.lock();
        let pages = regions.map_object(hint, view, bytes, protection)?;
        let start = pages.address();
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
                self.pages.unmap(start, index);
                let _ = regions.unmap_object(&reference, start, pages.count() * PAGE_SIZE);
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
        let mut regions = self.regions.lock();
        let pages = regions.unmap_object(&ObjectRef(object.clone()), address, bytes)?;
        self.pages.unmap(pages.address(), pages.count());
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
        let mut regions = self.regions.lock();
        let pages = regions.protect_object(&ObjectRef(object.clone()), address, bytes, protection)?;
        self.pages
            .protect(pages.address(), pages.count(), page_protection(protection));
        Ok(())
    }

    /// Pages promised to the process.
    pub fn promised_pages(&self) -> u64 {
        self.promised.load(Relaxed)
    }

    /// The process has ended: gives everything back. No thread of it runs any more.
    pub fn clear(&self) {
        let limits = Limits {
            committed_pages: 0,
            address_space_pages: 0,
        };
        let regions = core::mem::replace(&mut *self.regions.lock(), Regions::new(limits));
        for region in regions.iter().filter(|region| region.kind != Kind::Reserved) {
            self.pages.unmap(region.pages.address(), region.pages.count());
        }
        self.release(self.promised.load(Relaxed));
    }
}

fn page_protection(protection: Protection) -> PageProtection {
    let mut page = PageProtection::empty();
    if protection.allows_access() {
        page |= PageProtection::READ;
    }
    if protection.allows_write() {
        page |= PageProtection::WRITE;
    }
    if protection.allows_execute() {
        page |= PageProtection::EXECUTE;
    }
    page
}
