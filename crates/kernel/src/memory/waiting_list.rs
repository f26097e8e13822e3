//! Lists in which operations wait, and who pays for their length. The first few places are paid for with the object that has the
//! list. Whoever makes it longer is charged for all of its places, until the list ends or somebody else makes it longer still:
//! a list never becomes shorter, and the operations that once filled it may be long gone. Rule P16 (docs/rules/accounts.md).
//!
//! The machine promised the places to the rings whose operations join (`Cost::heap_later`), so a list grows within what was
//! promised and leaves the reserve alone.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::ops::{Deref, DerefMut};

use abi::layout::PAGE_SIZE;
use machine::memory::commitment;

use super::account::{Account, Charge, Short, refusable};

/// Places that come with an object.
pub const FIRST_PLACES: usize = 4;

/// A list, with the charge for its length.
#[derive(Debug)]
pub struct WaitingList<T> {
    list: VecDeque<T>,
    /// Places that somebody else pays for.
    first_places: usize,
    /// For all places, if it has more than the first.
    charge: Charge,
}

impl<T> WaitingList<T> {
    /// Bytes of the first places, to be charged with the object.
    pub const FIRST_BYTES: usize = FIRST_PLACES * size_of::<T>();

    /// An empty list with `first_places` that somebody else pays for, none of which it has yet.
    pub const fn with_first_places(first_places: usize) -> WaitingList<T> {
        WaitingList {
            list: VecDeque::new(),
            first_places,
            charge: Charge::NOTHING,
        }
    }

    /// Makes sure that one more fits; if that makes the list longer, `account` pays from now on.
    ///
    /// # Errors
    /// [`Short`]. Nothing has changed then.
    #[inline]
    pub fn room_for_one_more(&mut self, account: &Arc<Account>) -> Result<(), Short> {
        if self.list.len() < self.list.capacity() {
            return Ok(());
        }
        self.grow(account)
    }

    /// Takes out the first that `which` picks, as many as there is room for, oldest first. Each is looked at once at most, and the others stay in
    /// order.
    pub fn take_some<const N: usize>(&mut self, mut which: impl FnMut(&T) -> bool) -> [Option<T>; N]
    where
        T: Clone,
    {
        let mut taken = [const { None }; N];
        let mut count = 0;
        self.list.retain(|waiting| {
            let is_taken = count < N && which(waiting);
            if is_taken {
                taken[count] = Some(waiting.clone());
                count += 1;
            }
            !is_taken
        });
        taken
    }

    #[cold]
    fn grow(&mut self, account: &Arc<Account>) -> Result<(), Short> {
        let capacity = (2 * self.list.capacity()).max(FIRST_PLACES);
        let more = capacity - self.list.len();
        if capacity <= self.first_places {
            return refusable(|| self.list.try_reserve_exact(more));
        }
        let bytes = capacity * size_of::<T>();
        let charge = account.charge_promised(bytes)?;
        // Held until the list has taken them: nobody else is let have the same.
        let _frames = commitment::claim_heap((bytes as u64).div_ceil(PAGE_SIZE)).ok_or(Short::Machine)?;
        refusable(|| self.list.try_reserve_exact(more))?;
        self.charge = charge;
        Ok(())
    }
}

impl<T> Default for WaitingList<T> {
    fn default() -> WaitingList<T> {
        WaitingList::with_first_places(FIRST_PLACES)
    }
}

impl<T> Deref for WaitingList<T> {
    type Target = VecDeque<T>;

    #[inline]
    fn deref(&self) -> &VecDeque<T> {
        &self.list
    }
}

impl<T> DerefMut for WaitingList<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut VecDeque<T> {
        &mut self.list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn join(list: &mut WaitingList<u64>, account: &Arc<Account>) -> Result<(), Short> {
        list.room_for_one_more(account)?;
        list.push_back(0);
        Ok(())
    }

    #[test]
    fn p16_whoever_makes_a_list_longer_pays_for_it_although_nobody_waits_any_more() {
        let (first, second) = (Account::new(10_000, 0), Account::new(10_000, 0));
        let mut list = WaitingList::default();
        for _ in 0..FIRST_PLACES {
            join(&mut list, &first).unwrap();
        }
        assert_eq!(first.held(), 0, "the object paid for these");
        for _ in FIRST_PLACES..100 {
            join(&mut list, &first).unwrap();
        }
        assert_eq!(first.held(), 128 * 8);
        list.clear();
        assert!(list.capacity() >= 128);
        assert_eq!(first.held(), 128 * 8, "the list is as long as before");
        for _ in 0..129 {
            join(&mut list, &second).unwrap();
        }
        assert_eq!((first.held(), second.held()), (0, 256 * 8));
        drop(list);
        assert_eq!(second.held(), 0);
    }

    #[test]
    fn p15_those_of_one_are_taken_out_of_many_with_one_look_at_each() {
        let account = Account::new(1 << 20, 0);
        let mut list = WaitingList::default();
        // Ten of one behind a thousand of another, and more of both.
        let numbers = (0..1_000).map(|_| 1).chain((0..10).map(|_| 2)).chain([1, 2, 1]);
        for (place, number) in numbers.enumerate() {
            list.room_for_one_more(&account).unwrap();
            list.push_back((number, place));
        }
        let mut looks = 0;
        let mut take = |list: &mut WaitingList<(i32, usize)>| -> [Option<(i32, usize)>; 8] {
            list.take_some(|(number, _)| {
                looks += 1;
                *number == 2
            })
        };
        let places = |taken: [Option<(i32, usize)>; 8]| taken.map(|one| one.map_or(0, |(_, place)| place));
        assert_eq!(
            places(take(&mut list)),
            [1_000, 1_001, 1_002, 1_003, 1_004, 1_005, 1_006, 1_007]
        );
        assert_eq!(places(take(&mut list)), [1_008, 1_009, 1_011, 0, 0, 0, 0, 0]);
        assert_eq!(looks, 1_008 + 1_005, "once for each eight");
        assert!(list.iter().is_sorted() && list.iter().all(|(number, _)| *number == 1));
        assert_eq!(list.len(), 1_002);
    }

    #[test]
    fn p16_a_list_that_cannot_be_paid_for_stays_as_it_is() {
        // While a list is moved, the shorter one is there as well.
        let account = Account::new((32 + 64) * 8, 0);
        let mut list = WaitingList::default();
        for _ in 0..64 {
            join(&mut list, &account).unwrap();
        }
        assert_eq!(join(&mut list, &account), Err(Short::Account));
        assert_eq!((list.len(), list.capacity(), account.held()), (64, 64, 64 * 8));
        list.pop_front();
        assert_eq!(join(&mut list, &account), Ok(()), "there is a place again");
    }
}
