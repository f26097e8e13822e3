//! D1, D5: how long a thread that wakes for a short piece of work has to wait, whatever else there is to run.
//!
//! Parekh and Gallager ("A generalized processor sharing approach to flow control in integrated services networks: the
//! single-node case", IEEE/ACM Transactions on Networking 1(3), 1993) show that a session which asks for no more than a
//! burst at a time, and on average no more than its guaranteed rate, waits under packetised fair queueing at most as long
//! as that burst takes at the guaranteed rate, and one longest packet. Here a session is a thread, a packet is a turn:
//! what arrives at once is at most one turn, the guaranteed rate is weight / all weights, and a turn counts as a whole
//! one however little of it is used, because nobody knows that before.

mod support;

use proptest::prelude::*;
use sched::{Affinity, CpuId, LatencyClass, Nanos, Policy, ThreadId};
use support::Machine;

const ONE: CpuId = CpuId(0);

/// A thread that wakes at fixed times for a fixed piece of work.
struct Sleeper {
    id: ThreadId,
    work: u64,
    asked: u64,
}

impl Sleeper {
    /// A machine with these hogs, and the sleeper, asleep.
    fn beside(hogs: &[(u16, LatencyClass)], policy: Policy, weight: u16, work: u64) -> (Machine, Sleeper) {
        let mut machine = Machine::new(1, policy);
        let id = machine.spawn(weight, LatencyClass::Normal, Affinity::Any, ONE);
        machine.deliver_all();
        machine.block(ONE);
        for (weight, class) in hogs {
            let _ = machine.spawn(*weight, *class, Affinity::Any, ONE);
        }
        machine.deliver_all();
        (machine, Sleeper { id, work, asked: 0 })
    }

    /// Wakes, works, and sleeps again: how long that took.
    fn once(&mut self, machine: &mut Machine) -> u64 {
        let woken = machine.now.0;
        machine.wake(self.id, ONE);
        machine.deliver_all();
        self.asked += self.work;
        loop {
            let left = self.asked - machine.runtimes()[&self.id];
            if left == 0 {
                machine.block(ONE);
                return machine.now.0 - woken;
            }
            let runs = machine.running[0]
                .as_ref()
                .is_some_and(|thread| thread.id() == self.id);
            machine.advance(Nanos(if runs { left } else { 50_000 }));
            machine.deliver_all();
        }
    }
}

fn slice(class: LatencyClass) -> u64 {
    sched::weight::turn(class, sched::fair::DEFAULT_REQUEST).0
}

fn hogs() -> impl Strategy<Value = Vec<(u16, LatencyClass)>> {
    let weight = prop_oneof![1..=1024_u16, Just(64)];
    let class = (0..4_u16).prop_map(|number| LatencyClass::from_number(number).unwrap());
    proptest::collection::vec((weight, class), 1..=10)
}

/// What Parekh and Gallager allow for a turn of the sleeper.
fn allowed(hogs: &[(u16, LatencyClass)], weight: u16) -> u64 {
    let total = u64::from(weight) + hogs.iter().map(|(weight, _)| u64::from(*weight)).sum::<u64>();
    let turn = slice(LatencyClass::Normal);
    let longest = hogs.iter().map(|(_, class)| slice(*class)).fold(turn, u64::max);
    turn * total / u64::from(weight) + longest
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// However long the hogs have been running, a thread that wakes among them has its turn in time.
    #[test]
    fn d1_a_thread_that_wakes_waits_no_longer_than_parekh_and_gallager_allow(
        eevdf in any::<bool>(),
        hogs in hogs(),
        weight in 1..=1024_u16,
        work in 50_000..4_000_000_u64,
        before in 0..500_000_000_u64,
    ) {
        let policy = if eevdf { Policy::Eevdf } else { Policy::WeightedFair };
        let (mut machine, mut sleeper) = Sleeper::beside(&hogs, policy, weight, work);
        machine.advance(Nanos(before));
        let (took, bound) = (sleeper.once(&mut machine), allowed(&hogs, weight));
        prop_assert!(took <= bound, "{} ns for {} of work, at most {} allowed", took, work, bound);
    }

    /// One that does so again and again, for half of what it is guaranteed, waits no longer than twice that. Their bound
    /// itself holds for a clock that counts a sleeper until the fluid server would have finished its work. Ours counts who
    /// is runnable, and so is a little ahead of theirs beside sleepers: the price of nobody being able to slow it down by
    /// being many and short-lived (D4, D7).
    #[test]
    fn d1_a_short_sleeper_waits_no_longer_than_twice_that(
        eevdf in any::<bool>(),
        hogs in hogs(),
        weight in 1..=1024_u16,
        work in 50_000..4_000_000_u64,
        pauses in proptest::collection::vec(0..20_000_000_u64, 30),
    ) {
        let policy = if eevdf { Policy::Eevdf } else { Policy::WeightedFair };
        let (mut machine, mut sleeper) = Sleeper::beside(&hogs, policy, weight, work);
        let total = u64::from(weight) + hogs.iter().map(|(weight, _)| u64::from(*weight)).sum::<u64>();
        let bound = 2 * allowed(&hogs, weight);
        for pause in pauses {
            let began = machine.now.0;
            let took = sleeper.once(&mut machine);
            prop_assert!(took <= bound, "{} ns for {} of work, at most {} allowed", took, work, bound);
            let next = began + 2 * work * total / u64::from(weight) + pause;
            machine.advance(Nanos(next.saturating_sub(machine.now.0)));
            prop_assert_eq!(machine.check(), Ok(()));
        }
    }
}
