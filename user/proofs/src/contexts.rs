//! E1 to E16: CPU time that is held. A limit is held to and had in full, a reservation is had whatever else runs, time is divided
//! and comes back, and whoever ends, is ended or revoked at any moment leaves the ledger as it was.

mod divided;
mod given;
mod helped;
mod lent;
mod served;
mod told;

pub(crate) use given::live_on_what_was_given;

use rt::context::{Context, Refusal, Refused, ms};
use rt::monitor::Monitor;
use rt::time::Timer;
use rt::{Env, Error};
use schema_gen::system::SchedulingContextDispatchEffect as Effect;
use schema_gen::system::SchedulingContextStanding as Standing;

use crate::ensure;
use crate::tools::Wrong;

/// The proof, where time is counted in instructions: one CPU, on which everything that happens is the same each time.
pub fn prove(env: &Env) -> Result<(), Wrong> {
    divided::refusals_change_nothing(env)?;
    divided::what_is_quoted_is_granted(env)?;
    divided::a_revoked_parent_takes_its_children_along(env)?;
    given::what_a_child_was_given_comes_back(env)?;
    served::a_limited_hog_has_its_budget_and_no_more(env)?;
    served::a_reservation_is_had_beside_hogs(env)?;
    served::a_demoted_thread_goes_on_by_weight(env)?;
    served::who_agreed_to_it_ends(env)?;
    served::revoking_lets_a_throttled_thread_go_on(env)?;
    told::what_happened_is_told_once(env)?;
    told::who_waits_is_woken(env)?;
    told::who_waits_is_told_that_it_is_gone(env)?;
    told::eight_may_wait(env)?;
    lent::the_caller_pays(env)?;
    lent::a_server_is_served_like_its_caller(env)?;
    lent::a_caller_owes_what_it_has_not(env)?;
    lent::a_poor_caller_blocks_nobody(env)?;
    helped::who_waits_helps_a_server_without_time(env)?;
    helped::who_was_helped_owes(env)?;
    helped::who_waits_helps_when_others_time_is_used_up(env)?;
    helped::who_helps_no_longer_is_owed_no_more(env)?;
    lent::a_caller_that_waits_no_longer_takes_its_time_back(env)?;
    lent::a_server_that_ends_brings_the_time_back(env)?;
    lent::lent_time_can_be_revoked(env)?;
    lent::a_server_of_two_takes_the_time_of_one(env)?;
    lent::who_has_time_is_lent_none(env)?;
    nothing_is_left(env)
}

/// The same on several CPUs, as far as it does not depend on the order in which they come.
pub fn prove_on_several(env: &Env) -> Result<(), Wrong> {
    divided::refusals_change_nothing(env)?;
    divided::what_is_quoted_is_granted(env)?;
    divided::a_revoked_parent_takes_its_children_along(env)?;
    given::what_a_child_was_given_comes_back(env)?;
    given::what_comes_back_finds_time_on_its_way(env)?;
    served::a_thread_runs_where_its_time_may_be_used(env)?;
    served::whoever_ends_leaves_the_ledger_as_it_was(env)?;
    told::who_waits_is_woken(env)?;
    lent::a_server_runs_where_its_caller_may(env)?;
    lent::nothing_is_lost_between_cpus(env)?;
    nothing_is_left(env)
}

/// E12: on a CPU whose timer was not proven nothing can be reserved, and a limit that may be used there says that it is not enforced.
pub fn prove_without_the_last_timer(env: &Env) -> Result<(), Wrong> {
    let cpus = env.first::<Monitor>()?.system(|info| Ok(info.get_cpu_count()))?;
    let (time, last) = (time(env)?, cpus - 1);
    let wish = Context::reserve(ms(1));
    let refused = wish.clone().on([last]).carve(&time)?;
    ensure!(
        refused.as_ref().err() == Some(&Refusal::NotEnforced),
        "a reservation that nobody enforces was answered with {refused:?}"
    );
    let elsewhere = granted(wish.on([0, last]).carve(&time)?, "a reservation on another CPU")?;
    let cpu = elsewhere.usage(|usage| Ok(usage.get_cpu()))?;
    ensure!(cpu == 0, "it was made on CPU {cpu}");
    for (cpus, expected) in [
        (alloc::vec![0], Effect::BudgetEnforced),
        (alloc::vec![0, last], Effect::InfoOnlyNoDispatchChange),
    ] {
        let limit = granted(Context::limit(ms(1)).on(cpus.clone()).create(&time)?, "a limit")?;
        granted(limit.bind()?, "binding this thread")?;
        let effect = limit.info(|info| Ok(info.get_dispatch_effect()?))?;
        ensure!(effect == expected, "on CPUs {cpus:?} a limit is {effect:?}");
        granted(limit.unbind()?, "unbinding")?;
    }
    drop(elsewhere);
    nothing_is_left(env)
}

/// All contexts are gone, and everything may be reserved that might at first.
fn nothing_is_left(env: &Env) -> Result<(), Wrong> {
    let (count, capacities) = env.first::<Monitor>()?.contexts(|contexts, capacities| {
        let all: alloc::vec::Vec<_> = capacities
            .iter()
            .map(|cpu| (cpu.get_given_ns(), cpu.get_left_ns()))
            .collect();
        Ok((contexts.len(), all))
    })?;
    ensure!(count == 0, "{count} contexts are left");
    for (cpu, (given, left)) in capacities.iter().enumerate() {
        ensure!(
            given == left && *given > 0,
            "of CPU {cpu}, {left} ns are left of {given}"
        );
    }
    Ok(())
}

/// What the first process may divide.
fn time(env: &Env) -> Result<Context, Error> {
    env.first()
}

/// How a wish or a change was answered: a refusal where none should be is wrong.
fn granted<T, E: core::fmt::Debug>(answer: Result<T, E>, what: &str) -> Result<T, Wrong> {
    answer.map_err(|refusal| Wrong::Seen(alloc::format!("{what}: {refusal:?}")))
}

/// Used nanoseconds, overruns and misses.
fn used(context: &Context) -> Result<(u64, u64, u64), Error> {
    context.usage(|usage| Ok((usage.get_used_ns(), usage.get_overruns(), usage.get_misses())))
}

fn standing(context: &Context) -> Result<Standing, Error> {
    context.usage(|usage| Ok(usage.get_standing()?))
}

/// Whoever asks a context that is gone is told that, in each way.
fn is_gone(context: &Context) -> Result<(), Wrong> {
    let answers = [context.bind()?, context.unbind()?, context.revoke()?];
    ensure!(
        answers == [Err(Refused::Stale); 3],
        "a context that is gone answers {answers:?}"
    );
    let generation = context.info(|info| Ok(info.get_identity()?.get_generation()))?;
    ensure!(generation == 2, "what is gone has generation {generation}");
    Ok(())
}

/// Now, on the clock that contexts run on.
fn now(env: &Env) -> Result<u64, Error> {
    env.first::<Timer>()?.now_ns()
}
