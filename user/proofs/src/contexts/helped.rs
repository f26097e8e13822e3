//! E11: whoever waits for a server that works for somebody else gets that done with its own time, and who was worked for owes it.

use alloc::sync::Arc;
use alloc::vec::Vec;

use rt::Env;
use rt::context::{Context, ms};
use rt::pending::wait_any;
use rt::thread::{JoinHandle, Threads};
use rt::time::Timer;

use super::lent::{Ask, Servers, bound_client, lent, limit, remaining};
use super::served::Hog;
use super::{granted, standing, time, used};
use crate::ensure;
use crate::tools::{Wrong, compute, wait_until};
use schema_gen::system::SchedulingContextStanding as Standing;

/// What the one that is first asks for, in thousands of turns: some milliseconds.
const SECTION: u32 = 3_000;

/// A server, three hogs beside it, and somebody who waits.
struct Scene {
    servers: Arc<Servers>,
    hogs: Vec<Hog>,
    mine: Context,
    before_ns: u64,
}

/// What came of it.
struct Seen {
    /// How long this thread waited for its answer.
    waited_ns: u64,
    /// What was used of its time.
    paid_ns: u64,
    /// What the server ran in all.
    ran_ns: u64,
}

impl Scene {
    /// This thread is to have a reservation of 30 ms in every 100.
    fn with_reservation(env: &Env) -> Result<Scene, Wrong> {
        let wish = Context::reserve(ms(30)).every(ms(100)).on([0]);
        let mine = granted(wish.carve(&time(env)?)?, "a reservation")?;
        // What the last scene has used of this CPU comes first.
        wait_until(&env.first()?, "a reservation is there to be used", || {
            Ok(remaining(&mine)? == ms(30))
        })?;
        Scene::set(env, mine)
    }

    fn set(env: &Env, mine: Context) -> Result<Scene, Wrong> {
        let servers = Arc::new(Servers::start(env, 1)?);
        let hogs = (0..3).map(|_| Hog::start(env, None));
        Ok(Scene {
            before_ns: servers.runtime(env, 0)?,
            hogs: hogs.collect::<Result<_, _>>()?,
            servers,
            mine,
        })
    }

    /// Somebody has the server at work; this thread asks as well, and waits.
    fn ask_too(&self, env: &Env) -> Result<Seen, Wrong> {
        let timer: Timer = env.first()?;
        wait_until(&timer, "the server is at work", || {
            Ok(self.servers.runtime(env, 0)? - self.before_ns > ms(1) / 5)
        })?;
        granted(self.mine.bind()?, "binding this thread")?;
        let begun = timer.now_ns()?;
        self.servers.ask(Ask::Compute, 1)?;
        let waited_ns = timer.now_ns()? - begun;
        granted(self.mine.unbind()?, "unbinding this thread")?;
        let (depth, _) = lent(&self.mine)?;
        ensure!(depth == 0, "after the answer the time is lent {depth} deep");
        Ok(Seen {
            waited_ns,
            paid_ns: used(&self.mine)?.0,
            ran_ns: self.servers.runtime(env, 0)? - self.before_ns,
        })
    }

    fn end(self, first: JoinHandle<Result<(), Wrong>>) -> Result<(), Wrong> {
        for hog in self.hogs {
            hog.stop()?;
        }
        first.join()??;
        Servers::stop_shared(self.servers)
    }
}

/// What the first caller does.
fn asks(scene: &Scene) -> impl FnOnce() -> Result<(), Wrong> + Send + use<> {
    let servers = scene.servers.clone();
    move || servers.ask(Ask::Compute, SECTION)
}

/// A server that works by its weight for somebody without time is served like the one who waits for it.
pub(super) fn who_waits_helps_a_server_without_time(env: &Env) -> Result<(), Wrong> {
    let scene = Scene::with_reservation(env)?;
    let first = Threads::new(env)?.spawn(asks(&scene))?;
    let seen = scene.ask_too(env)?;
    let Seen {
        waited_ns,
        paid_ns,
        ran_ns,
    } = seen;
    ensure!(
        waited_ns < ran_ns + ms(1) && paid_ns + ms(2) > waited_ns,
        "a server ran {ran_ns} ns in all, and who waited for it beside three hogs, and paid {paid_ns} ns, was answered after {waited_ns}"
    );
    scene.end(first)
}

