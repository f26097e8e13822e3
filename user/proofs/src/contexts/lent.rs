//! E4: CPU time goes along with a call, through chains of servers, and comes back whatever ends it.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicBool, AtomicU32};

use rt::context::{Context, ms, us};
use rt::endpoint::Endpoint;
use rt::message::Aligned;
use rt::monitor::Monitor;
use rt::pending::{Pending, wait_any};
use rt::thread::{JoinHandle, Threads};
use rt::time::Timer;
use rt::{Client, Env, Error};

use super::served::Hog;
use super::{granted, is_gone, standing, time, used};
use crate::ensure;
use crate::tools::{Wrong, compute, thread, wait_until};
use schema_gen::system::SchedulingContextStanding as Standing;

/// What a server is asked to do before it answers.
#[derive(Clone, Copy)]
#[repr(u16)]
pub(super) enum Ask {
    /// To end.
    End,
    /// To compute so many thousand turns.
    Compute,
    /// To have the next server do so.
    PassOn,
    /// To end without an answer.
    Vanish,
    /// To rest for a moment, by the end of which its caller waits, and to answer with the CPU that it runs on then.
    Where,
}

/// The endpoints that the manifest gives.
const NAMES: [&str; 3] = ["first", "second", "third"];

/// Threads that serve: each the endpoint of its place, the last of which passes nothing on.
pub(super) struct Servers {
    threads: Vec<JoinHandle<Result<(), Error>>>,
    tids: Vec<u32>,
    endpoints: Vec<Endpoint>,
}

impl Servers {
    pub(super) fn start(env: &Env, count: usize) -> Result<Servers, Wrong> {
        let timer: Timer = env.first()?;
        let (mut threads, mut tids) = (Vec::new(), Vec::new());
        for place in 0..count {
            let tid = Arc::new(AtomicU32::new(0));
            let server = Threads::new(env)?.spawn({
                let (env, tid) = (*env, tid.clone());
                move || serve(&env, place, count, &tid)
            })?;
            wait_until(&timer, "a server waits for calls", || {
                let tid = tid.load(Acquire);
                Ok(tid != 0 && thread(env, tid, |seen| is_blocked(&seen))?)
            })?;
            threads.push(server);
            tids.push(tid.load(Acquire));
        }
        let endpoints = NAMES[..count].iter().map(|name| env.get(name));
        Ok(Servers {
            threads,
            tids,
            endpoints: endpoints.collect::<Result<_, _>>()?,
        })
    }

    /// Asks the first, and waits for the answer.
    pub(super) fn ask(&self, what: Ask, turns: u32) -> Result<(), Wrong> {
        let mut room = Aligned::<64>::zeroed();
        self.endpoints[0].call(what as u16, &turns.to_le_bytes(), &mut room.0)?;
        Ok(())
    }

    /// The same without waiting.
    pub(super) fn start_asking(&self, what: Ask, turns: u32) -> Result<Pending<()>, Error> {
        let target = self.endpoints[0].cap().method(what as u16);
        Pending::start(target, turns.to_le_bytes().to_vec(), 64, |_| Ok(()))
    }

    /// What a server's thread has used in all, wherever that was charged.
    pub(super) fn runtime(&self, env: &Env, place: usize) -> Result<u64, Error> {
        thread(env, self.tids[place], |seen| seen.get_runtime_ns())
    }

    fn stop(self) -> Result<(), Wrong> {
        for endpoint in &self.endpoints {
            let mut room = Aligned::<64>::zeroed();
            endpoint.call(Ask::End as u16, &[0; 4], &mut room.0)?;
        }
        for server in self.threads {
            server.join()??;
        }
        Ok(())
    }

    /// The same, when nobody else has them any more.
    pub(super) fn stop_shared(servers: Arc<Servers>) -> Result<(), Wrong> {
        match Arc::into_inner(servers) {
            Some(servers) => servers.stop(),
            None => Err(Wrong::Seen("a client keeps its servers".into())),
        }
    }
}

