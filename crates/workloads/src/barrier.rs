//! A place where all workers wait for the last: the same on every system, made of two words and its park and unpark.

use core::sync::atomic::{AtomicU32, Ordering};

use crate::system::Threads;

/// A barrier for a number of workers, used over and over.
#[derive(Debug)]
pub struct Barrier {
    workers: u32,
    /// Workers that have come in this phase.
    arrived: AtomicU32,
    /// Phases that are over.
    phase: AtomicU32,
}

impl Barrier {
    /// For so many workers.
    pub fn new(workers: u32) -> Barrier {
        Barrier {
            workers,
            arrived: AtomicU32::new(0),
            phase: AtomicU32::new(0),
        }
    }

    /// Waits until all workers have come. What each did before, all see afterwards.
    pub fn wait<S: Threads>(&self) {
        let phase = self.phase.load(Ordering::Acquire);
        if self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == self.workers {
            // Nobody else is between the two words now: all others wait for the phase to change.
            self.arrived.store(0, Ordering::Relaxed);
            self.phase.store(phase.wrapping_add(1), Ordering::Release);
            if self.workers > 1 {
                S::unpark(&self.phase, u32::MAX);
            }
        } else {
            while self.phase.load(Ordering::Acquire) == phase {
                S::park(&self.phase, phase);
            }
        }
    }
}
