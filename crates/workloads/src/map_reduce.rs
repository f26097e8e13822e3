//! Static map and reduce: each worker has a share that is known in advance, maps every word of it to a bucket, and keeps
//! buckets of its own; at the end all buckets become one sum.

use alloc::boxed::Box;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::plan::Plan;
use crate::system::Threads;
use crate::team::{Taken, pairs, together};

/// Words to map: 1 MiB.
const WORDS: usize = 131_072;
/// Mixing steps per word.
const STEPS: u32 = 256;
const BUCKETS: usize = 256;
/// What [`reduce`] makes of all words; a test computes it anew.
const CHECKSUM: u64 = 16_230_959_932_029_589_066;

/// Sum of what fell into each bucket.
type Buckets = Box<[u64; BUCKETS]>;

/// Fills the words.
fn fill(words: &[AtomicU64]) {
    for (word, value) in words.iter().zip(1_u64..) {
        word.store(value.wrapping_mul(0xd134_2543_de82_ef95), Ordering::Relaxed);
    }
}

/// Maps words into fresh buckets.
fn map(words: &[AtomicU64]) -> Buckets {
    let mut buckets = Box::new([0_u64; BUCKETS]);
    for word in words {
        let mut value = word.load(Ordering::Relaxed);
        for step in 0..STEPS {
            value = (value ^ u64::from(step))
                .rotate_left(29)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
        let bucket = &mut buckets[(value >> 56) as usize];
        *bucket = bucket.wrapping_add(value);
    }
    buckets
}

/// All workers' buckets as one number: which bucket a value fell into counts, who put it there does not.
fn reduce(all: impl IntoIterator<Item = Buckets>) -> u64 {
    let mut sums = [0_u64; BUCKETS];
    for buckets in all {
        for (sum, bucket) in sums.iter_mut().zip(buckets.iter()) {
            *sum = sum.wrapping_add(*bucket);
        }
    }
    sums.iter()
        .fold(0, |digest: u64, sum| digest.rotate_left(7).wrapping_add(*sum))
}

fn case<S: Threads>(system: &S, words: &'static [AtomicU64], workers: usize) -> Result<Taken, S::Error> {
    fill(words);
    let parts = words.chunks(words.len() / workers);
    together(system, parts.map(|part| move || map(part)), |all| {
        reduce(all) == CHECKSUM
    })
}

/// Pairs of cases.
pub fn one_and_two_workers<S: Threads>(system: &S, plan: &Plan) -> Result<(), S::Error> {
    let words = system.words(WORDS)?;
    pairs(system, plan, "map-reduce", |workers| case(system, words, workers))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn words(count: usize) -> Vec<AtomicU64> {
        let words: Vec<AtomicU64> = (0..count).map(|_| AtomicU64::new(0)).collect();
        fill(&words);
        words
    }

    #[test]
    fn s3_the_checksum_of_map_and_reduce_is_what_the_program_compares_with() {
        assert_eq!(reduce([map(&words(WORDS))]), CHECKSUM);
    }

    #[test]
    fn s3_map_and_reduce_do_not_depend_on_who_maps_what() {
        let words = words(1_000);
        let whole = reduce([map(&words)]);
        for workers in [2, 3, 32] {
            assert_eq!(reduce(words.chunks(words.len() / workers).map(map)), whole);
        }
    }
}
