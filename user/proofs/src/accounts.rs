//! P16: what the kernel keeps for a process is charged to it and eats nothing that others were promised. Beside a process that
//! was promised memory and has not touched it yet, another one lets as much wait in the kernel as it is allowed to: data at
//! a full pipe, calls that nobody receives, page tables. It is refused at some point, the first has what it was promised,
//! and when both have ended as many pages are free as before.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use abi::layout::PAGE_SIZE;
use abi::ring::{Opcode, Sqe};
use rt::endpoint::Endpoint;
use rt::hostile::{submit, unmap, write_u32, write_u64};
use rt::memory::{Protection, VirtualMemory};
use rt::monitor::Monitor;
use rt::pipe::Pipe;
use rt::process::{Grant, ProcessSpawner};
use rt::thread::Threads;
use rt::time::Timer;
use rt::{Client, Env, Error};

use crate::tools::{Wrong, free_pages, wait_until};
use crate::{child, ensure};

/// What is let wait: large writes at a full pipe, small ones when the machine has little left, calls, and page tables. The last
/// takes all pages there are and gives every fourth back, so that no two free frames lie side by side.
const WAYS: [&str; 5] = ["large", "small", "calls", "tables", SPLINTERS];
const SPLINTERS: &str = "splinters";
/// What the other process was promised, in bytes.
const PROMISED: u64 = 8 << 20;
/// Threads that let something wait, each on a ring of its own, and how much each tries: as much as the runtime can have
/// under way on a ring.
const THREADS: u32 = 14;
const TRIES: u32 = 30;
/// Bytes of a large and of a small write, and of a call's parameters.
const LARGE: u64 = 65_000;
const SMALL: u64 = 4_000;
/// More than is left of the machine's memory when large and when small writes begin.
const MUCH: u64 = 16 << 20;
const LITTLE: u64 = 1 << 20;
/// Frames that the kernel's heap may keep for the next object of each size: its documented bound.
const KEPT: u64 = 19;

/// Ended processes whose handles are kept, and what each may leave while they are: its record and the root of its tables.
const DEAD: u64 = 16;
const LEFT_BY_EACH: u64 = 2;
/// Pages, each far from the others, that a process has when it ends.
const SCATTERED: u64 = 60;
const FAR: u64 = 1 << 30;
/// The first of them, above what the kernel places by itself.
const FIRST: u64 = 16 * FAR;

/// The proof.
pub fn prove(env: &Env) -> Result<(), Wrong> {
    let (timer, monitor): (Timer, Monitor) = (env.first()?, env.first()?);
    // As often as it takes until the kernel has what it keeps for later.
    let before = {
        WAYS.iter().try_for_each(|way| beside_a_promise(env, way))?;
        free_pages(&monitor)?
    };
    for way in WAYS {
        beside_a_promise(env, way)?;
        come_back(&timer, &monitor, before, KEPT, way)?;
    }
    the_dead_leave_a_record(env)
}

/// Waits until as many pages are free as before, but for `kept`.
fn come_back(timer: &Timer, monitor: &Monitor, before: u64, kept: u64, way: &str) -> Result<(), Wrong> {
    let mut after = 0;
    let returned = wait_until(timer, "the pages come back", || {
        after = free_pages(monitor)?;
        Ok(after + kept >= before)
    });
    ensure!(
        returned.is_ok(),
        "{way}: {before} pages were free, {after} are now"
    );
    Ok(())
}

/// Reads a lot from a pipe that holds it: the answer is made in runs of frames.
fn large_answer(env: &Env, pipe: &Pipe) -> Result<i32, Error> {
    let memory: VirtualMemory = env.first()?;
    let room = memory.map(0, LARGE + PAGE_SIZE, Protection::ReadWrite)?;
    // One segment of two words: a struct with one word of data.
    for (index, word) in [2 << 32, 1 << 32, LARGE].into_iter().enumerate() {
        write_u64(room + 8 * index as u64, word);
    }
    let read = Sqe {
        opcode: Opcode::Call as u8,
        cap_id: pipe.cap().id(),
        addr: room,
        len: 24,
        result_addr: room,
        result_len: (LARGE + 500) as u32,
        ..Sqe::default()
    };
    let completion = submit(read, u64::MAX);
    unmap(&memory, room, LARGE + PAGE_SIZE)?;
    Ok(completion.map_or(i32::MIN, |completion| completion.result))
}

