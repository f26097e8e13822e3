//! What contexts are when they are new, and which are not made.

use capos::{
    OverrunPolicy, SchedulingContextBindState as BindState, SchedulingContextClient,
    SchedulingContextCreateOutcome as Created, SchedulingContextDispatchEffect as Effect,
    SchedulingContextOperationResult as Answer, SchedulingContextSpec as Spec,
    SchedulingContextState as State, capos_capnp,
};
use sdk_check::prelude::*;
use sdk_check::wire;

use crate::{NOBODY, create, info, make, spec, usual};

pub fn factory(bench: &mut Bench<'_>) -> Outcome {
    let mut factory: SchedulingContextClient = bench.client("contexts")?;
    let seen = factory.info_wait(&mut bench.ring, FOREVER)?;
    same!(seen.identity, NOBODY, "identity of the bootstrap capability");
    same!(seen.binding.state, BindState::Unbound, "its binding");
    same!(
        seen.dispatch_effect,
        Effect::InfoOnlyNoDispatchChange,
        "its dispatch effect"
    );
    let bound = factory.bind_caller_thread_wait(&mut bench.ring, FOREVER)?;
    same!(
        (bound.result, bound.identity, bound.binding.state),
        (Answer::InvalidSpec, NOBODY, BindState::Unbound),
        "binding it"
    );
    let revoked = factory.revoke_wait(&mut bench.ring, FOREVER)?;
    same!(
        (revoked.result, revoked.identity, revoked.previous_generation),
        (Answer::InvalidSpec, NOBODY, 0),
        "revoking it"
    );
    let news = factory.drain_notifications_wait(&mut bench.ring, FOREVER)?;
    ensure!(
        !news.budget_depleted.present && !news.deadline_or_timeout.present,
        "it has news: {news:?}"
    );
    Ok(())
}

pub fn created(bench: &mut Bench<'_>) -> Outcome {
    for asked in [
        usual(),
        spec(MILLISECOND / 10, 10_000 * MILLISECOND),
        spec(10_000 * MILLISECOND, 10_000 * MILLISECOND),
        Spec {
            relative_deadline_ns: 5 * MILLISECOND,
            overrun_policy: OverrunPolicy::Fault,
            ..usual()
        },
    ] {
        let (context, identity) = make(bench, &asked)?;
        ensure!(
            identity.context_id != 0 && identity.generation == 1,
            "a new context is {identity:?}"
        );
        let seen = info(bench, &context)?;
        same!(seen.identity, identity, "identity");
        same!(seen.state, State::Active, "state");
        same!(seen.binding.state, BindState::Unbound, "binding");
        same!(
            seen.remaining_budget_ns,
            asked.budget_ns,
            "what is left of a new budget"
        );
        same!(
            seen.dispatch_effect,
            Effect::InfoOnlyNoDispatchChange,
            "effect of a context without a thread"
        );
        let due = match asked.relative_deadline_ns {
            0 => asked.period_ns,
            deadline => deadline,
        };
        same!(
            (seen.spec.budget_ns, seen.spec.period_ns, seen.spec.overrun_policy),
            (asked.budget_ns, asked.period_ns, asked.overrun_policy),
            "spec"
        );
        same!(seen.spec.relative_deadline_ns, due, "deadline");
        same!(seen.spec.cpu_mask, asked.cpu_mask, "mask");
    }
    Ok(())
}

