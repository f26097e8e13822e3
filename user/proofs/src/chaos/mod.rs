//! P18: whatever processes do to capabilities, calls and memory at once, and whenever they are ended, each call ends once for
//! both sides and each capability has one holder. [`actor`]s do at random what docs/chaos.md tells; this file starts
//! them, ends them at random moments, and looks at what is true afterwards from outside:
//!
//! - a [`token`] (the one write end of a pipe that this process reads) has been held by one actor after the other, never by two, and
//!   is gone when they are: its pipe ends;
//! - no call was received twice, answered twice or completed twice, and none completed that nobody answered ([`ledger`]);
//! - nobody has missed a page but who had taken it away itself ([`ends`]);
//! - every submission had one completion, and there was none without a submission (each actor watches its own ring);
//! - nobody has CPU time any more of the [`bank`], which all shared, and no CPU time is reserved;
//! - processes, threads and pages are as many as before, and the endpoints that the actors have fought over still serve.
//!
//! What an actor does is decided by its seed; on one CPU whose time is counted in instructions a run is the same each time. So a
//! failure is repeated by its seed, and made small by leaving out kinds of deeds (`without`), actors and steps.

pub mod actor;
mod bank;
pub mod deed;
mod ends;
pub mod ledger;
pub mod plan;
pub mod token;
mod wire;

use alloc::format;
use alloc::vec::Vec;

use abi::syscall::exit_code;
use rt::config::BootPackage;
use rt::context::Context;
use rt::endpoint::Endpoint;
use rt::memory::FrameAllocator;
use rt::monitor::{Monitor, Supervisor};
use rt::process::{Child, Grant, ProcessSpawner};
use rt::time::Timer;
use rt::{Env, Error, println};

use crate::tools::{Wrong, free_pages, wait_until};
use crate::{child, ensure};
use bank::Bank;
use ledger::Ledger;
use plan::{Plan, Run};
use rt::random::Random;
use token::Token;

/// How many endpoints the actors fight over; the manifest names them `e0`, `e1` and so on.
pub const ENDPOINTS: usize = 3;
/// Tokens of a round.
const TOKENS: usize = 6;
/// Longest pauses between two killings, in nanoseconds: short ones end somebody who has just begun, long ones let them get into each
/// other's way.
const PAUSES_NS: [u32; 3] = [1_500_000, 15_000_000, 40_000_000];
/// Bytes of its own heap that this process touches before it counts pages: more than it ever uses.
const OWN_HEAP: usize = 1 << 20;
/// Rounds before pages are counted: until then the kernel fills what it keeps for later, such as the rows of the last processes that
/// have ended, of which a round has nine or more.
const WARM_UP: u64 = 5;
/// Seed of the first of them. They are the same whatever is tried, so that a failure that is made small is looked for after the
/// same beginning; and far from the seeds that are tried.
const WARM_UP_SEED: u64 = 1 << 32;
/// Pages by which the count may differ, however many rounds there are: where the kernel's small objects lie depends on who ended when,
/// and one that stays keeps its page.
const SLACK: u64 = 4;
/// Badge of the one caller that behaves.
const HONEST: u64 = 1 << 40;
/// Exit code of an actor that saw something that must not be; the ledger says what.
pub const SAW_WRONG: i64 = 77;

/// The proof.
pub fn prove(env: &Env) -> Result<(), Wrong> {
    let run = Run::read(&env.first::<BootPackage>()?.config()?);
    let stage = Stage::new(env)?;
    for seed in WARM_UP_SEED..WARM_UP_SEED + WARM_UP {
        stage.play(&run, seed).map_err(|wrong| in_round(seed, &wrong))?;
    }
    let before = stage.census()?;
    for round in 0..run.rounds {
        let seed = run.seed.wrapping_add(round);
        stage.play(&run, seed).map_err(|wrong| in_round(seed, &wrong))?;
        stage.settles(before).map_err(|wrong| in_round(seed, &wrong))?;
    }
    println!(
        "chaos: {} rounds from seed {}, {} calls, CPU time lent {} times",
        run.rounds,
        run.seed,
        stage.calls.get(),
        stage.loans.get()
    );
    Ok(())
}