/// One process is promised memory, another takes what it can, and then the first wants what it was promised.
fn beside_a_promise(env: &Env, way: &str) -> Result<(), Wrong> {
    let spawner: ProcessSpawner = env.first()?;
    let (said, says) = spawner.pipe(16)?;
    let (hears, tell) = spawner.pipe(16)?;
    // Nobody ever reads from the full one, but somebody could.
    let (_reader, full) = spawner.pipe(1)?;
    full.write_all(b"x")?;
    let (drain, well) = spawner.pipe(LARGE as u32)?;
    well.write_all(&alloc::vec![b'w'; LARGE as usize])?;
    let grants = || [Grant::copy("says", &says), Grant::copy("full", &full)];
    let mut with_ear = Vec::from(grants());
    with_ear.push(Grant::give("hears", &hears));
    let promised = child::start_with(&spawner, "promised", &[], with_ear)?;
    hear(&said)?;
    let filler = child::start_with(&spawner, "filler", &[way], grants())?;
    let refused = hear(&said)?;
    if way == SPLINTERS {
        let answered = large_answer(env, &drain)?;
        ensure!(
            answered > LARGE as i32,
            "an answer for which there is room was refused with {answered}"
        );
    }
    tell.write_all(b"!")?;
    let code = promised.handle.wait()?;
    filler.handle.terminate()?;
    filler.handle.wait()?;
    ensure!(code == 0, "{way}: who was promised memory ended with {code}");
    ensure!(refused == b'r', "{way}: there was no end to what the kernel kept");
    Ok(())
}

fn hear(pipe: &Pipe) -> Result<u8, Error> {
    let chunk = pipe.start_read()?.wait()?;
    chunk.bytes.first().copied().ok_or(Error::Malformed)
}

/// The first child's part.
pub fn touch_what_was_promised(env: &Env) -> Result<i64, Error> {
    let memory: VirtualMemory = env.first()?;
    let (says, hears): (Pipe, Pipe) = (env.get("says")?, env.get("hears")?);
    let start = memory.map(0, PROMISED, Protection::ReadWrite)?;
    says.write_all(b"p")?;
    hear(&hears)?;
    for page in 0..PROMISED / PAGE_SIZE {
        write_u32(start + page * PAGE_SIZE, 1);
    }
    Ok(0)
}

/// The other child's part: says whether it was refused in the end, and stays.
pub fn fill(env: &Env, details: &[String]) -> Result<i64, Error> {
    let says: Pipe = env.get("says")?;
    says.write_all(match fill_up(env, details) {
        Ok(true) => b"r",
        Ok(false) => b"-",
        Err(_) => b"!",
    })?;
    rt::nap(u64::MAX);
    Ok(1)
}

fn fill_up(env: &Env, details: &[String]) -> Result<bool, Error> {
    let memory: VirtualMemory = env.first()?;
    let full: Pipe = env.get("full")?;
    let way = details.first().map_or("", String::as_str);
    match way {
        "large" => let_wait(env, write_of(&memory, &full, LARGE)?, MUCH),
        "small" => let_wait(env, write_of(&memory, &full, SMALL)?, LITTLE),
        "calls" => {
            let endpoint: Endpoint = env.first()?;
            let call = Sqe {
                cap_id: endpoint.cap().id(),
                ..write_of(&memory, &full, LARGE)?
            };
            let_wait(env, call, 0)
        }
        SPLINTERS => splinter(&memory),
        _ => scatter(&memory, u64::MAX),
    }
}

/// A write of `bytes`, as a message: one segment, a struct with one pointer, to a list of bytes.
fn write_of(memory: &VirtualMemory, pipe: &Pipe, bytes: u64) -> Result<Sqe, Error> {
    let words = bytes.div_ceil(8);
    let message = memory.map(0, 8 * (3 + words), Protection::ReadWrite)?;
    write_u64(message, (2 + words) << 32);
    write_u64(message + 8, 1 << 48);
    write_u64(message + 16, (bytes << 3 | 2) << 32 | 1);
    Ok(Sqe {
        opcode: Opcode::Call as u8,
        method_id: 1,
        cap_id: pipe.cap().id(),
        addr: message,
        len: 8 * (3 + words) as u32,
        ..Sqe::default()
    })
}

