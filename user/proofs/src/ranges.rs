//! P15: a lock over memory is held for a piece of a range at most. One thread changes the permission of a large range all the
//! time; another one serves a third, whose memory its answers go to. Before, each answer waited for a whole range, and its CPU heard
//! nothing meanwhile.

use alloc::sync::Arc;
use core::sync::atomic::Ordering::Relaxed;
use core::sync::atomic::{AtomicBool, AtomicU64};

use abi::layout::PAGE_SIZE;
use rt::endpoint::Endpoint;
use rt::hostile::{protect, write_u32};
use rt::memory::{Protection, VirtualMemory};
use rt::message::Aligned;
use rt::thread::Threads;
use rt::{Env, Error};

use crate::ensure;
use crate::tools::Wrong;

/// Pages whose permission changes.
const PAGES: u64 = 12_288;
/// Calls that are answered meanwhile.
const CALLS: u32 = 400;
/// How many calls there must be for each change of the range: each of them locks the same tables twice, for a piece.
const CALLS_PER_CHANGE: u64 = 4;

/// Method that ends the server.
const END: u16 = 1;

/// The proof.
pub fn prove(env: &Env) -> Result<(), Wrong> {
    let (memory, service): (VirtualMemory, Endpoint) = (env.first()?, env.first()?);
    let threads = Threads::new(env)?;
    let range = memory.map(0, PAGES * PAGE_SIZE, Protection::ReadWrite)?;
    for page in 0..PAGES {
        write_u32(range + page * PAGE_SIZE, 1);
    }
    let (changes, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let changer = {
        let (env, changes, over) = (*env, changes.clone(), over.clone());
        threads.spawn(move || change(&env, range, &changes, &over))?
    };
    let server = {
        let env = *env;
        threads.spawn(move || serve(&env))?
    };
    while changes.load(Relaxed) < 2 {
        rt::nap(10_000);
    }
    let mut room = Aligned::<64>::zeroed();
    let before = changes.load(Relaxed);
    for _ in 0..CALLS {
        service.call(0, &[1; 32], &mut room.0)?;
    }
    let during = changes.load(Relaxed) - before;
    over.store(true, Relaxed);
    changer.join()??;
    service.call(END, &[], &mut room.0)?;
    server.join()??;
    ensure!(
        during * CALLS_PER_CHANGE <= u64::from(CALLS),
        "{CALLS} calls were answered while a range of {PAGES} pages was changed {during} times: they waited for it"
    );
    ensure!(during > 0, "the range was not changed while calls were answered");
    Ok(())
}

/// Changes the permission of the whole range until it is over.
fn change(env: &Env, range: u64, changes: &AtomicU64, over: &AtomicBool) -> Result<(), Error> {
    let memory: VirtualMemory = env.first()?;
    while !over.load(Relaxed) {
        for protection in [Protection::Read, Protection::ReadWrite] {
            protect(&memory, range, PAGES * PAGE_SIZE, protection)?;
            changes.fetch_add(1, Relaxed);
        }
    }
    Ok(())
}

/// Answers each call with what it brought, until one says that it is the last.
fn serve(env: &Env) -> Result<(), Error> {
    let service: Endpoint = env.first()?;
    let mut buffer = Aligned::<256>::zeroed();
    loop {
        let call = service.receive(&mut buffer.0)?;
        let (id, is_last) = (call.call_id, call.header.method_id == END);
        service.reply(id, &[2; 32])?;
        if is_last {
            return Ok(());
        }
    }
}
