//! Threads whose time is limited or reserved, beside others and alone.

use super::*;
use crate::check::cpu_is_sound;
use crate::context::{Budget, ContextId, Overrun, Spec};
use crate::cpu::Exchanged;
use crate::cpu::HandoffRefusal;
use crate::entity::Affinity;
use crate::horizon::HorizonReason;
use crate::rank::{Rank, Standing};
use core::mem::swap;

const MS: u64 = 1_000_000;

fn context(number: u64) -> ContextId {
    ContextId {
        number,
        generation: 1,
    }
}

fn limit(number: u64, budget: u64, period: u64) -> Box<Budget> {
    let spec = Spec::limit(Nanos(budget), Nanos(period), Overrun::Throttle);
    Budget::new(context(number), spec.unwrap(), Instant::BOOT)
}

fn reservation(number: u64, budget: u64, period: u64, overrun: Overrun) -> Box<Budget> {
    let spec = Spec::reservation(Nanos(budget), Nanos(period), Nanos(period), overrun);
    Budget::new(context(number), spec.unwrap(), Instant::BOOT)
}

fn stays(exchanged: Option<Exchanged<()>>) -> Enqueued {
    match exchanged {
        Some(Exchanged::Stays(enqueued)) => enqueued,
        other => panic!("it should wait here still: {other:?}"),
    }
}

fn with(id: u64, budget: Box<Budget>) -> Box<Entity<()>> {
    let mut thread = thread(id);
    thread.change_parked_budget(|none| *none = Some(budget));
    thread
}

/// What the running thread, and everybody who waits, were charged to their contexts.
fn used(cpu: &Cpu<()>) -> Nanos {
    let waiting = cpu.queued().filter_map(Entity::budget);
    let all = waiting.chain(cpu.running_in());
    all.fold(Nanos::ZERO, |sum, budget| sum + budget.used())
}

/// How long each thread ran within `span`, in order of ids.
fn shares(bench: &mut Bench, span: u64) -> std::vec::Vec<(u64, u64)> {
    let before = ran(bench);
    bench.run_for(span);
    let after = ran(bench);
    assert_eq!(cpu_is_sound(&bench.cpu), Ok(()));
    assert_eq!(used(&bench.cpu), bench.cpu.counters().in_contexts);
    let pairs = after.iter().zip(&before);
    pairs.map(|((id, now), (_, then))| (*id, now - then)).collect()
}

fn ran(bench: &mut Bench) -> std::vec::Vec<(u64, u64)> {
    let uncollected = bench.cpu.uncollected(bench.now).ran.0;
    let of = |entity: &Entity<()>, more| (entity.id().0, entity.account().runtime.0 + more);
    let mut all: std::vec::Vec<_> = bench.cpu.queued().map(|entity| of(entity, 0)).collect();
    all.extend(bench.running.as_ref().map(|entity| of(entity, uncollected)));
    all.sort_unstable();
    all
}

#[test]
fn e3_a_limited_hog_has_its_budget_in_every_period_and_the_other_has_the_rest() {
    for policy in [Policy::WeightedFair, Policy::Eevdf] {
        let mut bench = Bench::with(policy);
        let _ = bench.add(with(1, limit(1, 2 * MS, 10 * MS)));
        let _ = bench.add(thread(2));
        bench.dispatch();
        for _ in 0..20 {
            assert_eq!(shares(&mut bench, 10 * MS), [(1, 2 * MS), (2, 8 * MS)]);
        }
    }
}

#[test]
fn e2_a_throttled_thread_leaves_an_idle_cpu_idle_until_the_very_instant() {
    let mut bench = Bench::new();
    let _ = bench.add(with(1, limit(1, 3 * MS, 10 * MS)));
    bench.dispatch();
    assert_eq!(bench.timer, Some(Instant(3 * MS)));
    bench.run_for(3 * MS);
    assert!(bench.running.is_none());
    assert_eq!(bench.timer, Some(Instant(10 * MS)));
    let why = bench.cpu.horizon(bench.now).map(|horizon| horizon.why);
    assert_eq!(why, Some(HorizonReason::Replenishment));
    bench.run_for(7 * MS);
    assert_eq!(bench.running_id(), 1);
    assert_eq!(shares(&mut bench, 90 * MS), [(1, 27 * MS)]);
}

