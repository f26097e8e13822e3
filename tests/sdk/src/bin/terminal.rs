//! TerminalSession: output as it is, lines that a person edits, bytes as they are typed, and who gets what when several
//! wait. `tests/tests/terminal.rs` plays the person: it waits for a prompt, then types what this program expects.

#![no_std]
#![no_main]

use capos::{LineEcho, LineStatus, TerminalSessionClient, capos_capnp};
use sdk_check::prelude::*;
use sdk_check::wire;

/// The method that the published crates do not know: bytes as they are typed. Its messages are those of a pipe's read.
const READ: u16 = 3;
const READ_LINE: u16 = 2;

fn main(runtime: Runtime) -> i64 {
    run(
        "terminal",
        runtime,
        &[
            ("bytes and lines are written, empty ones too", writes),
            ("a line is edited and comes without its end", edited),
            ("a hidden line comes as it was typed", hidden),
            ("a line ends in three ways", ends),
            ("an empty line is given only to those who allow it", empty),
            ("a line is no longer than was asked for", limited),
            ("what is typed ahead waits", ahead),
            ("one line is read at a time, and before raw bytes", in_turn),
            ("a small answer loses no byte", small_answers),
            ("no bytes are there at once", nothing_asked),
            ("unknown methods and echoes are refused", refusals),
            ("a program may leave while it reads", leave),
        ],
    )
}

fn terminal(bench: &Bench<'_>) -> Outcome<TerminalSessionClient> {
    bench.client("terminal")
}

fn line(
    bench: &mut Bench<'_>,
    prompt: &str,
    most: u32,
    echo: LineEcho,
    allow_empty: bool,
) -> Outcome<(LineStatus, String)> {
    let mut terminal = terminal(bench)?;
    let read = terminal.read_line_wait(&mut bench.ring, prompt, most, echo, allow_empty, FOREVER)?;
    Ok((read.status, String::from_utf8_lossy(&read.line).into_owned()))
}

fn submitted(bench: &mut Bench<'_>, prompt: &str, expected: &str) -> Outcome {
    let read = line(bench, prompt, 64, LineEcho::Visible, false)?;
    same!(
        read,
        (LineStatus::Submitted, expected.into()),
        "line after {prompt:?}"
    );
    Ok(())
}

fn read_params(most: u32) -> Box<[u8]> {
    wire::encode::<capos_capnp::pipe::read_params::Owned>(|mut params| params.set_max_len(most))
}

/// One raw read: the bytes, and whether the terminal is closed.
fn raw(bench: &mut Bench<'_>, most: u32, room: usize) -> Outcome<(Vec<u8>, bool)> {
    let completion = bench.answer(bench.cap("terminal")?, READ, &read_params(most), room)?;
    wire::answer::<capos_capnp::pipe::read_results::Owned, _>(&completion, |root| {
        Ok((root.get_data()?.to_vec(), root.get_eof()))
    })
}

/// Raw reads until as much has come as was expected.
fn raw_all(bench: &mut Bench<'_>, most: u32, room: usize, at_once: usize, expected: &[u8]) -> Outcome {
    let mut seen = Vec::new();
    while seen.len() < expected.len() {
        let (data, closed) = raw(bench, most, room)?;
        ensure!(!closed, "closed although somebody types");
        ensure!(
            (1..=at_once).contains(&data.len()),
            "{} bytes at once",
            data.len()
        );
        seen.extend(data);
    }
    same!(&seen[..], expected, "typed bytes");
    Ok(())
}

fn writes(bench: &mut Bench<'_>) -> Outcome {
    let mut terminal = terminal(bench)?;
    terminal.write_wait(&mut bench.ring, b"raw \xe2\x9c\x93\n", FOREVER)?;
    terminal.write_wait(&mut bench.ring, b"", FOREVER)?;
    terminal.write_line_wait(&mut bench.ring, "a line", FOREVER)?;
    terminal.write_line_wait(&mut bench.ring, "", FOREVER)?;
    Ok(())
}

fn edited(bench: &mut Bench<'_>) -> Outcome {
    submitted(bench, "name? ", "anna")
}

fn hidden(bench: &mut Bench<'_>) -> Outcome {
    let read = line(bench, "word? ", 64, LineEcho::Hidden, false)?;
    same!(read, (LineStatus::Submitted, "secret".into()), "hidden line");
    Ok(())
}

