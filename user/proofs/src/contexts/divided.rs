//! Who may have how much: bad wishes, quotes, and time that is carved out of other time.

use alloc::vec::Vec;

use rt::Env;
use rt::context::{Context, Misfit, Overrun, Refusal, Refused, ms, us};
use rt::monitor::Monitor;

use super::{granted, is_gone, time};
use crate::ensure;
use crate::tools::Wrong;

/// What a second of a CPU is.
const SECOND: u64 = ms(1_000);

/// Bad wishes are refused, and the ledger is what it was.
pub(super) fn refusals_change_nothing(env: &Env) -> Result<(), Wrong> {
    let time = time(env)?;
    let before = capacities(env)?;
    let limit = Context::limit(ms(1)).every(ms(10));
    for (bad, why) in [
        (
            Context::limit(us(100) - 1).every(ms(1)),
            "a budget below the least",
        ),
        (Context::limit(ms(2)).every(ms(1)), "a budget above its period"),
        (
            Context::limit(ms(1)).every(ms(10_001)),
            "a period above the longest",
        ),
        (limit.clone().due_within(ms(11)), "a deadline behind the period"),
        (limit.clone().on([]), "no CPU"),
        (limit.clone().on([4_096]), "a CPU that is not there"),
        (
            limit.clone().when_used_up(Overrun::Demote),
            "a limit that demotes",
        ),
    ] {
        let answer = bad.create(&time)?;
        ensure!(
            answer.as_ref().err() == Some(&Refusal::InvalidSpec),
            "{why} was answered with {answer:?}"
        );
    }
    let late = Context::reserve(ms(2))
        .every(ms(10))
        .due_within(ms(1))
        .carve(&time)?;
    ensure!(
        late.as_ref().err() == Some(&Refusal::InvalidSpec),
        "a budget above its deadline was reserved: {late:?}"
    );
    let plain = granted(limit.create(&time)?, "a limit")?;
    let answer = Context::reserve(us(100)).every(ms(10)).carve(&plain)?;
    ensure!(
        answer.as_ref().err() == Some(&Refusal::NoCapacity),
        "a limit was divided: {answer:?}"
    );
    // The capability that makes contexts is none itself.
    let answers = [time.bind()?, time.unbind()?, time.revoke()?];
    ensure!(
        answers == [Err(Refused::NoContext); 3],
        "what is no context answers {answers:?}"
    );
    granted(plain.revoke()?, "revoking")?;
    is_gone(&plain)?;
    ensure!(capacities(env)? == before, "refusals changed the ledger");
    Ok(())
}

/// What a refusal says would be granted is, and one nanosecond more is not; what is given back can be had again.
pub(super) fn what_is_quoted_is_granted(env: &Env) -> Result<(), Wrong> {
    let time = time(env)?;
    let before = capacities(env)?;
    let given = before[0].0;
    let of = |budget| Context::reserve(budget).every(SECOND).on([0]);
    let refusal = of(given + 1).carve(&time)?;
    let Err(Refusal::DoesNotFit { cpu: 0, why, most_ns }) = refusal else {
        return Err(Wrong::Seen(alloc::format!(
            "more than there is was answered with {refusal:?}"
        )));
    };
    ensure!(
        matches!(why, Misfit::Parent { left_ns, period_ns: SECOND } if left_ns == given)
            && most_ns == Some(given),
        "more than there is does not fit because of {why:?}, and {most_ns:?} would"
    );
    // Two whose deadlines lie close together: each fits alone.
    let urgent = Context::reserve(ms(6)).every(ms(100)).due_within(ms(10)).on([0]);
    let first = granted(urgent.carve(&time)?, "the first of two")?;
    let refusal = urgent.carve(&time)?;
    let Err(Refusal::DoesNotFit {
        why: Misfit::Deadline {
            within_ns,
            demand_ns,
            holder,
        },
        most_ns: Some(most),
        ..
    }) = refusal
    else {
        return Err(Wrong::Seen(alloc::format!(
            "the second was answered with {refusal:?}"
        )));
    };
    ensure!(
        within_ns == ms(10) && demand_ns == ms(12) && holder == first.identity()? && most == ms(4),
        "{demand_ns} ns would be due within {within_ns}, most to {holder:?}, and {most} would fit"
    );
    let more = Context::reserve(most + 1)
        .every(ms(100))
        .due_within(ms(10))
        .on([0]);
    ensure!(more.carve(&time)?.is_err(), "one nanosecond more was granted");
    let quoted = Context::reserve(most).every(ms(100)).due_within(ms(10)).on([0]);
    let second = granted(quoted.carve(&time)?, "what was quoted")?;
    drop((first, second));
    ensure!(capacities(env)? == before, "what is released is not given back");
    Ok(())
}

/// Whoever revokes a reservation takes back what was carved out of it, however deep.
pub(super) fn a_revoked_parent_takes_its_children_along(env: &Env) -> Result<(), Wrong> {
    let time = time(env)?;
    let before = capacities(env)?;
    let parent = granted(
        Context::reserve(ms(40)).every(ms(100)).on([0]).carve(&time)?,
        "a parent",
    )?;
    let mut family = alloc::vec![parent];
    for budget in [30, 20, 10] {
        let child = Context::reserve(ms(budget))
            .every(ms(100))
            .carve(&family[family.len() - 1])?;
        family.push(granted(child, "a child")?);
    }
    let left: Vec<u64> = family.iter().map(remaining).collect::<Result<_, _>>()?;
    ensure!(
        left == [ms(10), ms(10), ms(10), ms(10)],
        "after carving, {left:?} ns are left to each"
    );
    // The middle one goes: what it had goes to its parent, and nothing of it is left below.
    granted(family[1].revoke()?, "revoking in the middle")?;
    for gone in &family[1..] {
        is_gone(gone)?;
    }
    let carved = family[0].usage(|usage| Ok(usage.get_carved_ns()))?;
    ensure!(carved == 0, "{carved} ns are carved out for nobody");
    let again = Context::reserve(ms(39)).every(ms(100)).carve(&family[0])?;
    drop(granted(again, "what came back")?);
    drop(family);
    ensure!(capacities(env)? == before, "the family is not given back");
    Ok(())
}

fn remaining(context: &Context) -> Result<u64, rt::Error> {
    context.info(|info| Ok(info.get_remaining_budget_ns()))
}

/// What may be reserved of each CPU, and how much nobody has.
fn capacities(env: &Env) -> Result<Vec<(u64, u64)>, rt::Error> {
    env.first::<Monitor>()?.contexts(|_, capacities| {
        let of = |cpu: schema_gen::monitor::cpu_capacity::Reader<'_>| (cpu.get_given_ns(), cpu.get_left_ns());
        Ok(capacities.iter().map(of).collect())
    })
}