#[test]
fn g2_a_reservation_runs_at_once_whatever_else_does_and_the_clock_of_the_others_waits() {
    for policy in [Policy::WeightedFair, Policy::Eevdf] {
        let mut bench = Bench::with(policy);
        for id in 2..6 {
            let _ = bench.add(thread(id));
        }
        bench.dispatch();
        let mut periodic = with(1, reservation(1, 2 * MS, 10 * MS, Overrun::Throttle));
        for _ in 0..20 {
            assert_eq!(bench.wake(periodic).effect, Effect::Preempt);
            let before = bench.cpu.clock();
            let verdict = bench.cpu.reconsider(bench.now);
            bench.obey(verdict);
            assert_eq!(bench.running_id(), 1);
            bench.run_for(MS);
            assert_eq!(
                bench.cpu.clock(),
                before,
                "reserved service moves no virtual clock"
            );
            periodic = bench.block();
            assert_eq!(cpu_is_sound(&bench.cpu), Ok(()));
            bench.run_for(9 * MS);
        }
        assert_eq!(periodic.budget().unwrap().used(), Nanos(20 * MS));
        assert_eq!(periodic.account().waiting, Nanos::ZERO);
    }
}

#[test]
fn e3_reservations_of_all_time_but_a_little_have_their_budgets_by_their_deadlines() {
    let mut bench = Bench::new();
    let _ = bench.add(with(1, reservation(1, 3 * MS, 10 * MS, Overrun::Throttle)));
    let _ = bench.add(with(2, reservation(2, 6 * MS, 15 * MS, Overrun::Throttle)));
    let _ = bench.add(with(3, reservation(3, 7 * MS, 30 * MS, Overrun::Throttle)));
    let _ = bench.add(thread(4));
    bench.dispatch();
    for _ in 0..10 {
        let shares = shares(&mut bench, 30 * MS);
        assert_eq!(shares, [(1, 9 * MS), (2, 12 * MS), (3, 7 * MS), (4, 2 * MS)]);
    }
}

#[test]
fn e9_who_has_all_the_time_there_is_runs_alone_without_a_timer() {
    let mut bench = Bench::new();
    let _ = bench.add(with(1, limit(1, 10 * MS, 10 * MS)));
    bench.dispatch();
    assert_eq!(bench.timer, None);
    assert_eq!(bench.cpu.reconsider(Instant(1_000 * MS)), Verdict::Keep(None));
}

#[test]
fn e16_whoever_is_demoted_shares_by_weight_until_the_instant_of_replenishment() {
    for policy in [Policy::WeightedFair, Policy::Eevdf] {
        let mut bench = Bench::with(policy);
        let _ = bench.add(with(1, reservation(1, 2 * MS, 10 * MS, Overrun::Demote)));
        let _ = bench.add(thread(2));
        bench.dispatch();
        let mut own = 0;
        for period in 1..=50 {
            own += shares(&mut bench, 10 * MS)[0].1;
            // Demoted, it may wait or run at this moment; it is served now either way.
            assert_eq!(bench.running_id(), 1, "period {period}");
            let due = Rank::Deadline(Instant((period + 1) * 10 * MS), ThreadId(1));
            assert_eq!(bench.cpu.running().unwrap().rank(), due);
        }
        let all = 50 * 10 * MS;
        let ideal = all / 10 * 2 + all / 10 * 8 / 2;
        assert!(own.abs_diff(ideal) <= 2 * SLICE, "{own} of {ideal}");
        assert_eq!(bench.cpu.counters().in_contexts, Nanos(all / 10 * 2));
    }
}

#[test]
fn e3_a_thread_that_agreed_to_it_ends_when_it_overruns() {
    let mut bench = Bench::new();
    let spec = Spec::limit(Nanos(MS), Nanos(10 * MS), Overrun::Fault).unwrap();
    let _ = bench.add(with(1, Budget::new(context(1), spec, Instant::BOOT)));
    bench.dispatch();
    bench.run_for(MS - 1);
    assert_eq!(bench.faulted, None);
    bench.run_for(1);
    assert_eq!(bench.faulted, Some(ThreadId(1)));
}

