//! What is left of a context that was revoked: that it is gone.

use capos::{
    OwnedCapability, SchedulingContext, SchedulingContextBindState as BindState,
    SchedulingContextDispatchEffect as Effect, SchedulingContextIdentity as Identity,
    SchedulingContextNotificationLifecycleEvent as Event,
    SchedulingContextNotificationObserverResult as Observer, SchedulingContextOperationResult as Answer,
    SchedulingContextState as State,
};
use sdk_check::prelude::*;

use crate::{bind, client, info, make, usual};

pub fn revoked(bench: &mut Bench<'_>) -> Outcome {
    let (context, identity) = make(bench, &usual())?;
    same!(bind(bench, &context)?, Answer::Ok, "binding");
    let answer = client(&context).revoke_wait(&mut bench.ring, FOREVER)?;
    let after = Identity {
        generation: identity.generation + 1,
        ..identity
    };
    same!(
        (answer.result, answer.identity, answer.previous_generation),
        (Answer::Ok, after, identity.generation),
        "revoking"
    );
    is_stale(bench, &context, after)?;
    // This thread has no context now, and may have another.
    let (other, _) = make(bench, &usual())?;
    same!(bind(bench, &other)?, Answer::Ok, "binding another");
    is_stale(bench, &context, after)?;
    same!(
        info(bench, &other)?.binding.state,
        BindState::Bound,
        "binding of the other"
    );
    same!(
        client(&other).revoke_wait(&mut bench.ring, FOREVER)?.result,
        Answer::Ok,
        "revoking the other"
    );
    Ok(())
}

/// Whatever is asked of it is answered with that it is gone.
pub fn is_stale(
    bench: &mut Bench<'_>,
    context: &OwnedCapability<SchedulingContext>,
    identity: Identity,
) -> Outcome {
    for _ in 0..2 {
        let seen = info(bench, context)?;
        same!(
            (seen.state, seen.identity, seen.remaining_budget_ns),
            (State::StaleGeneration, identity, 0),
            "info of what is gone"
        );
        ensure!(
            seen.binding.state != BindState::Bound && seen.binding.pid == 0 && seen.binding.tid == 0,
            "what is gone is bound: {:?}",
            seen.binding
        );
        same!(
            seen.dispatch_effect,
            Effect::InfoOnlyNoDispatchChange,
            "effect of what is gone"
        );
        let bound = client(context).bind_caller_thread_wait(&mut bench.ring, FOREVER)?;
        same!(
            (bound.result, bound.identity),
            (Answer::StaleGeneration, identity),
            "binding what is gone"
        );
        let again = client(context).revoke_wait(&mut bench.ring, FOREVER)?;
        same!(
            (again.result, again.identity),
            (Answer::StaleGeneration, identity),
            "revoking what is gone"
        );
        let news = client(context).drain_notifications_wait(&mut bench.ring, FOREVER)?;
        same!(
            (news.observer_result, news.lifecycle_event, news.identity),
            (Observer::StaleGeneration, Event::ExplicitRevoke, identity),
            "news of what is gone"
        );
        ensure!(
            !news.budget_depleted.present && !news.deadline_or_timeout.present,
            "what is gone has news: {news:?}"
        );
    }
    Ok(())
}
