//! B7: the same work on one thread of a process and on two. 16 MiB in 262,144 blocks of 64 bytes are transformed 64
//! times over; each worker has a part of the blocks, and the parent waits in a blocking join. The checksum does not
//! depend on who did what, and is compared with a constant.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::plan::Plan;
use crate::system::Threads;
use crate::team::{Taken, pairs, together};

/// Words of a block: 64 bytes.
pub const BLOCK_WORDS: usize = 8;
/// Blocks of 16 MiB.
pub const BLOCKS: usize = 262_144;
/// Times that every block is transformed.
pub const ROUNDS: u64 = 64;
/// What [`transform`] makes of all blocks in all rounds; a test computes it anew.
pub const CHECKSUM: u64 = 4_935_158_634_059_664_928;

/// Fills blocks as they are before the first round. `first`: the number of the first word among all.
pub fn fill(words: &[AtomicU64], first: u64) {
    for (word, value) in words.iter().zip(first..) {
        word.store(value.wrapping_mul(0x9e37_79b9_7f4a_7c15), Ordering::Relaxed);
    }
}

/// Transforms blocks `rounds` times; the sum of what each block came to each time.
pub fn transform(words: &[AtomicU64], rounds: u64) -> u64 {
    let (blocks, _) = words.as_chunks::<BLOCK_WORDS>();
    let mut sum = 0_u64;
    for round in 0..rounds {
        for block in blocks {
            let mut digest = round;
            for word in block {
                let mixed = (word.load(Ordering::Relaxed) ^ digest)
                    .rotate_left(23)
                    .wrapping_mul(0xd6e8_feb8_6659_fd93);
                word.store(mixed, Ordering::Relaxed);
                digest = digest.wrapping_add(mixed);
            }
            sum = sum.wrapping_add(digest);
        }
    }
    sum
}

/// All blocks, divided among so many workers.
fn case<S: Threads>(system: &S, words: &'static [AtomicU64], workers: usize) -> Result<Taken, S::Error> {
    fill(words, 0);
    let parts = words.chunks(words.len() / workers);
    together(
        system,
        parts.map(|part| move || transform(part, ROUNDS)),
        |sums| sums.into_iter().fold(0, u64::wrapping_add) == CHECKSUM,
    )
}

/// Pairs of cases.
pub fn one_and_two_workers<S: Threads>(system: &S, plan: &Plan) -> Result<(), S::Error> {
    let words = system.words(BLOCKS * BLOCK_WORDS)?;
    pairs(system, plan, "scale", |workers| case(system, words, workers))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn blocks(count: usize) -> Vec<AtomicU64> {
        let words: Vec<AtomicU64> = (0..count * BLOCK_WORDS).map(|_| AtomicU64::new(0)).collect();
        fill(&words, 0);
        words
    }

    #[test]
    fn b7_the_checksum_is_what_the_program_compares_with() {
        assert_eq!(transform(&blocks(BLOCKS), ROUNDS), CHECKSUM);
    }

    #[test]
    fn b7_the_checksum_does_not_depend_on_who_works_on_what() {
        let whole = transform(&blocks(64), 3);
        let parts = blocks(64);
        let (left, right) = parts.split_at(parts.len() / 2);
        assert_eq!(transform(left, 3).wrapping_add(transform(right, 3)), whole);
    }
}
