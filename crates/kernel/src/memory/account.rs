//! Accounts: what memory is charged to, pages of processes as well as what the kernel keeps on their behalf. Rule P16
//! (docs/rules/accounts.md).
//!
//! Whoever lets the kernel keep something says what it costs and gets a [`Charge`], or learns why not; dropping the charge
//! gives exactly that back. A charge is held by what was made for it, so the two go together. An account refuses what goes
//! beyond its limit, and the machine what it does not have (`machine::memory::commitment`).
//!
//! Memory charges an account and never a process: each process has one, and several may share one.

use alloc::collections::TryReserveError;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

use abi::layout::PAGE_SIZE;
use machine::memory::commitment;
use machine::memory::heap::Refusable;

/// What something takes of the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    frames: u64,
    /// Those of the frames that are granted as memory objects.
    granted: u64,
    heap: u64,
    heap_later: u64,
}

impl Cost {
    /// Nothing.
    pub const NOTHING: Cost = Cost {
        frames: 0,
        granted: 0,
        heap: 0,
        heap_later: 0,
    };

    /// Frames: pages of a process, page tables, ring pages. They may be taken whenever they are needed.
    pub const fn frames(frames: u64) -> Cost {
        Cost {
            frames,
            ..Cost::NOTHING
        }
    }

    /// Frames of a memory object, for which there is a limit of their own.
    pub const fn granted_frames(frames: u64) -> Cost {
        Cost {
            frames,
            granted: frames,
            ..Cost::NOTHING
        }
    }

    /// Bytes that are taken from the heap right after they were charged.
    pub const fn heap(bytes: usize) -> Cost {
        Cost {
            heap: bytes as u64,
            ..Cost::NOTHING
        }
    }

    /// Bytes of the heap that are taken little by little, while nobody can be told that there are none.
    pub const fn heap_later(bytes: usize) -> Cost {
        Cost {
            heap_later: bytes as u64,
            ..Cost::NOTHING
        }
    }

    /// Both.
    pub const fn and(self, other: Cost) -> Cost {
        Cost {
            frames: self.frames.saturating_add(other.frames),
            granted: self.granted.saturating_add(other.granted),
            heap: self.heap.saturating_add(other.heap),
            heap_later: self.heap_later.saturating_add(other.heap_later),
        }
    }

    /// The sum, as accounts count it.
    pub const fn bytes(self) -> u64 {
        self.frames
            .saturating_mul(PAGE_SIZE)
            .saturating_add(self.heap)
            .saturating_add(self.heap_later)
    }

    const fn later_frames(self) -> u64 {
        self.heap_later.div_ceil(PAGE_SIZE)
    }

    /// Takes it from the machine, whole or not at all.
    fn take_from_machine(self) -> bool {
        // The heap is counted where it grows; here it only has to fit, with what is promised at the same moment.
        if !commitment::promise(self.frames) {
            return false;
        }
        let later = self.later_frames();
        if later > 0 && !commitment::promise_heap(later) {
            commitment::release(self.frames);
            return false;
        }
        let fits = self.heap == 0 || commitment::has_room(self.heap.div_ceil(PAGE_SIZE));
        if !fits {
            self.give_to_machine();
        }
        fits
    }

    fn give_to_machine(self) {
        let later = self.later_frames();
        if later > 0 {
            commitment::release_heap(later);
        }
        commitment::release(self.frames);
    }
}

/// Why something is not charged. Nothing was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Short {
    /// The account would hold more than it may: give something of it back.
    Account,
    /// The account would hold more frames of memory objects than it may.
    Granted,
    /// The machine has no memory that is not promised to others.
    Machine,
}

/// A sum, and how large it may become.
#[derive(Debug)]
struct Sum {
    held: AtomicU64,
    limit: AtomicU64,
}

impl Sum {
    fn new(limit: u64) -> Sum {
        Sum {
            held: AtomicU64::new(0),
            limit: AtomicU64::new(limit),
        }
    }

    #[must_use = "what was refused must not be used"]
    fn take(&self, amount: u64) -> bool {
        let sum = |held: u64| {
            held.checked_add(amount)
                .filter(|sum| *sum <= self.limit.load(Relaxed))
        };
        self.held.fetch_update(Relaxed, Relaxed, sum).is_ok()
    }

    fn give(&self, amount: u64) {
        let before = self.held.fetch_sub(amount, Relaxed);
        debug_assert!(before >= amount, "more was given back than was held");
    }
}

/// What one or several processes hold, and how much that may be.
#[derive(Debug)]
pub struct Account {
    bytes: Sum,
    granted_frames: Sum,
}