fn is_blocked(seen: &schema_gen::monitor::thread_status::Reader<'_>) -> bool {
    seen.get_state() == Ok(schema_gen::monitor::ThreadState::Blocked)
}

/// A server's life. It answers and waits for the next call in two steps, so that calls also come while it is in between.
fn serve(env: &Env, place: usize, count: usize, tid: &AtomicU32) -> Result<(), Error> {
    let own: Endpoint = env.get(NAMES[place])?;
    let next: Option<Endpoint> = match NAMES[..count].get(place + 1) {
        Some(name) => Some(env.get(name)?),
        None => None,
    };
    tid.store(rt::current_tid(), Release);
    loop {
        let mut buffer = Aligned::<256>::zeroed();
        let (call, method, turns) = {
            let received = own.receive(&mut buffer.0)?;
            let turns = received.params.first_chunk::<4>().copied().unwrap_or_default();
            (
                received.call_id,
                received.header.method_id,
                u32::from_le_bytes(turns),
            )
        };
        if method == Ask::Where as u16 {
            env.first::<Timer>()?.sleep_ns(ms(1))?;
            compute(1_000);
            let cpu = thread(env, rt::current_tid(), |seen| seen.get_cpu())?;
            own.reply(call, &cpu.to_le_bytes())?;
            continue;
        }
        match (method, &next) {
            (method, _) if method == Ask::End as u16 => return own.reply(call, &[]),
            (method, Some(next)) if method == Ask::PassOn as u16 => {
                let mut room = Aligned::<64>::zeroed();
                next.call(Ask::PassOn as u16, &turns.to_le_bytes(), &mut room.0)?;
            }
            _ => compute(turns * 1_000),
        }
        if method == Ask::Vanish as u16 {
            return Ok(());
        }
        own.reply(call, &[])?;
    }
}

/// The caller pays for what the server does for it, through a chain as well, and has its time back afterwards.
pub(super) fn the_caller_pays(env: &Env) -> Result<(), Wrong> {
    let servers = Servers::start(env, 3)?;
    let limit = limit(env, ms(50), ms(100))?;
    granted(limit.bind()?, "binding this thread")?;
    for (what, place) in [(Ask::Compute, 0), (Ask::PassOn, 2)] {
        // The first time, what is not there yet is brought about.
        servers.ask(what, 1)?;
        let (before, ran) = (used(&limit)?.0, servers.runtime(env, place)?);
        servers.ask(what, 500)?;
        let (paid, ran) = (used(&limit)?.0 - before, servers.runtime(env, place)? - ran);
        ensure!(
            ran > ms(1) && paid >= ran && paid < ran + ms(1),
            "a server ran {ran} ns for a caller that was charged {paid}"
        );
        let (depth, lent) = lent(&limit)?;
        ensure!(
            depth == 0 && lent > 0,
            "after the answer the time is lent {depth} deep, {lent} times in all"
        );
    }
    let stands = standing(&limit)?;
    ensure!(
        stands == Standing::ByWeight,
        "after the answer the caller is {stands:?}"
    );
    granted(limit.unbind()?, "unbinding this thread")?;
    servers.stop()
}

/// Through how many servers it is lent, and how often it was.
pub(super) fn lent(context: &Context) -> Result<(u32, u64), Error> {
    context.usage(|usage| Ok((usage.get_donation_depth(), usage.get_lent())))
}

/// To which thread of this process the only context is bound, and which works with it.
fn shown(env: &Env) -> Result<(u32, u32), Error> {
    env.first::<Monitor>()?.contexts(|contexts, _| {
        let ours = contexts.iter().filter(|context| {
            let pids = [context.get_pid(), context.get_holder_pid()];
            pids.map(u64::from) == [env.pid(); 2]
        });
        let tids = ours.map(|context| (context.get_tid(), context.get_holder_tid()));
        Ok(tids.last().unwrap_or_default())
    })
}

