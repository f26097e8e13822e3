//! What threads with CPU time of their own are served.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicBool, AtomicU64};

use rt::context::{Context, Overrun, ms};
use rt::monitor::Supervisor;
use rt::thread::{JoinHandle, Threads};
use rt::time::Timer;
use rt::{Env, Error};
use schema_gen::system::SchedulingContextStanding as Standing;

use super::{granted, is_gone, now, standing, time, used};
use crate::ensure;
use crate::tools::{Wrong, compute, thread, wait_until};

/// How late a timer may be, in nanoseconds: instructions, where they are counted.
const LATE_NS: u64 = 20_000;

/// A thread that computes until it is told to stop.
pub(super) struct Hog {
    stop: Arc<AtomicBool>,
    turns: Arc<AtomicU64>,
    pub(super) tid: u32,
    thread: JoinHandle<()>,
}

impl Hog {
    pub(super) fn start(env: &Env, context: Option<&Context>) -> Result<Hog, Wrong> {
        let (stop, turns) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let tid = Arc::new(AtomicU64::new(0));
        let thread = Threads::new(env)?.spawn({
            let (stop, turns, tid) = (stop.clone(), turns.clone(), tid.clone());
            move || {
                tid.store(u64::from(rt::current_tid()), Release);
                while !stop.load(Relaxed) {
                    compute(100);
                    turns.fetch_add(1, Relaxed);
                }
            }
        })?;
        let timer: Timer = env.first()?;
        wait_until(&timer, "a new thread says who it is", || {
            Ok(tid.load(Acquire) != 0)
        })?;
        let hog = Hog {
            stop,
            turns,
            tid: tid.load(Acquire) as u32,
            thread,
        };
        if let Some(context) = context {
            hog.bind(env, context)?;
        }
        Ok(hog)
    }

    pub(super) fn bind(&self, env: &Env, context: &Context) -> Result<(), Wrong> {
        let supervisor: Supervisor = env.first()?;
        granted(
            supervisor.bind_context(env.pid() as u32, self.tid, context)?,
            "binding a running thread",
        )
    }

    pub(super) fn turns(&self) -> u64 {
        self.turns.load(Relaxed)
    }

    pub(super) fn stop(self) -> Result<(), Wrong> {
        self.stop.store(true, Relaxed);
        Ok(self.thread.join()?)
    }
}

/// E2, E3: in each period a limited hog has its budget, and never more than that and one timer's lateness in any stretch as long.
pub(super) fn a_limited_hog_has_its_budget_and_no_more(env: &Env) -> Result<(), Wrong> {
    let timer: Timer = env.first()?;
    let limit = granted(
        Context::limit(ms(2)).every(ms(10)).create(&time(env)?)?,
        "a limit",
    )?;
    let hog = Hog::start(env, Some(&limit))?;
    timer.sleep_ns(ms(20))?;
    let (mut before, mut at) = (used(&limit)?.0, now(env)?);
    for _ in 0..20 {
        timer.sleep_ns(ms(10))?;
        let (after, then) = (used(&limit)?.0, now(env)?);
        let (served, window) = (after - before, then - at);
        // A window that is a little longer than the period may show the beginning of the next budget.
        let most = ms(2) + window.saturating_sub(ms(10)) + LATE_NS;
        ensure!(
            served <= most && served + LATE_NS >= ms(2),
            "in {window} ns a hog with 2 ms in 10 was served {served} ns"
        );
        (before, at) = (after, then);
    }
    let (_, overruns, _) = used(&limit)?;
    ensure!(overruns >= 20, "it was used up only {overruns} times");
    // Whoever lets go of it lets it run.
    granted(limit.unbind()?, "unbinding")?;
    let before = hog.turns();
    let was = used(&limit)?.0;
    timer.sleep_ns(ms(10))?;
    let turns = hog.turns() - before;
    ensure!(
        used(&limit)?.0 == was,
        "time is charged to a context that nobody has"
    );
    hog.bind(env, &limit)?;
    timer.sleep_ns(ms(20))?;
    let before = hog.turns();
    timer.sleep_ns(ms(10))?;
    let limited = hog.turns() - before;
    ensure!(
        limited * 4 < turns && limited > 0,
        "{limited} turns with 2 ms in 10, {turns} without a limit"
    );
    hog.stop()
}

