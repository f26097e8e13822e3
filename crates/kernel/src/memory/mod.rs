//! The memory of a process as its kernel sees it, apart from page tables and frames. Rules P9 and P16
//! (docs/rules/memory.md, docs/rules/accounts.md).
//!
//! [`regions`] says what is where, each a [`region`]; [`requests`] are the calls of the VirtualMemory and MemoryObject
//! interfaces, checked against it. Both are pure: they decide, the caller then changes page tables. The
//! words they share are [`pages`] and [`protection`]. [`space`] is that caller; [`object`] is memory that
//! several processes can map; [`account`] is what all of it is charged to, and what else the kernel keeps for somebody, and
//! [`waiting_list`] the lists in which that somebody's operations wait.

pub mod account;
pub mod object;
pub mod pages;
pub mod protection;
pub mod refusal;
pub mod region;
pub mod regions;
pub mod requests;
pub mod space;
pub mod waiting_list;
