//! SchedulingContext: what is granted and what is refused, who is bound, what is charged and told, and that nothing is left of
//! one that was revoked, whose thread ended, or whose last capability was released.

#![no_std]
#![no_main]

use capos::{
    OverrunPolicy, OwnedCapability, SchedulingContext, SchedulingContextBindState as BindState,
    SchedulingContextClient, SchedulingContextCreateOutcome as Created,
    SchedulingContextDispatchEffect as Effect, SchedulingContextIdentity as Identity,
    SchedulingContextInfo as Info, SchedulingContextNotificationKind as Kind,
    SchedulingContextNotificationLifecycleEvent as Event,
    SchedulingContextNotificationObserverResult as Observer,
    SchedulingContextOperationResult as Answer, SchedulingContextSpec as Spec,
    SchedulingContextState as State, SchedulingPolicyClient, TimerClient, capos_capnp,
};
use capos_config::ring::CAP_SQE_THREAD_OWNED;
use core::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};
use sdk_check::prelude::*;
use sdk_check::{raw, thread, wire};

/// The exit code of a thread that agreed to end when it overruns.
const OVERRAN: i64 = -10;

/// The tid of the process's first thread.
const FIRST: u32 = 1;

fn main(runtime: Runtime) -> i64 {
    run(
        "contexts",
        runtime,
        &[
            ("the bootstrap capability makes contexts and is none", factory),
            ("a new context is active, unbound and full", created),
            ("bad specs are refused and make nothing", bad_specs),
            ("no identity comes twice", identities),
            ("a context has one thread and a thread one context", bound_once),
            ("who waits is not charged", waiting_is_free),
            ("a hog is held to its budget, and that is told once", exhausted),
            ("what is revoked is stale in every way, and changes nothing", revoked),
            ("a throttled thread runs on when its context is revoked", revoked_while_throttled),
            ("and when the last capability is released", released_while_throttled),
            ("a thread that ends leaves its context to others", thread_ended),
            ("who agreed to it ends when it overruns", fault),
            ("a full table refuses, and room comes back", exhaustion),
            ("unknown methods and answers without room are refused", shapes),
            ("a process may end while it is bound", end_while_bound),
        ],
    )
}

fn spec(budget_ns: u64, period_ns: u64) -> Spec {
    Spec {
        budget_ns,
        period_ns,
        relative_deadline_ns: 0,
        cpu_mask: Box::from([1u8]),
        overrun_policy: OverrunPolicy::Throttle,
    }
}

/// A millisecond in every twenty.
fn usual() -> Spec {
    spec(MILLISECOND, 20 * MILLISECOND)
}

/// The longest period: once used up, the budget is so for the rest of the check. It is long enough for a thread to say that it is bound, also
/// where a busy host takes some of it away.
fn scarce() -> Spec {
    spec(200 * MILLISECOND, 10_000 * MILLISECOND)
}

fn create(bench: &mut Bench<'_>, spec: &Spec) -> Outcome<Created> {
    let mut factory: SchedulingContextClient = bench.client("contexts")?;
    Ok(factory.create_wait(&mut bench.ring, spec, FOREVER)?)
}

fn make(bench: &mut Bench<'_>, spec: &Spec) -> Outcome<(OwnedCapability<SchedulingContext>, Identity)> {
    match create(bench, spec)? {
        Created::Created(made) => Ok((made.context, made.response.identity)),
        Created::Rejected(answer) => fail!("a good spec was refused: {answer:?}"),
    }
}

fn client(context: &OwnedCapability<SchedulingContext>) -> SchedulingContextClient {
    SchedulingContextClient::new(context.capability())
}

fn info(bench: &mut Bench<'_>, context: &OwnedCapability<SchedulingContext>) -> Outcome<Info> {
    Ok(client(context).info_wait(&mut bench.ring, FOREVER)?)
}

fn bind(bench: &mut Bench<'_>, context: &OwnedCapability<SchedulingContext>) -> Outcome<Answer> {
    let bound = client(context).bind_caller_thread_wait(&mut bench.ring, FOREVER)?;
    Ok(bound.result)
}

fn now(bench: &mut Bench<'_>) -> Outcome<u64> {
    let mut timer: TimerClient = bench.client("timer")?;
    Ok(timer.now_wait(&mut bench.ring, FOREVER)?.monotonic_ns)
}

fn sleep(bench: &mut Bench<'_>, duration: u64) -> Outcome {
    let mut timer: TimerClient = bench.client("timer")?;
    Ok(timer.sleep_wait(&mut bench.ring, duration, FOREVER)?)
}

fn runtime_ns(bench: &mut Bench<'_>) -> Outcome<u64> {
    let mut policy: SchedulingPolicyClient = bench.client("policy")?;
    Ok(policy.snapshot_wait(&mut bench.ring, FOREVER)?.runtime_ns)
}

/// Nothing of an answer that a refusal has.
const NOBODY: Identity = Identity {
    context_id: 0,
    generation: 0,
};