impl Account {
    /// An account that holds nothing.
    pub fn new(bytes: u64, granted_frames: u64) -> Arc<Account> {
        Arc::new(Account {
            bytes: Sum::new(bytes),
            granted_frames: Sum::new(granted_frames),
        })
    }

    /// Bytes it holds.
    pub fn held(&self) -> u64 {
        self.bytes.held.load(Relaxed)
    }

    /// Charges `cost`.
    ///
    /// # Errors
    /// [`Short`].
    pub fn charge(self: &Arc<Account>, cost: Cost) -> Result<Charge, Short> {
        self.take(cost)?;
        Ok(Charge {
            account: Some(self.clone()),
            cost,
        })
    }

    /// Charges what a process is born with, which counts as held, but not against its limit.
    ///
    /// # Errors
    /// [`Short::Machine`].
    pub fn endow(self: &Arc<Account>, cost: Cost) -> Result<Charge, Short> {
        self.raise_limit(cost);
        self.charge(cost).inspect_err(|_| self.lower_limit(cost))
    }

    /// Charges bytes of the heap that the machine has promised to it already.
    ///
    /// # Errors
    /// [`Short::Account`].
    pub(super) fn charge_promised(self: &Arc<Account>, bytes: usize) -> Result<Charge, Short> {
        let cost = Cost::heap(bytes);
        if !self.bytes.take(cost.bytes()) {
            return Err(Short::Account);
        }
        Ok(Charge {
            account: Some(self.clone()),
            cost,
        })
    }

    /// As [`Account::charge`], for who keeps the sum of its charges itself.
    ///
    /// # Errors
    /// [`Short`].
    pub(super) fn take(&self, cost: Cost) -> Result<(), Short> {
        if !self.bytes.take(cost.bytes()) {
            return Err(Short::Account);
        }
        if !self.granted_frames.take(cost.granted) {
            self.bytes.give(cost.bytes());
            return Err(Short::Granted);
        }
        if !cost.take_from_machine() {
            self.granted_frames.give(cost.granted);
            self.bytes.give(cost.bytes());
            return Err(Short::Machine);
        }
        Ok(())
    }

    /// As [`Account::endow`], for who keeps the sum of its charges itself.
    ///
    /// # Errors
    /// [`Short::Machine`].
    pub(super) fn take_at_birth(&self, cost: Cost) -> Result<(), Short> {
        self.raise_limit(cost);
        self.take(cost).inspect_err(|_| self.lower_limit(cost))
    }

    /// Gives back what was taken by [`Account::take`] or [`Account::take_at_birth`].
    pub(super) fn give(&self, cost: Cost) {
        cost.give_to_machine();
        self.granted_frames.give(cost.granted);
        self.bytes.give(cost.bytes());
    }

    fn raise_limit(&self, cost: Cost) {
        self.bytes.limit.fetch_add(cost.bytes(), Relaxed);
    }

    fn lower_limit(&self, cost: Cost) {
        self.bytes.limit.fetch_sub(cost.bytes(), Relaxed);
    }
}

/// Something charged, until it is dropped. What was made for it goes first: a struct has it as its last field.
#[derive(Debug)]
#[must_use = "a charge that is dropped is given back"]
pub struct Charge {
    /// `None` for nothing.
    account: Option<Arc<Account>>,
    cost: Cost,
}

impl Charge {
    /// A charge of nothing, to nobody.
    pub const NOTHING: Charge = Charge {
        account: None,
        cost: Cost::NOTHING,
    };

    /// What is charged.
    pub fn cost(&self) -> Cost {
        self.cost
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if let Some(account) = &self.account {
            account.give(self.cost);
        }
    }
}

/// Zeroed memory for a copy that was charged before.
///
/// # Errors
/// [`Short::Machine`], when the heap is in too many pieces for it.
pub fn zeroed(bytes: usize) -> Result<Vec<u8>, Short> {
    let mut buffer = Vec::new();
    refusable(|| buffer.try_reserve_exact(bytes))?;
    buffer.resize(bytes, 0);
    Ok(buffer)
}

/// Takes from the heap what can be refused: it leaves the runs of frames alone that are spared for who cannot be.
///
/// # Errors
/// [`Short::Machine`].
pub fn refusable<R>(take: impl FnOnce() -> Result<R, TryReserveError>) -> Result<R, Short> {
    let _guard = Refusable::begin();
    take().map_err(|_| Short::Machine)
}

#[cfg(test)]
mod tests;
