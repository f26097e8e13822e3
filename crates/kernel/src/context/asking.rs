//! Asking for a reservation: out of the time of a context, or of what the first process may reserve, on the first of some CPUs
//! where it fits. Rules E10, E14 and P15.
//!
//! Whether it fits, and how much would, is found out in pieces, between which its CPU looks at interrupts and others run; the thread keeps
//! how far it is. So the ledger is locked for as long as a CPU's reservations are copied, and to enter what was granted if they are the same
//! still.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use sched::context::admission::{Admission, NotCarved};
use sched::context::capacity::{Binding, Granted, MOST_RESERVATIONS, Refused};
use sched::{Affinity, ContextId, CpuId, Instant, Nanos, Spec};

use super::ledger::{self, ROOT};
use super::{Context, Held, Wish, next_id};
use crate::memory::account::{Account, Charge, Cost, Short, refusable};
use crate::run::cpus;
use crate::run::wake::now;

/// Steps of a search that are made in one go: each looks at all reservations twice.
const STEPS: u32 = 8;

/// Whoever asks begins anew so often at most because others reserve or give back meanwhile.
const MOST_CHANGES: u32 = 8;

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
    /// It cannot be said just now, for this reason.
    NotNow(&'static str),
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

/// A reservation that is asked for, and how far the answer is.
pub struct Asking {
    spec: Spec,
    allowed: Affinity,
    from: ContextId,
    holder: ContextId,
    /// The CPU that is looked at now; those before it have no room.
    cpu: CpuId,
    admission: Option<Admission>,
    denied: Denied,
    changes: u32,
    _charge: Charge,
}

impl Asking {
    /// Begins to ask for a reservation of this spec out of the time of `parent`, or, without one, out of what the first process may reserve,
    /// on the first of `allowed` where it fits and time is kept.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn new(
        spec: Spec,
        allowed: Affinity,
        parent: Option<&Arc<Context>>,
        account: &Arc<Account>,
    ) -> Result<Box<Asking>, Short> {
        let copies = (MOST_RESERVATIONS + 1) * size_of::<sched::context::demand::Reservation>();
        Ok(Box::new(Asking {
            spec,
            allowed,
            from: origin(parent),
            holder: next_id(),
            cpu: CpuId(0),
            admission: None,
            denied: Denied::NoCapacity,
            changes: 0,
            _charge: account.charge(Cost::heap(size_of::<Asking>() + copies))?,
        }))
    }

    /// Whether it asks for this.
    pub fn is_for(&self, spec: &Spec, allowed: &Affinity, parent: Option<&Arc<Context>>) -> bool {
        self.spec == *spec && self.allowed == *allowed && self.from == origin(parent)
    }

    /// Finds out some more. `None`: there is more to be found out.
    pub fn go_on(
        &mut self,
        parent: Option<&Arc<Context>>,
        maker: &Maker<'_>,
    ) -> Option<Result<(Held, CpuId), Denied>> {
        if self.cpu.0 >= ledger::cpus() {
            let denied = core::mem::replace(&mut self.denied, Denied::NoCapacity);
            // Of one that is gone there is nothing in the ledger any more.
            return Some(Err(match parent {
                Some(parent) if parent.seen().is_gone => Denied::Gone,
                _ => denied,
            }));
        }
        match self.look_here()? {
            Ok(()) => {}
            Err(refused) => {
                self.deny(refused);
                return None;
            }
        }
        let carved = self.carve(parent, maker);
        if let Err(NotCarved::Changed) = carved {
            self.changes += 1;
            self.admission = None;
            // The one that was made for it has ended.
            self.holder = next_id();
            return (self.changes == MOST_CHANGES).then_some(Err(Denied::NotNow(
                "others reserve and give back all the time: ask again",
            )));
        }
        Some(carved.unwrap_or(Err(Denied::Exhausted)))
    }

    /// Whether it fits on the CPU that is looked at.
    fn look_here(&mut self) -> Option<Result<(), Refused>> {
        if !self.allowed.allows(self.cpu) || !cpus::keeps_time(self.cpu) {
            return Some(Err(Refused::NoCapacity));
        }
        let admission = match &mut self.admission {
            Some(admission) => admission,
            None => {
                let (from, holder, spec) = (self.from, self.holder, &self.spec);
                let begun =
                    ledger::with_capacity(self.cpu, |capacity| Admission::new(capacity, from, holder, spec))?;
                match begun {
                    Ok(admission) => self.admission.insert(admission),
                    Err(refused) => return Some(Err(refused)),
                }
            }
        };
        (0..admission.rounds()).find_map(|_| admission.go_on(STEPS))
    }

    /// It is not granted here: the next CPU is looked at. Of two refusals, the one is kept that tells more about what would be granted.
    fn deny(&mut self, refused: Refused) {
        self.cpu.0 += 1;
        self.admission = None;
        self.denied = match (refused, core::mem::replace(&mut self.denied, Denied::NoCapacity)) {
            (Refused::NoMemory | Refused::TooMany, Denied::NoCapacity) => Denied::Exhausted,
            (Refused::DoesNotFit { most, .. }, before @ Denied::DoesNotFit { most: other, .. })
                if other >= most =>
            {
                before
            }
            (Refused::DoesNotFit { cpu, binding, most }, _) => Denied::DoesNotFit { cpu, binding, most },
            (_, before) => before,
        };
    }

    /// Enters what was granted, takes it out of the parent's time, and makes the reservation: all of it or nothing.
    fn carve(
        &mut self,
        parent: Option<&Arc<Context>>,
        maker: &Maker<'_>,
    ) -> Result<Result<(Held, CpuId), Denied>, NotCarved> {
        let (Some(admission), cpu) = (&self.admission, self.cpu) else {
            return Err(NotCarved::Changed);
        };
        let held = match make(self.holder, maker, &self.spec, cpu) {
            Ok(held) => held,
            Err(short) => return Ok(Err(short.into())),
        };
        let begun = ledger::with_capacity(cpu, |capacity| {
            let granted = admission.carve(capacity)?;
            let begun = begin(&held.0, parent, &granted);
            if begun.is_err() {
                let returned = capacity.give_back(self.holder, Instant::BOOT);
                assert!(returned.is_ok(), "what was reserved just now is not there");
            }
            Ok(begun)
        });
        // If it came to nothing, what was made ends here, without the ledger's lock.
        Ok(begun.unwrap_or(Err(NotCarved::Changed))?.map(|()| (held, cpu)))
    }
}

/// What a reservation is carved out of.
fn origin(parent: Option<&Arc<Context>>) -> ContextId {
    parent.map_or(ROOT, |parent| parent.id())
}

/// A reservation begins, once what was granted has been taken out of its parent's time, or when what others had of it is there again.
fn begin(child: &Context, parent: Option<&Arc<Context>>, granted: &Granted) -> Result<(), Denied> {
    let from = match parent {
        Some(parent) => carve_out(parent, granted.taken)?,
        None => granted.from,
    };
    if from > now() {
        child.begins_at(from);
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
    let on_its_way = Denied::NotNow("the context's time comes from a thread that has just ended: ask again");
    carved.ok_or(on_its_way)?.ok_or(Denied::NoCapacity)
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
