//! D5 against its source: Stoica and Abdel-Wahab, "Earliest Eligible Virtual Deadline First" (TR-95-22, Old Dominion
//! University, 1995, revised 1996): the worked example, and the bounds on lag.

mod support;

use proptest::prelude::*;
use sched::{
    Cpu, CpuId, EndReason, EnqueueReason, Entity, Instant, LatencyClass, Nanos, Policy, ThreadId, Weight,
};
use support::Machine;

const QUANTUM: Nanos = Nanos::from_millis(1);

/// The paper's virtual time in thousandths: one of its units is one quantum at weight 1, which is 64 of ours.
fn thousandths(cpu: &Cpu<()>, time: u64) -> u64 {
    let start = sched::VirtualTime::START.0;
    assert!(time >= start, "{time} on {}", cpu.id());
    (time - start) * 1_000 / (64 * QUANTUM.0)
}

fn client(id: u64, request: u64) -> Box<Entity<()>> {
    let mut client = Entity::new(ThreadId(id), Weight::new(2).unwrap(), LatencyClass::Normal, ());
    client.set_request(Nanos(request * QUANTUM.0));
    client
}

/// Two clients of weight 2, the first with requests of length 2 from time 0 on, the second with
/// requests of length 1 from time 1 on, and quanta of length 1. Where both deadlines are equal the paper lets the second
/// go first, so it has the smaller id here.
#[test]
fn d5_the_papers_example_comes_out_as_printed() {
    let mut cpu: Cpu<()> = Cpu::new(CpuId(0), Policy::Eevdf, Instant::BOOT);
    let _ = cpu.enqueue(client(2, 2), EnqueueReason::New, Instant::BOOT);
    let mut seen = Vec::new();
    for quantum in 0..8 {
        let now = Instant(quantum * QUANTUM.0);
        let mut running = cpu.pick(now).unwrap();
        let _ = cpu.begin(&mut running, now);
        let share = *running.share();
        seen.push((
            3 - running.id().0,
            thousandths(&cpu, cpu.clock().0),
            thousandths(&cpu, share.vruntime().0),
            thousandths(&cpu, share.vfinish().0),
        ));
        let now = now + QUANTUM;
        if quantum == 0 {
            let _ = cpu.enqueue(client(1, 1), EnqueueReason::New, now);
        }
        let _ = cpu.end(&mut running, now, EndReason::Preempted);
        let _ = cpu.enqueue(running, EnqueueReason::Preempted, now);
    }
    // Who gets the quantum, the virtual time then, how far it has come, and the deadline of its request.
    let printed = [
        (1, 0, 0, 1_000),
        (2, 500, 500, 1_000),
        (1, 750, 500, 1_000),
        (2, 1_000, 1_000, 1_500),
        (1, 1_250, 1_000, 2_000),
        (2, 1_500, 1_500, 2_000),
        (1, 1_750, 1_500, 2_000),
        (2, 2_000, 2_000, 2_500),
    ];
    assert_eq!(seen, printed);
}

/// Weights and request sizes in microseconds.
fn clients() -> impl Strategy<Value = Vec<(u16, u64)>> {
    let weight = prop_oneof![1..=1024_u16, Just(64), Just(1), Just(1024)];
    proptest::collection::vec((weight, 200..20_000_u64), 2..=12)
}

/// A machine with one CPU on which these run from the beginning.
fn machine_of(clients: &[(u16, u64)]) -> (Machine, Vec<ThreadId>) {
    let mut machine = Machine::new(1, Policy::Eevdf);
    let ids = clients.iter().map(|(weight, request)| {
        let id = machine.spawn_with_request(*weight, Nanos::from_micros(*request));
        machine.deliver_all();
        id
    });
    let ids = ids.collect();
    (machine, ids)
}

/// What each is behind its fluid share: positive is owed to it.
fn lags(machine: &mut Machine, clients: &[(u16, u64)], ids: &[ThreadId]) -> Vec<i128> {
    let used = machine.runtimes();
    let total: i128 = clients.iter().map(|(weight, _)| i128::from(*weight)).sum();
    let elapsed = i128::from(machine.now.0);
    let lag = |(id, (weight, _)): (&ThreadId, &(u16, u64))| {
        elapsed * i128::from(*weight) / total - i128::from(used[id])
    };
    ids.iter().zip(clients).map(lag).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Theorem 1: in a static set the lag of a client is more than minus its longest request and less than the larger of
    /// that and the quantum. A turn here is a whole request, so the quantum is the longest request of anybody. One
    /// microsecond is for the shortest timer.
    #[test]
    fn d5_lag_stays_between_the_bounds_of_theorem_1(
        clients in clients(),
        pauses in proptest::collection::vec(0..30_000_000_u64, 1..60),
    ) {
        let (mut machine, ids) = machine_of(&clients);
        let quantum = clients.iter().map(|(_, request)| request * 1_000).max().unwrap();
        for pause in pauses {
            machine.advance(Nanos(pause));
            for (lag, (weight, request)) in lags(&mut machine, &clients, &ids).into_iter().zip(&clients) {
                let (low, high) = (i128::from(request * 1_000), i128::from(quantum));
                prop_assert!(
                    lag > -low - 1_000 && lag < high + 1_000,
                    "weight {weight}, request {request} us: lag {lag}"
                );
            }
            prop_assert_eq!(machine.check(), Ok(()));
        }
    }

    /// It follows that a request is fulfilled at most a quantum later than its virtual deadline: whoever waits for a request of length r has it within r × all weights / its own, and one quantum of another that was being served.
    #[test]
    fn d5_every_request_is_served_by_its_deadline_and_a_quantum(clients in clients()) {
        let (mut machine, ids) = machine_of(&clients);
        let total: u64 = clients.iter().map(|(weight, _)| u64::from(*weight)).sum();
        let quantum = clients.iter().map(|(_, request)| request * 1_000).max().unwrap();
        let (first, (weight, request)) = (ids[0], clients[0]);
        let within = request * 1_000 * total / u64::from(weight) + quantum + 1_000;
        for turn in 1..=10 {
            let until = turn * request * 1_000 * total / u64::from(weight) + quantum + 1_000;
            machine.advance(Nanos(until.saturating_sub(machine.now.0)));
            let used = machine.runtimes()[&first];
            prop_assert!(
                used + 1_000 * turn >= turn * request * 1_000,
                "{} requests by {} ns (within {}): {} ns", turn, until, within, used
            );
        }
    }
}

/// Virtual slices are rounded, so a turn may end a virtual nanosecond before its deadline. That rest was once served as a
/// turn of its own, of a microsecond.
#[test]
fn d5_what_rounding_leaves_of_a_turn_is_no_turn() {
    for weights in [[3, 7, 1021], [11, 13, 17], [129, 1, 1000], [65, 66, 67]] {
        let clients = weights.map(|weight| (weight, 4_000));
        let (mut machine, _) = machine_of(&clients);
        machine.advance(Nanos::from_secs(8));
        let turns: u64 = machine.cpus[0].counters().switches;
        assert!(
            turns <= 8_000 / 4 + 3,
            "{weights:?}: {turns} turns in 2,000 slices"
        );
    }
}