#[test]
fn e3_whoever_overran_ends_whoever_has_looked_at_its_budget_since() {
    let mut bench = Bench::new();
    let spec = Spec::limit(Nanos(MS), Nanos(10 * MS), Overrun::Fault).unwrap();
    let _ = bench.add(with(1, Budget::new(context(1), spec, Instant::BOOT)));
    bench.dispatch();
    let verdict = bench.cpu.change_running_budget(Instant(MS), |_| {});
    assert_eq!(verdict, Verdict::Fault);
    // Who looked does not act on that, and its CPU asks again.
    assert_eq!(bench.cpu.reconsider(Instant(MS)), Verdict::Fault);
}

#[test]
fn e3_what_is_carved_out_of_a_budget_in_use_or_owed_is_no_overrun() {
    type Taking = fn(&mut Budget);
    let ways: [Taking; 2] = [
        |budget| {
            let _ = budget.carve(Nanos(MS / 2), Instant(3 * MS / 4));
        },
        |budget| budget.owe(Nanos(MS / 2)),
    ];
    for take in ways {
        let mut bench = Bench::new();
        let spec = Spec::limit(Nanos(MS), Nanos(10 * MS), Overrun::Fault).unwrap();
        let _ = bench.add(with(1, Budget::new(context(1), spec, Instant::BOOT)));
        bench.dispatch();
        let verdict = bench.cpu.change_running_budget(Instant(3 * MS / 4), |budget| {
            take(budget.as_mut().unwrap());
        });
        assert_eq!(verdict, Verdict::Switch, "it waits");
        let budget = bench.cpu.running_in().unwrap();
        assert_eq!((budget.overruns(), budget.news().is_any()), (0, false));
    }
}

#[test]
fn e3_whoever_is_given_a_budget_that_others_have_used_up_waits_and_is_not_ended() {
    let mut bench = Bench::running_one();
    let spec = Spec::limit(Nanos(MS), Nanos(10 * MS), Overrun::Fault).unwrap();
    let mut used_up = Budget::new(context(1), spec, bench.now);
    used_up.charge(bench.now, Nanos(MS), ThreadId(9));
    let _ = used_up.settle_down(bench.now, ThreadId(9));
    let verdict = bench
        .cpu
        .change_running_budget(bench.now, |budget| *budget = Some(used_up));
    assert_eq!(verdict, Verdict::Switch);
    assert!(bench.cpu.running_must_wait(bench.now));
    bench.obey(verdict);
    bench.run_for(12 * MS);
    assert!(bench.faulted.is_some(), "what it then uses itself is its own");
}

#[test]
fn e2_what_a_late_timer_lets_a_thread_have_is_paid_before_the_next_refill() {
    let mut bench = Bench::new();
    let _ = bench.add(with(1, limit(1, 2 * MS, 10 * MS)));
    let _ = bench.add(thread(2));
    bench.dispatch();
    assert_eq!(bench.timer, Some(Instant(2 * MS)));
    // The timer of 2 ms comes at 3.
    bench.now = Instant(3 * MS);
    let verdict = bench.cpu.reconsider(bench.now);
    bench.obey(verdict);
    assert_eq!(bench.running_id(), 2);
    bench.run_for(7 * MS);
    assert_eq!(shares(&mut bench, 10 * MS)[0].1, MS);
    assert_eq!(shares(&mut bench, 100 * MS)[0].1, 20 * MS);
}

#[test]
fn e1_a_budget_is_given_and_taken_wherever_its_thread_is() {
    let mut bench = Bench::new();
    let _ = bench.add(thread(1));
    let waiting = bench.add(thread(2)).rank;
    bench.dispatch();
    let mut hand = Some(limit(1, MS, 10 * MS));
    // Running.
    let verdict = bench
        .cpu
        .change_running_budget(bench.now, |budget| swap(budget, &mut hand));
    bench.obey(verdict);
    assert!(hand.is_none());
    bench.run_for(MS);
    assert_eq!(bench.running_id(), 2);
    // Throttled: whoever takes the budget lets the thread go on by weight.
    let throttled = Rank::Throttled(Instant(10 * MS), ThreadId(1));
    let moved = stays(
        bench
            .cpu
            .change_queued_budget(throttled, bench.now, |budget| swap(budget, &mut hand)),
    );
    assert!(matches!(moved.rank, Rank::Fair(..)));
    assert_eq!(hand.as_ref().unwrap().used(), Nanos(MS));
    assert_eq!(cpu_is_sound(&bench.cpu), Ok(()));
    // Waiting: the used budget throttles at once, until the instant that was decided when it was used.
    let moved = stays(
        bench
            .cpu
            .change_queued_budget(moved.rank, bench.now, |budget| swap(budget, &mut hand)),
    );
    assert_eq!(moved.rank, throttled);
    let nobody = bench.cpu.change_queued_budget(waiting, bench.now, |_| {});
    assert!(nobody.is_none());
    assert_eq!(cpu_is_sound(&bench.cpu), Ok(()));
    assert_eq!(shares(&mut bench, 9 * MS)[0].1, 0);
}

