//! A thread waits for completions while other CPUs post them. Rules B2, B4 (docs/rules/scheduler.md);
//! docs/mutants.md, row 3.
//!
//! The kernel's order. The waiting side: under the ring's lock, look; if there is too little, list the
//! thread as a waiter. Then let the thread rest in its parking place, under that place's lock. The posting
//! side: under the ring's lock, post, and take a satisfied waiter off the list. Then, without that lock,
//! wake the thread in its place; a thread that was at rest is queued by its waker, any other looks again by
//! itself.
//!
//! What must hold in every order: the thread ends up running exactly once with everything posted, and is
//! neither lost in its parking place nor owned twice.

use loom::sync::{Arc, Mutex};
use loom::thread;
use sched::Parking;

use crate::Mistake;

/// The thread as a value. It cannot be cloned: to have it is to own it.
#[derive(Debug)]
struct Thread {
    finished: bool,
}

#[derive(Default)]
struct Ring {
    posted: u32,
    waiter_listed: bool,
}

struct System {
    ring: Mutex<Ring>,
    place: Mutex<Parking<Thread>>,
    /// Where wakers put the thread; a real one is a CPU's run tree.
    run_queue: Mutex<Option<Thread>>,
    wanted: u32,
    mistake: Mistake,
}

impl System {
    /// One pass of the thread through `cap_enter`: it ends finished, or comes to rest.
    fn run(&self, mut thread: Thread) -> Option<Thread> {
        loop {
            if self.enough_or_list() {
                thread.finished = true;
                return Some(thread);
            }
            match self.rest(thread) {
                Ok(()) => return None,
                Err(woken_early) => thread = woken_early,
            }
        }
    }

    fn enough_or_list(&self) -> bool {
        let mut ring = self.ring.lock().unwrap();
        if ring.posted >= self.wanted {
            return true;
        }
        if self.mistake == Mistake::ListAfterLooking {
            drop(ring);
            ring = self.ring.lock().unwrap();
        }
        ring.waiter_listed = true;
        false
    }

    fn rest(&self, thread: Thread) -> Result<(), Thread> {
        let mut place = self.place.lock().unwrap();
        if self.mistake == Mistake::IgnoreEarlyWake {
            *place = Parking::Resting(thread);
            return Ok(());
        }
        place.rest(thread).map(drop)
    }

    /// Posts one completion, and wakes the waiter if its wish is fulfilled.
    fn post(&self) {
        let mut ring = self.ring.lock().unwrap();
        ring.posted += 1;
        let satisfied = ring.waiter_listed && ring.posted >= self.wanted;
        if satisfied {
            ring.waiter_listed = false;
        }
        drop(ring);
        if satisfied {
            self.wake();
        }
    }

    /// The wait's time-out: wakes whether or not anything was posted.
    fn time_out(&self) {
        self.ring.lock().unwrap().waiter_listed = false;
        self.wake();
    }

    fn wake(&self) {
        let mut place = self.place.lock().unwrap();
        if self.mistake == Mistake::WakeWithoutNote && !place.is_resting() {
            return;
        }
        let woken = place.wake();
        drop(place);
        if let Some(thread) = woken {
            let before = self.run_queue.lock().unwrap().replace(thread);
            assert!(before.is_none(), "the thread is in the run queue twice");
        }
    }

    /// What a CPU does that finds the thread in its run queue, if it does.
    fn run_queued(&self) -> Option<Thread> {
        let queued = self.run_queue.lock().unwrap().take();
        queued.and_then(|thread| self.run(thread))
    }
}

fn system(wanted: u32, mistake: Mistake) -> Arc<System> {
    Arc::new(System {
        ring: Mutex::default(),
        place: Mutex::new(Parking::new()),
        run_queue: Mutex::new(None),
        wanted,
        mistake,
    })
}

/// A thread waits for as many completions as there are other CPUs, each of which posts one.
pub fn waits_for_completions(posters: u32, mistake: Mistake) {
    let system = system(posters, mistake);
    let others: Vec<_> = (0..posters)
        .map(|_| {
            let system = system.clone();
            thread::spawn(move || system.post())
        })
        .collect();
    let at_once = system.run(Thread { finished: false });
    others.into_iter().for_each(|other| other.join().unwrap());
    let later = system.run_queued();
    let finished = [at_once, later]
        .into_iter()
        .flatten()
        .filter(|thread| thread.finished)
        .count();
    assert_eq!(finished, 1, "the thread is lost, or runs twice");
    assert!(!system.place.lock().unwrap().is_resting());
}

/// A thread waits for two completions, of which one comes, and its time-out passes meanwhile: the two
/// wakers must not both queue it, and whoever comes second must do no harm.
pub fn waits_with_a_time_out(mistake: Mistake) {
    let system = system(1, mistake);
    let poster = thread::spawn({
        let system = system.clone();
        move || system.post()
    });
    let timer = thread::spawn({
        let system = system.clone();
        move || system.time_out()
    });
    let at_once = system.run(Thread { finished: false });
    poster.join().unwrap();
    timer.join().unwrap();
    let later = system.run_queued();
    let finished = [at_once, later]
        .into_iter()
        .flatten()
        .filter(|thread| thread.finished)
        .count();
    assert_eq!(finished, 1, "the thread is lost, or runs twice");
    assert!(!system.place.lock().unwrap().is_resting() && system.run_queue.lock().unwrap().is_none());
}
