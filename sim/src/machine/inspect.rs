//! Looks at the machine: whether the rules hold, and what it has done.

use sched::{Cpu, CpuId, Entity, Instant, Nanos, Rank, Weight, check};

use super::seat::Seat;
use super::threads::{Index, Task, Wish};
use super::{Action, Machine, POWER_ON};
use crate::audit::Rule;
use crate::scenario::Arrival;

/// How many of its own turns, and of the longest turn beside it, a thread may be behind the clock.
const TURNS_BEHIND: u64 = 4;

/// How many more where there are several CPUs: who is moved is owed them, and those beside it wait for as long.
const TURNS_BROUGHT: u64 = sched::balance::MOST_CREDIT;

/// One of so many parts of a CPU is never reserved.
const LEFT_BY_RESERVATIONS: u64 = 20;

/// The same where weights change and threads die ahead of their share. What a thread has had in advance is then missing
/// from the others, and what a heavy thread is owed is a thousand times as much virtual time once it is light.
const TURNS_BEHIND_UNDER_CHANGE: u64 = 64 * TURNS_BROUGHT;

impl Machine {
    /// After every step of a CPU's kernel: what costs little to look at.
    pub(super) fn look(&mut self, cpu: CpuId) {
        let clock = self.cpus[cpu.index()].clock();
        if clock < self.audit.clocks[cpu.index()] {
            self.fail(
                Rule::VirtualTimeMovesForward,
                format!("the clock of {cpu} went back"),
            );
        }
        self.audit.clocks[cpu.index()] = clock;
        self.look_at_service(cpu);
        if self.audit.every > 0 && self.events >= self.audit.next {
            self.audit.next = self.events + self.audit.every;
            self.audit_all();
        }
    }

    /// When a CPU's kernel has nothing left to do: it must be sure to come back when it has to.
    pub(super) fn look_at_rest(&mut self, cpu: CpuId) {
        let side = &self.sides[cpu.index()];
        if !side.online || side.timer_pending || side.interrupt_pending {
            return;
        }
        if let Some(thread) = &side.candidate {
            let evidence = format!("{} waits for a call on {cpu} that is over", thread.id());
            return self.fail(Rule::SomethingWillHappen, evidence);
        }
        let own: &Cpu<Task> = &self.cpus[cpu.index()];
        let checked = check::a_shared_cpu_will_be_interrupted(own)
            .and_then(|()| check::an_idle_cpu_with_work_is_being_woken(own));
        if let Err(broken) = checked {
            return self.fail(Rule::of(broken), format!("{broken:?}"));
        }
        let head = side.deadlines.next().unwrap_or(Instant::NEVER);
        // What the scheduler core believes: a host that does not do what it was told is what is looked for.
        let charged = own
            .running()
            .map_or(Instant::BOOT, |running| running.charged_to());
        let horizon = own.horizon(charged);
        // What has come already is looked for as soon as a timer can be set for.
        let soonest = side.clock.read(self.now) + sched::cpu::SHORTEST_TURN;
        let horizon = horizon.map_or(Instant::NEVER, |horizon| horizon.at.max(soonest));
        let wanted = head.min(horizon);
        // A deadline that another CPU put here comes with an interrupt.
        let coming = own.reschedule_pending() || self.scenario.faults.offline.chance > 0;
        if wanted < side.timer.armed().unwrap_or(Instant::NEVER) && !coming {
            let set = side.timer.armed();
            self.fail(
                Rule::TimersAreSet,
                format!("{cpu} waits for {wanted} and its timer is set to {set:?}"),
            );
        }
    }

    pub(super) fn fail(&mut self, rule: Rule, evidence: String) {
        self.audit.fail(rule, evidence, self.now, self.events);
    }

    /// Looks at everything.
    pub(super) fn audit_all(&mut self) {
        if let Err(broken) = self.everybody_is_somewhere() {
            return self.fail(Rule::of(broken), format!("{broken:?}"));
        }
        if let Err(broken) = check::time_is_conserved(&self.cpus, self.usage.runtime()) {
            return self.fail(Rule::of(broken), format!("{broken:?}"));
        }
        for cpu in 0..self.cpus.len() {
            self.audit_cpu(cpu);
        }
        self.no_wake_up_is_lost();
        self.nobody_waits_too_long();
        if !self.contexts.exist {
            self.shares_are_fair();
        }
        self.look_at_contexts();
    }

