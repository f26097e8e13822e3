//! The scheduling contexts of a simulated machine: who has reserved what where, what was refused, and whether jobs were done in time. Rules
//! E10, E13, E14 and E17.
//!
//! A thread that is to have a reservation is admitted when it comes: on the first CPU that it may run on and that has room. It stays there.
//! One that is refused does not come at all, and the refusal is kept with what would have been granted. What was reserved is given
//! back when the thread ends.

use sched::context::capacity::USUAL_MOST;
use sched::context::{Capacity, Holding, Kind, Refused};
use sched::{Affinity, Budget, ContextId, CpuId, Entity, Instant, Nanos, Rank, Spec};

use super::Machine;
use super::lending::Party;
use super::service::Service;
use super::threads::{Index, Task};
use crate::audit::Rule;
use crate::sabotage::Sabotage;
use crate::scenario::{ContextIndex, Scenario, ThreadKind};

/// The context that all reservations are carved out of.
pub(super) const ROOT: ContextId = ContextId {
    number: 0,
    generation: 1,
};

/// What the machine knows of its contexts.
#[derive(Debug)]
pub(super) struct Contexts {
    /// Whether there are any: what is not there is not looked at.
    pub(super) exist: bool,
    pub(super) capacity: Vec<Capacity>,
    /// Whose context each was: their numbers count from 1.
    made: Vec<Maker>,
    /// Who holds the time of each, and when it came into being; `None` for those that are gone or never were.
    pub(super) holdings: Vec<Option<Holding<Index>>>,
    pub(super) begun: Vec<Option<Instant>>,
    /// Those that threads make by their steps, while they are there.
    pub(super) shared: Vec<Option<ContextId>>,
    /// What threads have to do with contexts, if there are any.
    pub(super) parties: Vec<Party>,
    /// How often time was lent.
    pub(super) loans: u64,
    pub(super) refusals: Vec<Refusal>,
    /// What was charged to contexts that are gone.
    gone: Nanos,
    jobs: Vec<Jobs>,
    pub(super) service: Service,
}

/// What a context was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maker {
    /// A thread of this kind, from its start to its end.
    Thread(ThreadKind),
    /// Whoever uses it.
    Shared(ContextIndex),
}

/// A reservation that was not granted, on the last CPU that was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Who was to have it.
    pub kind: ThreadKind,
    /// Why not.
    pub refused: Refused,
}

/// The jobs of a kind of thread: what it does between two beats of a timer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Jobs {
    /// How many were done.
    pub done: u64,
    /// How many of those were done after their deadline, which is that of the thread's context, else the next beat.
    pub missed: u64,
    /// How long after its beat the latest was done.
    pub longest: Nanos,
}

impl Contexts {
    pub(super) fn new(scenario: &Scenario) -> Contexts {
        let most = |cpu| Capacity::new(CpuId(cpu), ROOT, USUAL_MOST);
        Contexts {
            exist: scenario.threads.iter().any(|thread| thread.context.is_some())
                || !scenario.contexts.is_empty(),
            capacity: (0..scenario.machine.cpus()).map(most).collect(),
            made: Vec::new(),
            holdings: Vec::new(),
            begun: Vec::new(),
            shared: vec![None; scenario.contexts.len()],
            parties: Vec::new(),
            loans: 0,
            refusals: Vec::new(),
            gone: Nanos::ZERO,
            jobs: vec![Jobs::default(); scenario.threads.len()],
            service: Service::new(scenario.machine.cpus() as usize),
        }
    }
}

impl Contexts {
    /// The id of a context that comes into being.
    pub(super) fn make(&mut self, maker: Maker) -> ContextId {
        self.made.push(maker);
        self.holdings.push(None);
        self.begun.push(None);
        ContextId {
            number: self.made.len() as u64,
            generation: 1,
        }
    }

    /// A context that was made is there, its time at home.
    pub(super) fn is_there(&mut self, budget: Box<Budget>, from: Instant) {
        let place = budget.context().number as usize - 1;
        self.holdings[place] = Some(Holding::new(budget));
        self.begun[place] = Some(from);
    }

    /// A budget is about to be dropped: what it was charged stays known.
    pub(super) fn forget(&mut self, budget: Option<&Budget>) {
        self.gone += budget.map_or(Nanos::ZERO, Budget::used);
    }
}