/// Submits it again and again on several rings; whether it was refused. If `left` is not 0, the process is promised so much
/// of the machine's memory before that less than this is left.
fn let_wait(env: &Env, submission: Sqe, left: u64) -> Result<bool, Error> {
    let memory: VirtualMemory = env.first()?;
    let threads = Threads::new(env)?;
    let (refusals, done, go) = (
        Arc::new(AtomicU32::new(0)),
        Arc::new(AtomicU32::new(0)),
        Arc::new(AtomicU32::new(0)),
    );
    for _ in 0..THREADS {
        let (refusals, done, go) = (refusals.clone(), done.clone(), go.clone());
        let thread = threads.spawn(move || {
            while go.load(Acquire) == 0 {
                rt::nap(100_000);
            }
            for _ in 0..TRIES {
                if submit(submission, 0).is_some_and(|completion| completion.result < 0) {
                    refusals.fetch_add(1, Relaxed);
                }
            }
            done.fetch_add(1, Release);
            // What it let wait goes with it.
            rt::nap(u64::MAX);
        })?;
        core::mem::forget(thread);
    }
    while left > 0 && memory.map(0, left, Protection::ReadWrite).is_ok() {}
    go.store(1, Release);
    while done.load(Acquire) < THREADS {
        rt::nap(1_000_000);
    }
    Ok(refusals.load(Acquire) > 0)
}

/// Takes pages until there are no more, touches them, and gives every fourth back; whether it was refused.
fn splinter(memory: &VirtualMemory) -> Result<bool, Error> {
    // The kernel's list of this process's regions becomes as long as it will have to be, while there is memory for that.
    let mut regions = Vec::new();
    while let Ok(region) = memory.reserve(PAGE_SIZE) {
        regions.push(region);
    }
    regions
        .into_iter()
        .try_for_each(|region| unmap(memory, region, PAGE_SIZE))?;
    let mut pieces = Vec::new();
    while let Ok(piece) = memory.map(0, LITTLE, Protection::ReadWrite) {
        pieces.push(piece);
        for page in 0..LITTLE / PAGE_SIZE {
            write_u32(piece + page * PAGE_SIZE, 1);
        }
    }
    for piece in pieces {
        for page in (0..LITTLE / PAGE_SIZE).step_by(4) {
            unmap(memory, piece + page * PAGE_SIZE, PAGE_SIZE)?;
        }
    }
    Ok(true)
}

/// Maps pages far from each other and touches each, at most so many; whether it was refused before that.
fn scatter(memory: &VirtualMemory, most: u64) -> Result<bool, Error> {
    for count in 0..most {
        match memory.map(FIRST + count * FAR, PAGE_SIZE, Protection::ReadWrite) {
            Ok(page) => write_u32(page, 1),
            Err(error) if error.is(rt::Kind::Overloaded) => return Ok(true),
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

/// A child's part: has many page tables, and ends.
pub fn scatter_and_end(env: &Env) -> Result<i64, Error> {
    scatter(&env.first()?, SCATTERED).map(i64::from)
}

/// Who keeps the handles of ended processes keeps their records, and nothing of their memory.
fn the_dead_leave_a_record(env: &Env) -> Result<(), Wrong> {
    let (spawner, timer, monitor): (ProcessSpawner, Timer, Monitor) =
        (env.first()?, env.first()?, env.first()?);
    let before = free_pages(&monitor)?;
    let mut handles = Vec::new();
    for _ in 0..DEAD {
        let child = child::start(&spawner, "scattered", &[])?;
        let code = child.handle.wait()?;
        ensure!(code == 0, "a process that scatters its pages ended with {code}");
        handles.push(child.handle);
    }
    come_back(&timer, &monitor, before, DEAD * LEFT_BY_EACH + KEPT, "the dead")?;
    drop(handles);
    come_back(&timer, &monitor, before, KEPT, "the forgotten")
}
