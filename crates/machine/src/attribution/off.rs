//! Attribution as it is in every kernel but one that was built to be measured: types of no size and functions without a
//! body. What they stand for is in on.rs.

use core::fmt;

use super::Site;

/// Whether this kernel was built to be measured.
pub const IS_ON: bool = false;

/// A lock's part.
pub(crate) struct Probe;

impl Probe {
    #[inline(always)]
    pub(crate) const fn at(_site: Site) -> Probe {
        Probe
    }

    #[inline(always)]
    pub(crate) fn taken(&self, _wait: Wait) {}

    #[inline(always)]
    pub(crate) fn released(&self) {}
}

/// An attempt to take a lock.
pub(crate) struct Wait;

impl Wait {
    #[inline(always)]
    pub(crate) const fn none() -> Wait {
        Wait
    }

    #[inline(always)]
    pub(crate) fn goes_on(&mut self) {}
}

/// A CPU's part.
pub(crate) struct Table;

impl Table {
    pub(crate) const fn new() -> Table {
        Table
    }
}

#[inline(always)]
pub(crate) fn serial(_bytes: usize) {}

#[inline(always)]
pub(crate) fn interrupted(_vector: u8, _instruction: u64) {}

/// Writes nothing.
///
/// # Errors
/// None.
#[inline(always)]
pub fn write(_out: &mut impl fmt::Write) -> fmt::Result {
    Ok(())
}