/// G2: a periodic thread with a reservation is served within its deadline beside hogs, and they have the rest.
pub(super) fn a_reservation_is_had_beside_hogs(env: &Env) -> Result<(), Wrong> {
    let timer: Timer = env.first()?;
    let hogs = (0..3)
        .map(|_| Hog::start(env, None))
        .collect::<Result<Vec<_>, _>>()?;
    let wish = Context::reserve(ms(2)).every(ms(10)).due_within(ms(3)).on([0]);
    let reserved = granted(wish.carve(&time(env)?)?, "a reservation")?;
    granted(reserved.bind()?, "binding this thread")?;
    let mut latest = 0;
    let mut next = now(env)?;
    for _ in 0..30 {
        next += ms(10);
        timer.sleep_ns(next.saturating_sub(now(env)?))?;
        compute(20_000);
        latest = latest.max(now(env)?.saturating_sub(next));
    }
    let (used_ns, overruns, misses) = used(&reserved)?;
    ensure!(
        misses == 0 && latest <= ms(3),
        "{misses} deadlines were missed, the latest job was done {latest} ns after its time"
    );
    ensure!(
        used_ns > 0 && overruns == 0,
        "{used_ns} ns were used, and it was used up {overruns} times"
    );
    granted(reserved.unbind()?, "unbinding this thread")?;
    for hog in hogs {
        ensure!(hog.turns() > 100, "a hog beside a reservation starves");
        hog.stop()?;
    }
    Ok(())
}

/// E16: a hog with a small reservation that demotes runs on beside others, without being charged for it.
pub(super) fn a_demoted_thread_goes_on_by_weight(env: &Env) -> Result<(), Wrong> {
    let timer: Timer = env.first()?;
    let wish = Context::reserve(ms(1))
        .every(ms(20))
        .when_used_up(Overrun::Demote);
    let reserved = granted(wish.on([0]).carve(&time(env)?)?, "a reservation")?;
    let other = Hog::start(env, None)?;
    let hog = Hog::start(env, Some(&reserved))?;
    timer.sleep_ns(ms(40))?;
    let (before, turns, others) = (used(&reserved)?.0, hog.turns(), other.turns());
    timer.sleep_ns(ms(200))?;
    let charged = used(&reserved)?.0 - before;
    ensure!(
        charged.abs_diff(ms(10)) <= ms(1) + LATE_NS,
        "in 200 ms, 1 ms of every 20 was to be charged, and {charged} ns were"
    );
    // A twentieth, and half of what is left.
    let (turns, others) = (hog.turns() - turns, other.turns() - others);
    ensure!(
        turns > others && turns < 2 * others,
        "the demoted hog had {turns} turns, the other {others}"
    );
    hog.stop()?;
    other.stop()
}

/// E3: a thread that agreed to end for it does, and its context may be bound again.
pub(super) fn who_agreed_to_it_ends(env: &Env) -> Result<(), Wrong> {
    let wish = Context::limit(ms(1)).every(ms(20)).when_used_up(Overrun::Fault);
    let limit = granted(wish.create(&time(env)?)?, "a limit")?;
    let hog = Hog::start(env, Some(&limit))?;
    let timer: Timer = env.first()?;
    wait_until(&timer, "a thread that overran has ended", || {
        match thread(env, hog.tid, |_| ()) {
            Ok(()) => Ok(false),
            Err(Error::Malformed) => Ok(true),
            Err(error) => Err(error),
        }
    })?;
    let (used_ns, overruns, _) = used(&limit)?;
    ensure!(
        overruns == 1 && used_ns >= ms(1) && used_ns <= ms(1) + LATE_NS,
        "it ended after {used_ns} ns and {overruns} overruns"
    );
    ensure!(
        standing(&limit)? == Standing::Unbound,
        "the context of a thread that has ended is bound"
    );
    granted(limit.bind()?, "binding another thread")?;
    granted(limit.revoke()?, "revoking")?;
    is_gone(&limit)
}