#[test]
fn e6_ending_while_throttled_or_demoted_leaves_nothing_behind() {
    for overrun in [Overrun::Throttle, Overrun::Demote] {
        let mut bench = Bench::new();
        let _ = bench.add(with(1, reservation(1, MS, 10 * MS, overrun)));
        let _ = bench.add(thread(2));
        bench.dispatch();
        bench.run_for(MS + SLICE);
        assert_eq!(bench.running_id(), 2);
        let rank = bench.cpu.queued().next().unwrap().rank();
        let mut ended = bench.cpu.remove(rank, bench.now).unwrap();
        let mut hand = None;
        ended.change_parked_budget(|budget| swap(budget, &mut hand));
        assert_eq!(hand.unwrap().used(), Nanos(MS));
        assert!(!bench.cpu.has_to_replenish(Instant::NEVER));
        assert_eq!(bench.cpu.reconsider(bench.now), Verdict::Keep(None));
    }
}

#[test]
fn b6_no_handoff_to_a_thread_that_has_used_its_budget_or_past_a_deadline() {
    let refusal = |bench: &mut Bench, to: Box<Entity<()>>| {
        let from = bench.running.as_mut().unwrap();
        bench
            .cpu
            .hand_over(from, to, bench.now)
            .err()
            .map(|refused| refused.reason)
    };
    let mut bench = Bench::running_one();
    let mut empty = limit(1, MS, 10 * MS);
    empty.charge(bench.now, Nanos(MS), ThreadId(9));
    assert_eq!(
        refusal(&mut bench, with(2, empty)),
        Some(HandoffRefusal::OutOfBudget)
    );
    let _ = bench.add(with(3, reservation(1, MS, 10 * MS, Overrun::Throttle)));
    assert_eq!(
        refusal(&mut bench, thread(4)),
        Some(HandoffRefusal::DeadlineWaits)
    );
    let later = with(5, reservation(2, MS, 20 * MS, Overrun::Throttle));
    assert_eq!(refusal(&mut bench, later), Some(HandoffRefusal::DeadlineWaits));
    let sooner = with(6, reservation(3, MS, 5 * MS, Overrun::Throttle));
    assert_eq!(refusal(&mut bench, sooner), None);
    assert_eq!(bench.cpu.running().unwrap().id(), ThreadId(6));
    assert_eq!(bench.cpu.running_in().unwrap().context(), context(3));
}

#[test]
fn e3_a_thousand_budgets_that_come_back_at_once_are_seen_to_a_few_at_a_time() {
    let mut bench = Bench::new();
    for id in 0..1_000 {
        let mut empty = limit(id, MS / 10, MS / 10 * 2);
        empty.charge(bench.now, Nanos(MS / 10), ThreadId(9));
        let _ = bench.add(with(id, empty));
    }
    bench.dispatch();
    assert!(bench.running.is_none());
    let at = bench.timer.unwrap();
    let mut rounds = 0;
    while bench.cpu.has_to_replenish(at) {
        let mut seen = 0;
        bench.cpu.replenish(at, |_, _| seen += 1);
        assert!(seen <= 16);
        rounds += 1;
        let horizon = bench.cpu.horizon(at);
        assert!(
            horizon.is_none_or(|horizon| horizon.at > at),
            "a timer in the past"
        );
    }
    assert_eq!((rounds, bench.cpu.load().waiting), (63, 1_000));
}

