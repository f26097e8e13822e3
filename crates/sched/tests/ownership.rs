//! Random lives on a toy machine: after every single step every rule about places, clocks and time still holds.

mod support;

use proptest::prelude::*;
use sched::fair::DEFAULT_REQUEST;
use sched::weight::turn;
use sched::{Affinity, Budget, ContextId, CpuId, Instant, LatencyClass, Nanos, Overrun, Policy, Spec};
use support::Machine;

const CPUS: u32 = 4;

#[derive(Clone, Debug)]
enum Step {
    Spawn {
        weight: u16,
        class: u16,
        pinned: Option<u32>,
        caller: u32,
    },
    Wake {
        which: usize,
        caller: u32,
    },
    Block {
        cpu: u32,
    },
    Exit {
        cpu: u32,
    },
    Yield {
        cpu: u32,
    },
    HandOver {
        cpu: u32,
        which: usize,
    },
    Kill {
        which: usize,
        caller: u32,
    },
    Reweigh {
        which: usize,
        weight: u16,
        class: u16,
        caller: u32,
    },
    Restrict {
        which: usize,
        pinned: Option<u32>,
        caller: u32,
    },
    Rebudget {
        which: usize,
        /// How many hundred microseconds of each 4 ms, and where; none without.
        budget: Option<(u64, Option<u32>)>,
        demotes: bool,
        caller: u32,
    },
    Deliver {
        cpu: u32,
    },
    Pass {
        nanos: u64,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let cpu = 0..CPUS;
    let which = any::<usize>();
    let weight = prop_oneof![Just(64_u16), 1..=1024_u16];
    let nanos = prop_oneof![0..2_000_u64, 0..20_000_000_u64];
    let step = prop_oneof![
        3 => (weight.clone(), 0..4_u16, proptest::option::weighted(0.3, cpu.clone()), cpu.clone())
            .prop_map(|(weight, class, pinned, caller)| Step::Spawn { weight, class, pinned, caller }),
        4 => (which, cpu.clone()).prop_map(|(which, caller)| Step::Wake { which, caller }),
        3 => cpu.clone().prop_map(|cpu| Step::Block { cpu }),
        1 => cpu.clone().prop_map(|cpu| Step::Exit { cpu }),
        2 => cpu.clone().prop_map(|cpu| Step::Yield { cpu }),
        3 => (cpu.clone(), which).prop_map(|(cpu, which)| Step::HandOver { cpu, which }),
        1 => (which, cpu.clone()).prop_map(|(which, caller)| Step::Kill { which, caller }),
        2 => (which, weight, 0..4_u16, cpu.clone())
            .prop_map(|(which, weight, class, caller)| Step::Reweigh { which, weight, class, caller }),
        1 => (which, proptest::option::weighted(0.5, cpu.clone()), cpu.clone())
            .prop_map(|(which, pinned, caller)| Step::Restrict { which, pinned, caller }),
        3 => (which, proptest::option::weighted(0.7, (1..=40_u64, proptest::option::weighted(0.3, cpu.clone()))), any::<bool>(), cpu.clone())
            .prop_map(|(which, budget, demotes, caller)| Step::Rebudget { which, budget, demotes, caller }),
        5 => cpu.prop_map(|cpu| Step::Deliver { cpu }),
        5 => nanos.prop_map(|nanos| Step::Pass { nanos }),
    ];
    proptest::collection::vec(step, 1..300)
}

fn choose<T: Copy>(from: impl Iterator<Item = T>, which: usize) -> Option<T> {
    let all: Vec<T> = from.collect();
    all.get(which.checked_rem(all.len())?).copied()
}

fn class(number: u16) -> LatencyClass {
    LatencyClass::from_number(number).unwrap()
}

/// So many hundred microseconds of each 4 ms: a reservation that nobody admitted if it demotes, else a limit.
fn budget_of(now: Instant, number: u64, of: u64, cpu: Option<u32>, demotes: bool) -> Box<Budget> {
    let (budget, period) = (Nanos(of * 100_000), Nanos::from_millis(4));
    let spec = if demotes {
        Spec::reservation(budget, period, period, Overrun::Demote)
    } else {
        Spec::limit(budget, period, Overrun::Throttle)
    };
    let context = ContextId {
        number,
        generation: 1,
    };
    // A reservation is for one CPU.
    let cpu = cpu.or(demotes.then_some(0));
    let cpus = cpu.map_or(Affinity::Any, |cpu| Affinity::One(CpuId(cpu)));
    Budget::new(context, spec.unwrap(), now).confined_to(cpus)
}

fn apply(machine: &mut Machine, step: &Step) {
    match *step {
        Step::Spawn {
            weight,
            class: number,
            pinned,
            caller,
        } => {
            let affinity = pinned.map_or(Affinity::Any, |cpu| Affinity::One(CpuId(cpu)));
            let _ = machine.spawn(weight, class(number), affinity, CpuId(caller));
        }
        Step::Wake { which, caller } => {
            if let Some(id) = choose(machine.parked(), which) {
                machine.wake(id, CpuId(caller));
            }
        }
        Step::Block { cpu } => {
            let _ = machine.block(CpuId(cpu));
        }
        Step::Exit { cpu } => machine.exit(CpuId(cpu)),
        Step::Yield { cpu } => machine.yield_now(CpuId(cpu)),
        Step::HandOver { cpu, which } => {
            if let Some(id) = choose(machine.parked(), which) {
                machine.hand_over(CpuId(cpu), id);
            }
        }
        Step::Kill { which, caller } => {
            if let Some(id) = choose(machine.living(), which) {
                machine.kill(id, CpuId(caller));
            }
        }
        Step::Reweigh {
            which,
            weight,
            class: number,
            caller,
        } => {
            if let Some(id) = choose(machine.living(), which) {
                machine.reweigh(id, weight, class(number), CpuId(caller));
            }
        }
        Step::Restrict {
            which,
            pinned,
            caller,
        } => {
            if let Some(id) = choose(machine.living(), which) {
                let affinity = pinned.map_or(Affinity::Any, |cpu| Affinity::One(CpuId(cpu)));
                machine.restrict(id, affinity, CpuId(caller));
            }
        }
        Step::Rebudget {
            which,
            budget,
            demotes,
            caller,
        } => {
            if let Some(id) = choose(machine.living(), which) {
                machine.next_context += 1;
                let number = machine.next_context;
                let budget = budget.map(|(of, cpu)| budget_of(machine.now, number, of, cpu, demotes));
                machine.rebudget(id, budget, CpuId(caller));
            }
        }
        Step::Deliver { cpu } => machine.deliver(CpuId(cpu)),
        Step::Pass { nanos } => machine.advance(Nanos(nanos)),
    }
}

fn live(policy: Policy, steps: &[Step]) -> Result<(), TestCaseError> {
    let mut machine = Machine::new(CPUS, policy);
    for (number, step) in steps.iter().enumerate() {
        apply(&mut machine, step);
        let sound = machine.check();
        prop_assert_eq!(sound, Ok(()), "after step {} {:?}", number, step);
    }
    // Once the interrupts have arrived, no CPU sleeps beside work. (If a CPU was sent work of its own after it had been
    // called to help, the call is repeated when the next turn ends.)
    machine.deliver_all();
    for _ in 0..CPUS {
        if machine.wasted_cpu().is_some() {
            machine.advance(turn(LatencyClass::Batch, DEFAULT_REQUEST));
            machine.deliver_all();
        }
    }
    prop_assert_eq!(machine.wasted_cpu(), None);
    prop_assert_eq!(machine.check(), Ok(()));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn b2_every_thread_is_in_exactly_one_place_whatever_happens(steps in steps()) {
        live(Policy::WeightedFair, &steps)?;
    }

    #[test]
    fn d5_the_same_holds_under_eevdf(steps in steps()) {
        live(Policy::Eevdf, &steps)?;
    }

    #[test]
    fn the_same_steps_give_the_same_events(steps in steps()) {
        let run = || {
            let mut machine = Machine::new(CPUS, Policy::WeightedFair);
            steps.iter().for_each(|step| apply(&mut machine, step));
            (machine.record.clone(), machine.runtimes())
        };
        prop_assert_eq!(run(), run());
    }
}

// A random life found it: both threads were sent to a CPU that was idle, then the one pinned there was picked first,
// and the other waited for ever beside three CPUs that had nothing to do.
#[test]
fn b1_a_thread_that_is_passed_over_is_fetched_by_an_idle_cpu() {
    let mut machine = Machine::new(CPUS, Policy::WeightedFair);
    let free = machine.spawn(64, LatencyClass::Normal, Affinity::Any, CpuId(2));
    let pinned = machine.spawn(128, LatencyClass::Normal, Affinity::One(CpuId(2)), CpuId(0));
    machine.deliver(CpuId(2));
    assert_eq!(
        machine.running[2].as_ref().map(|thread| thread.id()),
        Some(pinned)
    );
    machine.deliver_all();
    assert_eq!(machine.running[3].as_ref().map(|thread| thread.id()), Some(free));
}

#[test]
fn b4_a_burst_of_wakes_reaches_as_many_cpus_as_are_idle() {
    let mut machine = Machine::new(CPUS, Policy::WeightedFair);
    let ids: Vec<_> = (0..CPUS)
        .map(|_| machine.spawn(64, LatencyClass::Normal, Affinity::Any, CpuId(0)))
        .collect();
    machine.deliver_all();
    (0..CPUS).for_each(|cpu| assert!(machine.block(CpuId(cpu)).is_some()));
    ids.iter().for_each(|id| machine.wake(*id, CpuId(0)));
    let pending = machine.cpus.iter().filter(|cpu| cpu.reschedule_pending()).count();
    assert_eq!(pending, CPUS as usize);
}

#[test]
fn b4_a_wake_interrupts_one_cpu_and_no_other() {
    let mut machine = Machine::new(CPUS, Policy::WeightedFair);
    let id = machine.spawn(64, LatencyClass::Normal, Affinity::Any, CpuId(1));
    machine.deliver_all();
    assert!(machine.block(CpuId(1)).is_some());
    machine.wake(id, CpuId(0));
    let pending: Vec<_> = machine.cpus.iter().map(|cpu| cpu.reschedule_pending()).collect();
    assert_eq!(pending, [false, true, false, false]);
}

// A random life found it: the CPU that was summoned for the light thread got work of its own, and where that waited every turn
// ended with the heavy thread going on.
#[test]
fn b1_a_thread_that_is_not_served_yet_is_fetched_when_a_turn_ends() {
    let mut machine = Machine::new(3, Policy::WeightedFair);
    let pinned = |cpu| Affinity::One(CpuId(cpu));
    let light = machine.spawn(1, LatencyClass::Normal, Affinity::Any, CpuId(0));
    machine.deliver_all();
    machine.spawn(64, LatencyClass::Normal, pinned(0), CpuId(0));
    machine.deliver(CpuId(0));
    assert!(machine.cpus[1].reschedule_pending(), "nobody was summoned");
    machine.spawn(64, LatencyClass::Normal, pinned(1), CpuId(0));
    machine.deliver_all();
    assert_eq!(machine.wasted_cpu(), Some((CpuId(2), light)));
    machine.advance(turn(LatencyClass::Normal, DEFAULT_REQUEST));
    machine.deliver_all();
    assert_eq!(machine.wasted_cpu(), None);
}
