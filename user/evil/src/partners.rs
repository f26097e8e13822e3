//! The other processes' parts in [`crate::flight`], and the requests that both sides make: calls and answers with
//! capabilities to be moved.

use alloc::format;
use alloc::string::String;

use abi::ring::{Opcode, Sqe};
use abi::transfer::{Descriptor, Mode};
use rt::endpoint::Endpoint;
use rt::hostile::{submit, write_u64};
use rt::memory::{Protection, VirtualMemory};
use rt::message::Aligned;
use rt::pending::Pending;
use rt::time::Timer;
use rt::{Client, Env, Error, Kind};

use crate::pointers::stack_scratch;

/// Names of a part's capabilities: where it serves or calls, where it reports, and the chain so far.
pub const SERVICE: &str = "service";
/// See [`SERVICE`].
pub const HOME: &str = "home";
/// See [`SERVICE`].
pub const PREVIOUS: &str = "previous";

/// Ways in which a receiver lets go of its facet.
pub const WAYS_TO_LEAVE: [&str; 4] = [ENDS, RELEASES, MOVES, IS_REVOKED];
/// It ends.
pub const ENDS: &str = "ends";
const RELEASES: &str = "releases its facet";
const MOVES: &str = "moves its facet away";
/// Somebody else takes it.
pub const IS_REVOKED: &str = "has its facet revoked";
/// Posts a receive, and releases its facet.
pub const POSTS_AND_RELEASES: &str = "posts a receive and releases its facet";
/// Takes as many calls as may be in flight, and ends when it is told to.
pub const TAKES_SIXTEEN: &str = "takes sixteen calls";
/// Takes one call, and ends.
pub const TAKES_ONE: &str = "takes one call";
/// Lets calls with capabilities wait, as many as it may; its exit code says how many.
pub const PARKS: &str = "parks";
/// Makes a part of a chain of endpoints.
pub const LINKS: &str = "links";
/// Calls, and ends without waiting.
pub const DIES: &str = "dies";

/// Processes that make a chain.
pub const LINK_PROCESSES: usize = 7;
/// Endpoints that each of them links: each is an operation under way, and the runtime has 32 at most.
const LINKS_EACH: usize = 28;

const PATIENCE_NS: u64 = 60_000_000_000;
/// Bytes of an answer that takes long to copy.
const LONG: u64 = 60_000;
/// Bytes that a caller touches before it ends, so that its end takes long.
const BALLAST: u64 = 4 << 20;

/// The names of a part's fresh endpoints.
pub fn links() -> impl Iterator<Item = String> {
    (0..LINKS_EACH).map(|index| format!("link{index}"))
}

/// The child's part, if it is one of these.
pub fn act(env: &Env, name: &str) -> Option<i64> {
    let done = match name {
        ENDS | RELEASES | MOVES | IS_REVOKED => receive_and_leave(env, name),
        POSTS_AND_RELEASES => post_and_release(env),
        TAKES_SIXTEEN => take(env, 16, true),
        TAKES_ONE => take(env, 1, false),
        PARKS => park(env),
        LINKS => link(env),
        DIES => die(env),
        _ => return None,
    };
    Some(done.unwrap_or(98))
}

/// A call without parameters.
pub fn plain_call(cap: u32) -> Sqe {
    Sqe {
        opcode: Opcode::Call as u8,
        cap_id: cap,
        result_addr: stack_scratch() + 2048,
        result_len: 256,
        ..Sqe::default()
    }
}

/// A call that moves a capability.
pub fn moving_call(cap: u32, moved: u32) -> Sqe {
    describe(stack_scratch(), moved, Mode::Move);
    Sqe {
        addr: stack_scratch(),
        xfer_cap_count: 1,
        ..plain_call(cap)
    }
}

/// A long answer, from `payload` on, that moves a capability.
pub fn moving_answer(endpoint: u32, call: u32, payload: u64, moved: u32) -> Sqe {
    describe(payload + LONG, moved, Mode::Move);
    Sqe {
        opcode: Opcode::Return as u8,
        cap_id: endpoint,
        call_id: call,
        addr: payload,
        len: LONG as u32,
        xfer_cap_count: 1,
        ..Sqe::default()
    }
}

fn describe(at: u64, cap_id: u32, mode: Mode) {
    write_u64(at, u64::from_le_bytes(Descriptor { cap_id, mode }.encode()));
}

