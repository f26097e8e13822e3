//! SchedulingContext: what is granted and what is refused ([`made`]), who is bound and what is charged and told ([`bound`]), and that nothing is
//! left of one that was revoked ([`gone`]), whose thread ended, or whose last capability was released ([`threads`]).

#![no_std]
#![no_main]

mod bound;
mod gone;
mod made;
mod threads;

use capos::{
    OverrunPolicy, OwnedCapability, SchedulingContext, SchedulingContextClient,
    SchedulingContextCreateOutcome as Created, SchedulingContextIdentity as Identity,
    SchedulingContextInfo as Info, SchedulingContextOperationResult as Answer, SchedulingContextSpec as Spec,
    SchedulingPolicyClient, TimerClient,
};
use sdk_check::prelude::*;

/// The tid of the process's first thread.
const FIRST: u32 = 1;

/// Nothing of an answer that a refusal has.
const NOBODY: Identity = Identity {
    context_id: 0,
    generation: 0,
};

fn main(runtime: Runtime) -> i64 {
    run(
        "contexts",
        runtime,
        &[
            (
                "the bootstrap capability makes contexts and is none",
                made::factory,
            ),
            ("a new context is active, unbound and full", made::created),
            ("bad specs are refused and make nothing", made::bad_specs),
            ("no identity comes twice", made::identities),
            (
                "a context has one thread and a thread one context",
                bound::bound_once,
            ),
            ("who waits is not charged", bound::waiting_is_free),
            (
                "a hog is held to its budget, and that is told once",
                bound::exhausted,
            ),
            (
                "what is revoked is stale in every way, and changes nothing",
                gone::revoked,
            ),
            (
                "a throttled thread runs on when its context is revoked",
                threads::revoked_while_throttled,
            ),
            (
                "and when the last capability is released",
                threads::released_while_throttled,
            ),
            (
                "a thread that ends leaves its context to others",
                threads::thread_ended,
            ),
            ("a deadline that passes is told", threads::deadline_passed),
            ("who agreed to it ends when it overruns", threads::fault),
            ("a full table refuses, and room comes back", made::exhaustion),
            (
                "unknown methods and answers without room are refused",
                made::shapes,
            ),
            ("a process may end while it is bound", threads::end_while_bound),
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

capos::entry_point!(main);