// While it was throttled the clock went on without it. When it was then taken to another CPU, with budget again, it was owed all that.
#[test]
fn d4_being_throttled_is_no_way_to_credit_also_not_for_who_is_moved_meanwhile() {
    let mut bench = Bench::new();
    let _ = bench.add(with(1, limit(1, MS, 10 * MS)));
    let _ = bench.add(weighted(2, 1));
    bench.dispatch();
    bench.run_for(9 * MS);
    let throttled = Rank::Throttled(Instant(10 * MS), ThreadId(1));
    bench.now = Instant(20 * MS);
    let moved = bench.cpu.remove(throttled, bench.now).unwrap();
    let mut other = Cpu::new(CpuId(1), Policy::Eevdf, Instant::BOOT);
    let rank = other.enqueue(moved, EnqueueReason::Migrated, bench.now).rank;
    assert!(matches!(rank, Rank::Fair(..)));
    let share = *other.queued().next().unwrap().share();
    let ahead = share.vruntime().offset_from(other.clock());
    assert!(ahead >= -(share.virtual_slice() as i64), "{ahead}");
}

#[test]
fn e7_whoever_has_a_budget_runs_where_that_may_be_used_and_where_it_may_by_itself_afterwards() {
    let elsewhere = || limit(1, MS, 10 * MS).confined_to(Affinity::One(CpuId(1)));
    // At rest.
    let mut resting = with(1, elsewhere());
    resting.set_affinity(Affinity::One(CpuId(0)));
    assert_eq!(*resting.affinity(), Affinity::One(CpuId(1)));
    assert!(!resting.outline().may_include(CpuId(0)));
    resting.change_parked_budget(|budget| *budget = None);
    assert_eq!(*resting.affinity(), Affinity::One(CpuId(0)));
    assert!(!resting.outline().may_include(CpuId(1)));
    // Waiting.
    let mut bench = Bench::running_one();
    let rank = bench.add(thread(2)).rank;
    let gone = bench
        .cpu
        .change_queued_budget(rank, bench.now, |budget| *budget = Some(elsewhere()));
    let Some(Exchanged::Leaves(gone)) = gone else {
        panic!("it may not wait here any more");
    };
    assert_eq!(gone.id(), ThreadId(2));
    assert_eq!(bench.cpu.load().waiting, 0);
    assert_eq!(cpu_is_sound(&bench.cpu), Ok(()));
    // Running.
    let verdict = bench
        .cpu
        .change_running_budget(bench.now, |budget| *budget = Some(elsewhere()));
    assert_eq!(verdict, Verdict::Switch);
    let running = bench.running.as_ref().unwrap();
    assert!(bench.cpu.running_must_leave(running));
    let mut running = bench.running.take().unwrap();
    let _ = bench.cpu.move_out(&mut running, bench.now);
    assert_eq!(*running.affinity(), Affinity::One(CpuId(1)));
    assert_eq!(cpu_is_sound(&bench.cpu), Ok(()));
}

#[test]
fn e7_a_running_thread_that_may_not_be_here_by_itself_leaves_with_its_budget() {
    let here = Affinity::One(CpuId(0));
    for (own, must_leave) in [(Affinity::One(CpuId(1)), true), (Affinity::Any, false)] {
        let mut bench = Bench::new();
        let mut confined = with(1, limit(1, MS, 10 * MS).confined_to(here.clone()));
        confined.set_affinity(own);
        let _ = bench.add(confined);
        bench.dispatch();
        let mut hand = None;
        let verdict = bench
            .cpu
            .change_running_budget(bench.now, |budget| swap(budget, &mut hand));
        // Its entity has to be asked, so the CPU looks in any case.
        assert_eq!(verdict, Verdict::Switch);
        let mut running = bench.running.take().unwrap();
        assert_eq!(bench.cpu.running_must_leave(&running), must_leave);
        let _ = bench.cpu.end(&mut running, bench.now, EndReason::Preempted);
        assert_eq!(running.affinity().allows(CpuId(0)), !must_leave);
        assert!(running.outline().may_include(CpuId(1)));
    }
}