    fn everybody_is_somewhere(&mut self) -> Result<(), check::Broken> {
        let mut elsewhere = core::mem::take(&mut self.audit.elsewhere);
        let mut living = core::mem::take(&mut self.audit.living);
        elsewhere.clear();
        living.clear();
        for record in &self.threads {
            living.extend(record.alive.then_some(record.id));
            elsewhere.extend(record.place.is_resting().then_some(record.id));
        }
        elsewhere.extend(self.stranded.iter().map(|thread| thread.id()));
        for side in &self.sides {
            elsewhere.extend(side.carried().map(|thread| thread.id()));
        }
        let result = check::every_thread_is_in_one_place(&self.cpus, &elsewhere)
            .and_then(|()| check::no_thread_is_lost(&self.cpus, &elsewhere, &living));
        self.audit.elsewhere = elsewhere;
        self.audit.living = living;
        result
    }

    fn in_kernel(&self, cpu: usize) -> bool {
        let side = &self.sides[cpu];
        side.stepping || !side.todo.is_empty() || side.timer_pending || side.interrupt_pending
    }

    fn audit_cpu(&mut self, index: usize) {
        let cpu = &self.cpus[index];
        if let Some(running) = cpu.running()
            && self.sides[index].running.as_ref().map(|thread| thread.id()) != Some(running.id())
        {
            let evidence = format!("{} thinks that {} runs", cpu.id(), running.id());
            return self.fail(Rule::OneOwner, evidence);
        }
        let sound = check::the_queue_is_sound(cpu).and_then(|()| check::every_switch_has_an_end(cpu));
        if let Err(broken) = sound {
            return self.fail(Rule::of(broken), format!("{broken:?}"));
        }
        let counters = *cpu.counters();
        let expected = counters.reschedules_received + u64::from(cpu.reschedule_pending());
        if counters.reschedules_sent != expected {
            let evidence = format!(
                "{}: {} interrupts sent, {expected} known of",
                cpu.id(),
                counters.reschedules_sent
            );
            return self.fail(Rule::CountersAddUp, evidence);
        }
        let side = &self.sides[index];
        let now = side.clock.read(self.now);
        let was_there = now.since(side.clock.read(POWER_ON)) + self.scenario.faults.skew + self.drifted();
        let delivered = counters.busy + cpu.idle_time(now);
        if delivered > was_there {
            let evidence = format!("{}: {delivered} delivered in {was_there}", cpu.id());
            return self.fail(Rule::NobodyIsOvercharged, evidence);
        }
        self.lag_is_bounded(index);
    }

    /// How far the clocks can have drifted apart by now.
    pub(super) fn drifted(&self) -> Nanos {
        Nanos((self.now.0 as u128 * u128::from(self.scenario.faults.drift) / 1_000_000) as u64)
    }

    /// Nobody who waits is further behind the clock than some of his own turns, and what the longest turn of another
    /// moves the clock meanwhile.
    fn lag_is_bounded(&mut self, index: usize) {
        let cpu = &self.cpus[index];
        let clock = cpu.clock();
        let longest = cpu
            .queued()
            .map(|thread| thread.share().virtual_slice())
            .max()
            .unwrap_or(0);
        let others = cpu.running().map_or(0, |running| running.share().virtual_slice());
        let late = self.audit.patience.0 * u64::from(Weight::DEFAULT.get());
        let turns = match (self.audit.weights_change, self.cpus.len()) {
            (true, _) => TURNS_BEHIND_UNDER_CHANGE,
            (false, 1) => TURNS_BEHIND,
            (false, _) => TURNS_BEHIND + TURNS_BROUGHT,
        };
        let bound = |own: u64| turns * (own + longest.max(others)) + late + self.audit.credit;
        let by_weight = |thread: &&Entity<Task>| matches!(thread.rank(), Rank::Fair(..));
        let behind = cpu.queued().filter(by_weight).find(|thread| {
            clock.offset_from(thread.share().vruntime()) > bound(thread.share().virtual_slice()) as i64
        });
        if let Some(thread) = behind {
            let lag = clock.offset_from(thread.share().vruntime());
            let evidence = format!(
                "{} on {}: {lag} virtual ns behind, the bound is {}",
                thread.id(),
                cpu.id(),
                bound(thread.share().virtual_slice())
            );
            self.fail(Rule::LagIsBounded, evidence);
        }
    }