impl Machine {
    /// Gives a new thread its context; whether it has it.
    pub(super) fn admit(
        &mut self,
        cpu: CpuId,
        kind: ThreadKind,
        spec: &Spec,
        thread: &mut Entity<Task>,
    ) -> bool {
        let context = self.contexts.make(Maker::Thread(kind));
        self.contexts.service.begin(spec, self.now);
        let mut admitted = None;
        if spec.kind() == Kind::Reservation {
            let mut last = Err(Refused::NoCapacity);
            let allowed = self.contexts.capacity.iter_mut().zip((0..).map(CpuId));
            let granted =
                allowed
                    .filter(|(_, at)| thread.affinity().allows(*at))
                    .find_map(|(capacity, at)| {
                        last = capacity.reserve(ROOT, context, spec);
                        last.is_ok().then_some(at)
                    });
            let granted = match granted {
                None if self.sabotage == Some(Sabotage::GrantEverything) => Some(CpuId(0)),
                granted => granted,
            };
            let Some(at) = granted else {
                if let Err(refused) = last {
                    self.contexts.refusals.push(Refusal { kind, refused });
                }
                return false;
            };
            thread.set_affinity(Affinity::One(at));
            admitted = Some(at);
        }
        let now = self.read(cpu);
        let budget = Machine::confined(Budget::new(context, *spec, now), admitted);
        self.contexts.is_there(budget, now);
        let own = Index(self.threads.len() as u32);
        self.deal(cpu, context.number, |_, holding| {
            holding.bound = Some(own);
            thread.change_parked_budget(|budget| *budget = holding.home.take());
        });
        true
    }

    /// A thread is gone, and with it the context that it had from its start on.
    pub(super) fn end_own_context(&mut self, number: u64) {
        let id = ContextId {
            number,
            generation: 1,
        };
        let budget = self.contexts.holdings[number as usize - 1].take();
        let budget = budget.and_then(|holding| holding.home);
        let from = budget
            .as_ref()
            .map_or(Instant::BOOT, |budget| budget.whole_from());
        self.end_service(id);
        if self.sabotage != Some(Sabotage::ForgetWhatWasUsed) {
            self.contexts.forget(budget.as_deref());
        }
        for capacity in &mut self.contexts.capacity {
            // It is on one of them, or on none if it is a limit.
            if capacity.give_back(id, from).is_ok() {
                break;
            }
        }
    }

    /// A thread has done what it does between two beats of a timer.
    pub(super) fn job_done(&mut self, kind: ThreadKind, began: Instant, now: Instant, period: Nanos) {
        let index = usize::from(kind.0);
        let deadline = self.scenario.threads[index]
            .context
            .map_or(period, |spec| spec.deadline());
        let jobs = &mut self.contexts.jobs[index];
        let took = now.since(began);
        jobs.done += 1;
        jobs.missed += u64::from(took > deadline);
        jobs.longest = jobs.longest.max(took);
    }

    /// The reservations that were not granted, in order.
    #[must_use]
    pub fn refusals(&self) -> &[Refusal] {
        &self.contexts.refusals
    }

    /// What a context was made for; `None` for the one that all are carved out of.
    #[must_use]
    pub fn maker_of(&self, context: ContextId) -> Option<Maker> {
        let place = usize::try_from(context.number.checked_sub(1)?).ok()?;
        self.contexts.made.get(place).copied()
    }

    /// How often time was lent along a call.
    #[must_use]
    pub const fn loans(&self) -> u64 {
        self.contexts.loans
    }

    /// How late what is to happen at an instant may be noticed.
    #[must_use]
    pub const fn lateness(&self) -> Nanos {
        self.audit.lateness
    }

    /// The jobs of each kind of thread.
    #[must_use]
    pub fn jobs(&self) -> &[Jobs] {
        &self.contexts.jobs
    }

