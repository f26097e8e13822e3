//! An actor: a process whose threads do everything that can be done to capabilities, calls, pipes and memory, as a seed says, and
//! keep books on what they asked for. Its first thread is well-behaved: it starts the others, one after another, hands what
//! one has left to the next, and starts a child now and then. The others drive their rings by hand, so that many operations are
//! under way when one of them ends, or the process is ended.
//!
//! [`hands`] is one thread's ring, its memory and its books; [`play`] is what it does with them.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use rt::context::Context;
use rt::endpoint::Endpoint;
use rt::memory::{MemoryObject, VirtualMemory};
use rt::pipe::Pipe;
use rt::policy::SchedulingPolicyCap;
use rt::process::{Child, Grant, KernelSource, ProcessSpawner, adopt};
use rt::thread::{ThreadControl, Threads};
use rt::time::Timer;
use rt::{Client, Env, Error};

use super::deed::Deed;
use super::ledger::Ledger;
use super::plan::Plan;
use super::{ENDPOINTS, SAW_WRONG};
use crate::child;
use hands::{Hands, Tools};
use rt::random::Random;

pub mod hands;
mod play;

/// Where the memory of each life begins that meddling takes pages from: the only place where an actor may be found to have
/// touched a page that is not there.
const ARENA: u64 = 0x2000_0000;

/// Whether a page may be missing at `address` because its own process has taken it away.
pub fn may_be_missing(address: u64) -> bool {
    (ARENA..ARENA + hands::ARENA_BYTES).contains(&address)
}

/// With how much CPU time an actor begins at most.
const MOST_TIMES: usize = 8;

/// How many threads an actor starts, one after the other.
const LIVES: u64 = 4;

/// What a capability is, to those who pass it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Token number n: it may be moved and never copied.
    Token(u64),
    /// May call endpoint n.
    Facet(u64),
    /// May receive from endpoint n.
    Owner(u64),
    /// The end of some pipe to read from.
    Reader,
    /// The end of some pipe to write to.
    Writer,
    /// CPU time.
    Time,
}

impl What {
    /// As a number in a message.
    pub fn tag(self) -> u64 {
        match self {
            What::Token(number) => 1 | number << 8,
            What::Facet(number) => 2 | number << 8,
            What::Owner(number) => 3 | number << 8,
            What::Reader => 4,
            What::Writer => 5,
            What::Time => 6,
        }
    }

    /// From that number.
    pub fn from_tag(tag: u64) -> Option<What> {
        Some(match tag & 0xff {
            1 => What::Token(tag >> 8),
            2 => What::Facet(tag >> 8),
            3 => What::Owner(tag >> 8),
            4 => What::Reader,
            5 => What::Writer,
            6 => What::Time,
            _ => return None,
        })
    }
}

/// A capability in this process's table, as one thread has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Possession {
    /// Its id.
    pub id: u32,
    /// What it is.
    pub what: What,
}

/// The part.
pub fn act(env: &Env, details: &[String]) -> Result<i64, Error> {
    let plan = Plan::from_arguments(details).ok_or(Error::Malformed)?;
    let threads = Threads::new(env)?;
    let ledger: MemoryObject = env.get("ledger")?;
    let ledger = alloc::sync::Arc::new(Ledger::of(ledger)?);
    let mut random = Random(plan.seed);
    let mut possessions = born_with(env);
    let mut children = Vec::new();
    for life in 0..LIVES {
        let memory: VirtualMemory = env.first()?;
        let tools = Tools {
            number: plan.number,
            timer: env.first::<Timer>()?.cap().id(),
            memory: memory.cap().id(),
            control: env.first::<ThreadControl>()?.cap().id(),
            policy: env.first::<SchedulingPolicyCap>()?.cap().id(),
            park: env.first::<rt::park::ParkSpace>()?.cap().id(),
            spawner: env.first::<ProcessSpawner>()?.cap().id(),
            time: env.get::<Context>("time")?.cap().id(),
            arena: memory.map(ARENA, hands::ARENA_BYTES, rt::memory::Protection::ReadWrite)?,
        };
        let (seed, ledger) = (u64::from(random.below(u32::MAX)) | life << 32, ledger.clone());
        let had = core::mem::take(&mut possessions);
        let life = threads.spawn(move || {
            rt::hostile::wild(|ring| play::play(Hands::new(ring, tools, ledger, had), plan, Random(seed)))
        })?;
        match life.join()? {
            play::Ended::Left(left) => possessions = left,
            play::Ended::Exits => return Ok(0),
            play::Ended::SawWrong => return Ok(SAW_WRONG),
        }
        // The thread's ring has closed, so nothing writes there any more.
        rt::hostile::unmap(&memory, tools.arena, hands::ARENA_BYTES)?;
        if plan.menu.has(Deed::Spawn) && plan.generations > 0 && random.below(2) == 0 {
            children.extend(have_a_child(env, &plan, &mut random, &mut possessions));
        }
    }
    Ok(0)
}

