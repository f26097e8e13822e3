//! Turns of two threads, each with a ring of its own. A thread can wake its partner and wait for its own turn in one entry
//! into the kernel, or with an entry for each.

use core::sync::atomic::{AtomicU32, Ordering};

use rt::park::ParkSpace;
use rt::raw::{Operation, Ring, with_ring};
use rt::{Env, Error};

/// One thread's half. `TOGETHER`: both operations of a turn in one entry.
#[derive(Clone, Copy, Debug)]
pub struct Turns<const TOGETHER: bool>(Env);

impl<const TOGETHER: bool> Turns<TOGETHER> {
    /// For a program that was granted park words.
    pub fn new(env: &Env) -> Result<Turns<TOGETHER>, Error> {
        env.first::<ParkSpace>()?;
        Ok(Turns(*env))
    }
}

impl<const TOGETHER: bool> workloads::system::Turns for Turns<TOGETHER> {
    fn take_while(
        &self,
        own: &'static AtomicU32,
        other: &'static AtomicU32,
        mut again: impl FnMut() -> bool,
    ) {
        // Looked for before (`new`), and what a program is granted stays.
        let Ok(space) = self.0.first::<ParkSpace>() else {
            return;
        };
        // A wait belongs to the thread that prepares it.
        let half = Half {
            wake: Operation::unpark(&space, other, 1),
            wait: Operation::park(&space, own, 0),
            other,
            own,
        };
        with_ring(|ring| {
            while again() {
                half.turn::<TOGETHER>(ring);
            }
        });
    }
}

struct Half {
    wake: Operation<'static>,
    wait: Operation<'static>,
    other: &'static AtomicU32,
    own: &'static AtomicU32,
}

impl Half {
    /// Both words count up; a turn that came early is seen by the word having changed already.
    #[inline(always)]
    fn turn<const TOGETHER: bool>(&self, ring: &mut Ring<'_, 'static>) {
        let seen = self.own.load(Ordering::Relaxed);
        self.other.store(
            self.other.load(Ordering::Relaxed).wrapping_add(1),
            Ordering::Release,
        );
        let wait = self.wait.expecting(seen);
        if TOGETHER {
            ring.submit(&self.wake);
            ring.submit(&wait);
            ring.enter(2);
            while ring.completion().is_some() {}
        } else {
            ring.perform(&self.wake);
            ring.perform(&wait);
        }
    }
}
