//! One region: a run of pages of one kind and one protection. Rule P9 (docs/rules/memory.md).

use super::pages::Pages;
use super::protection::Protection;

/// What a region is for, which decides who may change it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind<O> {
    /// Made with the process or one of its threads; no request touches it.
    Fixed(Part),
    /// Zeroed memory from VirtualMemory.map.
    Anonymous,
    /// Address space from VirtualMemory.reserve, without memory.
    Reserved,
    /// A part of a reservation that has been given memory.
    Committed,
    /// A view of a memory object, from its page `first_page` on. The region keeps the object alive.
    Object {
        /// The object.
        object: O,
        /// Which of the object's pages the region begins with.
        first_page: u64,
    },
}

/// The parts of a process that the kernel lays out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A segment of the program.
    Image,
    /// The first thread's stack.
    Stack,
    /// The first thread's thread-local storage.
    Tls,
    /// A ring page.
    Ring,
    /// The capset page.
    Capset,
}

/// Pages of one kind and protection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region<O> {
    /// Where.
    pub pages: Pages,
    /// What the program may do there. Reserved pages allow nothing.
    pub protection: Protection,
    /// What for.
    pub kind: Kind<O>,
}

impl<O: Clone> Kind<O> {
    /// The kind of what lies `pages` further on in the same region.
    pub(super) fn advanced_by(&self, pages: u64) -> Kind<O> {
        match self {
            Kind::Object { object, first_page } => Kind::Object {
                object: object.clone(),
                first_page: first_page + pages,
            },
            kind => kind.clone(),
        }
    }

    /// Whether such pages have memory of their own.
    pub(super) fn is_committed(&self) -> bool {
        matches!(self, Kind::Anonymous | Kind::Committed)
    }

    /// Whether such pages count as reserved or shared address space.
    pub(super) fn is_address_space(&self) -> bool {
        matches!(self, Kind::Reserved | Kind::Committed | Kind::Object { .. })
    }
}
