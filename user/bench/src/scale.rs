//! B7: the same work on one thread and on two. 16 MiB in 262,144 blocks of 64 bytes are transformed 64 times over; each
//! worker has a part of the blocks, and the parent waits in a blocking join. The checksum does not depend on who did
//! what, and is compared with a constant.
//!
//! Two times are taken: the work, from the moment when all workers are ready to the end of the last, and the total,
//! from before the first thread is created to after the last one is joined.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use abi::park::NO_TIMEOUT;
use rt::memory::VirtualMemory;
use rt::monitor::Monitor;
use rt::raw::{shared_words, ticks};
use rt::thread::Threads;
use rt::{Env, Error};

use crate::plan::{Plan, fact};

/// Words of a block: 64 bytes.
const BLOCK_WORDS: usize = 8;
/// Blocks of 16 MiB.
pub const BLOCKS: usize = 262_144;
/// Times that every block is transformed.
pub const ROUNDS: u64 = 64;
/// What [`transform`] makes of all blocks in all rounds; a test computes it anew.
pub const CHECKSUM: u64 = 4_935_158_634_059_664_928;

static READY: AtomicU32 = AtomicU32::new(0);
static GO: AtomicU32 = AtomicU32::new(0);

/// Fills the blocks as they are before the first round.
pub fn fill(words: &[AtomicU64]) {
    for (word, value) in words.iter().zip(0_u64..) {
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

/// A worker: says that it is there, waits for the start, works. Its checksum and when it was done.
fn work(words: &'static [AtomicU64]) -> (u64, u64) {
    READY.fetch_add(1, Ordering::Release);
    rt::park::unpark(&READY, 1);
    while GO.load(Ordering::Acquire) == 0 {
        rt::park::park(&GO, 0, NO_TIMEOUT);
    }
    let sum = transform(words, ROUNDS);
    (sum, ticks())
}

/// What one case took, in ticks.
struct Taken {
    work: u64,
    total: u64,
    right: bool,
}

/// All blocks, divided among so many workers.
fn case(threads: &Threads, words: &'static [AtomicU64], workers: usize) -> Result<Taken, Error> {
    fill(words);
    READY.store(0, Ordering::Relaxed);
    GO.store(0, Ordering::Relaxed);

    let case_start = ticks();
    let running = words
        .chunks(words.len() / workers)
        .map(|part| threads.spawn(move || work(part)))
        .collect::<Result<Vec<_>, _>>()?;
    loop {
        let ready = READY.load(Ordering::Acquire);
        if ready as usize == workers {
            break;
        }
        rt::park::park(&READY, ready, NO_TIMEOUT);
    }
    let work_start = ticks();
    GO.store(1, Ordering::Release);
    rt::park::unpark(&GO, u32::MAX);
    let (mut sum, mut work_end) = (0_u64, 0);
    for worker in running {
        let (part, end) = worker.join()?;
        sum = sum.wrapping_add(part);
        work_end = work_end.max(end);
    }
    Ok(Taken {
        work: work_end - work_start,
        total: ticks() - case_start,
        right: sum == CHECKSUM,
    })
}

/// One worker and two, in turns: a pair to warm up (the emulator translates, the host touches the memory), then the
/// pairs that count.
pub fn one_and_two_workers(env: &Env, plan: &Plan) -> Result<(), Error> {
    let (memory, monitor): (VirtualMemory, Monitor) = (env.first()?, env.first()?);
    fact("scale", "tick-hz", monitor.system(|info| Ok(info.get_tsc_hz()))?);
    let words = shared_words(&memory, BLOCKS * BLOCK_WORDS)?;
    let threads = Threads::new(env)?;
    for round in 0..=plan.rounds {
        let one = case(&threads, words, 1)?;
        let two = case(&threads, words, 2)?;
        fact("scale", "wrong", u64::from(!(one.right && two.right)));
        if round > 0 {
            fact("scale", "work-1", one.work);
            fact("scale", "work-2", two.work);
            fact("scale", "total-1", one.total);
            fact("scale", "total-2", two.total);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(count: usize) -> Vec<AtomicU64> {
        let words: Vec<AtomicU64> = (0..count * BLOCK_WORDS).map(|_| AtomicU64::new(0)).collect();
        fill(&words);
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
