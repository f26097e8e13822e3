//! D7: principals share by weight, whatever their threads do; and the same lives without principals, to see what there
//! would be to gain.

mod support;

use std::sync::Arc;

use proptest::prelude::*;
use sched::{Affinity, CpuId, LatencyClass, Nanos, Policy, Principal, ThreadId, Weight};
use support::Machine;

const ONE: CpuId = CpuId(0);
const HONEST: usize = 0;
const GREEDY: usize = 1;

/// Two principals: an honest one with one thread per CPU, and a greedy one with as many threads as it likes.
struct Rivals {
    machine: Machine,
    /// Whether their threads share the principals' weights.
    together: bool,
    honest: Vec<ThreadId>,
    /// The honest principal's CPU time so far.
    at_start: u64,
    began: u64,
}

impl Rivals {
    fn new(cpus: u32, policy: Policy, together: bool, weights: [u16; 2]) -> Rivals {
        let mut machine = Machine::new(cpus, policy);
        let principal = |weight| Arc::new(Principal::new(Weight::new(weight).unwrap()));
        machine.principals = weights.map(principal).into();
        let mut rivals = Rivals {
            machine,
            together,
            honest: Vec::new(),
            at_start: 0,
            began: 0,
        };
        for cpu in 0..cpus {
            let thread = rivals.spawn(HONEST, 64, CpuId(cpu));
            rivals.honest.push(thread);
        }
        rivals
    }

    fn spawn(&mut self, principal: usize, weight: u16, caller: CpuId) -> ThreadId {
        let principal = self.together.then_some(principal);
        let id = self
            .machine
            .spawn_for(principal, weight, LatencyClass::Normal, Affinity::Any, caller);
        self.machine.deliver_all();
        id
    }

    /// Lets time pass; interrupts arrive within a tenth of a millisecond.
    fn advance(&mut self, span: u64) {
        let until = self.machine.now.0 + span;
        while self.machine.now.0 < until {
            self.machine
                .advance(Nanos((until - self.machine.now.0).min(100_000)));
            self.machine.deliver_all();
        }
    }

    /// What the honest one has used, in nanoseconds.
    fn honest_time(&mut self) -> u64 {
        let used = self.machine.runtimes();
        self.honest.iter().map(|id| used[id]).sum()
    }

    fn begin(&mut self) {
        self.at_start = self.honest_time();
        self.began = self.machine.now.0;
    }

    /// The honest one's part of all CPUs' time since [`Rivals::begin`], in thousandths.
    fn honest_share(&mut self) -> u64 {
        let used = self.honest_time() - self.at_start;
        let whole = (self.machine.now.0 - self.began) * self.machine.cpus.len() as u64;
        used * 1_000 / whole
    }

    /// The CPU on which a thread of the greedy one runs, from a number that says where to look first.
    fn greedy_cpu(&self, dice: u32) -> Option<CpuId> {
        let cpus = self.machine.cpus.len() as u32;
        (0..cpus).map(|step| CpuId((dice + step) % cpus)).find(|cpu| {
            let running = &self.machine.running[cpu.index()];
            running
                .as_ref()
                .is_some_and(|thread| !self.honest.contains(&thread.id()))
        })
    }
}

fn policies() -> impl Strategy<Value = Policy> {
    prop_oneof![Just(Policy::WeightedFair), Just(Policy::Eevdf)]
}

/// What a thread of the greedy one does next, where to look for it, and how much time passes then.
type Step = (u8, u32, u64);