/// E1: a throttled thread whose context is revoked goes on at once.
pub(super) fn revoking_lets_a_throttled_thread_go_on(env: &Env) -> Result<(), Wrong> {
    let timer: Timer = env.first()?;
    let limit = granted(
        Context::limit(ms(1)).every(ms(10_000)).create(&time(env)?)?,
        "a limit",
    )?;
    let hog = Hog::start(env, Some(&limit))?;
    timer.sleep_ns(ms(5))?;
    let stands = standing(&limit)?;
    ensure!(
        stands == Standing::Throttled,
        "a hog that has used 1 ms of 10 s is {stands:?}"
    );
    let before = hog.turns();
    timer.sleep_ns(ms(5))?;
    ensure!(hog.turns() == before, "a throttled thread runs");
    granted(limit.revoke()?, "revoking")?;
    timer.sleep_ns(ms(5))?;
    ensure!(hog.turns() > before, "its context is gone, and it does not go on");
    is_gone(&limit)?;
    hog.stop()
}

/// E7: a thread runs on the CPUs of its context, and anywhere again without it.
pub(super) fn a_thread_runs_where_its_time_may_be_used(env: &Env) -> Result<(), Wrong> {
    let timer: Timer = env.first()?;
    let cpus = env
        .first::<rt::monitor::Monitor>()?
        .system(|info| Ok(info.get_cpu_count()))?;
    let hog = Hog::start(env, None)?;
    for cpu in (0..cpus).cycle().take(2 * cpus as usize) {
        let limit = granted(
            Context::limit(ms(9))
                .every(ms(10))
                .on([cpu])
                .create(&time(env)?)?,
            "a limit for one CPU",
        )?;
        hog.bind(env, &limit)?;
        wait_until(&timer, "a thread runs where its context says", || {
            thread(env, hog.tid, |seen| seen.get_cpu() == cpu)
        })?;
        timer.sleep_ns(ms(20))?;
        let at = thread(env, hog.tid, |seen| seen.get_cpu())?;
        ensure!(at == cpu, "it was to run on CPU {cpu} and runs on {at}");
        // The last capability goes, and with it the context.
        drop(limit);
    }
    hog.stop()
}

/// E6: threads with reservations end by themselves, by overrun, and by revocation, at any moment, and the time of all comes back.
pub(super) fn whoever_ends_leaves_the_ledger_as_it_was(env: &Env) -> Result<(), Wrong> {
    let timer: Timer = env.first()?;
    let time = time(env)?;
    for round in 0..40_u64 {
        let wish = Context::reserve(ms(1))
            .every(ms(4))
            .when_used_up(match round % 3 {
                0 => Overrun::Throttle,
                1 => Overrun::Demote,
                _ => Overrun::Fault,
            });
        let reserved = granted(wish.carve(&time)?, "a reservation")?;
        let hog = Hog::start(env, Some(&reserved))?;
        timer.sleep_ns(round * 97_000 % ms(3))?;
        // One that agreed to end for it may have ended by itself.
        let may_have_ended = round % 3 == 2;
        if round % 2 == 0 {
            granted(reserved.revoke()?, "revoking")?;
        }
        let ended = hog.stop();
        ensure!(
            ended.is_ok() || may_have_ended,
            "a thread that was to wait or go on has ended"
        );
        let stands = standing(&reserved)?;
        ensure!(
            stands == Standing::Unbound,
            "a thread ended, and its context is {stands:?}"
        );
    }
    Ok(())
}
