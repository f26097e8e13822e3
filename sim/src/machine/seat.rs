//! Where a CPU's dispatch state sits while nobody holds its lock. Taking the lock is taking the state out of its seat: whoever
//! looks at a CPU that is locked, or locks one twice, panics, and the audit finds that.

use core::borrow::Borrow;
use core::ops::{Deref, DerefMut};

use sched::Cpu;

/// A CPU's state in the hands of whoever holds its lock.
pub(super) type Taken<P> = Box<Cpu<P>>;

/// The seat.
#[derive(Debug)]
pub(super) struct Seat<P>(Option<Taken<P>>);

impl<P> Seat<P> {
    pub(super) fn new(cpu: Cpu<P>) -> Seat<P> {
        Seat(Some(Box::new(cpu)))
    }

    /// Takes the lock.
    pub(super) fn take(&mut self) -> Taken<P> {
        self.0.take().expect("a CPU is locked twice")
    }

    /// Gives it back.
    pub(super) fn give_back(&mut self, taken: Taken<P>) {
        self.0 = Some(taken);
    }
}

impl<P> Deref for Seat<P> {
    type Target = Cpu<P>;
    fn deref(&self) -> &Cpu<P> {
        self.0.as_ref().expect("a CPU is looked at that is locked")
    }
}

impl<P> DerefMut for Seat<P> {
    fn deref_mut(&mut self) -> &mut Cpu<P> {
        self.0.as_mut().expect("a CPU is looked at that is locked")
    }
}

impl<P> Borrow<Cpu<P>> for Seat<P> {
    fn borrow(&self) -> &Cpu<P> {
        self
    }
}
