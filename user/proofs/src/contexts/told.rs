//! What holders of contexts are told.

use alloc::vec::Vec;

use rt::context::{Context, ms};
use rt::error::Kind;
use rt::time::Timer;
use rt::{Env, Error};

use super::served::Hog;
use super::{granted, now, time};
use crate::ensure;
use crate::tools::Wrong;

/// E5: what nobody read is counted, what was read is not told again, and the numbers go on.
pub(super) fn what_happened_is_told_once(env: &Env) -> Result<(), Wrong> {
    let timer: Timer = env.first()?;
    let limit = granted(Context::limit(ms(1)).every(ms(5)).create(&time(env)?)?, "a limit")?;
    ensure!(
        limit.drain()? == rt::context::News::default(),
        "a new context has something to tell"
    );
    let hog = Hog::start(env, Some(&limit))?;
    timer.sleep_ns(ms(23))?;
    let first = limit.drain()?;
    let Some(told) = first.used_up else {
        return Err(Wrong::Seen(alloc::format!("nothing is told of a hog: {first:?}")));
    };
    ensure!(
        told.sequence >= 4 && told.coalesced == told.sequence - 1 && first.missed.is_none(),
        "after some periods the first word is {first:?}"
    );
    ensure!(
        (told.pid, told.tid, told.is_donated) == (env.pid() as u32, hog.tid, false),
        "somebody else has used it up: {told:?}"
    );
    let again = limit.drain()?;
    ensure!(again.used_up.is_none(), "it is told again: {again:?}");
    timer.sleep_ns(ms(5))?;
    let later = limit.drain()?;
    ensure!(
        later
            .used_up
            .is_some_and(|later| later.sequence > told.sequence && later.coalesced <= 1),
        "the next word is {later:?} after {told:?}"
    );
    hog.stop()
}

/// E5: whoever waits is woken by the next overrun, without looking.
pub(super) fn who_waits_is_woken(env: &Env) -> Result<(), Wrong> {
    let limit = granted(
        Context::limit(ms(1)).every(ms(50)).create(&time(env)?)?,
        "a limit",
    )?;
    let pending = limit.start_waiting()?;
    ensure!(!pending.is_ready(), "there is something to tell of a new context");
    let begun = now(env)?;
    let hog = Hog::start(env, Some(&limit))?;
    let news = pending.wait()?;
    let waited = now(env)? - begun;
    ensure!(
        news.used_up
            .is_some_and(|told| told.tid == hog.tid && told.sequence == 1)
            && !news.is_gone,
        "after {waited} ns it is told: {news:?}"
    );
    // What there is already is told at once.
    let next = limit.start_waiting()?.wait()?;
    ensure!(
        next.used_up.is_some_and(|told| told.sequence > 1),
        "the next overrun is told as {next:?}"
    );
    hog.stop()
}

/// E5: whoever waits for news of a context that is revoked waits no longer.
pub(super) fn who_waits_is_told_that_it_is_gone(env: &Env) -> Result<(), Wrong> {
    let limit = granted(
        Context::limit(ms(1)).every(ms(50)).create(&time(env)?)?,
        "a limit",
    )?;
    let pending = limit.start_waiting()?;
    granted(limit.revoke()?, "revoking")?;
    let news = pending.wait()?;
    ensure!(
        news.is_gone && news.used_up.is_none(),
        "what is told of a revoked context is {news:?}"
    );
    let later = limit.start_waiting()?.wait()?;
    ensure!(later.is_gone, "who waits later is told {later:?}");
    Ok(())
}

/// E5, P15: eight may wait for news of one context, because all of them are told in one go; one more is refused, and those eight are told.
pub(super) fn eight_may_wait(env: &Env) -> Result<(), Wrong> {
    let limit = granted(
        Context::limit(ms(1)).every(ms(50)).create(&time(env)?)?,
        "a limit",
    )?;
    let pending = (0..8)
        .map(|_| limit.start_waiting())
        .collect::<Result<Vec<_>, Error>>()?;
    let refused = limit.start_waiting()?.wait();
    ensure!(
        refused.as_ref().is_err_and(|error| error.is(Kind::Overloaded)),
        "a ninth that waits is answered with {refused:?}"
    );
    let hog = Hog::start(env, Some(&limit))?;
    for pending in pending {
        let news = pending.wait()?;
        ensure!(
            news.used_up.is_some_and(|told| told.sequence == 1),
            "one of eight is told {news:?}"
        );
    }
    hog.stop()
}
