//! The sieve of Eratosthenes, block by block: each block needs only the primes up to the root of the limit.

use alloc::vec::Vec;

/// Numbers per block: its table fits the nearest cache and the stack of a thread.
pub const BLOCK: u64 = 32 << 10;

/// The primes whose square does not exceed `limit`.
pub fn small_primes(limit: u64) -> Vec<u64> {
    let root = limit.isqrt();
    let mut primes: Vec<u64> = Vec::new();
    for candidate in 2..=root {
        if primes
            .iter()
            .take_while(|prime| *prime * *prime <= candidate)
            .all(|prime| candidate % prime != 0)
        {
            primes.push(candidate);
        }
    }
    primes
}

/// How many primes there are in `[start, start + BLOCK)` below `limit`. `small` is `small_primes(limit)`.
pub fn count_block(start: u64, limit: u64, small: &[u64]) -> u64 {
    let end = (start + BLOCK).min(limit);
    let mut composite = [false; BLOCK as usize];
    for prime in small.iter().copied().take_while(|prime| prime * prime < end) {
        let mut multiple = (prime * prime).max(start.next_multiple_of(prime));
        while multiple < end {
            composite[(multiple - start) as usize] = true;
            multiple += prime;
        }
    }
    let from = start.max(2);
    (from..end)
        .filter(|number| !composite[(number - start) as usize])
        .count() as u64
}

/// How many primes there are below a power of ten (OEIS A006880), or below some round number between.
pub fn known_count(limit: u64) -> Option<u64> {
    Some(match limit {
        1_000 => 168,
        10_000 => 1_229,
        100_000 => 9_592,
        1_000_000 => 78_498,
        2_000_000 => 148_933,
        10_000_000 => 664_579,
        100_000_000 => 5_761_455,
        1_000_000_000 => 50_847_534,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(limit: u64) -> u64 {
        let small = small_primes(limit);
        (0..limit.div_ceil(BLOCK))
            .map(|block| count_block(block * BLOCK, limit, &small))
            .sum()
    }

    #[test]
    fn blocks_add_up_to_the_known_counts() {
        for limit in [1_000, 10_000, 100_000, 1_000_000, 2_000_000] {
            assert_eq!(Some(count(limit)), known_count(limit), "below {limit}");
        }
    }

    #[test]
    fn limits_near_a_block_or_a_prime_are_exact() {
        assert_eq!((count(2), count(3), count(4)), (0, 1, 2));
        // 32,749 is the last prime below the first block's end, 32,771 the first after it.
        assert_eq!(count(32_749) + 1, count(32_750));
        assert_eq!(count(BLOCK), count(32_771));
        assert_eq!(count(32_772), count(BLOCK) + 1);
    }
}