    /// E13, E17: what contexts were charged is what CPUs served in them, and who has a reservation is served by its deadline.
    pub(super) fn look_at_contexts(&mut self) {
        if !self.contexts.exist {
            return;
        }
        let served = self
            .cpus
            .iter()
            .fold(Nanos::ZERO, |sum, cpu| sum + cpu.counters().in_contexts);
        let mut charged = self.contexts.gone;
        let mut broken = None;
        for budget in self.budgets() {
            charged += budget.used();
            if !budget.refills().is_sound() {
                broken = Some(format!("the refills of {:?} do not add up", budget.context()));
            }
            broken = broken.or_else(|| self.more_than_was_there(budget));
        }
        if served != charged {
            broken = Some(format!("{served} served in contexts, {charged} charged to them"));
        }
        let broken = broken.or_else(|| self.shared_add_up());
        if let Some(evidence) = broken {
            return self.fail(Rule::ContextsAddUp, evidence);
        }
        if let Some(evidence) = self.loans_are_sound() {
            return self.fail(Rule::LoansAreSound, evidence);
        }
        self.look_at_all_service();
        self.deadlines_are_met();
    }

    /// E11: each use of a nanosecond puts that off by a period at least. So whatever was used of a context that was never divided has been put
    /// off, what servers used beyond it among that: that is owed.
    fn more_than_was_there(&self, budget: &Budget) -> Option<String> {
        let Some(Maker::Thread(_)) = self.maker_of(budget.context()) else {
            return None;
        };
        let begun = self.begun(budget.context())?;
        let refills = budget.refills().entries().iter();
        let put_off: u128 = refills
            .map(|refill| u128::from(refill.amount.0) * u128::from(refill.at.since(begun).0))
            .sum();
        let used = u128::from(budget.used().0) * u128::from(budget.spec().period().0);
        (!budget.spec().is_everything() && used > put_off).then(|| {
            format!(
                "{:?} was charged {}, and owes less",
                budget.context(),
                budget.used()
            )
        })
    }

    /// Every budget, wherever its thread is.
    pub(super) fn budgets(&self) -> impl Iterator<Item = &Budget> {
        let queued = self
            .cpus
            .iter()
            .flat_map(|cpu| cpu.queued())
            .filter_map(Entity::budget);
        let running = self.cpus.iter().filter_map(|cpu| cpu.running_in());
        let carried = self
            .sides
            .iter()
            .flat_map(|side| side.carried())
            .filter_map(Entity::budget);
        let stranded = self.stranded.iter().filter_map(|thread| thread.budget());
        let resting = self.threads.iter().filter_map(|record| match &record.place {
            sched::Parking::Resting(thread) => thread.budget(),
            sched::Parking::Away { .. } => None,
        });
        let holdings = self.contexts.holdings.iter().flatten();
        let at_home = holdings.filter_map(|holding| holding.home.as_deref());
        queued
            .chain(running)
            .chain(at_home)
            .chain(carried)
            .chain(stranded)
            .chain(resting)
    }

    /// What was admitted is served in time, but for what the machine itself delays: it is noticed late that a thread has budget
    /// again, and each of the others has had more than its part by as much, once, because then it owes that.
    fn deadlines_are_met(&mut self) {
        if self.scenario.faults.offline.chance > 0 {
            return;
        }
        let mut late = None;
        for ((cpu, side), capacity) in self.cpus.iter().zip(&self.sides).zip(&self.contexts.capacity) {
            let now = side.clock.read(self.now);
            let others = capacity.reservations().len() as u64;
            let allowed = self.audit.patience + Nanos(self.audit.lateness.0.saturating_mul(others));
            let waiting = cpu.queued().map(Entity::rank);
            let running = cpu.running().map(sched::cpu::Running::rank);
            for rank in waiting.chain(running) {
                if let Rank::Deadline(due, id) = rank
                    && now.since(due) > allowed
                {
                    late = Some(format!("{id} on {} was due at {due}, and it is {now}", cpu.id()));
                }
            }
        }
        if let Some(evidence) = late {
            self.fail(Rule::DeadlinesAreMet, evidence);
        }
    }

    /// Whether a thread may be sent to other CPUs: one with a reservation stays where it was admitted.
    pub(super) fn has_a_seat(&self, thread: Index) -> bool {
        let kind = self.kinds[thread.at()];
        let context = self.scenario.threads[usize::from(kind.0)].context;
        context.is_some_and(|spec| spec.kind() == Kind::Reservation)
    }
}