/// A server works for a caller with a reservation before all hogs.
pub(super) fn a_server_is_served_like_its_caller(env: &Env) -> Result<(), Wrong> {
    let servers = Servers::start(env, 3)?;
    let hogs = (0..3)
        .map(|_| Hog::start(env, None))
        .collect::<Result<Vec<_>, _>>()?;
    let wish = Context::reserve(ms(5)).every(ms(20)).due_within(ms(6)).on([0]);
    let reserved = granted(wish.carve(&time(env)?)?, "a reservation")?;
    granted(reserved.bind()?, "binding this thread")?;
    let timer: Timer = env.first()?;
    let mut latest = 0;
    for _ in 0..20 {
        timer.sleep_ns(ms(20))?;
        let begun = timer.now_ns()?;
        servers.ask(Ask::PassOn, 300)?;
        latest = latest.max(timer.now_ns()? - begun);
    }
    let (_, overruns, misses) = used(&reserved)?;
    ensure!(
        latest < ms(6) && misses == 0 && overruns == 0,
        "beside hogs an answer took {latest} ns, with {misses} misses and {overruns} overruns"
    );
    granted(reserved.unbind()?, "unbinding this thread")?;
    for hog in hogs {
        hog.stop()?;
    }
    servers.stop()
}

/// A caller whose time does not suffice is answered all the same, and owes: it goes on when that is paid.
pub(super) fn a_caller_owes_what_it_has_not(env: &Env) -> Result<(), Wrong> {
    let servers = Servers::start(env, 1)?;
    let limit = limit(env, ms(1), ms(20))?;
    granted(limit.bind()?, "binding this thread")?;
    let timer: Timer = env.first()?;
    let (begun, before) = (timer.now_ns()?, used(&limit)?.0);
    servers.ask(Ask::Compute, 1_500)?;
    let (waited, paid) = (timer.now_ns()? - begun, used(&limit)?.0 - before);
    let periods = paid / ms(1);
    ensure!(
        paid > ms(3) && waited >= periods * ms(20) - ms(20),
        "{paid} ns of 1 ms in 20 were used within {waited} ns"
    );
    granted(limit.unbind()?, "unbinding this thread")?;
    servers.stop()
}

/// E11: a caller that has next to nothing keeps nobody waiting for its server.
pub(super) fn a_poor_caller_blocks_nobody(env: &Env) -> Result<(), Wrong> {
    let servers = Arc::new(Servers::start(env, 1)?);
    let limit = limit(env, us(100), ms(10_000))?;
    let (_, poor) = bound_client(env, &limit, {
        let servers = servers.clone();
        move || servers.ask(Ask::Compute, 2_000)
    })?;
    let timer: Timer = env.first()?;
    timer.sleep_ns(ms(1))?;
    let begun = timer.now_ns()?;
    servers.ask(Ask::Compute, 1)?;
    let waited = timer.now_ns()? - begun;
    ensure!(
        waited < ms(100),
        "behind a caller with 100 us of 10 s an answer took {waited} ns"
    );
    let stands = standing(&limit)?;
    ensure!(
        stands == Standing::Throttled,
        "a caller that owes for its server is {stands:?}"
    );
    granted(limit.revoke()?, "revoking what is owed")?;
    poor.join()??;
    Servers::stop_shared(servers)
}

/// A caller that stops waiting has its time back at once, and the server goes on by its own weight.
pub(super) fn a_caller_that_waits_no_longer_takes_its_time_back(env: &Env) -> Result<(), Wrong> {
    let servers = Servers::start(env, 1)?;
    let limit = limit(env, ms(90), ms(100))?;
    granted(limit.bind()?, "binding this thread")?;
    let pending = servers.start_asking(Ask::Compute, 3_000)?;
    // Nothing ends the call; only the wait ends.
    let _ = wait_any(ms(2));
    ensure!(!pending.is_ready(), "the server was too quick");
    let (depth, _) = lent(&limit)?;
    let stands = standing(&limit)?;
    ensure!(
        depth == 0 && stands == Standing::ByWeight,
        "a caller that runs has lent its time {depth} deep, and is {stands:?}"
    );
    granted(limit.unbind()?, "unbinding this thread")?;
    let (before, ran) = (used(&limit)?.0, servers.runtime(env, 0)?);
    pending.wait()?;
    ensure!(
        used(&limit)?.0 == before && servers.runtime(env, 0)? > ran,
        "the server goes on with time that was taken back"
    );
    servers.stop()
}

