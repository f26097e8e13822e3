//! Random lives of threads with budgets on one CPU: however they run, wait, are bound, unbound, handed over and ended, and however
//! late timers are, no time is made or lost and no limit is exceeded (rules E2, E6, E8 and E13).

use std::collections::BTreeMap;
use std::mem::swap;

use proptest::prelude::*;
use sched::check::cpu_is_sound;
use sched::{
    Budget, ContextId, Cpu, CpuId, EndReason, EnqueueReason, Enqueued, Entity, Exchanged, Instant,
    LatencyClass, Nanos, Overrun, Policy, Rank, Spec, ThreadId, Verdict, Weight,
};

const US: u64 = 1_000;
const THREADS: u64 = 6;

/// One thing that happens, `wait` after the last; `whom` says to whom.
#[derive(Clone, Debug)]
struct Event {
    wait: u64,
    what: u8,
    whom: u64,
}

/// A CPU, its loop, and a drawer for the budgets that nobody has.
struct World {
    cpu: Cpu<()>,
    now: Instant,
    timer: Option<Instant>,
    running: Option<Box<Entity<()>>>,
    resting: BTreeMap<u64, Box<Entity<()>>>,
    ranks: BTreeMap<u64, Rank>,
    drawer: Vec<Option<Box<Budget>>>,
    /// When each context was served: of the running one, from when.
    served: BTreeMap<u64, Vec<(u64, u64)>>,
    /// How late the latest timer was.
    latest: u64,
}

impl World {
    fn new(policy: Policy, specs: &[Spec]) -> World {
        let context = |number| ContextId {
            number,
            generation: 1,
        };
        let drawer = (0..).zip(specs);
        let thread = |id| {
            let weight = Weight::new(1 + (id * 37 % 200) as u16).unwrap();
            (id, Entity::new(ThreadId(id), weight, LatencyClass::Normal, ()))
        };
        World {
            cpu: Cpu::new(CpuId(0), policy, Instant::BOOT),
            now: Instant::BOOT,
            timer: None,
            running: None,
            resting: (1..=THREADS).map(thread).collect(),
            ranks: BTreeMap::new(),
            drawer: drawer
                .map(|(number, spec)| Some(Budget::new(context(number), *spec, Instant::BOOT)))
                .collect(),
            served: BTreeMap::new(),
            latest: 0,
        }
    }

    /// Time goes on; timers that are due in it are served, each up to `late` after its instant.
    fn pass(&mut self, wait: u64, late: u64) {
        let until = self.now + Nanos(wait);
        while let Some(at) = self.timer.filter(|at| *at <= until) {
            let taken = (at + Nanos(late)).min(until);
            self.latest = self.latest.max(taken.since(at).0);
            self.advance(taken);
            self.timer = None;
            self.look();
        }
        self.advance(until);
    }

    fn advance(&mut self, to: Instant) {
        let number = self.cpu.running_in().map(|budget| budget.context().number);
        let by = self.cpu.running_in().map(Budget::used);
        let _ = self.cpu.uncollected(to);
        let after = self.cpu.running_in().map(Budget::used);
        if let (Some(number), Some(before), Some(after)) = (number, by, after)
            && after > before
        {
            let stretch = (to.0 - (after.0 - before.0), to.0);
            self.served.entry(number).or_default().push(stretch);
        }
        self.now = to;
    }

    /// What a CPU does at its horizon and after every change.
    fn look(&mut self) {
        while self.cpu.has_to_replenish(self.now) {
            let ranks = &mut self.ranks;
            self.cpu.replenish(self.now, |thread, rank| {
                ranks.insert(thread.id().0, rank);
            });
        }
        if self.running.is_none() {
            return self.dispatch();
        }
        match self.cpu.reconsider(self.now) {
            Verdict::Keep(horizon) => self.timer = horizon.map(|horizon| horizon.at),
            Verdict::Switch => self.make_way(EndReason::Preempted, EnqueueReason::Preempted),
            Verdict::Fault => self.rest(EndReason::Blocked),
        }
    }

