//! The window of time in which members are watched: what the kernel says each of them used, between two readings from
//! outside while all of them run.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::hog::Hogged;
use crate::plan::{Plan, fact};
use crate::system::{Account, Scheduling, System, Threads};

/// Everybody's weight when nobody chose one; that all have the same is all that matters.
pub(super) const ORDINARY: u16 = 64;
/// Time before the window in which members start, and after it in which they still run, in nanoseconds.
const LEAD_NS: u64 = 100_000_000;
const TAIL_NS: u64 = 400_000_000;

/// When members run and when they count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) start: u64,
    pub(super) end: u64,
    /// Nanoseconds between two readings: a window of the plan for each member, so that a turn too much or too few is
    /// the same small part of a share however many there are.
    nanos: u64,
}

/// What a thread came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Done {
    /// Its work within the window and the time around it.
    pub(super) count: u64,
    pub(super) right: bool,
}

impl From<Hogged> for Done {
    fn from(hogged: Hogged) -> Done {
        Done {
            count: hogged.pieces,
            right: hogged.is_right(),
        }
    }
}

/// A member that is a thread of this process, and its number once it runs.
pub(super) struct Running<S: Threads> {
    pub(super) thread: S::Thread<Result<Done, S::Error>>,
    number: Arc<AtomicU32>,
}

impl<S: Threads + Scheduling> Running<S> {
    pub(super) fn start(
        system: &S,
        body: impl FnOnce(&S) -> Result<Done, S::Error> + Send + 'static,
    ) -> Result<Running<S>, S::Error> {
        // Threads count from zero on some systems.
        let number = Arc::new(AtomicU32::new(0));
        let (own, own_system) = (number.clone(), *system);
        let thread = system.spawn(move || {
            own.store(own_system.own_thread() + 1, Ordering::Release);
            body(&own_system)
        })?;
        Ok(Running { thread, number })
    }

    pub(super) fn account(&self, system: &S) -> Result<Account, S::Error> {
        loop {
            if let Some(thread) = self.number.load(Ordering::Acquire).checked_sub(1) {
                let process = system.own_process();
                return Ok(Account {
                    process,
                    thread: Some(thread),
                });
            }
            system.sleep_ns(1_000_000)?;
        }
    }
}

/// One line of the result.
pub(super) struct Member {
    /// Kind of the facts' names: empty for members with a share.
    pub(super) kind: &'static str,
    pub(super) weight: u16,
    /// Whose times are added up.
    pub(super) accounts: Vec<Account>,
}

/// What was measured of the members, in their order: nanoseconds of each, and of the window; and whether all of them
/// ran all the time.
pub(super) struct Window {
    pub(super) runtimes: Vec<u64>,
    pub(super) nanos: u64,
    pub(super) whole: bool,
}

/// The times of a window for so many members, from now on.
pub(super) fn times<S: System>(system: &S, plan: &Plan, members: usize) -> Result<Times, S::Error> {
    let start = S::ticks() + in_ticks(system, LEAD_NS)?;
    let nanos = members as u64 * plan.window;
    Ok(Times {
        start,
        end: start + in_ticks(system, nanos + TAIL_NS)?,
        nanos,
    })
}

fn in_ticks<S: System>(system: &S, nanos: u64) -> Result<u64, S::Error> {
    let ticks = u128::from(nanos) * u128::from(system.tick_hz()?) / 1_000_000_000;
    Ok(ticks as u64)
}

/// Sleeps through the window and reads everybody's times at both ends.
pub(super) fn observe<S: Scheduling>(
    system: &S,
    times: Times,
    members: &[Member],
) -> Result<Window, S::Error> {
    let accounts: Vec<Account> = members
        .iter()
        .flat_map(|member| member.accounts.iter().copied())
        .collect();
    while S::ticks() < times.start {
        system.sleep_ns(10_000_000)?;
    }
    let (before, before_ticks) = (system.runtimes(&accounts)?, S::ticks());
    system.sleep_ns(times.nanos)?;
    let (after, after_ticks) = (system.runtimes(&accounts)?, S::ticks());
    let mut used = after
        .iter()
        .zip(&before)
        .map(|(after, before)| after.saturating_sub(*before));
    let runtimes = members
        .iter()
        .map(|member| used.by_ref().take(member.accounts.len()).sum())
        .collect();
    let window = u128::from(after_ticks - before_ticks) * 1_000_000_000 / u128::from(system.tick_hz()?);
    Ok(Window {
        runtimes,
        nanos: window as u64,
        whole: after_ticks < times.end,
    })
}

/// Prints what was measured and what each member came to. Wrong are members whose work is not right, those that did
/// none at all, and a window that ended after its members.
pub(super) fn report<S: System>(system: &S, row: &str, members: &[Member], window: &Window, done: &[Done]) {
    let mut wrong = u64::from(!window.whole) + members.len().abs_diff(done.len()) as u64;
    for (index, ((member, runtime), done)) in members.iter().zip(&window.runtimes).zip(done).enumerate() {
        // Each kind is numbered from zero.
        let before = members[..index].iter();
        let number = before.filter(|other| other.kind == member.kind).count();
        let say = |what: &str, value| {
            let name: String = alloc::format!("{}{what}-{number}", member.kind);
            fact(system, row, &name, value);
        };
        say("weight", u64::from(member.weight));
        say("runtime", *runtime);
        say("count", done.count);
        wrong += u64::from(!done.right || done.count == 0);
    }
    fact(system, row, "window", window.nanos);
    fact(system, row, "wrong", wrong);
}