/// A server that ends without an answer brings the time back.
pub(super) fn a_server_that_ends_brings_the_time_back(env: &Env) -> Result<(), Wrong> {
    let mut servers = Servers::start(env, 1)?;
    let limit = limit(env, ms(50), ms(100))?;
    granted(limit.bind()?, "binding this thread")?;
    let pending = servers.start_asking(Ask::Vanish, 100)?;
    let _ = wait_any(ms(30));
    ensure!(!pending.is_ready(), "there is an answer of a server that ended");
    let (depth, lent) = lent(&limit)?;
    let stands = standing(&limit)?;
    ensure!(
        depth == 0 && lent == 1 && stands == Standing::ByWeight,
        "a server ended with time that is lent {depth} deep, {lent} times in all, and its owner is {stands:?}"
    );
    granted(limit.unbind()?, "unbinding this thread")?;
    for server in servers.threads.drain(..) {
        server.join()??;
    }
    Ok(())
}

/// Whoever revokes time that is lent takes it from the server.
pub(super) fn lent_time_can_be_revoked(env: &Env) -> Result<(), Wrong> {
    let servers = Arc::new(Servers::start(env, 3)?);
    let limit = limit(env, ms(1), ms(10_000))?;
    let done = Arc::new(AtomicBool::new(false));
    let (tid, client) = bound_client(env, &limit, {
        let (servers, done) = (servers.clone(), done.clone());
        move || {
            let answer = servers.ask(Ask::PassOn, 30_000);
            done.store(true, Release);
            answer
        }
    })?;
    let timer: Timer = env.first()?;
    timer.sleep_ns(ms(10))?;
    let ((depth, _), stands) = (lent(&limit)?, standing(&limit)?);
    ensure!(
        depth == 3 && stands == Standing::ByWeight && !done.load(Relaxed),
        "1 ms of 10 s is lent {depth} deep, and {stands:?}"
    );
    // Who is bound is shown with who works with it: the last of the chain.
    let shown = shown(env)?;
    ensure!(
        shown == (tid, servers.tids[2]),
        "the one context is shown as bound to and lent to {shown:?}"
    );
    granted(limit.revoke()?, "revoking what is lent")?;
    is_gone(&limit)?;
    wait_until(&timer, "the answer comes", || Ok(done.load(Acquire)))?;
    client.join()??;
    Servers::stop_shared(servers)
}

/// Whoever lends, answers, ends or revokes on several CPUs at once loses no time and leaves nobody waiting.
pub(super) fn nothing_is_lost_between_cpus(env: &Env) -> Result<(), Wrong> {
    let timer: Timer = env.first()?;
    for round in 0..12_u64 {
        let servers = Arc::new(Servers::start(env, 1 + round as usize % 3)?);
        let clients = (0..3).map(|client| client_with_time(env, &servers, client + round));
        let clients = clients.collect::<Result<Vec<_>, Wrong>>()?;
        timer.sleep_ns(ms(3))?;
        for (place, (context, _)) in clients.iter().enumerate() {
            match (round as usize + place) % 4 {
                0 => drop(context.revoke()?),
                1 => drop(context.unbind()?),
                _ => {}
            }
        }
        for (context, client) in clients {
            client.join()??;
            let (depth, _) = lent(&context)?;
            ensure!(depth == 0, "all is answered, and time is lent {depth} deep");
        }
        Servers::stop_shared(servers)?;
    }
    Ok(())
}

/// A client and its time.
type Calling = (Context, JoinHandle<Result<(), Wrong>>);