fn in_round(seed: u64, wrong: &Wrong) -> Wrong {
    Wrong::Seen(format!("seed {seed}: {wrong}"))
}

/// What there is of everything that must come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Census {
    processes: u32,
    threads: u32,
    pages: u64,
    contexts: u32,
    reserved: u64,
}

/// What all rounds need.
struct Stage<'e> {
    env: &'e Env,
    timer: Timer,
    monitor: Monitor,
    supervisor: Supervisor,
    spawner: ProcessSpawner,
    time: Context,
    ledger: Ledger,
    endpoints: Vec<Endpoint>,
    calls: core::cell::Cell<u64>,
    loans: core::cell::Cell<u64>,
}

impl<'e> Stage<'e> {
    fn new(env: &'e Env) -> Result<Stage<'e>, Wrong> {
        // This process's own heap has the pages that it will need, so that they are not missed afterwards.
        drop(core::hint::black_box(alloc::vec![1_u8; OWN_HEAP]));
        let endpoints = (0..ENDPOINTS).map(|index| env.get::<Endpoint>(&format!("e{index}")));
        Ok(Stage {
            env,
            timer: env.first()?,
            monitor: env.first()?,
            supervisor: env.first()?,
            spawner: env.first()?,
            time: env.first()?,
            ledger: Ledger::create(&env.first::<FrameAllocator>()?)?,
            endpoints: endpoints.collect::<Result<_, Error>>()?,
            calls: core::cell::Cell::new(0),
            loans: core::cell::Cell::new(0),
        })
    }

    /// One round: actors begin, are ended one after the other, and are replaced; then the rest ends, and everything is compared.
    fn play(&self, run: &Run, seed: u64) -> Result<(), Wrong> {
        let mut random = Random(seed);
        let ledger = &self.ledger;
        ledger.clear();
        let bank = Bank::open(&self.time)?;
        let mut tokens = Vec::new();
        let mut actors: Vec<Child> = Vec::new();
        let mut begun = 0;
        while begun < run.actors * 2 {
            while (actors.len() as u64) < run.actors && begun < run.actors * 2 {
                begun += 1;
                actors.push(self.begin(run, begun, &mut random, &mut tokens, &bank)?);
            }
            let longest = PAUSES_NS[random.below(PAUSES_NS.len() as u32) as usize];
            self.timer.sleep_ns(u64::from(random.below(longest)))?;
            for token in &mut tokens {
                token.drain()?;
            }
            bank.forces_time_on(
                &self.monitor,
                &self.supervisor,
                &mut random,
                self.env.pid() as u32,
            )?;
            let victim = actors.swap_remove(random.below(actors.len() as u32) as usize);
            end(&victim, ledger)?;
        }
        for actor in &actors {
            end(actor, ledger)?;
        }
        drop(actors);
        self.end_the_others()?;
        ends::check(&self.monitor, run.menu)?;
        self.loans.set(self.loans.get() + bank.closes(&self.timer)?);
        for token in &mut tokens {
            wait_until(&self.timer, "a token's pipe ends", || {
                token.drain()?;
                Ok(token.has_ended())
            })?;
            token.check()?;
        }
        ledger.check()?;
        self.calls.set(self.calls.get() + ledger.calls());
        self.endpoints_serve()
    }

    /// Starts an actor, with some tokens if there are any left to give.
    fn begin(
        &self,
        run: &Run,
        number: u64,
        random: &mut Random,
        tokens: &mut Vec<Token>,
        bank: &Bank,
    ) -> Result<Child, Wrong> {
        let plan = Plan::new(run, number, u64::from(random.below(u32::MAX)));
        let details = plan.to_arguments();
        let details: Vec<&str> = details.iter().map(|detail| &**detail).collect();
        let mut grants = actor::grants(&self.ledger.object, &self.spawner, &self.time);
        grants.extend(bank.copies());
        for (index, endpoint) in self.endpoints.iter().enumerate() {
            // Everybody may call, most may receive.
            grants.push(Grant::client_of(&format!("c{index}"), endpoint, number));
            if random.below(4) != 0 {
                grants.push(Grant::copy(&format!("e{index}"), endpoint));
            }
        }
        while tokens.len() < TOKENS && random.below(2) == 0 {
            let (token, held) = Token::create(&self.spawner, tokens.len() as u64)?;
            grants.push(Grant::give(&format!("t{}", tokens.len()), &held));
            tokens.push(token);
            // It is the child's from here on; if there will be no child, its pipe ends with this handle.
            core::mem::forget(held);
        }
        Ok(child::start_with(&self.spawner, "actor", &details, grants)?)
    }

    /// Ends what the actors have started themselves.
    fn end_the_others(&self) -> Result<(), Wrong> {
        wait_until(&self.timer, "the actors' children end", || {
            let others = self.monitor.processes(|processes| {
                let living = processes
                    .iter()
                    .filter(|process| process.get_pid() != self.env.pid() as u32)
                    .filter(|process| process.get_threads() > 0);
                Ok(living.map(|process| process.get_pid()).collect::<Vec<_>>())
            })?;
            for pid in &others {
                // It may have ended meanwhile.
                if let Ok(handle) = self.supervisor.process(*pid) {
                    handle.terminate()?;
                }
            }
            // One may have started another between the list and the look at it; while either lives there are two processes.
            Ok(others.is_empty() && self.census()?.processes == 1)
        })
    }

    /// An honest child calls each endpoint once, and this process, who owns them, gets nothing but these calls.
    fn endpoints_serve(&self) -> Result<(), Wrong> {
        let facet = |(index, endpoint)| Grant::client_of(&format!("c{index}"), endpoint, HONEST);
        let facets = self.endpoints.iter().enumerate().map(facet);
        let caller = child::start_with(&self.spawner, "caller", &[], facets)?;
        let mut buffer = [0; 256];
        for (index, endpoint) in self.endpoints.iter().enumerate() {
            let received = endpoint.receive(&mut buffer)?;
            let (badge, call_id) = (received.badge, received.call_id);
            ensure!(
                badge == HONEST,
                "endpoint {index} delivered a call of somebody who is dead, badge {badge}"
            );
            endpoint.reply(call_id, &wire::numbers(&[index as u64]))?;
        }
        let code = caller.handle.wait()?;
        ensure!(code == 0, "an honest caller ended with {code}");
        Ok(())
    }

    fn census(&self) -> Result<Census, Error> {
        let (processes, threads) = self
            .monitor
            .system(|info| Ok((info.get_process_count(), info.get_thread_count())))?;
        let (contexts, reserved) = bank::all(&self.monitor)?;
        Ok(Census {
            processes,
            threads,
            contexts,
            reserved,
            pages: free_pages(&self.monitor)?,
        })
    }

    /// Everything is as it was before the round.
    fn settles(&self, before: Census) -> Result<(), Wrong> {
        let mut after = before;
        let settled = wait_until(&self.timer, "everything is back", || {
            after = self.census()?;
            Ok(after.processes == before.processes
                && after.threads == before.threads
                && (after.contexts, after.reserved) == (0, 0)
                && after.pages + SLACK >= before.pages)
        });
        ensure!(settled.is_ok(), "{before:?} before, {after:?} after");
        Ok(())
    }
}

/// Ends an actor, if it has not ended by itself.
fn end(actor: &Child, ledger: &Ledger) -> Result<(), Wrong> {
    actor.handle.terminate()?;
    let code = actor.handle.wait()?;
    ensure!(code != SAW_WRONG, "{}", ledger.complaint());
    // Whether a fault was its own doing is asked of all that have ended, those that actors started among them.
    let expected = [
        exit_code::TERMINATED,
        exit_code::OVERRUN,
        0,
        child::REFUSED,
        ends::FAULTED,
    ];
    ensure!(expected.contains(&code), "an actor ended with {code}");
    Ok(())
}

/// The honest caller's part: one call of each endpoint.
pub fn call_each(env: &Env) -> Result<i64, Error> {
    for index in 0..ENDPOINTS {
        let endpoint: Endpoint = env.get(&format!("c{index}"))?;
        let mut room = [0; 256];
        let reply = endpoint.call(0, &wire::numbers(&[0]), &mut room)?;
        if reply.payload() != wire::numbers(&[index as u64]) {
            return Ok(SAW_WRONG);
        }
    }
    Ok(0)
}
