//! A value that the first CPU sets once while it boots and that every CPU reads afterwards: the CPU's
//! features, the clock's rate, the APIC's mode. Reading before it is set is a bug in the boot order and
//! panics with the name of the cell.

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicU8, Ordering};

const EMPTY: u8 = 0;
const FILLING: u8 = 1;
const SET: u8 = 2;

/// A write-once cell for facts established at boot.
pub struct BootCell<T> {
    state: AtomicU8,
    value: UnsafeCell<MaybeUninit<T>>,
    name: &'static str,
}

// SAFETY: the value is written by the one caller that moves the state from EMPTY to FILLING (`set`), and
// shared only after the release store of SET, as `&T`; so sharing the cell needs `T: Sync`, and setting it
// from one CPU for all others needs `T: Send`.
unsafe impl<T: Send + Sync> Sync for BootCell<T> {}

impl<T> BootCell<T> {
    /// An empty cell; `name` is what the panic message says when it is read too early.
    pub const fn new(name: &'static str) -> Self {
        Self {
            state: AtomicU8::new(EMPTY),
            value: UnsafeCell::new(MaybeUninit::uninit()),
            name,
        }
    }

    /// Sets the value.
    ///
    /// # Panics
    /// When it has been set before: two answers to "which APIC mode" cannot both be right.
    pub fn set(&self, value: T) -> &T {
        let claimed = self
            .state
            .compare_exchange(EMPTY, FILLING, Ordering::Acquire, Ordering::Relaxed);
        assert!(claimed.is_ok(), "{} was set twice", self.name);
        // SAFETY: this caller alone moved the state to FILLING (compare_exchange above), and readers look at
        // the value only after SET; so nobody else refers to it.
        unsafe { (*self.value.get()).write(value) };
        self.state.store(SET, Ordering::Release);
        self.get()
    }

    /// The value, if it has been set.
    pub fn try_get(&self) -> Option<&T> {
        if self.state.load(Ordering::Acquire) != SET {
            return None;
        }
        // SAFETY: SET is stored (release) after the value is initialised, is loaded here (acquire), and is
        // never left again: no `&mut` to the value exists from then on.
        Some(unsafe { (*self.value.get()).assume_init_ref() })
    }

    /// The value.
    ///
    /// # Panics
    /// When it has not been set yet.
    pub fn get(&self) -> &T {
        match self.try_get() {
            Some(value) => value,
            None => panic!("{} was read before boot set it", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::BootCell;

    #[test]
    fn p2_a_boot_fact_is_absent_until_it_is_set() {
        let cell = BootCell::new("answer");
        assert_eq!(cell.try_get(), None);
        cell.set(42u32);
        assert_eq!((cell.try_get(), *cell.get()), (Some(&42), 42));
    }

    #[test]
    #[should_panic(expected = "answer was set twice")]
    fn p2_a_boot_fact_is_set_only_once() {
        let cell = BootCell::new("answer");
        cell.set(1u32);
        cell.set(2u32);
    }
}
