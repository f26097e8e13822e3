//! Who has reserved how much of each CPU, out of whose time: the ledger of the whole machine. What the first process may reserve is the
//! manifest's to say; all others have what was carved out for them. Rules E10, E13 and E14.
//!
//! One lock for all of it: reserving and giving back are rare, and nothing that a thread does while it runs asks the ledger.

use alloc::sync::Arc;
use alloc::vec::Vec;

use machine::Lock;
use sched::context::capacity::{Capacity, MOST_RESERVATIONS, SECOND};
use sched::{Budget, ContextId, CpuId, Instant, Nanos};

use super::binding::Remains;
use super::{Context, find};
use crate::memory::account::{Short, refusable};
use crate::run::wake::now;

/// Whom the first process's context is in the ledger. No other has its number.
pub const ROOT: ContextId = ContextId {
    number: 0,
    generation: 1,
};

static LEDGER: Lock<Vec<Capacity>> = Lock::new(Vec::new());

/// Opens it: so many CPUs, and so many thousandths of each that may be reserved.
pub fn init(cpus: u32, permille: u16) {
    let most = Nanos(SECOND.0 / 1000 * u64::from(permille));
    *LEDGER.lock() = (0..cpus)
        .map(|cpu| Capacity::new(CpuId(cpu), ROOT, most))
        .collect();
}

/// What stands in the ledger for one CPU, to look at or to change.
pub(super) fn with_capacity<R>(cpu: CpuId, look: impl FnOnce(&mut Capacity) -> R) -> Option<R> {
    LEDGER.lock().get_mut(cpu.index()).map(look)
}

/// How many CPUs there are in it.
pub(super) fn cpus() -> u32 {
    LEDGER.lock().len() as u32
}

/// Gives time back to the context that it was carved out of, unless that is gone as well.
fn restore(parent: &Context, taken: Nanos, from: Instant) {
    let mut state = parent.state.lock();
    let restored = parent.with_time(&mut state, |budget: &mut Budget, now| {
        budget.restore(taken, now, from)
    });
    match restored {
        Some(restored) => assert!(restored.is_ok(), "more came back than was carved out"),
        // On its way; or of no time any more, which is all the same.
        None => state.due.restore(taken, from),
    }
}

/// A context is gone: what it reserved goes back, and all that was carved out of it, the last first.
pub(super) fn release(context: &Context, whole_from: Instant) {
    // Whoever was carved out of it ends in here, and is seen to when the ledger is free again.
    let mut ended = [const { None }; MOST_RESERVATIONS];
    for cpu in 0.. {
        let mut ledger = LEDGER.lock();
        let Some(capacity) = ledger.get_mut(cpu) else {
            return;
        };
        if capacity
            .reservations()
            .iter()
            .any(|reserved| reserved.holder == context.id())
        {
            release_on(capacity, (context.id(), whole_from), &mut ended);
            break;
        }
    }
    for (context, remains) in ended.into_iter().flatten() {
        context.is_over(remains);
    }
}

/// One that ended because what it was carved out of did.
type Ended = Option<(Arc<Context>, Remains)>;

/// The same on the CPU that it is on. Reservations are few, so this is a bounded number of steps.
fn release_on(
    capacity: &mut Capacity,
    (context, whole_from): (ContextId, Instant),
    ended: &mut [Ended; MOST_RESERVATIONS],
) {
    let mut places = ended.iter_mut();
    loop {
        let (mut last, mut from) = (context, whole_from);
        while let Some(child) = capacity.children(last).next() {
            last = child;
        }
        // One that is being revoked just now, by whoever holds it, is gone already and waits for this ledger, with its record.
        if last != context
            && let Some(child) = find(last.number)
        {
            // As if it had used all of it a moment ago, unless something else is known.
            from = now() + child.spec().period();
            if let Ok(remains) = child.end()
                && let Some(place) = places.next()
            {
                from = remains.whole_from(&child);
                *place = Some((child, remains));
            }
        }
        if let Ok(returned) = capacity.give_back(last, from)
            && returned.parent != ROOT
            && let Some(parent) = find(returned.parent.number)
        {
            restore(&parent, returned.taken, from);
        }
        if last == context {
            return;
        }
    }
}

/// Of a reservation: where it is, out of which context, what was carved out of it.
pub struct Reserved {
    /// Where.
    pub cpu: CpuId,
    /// Out of which; [`ROOT`] is what the first process may reserve.
    pub parent: ContextId,
    /// What others have of it, in each of its periods.
    pub carved: Nanos,
}

/// What is reserved for a context, if anything.
pub fn reserved(context: ContextId) -> Option<Reserved> {
    let ledger = LEDGER.lock();
    for (cpu, capacity) in (0..).map(CpuId).zip(ledger.iter()) {
        let all = capacity.reservations();
        let Some(found) = all.iter().find(|reserved| reserved.holder == context) else {
            continue;
        };
        return Some(Reserved {
            cpu,
            parent: found.parent.map_or(ROOT, |(parent, _)| all[parent].holder),
            carved: found.carved,
        });
    }
    None
}

/// Of each CPU, how much of every second may be reserved at all, and how much nobody has yet.
///
/// # Errors
/// When there is no memory for the list.
pub fn capacities() -> Result<Vec<(Nanos, Nanos)>, Short> {
    let mut list = Vec::new();
    refusable(|| list.try_reserve_exact(cpus() as usize))?;
    let ledger = LEDGER.lock();
    list.extend(ledger.iter().map(|capacity| {
        let left = capacity.left(ROOT).map_or(Nanos::ZERO, |(left, _)| left);
        (capacity.given(), left)
    }));
    Ok(list)
}