    /// A thread that rests waits for something that has not happened, or somebody is about to wake it.
    fn no_wake_up_is_lost(&mut self) {
        let mut woken = core::mem::take(&mut self.audit.woken);
        woken.clear();
        for side in &self.sides {
            woken.extend(side.todo.iter().filter_map(|action| match action {
                Action::Wake(thread) | Action::Kill(thread) => Some(thread.0),
                _ => None,
            }));
        }
        let lost = self.threads.iter().find(|record| {
            let due = record.granted || (record.wish == Wish::Time && record.armed.is_none()) || record.dying;
            record.alive && due && record.place.is_resting() && !woken.contains(&Index::of(record.id).0)
        });
        if let Some(record) = lost {
            let evidence = format!("{} rests although its {:?} was granted", record.id, record.wish);
            self.fail(Rule::NoWakeUpIsLost, evidence);
        }
        self.audit.woken = woken;
    }

    fn nobody_waits_too_long(&mut self) {
        let patience = self.audit.patience;
        let idle: Vec<usize> = (0..self.cpus.len())
            .filter(|cpu| {
                let long = self.sides[*cpu]
                    .idle_since
                    .is_some_and(|since| self.now.since(since) > patience);
                long && self.sides[*cpu].online && !self.in_kernel(*cpu)
            })
            .collect();
        let mut failure = None;
        'cpus: for (index, cpu) in self.cpus.iter().enumerate() {
            let weight: u64 = cpu
                .queued()
                .map(|thread| u64::from(thread.weight().get()))
                .sum::<u64>()
                + cpu
                    .running()
                    .map_or(0, |running| u64::from(running.share().weight().get()));
            let count = cpu.queued().count() as u64 + 1;
            // Those who wait for budget wait for that, and others may wait for whoever has reserved most of a CPU.
            let ready = cpu
                .queued()
                .filter(|thread| !matches!(thread.rank(), Rank::Throttled(..)));
            let slower = if self.contexts.exist {
                LEFT_BY_RESERVATIONS
            } else {
                1
            };
            for thread in ready {
                let record = &self.threads[Index::of(thread.id()).at()];
                let waited = self.now.since(record.ready_at);
                // Another CPU might have taken it since it may run there.
                let changed_at = self.contexts.parties.get(Index::of(thread.id()).at());
                let changed_at = changed_at.map_or(Instant::BOOT, |party| party.changed_at);
                if self.now.since(record.ready_at.max(changed_at)) > patience
                    && let Some(idle) = idle.iter().find(|idle| {
                        cpu.running().is_some() && thread.affinity().allows(CpuId(**idle as u32))
                    })
                {
                    let id = thread.id();
                    failure = Some((
                        Rule::NoCpuIsWasted,
                        format!("cpu {idle} idles while {id} waits on cpu {index} for {waited}"),
                    ));
                    break 'cpus;
                }
                let own = thread.share().virtual_slice() / u64::from(Weight::DEFAULT.get());
                let turns = own.saturating_mul(weight) + 16_000_000 * count;
                let bound = Nanos(turns.saturating_mul((TURNS_BEHIND + TURNS_BROUGHT) * slower))
                    + patience
                    + self.scenario.faults.offline.span.most;
                if waited > bound && !self.faulty() {
                    let id = thread.id();
                    failure = Some((
                        Rule::NobodyStarves,
                        format!("{id} waits on cpu {index} for {waited}, the bound is {bound}"),
                    ));
                    break 'cpus;
                }
            }
        }
        if let Some((rule, evidence)) = failure {
            self.fail(rule, evidence);
        }
        let reachable = |thread: &super::Owned| {
            (0..self.sides.len())
                .any(|cpu| self.sides[cpu].online && thread.affinity().allows(CpuId(cpu as u32)))
        };
        let returning = self.sides.iter().any(|side| side.stepping);
        if let Some(thread) = self.stranded.iter().find(|thread| reachable(thread))
            && !returning
        {
            let evidence = format!("{} is stranded", thread.id());
            self.fail(Rule::NobodyIsStranded, evidence);
        }
    }

    /// The time that CPUs had a thread, whether or not it was charged already: one that runs alone is not, for long.
    fn busy(&self) -> Nanos {
        let elapsed = self.now.since(POWER_ON);
        let of = |(cpu, side): (&Seat<Task>, &super::Side)| {
            let idle = cpu.idle_time(side.clock.read(self.now));
            elapsed.saturating_sub(idle).0
        };
        Nanos(self.cpus.iter().zip(&self.sides).map(of).sum())
    }

    /// What was recorded, with the threads' names.
    #[must_use]
    pub fn trace(&self) -> lab::Trace {
        let mut trace = lab::Trace::new(self.scenario.name.clone(), self.cpus.len() as u32);
        trace.begin_at(POWER_ON);
        trace.end_at(self.now);
        for record in &self.threads {
            let name = self.called(Index::of(record.id));
            trace.name_thread(abi::trace::Thread(record.id.0), name);
        }
        for record in self.recorder.records() {
            trace.push(*record);
        }
        trace
    }

    /// How long after power-on an instant is.
    #[must_use]
    pub const fn since_power_on(&self, at: Instant) -> Nanos {
        at.since(POWER_ON)
    }

    /// What the machine has done so far.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let sum =
            |field: fn(&sched::CpuCounters) -> u64| self.cpus.iter().map(|cpu| field(cpu.counters())).sum();
        Summary {
            events: self.events,
            now: self.since_power_on(self.now),
            threads: self.threads.len() as u64,
            living: u64::from(self.living),
            switches: sum(|counters| counters.switches),
            preemptions: sum(|counters| counters.preemptions),
            blocks: sum(|counters| counters.voluntary_blocks),
            migrations: sum(|counters| counters.migrations_in),
            wakes: sum(|counters| counters.wakes),
            handoffs: sum(|counters| counters.handoffs),
            interrupts: sum(|counters| counters.reschedules_sent),
            steals: self.steals,
            placements: self.placements,
            busy: self.busy(),
        }
    }

    /// Whether no thread is still to come, but for those that others fork.
    #[must_use]
    pub fn all_have_arrived(&self) -> bool {
        let wanted = self.scenario.threads.iter().map(|thread| match thread.arrival {
            Arrival::At { count, .. } => u64::from(count),
            Arrival::Every { .. } | Arrival::Forked => 0,
        });
        self.placements >= wanted.sum()
    }

    /// How many threads of each kind there were, and the CPU time that they used.
    #[must_use]
    pub fn runtime_by_kind(&self) -> Vec<(u64, Nanos)> {
        let mut kinds = vec![(0, Nanos::ZERO); self.scenario.threads.len()];
        for kind in &self.kinds {
            kinds[usize::from(kind.0)].0 += 1;
        }
        for (kind, gone) in kinds.iter_mut().zip(&self.gone) {
            kind.1 += *gone;
        }
        let mut add = |thread: &sched::Entity<Task>, more: Nanos| {
            kinds[usize::from(thread.payload.kind.0)].1 += thread.account().runtime + more;
        };
        for (cpu, side) in self.cpus.iter().zip(&self.sides) {
            cpu.queued().for_each(|thread| add(thread, Nanos::ZERO));
            let uncollected = cpu
                .running()
                .map_or(Nanos::ZERO, |running| running.uncollected().ran);
            side.running.iter().for_each(|thread| add(thread, uncollected));
            side.candidate.iter().for_each(|thread| add(thread, Nanos::ZERO));
        }
        for record in &self.threads {
            if let sched::Parking::Resting(thread) = &record.place {
                add(thread, Nanos::ZERO);
            }
        }
        kinds
    }

    /// Scheduling state of a CPU, to be looked at.
    #[must_use]
    pub fn cpu(&self, cpu: CpuId) -> Option<&Cpu<impl Sized>> {
        self.cpus.get(cpu.index()).map(|cpu| -> &Cpu<Task> { cpu })
    }
}

/// What a machine has done: counts since power-on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Events of the simulation.
    pub events: u64,
    /// Simulated time.
    pub now: Nanos,
    /// Threads that ever were.
    pub threads: u64,
    /// Threads that still are.
    pub living: u64,
    /// Times a thread was given a CPU.
    pub switches: u64,
    /// Times one lost it although it wanted to go on.
    pub preemptions: u64,
    /// Times one gave it up to wait.
    pub blocks: u64,
    /// Times one was given another CPU than before.
    pub migrations: u64,
    /// Threads woken.
    pub wakes: u64,
    /// Times one was handed the CPU directly.
    pub handoffs: u64,
    /// Reschedule interrupts sent.
    pub interrupts: u64,
    /// Threads taken by idle CPUs.
    pub steals: u64,
    /// Decisions of placement.
    pub placements: u64,
    /// Time that CPUs had a thread to run.
    pub busy: Nanos,
}
