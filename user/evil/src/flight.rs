//! Calls and capabilities that are on their way when somebody moves them again, lets go of an end, or ends. Each must end
//! exactly once for both sides: nobody waits for ever, and nothing is held twice or by nobody. The others' parts are in
//! [`crate::partners`]; receivers that let go of their end are in [`crate::departures`].

use alloc::vec;
use alloc::vec::Vec;

use abi::result::Failure;
use abi::ring::{Cqe, Opcode, Sqe};
use abi::transfer::{RECORD_BYTES, Record};
use rt::endpoint::Endpoint;
use rt::hostile::{forge, start, submit};
use rt::memory::{Protection, VirtualMemory};
use rt::message::Aligned;
use rt::pending::Pending;
use rt::pipe::Pipe;
use rt::process::{Child, Grant, KernelSource, ProcessSpawner};
use rt::{Client, Env, Error, Kind};

use crate::partners::{self, HOME, PREVIOUS, SERVICE, moving_call};
use crate::report::{ALL, Report};
use crate::{child, departures};

/// Longest time anything is waited for, in nanoseconds: only a hang gets there.
pub(crate) const PATIENCE_NS: u64 = 60_000_000_000;
/// Rounds in which a caller ends while it is answered, each at another moment.
const DYING_ROUNDS: u64 = 24;

/// What all of them need: two endpoints of ours, and children.
pub(crate) struct Ground<'a> {
    pub(crate) env: &'a Env,
    pub(crate) meeting: Endpoint,
    pub(crate) home: Endpoint,
    spawner: ProcessSpawner,
}

/// All of them, where the manifest gives two endpoints.
pub fn attack(env: &Env, report: &mut Report) {
    let meeting = report.needs(ALL, env.get("meeting"));
    let home = report.needs(ALL, env.get("home"));
    let spawner = report.needs(ALL, env.first());
    let (Some(meeting), Some(home), Some(spawner)) = (meeting, home, spawner) else {
        return;
    };
    let ground = Ground {
        env,
        meeting,
        home,
        spawner,
    };
    moved_twice(&ground, report);
    departures::attack(&ground, report);
    parked(&ground, report);
    nested(&ground, report);
    answered_while_dying(&ground, report);
}

impl Ground<'_> {
    /// A child that may receive at the meeting and call home.
    pub(crate) fn co_owner(&self, part: &str) -> Result<Child, Error> {
        let grants = vec![
            Grant::copy(SERVICE, &self.meeting),
            Grant::client_of(HOME, &self.home, 0),
        ];
        child::start_with(self.env, &self.spawner, part, grants)
    }

    /// A call of our own at the meeting.
    pub(crate) fn call(&self) -> Result<Pending<()>, Error> {
        Pending::start(self.meeting.cap().method(0), Vec::new(), 512, |_| Ok(()))
    }

    /// A call that came home: its number, and the capability that came with it.
    pub(crate) fn at_home(&self) -> Result<(u32, Option<u32>), Error> {
        received(&self.home)
    }
}

/// Receives a call: its number, and the capability that came with it. Refused if none comes.
pub(crate) fn received(endpoint: &Endpoint) -> Result<(u32, Option<u32>), Error> {
    let mut buffer = Aligned::<1024>::zeroed();
    let arrived = submit(receive_into(endpoint, &mut buffer.0), PATIENCE_NS).ok_or(Error::Malformed)?;
    call_in(&buffer.0, arrived)
}

/// The call that `arrived` in `buffer`.
fn call_in(buffer: &[u8], arrived: Cqe) -> Result<(u32, Option<u32>), Error> {
    let at = usize::try_from(arrived.result).map_err(|_| Error::Malformed)?;
    let record = buffer
        .get(at..at + RECORD_BYTES)
        .and_then(|bytes| bytes.first_chunk());
    let first = record.filter(|_| arrived.cap_count > 0);
    Ok((arrived.call_id, first.map(|bytes| Record::decode(*bytes).cap_id)))
}

fn receive_into(endpoint: &Endpoint, buffer: &mut [u8]) -> Sqe {
    Sqe {
        opcode: Opcode::Recv as u8,
        cap_id: endpoint.cap().id(),
        result_addr: buffer.as_mut_ptr() as u64,
        result_len: buffer.len() as u32,
        ..Sqe::default()
    }
}

/// Waits for the answer of a call; `None` if it does not come.
pub(crate) fn answer(call: Pending<()>) -> Option<Result<(), Error>> {
    while !call.is_ready() {
        if !rt::pending::wait_any(PATIENCE_NS) {
            return None;
        }
    }
    Some(call.wait())
}

pub(crate) fn is_disconnected(answer: &Option<Result<(), Error>>) -> bool {
    matches!(answer, Some(Err(error)) if error.is(Kind::Disconnected))
}