fn factory(bench: &mut Bench<'_>) -> Outcome {
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

fn created(bench: &mut Bench<'_>) -> Outcome {
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
        same!(seen.remaining_budget_ns, asked.budget_ns, "what is left of a new budget");
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

fn bad_specs(bench: &mut Bench<'_>) -> Outcome {
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
        (spec(MILLISECOND / 10 - 1, MILLISECOND), "less than the least budget"),
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
        let mut params = Vec::from(wire::encode::<capos_capnp::scheduling_context::create_params::Owned>(
            |params| {
                let mut spec = params.init_spec();
                spec.set_budget_ns(MILLISECOND);
                spec.set_period_ns(20 * MILLISECOND);
                spec.set_cpu_mask(&[1]);
                spec.set_overrun_policy(capos_capnp::OverrunPolicy::Fault);
            },
        ));
        // The message has its segment table, the root's pointer, the root, whose one pointer is the spec's, and then the
        // spec: three times, and the policy behind them.
        let policy = 8 + 8 + 8 + 3 * 8;
        same!(params[policy..policy + 2], [1, 0], "the policy's place in the message");
        params[policy..policy + 2].copy_from_slice(&ordinal.to_le_bytes());
        let answer = bench.answer(bench.cap("contexts")?, 1, &params, 512)?;
        let result = wire::answer::<capos_capnp::scheduling_context::create_results::Owned, _>(
            &answer,
            |root| Ok((root.get_result()?, root.get_context_index())),
        )?;
        same!(answer.cqe().cap_count, 0, "capabilities for policy {ordinal}");
        same!(
            result,
            (
                capos_capnp::SchedulingContextOperationResult::InvalidSpec,
                0xffff
            ),
            "policy {ordinal}"
        );
    }
    Ok(())
}

fn identities(bench: &mut Bench<'_>) -> Outcome {
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

fn bound_once(bench: &mut Bench<'_>) -> Outcome {
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
    same!(bind(bench, &context)?, Answer::AlreadyBound, "binding the same again");
    let (other, _) = make(bench, &usual())?;
    let refused = client(&other).bind_caller_thread_wait(&mut bench.ring, FOREVER)?;
    same!(
        (refused.result, refused.binding.state),
        (Answer::AlreadyBound, BindState::Unbound),
        "binding another"
    );
    same!(info(bench, &context)?.binding, bound.binding, "binding after refusals");
    same!(
        info(bench, &other)?.remaining_budget_ns,
        MILLISECOND,
        "what a refused binding used"
    );
    let revoked = client(&context).revoke_wait(&mut bench.ring, FOREVER)?;
    same!(revoked.result, Answer::Ok, "revoking");
    same!(bind(bench, &other)?, Answer::Ok, "binding after the first is gone");
    same!(
        client(&other).revoke_wait(&mut bench.ring, FOREVER)?.result,
        Answer::Ok,
        "revoking the other"
    );
    Ok(())
}

fn waiting_is_free(bench: &mut Bench<'_>) -> Outcome {
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

fn exhausted(bench: &mut Bench<'_>) -> Outcome {
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
    ensure!(
        told.sequence >= 2 && told.coalesced_count == told.sequence - 1,
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
    ensure!(
        told.next_timestamp_ns > begin && told.next_timestamp_ns < begin + elapsed + 40 * MILLISECOND,
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
fn await_depletion(
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

fn revoked(bench: &mut Bench<'_>) -> Outcome {
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
fn is_stale(
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

static BOUND: AtomicI64 = AtomicI64::new(0);
static TID: AtomicU32 = AtomicU32::new(0);
static TURNS: AtomicU64 = AtomicU64::new(0);
static STOP: AtomicU32 = AtomicU32::new(0);

/// Binds itself to the context of this capability, says how that was answered, and counts until told to stop.
fn count_with_context(cap: u64, tid: u32) -> i64 {
    let room = vec![0u8; 512].leak();
    let completion = thread::perform(CapSqe {
        flags: CAP_SQE_THREAD_OWNED,
        call_id: tid,
        ..raw::call(cap as u32, 2, 0, wire::NOTHING, room)
    });
    let bytes = usize::try_from(completion.result).unwrap_or(0);
    let answer = wire::decode::<capos_capnp::scheduling_context::bind_caller_thread_results::Owned, _>(
        &room[..bytes],
        |root| Ok(root.get_result()? as i64),
    );
    TID.store(tid, Ordering::SeqCst);
    BOUND.store(answer.unwrap_or(i64::MAX) + 1, Ordering::SeqCst);
    while STOP.load(Ordering::Relaxed) == 0 {
        TURNS.fetch_add(1, Ordering::Relaxed);
    }
    7
}

/// A thread that counts with this context.
fn start_counting(
    bench: &mut Bench<'_>,
    context: &OwnedCapability<SchedulingContext>,
) -> Outcome<thread::Thread> {
    TURNS.store(0, Ordering::SeqCst);
    STOP.store(0, Ordering::SeqCst);
    BOUND.store(0, Ordering::SeqCst);
    let (spawner, control) = (bench.cap("threads")?, bench.cap("control")?);
    let thread = thread::start(spawner, control, count_with_context, context.cap_id().into())?;
    // It uses the ring until then.
    while BOUND.load(Ordering::SeqCst) == 0 {
        core::hint::spin_loop();
    }
    same!(BOUND.load(Ordering::SeqCst), 1, "how binding another thread was answered, plus one");
    Ok(thread)
}

/// It has used its budget and comes to stand still. A look from another CPU may be the first to find the budget used up: then the thread
/// goes on until the interrupt has reached it.
fn is_throttled(bench: &mut Bench<'_>, context: &OwnedCapability<SchedulingContext>) -> Outcome {
    let told = await_depletion(bench, context)?;
    same!(
        told.holder.tid,
        TID.load(Ordering::SeqCst),
        "the thread that used it up"
    );
    loop {
        let turns = TURNS.load(Ordering::SeqCst);
        sleep(bench, 20 * MILLISECOND)?;
        if TURNS.load(Ordering::SeqCst) == turns {
            return Ok(());
        }
    }
}

fn runs_on(bench: &mut Bench<'_>, thread: &thread::Thread) -> Outcome {
    let turns = TURNS.load(Ordering::SeqCst);
    while TURNS.load(Ordering::SeqCst) == turns {
        sleep(bench, MILLISECOND)?;
    }
    STOP.store(1, Ordering::SeqCst);
    same!(thread::join(thread)?, 7, "exit code");
    Ok(())
}

fn revoked_while_throttled(bench: &mut Bench<'_>) -> Outcome {
    let (context, identity) = make(bench, &scarce())?;
    let thread = start_counting(bench, &context)?;
    is_throttled(bench, &context)?;
    same!(bind(bench, &context)?, Answer::AlreadyBound, "binding a second thread");
    let answer = client(&context).revoke_wait(&mut bench.ring, FOREVER)?;
    same!(answer.result, Answer::Ok, "revoking");
    runs_on(bench, &thread)?;
    is_stale(
        bench,
        &context,
        Identity {
            generation: 2,
            ..identity
        },
    )
}

fn released_while_throttled(bench: &mut Bench<'_>) -> Outcome {
    let (context, _) = make(bench, &scarce())?;
    let thread = start_counting(bench, &context)?;
    is_throttled(bench, &context)?;
    drop(context);
    bench.ring.flush_releases()?;
    runs_on(bench, &thread)
}

fn thread_ended(bench: &mut Bench<'_>) -> Outcome {
    let (context, identity) = make(bench, &spec(50 * MILLISECOND, 100 * MILLISECOND))?;
    let thread = start_counting(bench, &context)?;
    let seen = info(bench, &context)?;
    same!(
        (seen.binding.state, seen.binding.tid),
        (BindState::Bound, TID.load(Ordering::SeqCst)),
        "binding while it runs"
    );
    STOP.store(1, Ordering::SeqCst);
    same!(thread::join(&thread)?, 7, "exit code");
    let seen = info(bench, &context)?;
    same!(
        (seen.state, seen.identity, seen.binding.state),
        (State::Active, identity, BindState::Unbound),
        "the context of a thread that has ended"
    );
    ensure!(
        seen.remaining_budget_ns <= 50 * MILLISECOND,
        "its end left {} ns of 50 ms",
        seen.remaining_budget_ns
    );
    same!(bind(bench, &context)?, Answer::Ok, "binding this thread");
    same!(
        client(&context).revoke_wait(&mut bench.ring, FOREVER)?.result,
        Answer::Ok,
        "revoking"
    );
    Ok(())
}

fn fault(bench: &mut Bench<'_>) -> Outcome {
    let (context, identity) = make(
        bench,
        &Spec {
            overrun_policy: OverrunPolicy::Fault,
            ..scarce()
        },
    )?;
    let thread = start_counting(bench, &context)?;
    same!(thread::join(&thread)?, OVERRAN, "exit code of a thread that overran");
    let seen = info(bench, &context)?;
    same!(
        (seen.state, seen.identity, seen.binding.state),
        (State::Active, identity, BindState::Unbound),
        "the context of a thread that overran"
    );
    Ok(())
}

fn exhaustion(bench: &mut Bench<'_>) -> Outcome {
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

fn shapes(bench: &mut Bench<'_>) -> Outcome {
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

fn end_while_bound(bench: &mut Bench<'_>) -> Outcome {
    let (context, _) = make(bench, &spec(50 * MILLISECOND, 100 * MILLISECOND))?;
    same!(bind(bench, &context)?, Answer::Ok, "binding");
    // It lives until the process is gone.
    core::mem::forget(context);
    Ok(())
}

capos::entry_point!(main);
