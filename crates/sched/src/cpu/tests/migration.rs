//! Moving between CPUs: B1, C2, D3.

use super::*;

/// A CPU whose clock has come far, running thread 1 with `waiting` more threads in its queue.
fn loaded(waiting: u64) -> Bench {
    let mut bench = Bench::running_one();
    for id in 2..2 + waiting {
        let _ = bench.add(thread(id));
    }
    bench.run_for(1_000 * SLICE);
    bench
}

#[test]
fn b1_a_thief_gets_the_most_overdue_thread() {
    let mut bench = loaded(3);
    let head = bench.cpu.queued().next().unwrap().id();
    assert_eq!(bench.cpu.steal_for(CpuId(1), bench.now).unwrap().id(), head);
    assert_eq!(bench.cpu.counters().stolen_from, 1);
}

#[test]
fn b1_a_thief_gets_only_what_may_run_there() {
    let mut bench = Bench::running_one();
    for id in 2..5 {
        let mut entity = thread(id);
        entity.set_affinity(if id == 4 {
            Affinity::Any
        } else {
            Affinity::One(CpuId(0))
        });
        let _ = bench.add(entity);
    }
    assert_eq!(
        bench.cpu.steal_for(CpuId(1), bench.now).unwrap().id(),
        ThreadId(4)
    );
    assert!(bench.cpu.steal_for(CpuId(1), bench.now).is_none());
}

#[test]
fn b1_the_one_thread_that_may_leave_is_found_behind_any_number_that_may_not() {
    let mut bench = Bench::running_one();
    for id in 2..100 {
        let mut entity = thread(id);
        entity.set_affinity(Affinity::One(CpuId(0)));
        let _ = bench.add(entity);
    }
    let _ = bench.add(thread(100));
    let stolen = bench.cpu.steal_for(CpuId(1), bench.now).unwrap();
    assert_eq!(stolen.id(), ThreadId(100));
    assert!(bench.cpu.steal_for(CpuId(1), bench.now).is_none());
}

#[test]
fn b1_a_cpu_that_was_woken_for_its_only_thread_keeps_it() {
    let mut bench = Bench::new();
    let _ = bench.add(thread(1));
    assert!(bench.cpu.steal_for(CpuId(1), bench.now).is_none());
    let _ = bench.add(thread(2));
    assert!(bench.cpu.steal_for(CpuId(1), bench.now).is_some());
}

#[test]
fn d3_migration_keeps_the_lag_between_clocks_that_are_far_apart() {
    let mut old = loaded(2);
    let _ = old.cpu.uncollected(old.now);
    let old_clock = old.cpu.clock();
    let stolen = old.cpu.steal_for(CpuId(1), old.now).unwrap();
    let lag = stolen.share().vruntime().offset_from(old_clock);
    let mut new: Cpu<()> = Cpu::new(CpuId(1), Policy::WeightedFair, Instant::BOOT);
    let _ = new.enqueue(thread(90), EnqueueReason::New, old.now);
    let _ = new.enqueue(stolen, EnqueueReason::Migrated, old.now);
    let arrived = new.queued().find(|entity| entity.id() != ThreadId(90)).unwrap();
    assert_ne!(lag, 0, "the test needs a lag to keep");
    assert_eq!(arrived.share().vruntime().offset_from(new.clock()), lag);
}

// The clock waits for threads that come from behind. It went on waiting when they had left, and newcomers waited with it.
#[test]
fn d3_what_a_thread_was_owed_leaves_with_it() {
    let mut bench = Bench::running_one();
    let home = |cpu, clock| Some(Home { cpu, clock });
    let clock = bench.cpu.clock();
    let mut sleeper = thread(2);
    sleeper.share.start_at(clock.before(SLICE / 2));
    sleeper.home = home(CpuId(0), clock);
    let _ = bench.wake(sleeper);
    let level = bench.cpu.level();
    let mut owed = thread(3);
    owed.home = home(CpuId(1), owed.share().vruntime().after(3 * SLICE));
    let rank = bench.arrive(owed, EnqueueReason::Balanced).rank;
    assert!(bench.cpu.level() < level, "the clock waits for it");
    assert!(bench.cpu.remove(rank, bench.now).is_some());
    assert_eq!(bench.cpu.level(), level);
}

