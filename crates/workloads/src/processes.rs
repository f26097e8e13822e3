//! Independent processes: the work of [`crate::scale`] on fewer blocks, where each worker is a process and has its blocks
//! in memory of its own. Parent and child exchange a few words, and nothing while they work.

use alloc::vec::Vec;

use crate::plan::Plan;
use crate::scale::{BLOCK_WORDS, fill, transform};
use crate::system::{Child, Processes};
use crate::team::{Taken, pairs};

/// Name of the part that a worker runs.
pub const PART: &str = "blocks";

/// Blocks of all workers together: 4 MiB.
const BLOCKS: u64 = 65_536;
const ROUNDS: u64 = 64;
/// What the blocks come to in all rounds; a test computes it anew.
const CHECKSUM: u64 = 507_692_599_103_372_028;

/// Questions to a worker. `PREPARE, first block, blocks, 0`: answered when the blocks are filled. `WORK, 0, 0, 0`:
/// answered with the checksum and the tick of the end.
const PREPARE: u64 = 1;
const WORK: u64 = 2;

/// A worker's process.
pub fn transform_own_blocks<S: Processes>(system: &S) -> Result<(), S::Error> {
    let mut words: &[_] = &[];
    system.serve(|question| match question {
        [PREPARE, first_block, blocks, _] => match system.words(blocks as usize * BLOCK_WORDS) {
            Ok(fresh) => {
                words = fresh;
                fill(words, first_block * BLOCK_WORDS as u64);
                question
            }
            Err(_) => [0; 4],
        },
        [WORK, ..] => [transform(words, ROUNDS), S::ticks(), 0, 0],
        _ => [0; 4],
    })
}

fn case<S: Processes>(system: &S, workers: usize) -> Result<Taken, S::Error> {
    let share = BLOCKS / workers as u64;
    let case_start = S::ticks();
    let mut children = (0..workers)
        .map(|_| system.start(PART))
        .collect::<Result<Vec<_>, _>>()?;
    let mut prepared = true;
    for (child, worker) in children.iter_mut().zip(0_u64..) {
        child.ask([PREPARE, worker * share, share, 0])?;
    }
    for child in &mut children {
        prepared &= child.answer()?[0] == PREPARE;
    }
    let work_start = S::ticks();
    for child in &mut children {
        child.ask([WORK, 0, 0, 0])?;
    }
    let (mut sum, mut work_end) = (0_u64, work_start);
    for child in &mut children {
        let [part, end, ..] = child.answer()?;
        sum = sum.wrapping_add(part);
        work_end = work_end.max(end);
    }
    for child in children {
        child.end()?;
    }
    Ok(Taken {
        work: work_end - work_start,
        total: S::ticks() - case_start,
        right: prepared && sum == CHECKSUM,
    })
}

/// Pairs of cases.
pub fn one_and_two_processes<S: Processes>(system: &S, plan: &Plan) -> Result<(), S::Error> {
    pairs(system, plan, "processes", |workers| case(system, workers))
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::sync::atomic::AtomicU64;

    #[test]
    fn s3_the_checksum_of_the_processes_is_what_the_program_compares_with_however_many_there_are() {
        for workers in [1, 2] {
            let share = BLOCKS / workers;
            let sums = (0..workers).map(|worker| {
                let count = share as usize * BLOCK_WORDS;
                let words: Vec<AtomicU64> = (0..count).map(|_| AtomicU64::new(0)).collect();
                fill(&words, worker * share * BLOCK_WORDS as u64);
                transform(&words, ROUNDS)
            });
            assert_eq!(sums.fold(0, u64::wrapping_add), CHECKSUM, "{workers} processes");
        }
    }
}
