//! Who has reserved how much of each CPU, out of whose time: the ledger of the whole machine. What the first process may reserve is the
//! manifest's to say; all others have what was carved out for them. Rules E10, E13 and E14.
//!
//! One lock for all of it: reserving and giving back are rare, and nothing that a thread does while it runs asks the ledger.

use alloc::sync::Arc;
use alloc::vec::Vec;

use machine::Lock;
use sched::context::capacity::{Binding, Capacity, Refused, SECOND};
use sched::{Affinity, Budget, ContextId, CpuId, Instant, Nanos, Spec};

use super::binding::Remains;
use super::{Context, Held, Wish, find, next_id};
use crate::memory::account::{Account, Short, refusable};
use crate::run::wake::now;

/// Reservations on one CPU at most: admission looks at all of them, with interrupts off.
const MOST_PER_CPU: usize = 32;

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

/// Who makes a reservation, and pays for its record.
pub struct Maker<'a> {
    /// The process.
    pub pid: u32,
    /// Its account.
    pub account: &'a Arc<Account>,
}

/// Why nothing was reserved.
pub enum Denied {
    /// What it was to be carved out of is gone.
    Gone,
    /// That has nothing which could be divided.
    NoCapacity,
    /// A table is full, or the account cannot pay.
    Exhausted,
    /// What it was to be carved out of is on its way from a thread that has just ended.
    OnItsWay,
    /// It fits on none of the CPUs; this is the one where most would be granted.
    DoesNotFit {
        /// Which.
        cpu: CpuId,
        /// What stands in the way there.
        binding: Binding,
        /// The largest budget that would be granted.
        most: Option<Nanos>,
    },
}

impl From<Short> for Denied {
    fn from(_: Short) -> Denied {
        Denied::Exhausted
    }
}

/// Carves a reservation out of the time of `parent`, or, without one, out of what the first process may reserve, on the first of
/// `cpus` where it fits. What is carved out of used time comes when that does.
pub fn reserve(
    parent: Option<&Arc<Context>>,
    maker: &Maker<'_>,
    spec: &Spec,
    cpus: impl Iterator<Item = CpuId>,
) -> Result<(Held, CpuId), Denied> {
    let id = next_id();
    // Freed after the ledger's lock.
    let mut in_vain: Option<Held> = None;
    let mut ledger = LEDGER.lock();
    let from = parent.map_or(ROOT, |parent| parent.id());
    let mut denied = Denied::NoCapacity;
    for cpu in cpus {
        let Some(capacity) = ledger.get_mut(cpu.index()) else {
            continue;
        };
        if capacity.reservations().len() >= MOST_PER_CPU {
            denied = Denied::Exhausted;
            continue;
        }
        let granted = match capacity.reserve(from, id, spec) {
            Ok(granted) => granted,
            Err(refused) => {
                denied = worse_of(denied, refused);
                continue;
            }
        };
        let made = make(id, maker, spec, cpu).map_err(Denied::from);
        let carved = made.and_then(|held| match begin(&held.0, parent, granted.taken) {
            Ok(()) => Ok((held, cpu)),
            Err(denied) => {
                in_vain = Some(held);
                Err(denied)
            }
        });
        if carved.is_err() {
            let returned = capacity.give_back(id);
            assert!(returned.is_ok(), "what was reserved just now is not there");
        }
        drop(ledger);
        drop(in_vain);
        return carved;
    }
    // Of one that is gone there is nothing in the ledger any more.
    match parent {
        Some(parent) if parent.state.lock().is_gone => Err(Denied::Gone),
        _ => Err(denied),
    }
}

/// Of two refusals, the one that tells more about what would be granted.
fn worse_of(before: Denied, refused: Refused) -> Denied {
    let Refused::DoesNotFit { cpu, binding, most } = refused else {
        return match refused {
            Refused::NoMemory => Denied::Exhausted,
            _ => before,
        };
    };
    match before {
        Denied::DoesNotFit { most: other, .. } if other >= most => before,
        _ => Denied::DoesNotFit { cpu, binding, most },
    }
}

/// A reservation begins, once what was granted has been taken out of its parent's time.
fn begin(child: &Context, parent: Option<&Arc<Context>>, taken: Nanos) -> Result<(), Denied> {
    if let Some(parent) = parent {
        child.begins_at(carve_out(parent, taken)?);
    }
    Ok(())
}

/// Takes what was granted out of the parent's time; from when on the child has it.
fn carve_out(parent: &Context, taken: Nanos) -> Result<Instant, Denied> {
    let mut state = parent.state.lock();
    if state.is_gone {
        return Err(Denied::Gone);
    }
    let carved = parent.with_time(&mut state, |budget, now| budget.carve(taken, now));
    carved.ok_or(Denied::OnItsWay)?.ok_or(Denied::NoCapacity)
}

/// The record of a reservation on one CPU.
fn make(id: ContextId, maker: &Maker<'_>, spec: &Spec, cpu: CpuId) -> Result<Held, Short> {
    let mut cpus = Vec::new();
    let bytes = cpu.index() / 8 + 1;
    refusable(|| cpus.try_reserve_exact(bytes))?;
    cpus.resize(bytes, 0);
    cpus[bytes - 1] = 1 << (cpu.0 % 8);
    let wish = Wish {
        spec: *spec,
        affinity: Affinity::One(cpu),
        cpus,
    };
    Context::with_id(id, maker.pid, maker.account, wish, now())
}

/// Gives time back to the context that it was carved out of, unless that is gone as well.
fn restore(parent: &Context, taken: Nanos) {
    let mut state = parent.state.lock();
    let restored = parent.with_time(&mut state, |budget: &mut Budget, now| budget.restore(taken, now));
    match restored {
        Some(restored) => assert!(restored.is_ok(), "more came back than was carved out"),
        // On its way; or of no time any more, which is all the same.
        None => state.due.restored += taken,
    }
}

/// A context is gone: what it reserved goes back, and all that was carved out of it, the last first.
pub(super) fn release(context: &Context) {
    // Whoever was carved out of it ends in here, and is seen to when the ledger is free again.
    let mut ended = [const { None }; MOST_PER_CPU];
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
            release_on(capacity, context.id(), &mut ended);
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
fn release_on(capacity: &mut Capacity, context: ContextId, ended: &mut [Ended; MOST_PER_CPU]) {
    let mut places = ended.iter_mut();
    loop {
        let mut last = context;
        while let Some(child) = capacity.children(last).next() {
            last = child;
        }
        // One that is being revoked just now, by whoever holds it, is gone already and waits for this ledger, with its record.
        if last != context
            && let Some(child) = find(last.number)
            && let Ok(remains) = child.end()
            && let Some(place) = places.next()
        {
            *place = Some((child, remains));
        }
        if let Ok(returned) = capacity.give_back(last)
            && returned.parent != ROOT
            && let Some(parent) = find(returned.parent.number)
        {
            restore(&parent, returned.taken);
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
pub fn capacities() -> Vec<(Nanos, Nanos)> {
    let ledger = LEDGER.lock();
    ledger
        .iter()
        .map(|capacity| {
            let left = capacity.left(ROOT).map_or(Nanos::ZERO, |(left, _)| left);
            (capacity.given(), left)
        })
        .collect()
}
