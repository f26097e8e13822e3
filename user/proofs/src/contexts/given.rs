//! Time that is carved for a child process and handed over: it is the child's to use and to divide, and comes back however the child ends.

use alloc::string::String;

use rt::context::{Context, Misfit, Refusal, ms, us};
use rt::monitor::{Monitor, Supervisor};
use rt::process::{Child, Grant, ProcessSpawner};
use rt::time::Timer;
use rt::{Env, Error};
use schema_gen::system::SchedulingContextStanding as Standing;

use super::{granted, is_gone, time};
use crate::tools::{Wrong, compute, wait_until};
use crate::{child, ensure};

/// What a context's generation is until it is revoked.
const FIRST_GENERATION: u64 = 1;

/// What the child does when it has all it wants: it ends.
const LEAVES: &str = "leaves";
/// It uses its time for ever.
const STAYS: &str = "stays";
/// It uses its time until that is revoked, and looks at what is left of it.
const OUTLIVES: &str = "outlives";

/// E6, E10: a child that ends while it is bound, is ended while it is throttled, or loses its time to its parent leaves nothing behind.
pub(super) fn what_a_child_was_given_comes_back(env: &Env) -> Result<(), Wrong> {
    let timer: Timer = env.first()?;
    let family = Context::reserve(ms(40)).every(ms(100)).on([0]);
    let family = granted(family.carve(&time(env)?)?, "time of a family")?;
    for how in [LEAVES, STAYS] {
        let child = give(env, &family, how)?;
        if how == STAYS {
            wait_until(&timer, "a child has used what it was given", || is_throttled(env))?;
            ensure!(
                carved(&family)? == ms(10),
                "{} ns are carved out for a child with 10 ms",
                carved(&family)?
            );
            child.handle.terminate()?;
        }
        let code = child.handle.wait()?;
        ensure!(code == 0 || how == STAYS, "a child that {how} ended with {code}");
        drop(child);
        wait_until(
            &timer,
            "what a child had comes back",
            || Ok(carved(&family)? == 0),
        )?;
    }
    let child = give(env, &family, OUTLIVES)?;
    wait_until(&timer, "a child has used what it was given", || is_throttled(env))?;
    granted(family.revoke()?, "revoking what a child's time was carved out of")?;
    let code = child.handle.wait()?;
    ensure!(code == 0, "a child whose time was revoked ended with {code}");
    is_gone(&family)
}

/// E6, E13: what was carved out of a reservation comes back to it also while its time is on its way from a thread that ends on another CPU.
pub(super) fn what_comes_back_finds_time_on_its_way(env: &Env) -> Result<(), Wrong> {
    let (timer, supervisor): (Timer, Supervisor) = (env.first()?, env.first()?);
    let last = env.first::<Monitor>()?.system(|info| Ok(info.get_cpu_count()))? - 1;
    for round in 0..20 {
        let family = Context::reserve(ms(4)).every(ms(10)).on([last]);
        let family = granted(family.carve(&time(env)?)?, "time of a family")?;
        let part = Context::reserve(ms(1)).every(ms(10)).carve(&family)?;
        let part = granted(part, "a part of it")?;
        let child = child::start(&env.first()?, "crowd", &["1"])?;
        granted(
            supervisor.bind_context(another(env)?, 1, &family)?,
            "binding a child's thread",
        )?;
        timer.sleep_ns(ms(1) + round * 211_000 % ms(9))?;
        child.handle.terminate()?;
        granted(
            part.revoke()?,
            "revoking what was carved out of a dying thread's time",
        )?;
        child.handle.wait()?;
        // What was used may be used again a period later; on a host that is slow to interrupt it, that may be more than there was.
        wait_until(&timer, "a reservation that nobody uses is whole", || {
            Ok(family.usage(|usage| Ok(usage.get_remaining_ns()))? == ms(4))
        })?;
    }
    Ok(())
}

/// A child with 10 ms of the family's time in every 100.
fn give(env: &Env, family: &Context, how: &str) -> Result<Child, Wrong> {
    let part = Context::reserve(ms(10)).every(ms(100)).carve(family)?;
    let part = granted(part, "a part for a child")?;
    let spawner: ProcessSpawner = env.first()?;
    let child = child::start_with(&spawner, "tenant", &[how], [Grant::give("time", &part)])?;
    // What was moved is not here any more.
    ensure!(
        part.info(|_| Ok(())).is_err(),
        "what was given away is here still"
    );
    Ok(child)
}

/// The living process that this one has started.
fn another(env: &Env) -> Result<u32, Error> {
    env.first::<Monitor>()?.processes(|processes| {
        let living = processes.iter().filter(|process| process.get_threads() > 0);
        let mut pids = living.map(|process| process.get_pid());
        Ok(pids.find(|pid| u64::from(*pid) != env.pid()).unwrap_or(0))
    })
}

fn carved(family: &Context) -> Result<u64, Error> {
    family.usage(|usage| Ok(usage.get_carved_ns()))
}

/// Whether a thread of another process has used up its time.
fn is_throttled(env: &Env) -> Result<bool, Error> {
    env.first::<Monitor>()?.contexts(|contexts, _| {
        for context in contexts {
            let is_other = u64::from(context.get_pid()) != env.pid();
            if is_other && context.get_usage()?.get_standing()? == Standing::Throttled {
                return Ok(true);
            }
        }
        Ok(false)
    })
}

/// The child: binds itself, divides what it has, is refused more than that, and then does as it was told. What is wrong is its exit code.
pub(crate) fn live_on_what_was_given(env: &Env, details: &[String]) -> Result<i64, Error> {
    let time: Context = env.first()?;
    if time.bind()?.is_err() {
        return Ok(11);
    }
    // On a slow machine what it has may be used up, and be revoked, before it comes to this.
    let may_be_gone = details.first().map(String::as_str) == Some(OUTLIVES);
    let half = Context::reserve(ms(5)).every(ms(100)).carve(&time)?;
    if may_be_gone && matches!(half, Err(Refusal::Stale)) {
        return Ok(0);
    }
    let Ok(_half) = half else {
        return Ok(12);
    };
    let more = Context::reserve(ms(6)).every(ms(100)).carve(&time)?;
    if may_be_gone && matches!(more, Err(Refusal::Stale)) {
        return Ok(0);
    }
    let Err(Refusal::DoesNotFit {
        why: Misfit::Parent { left_ns, .. },
        most_ns,
        ..
    }) = more
    else {
        return Ok(13);
    };
    // Whoever divides keeps the least that is a budget.
    let left = ms(5) - us(100);
    if (left_ns, most_ns) != (left, Some(left)) {
        return Ok(14);
    }
    match details.first().map(String::as_str) {
        Some(LEAVES) => Ok(0),
        Some(OUTLIVES) => loop {
            compute(10_000);
            // Its thread goes on without it, and sees that.
            if time.identity()?.generation != FIRST_GENERATION {
                return Ok(0);
            }
        },
        _ => loop {
            compute(10_000);
        },
    }
}
