//! Workers that begin together, on threads of one process; and pairs of runs, with one worker and with two.
//!
//! Two times are taken: the work, from the moment when all workers are ready to the end of the last, and the total,
//! from before the first one is created to after the last one is joined.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::plan::{Plan, fact};
use crate::system::{System, Threads};

/// What one run took, in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// From all workers being ready to the last one being done.
    pub work: u64,
    /// From before the first one was created to after the last one is gone.
    pub total: u64,
    /// Whether the result is what it should be.
    pub right: bool,
}

/// Where workers wait for each other before they begin.
#[derive(Debug, Default)]
struct Start {
    ready: AtomicU32,
    go: AtomicU32,
}

impl Start {
    /// A worker: says that it is there, and waits for the start.
    fn wait<S: Threads>(&self) {
        self.ready.fetch_add(1, Ordering::Release);
        S::unpark(&self.ready, 1);
        while self.go.load(Ordering::Acquire) == 0 {
            S::park(&self.go, 0);
        }
    }

    /// The parent: waits for all workers, and starts them at the tick that is returned.
    fn open<S: Threads>(&self, workers: usize) -> u64 {
        loop {
            let ready = self.ready.load(Ordering::Acquire);
            if ready as usize == workers {
                break;
            }
            S::park(&self.ready, ready);
        }
        let start = S::ticks();
        self.go.store(1, Ordering::Release);
        S::unpark(&self.go, u32::MAX);
        start
    }
}

/// Runs `works` at the same time, each on a thread: what each came to, and how long it took. Whether that is right is
/// for `check` to say, which sees the results in the order of `works`.
pub fn together<S: Threads, T: Send + 'static, W: FnOnce() -> T + Send + 'static>(
    system: &S,
    works: impl IntoIterator<Item = W>,
    check: impl FnOnce(Vec<T>) -> bool,
) -> Result<Taken, S::Error> {
    let start = Arc::new(Start::default());
    let case_start = S::ticks();
    let running = works
        .into_iter()
        .map(|work| {
            let start = start.clone();
            system.spawn(move || {
                start.wait::<S>();
                let result = work();
                (result, S::ticks())
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    let work_start = start.open::<S>(running.len());
    let mut results = Vec::with_capacity(running.len());
    let mut work_end = work_start;
    for worker in running {
        let (result, end) = system.join(worker)?;
        results.push(result);
        work_end = work_end.max(end);
    }
    let total = S::ticks() - case_start;
    Ok(Taken {
        work: work_end - work_start,
        total,
        right: check(results),
    })
}

/// One worker and two, in turns: a pair to warm up (an emulator translates, the host touches the memory), then the
/// pairs that count. `case` does all of the work with as many workers as it is told.
pub fn pairs<S: System>(
    system: &S,
    plan: &Plan,
    row: &str,
    mut case: impl FnMut(usize) -> Result<Taken, S::Error>,
) -> Result<(), S::Error> {
    fact(system, row, "tick-hz", system.tick_hz()?);
    for round in 0..=plan.rounds {
        let (one, two) = (case(1)?, case(2)?);
        fact(system, row, "wrong", u64::from(!(one.right && two.right)));
        if round > 0 {
            fact(system, row, "work-1", one.work);
            fact(system, row, "work-2", two.work);
            fact(system, row, "total-1", one.total);
            fact(system, row, "total-2", two.total);
        }
    }
    Ok(())
}
