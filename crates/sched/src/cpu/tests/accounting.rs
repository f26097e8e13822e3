//! Charging at every way off the CPU, and the counters: C1, C2, A1.

use super::*;
use crate::context::{Budget, ContextId, Overrun, Spec};

#[test]
fn c1_every_way_off_the_cpu_charges_the_interval() {
    for why in [
        EndReason::Blocked,
        EndReason::Preempted,
        EndReason::Yielded,
        EndReason::Exited,
    ] {
        let mut bench = Bench::new();
        let _ = bench.add(weighted(1, 128));
        bench.dispatch();
        bench.now = Instant(5_000);
        let mut entity = bench.running.take().unwrap();
        let charge = bench.cpu.end(&mut entity, bench.now, why);
        assert_eq!(
            charge,
            Charge {
                ran: Nanos(5_000),
                virtual_ran: 2_500
            },
            "{why:?}"
        );
        assert_eq!(entity.account().runtime, Nanos(5_000), "{why:?}");
        assert_eq!(entity.account().virtual_runtime, 2_500, "{why:?}");
    }
}

#[test]
fn c1_the_runtime_of_a_blocked_thread_does_not_move() {
    let mut bench = Bench::running_one();
    let _ = bench.add(thread(2));
    bench.run_for(SLICE / 2);
    let blocked = bench.block();
    let used = *blocked.account();
    bench.run_for(50 * SLICE);
    let _ = bench.wake(blocked);
    let waiting = bench.cpu.queued().next().unwrap();
    assert_eq!(waiting.account().runtime, used.runtime);
    assert_eq!(waiting.account().virtual_runtime, used.virtual_runtime);
}

#[test]
fn c1_charges_in_the_middle_add_up_to_the_whole() {
    let mut bench = Bench::new();
    let _ = bench.add(weighted(1, 3));
    bench.dispatch();
    let mut entity = bench.running.take().unwrap();
    let mut sum = Charge::default();
    for now in [7, 8, 100, 1_001] {
        let charge = bench.cpu.charge(&mut entity, Instant(now));
        sum.ran += charge.ran;
        sum.virtual_ran += charge.virtual_ran;
    }
    assert_eq!(sum.ran, Nanos(1_001));
    assert_eq!(sum.virtual_ran, (1_001 * 64_u64).div_ceil(3));
    assert_eq!(entity.account().virtual_runtime, sum.virtual_ran);
}

#[test]
fn c2_switches_preemptions_and_blocks_are_told_apart() {
    let mut bench = Bench::new();
    let _ = bench.add(thread(1));
    let _ = bench.add(thread(2));
    bench.dispatch();
    bench.run_for(SLICE);
    assert_eq!(
        bench.running_id(),
        2,
        "thread 1 was preempted at the end of its turn"
    );
    bench.run_for(SLICE / 2);
    let second = bench.block();
    bench.yield_now();
    let first = bench.end(EndReason::Blocked);
    let counts = |entity: &Entity<()>| {
        let account = entity.account();
        (
            account.switches,
            account.preemptions,
            account.voluntary_blocks,
            account.migrations,
        )
    };
    assert_eq!(counts(&first), (3, 1, 1, 0));
    assert_eq!(counts(&second), (1, 0, 1, 0));
    assert_eq!(first.last_cpu(), Some(CpuId(0)));
    let counters = bench.cpu.counters();
    assert_eq!(
        (counters.switches, counters.preemptions, counters.voluntary_blocks),
        (4, 1, 2)
    );
}

#[test]
fn a1_every_way_off_the_cpu_is_counted_and_time_beside_others_is_apart() {
    let mut bench = Bench::running_one();
    bench.run_for(1_000);
    let _ = bench.add(thread(2));
    bench.run_for(500);
    let first = bench.end(EndReason::Yielded);
    let _ = bench.cpu.enqueue(first, EnqueueReason::Yielded, bench.now);
    bench.dispatch();
    let gone = bench.end(EndReason::Exited);
    drop(gone);
    bench.dispatch();
    bench.run_for(300);
    let _ = bench.cpu.uncollected(bench.now);
    let counters = *bench.cpu.counters();
    assert_eq!((counters.switches, counters.yields, counters.exits), (3, 1, 1));
    assert_eq!((counters.busy, counters.shared), (Nanos(1_800), Nanos(500)));
}

