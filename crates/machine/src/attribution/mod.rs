//! Where the kernel's time goes (rule A2): how often each lock is taken, waited for and held, how much goes to serial lines,
//! and where user programs are when the timer interrupts them. Built only to measure, with the feature `attribution`:
//! otherwise everything here has no size and no code (off.rs), and the two files offer the same names. docs/attribution.md.

mod site;

#[cfg_attr(feature = "attribution", path = "on.rs")]
#[cfg_attr(not(feature = "attribution"), path = "off.rs")]
mod tables;

pub use site::Site;
pub use tables::{IS_ON, write};
pub(crate) use tables::{Probe, Table, Wait, interrupted, serial};

#[cfg(all(test, not(feature = "attribution")))]
mod tests {
    use super::*;
    use crate::lock::RawLock;

    #[test]
    fn a2_a_kernel_that_is_not_measured_carries_nothing() {
        assert_eq!(
            (size_of::<Probe>(), size_of::<Wait>(), size_of::<Table>()),
            (0, 0, 0)
        );
        assert_eq!(size_of::<RawLock>(), 4);
        const { assert!(!IS_ON) };
    }
}