fn moved_twice(ground: &Ground<'_>, report: &mut Report) {
    let Some((read, _write)) = report.works("making a pipe", ground.spawner.pipe(16)) else {
        return;
    };
    let (meeting, thing) = (ground.meeting.cap().id(), read.cap().id());
    let queued = submit(moving_call(meeting, thing), 0);
    report.line(
        queued.is_none(),
        "a call that moves a capability and waits in a queue",
        "waits",
    );
    report.result(
        "a second call that moves it",
        submit(moving_call(meeting, thing), PATIENCE_NS),
        Failure::InvalidTransfer.code(),
    );
    let grants = vec![Grant::give("thing", &read)];
    let born = child::start_with(ground.env, &ground.spawner, child::SLEEPER, grants);
    let held = born.as_ref().is_ok_and(|child| child.handle.terminate().is_ok());
    report.exception("a child that it is moved to", born, Kind::InvalidArgument);
    let Some((call, arrived)) = report.works("receiving the call", received(&ground.meeting)) else {
        return;
    };
    let works = arrived.is_some_and(|id| forge::<Pipe>(id).is_closed().is_ok());
    report.line(
        works && !held,
        "the capability in the call",
        "is there, and nowhere else",
    );
    report.result(
        "calling what has moved",
        submit(partners::plain_call(thing), PATIENCE_NS),
        Failure::InvokeFailed.code(),
    );
    report.works("answering the call", ground.meeting.reply(call, &[]));
    if let Some(id) = arrived {
        report.works("releasing what arrived", rt::cap::release(id));
    }
    // Its id is gone; there is nothing to release.
    let _ = read.into_cap().into_id();
}

/// Copies of capabilities in calls that wait: no more of them than the sender's table could hold.
fn parked(ground: &Ground<'_>, report: &mut Report) {
    let what = "calls with sixteen capabilities that one process lets wait";
    let grants = vec![Grant::client_of(SERVICE, &ground.meeting, 0)];
    let ended = child::start_with(ground.env, &ground.spawner, partners::PARKS, grants)
        .and_then(|child| child::end_of(&child));
    let held = matches!(ended, Ok(Some(1..=4)));
    report.line(held, what, format_args!("{ended:?}"));
}

/// Each endpoint's last owner waits in the queue of the next one; then the first is let go.
fn nested(ground: &Ground<'_>, report: &mut Report) {
    let what = "196 endpoints, each waiting in the queue of the next, let go";
    let tried = (|| {
        let mut links = Vec::new();
        let mut head: Option<Endpoint> = None;
        for _ in 0..partners::LINK_PROCESSES {
            let mut grants = vec![Grant::client_of(HOME, &ground.home, 0)];
            for name in partners::links() {
                grants.push(Grant::kernel(&name, KernelSource::Endpoint));
            }
            if let Some(head) = &head {
                grants.push(Grant::give(PREVIOUS, head));
            }
            let child = child::start_with(ground.env, &ground.spawner, partners::LINKS, grants)?;
            let before = head.take().map(|moved| moved.into_cap().into_id());
            let (id, brought) = ground.at_home()?;
            ground.home.reply(id, &[])?;
            let Some(next) = brought else { return Ok(false) };
            debug_assert_ne!(before, Some(next));
            head = Some(rt::process::adopt(next));
            links.push(child.handle);
        }
        drop(head);
        for link in links {
            // Each was told that its first endpoint, the last of its part of the chain to end, is gone.
            if link.wait()? != 0 {
                return Ok(false);
            }
        }
        Ok::<_, Error>(true)
    })();
    match tried {
        Ok(held) => report.line(held, what, if held { "all ended" } else { "one was not told" }),
        Err(error) => report.line(false, what, error),
    }
}

/// A caller's process ends while its call is answered with the only write end of a pipe. Either the answer failed and the
/// end is ours, or it went with the caller, and a reader sees that nobody writes any more.
fn answered_while_dying(ground: &Ground<'_>, report: &mut Report) {
    let what = "write ends given to a caller that ends meanwhile";
    // Room for a long answer and its descriptor.
    let payload = ground
        .env
        .first::<VirtualMemory>()
        .and_then(|memory| memory.map(0, 64 << 10, Protection::ReadWrite));
    let Some(payload) = report.works("memory for an answer", payload) else {
        return;
    };
    let mut lost = 0;
    for round in 0..DYING_ROUNDS {
        match answer_dying(ground, round, payload) {
            Ok(true) => {}
            Ok(false) => lost += 1,
            Err(error) => return report.line(false, what, error),
        }
    }
    report.line(lost == 0, what, format_args!("{lost} were lost"));
}

fn answer_dying(ground: &Ground<'_>, round: u64, payload: u64) -> Result<bool, Error> {
    let (read, write) = ground.spawner.pipe(16)?;
    let grants = vec![Grant::client_of(SERVICE, &ground.meeting, round)];
    // The receive is there before the child is: a call that still waits in the queue ends with its caller.
    let mut buffer = Aligned::<1024>::zeroed();
    let receiving = start(receive_into(&ground.meeting, &mut buffer.0)).ok_or(Error::Malformed)?;
    let child = child::start_with(ground.env, &ground.spawner, partners::DIES, grants)?;
    let arrived = receiving.finish(PATIENCE_NS).ok_or(Error::Malformed)?;
    let (call, _) = call_in(&buffer.0, arrived)?;
    let write = write.into_cap().into_id();
    let answer = partners::moving_answer(ground.meeting.cap().id(), call, payload, write);
    let answered = submit(answer, PATIENCE_NS);
    child.handle.wait()?;
    if answered.is_none_or(|cqe| cqe.result != 0) {
        return Ok(rt::cap::release(write).is_ok());
    }
    let reading = read.start_read()?;
    while !reading.is_ready() {
        if !rt::pending::wait_any(PATIENCE_NS) {
            return Ok(false);
        }
    }
    reading.wait().map(|chunk| chunk.at_end)
}