/// Who has used up its time makes way for who waits, and owes what that spends: it is served again when it has paid.
pub(super) fn who_was_helped_owes(env: &Env) -> Result<(), Wrong> {
    let scene = Scene::with_reservation(env)?;
    let timer: Timer = env.first()?;
    let poor = limit(env, ms(1), ms(100))?;
    let begun = timer.now_ns()?;
    let (_, first) = bound_client(env, &poor, asks(&scene))?;
    let seen = scene.ask_too(env)?;
    ensure!(
        seen.waited_ns < seen.ran_ns + ms(1) && used(&poor)?.0 < ms(6),
        "who waited was answered after {} ns, and who was first paid {} of {} ns itself",
        seen.waited_ns,
        used(&poor)?.0,
        seen.ran_ns
    );
    let stands = standing(&poor)?;
    ensure!(
        stands == Standing::Throttled,
        "who owes for being helped is {stands:?}"
    );
    scene.end(first)?;
    let (went_on, periods) = (timer.now_ns()? - begun, seen.paid_ns / ms(1));
    ensure!(
        periods >= 3 && went_on > (periods - 2) * ms(100),
        "{} ns were spent for who has 1 ms in 100, and it went on after {went_on}",
        seen.paid_ns
    );
    Ok(())
}

/// Who waits behind time that is as good as its own helps when that is used up.
pub(super) fn who_waits_helps_when_others_time_is_used_up(env: &Env) -> Result<(), Wrong> {
    let scene = Scene::set(env, limit(env, ms(90), ms(100))?)?;
    let other = limit(env, ms(9), ms(100))?;
    // It was used up before, and nobody has asked about that.
    let hog = Hog::start(env, Some(&other))?;
    let timer: Timer = env.first()?;
    timer.sleep_ns(ms(80))?;
    granted(other.unbind()?, "unbinding a hog")?;
    hog.stop()?;
    timer.sleep_ns(ms(100))?;
    let before = used(&other)?.0;
    let (_, first) = bound_client(env, &other, asks(&scene))?;
    let seen = scene.ask_too(env)?;
    let paid = used(&other)?.0 - before;
    ensure!(
        paid >= ms(9) && paid < ms(10) && seen.paid_ns > seen.ran_ns - ms(11),
        "who was first paid {paid} of {} ns itself, and who waited {}",
        seen.ran_ns,
        seen.paid_ns
    );
    granted(other.revoke()?, "revoking what is owed")?;
    scene.end(first)
}

/// Who helped and stops waiting pays for itself from then on.
pub(super) fn who_helps_no_longer_is_owed_no_more(env: &Env) -> Result<(), Wrong> {
    let scene = Scene::with_reservation(env)?;
    let timer: Timer = env.first()?;
    let poor = limit(env, ms(1), ms(100))?;
    let begun = timer.now_ns()?;
    let (_, first) = bound_client(env, &poor, asks(&scene))?;
    wait_until(&timer, "who was first has used up its time", || {
        Ok(used(&poor)?.0 >= ms(1))
    })?;
    granted(scene.mine.bind()?, "binding this thread")?;
    let pending = scene.servers.start_asking(Ask::Compute, 1)?;
    // What came before is not waited for.
    let _ = wait_any(0);
    let _ = wait_any(ms(4));
    ensure!(!pending.is_ready(), "the server was too quick");
    let helped = used(&scene.mine)?.0;
    // More than all that it helped with.
    while used(&scene.mine)?.0 < helped + ms(15) {
        compute(1_000);
    }
    pending.wait()?;
    granted(scene.mine.unbind()?, "unbinding this thread")?;
    scene.end(first)?;
    let went_on = timer.now_ns()? - begun;
    let periods = helped / ms(1);
    ensure!(
        (2..=5).contains(&periods) && went_on < (periods + 5) * ms(100),
        "{helped} ns were spent for who has 1 ms in 100, and it went on after {went_on}"
    );
    Ok(())
}
