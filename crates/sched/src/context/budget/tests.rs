//! What a budget means for whoever has it, moment by moment.

use super::*;

const MS: fn(u64) -> Nanos = Nanos::from_millis;
const CONTEXT: ContextId = ContextId {
    number: 1,
    generation: 1,
};

const THREAD: ThreadId = ThreadId(7);

const fn at(ms: u64) -> Instant {
    Instant(ms * 1_000_000)
}

fn limit() -> Box<Budget> {
    let spec = Spec::limit(MS(2), MS(10), Overrun::Throttle);
    Budget::new(CONTEXT, spec.unwrap(), at(0))
}

fn reservation(overrun: Overrun) -> Box<Budget> {
    let spec = Spec::reservation(MS(2), MS(10), MS(5), overrun);
    Budget::new(CONTEXT, spec.unwrap(), at(0))
}

#[test]
fn e3_a_limit_is_fair_until_it_is_used_up_and_again_a_period_after_its_use_began() {
    let mut budget = limit();
    assert_eq!(budget.standing(at(3)), Standing::Fair);
    assert_eq!(budget.lasts_until(at(3)), at(5));
    budget.charge(at(3), MS(2), THREAD);
    assert_eq!(budget.standing(at(5)), Standing::Spent(at(13)));
    assert_eq!(
        (budget.remaining(at(12)), budget.remaining(at(13))),
        (MS(0), MS(2))
    );
    assert_eq!(budget.standing(at(13)), Standing::Fair);
}

#[test]
fn g2_a_reservation_is_due_by_its_deadline_from_when_it_was_wanted() {
    let mut budget = reservation(Overrun::Throttle);
    budget.release(at(4));
    assert_eq!(budget.standing(at(4)), Standing::Reserved(at(9)));
    // Served late, it comes back a period after it was wanted: lateness does not add up.
    budget.charge(at(7), MS(2), THREAD);
    assert_eq!(budget.standing(at(9)), Standing::Spent(at(14)));
    assert_eq!(budget.standing(at(14)), Standing::Reserved(at(19)));
}

#[test]
fn e16_whoever_is_demoted_is_fair_until_there_is_budget_again() {
    let mut budget = reservation(Overrun::Demote);
    budget.charge(at(0), MS(2), THREAD);
    assert_eq!(budget.standing(at(2)), Standing::Demoted(at(10)));
    assert_eq!(budget.standing(at(10)), Standing::Reserved(at(15)));
}

#[test]
fn e9_a_budget_that_is_all_the_time_there_is_never_ends() {
    let spec = Spec::limit(MS(10), MS(10), Overrun::Throttle);
    let mut budget = Budget::new(CONTEXT, spec.unwrap(), at(0));
    budget.charge(at(0), MS(1_000), THREAD);
    assert_eq!(budget.lasts_until(at(1_000)), Instant::NEVER);
    assert_eq!(budget.standing(at(1_000)), Standing::Fair);
    assert_eq!((budget.used(), budget.remaining(at(1_000))), (MS(1_000), MS(10)));
}

#[test]
fn e2_a_clock_that_is_behind_charges_nothing_to_the_past() {
    let mut budget = limit();
    budget.charge(at(5), MS(1), THREAD);
    budget.charge(at(4), MS(1), THREAD);
    assert_eq!(
        budget.standing(at(6)),
        Standing::Spent(at(15)),
        "one piece from 5 to 7"
    );
}

#[test]
fn e10_what_is_carved_out_is_not_there_and_comes_back_a_period_later() {
    let mut budget = limit();
    assert_eq!(budget.carve(MS(1), at(1)), Some(at(1)));
    assert_eq!((budget.remaining(at(1)), budget.spec().budget()), (MS(1), MS(1)));
    budget.restore(MS(1), at(2), at(0)).unwrap();
    assert_eq!(
        (budget.remaining(at(11)), budget.remaining(at(12))),
        (MS(1), MS(2))
    );
    // Whoever had it used some of it that would not be there before 40.
    assert_eq!(budget.carve(MS(1), at(13)), Some(at(13)));
    budget.restore(MS(1), at(14), at(40)).unwrap();
    assert_eq!(
        (budget.remaining(at(39)), budget.remaining(at(40))),
        (MS(1), MS(2))
    );
    let all_but_a_crumb = MS(2).saturating_sub(Nanos(99_999));
    assert_eq!(budget.carve(all_but_a_crumb, at(41)), None);
    assert_eq!(
        budget.remaining(at(41)),
        MS(2),
        "a refused carving changes nothing"
    );
}

#[test]
fn e11_what_came_while_a_server_waited_by_weight_counts_from_when_it_is_looked_at() {
    let mut budget = reservation(Overrun::Throttle);
    budget.lend(true);
    budget.charge(at(0), MS(2), THREAD);
    assert_eq!(budget.standing(at(2)), Standing::Fair);
    // There is some again from 10 on, and from then on for each of three periods; it waits behind heavier threads until 35.
    budget.catch_up(Standing::Fair, at(35));
    assert_eq!(budget.standing(at(35)), Standing::Reserved(at(40)));
    budget.charge(at(35), MS(2), THREAD);
    assert_eq!(budget.standing(at(37)), Standing::Fair);
    assert_eq!(budget.lasts_until(at(37)), at(45));
}

// A timer that is set for what a horizon says stays right for as long as only time passes.
#[test]
fn e11_a_lent_limit_that_is_used_up_is_looked_at_when_there_is_some_again() {
    let mut budget = limit();
    budget.lend(true);
    budget.charge(at(0), MS(2), THREAD);
    assert_eq!(budget.lasts_until(at(2)), at(10));
    assert_eq!(budget.lasts_until(at(10)), at(12));
}

#[test]
fn e10_a_budget_is_whole_when_all_that_was_used_is_there_again() {
    let mut budget = reservation(Overrun::Throttle);
    assert!(budget.whole_from() <= at(0));
    budget.charge(at(0), MS(1), THREAD);
    assert_eq!(budget.whole_from(), at(10));
}