/// Threads of the greedy one come, go, sleep and wake, `rounds` times.
fn bustle(rivals: &mut Rivals, steps: &[Step], rounds: usize) {
    let cpus = rivals.machine.cpus.len() as u32;
    let mut asleep: Vec<ThreadId> = Vec::new();
    for (what, dice, span) in steps.iter().cycle().take(rounds).copied() {
        let caller = CpuId(dice % cpus);
        match (what, rivals.greedy_cpu(dice)) {
            // A child takes over and the parent is gone.
            (0 | 1, Some(cpu)) => {
                rivals.machine.exit(cpu);
                rivals.machine.deliver_all();
                let _ = rivals.spawn(GREEDY, 64, cpu);
            }
            // One sleeps, and maybe wakes another that is rested.
            (2 | 3, Some(cpu)) => {
                if let Some(rested) = asleep.first().copied().filter(|_| what == 3) {
                    asleep.remove(0);
                    rivals.machine.wake(rested, cpu);
                }
                asleep.extend(rivals.machine.block(cpu));
            }
            (4, _) if !asleep.is_empty() => {
                let id = asleep.swap_remove(dice as usize % asleep.len());
                rivals.machine.wake(id, caller);
            }
            // All wake at once.
            (5, _) => asleep.drain(..).for_each(|id| rivals.machine.wake(id, caller)),
            _ => {}
        }
        rivals.machine.deliver_all();
        rivals.advance(span);
        assert_eq!(rivals.machine.check(), Ok(()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// However many threads the greedy one has, of whatever weights but the very lightest (docs/limits.md), in any five seconds the honest one
    /// gets its half but for four points.
    #[test]
    fn d7_threads_gain_nothing(
        policy in policies(),
        cpus in 1..4_u32,
        weights in proptest::collection::vec(prop_oneof![Just(64_u16), 8..=1024_u16], 1..=64),
        before in 0..1_000_000_000_u64,
    ) {
        let mut rivals = Rivals::new(cpus, policy, true, [64, 64]);
        for weight in &weights {
            let _ = rivals.spawn(GREEDY, *weight, ONE);
        }
        rivals.advance(before);
        rivals.begin();
        rivals.advance(5_000_000_000);
        let share = rivals.honest_share();
        prop_assert!(share >= 460, "the honest one has {} thousandths", share);
        prop_assert_eq!(rivals.machine.check(), Ok(()));
    }

    /// On one CPU principals share by their weights, within two points of a second's time.
    #[test]
    fn d7_principals_share_by_weight(
        policy in policies(),
        weights in [8..=512_u16, 8..=512_u16],
        count in 1..=32_usize,
    ) {
        let mut rivals = Rivals::new(1, policy, true, weights);
        for _ in 0..count {
            let _ = rivals.spawn(GREEDY, 64, ONE);
        }
        rivals.begin();
        rivals.advance(3_000_000_000);
        let ideal = 1_000 * u64::from(weights[HONEST]) / u64::from(weights[HONEST] + weights[GREEDY]);
        let share = rivals.honest_share();
        prop_assert!(share.abs_diff(ideal) <= 20, "{} thousandths instead of {}", share, ideal);
    }

    /// Threads that live for a turn, sleep at any moment, hand on to each other or wake all at once gain nothing, either.
    #[test]
    fn d7_threads_that_come_and_go_gain_nothing(
        policy in policies(),
        cpus in 1..4_u32,
        count in 1..=64_usize,
        steps in proptest::collection::vec((0..6_u8, any::<u32>(), 0..3_000_000_u64), 20..400),
    ) {
        let mut rivals = Rivals::new(cpus, policy, true, [64, 64]);
        for _ in 0..count {
            let _ = rivals.spawn(GREEDY, 64, ONE);
        }
        rivals.begin();
        bustle(&mut rivals, &steps, 2_000);
        let share = rivals.honest_share();
        prop_assert!(share >= 470, "the honest one has {} thousandths", share);
    }
}

/// The proofs above are worth something only because without principals there is a lot to gain.
#[test]
fn d7_without_principals_the_greedy_one_gets_most() {
    for policy in [Policy::WeightedFair, Policy::Eevdf] {
        for cpus in 1..4 {
            let mut rivals = Rivals::new(cpus, policy, false, [64, 64]);
            for _ in 0..63 * cpus {
                let _ = rivals.spawn(GREEDY, 64, ONE);
            }
            rivals.begin();
            rivals.advance(5_000_000_000);
            let share = rivals.honest_share();
            assert!((12..=20).contains(&share), "{share} thousandths, not a 64th");
        }
    }
}

/// What the honest one does not want is there for all: fairness leaves no CPU idle.
#[test]
fn d7_a_principal_alone_has_everything() {
    let mut rivals = Rivals::new(2, Policy::WeightedFair, true, [64, 64]);
    for _ in 0..16 {
        let _ = rivals.spawn(GREEDY, 64, ONE);
    }
    for cpu in 0..2 {
        while rivals.greedy_cpu(cpu) == Some(CpuId(cpu)) {
            rivals.advance(1_000_000);
        }
        let _ = rivals.machine.block(CpuId(cpu));
        rivals.machine.deliver_all();
    }
    let busy = |machine: &Machine| -> u64 {
        let cpus = machine.cpus.iter();
        cpus.map(|cpu| cpu.counters().busy.0).sum()
    };
    rivals.advance(100_000_000);
    let before = busy(&rivals.machine);
    rivals.advance(1_000_000_000);
    assert!(busy(&rivals.machine) - before >= 1_980_000_000);
}

/// A burst of children made in the middle of a turn does not get the turn's old price: the running parent is charged by its
/// new part from then on.
#[test]
fn d7_a_part_lasts_at_most_until_the_next_charge() {
    let mut rivals = Rivals::new(1, Policy::WeightedFair, true, [64, 64]);
    let first = rivals.spawn(GREEDY, 64, ONE);
    while rivals.machine.running[0].as_ref().map(|thread| thread.id()) != Some(first) {
        rivals.advance(1_000_000);
    }
    let part = |rivals: &Rivals| {
        rivals.machine.cpus[0]
            .running()
            .unwrap()
            .share()
            .effective()
            .wide()
    };
    let alone = part(&rivals);
    for _ in 0..3 {
        let _ = rivals.spawn(GREEDY, 64, ONE);
    }
    rivals.advance(100_000);
    let _ = rivals.machine.runtimes();
    assert_eq!(part(&rivals), alone / 4);
}