fn ends(bench: &mut Bench<'_>) -> Outcome {
    let cancelled = line(bench, "cancel? ", 64, LineEcho::Visible, false)?;
    same!(
        cancelled,
        (LineStatus::Cancelled, "".into()),
        "line ended by ctrl-C"
    );
    let closed = line(bench, "close? ", 64, LineEcho::Visible, false)?;
    same!(closed, (LineStatus::Closed, "".into()), "line ended by ctrl-D");
    submitted(bench, "submit? ", "as ever")
}

fn empty(bench: &mut Bench<'_>) -> Outcome {
    let allowed = line(bench, "nothing? ", 64, LineEcho::Visible, true)?;
    same!(allowed, (LineStatus::Submitted, "".into()), "empty line");
    submitted(bench, "something? ", "x")
}

fn limited(bench: &mut Bench<'_>) -> Outcome {
    let read = line(bench, "four? ", 4, LineEcho::Visible, false)?;
    same!(
        read,
        (LineStatus::Submitted, "abcd".into()),
        "line of at most four bytes"
    );
    Ok(())
}

fn ahead(bench: &mut Bench<'_>) -> Outcome {
    submitted(bench, "first? ", "one")?;
    submitted(bench, "second? ", "two")?;
    raw_all(bench, 16, 512, 16, b"three")
}

fn in_turn(bench: &mut Bench<'_>) -> Outcome {
    let cap = bench.cap("terminal")?;
    let bytes = bench
        .ring
        .submit_call(cap, READ, read_params(16), vec![0; 512].into())?;
    let mut client = terminal(bench)?;
    let waiting = client.read_line(&mut bench.ring, "busy? ", 64, LineEcho::Visible, false)?;
    let second = client.read_line_wait(
        &mut bench.ring,
        "NO PROMPT",
        64,
        LineEcho::Visible,
        false,
        FOREVER,
    );
    refused(second, ExceptionType::Overloaded, "a second line")?;
    terminal(bench)?.write_line_wait(&mut bench.ring, "go on", FOREVER)?;
    let completion = bench.ring.wait(waiting, FOREVER)?;
    let read = client.finish_read_line(completion)?;
    same!(
        (read.status, &*read.line),
        (LineStatus::Submitted, &b"line"[..]),
        "the line"
    );
    let completion = bench.ring.wait(bytes, FOREVER)?;
    let first = wire::answer::<capos_capnp::pipe::read_results::Owned, _>(&completion, |root| {
        Ok(root.get_data()?.to_vec())
    })?;
    ensure!(
        b"raw".starts_with(&first) && !first.is_empty(),
        "{first:?} before the line was over"
    );
    raw_all(bench, 16, 512, 16, &b"raw"[first.len()..])
}

fn small_answers(bench: &mut Bench<'_>) -> Outcome {
    let cap = bench.cap("terminal")?;
    for room in [0, 32, 39] {
        let completion = bench.call(cap, READ, &read_params(16), room)?;
        same!(completion.cqe().result, -3, "a read into {room} bytes");
    }
    terminal(bench)?.write_wait(&mut bench.ring, b"twenty? ", FOREVER)?;
    raw_all(bench, 64, 40, 8, b"abcdefghijklmnopqrst")
}

fn nothing_asked(bench: &mut Bench<'_>) -> Outcome {
    same!(raw(bench, 0, 64)?, (Vec::new(), false), "a read of no bytes");
    Ok(())
}

fn refusals(bench: &mut Bench<'_>) -> Outcome {
    let cap = bench.cap("terminal")?;
    bench.exception(cap, 4, &[], ExceptionType::Unimplemented)?;
    for method in 0..4 {
        bench.exception(cap, method, &[], ExceptionType::InvalidArgument)?;
    }
    let request = wire::encode::<capos_capnp::terminal_session::read_line_params::Owned>(|params| {
        let mut request = params.init_request();
        request.set_max_bytes(9);
        request.set_echo(capos_capnp::LineEcho::Hidden);
    });
    let mut spoiled = Vec::from(request);
    // Stream header, root pointer, pointer to the request, then its data: the limit, and the echo behind it.
    spoiled[8 + 8 + 8 + 4] = 7;
    bench.exception(cap, READ_LINE, &spoiled, ExceptionType::InvalidArgument)
}

fn leave(bench: &mut Bench<'_>) -> Outcome {
    let cap = bench.cap("terminal")?;
    for _ in 0..2 {
        bench
            .ring
            .submit_call(cap, READ, read_params(16), vec![0; 512].into())?;
    }
    terminal(bench)?.read_line(&mut bench.ring, "bye ", 64, LineEcho::Visible, false)?;
    bench.ring.cap_enter(0, 0)?;
    Ok(())
}

capos::entry_point!(main);