pub fn bad_specs(bench: &mut Bench<'_>) -> Outcome {
    let with_mask = |mask: &[u8]| Spec {
        cpu_mask: mask.into(),
        ..usual()
    };
    let due = |deadline| Spec {
        relative_deadline_ns: deadline,
        ..usual()
    };
    for (bad, why) in [
        (spec(0, MILLISECOND), "no budget"),
        (spec(MILLISECOND, 0), "no period"),
        (spec(0, 0), "nothing"),
        (
            spec(MILLISECOND / 10 - 1, MILLISECOND),
            "less than the least budget",
        ),
        (spec(MILLISECOND + 1, MILLISECOND), "a budget above its period"),
        (
            spec(MILLISECOND, 10_000 * MILLISECOND + 1),
            "a period above the longest",
        ),
        (spec(u64::MAX, u64::MAX), "all numbers at their end"),
        (due(20 * MILLISECOND + 1), "a deadline behind the period"),
        (due(u64::MAX), "a deadline at the end of all numbers"),
        (with_mask(&[]), "no mask"),
        (with_mask(&[0]), "a mask of nobody"),
        (with_mask(&[1, 0]), "a mask that is longer than it must be"),
        (with_mask(&[0, 0, 0, 0, 0, 0, 0, 0, 1]), "a CPU that is not there"),
        (with_mask(&[0xff; 200]), "far more CPUs than there are"),
    ] {
        let answer = match create(bench, &bad)? {
            Created::Created(made) => fail!("{why} was granted: {:?}", made.response),
            Created::Rejected(answer) => answer,
        };
        same!(
            (answer.result, answer.identity, answer.context_index),
            (Answer::InvalidSpec, NOBODY, 0xffff),
            "{why}"
        );
    }
    // Policies that the published client cannot express: one is ours and only for reservations, the other nobody's.
    for ordinal in [2u16, 3, u16::MAX] {
        let mut params = Vec::from(wire::encode::<
            capos_capnp::scheduling_context::create_params::Owned,
        >(|params| {
            let mut spec = params.init_spec();
            spec.set_budget_ns(MILLISECOND);
            spec.set_period_ns(20 * MILLISECOND);
            spec.set_cpu_mask(&[1]);
            spec.set_overrun_policy(capos_capnp::OverrunPolicy::Fault);
        }));
        // The message has its segment table, the root's pointer, the root, whose one pointer is the spec's, and then the
        // spec: three times, and the policy behind them.
        let policy = 8 + 8 + 8 + 3 * 8;
        same!(
            params[policy..policy + 2],
            [1, 0],
            "the policy's place in the message"
        );
        params[policy..policy + 2].copy_from_slice(&ordinal.to_le_bytes());
        let answer = bench.answer(bench.cap("contexts")?, 1, &params, 512)?;
        let result =
            wire::answer::<capos_capnp::scheduling_context::create_results::Owned, _>(&answer, |root| {
                Ok((root.get_result()?, root.get_context_index()))
            })?;
        same!(answer.cqe().cap_count, 0, "capabilities for policy {ordinal}");
        same!(
            result,
            (capos_capnp::SchedulingContextOperationResult::InvalidSpec, 0xffff),
            "policy {ordinal}"
        );
    }
    Ok(())
}

pub fn identities(bench: &mut Bench<'_>) -> Outcome {
    let mut seen = Vec::new();
    for _ in 0..200 {
        let (context, identity) = make(bench, &usual())?;
        ensure!(
            !seen.contains(&identity.context_id),
            "context {} came twice",
            identity.context_id
        );
        seen.push(identity.context_id);
        drop(context);
        bench.ring.flush_releases()?;
    }
    Ok(())
}

pub fn exhaustion(bench: &mut Bench<'_>) -> Outcome {
    let mut kept = Vec::new();
    loop {
        let mut factory: SchedulingContextClient = bench.client("contexts")?;
        match factory.create_wait(&mut bench.ring, &usual(), FOREVER) {
            Ok(Created::Created(made)) => kept.push(made.context),
            Ok(Created::Rejected(answer)) => {
                same!(
                    (answer.result, answer.identity),
                    (Answer::ResourceExhausted, NOBODY),
                    "a full table"
                );
                break;
            }
            Err(error) => fail!("a full table was answered with {error:?}"),
        }
        ensure!(kept.len() < 100_000, "there is no end of contexts");
    }
    ensure!(kept.len() >= 16, "only {} contexts fit", kept.len());
    kept.clear();
    bench.ring.flush_releases()?;
    let (context, _) = make(bench, &usual())?;
    same!(info(bench, &context)?.state, State::Active, "state of one more");
    Ok(())
}

pub fn shapes(bench: &mut Bench<'_>) -> Outcome {
    let (context, _) = make(bench, &usual())?;
    let cap = context.cap_id();
    bench.exception(cap, 77, wire::NOTHING, ExceptionType::Unimplemented)?;
    // What has no room for its answer changes nothing.
    for method in [0u16, 2, 3, 4] {
        same!(
            bench.call(cap, method, wire::NOTHING, 8)?.cqe().result,
            -3,
            "method {method} without room"
        );
    }
    let seen = info(bench, &context)?;
    same!(
        (seen.state, seen.binding.state),
        (State::Active, BindState::Unbound),
        "a context that could not answer"
    );
    Ok(())
}