#[test]
fn e5_what_was_used_up_and_what_was_missed_is_told_with_who_had_it() {
    let mut bench = Bench::new();
    let _ = bench.add(with(1, limit(1, 2 * MS, 10 * MS)));
    bench.dispatch();
    bench.run_for(25 * MS);
    let rank = bench.cpu.queued().next().unwrap().rank();
    let mut news = None;
    let enqueued = stays(bench.cpu.change_queued_budget(rank, bench.now, |budget| {
        news = budget.as_mut().map(|budget| budget.read_news());
    }));
    assert_eq!(enqueued.rank, rank, "looking moves nobody");
    let news = news.unwrap();
    assert!(news.used_up.is_present && !news.missed.is_present);
    assert_eq!((news.used_up.sequence, news.used_up.coalesced), (3, 2));
    assert_eq!(
        (news.used_up.thread, news.used_up.next),
        (ThreadId(1), Instant(30 * MS))
    );
}

#[test]
fn e5_a_deadline_that_passes_while_the_thread_still_wants_its_time_is_missed_once() {
    // Both have 6 of 10 reserved, which no admission would grant: one of them is late in each period.
    let mut bench = Bench::new();
    for id in 1..=2 {
        let _ = bench.add(with(id, reservation(id, 6 * MS, 10 * MS, Overrun::Throttle)));
    }
    bench.dispatch();
    bench.run_for(11 * MS);
    let _ = bench.cpu.uncollected(bench.now);
    let budget = bench.cpu.running_in().unwrap();
    assert_eq!((budget.context().number, budget.misses()), (2, 1));
    assert_eq!(budget.news().missed.thread, ThreadId(2));
    bench.run_for(MS / 2);
    let _ = bench.cpu.uncollected(bench.now);
    assert_eq!(bench.cpu.running_in().unwrap().misses(), 1);
}

#[test]
fn x8_a_thread_whose_budget_and_cpus_both_changed_while_it_ran_is_told_of_both() {
    let mut bench = Bench::new();
    let _ = bench.add(with(1, reservation(1, 5 * MS, 10 * MS, Overrun::Throttle)));
    bench.dispatch();
    bench.run_for(MS);
    let mut here = Affinity::One(CpuId(0));
    let _ = bench.cpu.restrict_running(&mut here, bench.now);
    let mut taken = None;
    let _ = bench
        .cpu
        .change_running_budget(bench.now, |budget| swap(budget, &mut taken));
    assert_eq!(taken.map(|budget| budget.used()), Some(Nanos(MS)));
    let ended = bench.end(EndReason::Preempted);
    assert_eq!(*ended.own_affinity(), Affinity::One(CpuId(0)));
    assert!(ended.budget().is_none() && matches!(ended.rank(), Rank::Fair(..)));
}

#[test]
fn e11_a_server_that_has_used_up_what_it_was_lent_goes_on_by_weight_and_its_owner_owes_the_time() {
    for policy in [Policy::WeightedFair, Policy::Eevdf] {
        for is_reserved in [false, true] {
            let mut lent = match is_reserved {
                true => reservation(1, 2 * MS, 10 * MS, Overrun::Throttle),
                false => limit(1, 2 * MS, 10 * MS),
            };
            lent.lend(true);
            let mut bench = Bench::with(policy);
            let _ = bench.add(with(1, lent));
            let _ = bench.add(thread(2));
            bench.dispatch();
            // Before the other if it is reserved, and beside it by weight from then on.
            let shares = shares(&mut bench, 40 * MS);
            assert!(
                shares[0].1.abs_diff(20 * MS) <= SLICE + if is_reserved { 4 * MS } else { 0 },
                "{shares:?}"
            );
            // Given back, it is paid for before anything else counts.
            let mut hand = None;
            if bench.running_id() == 1 {
                let verdict = bench
                    .cpu
                    .change_running_budget(bench.now, |budget| swap(budget, &mut hand));
                bench.obey(verdict);
            } else {
                let waiting = bench.cpu.queued().find(|thread| thread.id().0 == 1);
                let rank = waiting.unwrap().rank();
                let _ = stays(bench.cpu.change_queued_budget(rank, bench.now, |budget| {
                    swap(budget, &mut hand);
                }));
            }
            let mut back = hand.unwrap();
            back.lend(false);
            assert_eq!(back.used().0, shares[0].1, "it is charged all the same");
            let Standing::Spent(until) = back.standing(bench.now) else {
                panic!("it owes nothing: {back:?}");
            };
            let periods = shares[0].1 / (2 * MS);
            assert!(
                until.0 >= (periods - 1) * 10 * MS,
                "{until:?} after {periods} budgets"
            );
        }
    }
}