/// A client that calls again and again, with time of its own.
fn client_with_time(env: &Env, servers: &Arc<Servers>, seed: u64) -> Result<Calling, Wrong> {
    let context = limit(env, ms(1) + seed * 100_000, ms(5))?;
    let tid = Arc::new(AtomicU32::new(0));
    let client = Threads::new(env)?.spawn({
        let (servers, tid) = (servers.clone(), tid.clone());
        move || {
            tid.store(rt::current_tid(), Release);
            for call in 0..40 {
                servers.ask(Ask::PassOn, call % 7 * 3)?;
            }
            Ok(())
        }
    })?;
    let timer: Timer = env.first()?;
    wait_until(&timer, "a client says who it is", || Ok(tid.load(Acquire) != 0))?;
    let supervisor: rt::monitor::Supervisor = env.first()?;
    // It may be done already, or serve as well as call.
    let _ = supervisor.bind_context(env.pid() as u32, tid.load(Acquire), &context);
    Ok((context, client))
}

/// A server runs on the CPUs of whoever it works for, and wherever it likes afterwards.
pub(super) fn a_server_runs_where_its_caller_may(env: &Env) -> Result<(), Wrong> {
    let servers = Servers::start(env, 1)?;
    let cpus = env
        .first::<rt::monitor::Monitor>()?
        .system(|info| Ok(info.get_cpu_count()))?;
    for cpu in (0..cpus).cycle().take(3 * cpus as usize) {
        let limit = granted(
            Context::limit(ms(9))
                .every(ms(10))
                .on([cpu])
                .create(&time(env)?)?,
            "a limit for one CPU",
        )?;
        granted(limit.bind()?, "binding this thread")?;
        let mut room = Aligned::<64>::zeroed();
        let answer = servers.endpoints[0].call(Ask::Where as u16, &[0; 4], &mut room.0)?;
        let at = answer
            .payload()
            .first_chunk::<4>()
            .map_or(u32::MAX, |cpu| u32::from_le_bytes(*cpu));
        ensure!(at == cpu, "a server that works for CPU {cpu} ran on {at}");
    }
    servers.stop()
}

/// A server that is asked by two before it answers either works with the first one's time alone, and both have theirs when it has gone.
pub(super) fn a_server_of_two_takes_the_time_of_one(env: &Env) -> Result<(), Wrong> {
    let timer: Timer = env.first()?;
    let server = Threads::new(env)?.spawn({
        let own: Endpoint = env.get(NAMES[0])?;
        move || {
            let mut calls = [0; 2];
            for call in &mut calls {
                let mut buffer = Aligned::<256>::zeroed();
                *call = own.receive(&mut buffer.0)?.call_id;
            }
            compute(100_000);
            // It goes, and somebody else answers.
            Ok::<_, Error>(calls)
        }
    })?;
    let clients = (0..2).map(|_| client_that_asks_once(env));
    let clients = clients.collect::<Result<Vec<_>, Wrong>>()?;
    let calls = server.join()??;
    let lent_to: Vec<(u32, u64)> = clients
        .iter()
        .map(|(context, _)| lent(context))
        .collect::<Result<_, _>>()?;
    ensure!(
        lent_to == [(0, 1), (0, 0)],
        "of two callers the first was to lend once, the second never: {lent_to:?}"
    );
    for (context, _) in &clients {
        let stands = standing(context)?;
        ensure!(
            stands == Standing::ByWeight && remaining(context)? > 0,
            "after its server has gone a caller is {stands:?} with {} ns",
            remaining(context)?
        );
    }
    let own: Endpoint = env.get(NAMES[0])?;
    for call in calls {
        own.reply(call, &[])?;
    }
    for (context, client) in clients {
        client.join()??;
        wait_until(&timer, "a context is bound no more", || {
            Ok(standing(&context)? == Standing::Unbound)
        })?;
        ensure!(
            remaining(&context)? > 0,
            "a thread has ended, and its time with it"
        );
    }
    Ok(())
}

