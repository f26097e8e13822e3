//! Contexts whose thread is another one than asks: throttled when it loses its context, ended by itself, ended by overrun.

use capos::{
    OverrunPolicy, OwnedCapability, SchedulingContext, SchedulingContextBindState as BindState,
    SchedulingContextIdentity as Identity, SchedulingContextNotificationKind as Kind,
    SchedulingContextOperationResult as Answer, SchedulingContextSpec as Spec,
    SchedulingContextState as State, capos_capnp,
};
use capos_config::ring::CAP_SQE_THREAD_OWNED;
use core::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};
use sdk_check::prelude::*;
use sdk_check::{raw, thread, wire};

use crate::bound::await_depletion;
use crate::gone::is_stale;
use crate::{FIRST, bind, client, info, make, scarce, sleep, spec};

/// The exit code of a thread that agreed to end when it overruns.
const OVERRAN: i64 = -10;

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
    same!(
        BOUND.load(Ordering::SeqCst),
        1,
        "how binding another thread was answered, plus one"
    );
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

pub fn revoked_while_throttled(bench: &mut Bench<'_>) -> Outcome {
    let (context, identity) = make(bench, &scarce())?;
    let thread = start_counting(bench, &context)?;
    is_throttled(bench, &context)?;
    same!(
        bind(bench, &context)?,
        Answer::AlreadyBound,
        "binding a second thread"
    );
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

pub fn released_while_throttled(bench: &mut Bench<'_>) -> Outcome {
    let (context, _) = make(bench, &scarce())?;
    let thread = start_counting(bench, &context)?;
    is_throttled(bench, &context)?;
    drop(context);
    bench.ring.flush_releases()?;
    runs_on(bench, &thread)
}

pub fn thread_ended(bench: &mut Bench<'_>) -> Outcome {
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

/// Half of a CPU is not enough for what is wanted of it: the thread is served still when its deadline has passed.
pub fn deadline_passed(bench: &mut Bench<'_>) -> Outcome {
    // The whole CPU for the other one, which keeps it on the same CPU and holds it back from nothing.
    let (whole, _) = make(bench, &spec(100 * MILLISECOND, 100 * MILLISECOND))?;
    let thread = start_counting(bench, &whole)?;
    let urgent = Spec {
        relative_deadline_ns: 10 * MILLISECOND,
        ..spec(10 * MILLISECOND, 20 * MILLISECOND)
    };
    let (context, identity) = make(bench, &urgent)?;
    same!(bind(bench, &context)?, Answer::Ok, "binding");
    let told = loop {
        let news = client(&context).drain_notifications_wait(&mut bench.ring, FOREVER)?;
        if news.deadline_or_timeout.present {
            break news.deadline_or_timeout;
        }
        for _ in 0..2000 {
            core::hint::spin_loop();
        }
    };
    same!(
        (told.kind, told.context_id, told.generation),
        (Kind::DeadlineOrTimeout, identity.context_id, identity.generation),
        "what is told"
    );
    same!(
        (told.holder.state, told.holder.tid, told.donated_holder),
        (BindState::Bound, FIRST, false),
        "who missed it"
    );
    ensure!(
        told.sequence == 1 + told.coalesced_count,
        "the first word is event {} with {} unread",
        told.sequence,
        told.coalesced_count
    );
    let revoked = client(&context).revoke_wait(&mut bench.ring, FOREVER)?;
    same!(revoked.result, Answer::Ok, "revoking");
    runs_on(bench, &thread)
}

pub fn fault(bench: &mut Bench<'_>) -> Outcome {
    let (context, identity) = make(
        bench,
        &Spec {
            overrun_policy: OverrunPolicy::Fault,
            ..scarce()
        },
    )?;
    let thread = start_counting(bench, &context)?;
    same!(
        thread::join(&thread)?,
        OVERRAN,
        "exit code of a thread that overran"
    );
    let seen = info(bench, &context)?;
    same!(
        (seen.state, seen.identity, seen.binding.state),
        (State::Active, identity, BindState::Unbound),
        "the context of a thread that overran"
    );
    Ok(())
}

pub fn end_while_bound(bench: &mut Bench<'_>) -> Outcome {
    let (context, _) = make(bench, &spec(50 * MILLISECOND, 100 * MILLISECOND))?;
    same!(bind(bench, &context)?, Answer::Ok, "binding");
    // It lives until the process is gone.
    core::mem::forget(context);
    Ok(())
}
