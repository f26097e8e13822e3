//! What is where in a process: a sorted list of regions that never overlap. Rule P9 (docs/rules/memory.md).
//!
//! A *region* is a run of pages of one kind and one protection. Neighbours that could be one region are
//! one, so the list is as short as what it says. The list is a vector and not a tree: a process has few
//! regions, a lookup is a binary search, and room for a change can be set aside before anything changes.
//!
//! This file keeps the list; what is in it is in region.rs, who may change what is decided in requests.rs.

use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::layout::PAGE_SIZE;

use super::account::{Account, Charge, Cost, refusable};
use super::pages::Pages;
use super::protection::Protection;
use super::refusal::Refusal;
use super::region::{Kind, Part, Region};

/// The most regions a process may cut its address space into.
pub const MAX_REGIONS: usize = 4096;

/// As many regions as every process has: its image, stack, ring and capset, and a few more.
const FIRST_REGIONS: usize = 16;

/// How much a process may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Pages of anonymous and committed memory.
    pub committed_pages: u64,
    /// Pages of reservations, committed or not, and of object views.
    pub address_space_pages: u64,
}

/// All regions of a process. `O` names a memory object: cheap to clone, equal when it is the same object.
#[derive(Debug)]
pub struct Regions<O> {
    /// Sorted by page, without overlap, no two neighbours that could be one.
    list: Vec<Region<O>>,
    pub(super) limits: Limits,
    pub(super) committed: u64,
    pub(super) address_space: u64,
    account: Arc<Account>,
    /// For the list's memory.
    charge: Charge,
}

impl<O: Clone + PartialEq> Regions<O> {
    /// An empty address space, whose list is charged to `account`.
    pub fn new(limits: Limits, account: Arc<Account>) -> Self {
        Regions {
            list: Vec::new(),
            limits,
            committed: 0,
            address_space: 0,
            account,
            charge: Charge::NOTHING,
        }
    }