/// A thread with time of its own is lent none by who calls it, and has its own back from whom it called.
pub(super) fn who_has_time_is_lent_none(env: &Env) -> Result<(), Wrong> {
    let servers = Servers::start(env, 1)?;
    let limit = limit(env, ms(50), ms(100))?;
    granted(limit.bind()?, "binding this thread")?;
    // Its own server's answer and a call to itself, in whichever order.
    let asked = servers.start_asking(Ask::Compute, 200)?;
    let rich = Threads::new(env)?.spawn({
        let (own, time): (Endpoint, Context) = (env.get(NAMES[1])?, time(env)?);
        move || {
            let limit = granted(Context::limit(ms(90)).every(ms(100)).create(&time)?, "a limit")?;
            granted(limit.bind()?, "binding a client")?;
            let mut room = Aligned::<64>::zeroed();
            own.call(Ask::Compute as u16, &[0; 4], &mut room.0)?;
            granted(limit.unbind()?, "unbinding a client")?;
            lent(&limit).map_err(Wrong::from)
        }
    })?;
    let own: Endpoint = env.get(NAMES[1])?;
    let mut buffer = Aligned::<256>::zeroed();
    let call = own.receive(&mut buffer.0)?.call_id;
    asked.wait()?;
    own.reply(call, &[])?;
    let (_, times) = rich.join()??;
    ensure!(times == 0, "who has time was lent more, {times} times");
    let before = used(&limit)?.0;
    compute(100_000);
    let stands = standing(&limit)?;
    ensure!(
        stands == Standing::ByWeight && used(&limit)?.0 > before && remaining(&limit)? > 0,
        "a thread that lent and was called is {stands:?} and used {} ns after {before}",
        used(&limit)?.0
    );
    granted(limit.unbind()?, "unbinding this thread")?;
    servers.stop()
}

pub(super) fn remaining(context: &Context) -> Result<u64, Error> {
    context.usage(|usage| Ok(usage.get_remaining_ns()))
}

/// A client with time of its own that calls the first endpoint once, and has begun to.
fn client_that_asks_once(env: &Env) -> Result<Calling, Wrong> {
    let limit = limit(env, ms(50), ms(100))?;
    let (_, client) = bound_client(env, &limit, {
        let own: Endpoint = env.get(NAMES[0])?;
        move || {
            let mut room = Aligned::<64>::zeroed();
            own.call(Ask::Compute as u16, &[0; 4], &mut room.0)?;
            Ok(())
        }
    })?;
    let timer: Timer = env.first()?;
    timer.sleep_ns(ms(2))?;
    Ok((limit, client))
}

/// A limit, which is granted.
pub(super) fn limit(env: &Env, budget_ns: u64, period_ns: u64) -> Result<Context, Wrong> {
    let wish = Context::limit(budget_ns).every(period_ns);
    granted(wish.create(&time(env)?)?, "a limit")
}

/// A thread that is bound to a context before it begins with its work; its number.
pub(super) fn bound_client(
    env: &Env,
    context: &Context,
    work: impl FnOnce() -> Result<(), Wrong> + Send + 'static,
) -> Result<(u32, JoinHandle<Result<(), Wrong>>), Wrong> {
    let (tid, go) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
    let client = Threads::new(env)?.spawn({
        let (tid, go) = (tid.clone(), go.clone());
        let timer: Timer = env.first()?;
        move || {
            tid.store(rt::current_tid(), Release);
            while !go.load(Acquire) {
                timer.sleep_ns(100_000)?;
            }
            work()
        }
    })?;
    let timer: Timer = env.first()?;
    wait_until(&timer, "a client says who it is", || Ok(tid.load(Acquire) != 0))?;
    let tid = tid.load(Acquire);
    let supervisor: rt::monitor::Supervisor = env.first()?;
    granted(
        supervisor.bind_context(env.pid() as u32, tid, context)?,
        "binding a client",
    )?;
    go.store(true, Release);
    Ok((tid, client))
}
