//! Steps that all workers take together: each phase makes every cell anew from itself and its neighbours in the phase before, so
//! nobody may begin a phase before everybody has ended the last. Each worker has a share of the cells.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::barrier::Barrier;
use crate::plan::Plan;
use crate::system::Threads;
use crate::team::{Taken, pairs, together};

/// Cells in a ring: 256 KiB, and as much for the next phase.
const CELLS: usize = 32_768;
/// An even number: the last phase leaves its cells where the first found them.
const PHASES: usize = 400;
/// What [`digest`] makes of the cells after all phases; a test computes it anew.
const CHECKSUM: u64 = 13_686_956_512_802_878_109;

/// Fills the cells as they are before the first phase.
fn fill(cells: &[AtomicU64]) {
    for (cell, value) in cells.iter().zip(1_u64..) {
        cell.store(value.wrapping_mul(0x94d0_49bb_1331_11eb), Ordering::Relaxed);
    }
}

/// Who has which cells.
fn shares(workers: usize, cells: usize) -> Vec<Range<usize>> {
    let border = |worker| cells * worker / workers;
    (0..workers)
        .map(|worker| border(worker)..border(worker + 1))
        .collect()
}

/// Makes the cells of a share anew.
fn step(old: &[AtomicU64], new: &[AtomicU64], share: Range<usize>) {
    let count = old.len();
    let mut left = old[(share.start + count - 1) % count].load(Ordering::Relaxed);
    let mut own = old[share.start].load(Ordering::Relaxed);
    for cell in share {
        let next = if cell + 1 == count { 0 } else { cell + 1 };
        let right = old[next].load(Ordering::Relaxed);
        let mixed = (own ^ left.rotate_left(17))
            .wrapping_add(right.rotate_left(41))
            .wrapping_mul(0xd6e8_feb8_6659_fd93);
        new[cell].store(mixed, Ordering::Relaxed);
        (left, own) = (own, right);
    }
}

/// A worker: all phases of a share. `both`: the cells, and room for as many.
fn work<S: Threads>(both: &[AtomicU64], share: &Range<usize>, phases: usize, barrier: &Barrier) {
    let (mut old, mut new) = both.split_at(both.len() / 2);
    for _ in 0..phases {
        step(old, new, share.clone());
        barrier.wait::<S>();
        (old, new) = (new, old);
    }
}

/// The cells as one number; their order counts.
fn digest(cells: &[AtomicU64]) -> u64 {
    cells.iter().fold(0, |digest: u64, cell| {
        digest.rotate_left(7).wrapping_add(cell.load(Ordering::Relaxed))
    })
}

fn case<S: Threads>(system: &S, both: &'static [AtomicU64], workers: usize) -> Result<Taken, S::Error> {
    let (cells, _) = both.split_at(CELLS);
    fill(cells);
    let barrier = Arc::new(Barrier::new(workers as u32));
    let works = shares(workers, CELLS).into_iter().map(|share| {
        let barrier = barrier.clone();
        move || work::<S>(both, &share, PHASES, &barrier)
    });
    together(system, works, |_| digest(cells) == CHECKSUM)
}

/// Pairs of cases.
pub fn one_and_two_workers<S: Threads>(system: &S, plan: &Plan) -> Result<(), S::Error> {
    let both = system.words(2 * CELLS)?;
    pairs(system, plan, "phases", |workers| case(system, both, workers))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The digest after some phases, with the shares one after another in each phase.
    fn after(count: usize, phases: usize, shares: &[Range<usize>]) -> u64 {
        let both: Vec<AtomicU64> = (0..2 * count).map(|_| AtomicU64::new(0)).collect();
        let (mut old, mut new) = both.split_at(count);
        fill(old);
        for _ in 0..phases {
            for share in shares {
                step(old, new, share.clone());
            }
            (old, new) = (new, old);
        }
        digest(old)
    }

    #[test]
    fn s3_the_checksum_of_the_phases_is_what_the_program_compares_with() {
        assert_eq!(after(CELLS, PHASES, &shares(1, CELLS)), CHECKSUM);
    }

    #[test]
    fn s3_phases_do_not_depend_on_who_has_which_cells() {
        let whole = after(100, 6, &shares(1, 100));
        assert_eq!(after(100, 6, &[50..100, 0..50]), whole);
        assert_eq!(after(100, 6, &[0..1, 1..99, 99..100]), whole);
    }

    #[test]
    fn s3_a_worker_that_leaves_out_a_cell_is_noticed() {
        let whole = after(100, 6, &shares(1, 100));
        assert_ne!(after(100, 6, &[0..50, 51..100]), whole);
    }
}
