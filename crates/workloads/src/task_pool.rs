//! An uneven dynamic pool of tasks: workers take the next task from a counter, and the longest task costs a hundred times as
//! much as the shortest. Which task costs what is fixed, so each run has the same work; who does it is not.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::hog::{steps, steps_at_once};
use crate::plan::Plan;
use crate::system::Threads;
use crate::team::{Taken, pairs, together};

const TASKS: usize = 1_500;
/// Steps of the shortest task.
const SHORTEST: u64 = 400;
/// The longest task is so many times the shortest.
const SPREAD: u64 = 100;

/// What tells a task from the others.
fn seed(task: usize) -> u64 {
    (task as u64 + 1).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

/// Steps of a task: any multiple of the shortest, in no order.
fn cost(task: usize) -> u64 {
    SHORTEST * (1 + (seed(task) >> 33) % SPREAD)
}

/// A worker: takes tasks as long as there are any; how many it took.
fn work(next: &AtomicUsize, results: &[AtomicU64]) -> usize {
    let mut taken = 0;
    loop {
        let task = next.fetch_add(1, Ordering::Relaxed);
        let Some(result) = results.get(task) else {
            return taken;
        };
        result.store(steps(seed(task), cost(task)), Ordering::Relaxed);
        taken += 1;
    }
}

/// Whether every task was done once and came to what it should.
fn is_right(taken: &[usize], results: &[AtomicU64]) -> bool {
    let right = |(task, result): (usize, &AtomicU64)| {
        result.load(Ordering::Relaxed) == steps_at_once(seed(task), cost(task))
    };
    taken.iter().sum::<usize>() == results.len() && results.iter().enumerate().all(right)
}

fn case<S: Threads>(system: &S, results: &'static [AtomicU64], workers: usize) -> Result<Taken, S::Error> {
    for result in results {
        result.store(0, Ordering::Relaxed);
    }
    let next = Arc::new(AtomicUsize::new(0));
    let works = (0..workers).map(|_| {
        let next = next.clone();
        move || work(&next, results)
    });
    together(system, works, |taken| is_right(&taken, results))
}

/// Pairs of cases.
pub fn one_and_two_workers<S: Threads>(system: &S, plan: &Plan) -> Result<(), S::Error> {
    let results = system.words(TASKS)?;
    pairs(system, plan, "task-pool", |workers| {
        case(system, results, workers)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn s3_tasks_are_uneven_by_a_factor_of_a_hundred() {
        let costs: Vec<u64> = (0..TASKS).map(cost).collect();
        assert_eq!(costs.iter().min(), Some(&SHORTEST));
        assert_eq!(costs.iter().max(), Some(&(SHORTEST * SPREAD)));
    }

    #[test]
    fn s3_a_task_that_is_left_out_or_done_wrong_is_noticed() {
        let results: Vec<AtomicU64> = (0..40).map(|_| AtomicU64::new(0)).collect();
        let next = AtomicUsize::new(0);
        let taken = work(&next, &results);
        assert!(is_right(&[taken], &results));
        assert!(!is_right(&[taken - 1], &results));
        results[7].fetch_xor(1, Ordering::Relaxed);
        assert!(!is_right(&[taken], &results));
    }
}
