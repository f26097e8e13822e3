//! Ranges of whole pages in a user address space.

use abi::layout::{PAGE_SIZE, USER_LIMIT, is_page_aligned, round_up_to_page};

use super::refusal::Refusal;

/// A run of pages, at least one, that lies in the user half. Page n holds the addresses from n × 4096 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pages {
    first: u64,
    count: u64,
}

impl Pages {
    /// The pages of `[address, address + bytes)`, with `bytes` rounded up to whole pages.
    ///
    /// # Errors
    /// [`Refusal::Empty`] for no bytes, [`Refusal::Unaligned`] for an address inside a page,
    /// [`Refusal::Outside`] when the range leaves the user half or wraps.
    pub fn parse(address: u64, bytes: u64) -> Result<Pages, Refusal> {
        let count = count_for(bytes)?;
        if !is_page_aligned(address) {
            return Err(Refusal::Unaligned);
        }
        Pages::new(address / PAGE_SIZE, count)
    }

    /// `count` pages from page number `first` on.
    ///
    /// # Errors
    /// [`Refusal::Empty`] for none, [`Refusal::Outside`] when they leave the user half.
    pub fn new(first: u64, count: u64) -> Result<Pages, Refusal> {
        if count == 0 {
            return Err(Refusal::Empty);
        }
        match first.checked_add(count) {
            Some(end) if end <= USER_LIMIT / PAGE_SIZE => Ok(Pages { first, count }),
            _ => Err(Refusal::Outside),
        }
    }

    /// Number of the first page.
    pub fn first(self) -> u64 {
        self.first
    }

    /// How many pages, at least 1.
    pub fn count(self) -> u64 {
        self.count
    }

    /// Number of the page after the last one.
    pub fn end(self) -> u64 {
        self.first + self.count
    }

    /// The first address.
    pub fn address(self) -> u64 {
        self.first * PAGE_SIZE
    }

    /// Whether page number `page` is among them.
    pub fn contains(self, page: u64) -> bool {
        (self.first..self.end()).contains(&page)
    }

    /// Splits off what lies at or after page number `page`, if that leaves something on both sides.
    pub(super) fn split(self, page: u64) -> Option<(Pages, Pages)> {
        (self.first < page && page < self.end()).then(|| {
            let left = page - self.first;
            (
                Pages {
                    first: self.first,
                    count: left,
                },
                Pages {
                    first: page,
                    count: self.count - left,
                },
            )
        })
    }

    /// These pages and those of `next`, which begin where these end.
    pub(super) fn joined(self, next: Pages) -> Pages {
        Pages {
            first: self.first,
            count: self.count + next.count,
        }
    }
}

/// How many pages `bytes` need.
///
/// # Errors
/// [`Refusal::Empty`] for no bytes, [`Refusal::Outside`] for more than can be rounded up.
pub fn count_for(bytes: u64) -> Result<u64, Refusal> {
    if bytes == 0 {
        return Err(Refusal::Empty);
    }
    round_up_to_page(bytes)
        .map(|rounded| rounded / PAGE_SIZE)
        .ok_or(Refusal::Outside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p9_sizes_round_up_to_pages_and_addresses_do_not() {
        assert_eq!(Pages::parse(0x3000, 1), Pages::new(3, 1));
        assert_eq!(Pages::parse(0x3000, 0x1001), Pages::new(3, 2));
        assert_eq!(Pages::parse(0x3001, 1), Err(Refusal::Unaligned));
        assert_eq!(Pages::parse(0x3000, 0), Err(Refusal::Empty));
    }

    #[test]
    fn p9_ranges_that_wrap_or_leave_the_user_half_are_outside() {
        let last = USER_LIMIT - PAGE_SIZE;
        assert!(Pages::parse(last, PAGE_SIZE).is_ok());
        assert_eq!(Pages::parse(last, PAGE_SIZE + 1), Err(Refusal::Outside));
        assert_eq!(Pages::parse(0xffff_8000_0000_0000, 1), Err(Refusal::Outside));
        assert_eq!(Pages::parse(0x1000, u64::MAX), Err(Refusal::Outside));
        assert_eq!(Pages::new(u64::MAX, 2), Err(Refusal::Outside));
    }
}
