//! A process's memory: the map of its ranges (`regions`), the page tables that realise it, and access from the kernel.
//! Zeroed memory gets its frames when it is first touched, by the program or by the kernel on its behalf; the
//! promise that they exist was made when the range was, and the page tables were made with it. What programs ask for is in
//! `asked`. Rules P4, P9 and P16.

mod asked;

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use abi::layout::PAGE_SIZE;
use machine::Lock;
use machine::attribution::Site;
use machine::memory::address_space::{AddressSpace, MapError, NotMapped, Protection as PageProtection};
use machine::memory::frames::Frame;

use super::account::{Account, Charge, Cost};
use super::object::ObjectRef;
use super::pages::Pages;
use super::protection::Protection;
use super::refusal::Refusal;
use super::region::{Kind, Part};
use super::regions::{Limits, Regions};

/// The address space of one process.
///
/// Whoever changes the map takes the turn of the page tables first ([`AddressSpace::change`]) and keeps it until the tables say what the
/// map says; so a range is not given to somebody else before it is empty. The map itself is locked only to be changed:
/// giving a page its frame, which the kernel does for whoever writes to this process, never waits for a range.
pub struct Space {
    pages: Arc<AddressSpace>,
    regions: Lock<Regions<ObjectRef>>,
    account: Arc<Account>,
    /// Frames charged for pages and for page tables, given back when the space is cleared.
    promised: AtomicU64,
    /// For itself and the root table.
    _charge: Charge,
}

impl Space {
    /// An empty space whose memory is charged to `account`.
    ///
    /// # Errors
    /// When RAM is full.
    pub fn new(limits: Limits, account: Arc<Account>) -> Result<Arc<Space>, Refusal> {
        let active = machine::cpu::count().div_ceil(64) * size_of::<u64>();
        let bytes = size_of::<Space>() + size_of::<AddressSpace>() + active;
        let charge = account.endow(Cost::frames(1).and(Cost::heap(bytes)))?;
        let pages = AddressSpace::new().ok_or(Refusal::NoMemory)?;
        let regions = Site::AddressSpace.lock(Regions::new(limits, account.clone()));
        Ok(Arc::new(Space {
            pages,
            regions,
            account,
            promised: AtomicU64::new(0),
            _charge: charge,
        }))
    }

    /// The page tables.
    #[inline]
    pub fn pages(&self) -> &Arc<AddressSpace> {
        &self.pages
    }

    fn promise(&self, frames: u64) -> Result<(), Refusal> {
        self.account.take(Cost::frames(frames))?;
        self.promised.fetch_add(frames, Relaxed);
        Ok(())
    }

    fn release(&self, frames: u64) {
        self.promised.fetch_sub(frames, Relaxed);
        self.account.give(Cost::frames(frames));
    }

    /// Makes the page tables that `pages` need, so that a page that was promised never lacks one. They stay, and stay
    /// charged, until the space is cleared. The caller has the turn of the page tables: nobody else
    /// makes tables meanwhile.
    fn make_tables(&self, pages: Pages) -> Result<(), Refusal> {
        let missing = self.pages.missing_tables(pages.address(), pages.count());
        if missing == 0 {
            return Ok(());
        }
        self.promise(missing)?;
        self.pages
            .make_tables(pages.address(), pages.count())
            .map_err(|_| Refusal::NoMemory)
    }

    /// Lays out a part that the process is born with, whose frames come later, when it is touched.
    ///
    /// # Errors
    /// When RAM or the map is full, or something is there.
    pub fn add_part(&self, pages: Pages, protection: Protection, part: Part) -> Result<(), Refusal> {
        self.account.take_at_birth(Cost::frames(pages.count()))?;
        self.promised.fetch_add(pages.count(), Relaxed);
        self.add_shared_part(pages, protection, part)
            .inspect_err(|_| self.release(pages.count()))
    }

    /// Lays out a part whose frames exist already and are shown by [`Self::show`].
    ///
    /// # Errors
    /// When the map is full, or something is there.
    pub fn add_shared_part(&self, pages: Pages, protection: Protection, part: Part) -> Result<(), Refusal> {
        let _change = self.pages.change();
        let mut regions = self.regions.lock();
        self.make_tables(pages)?;
        regions.insert_fixed(pages, protection, part)
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
        let _change = self.pages.change();
        // Held until the page is shown: a thread that touched it before would be given another frame there.
        let mut regions = self.regions.lock();
        self.make_tables(page)?;
        regions.insert_fixed(page, protection, part)?;
        let shown = self.show(page.address(), frame, protection);
        if shown.is_err() {
            #[expect(
                clippy::let_underscore_must_use,
                reason = "it was inserted just now, under the same lock"
            )]
            let _ = regions.remove_fixed(page);
        }
        shown
    }

    /// Removes a page laid out by [`Self::add_page`].
    pub fn remove_page(&self, page: Pages) {
        // Over both: between them the page would look free while its translation is still in place, and a
        // thread that is made at that moment could not have it.
        let change = self.pages.change();
        let removed = self.regions.lock().remove_fixed(page);
        assert!(removed.is_ok(), "a page stays mapped whose frame goes");
        change.unmap(page.address(), 1);
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

    /// The process has ended: gives everything back. No thread of it runs any more.
    pub fn clear(&self) {
        let limits = Limits {
            committed_pages: 0,
            address_space_pages: 0,
        };
        let nothing = Regions::new(limits, self.account.clone());
        let regions = core::mem::replace(&mut *self.regions.lock(), nothing);
        self.pages.clear();
        // It may hold the last references to memory objects, whose frames no page shows any more.
        drop(regions);
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
