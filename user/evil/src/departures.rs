//! Receivers that let go of their right to answer, in every way there is, while calls are in their hands or on their way to
//! them. Callers must be told, and who waits for a call must get it. And receivers whose buffers have left before them.

use alloc::format;
use alloc::vec::Vec;

use abi::layout::PAGE_SIZE;
use abi::result::Failure;
use abi::ring::{Cqe, Opcode, SQ_ENTRIES, Sqe};
use rt::hostile::{unmap, wild};
use rt::memory::{Protection, VirtualMemory};
use rt::process::ProcessSpawner;
use rt::{Client, Error};

use crate::flight::{Ground, PATIENCE_NS, answer, is_disconnected, received};
use crate::report::Report;
use crate::{child, partners};
use partners::SERVICE;

/// A receive's buffer, and the long message that it does not take any more.
const ROOM: u64 = 64 << 10;
const LONG: u32 = 65_000;
/// Receives or reads whose buffers go, and how many of them one call or write may find out about.
const GONE: usize = 20;
const FOUND_OUT: usize = 16;
/// User data that the runtime gives nobody.
const OURS: u64 = 0xdead_0000_0000_0000;

/// All of them.
pub(crate) fn attack(ground: &Ground<'_>, report: &mut Report) {
    for way in partners::WAYS_TO_LEAVE {
        receiver_leaves(ground, report, way);
    }
    receive_without_facet(ground, report);
    room_for_another(ground, report);
    buffers_gone(ground, report);
    read_buffers_gone(ground, report);
}

/// A receiver lets go of its right to answer, in one way or another, while it holds a call of ours.
fn receiver_leaves(ground: &Ground<'_>, report: &mut Report, way: &str) {
    let what = format!("a call whose receiver {way}");
    match leave(ground, way) {
        Ok((answer, lives)) => {
            report.line(is_disconnected(&answer), &what, format_args!("{answer:?}"));
            report.line(lives != (way == partners::ENDS), "and the receiver", lives);
        }
        Err(error) => report.line(false, &what, error),
    }
}

/// What our call was answered, and whether the receiver lived then.
fn leave(ground: &Ground<'_>, way: &str) -> Result<(Option<Result<(), Error>>, bool), Error> {
    let call = ground.call()?;
    let child = ground.co_owner(way)?;
    let (id, brought) = ground.at_home()?;
    if way == partners::IS_REVOKED {
        let table = child.table.list()?;
        let facet = table.iter().find(|line| line.label == SERVICE);
        child.table.revoke(facet.map_or(0, |line| line.id))?;
    }
    ground.home.reply(id, &[])?;
    let answer = answer(call);
    let ended = child.handle.start_wait()?;
    let lives = way != partners::ENDS && !ended.is_ready();
    if lives {
        child.handle.terminate()?;
    }
    ended.wait()?;
    if let Some(facet) = brought {
        rt::cap::release(facet)?;
    }
    Ok((answer, lives))
}

/// A receive whose process has let go of its facet must not take calls that nobody could answer.
fn receive_without_facet(ground: &Ground<'_>, report: &mut Report) {
    let what = "a receive of a process without a facet";
    let tried = (|| {
        let child = ground.co_owner(partners::POSTS_AND_RELEASES)?;
        let (id, _) = ground.at_home()?;
        let call = ground.call()?;
        // If that receive took the call, this one waits in vain.
        let ours = received(&ground.meeting);
        let taken = ours.is_ok_and(|(call, _)| ground.meeting.reply(call, &[]).is_ok());
        ground.home.reply(id, &[])?;
        child.handle.terminate()?;
        child.handle.wait()?;
        Ok::<_, Error>(taken && answer(call).is_some_and(|answer| answer.is_ok()))
    })();
    match tried {
        Ok(held) => report.line(held, what, if held { "takes no call" } else { "took a call" }),
        Err(error) => report.line(false, what, error),
    }
}

/// As many calls are in flight as may be, others wait, and another receiver waits; then the first receiver ends.
fn room_for_another(ground: &Ground<'_>, report: &mut Report) {
    let what = "a receiver beside waiting calls when another one ends";
    let tried = (|| {
        let calls = (0..30)
            .map(|_| ground.call())
            .collect::<Result<Vec<_>, Error>>()?;
        let first = ground.co_owner(partners::TAKES_SIXTEEN)?;
        let (id, _) = ground.at_home()?;
        let second = ground.co_owner(partners::TAKES_ONE)?;
        let (other, _) = ground.at_home()?;
        ground.home.reply(other, &[])?;
        // Time to post its receive; if that comes too late, it finds room and a call all the same.
        rt::nap(20_000_000);
        ground.home.reply(id, &[])?;
        first.handle.wait()?;
        let ended = child::end_of(&second)?;
        for _ in 0..13 {
            let (id, _) = received(&ground.meeting)?;
            ground.meeting.reply(id, &[])?;
        }
        let answers: Vec<_> = calls.into_iter().map(answer).collect();
        let told = answers.iter().filter(|answer| is_disconnected(answer)).count();
        let done = answers
            .iter()
            .filter(|answer| matches!(answer, Some(Ok(()))))
            .count();
        Ok::<_, Error>((ended, told, done))
    })();
    match tried {
        Ok(ended) => report.line(ended == (Some(0), 17, 13), what, format_args!("{ended:?}")),
        Err(error) => report.line(false, what, error),
    }
}