/// What each actor is granted besides what every child has.
pub fn grants(ledger: &MemoryObject, spawner: &ProcessSpawner, time: &Context) -> Vec<Grant> {
    alloc::vec![
        Grant::kernel("policy", KernelSource::SchedulingPolicy),
        Grant::copy("ledger", ledger),
        Grant::copy("spawner", spawner),
        Grant::copy("time", time),
    ]
}

/// What the capset gives.
fn born_with(env: &Env) -> Vec<Possession> {
    let mut born = Vec::new();
    for index in 0..ENDPOINTS as u64 {
        let facets = [("c", What::Facet(index)), ("e", What::Owner(index))];
        for (letter, what) in facets {
            if let Ok(endpoint) = env.get::<Endpoint>(&format!("{letter}{index}")) {
                let id = endpoint.cap().id();
                born.push(Possession { id, what });
            }
        }
    }
    for number in 0..MOST_TIMES {
        if let Ok(time) = env.get::<Context>(&format!("x{number}")) {
            let id = time.cap().id();
            let what = What::Time;
            born.push(Possession { id, what });
        }
    }
    for number in 0..64 {
        if let Ok(token) = env.get::<Pipe>(&format!("t{number}")) {
            let id = token.cap().id();
            let what = What::Token(number);
            born.push(Possession { id, what });
        }
    }
    born
}

/// Starts a child that does the same, with half of what there is; tokens have been given up by the thread that had them, and
/// the child's will claim them. `None` if it was refused.
fn have_a_child(
    env: &Env,
    plan: &Plan,
    random: &mut Random,
    possessions: &mut Vec<Possession>,
) -> Option<Child> {
    let spawner: ProcessSpawner = env.first().ok()?;
    let child = Plan {
        seed: u64::from(random.below(u32::MAX)),
        generations: plan.generations - 1,
        ..*plan
    };
    let details = child.to_arguments();
    let details: Vec<&str> = details.iter().map(|detail| &**detail).collect();
    let time: Context = env.get("time").ok()?;
    let mut grants = grants(&env.get::<MemoryObject>("ledger").ok()?, &spawner, &time);
    let mut times = 0;
    let (mut given, mut kept) = (Vec::new(), Vec::new());
    for possession in possessions.drain(..) {
        let goes = random.below(2) == 0
            && !given
                .iter()
                .any(|other: &Possession| other.what == possession.what);
        let Possession { id, what } = possession;
        match what {
            What::Token(number) if goes => {
                grants.push(given_away::<Pipe>(&format!("t{number}"), id));
                given.push(possession);
            }
            What::Facet(index) if goes => {
                grants.push(given_away::<Endpoint>(&format!("c{index}"), id));
                given.push(possession);
            }
            What::Owner(index) if goes => {
                grants.push(given_away::<Endpoint>(&format!("e{index}"), id));
                given.push(possession);
            }
            What::Time if goes && times < MOST_TIMES => {
                grants.push(given_away::<Context>(&format!("x{times}"), id));
                times += 1;
                given.push(possession);
            }
            _ => kept.push(possession),
        }
    }
    *possessions = kept;
    match child::start_with(&spawner, "actor", &details, grants) {
        Ok(child) => Some(child),
        Err(_) => {
            // A process that was not started has taken nothing.
            possessions.extend(given);
            None
        }
    }
}

fn given_away<C: Client>(name: &str, id: u32) -> Grant {
    let client: C = adopt(id);
    let grant = Grant::give(name, &client);
    // The child's from now on.
    core::mem::forget(client.into_cap());
    grant
}
