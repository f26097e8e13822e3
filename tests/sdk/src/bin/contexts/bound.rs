//! Who is bound, what that costs, and what is told of it.

use capos::{
    OwnedCapability, SchedulingContext, SchedulingContextBindState as BindState,
    SchedulingContextDispatchEffect as Effect, SchedulingContextNotificationKind as Kind,
    SchedulingContextNotificationLifecycleEvent as Event,
    SchedulingContextNotificationObserverResult as Observer, SchedulingContextOperationResult as Answer,
};
use sdk_check::prelude::*;

use crate::{FIRST, bind, client, info, make, now, runtime_ns, sleep, spec, usual};

pub fn bound_once(bench: &mut Bench<'_>) -> Outcome {
    let (context, identity) = make(bench, &spec(50 * MILLISECOND, 100 * MILLISECOND))?;
    let bound = client(&context).bind_caller_thread_wait(&mut bench.ring, FOREVER)?;
    same!(
        (bound.result, bound.identity, bound.binding.state),
        (Answer::Ok, identity, BindState::Bound),
        "binding this thread"
    );
    same!(
        (u64::from(bound.binding.pid), bound.binding.tid),
        (bench.pid, FIRST),
        "who is bound"
    );
    ensure!(
        bound.binding.process_generation > 0 && bound.binding.thread_generation > 0,
        "a holder without a generation: {:?}",
        bound.binding
    );
    same!(bound.dispatch_effect, Effect::BudgetEnforced, "effect once bound");
    let seen = info(bench, &context)?;
    same!(seen.binding, bound.binding, "binding in info");
    same!(seen.dispatch_effect, Effect::BudgetEnforced, "effect in info");
    same!(
        bind(bench, &context)?,
        Answer::AlreadyBound,
        "binding the same again"
    );
    let (other, _) = make(bench, &usual())?;
    let refused = client(&other).bind_caller_thread_wait(&mut bench.ring, FOREVER)?;
    same!(
        (refused.result, refused.binding.state),
        (Answer::AlreadyBound, BindState::Unbound),
        "binding another"
    );
    same!(
        info(bench, &context)?.binding,
        bound.binding,
        "binding after refusals"
    );
    same!(
        info(bench, &other)?.remaining_budget_ns,
        MILLISECOND,
        "what a refused binding used"
    );
    let revoked = client(&context).revoke_wait(&mut bench.ring, FOREVER)?;
    same!(revoked.result, Answer::Ok, "revoking");
    same!(
        bind(bench, &other)?,
        Answer::Ok,
        "binding after the first is gone"
    );
    same!(
        client(&other).revoke_wait(&mut bench.ring, FOREVER)?.result,
        Answer::Ok,
        "revoking the other"
    );
    Ok(())
}

pub fn waiting_is_free(bench: &mut Bench<'_>) -> Outcome {
    // Half of all time is far more than a few calls take.
    let (context, _) = make(bench, &spec(50 * MILLISECOND, 100 * MILLISECOND))?;
    same!(bind(bench, &context)?, Answer::Ok, "binding");
    for _ in 0..5 {
        sleep(bench, 60 * MILLISECOND)?;
    }
    let news = client(&context).drain_notifications_wait(&mut bench.ring, FOREVER)?;
    ensure!(
        !news.budget_depleted.present && news.observer_result == Observer::Ok,
        "a thread that sleeps used up half of all time: {news:?}"
    );
    same!(
        client(&context).revoke_wait(&mut bench.ring, FOREVER)?.result,
        Answer::Ok,
        "revoking"
    );
    Ok(())
}

pub fn exhausted(bench: &mut Bench<'_>) -> Outcome {
    let (context, identity) = make(bench, &usual())?;
    same!(bind(bench, &context)?, Answer::Ok, "binding");
    let (begin, before) = (now(bench)?, runtime_ns(bench)?);
    let end = begin + 200 * MILLISECOND;
    while now(bench)? < end {
        for _ in 0..2000 {
            core::hint::spin_loop();
        }
    }
    let (elapsed, used) = (now(bench)? - begin, runtime_ns(bench)? - before);
    // A twentieth, the budget of the period that has begun, and as much again for timers that a busy host lets come late.
    ensure!(
        used <= elapsed / 10 + 2 * MILLISECOND,
        "with a twentieth of a CPU a hog had {used} ns of {elapsed}"
    );
    ensure!(used >= MILLISECOND, "in ten periods it had {used} ns");
    let news = client(&context).drain_notifications_wait(&mut bench.ring, FOREVER)?;
    same!(
        (news.identity, news.observer_result, news.lifecycle_event),
        (identity, Observer::Ok, Event::None),
        "whose news"
    );
    let told = news.budget_depleted;
    same!(
        (told.kind, told.present, told.context_id, told.generation),
        (
            Kind::BudgetDepleted,
            true,
            identity.context_id,
            identity.generation
        ),
        "what is told"
    );
    // One that a busy host lets come late by several budgets is paid for by as many periods.
    ensure!(
        (told.sequence >= 2 || used > 4 * MILLISECOND) && told.coalesced_count == told.sequence - 1,
        "event {} comes with {} that nobody read",
        told.sequence,
        told.coalesced_count
    );
    same!(
        (
            told.holder.state,
            u64::from(told.holder.pid),
            told.holder.tid,
            told.donated_holder
        ),
        (BindState::Bound, bench.pid, FIRST, false),
        "who used it up"
    );
    // Two periods, and those that pay for what a late timer let it have: 20 ms for each millisecond.
    let latest = begin + elapsed + 40 * MILLISECOND + 20 * used;
    ensure!(
        told.next_timestamp_ns > begin && told.next_timestamp_ns < latest,
        "from {begin} to {elapsed} later it was used up, and comes back at {}",
        told.next_timestamp_ns
    );
    let revoked = client(&context).revoke_wait(&mut bench.ring, FOREVER)?;
    same!(revoked.result, Answer::Ok, "revoking");

    // What was read is not told again, and the numbers go on counting.
    let (second, _) = make(bench, &spec(MILLISECOND, 40 * MILLISECOND))?;
    same!(bind(bench, &second)?, Answer::Ok, "binding the second");
    let mut last = 0;
    for _ in 0..3 {
        let told = await_depletion(bench, &second)?;
        ensure!(
            told.sequence == last + 1 + told.coalesced_count,
            "after event {last} event {} comes with {} unread",
            told.sequence,
            told.coalesced_count
        );
        last = told.sequence;
    }
    same!(
        client(&second).revoke_wait(&mut bench.ring, FOREVER)?.result,
        Answer::Ok,
        "revoking the second"
    );
    Ok(())
}

/// Computes until a depletion is told.
pub fn await_depletion(
    bench: &mut Bench<'_>,
    context: &OwnedCapability<SchedulingContext>,
) -> Outcome<capos::SchedulingContextNotificationSlot> {
    loop {
        let news = client(context).drain_notifications_wait(&mut bench.ring, FOREVER)?;
        if news.budget_depleted.present {
            return Ok(news.budget_depleted);
        }
        for _ in 0..2000 {
            core::hint::spin_loop();
        }
    }
}