    /// All regions in address order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Region<O>> {
        self.list.iter()
    }

    /// The region that holds `address`.
    pub fn at(&self, address: u64) -> Option<&Region<O>> {
        let page = address / PAGE_SIZE;
        self.list
            .get(self.index_ending_after(page))
            .filter(|region| region.pages.contains(page))
    }

    /// How much the process may have.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Pages of anonymous and committed memory.
    pub fn committed_pages(&self) -> u64 {
        self.committed
    }

    /// Pages of reservations and object views.
    pub fn address_space_pages(&self) -> u64 {
        self.address_space
    }

    /// Notes a part of the process that the kernel has laid out.
    ///
    /// # Errors
    /// [`Refusal::Occupied`], [`Refusal::TooManyRegions`], [`Refusal::NoMemory`].
    pub fn insert_fixed(&mut self, pages: Pages, protection: Protection, part: Part) -> Result<(), Refusal> {
        self.check_free(pages)?;
        self.prepare_insert()?;
        self.insert(Region {
            pages,
            protection,
            kind: Kind::Fixed(part),
        });
        Ok(())
    }

    /// Takes out a fixed part, such as the ring page of a thread that has ended; one that was laid out by itself cannot be refused.
    ///
    /// # Errors
    /// [`Refusal::NotYours`] unless all of `pages` is fixed; [`Refusal::TooManyRegions`],
    /// [`Refusal::NoMemory`].
    pub fn remove_fixed(&mut self, pages: Pages) -> Result<(), Refusal> {
        self.check_each(pages, |region| match region.kind {
            Kind::Fixed(_) => Ok(()),
            _ => Err(Refusal::NotYours),
        })?;
        self.prepare_change(pages)?;
        self.remove(pages);
        Ok(())
    }

    /// The lowest `count` free pages within `window` that keep `guard` free pages to their neighbours.
    pub fn find_gap(&self, count: u64, window: Pages, guard: u64) -> Option<Pages> {
        let mut candidate = window.first();
        let before = self
            .list
            .partition_point(|region| region.pages.first() < window.first());
        for region in self.list.get(before.saturating_sub(1)..)? {
            let fits = candidate.checked_add(count)?.checked_add(guard)? <= region.pages.first();
            if fits {
                break;
            }
            candidate = candidate.max(region.pages.end().checked_add(guard)?);
        }
        let fits = candidate.checked_add(count)? <= window.end();
        fits.then(|| Pages::new(candidate, count).ok()).flatten()
    }

    /// # Errors
    /// [`Refusal::Occupied`] if any of `pages` is in a region.
    pub(super) fn check_free(&self, pages: Pages) -> Result<(), Refusal> {
        match self.list.get(self.index_ending_after(pages.first())) {
            Some(region) if region.pages.first() < pages.end() => Err(Refusal::Occupied),
            _ => Ok(()),
        }
    }

    /// Asks `judge` about every region that `pages` touch.
    ///
    /// # Errors
    /// What `judge` says first, or [`Refusal::NotYours`] if some page is in no region.
    pub(super) fn check_each(
        &self,
        pages: Pages,
        mut judge: impl FnMut(&Region<O>) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let mut covered_to = pages.first();
        for region in self.touched_by(pages) {
            if region.pages.first() > covered_to {
                return Err(Refusal::NotYours);
            }
            judge(region)?;
            covered_to = region.pages.end();
        }
        if covered_to < pages.end() {
            Err(Refusal::NotYours)
        } else {
            Ok(())
        }
    }

    /// Sets room aside for a change within `pages` that may cut regions at its ends.
    ///
    /// # Errors
    /// [`Refusal::TooManyRegions`], [`Refusal::NoMemory`]; never when it ends where regions end.
    pub(super) fn prepare_change(&mut self, pages: Pages) -> Result<(), Refusal> {
        let cuts = [pages.first(), pages.end()]
            .into_iter()
            .filter(|page| self.must_cut_at(*page))
            .count();
        self.make_room(cuts)
    }

    /// Sets room aside for one more region.
    ///
    /// # Errors
    /// [`Refusal::TooManyRegions`], [`Refusal::NoMemory`].
    pub(super) fn prepare_insert(&mut self) -> Result<(), Refusal> {
        self.make_room(1)
    }

    fn make_room(&mut self, regions: usize) -> Result<(), Refusal> {
        if regions > 0 && self.list.len() + regions > MAX_REGIONS {
            return Err(Refusal::TooManyRegions);
        }
        if self.list.len() + regions > self.list.capacity() {
            self.grow()?;
        }
        Ok(())
    }

    /// Makes the list twice as long: more than one change needs.
    fn grow(&mut self) -> Result<(), Refusal> {
        let capacity = (self.list.capacity() * 2).max(FIRST_REGIONS);
        // Charged beside the old list, since both are there while one is copied into the other.
        let charge = self
            .account
            .charge(Cost::heap(capacity * size_of::<Region<O>>()))?;
        refusable(|| self.list.try_reserve_exact(capacity - self.list.len()))?;
        self.charge = charge;
        Ok(())
    }

    fn must_cut_at(&self, page: u64) -> bool {
        let region = self.list.get(self.index_ending_after(page));
        region.is_some_and(|region| region.pages.split(page).is_some())
    }

    /// Adds a region whose pages are free, after `prepare_insert`.
    pub(super) fn insert(&mut self, region: Region<O>) {
        let index = self.index_ending_after(region.pages.first());
        self.list.insert(index, region);
        self.merge();
    }

    /// Removes whatever is in `pages`, after `prepare_change`.
    pub(super) fn remove(&mut self, pages: Pages) {
        self.cut(pages);
        self.list.retain(|region| !pages.contains(region.pages.first()));
    }

    /// Changes whatever is in `pages` and nothing beyond, after `prepare_change`.
    pub(super) fn change(&mut self, pages: Pages, mut change: impl FnMut(&mut Region<O>)) {
        self.cut(pages);
        self.list
            .iter_mut()
            .filter(|region| pages.contains(region.pages.first()))
            .for_each(&mut change);
        self.merge();
    }

    /// How many of `pages` are in regions of which `wanted` is true.
    pub(super) fn count(&self, pages: Pages, wanted: impl Fn(&Kind<O>) -> bool) -> u64 {
        self.touched_by(pages)
            .filter(|region| wanted(&region.kind))
            .map(|region| region.pages.end().min(pages.end()) - region.pages.first().max(pages.first()))
            .sum()
    }

    fn touched_by(&self, pages: Pages) -> impl Iterator<Item = &Region<O>> {
        let from = self.index_ending_after(pages.first());
        self.list
            .iter()
            .skip(from)
            .take_while(move |region| region.pages.first() < pages.end())
    }

    /// Where the first region is that reaches beyond the start of `page`; it may begin after it.
    fn index_ending_after(&self, page: u64) -> usize {
        self.list.partition_point(|region| region.pages.end() <= page)
    }

    /// Splits regions so that each is either wholly inside `pages` or wholly outside.
    fn cut(&mut self, pages: Pages) {
        for page in [pages.first(), pages.end()] {
            let index = self.index_ending_after(page);
            let Some(region) = self.list.get_mut(index) else {
                continue;
            };
            let Some((before, after)) = region.pages.split(page) else {
                continue;
            };
            let kind = region.kind.advanced_by(before.count());
            let tail = Region {
                pages: after,
                protection: region.protection,
                kind,
            };
            region.pages = before;
            self.list.insert(index + 1, tail);
        }
    }

    /// Makes one region of neighbours that say the same. Ring pages stay apart: each goes with its thread, at a moment when
    /// nobody could be told that there is no room to cut a region.
    fn merge(&mut self) {
        self.list.dedup_by(|next, region| {
            let same = region.kind != Kind::Fixed(Part::Ring)
                && region.pages.end() == next.pages.first()
                && region.protection == next.protection
                && region.kind.advanced_by(region.pages.count()) == next.kind;
            if same {
                region.pages = region.pages.joined(next.pages);
            }
            same
        });
    }
}