    fn dispatch(&mut self) {
        let Some(mut thread) = self.cpu.pick(self.now) else {
            self.timer = self.cpu.horizon(self.now).map(|horizon| horizon.at);
            return;
        };
        self.ranks.remove(&thread.id().0);
        let horizon = self.cpu.begin(&mut thread, self.now);
        self.timer = horizon.map(|horizon| horizon.at);
        self.running = Some(thread);
    }

    fn make_way(&mut self, why: EndReason, back: EnqueueReason) {
        let Some(mut thread) = self.running.take() else {
            return;
        };
        if !self.cpu.running_must_wait(self.now) {
            let from = thread.id().0;
            let mut rank = None;
            let rotated = self.cpu.rotate(thread, self.now, why, |_, _, at| rank = Some(at));
            self.ranks.insert(from, rank.unwrap());
            self.ranks.remove(&rotated.entity.id().0);
            self.timer = rotated.horizon.map(|horizon| horizon.at);
            self.running = Some(rotated.entity);
            return;
        }
        let _ = self.cpu.end(&mut thread, self.now, why);
        self.queue(thread, back);
        self.dispatch();
    }

    fn rest(&mut self, why: EndReason) {
        if let Some(mut thread) = self.running.take() {
            let _ = self.cpu.end(&mut thread, self.now, why);
            self.resting.insert(thread.id().0, thread);
            self.dispatch();
        }
    }

    fn queue(&mut self, thread: Box<Entity<()>>, why: EnqueueReason) {
        let id = thread.id().0;
        let enqueued = self.cpu.enqueue(thread, why, self.now);
        self.ranks.insert(id, enqueued.rank);
    }

    /// A thread and a place of the drawer exchange what they have.
    fn exchange(&mut self, id: u64) {
        let place = (id as usize * 7 + self.now.0 as usize) % self.drawer.len();
        let hand = &mut self.drawer[place];
        if let Some(thread) = self.resting.get_mut(&id) {
            thread.change_parked_budget(|budget| swap(budget, hand));
        } else if let Some(rank) = self.ranks.get(&id).copied() {
            let moved = self
                .cpu
                .change_queued_budget(rank, self.now, |budget| swap(budget, hand));
            let Some(Exchanged::Stays(Enqueued { rank, .. })) = moved else {
                panic!("its rank names it: {moved:?}");
            };
            self.ranks.insert(id, rank);
        } else {
            // Running: what this says is what looking says again.
            let _ = self
                .cpu
                .change_running_budget(self.now, |budget| swap(budget, hand));
        }
        self.look();
    }

    fn happen(&mut self, event: &Event) {
        let id = 1 + event.whom % THREADS;
        match event.what {
            0 | 1 => {
                if let Some(thread) = self.resting.remove(&id) {
                    self.queue(thread, EnqueueReason::Wake);
                    self.look();
                }
            }
            2 => self.rest(EndReason::Blocked),
            3 => self.make_way(EndReason::Yielded, EnqueueReason::Yielded),
            4 => self.exchange(id),
            5 => {
                // Taken out, as if it were killed, and born again at rest.
                if let Some(rank) = self.ranks.remove(&id) {
                    let thread = self.cpu.remove(rank, self.now).expect("its rank names it");
                    self.resting.insert(id, thread);
                    self.look();
                }
            }
            6 => self.hand_over(id),
            _ => self.look(),
        }
    }

    fn hand_over(&mut self, id: u64) {
        let Some(mut from) = self.running.take() else {
            return;
        };
        let Some(to) = self.resting.remove(&id) else {
            self.running = Some(from);
            return;
        };
        match self.cpu.hand_over(&mut from, to, self.now) {
            Ok(done) => {
                self.resting.insert(from.id().0, from);
                self.timer = done.horizon.map(|horizon| horizon.at);
                self.running = Some(done.entity);
            }
            Err(refused) => {
                self.running = Some(from);
                self.queue(refused.entity, EnqueueReason::Wake);
                self.look();
            }
        }
    }