/// Each receive whose buffer has lost its last page costs its caller a copy of nearly everything. The caller pays for few of
/// them, then all end, and its call waits for an honest one.
fn buffers_gone(ground: &Ground<'_>, report: &mut Report) {
    let what = "a long call to twenty receives whose buffers have gone";
    let wanted = (FOUND_OUT, GONE - FOUND_OUT, 0);
    match call_into_gone(ground) {
        Ok(ended) => report.line(ended == wanted, what, format_args!("{ended:?}")),
        Err(error) => report.line(false, what, error),
    }
}

/// How many receives found their buffer gone, how many ended with them, and what the call came to.
fn call_into_gone(ground: &Ground<'_>) -> Result<(usize, usize, i32), Error> {
    let memory: VirtualMemory = ground.env.first()?;
    let message = memory.map(0, 2 * ROOM, Protection::ReadWrite)?;
    let gone = memory.map(0, ROOM, Protection::ReadWrite)?;
    let receive = Sqe {
        opcode: Opcode::Recv as u8,
        cap_id: ground.meeting.cap().id(),
        user_data: OURS,
        result_addr: gone,
        result_len: ROOM as u32,
        ..Sqe::default()
    };
    // As many as the queue of submissions takes at once.
    for some in [receive; GONE].chunks(SQ_ENTRIES as usize) {
        completions(some, 0);
    }
    unmap(&memory, gone + ROOM - 4096, 4096)?;
    let call = Sqe {
        opcode: Opcode::Call as u8,
        addr: message,
        len: LONG,
        result_addr: message + ROOM - 256,
        result_len: 256,
        user_data: OURS + 1,
        ..receive
    };
    let told = completions(&[call], GONE);
    let with = |failure: Failure| told.iter().filter(|cqe| cqe.result == failure.code()).count();
    let ended = (with(Failure::InvalidResult), with(Failure::TransferAborted));
    let honest = Sqe {
        result_addr: message + ROOM,
        ..receive
    };
    let call_id = completions(&[honest], 1).first().map_or(0, |cqe| cqe.call_id);
    let answer = Sqe {
        opcode: Opcode::Return as u8,
        cap_id: receive.cap_id,
        call_id,
        user_data: OURS + 2,
        ..Sqe::default()
    };
    let done = completions(&[answer], 2);
    let called = done.iter().find(|cqe| cqe.user_data == call.user_data);
    unmap(&memory, gone, ROOM - 4096)?;
    unmap(&memory, message, 2 * ROOM)?;
    Ok((ended.0, ended.1, called.map_or(-1, |cqe| cqe.result)))
}

/// The same at a pipe: what is written is copied into the buffer of each read that waits, as far as that goes.
fn read_buffers_gone(ground: &Ground<'_>, report: &mut Report) {
    let what = "a write to twenty reads whose buffers have gone";
    let wanted = (FOUND_OUT, GONE - FOUND_OUT, PAGE_SIZE as usize);
    match write_into_gone(ground) {
        Ok(ended) => report.line(ended == wanted, what, format_args!("{ended:?}")),
        Err(error) => report.line(false, what, error),
    }
}

/// How many reads found their buffer gone, how many ended with them, and how many bytes are there for who reads next.
fn write_into_gone(ground: &Ground<'_>) -> Result<(usize, usize, usize), Error> {
    let (memory, spawner): (VirtualMemory, ProcessSpawner) = (ground.env.first()?, ground.env.first()?);
    let (reader, writer) = spawner.pipe(PAGE_SIZE as u32)?;
    let gone = memory.map(0, 2 * PAGE_SIZE, Protection::ReadWrite)?;
    // A segment of two words: a struct of one number.
    let wish = [2 << 32, 1 << 32, PAGE_SIZE];
    let read = Sqe {
        opcode: Opcode::Call as u8,
        cap_id: reader.cap().id(),
        addr: wish.as_ptr() as u64,
        len: size_of_val(&wish) as u32,
        user_data: OURS,
        result_addr: gone,
        result_len: 2 * PAGE_SIZE as u32,
        ..Sqe::default()
    };
    for some in [read; GONE].chunks(SQ_ENTRIES as usize) {
        completions(some, 0);
    }
    unmap(&memory, gone + PAGE_SIZE, PAGE_SIZE)?;
    // A struct of one pointer, to a page of bytes.
    let words = PAGE_SIZE / 8;
    let mut page = [(2 + words) << 32, 1 << 48, 1 | (PAGE_SIZE << 3 | 2) << 32].to_vec();
    page.resize(page.len() + words as usize, 0);
    let mut answer = [0_u64; 8];
    let write = Sqe {
        cap_id: writer.cap().id(),
        method_id: 1,
        addr: page.as_ptr() as u64,
        len: (page.len() * 8) as u32,
        user_data: OURS + 1,
        result_addr: answer.as_mut_ptr() as u64,
        result_len: size_of_val(&answer) as u32,
        ..read
    };
    let told = completions(&[write], GONE + 1);
    let with = |failure: Failure| told.iter().filter(|cqe| cqe.result == failure.code()).count();
    let ended = (with(Failure::InvalidResult), with(Failure::TransferAborted));
    unmap(&memory, gone, PAGE_SIZE)?;
    Ok((ended.0, ended.1, reader.start_read()?.wait()?.bytes.len()))
}

/// Submits all of these and waits until that many completions have come.
fn completions(submissions: &[Sqe], wanted: usize) -> Vec<Cqe> {
    wild(|ring| {
        for submission in submissions {
            ring.submit(submission);
        }
        ring.enter(wanted as u32, PATIENCE_NS);
        core::iter::from_fn(|| ring.completion()).collect()
    })
}