#[test]
fn d3_a_thread_that_wakes_elsewhere_brings_its_lag() {
    let mut old = loaded(1);
    let sleeper = old.end(EndReason::Blocked);
    let lag = sleeper.share().vruntime().offset_from(old.cpu.clock());
    let mut new: Cpu<()> = Cpu::new(CpuId(1), Policy::WeightedFair, Instant::BOOT);
    let rank = new.enqueue(sleeper, EnqueueReason::Wake, old.now).rank;
    assert_eq!(
        rank,
        Rank::Fair(new.clock().moved(lag).after(SLICE), ThreadId(1)),
        "it slept, but nobody told it for how long"
    );
}

// It ran on CPU 0, was moved to the queue of CPU 70, and was taken out of it to wait: 70 is where it is measured.
#[test]
fn d3_the_clock_of_the_cpu_whose_queue_it_left_is_read_not_that_of_the_one_it_ran_on() {
    let mut old = loaded(1);
    let thread = old.end(EndReason::Preempted);
    assert_eq!(thread.last_cpu(), Some(CpuId(0)));
    let mut other = Cpu::new(CpuId(70), Policy::WeightedFair, Instant::BOOT);
    let rank = other.enqueue(thread, EnqueueReason::Migrated, old.now).rank;
    let mut thread = other.remove(rank, old.now).unwrap();
    let board = crate::board::LoadBoard::new(128);
    let mut asked = None;
    thread.observe_home_clock(|home| {
        asked = Some(home);
        board.clock(home)
    });
    assert_eq!((asked, thread.last_cpu()), (Some(CpuId(70)), Some(CpuId(0))));
}

#[test]
fn d4_a_thread_that_wakes_elsewhere_is_paid_for_its_sleep_but_brings_no_hoard() {
    let mut old = loaded(1);
    let mut sleeper = old.end(EndReason::Blocked);
    sleeper.observe_home_clock(|home| {
        assert_eq!(home, CpuId(0));
        old.cpu.clock().after(500 * SLICE)
    });
    let mut new: Cpu<()> = Cpu::new(CpuId(1), Policy::WeightedFair, Instant::BOOT);
    let rank = new.enqueue(sleeper, EnqueueReason::Wake, old.now).rank;
    assert_eq!(
        rank,
        Rank::Fair(new.clock(), ThreadId(1)),
        "one slice of credit, one slice of turn"
    );
}

#[test]
fn c2_migrations_are_counted_where_the_thread_runs_again() {
    let mut old = loaded(1);
    let mut stolen = old.cpu.steal_for(CpuId(1), old.now).unwrap();
    let mut new: Cpu<()> = Cpu::new(CpuId(1), Policy::WeightedFair, old.now);
    let _ = new.enqueue(stolen, EnqueueReason::Migrated, old.now);
    stolen = new.pick(old.now).unwrap();
    let _ = new.begin(&mut stolen, old.now);
    assert_eq!(
        (stolen.account().migrations, stolen.last_cpu()),
        (1, Some(CpuId(1)))
    );
    assert_eq!(new.counters().migrations_in, 1);
}

#[test]
fn c2_waiting_is_counted_across_a_migration() {
    let mut old = Bench::running_one();
    let _ = old.add(thread(2));
    let mut stolen = old.cpu.steal_for(CpuId(1), Instant(300)).unwrap();
    let mut new: Cpu<()> = Cpu::new(CpuId(1), Policy::WeightedFair, Instant::BOOT);
    let _ = new.enqueue(stolen, EnqueueReason::Migrated, Instant(350));
    stolen = new.pick(Instant(500)).unwrap();
    let _ = new.begin(&mut stolen, Instant(500));
    assert_eq!(stolen.account().waiting, Nanos(300 + 150));
}