    fn budgets(&self) -> impl Iterator<Item = &Budget> {
        let resting = self.resting.values().filter_map(|thread| thread.budget());
        let queued = self.cpu.queued().filter_map(Entity::budget);
        let drawer = self.drawer.iter().flatten().map(|budget| &**budget);
        resting.chain(queued).chain(drawer).chain(self.cpu.running_in())
    }

    /// E13: every box is somewhere once, and what they were charged is what was served in contexts.
    fn is_sound(&self, contexts: usize) -> Result<(), TestCaseError> {
        prop_assert_eq!(cpu_is_sound(&self.cpu), Ok(()));
        let mut there: Vec<u64> = self.budgets().map(|budget| budget.context().number).collect();
        there.sort_unstable();
        there.dedup();
        prop_assert_eq!(there.len(), contexts, "a box was lost or doubled");
        let used = self
            .budgets()
            .fold(Nanos::ZERO, |sum, budget| sum + budget.used());
        prop_assert_eq!(used, self.cpu.counters().in_contexts);
        prop_assert!(self.budgets().all(|budget| budget.refills().is_sound()));
        Ok(())
    }
}

/// The most service in a window of this length.
fn most_within(served: &[(u64, u64)], length: u64) -> u64 {
    let within = |from: u64| -> u64 {
        let part = |(begin, end): &(u64, u64)| (*end).min(from + length).saturating_sub((*begin).max(from));
        served.iter().map(part).sum()
    };
    let ends = served.iter().map(|(_, end)| end.saturating_sub(length));
    let windows = served.iter().map(|(begin, _)| *begin).chain(ends);
    windows.map(within).max().unwrap_or(0)
}

fn spec() -> impl Strategy<Value = Spec> {
    (100..900_u64, 1..6_u64, 0..4_u8).prop_map(|(budget, factor, kind)| {
        let (budget, period) = (Nanos(budget * US), Nanos(budget * factor * US));
        match kind {
            0 => Spec::reservation(budget, period, Nanos::ZERO, Overrun::Demote),
            1 => Spec::reservation(budget, period, Nanos::ZERO, Overrun::Throttle),
            2 => Spec::limit(budget, period, Overrun::Fault),
            _ => Spec::limit(budget, period, Overrun::Throttle),
        }
        .unwrap()
    })
}

fn event() -> impl Strategy<Value = Event> {
    (0..400 * US, 0..8_u8, any::<u64>()).prop_map(|(wait, what, whom)| Event { wait, what, whom })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn e13_no_box_and_no_time_is_made_or_lost_whatever_happens(
        eevdf in any::<bool>(),
        specs in proptest::collection::vec(spec(), 1..5),
        late in 0..50 * US,
        events in proptest::collection::vec(event(), 1..250),
    ) {
        let policy = if eevdf { Policy::Eevdf } else { Policy::WeightedFair };
        let mut world = World::new(policy, &specs);
        for event in &events {
            world.pass(event.wait, late);
            world.happen(event);
            world.is_sound(specs.len())?;
        }
    }

    #[test]
    fn e8_no_limit_is_exceeded_in_any_window_by_more_than_the_latest_timer(
        eevdf in any::<bool>(),
        specs in proptest::collection::vec(spec(), 1..5),
        late in 0..50 * US,
        events in proptest::collection::vec(event(), 1..250),
    ) {
        let policy = if eevdf { Policy::Eevdf } else { Policy::WeightedFair };
        let mut world = World::new(policy, &specs);
        for event in &events {
            world.pass(event.wait, late);
            world.happen(event);
        }
        let limits = specs.iter().enumerate().filter(|(_, spec)| spec.kind() == sched::context::Kind::Limit);
        for (number, spec) in limits {
            let served = world.served.remove(&(number as u64)).unwrap_or_default();
            let most = most_within(&served, spec.period().0);
            // No timer is set for less than a microsecond.
            let bound = spec.budget().0 + world.latest + US;
            prop_assert!(most <= bound, "{} of {}", most, bound);
        }
    }
}