/// Tells the one at home that something has been done, and waits for its word.
fn report_home(env: &Env) -> Result<(), Error> {
    let home: Endpoint = env.get(HOME)?;
    let mut room = Aligned::<256>::zeroed();
    home.call(0, &[], &mut room.0).map(|_| ())
}

fn wait_for_ever() -> ! {
    loop {
        rt::nap(u64::MAX);
    }
}

fn receive_and_leave(env: &Env, way: &str) -> Result<i64, Error> {
    let service: Endpoint = env.get(SERVICE)?;
    let mut buffer = Aligned::<1024>::zeroed();
    service.receive(&mut buffer.0)?;
    if way == MOVES {
        let home: Endpoint = env.get(HOME)?;
        submit(moving_call(home.cap().id(), service.cap().id()), PATIENCE_NS);
    } else {
        report_home(env)?;
    }
    match way {
        ENDS => return Ok(0),
        RELEASES => rt::cap::release(service.cap().id())?,
        _ => {}
    }
    wait_for_ever()
}

fn post_and_release(env: &Env) -> Result<i64, Error> {
    let service: Endpoint = env.get(SERVICE)?;
    let receive = Sqe {
        opcode: Opcode::Recv as u8,
        ..plain_call(service.cap().id())
    };
    submit(receive, 0);
    rt::cap::release(service.cap().id())?;
    report_home(env)?;
    wait_for_ever()
}

/// Takes calls and answers none. Reports before the first if it takes one, after the last if it takes more.
fn take(env: &Env, count: usize, report_after: bool) -> Result<i64, Error> {
    let service: Endpoint = env.get(SERVICE)?;
    if !report_after {
        report_home(env)?;
    }
    for _ in 0..count {
        let mut buffer = Aligned::<1024>::zeroed();
        service.receive(&mut buffer.0)?;
    }
    if report_after {
        report_home(env)?;
    }
    Ok(0)
}

fn park(env: &Env) -> Result<i64, Error> {
    let (service, timer): (Endpoint, Timer) = (env.get(SERVICE)?, env.first()?);
    for index in 0..16 {
        describe(stack_scratch() + 8 * index, timer.cap().id(), Mode::Copy);
    }
    let call = Sqe {
        addr: stack_scratch(),
        xfer_cap_count: 16,
        ..plain_call(service.cap().id())
    };
    let waiting = (0..30).take_while(|_| submit(call, 0).is_none());
    Ok(waiting.count() as i64)
}

fn link(env: &Env) -> Result<i64, Error> {
    let home: Endpoint = env.get(HOME)?;
    let mut first = None;
    let mut chain = env.get::<Endpoint>(PREVIOUS).ok().map(|head| head.cap().id());
    for name in links() {
        let next: Endpoint = env.get(&name)?;
        if first.is_none() {
            first = Some(Pending::start(
                next.cap().method(0),
                Default::default(),
                256,
                |_| Ok(()),
            )?);
        }
        if let Some(before) = chain {
            submit(moving_call(next.cap().id(), before), 0);
            rt::cap::release(before)?;
        }
        chain = Some(next.cap().id());
    }
    let (Some(first), Some(head)) = (first, chain) else {
        return Ok(1);
    };
    submit(moving_call(home.cap().id(), head), PATIENCE_NS);
    match first.wait() {
        Err(error) if error.is(Kind::Disconnected) => Ok(0),
        _ => Ok(2),
    }
}

fn die(env: &Env) -> Result<i64, Error> {
    let (service, memory): (Endpoint, VirtualMemory) = (env.get(SERVICE)?, env.first()?);
    // Low addresses are taken away first when it ends: the room for the answer lies above.
    let ballast = memory.map(0, BALLAST, Protection::ReadWrite)?;
    let room = memory.map(0, 128 << 10, Protection::ReadWrite)?;
    for page in (ballast..ballast + BALLAST)
        .chain(room..room + (128 << 10))
        .step_by(4096)
    {
        write_u64(page, 1);
    }
    let call = Sqe {
        result_addr: room,
        result_len: 65_536,
        ..plain_call(service.cap().id())
    };
    submit(call, 0);
    // Each time a little later: process numbers are counted up.
    for _ in 0..env.pid() % 24 * 4_000 {
        core::hint::spin_loop();
    }
    Ok(0)
}
