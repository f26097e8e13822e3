//! N5: two threads take turns by waking each other, each with a ring of its own. A turn of one and a turn of the other
//! are a round trip: two wake-ups, two waits, two switches.
//!
//! A thread can wake its partner and wait for its own turn in one entry into the kernel, which is the row; with
//! an entry for each it costs more, which is the row "apart".

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use rt::park::ParkSpace;
use rt::raw::{Operation, Ring, with_ring};
use rt::thread::Threads;
use rt::{Env, Error};

use crate::plan::{Plan, fact};

const ROUND_TRIPS: u64 = 2_000;

/// Turns given to the first thread and to its partner.
static FIRST: AtomicU32 = AtomicU32::new(0);
static PARTNER: AtomicU32 = AtomicU32::new(0);
static STOP: AtomicBool = AtomicBool::new(false);

/// One thread's half: gives the other a turn, and waits for one.
struct Half {
    wake: Operation<'static>,
    wait: Operation<'static>,
    other: &'static AtomicU32,
    own: &'static AtomicU32,
    /// Entries per turn: both operations in one, or each in its own.
    together: bool,
}

impl Half {
    fn new(space: &ParkSpace, own: &'static AtomicU32, other: &'static AtomicU32, together: bool) -> Half {
        Half {
            wake: Operation::unpark(space, other, 1),
            wait: Operation::park(space, own, 0),
            other,
            own,
            together,
        }
    }

    /// Both words count up; a turn that came early is seen by the word having changed already.
    #[inline(always)]
    fn turn(&self, ring: &mut Ring<'_, 'static>) {
        let seen = self.own.load(Ordering::Relaxed);
        self.other.store(
            self.other.load(Ordering::Relaxed).wrapping_add(1),
            Ordering::Release,
        );
        let wait = self.wait.expecting(seen);
        if self.together {
            ring.submit(&self.wake);
            ring.submit(&wait);
            ring.enter(2);
            while ring.completion().is_some() {}
        } else {
            ring.perform(&self.wake);
            ring.perform(&wait);
        }
    }

    fn run_until_stopped(&self) {
        with_ring(|ring| {
            while !STOP.load(Ordering::Relaxed) {
                self.turn(ring);
            }
        });
    }
}

fn measure(env: &Env, plan: &Plan, row: &str, together: bool) -> Result<(), Error> {
    let space: ParkSpace = env.first()?;
    STOP.store(false, Ordering::Relaxed);
    let first = Half::new(&space, &FIRST, &PARTNER, together);
    // A wait belongs to the thread that prepares it.
    let thread = Threads::new(env)?
        .spawn(move || Half::new(&space, &PARTNER, &FIRST, together).run_until_stopped())?;
    let before = PARTNER.load(Ordering::Relaxed);
    plan.measure(row, ROUND_TRIPS, |operations| {
        with_ring(|ring| {
            for _ in 0..operations {
                first.turn(ring);
            }
        });
    });
    let turns = PARTNER.load(Ordering::Relaxed).wrapping_sub(before);
    STOP.store(true, Ordering::Relaxed);
    PARTNER.fetch_add(1, Ordering::Relaxed);
    rt::park::unpark(&PARTNER, 1);
    thread.join()?;
    let expected = (plan.rounds + 1) * ROUND_TRIPS;
    fact(row, "wrong", u64::from(turns).abs_diff(expected));
    Ok(())
}

/// N5, one entry per turn.
pub fn ping_pong(env: &Env, plan: &Plan) -> Result<(), Error> {
    measure(env, plan, "park", true)
}

/// N5, one entry per operation.
pub fn ping_pong_apart(env: &Env, plan: &Plan) -> Result<(), Error> {
    measure(env, plan, "park-apart", false)
}