#[test]
fn c2_waiting_is_the_time_between_ready_and_running() {
    let mut bench = Bench::running_one();
    bench.now = Instant(1_000);
    let _ = bench.add(thread(2));
    bench.run_for(SLICE - 1_000);
    assert_eq!(bench.running_id(), 2);
    let second = bench.end(EndReason::Blocked);
    assert_eq!(second.account().waiting, Nanos(SLICE - 1_000));
}

#[test]
fn a1_busy_and_idle_time_add_up() {
    let mut bench = Bench::new();
    bench.now = Instant(300);
    let _ = bench.add(thread(1));
    bench.dispatch();
    bench.now = Instant(1_000);
    let entity = bench.end(EndReason::Blocked);
    bench.now = Instant(1_600);
    let _ = bench.wake(entity);
    bench.dispatch();
    let counters = bench.cpu.counters();
    assert_eq!((counters.busy, counters.idle), (Nanos(700), Nanos(900)));
}

#[test]
fn a_remote_observer_sees_the_time_not_yet_collected() {
    let mut bench = Bench::running_one();
    assert_eq!(bench.cpu.uncollected(Instant(250)).ran, Nanos(250));
    assert_eq!(
        bench.cpu.uncollected(Instant(400)).ran,
        Nanos(400),
        "looking takes nothing away"
    );
    bench.now = Instant(400);
    assert_eq!(bench.end(EndReason::Blocked).account().runtime, Nanos(400));
    assert_eq!(bench.cpu.uncollected(Instant(900)), Charge::default());
}

#[test]
fn a1_idle_time_includes_the_stretch_that_is_not_over() {
    let mut bench = Bench::new();
    assert_eq!(bench.cpu.idle_time(Instant(300)), Nanos(300));
    bench.now = Instant(1_000);
    let _ = bench.add(thread(1));
    bench.dispatch();
    assert_eq!(bench.cpu.idle_time(Instant(5_000)), Nanos(1_000));
    bench.now = Instant(5_000);
    let _ = bench.end(EndReason::Blocked);
    assert_eq!(bench.cpu.idle_time(Instant(5_700)), Nanos(1_700));
}

#[test]
fn c1_a_clock_that_is_ahead_elsewhere_adds_to_no_charge_twice() {
    let mut bench = Bench::running_one();
    let mut used = 0;
    // Another CPU's clock is 50 us ahead. It looks in during each of a hundred turns of 10 us.
    for turn in 0..100 {
        let ahead = bench.now + Nanos::from_micros(50);
        let _ = bench.cpu.uncollected(ahead);
        bench.run_for(10_000);
        let mut entity = bench.running.take().unwrap();
        used += bench.cpu.end(&mut entity, bench.now, EndReason::Blocked).ran.0;
        let _ = bench.wake(entity);
        bench.dispatch();
        let most = (turn + 1) * 10_000 + 50_000;
        assert!(used <= most, "{used} ns were charged where there were {most}");
    }
    let counters = bench.cpu.counters();
    assert!(counters.busy.0 + counters.idle.0 <= bench.now.0 + 50_000);
}

#[test]
fn a1_reserved_time_is_shared_while_somebody_waits_and_not_alone() {
    let mut bench = Bench::new();
    let _ = bench.add(reserved(1));
    bench.dispatch();
    bench.run_for(1_000);
    let _ = bench.cpu.uncollected(bench.now);
    assert_eq!(bench.cpu.counters().shared, Nanos::ZERO);
    let _ = bench.add(thread(2));
    bench.run_for(500);
    let _ = bench.cpu.uncollected(bench.now);
    assert_eq!(bench.cpu.counters().shared, Nanos(500));
    assert_eq!(bench.cpu.counters().busy, Nanos(1_500));
}

/// A thread with half of the time there is.
fn reserved(id: u64) -> Box<Entity<()>> {
    let spec = Spec::reservation(
        Nanos(SLICE),
        Nanos(2 * SLICE),
        Nanos(2 * SLICE),
        Overrun::Throttle,
    )
    .unwrap();
    let context = ContextId {
        number: id,
        generation: 1,
    };
    let mut thread = thread(id);
    thread.change_parked_budget(|none| *none = Some(Budget::new(context, spec, Instant::BOOT)));
    thread
}

#[test]
fn b3_a_thousand_threads_are_found_in_some_dozen_steps_whatever_the_order_of_their_coming() {
    let mut bench = Bench::new();
    for id in 1..=1_000 {
        let _ = bench.add(thread(id));
    }
    let depth = bench.cpu.queue().depth();
    assert!((10..=40).contains(&depth), "{depth}");
}
