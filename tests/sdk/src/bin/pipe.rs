//! Pipes: bytes in order, back pressure both ways, ends that close in every way, and one direction for each end.

#![no_std]
#![no_main]

use capos::{
    CapabilityRef, PipeClient, ProcessSpawnerClient, SpawnGrant, SpawnGrantMode, SpawnGrantSource,
    capos_capnp,
};
use sdk_check::prelude::*;
use sdk_check::{child, wire};

fn main(runtime: Runtime) -> i64 {
    if let Some(role) = child::role(runtime.capset()) {
        return play(&role, runtime);
    }
    run(
        "pipe",
        runtime,
        &[
            ("bytes come out as they went in", order),
            ("a read waits for bytes, and takes what is there", read_waits),
            ("a full pipe makes writers wait, and loses nothing", write_waits),
            ("a closed writer gives the rest, then end of file", writer_closes),
            ("a closed reader makes writes answer zero", reader_closes),
            (
                "isClosed is about this end, and closing twice is fine",
                closed_twice,
            ),
            (
                "releasing the last capability of an end closes it",
                release_closes,
            ),
            ("each end has one direction", directions),
            (
                "a read that asks for more than fits its answer loses nothing",
                big_read,
            ),
            ("any buffer size is clamped to what the kernel gives", sizes),
            ("a megabyte through a child and back", child_echoes),
        ],
    )
}

struct Ends {
    reader: PipeClient,
    writer: PipeClient,
    owned: capos::CreatePipeResult,
}

fn pipe(bench: &mut Bench<'_>, bytes: u32) -> Outcome<Ends> {
    let mut spawner: ProcessSpawnerClient = bench.client("spawner")?;
    let owned = spawner.create_pipe_wait(&mut bench.ring, bytes, FOREVER)?;
    let (reader, writer) = (
        PipeClient::new(owned.read_end.capability()),
        PipeClient::new(owned.write_end.capability()),
    );
    Ok(Ends {
        reader,
        writer,
        owned,
    })
}

/// Bytes that differ from their neighbours: byte `place` of an endless stream.
fn byte(place: usize) -> u8 {
    (place ^ place >> 8 ^ place >> 16) as u8
}

fn stream(from: usize, length: usize) -> Vec<u8> {
    (from..from + length).map(byte).collect()
}

fn write_all(bench: &mut Bench<'_>, writer: &mut PipeClient, mut data: &[u8]) -> Outcome {
    while !data.is_empty() {
        let written = writer.write_wait(&mut bench.ring, data, FOREVER)? as usize;
        ensure!(
            written > 0 && written <= data.len(),
            "{written} of {} bytes written",
            data.len()
        );
        data = &data[written..];
    }
    Ok(())
}

fn order(bench: &mut Bench<'_>) -> Outcome {
    let mut ends = pipe(bench, 4096)?;
    let (mut written, mut read) = (0, 0);
    for round in 1..60usize {
        let data = stream(written, round * 7 % 300 + 1);
        write_all(bench, &mut ends.writer, &data)?;
        written += data.len();
        while read < written {
            let got = ends
                .reader
                .read_wait(&mut bench.ring, round as u32 * 3, FOREVER)?;
            ensure!(
                !got.eof && !got.data.is_empty(),
                "end of file while the writer is open"
            );
            ensure!(
                got.data.len() <= round * 3,
                "{} bytes for a read of {}",
                got.data.len(),
                round * 3
            );
            same!(&*got.data, &*stream(read, got.data.len()), "bytes from {read} on");
            read += got.data.len();
        }
    }
    Ok(())
}

fn read_waits(bench: &mut Bench<'_>) -> Outcome {
    let mut ends = pipe(bench, 4096)?;
    let reading = ends.reader.read(&mut bench.ring, 100)?;
    let early = bench.ring.cap_enter(1, MILLISECOND)?;
    if let Some(completion) = bench.ring.try_complete(reading)? {
        fail!(
            "a read of an empty pipe completed with {}",
            completion.cqe().result
        );
    }
    same!(early, 0, "completions while the pipe is empty");
    same!(
        ends.writer.write_wait(&mut bench.ring, b"abc", FOREVER)?,
        3,
        "bytes written"
    );
    let completion = bench.ring.wait(reading, FOREVER)?;
    same!(
        &*ends.reader.finish_read(completion)?.data,
        &b"abc"[..],
        "what the waiting read got"
    );
    Ok(())
}

fn write_waits(bench: &mut Bench<'_>) -> Outcome {
    let mut ends = pipe(bench, 64)?;
    // Fill it, whatever its size really is.
    let (mut written, mut stuck) = (0, None);
    while stuck.is_none() && written < 1 << 21 {
        let data = stream(written, 1000);
        let call = ends.writer.write(&mut bench.ring, &data)?;
        bench.ring.cap_enter(1, MILLISECOND)?;
        match bench.ring.try_complete(call)? {
            Some(completion) => written += ends.writer.finish_write(completion)? as usize,
            None => stuck = Some(call),
        }
    }
    let Some(call) = stuck else {
        fail!("two megabytes went into a pipe that nobody reads")
    };
    let mut read = 0;
    let mut waiting = Some(call);
    while read < written {
        let got = ends.reader.read_wait(&mut bench.ring, 500, FOREVER)?;
        same!(&*got.data, &*stream(read, got.data.len()), "bytes from {read} on");
        read += got.data.len();
        if let Some(call) = waiting {
            bench.ring.cap_enter(0, 0)?;
            if let Some(completion) = bench.ring.try_complete(call)? {
                written += ends.writer.finish_write(completion)? as usize;
                waiting = None;
            }
        }
    }
    ensure!(
        waiting.is_none(),
        "the writer still waits although the pipe is empty"
    );
    Ok(())
}

fn writer_closes(bench: &mut Bench<'_>) -> Outcome {
    let mut ends = pipe(bench, 4096)?;
    ends.writer.write_wait(&mut bench.ring, b"the rest", FOREVER)?;
    ends.writer.close_wait(&mut bench.ring, FOREVER)?;
    let rest = ends.reader.read_wait(&mut bench.ring, 100, FOREVER)?;
    same!(
        (&*rest.data, rest.eof),
        (&b"the rest"[..], false),
        "what was buffered"
    );
    for _ in 0..2 {
        let end = ends.reader.read_wait(&mut bench.ring, 100, FOREVER)?;
        same!((end.data.len(), end.eof), (0, true), "after the rest");
    }
    // A read that already waits.
    let mut ends = pipe(bench, 4096)?;
    let reading = ends.reader.read(&mut bench.ring, 100)?;
    bench.ring.cap_enter(1, MILLISECOND)?;
    ends.writer.close_wait(&mut bench.ring, FOREVER)?;
    let completion = bench.ring.wait(reading, FOREVER)?;
    ensure!(
        ends.reader.finish_read(completion)?.eof,
        "a waiting read at the end of file"
    );
    Ok(())
}

fn reader_closes(bench: &mut Bench<'_>) -> Outcome {
    let mut ends = pipe(bench, 4096)?;
    ends.reader.close_wait(&mut bench.ring, FOREVER)?;
    same!(
        ends.writer.write_wait(&mut bench.ring, b"nobody", FOREVER)?,
        0,
        "bytes taken by a closed reader"
    );
    ensure!(
        !ends.writer.is_closed_wait(&mut bench.ring, FOREVER)?,
        "the writer's own end is open"
    );
    Ok(())
}

fn closed_twice(bench: &mut Bench<'_>) -> Outcome {
    let mut ends = pipe(bench, 4096)?;
    ensure!(
        !ends.reader.is_closed_wait(&mut bench.ring, FOREVER)?,
        "closed at birth"
    );
    for _ in 0..2 {
        ends.reader.close_wait(&mut bench.ring, FOREVER)?;
        ensure!(
            ends.reader.is_closed_wait(&mut bench.ring, FOREVER)?,
            "open after close"
        );
    }
    ensure!(
        !ends.writer.is_closed_wait(&mut bench.ring, FOREVER)?,
        "the other end is another matter"
    );
    Ok(())
}

fn release_closes(bench: &mut Bench<'_>) -> Outcome {
    let Ends {
        mut reader, owned, ..
    } = pipe(bench, 4096)?;
    let capos::CreatePipeResult {
        read_end: _held,
        write_end,
    } = owned;
    drop(write_end);
    bench.ring.flush_releases()?;
    ensure!(
        reader.read_wait(&mut bench.ring, 10, FOREVER)?.eof,
        "no end of file after the writer was released"
    );
    let Ends {
        mut writer, owned, ..
    } = pipe(bench, 4096)?;
    let capos::CreatePipeResult {
        read_end,
        write_end: _held,
    } = owned;
    drop(read_end);
    bench.ring.flush_releases()?;
    same!(
        writer.write_wait(&mut bench.ring, b"x", FOREVER)?,
        0,
        "bytes taken after the reader was released"
    );
    Ok(())
}

fn directions(bench: &mut Bench<'_>) -> Outcome {
    let mut ends = pipe(bench, 4096)?;
    refused(
        ends.reader.write_wait(&mut bench.ring, b"x", FOREVER),
        ExceptionType::InvalidArgument,
        "write to the read end",
    )?;
    refused(
        ends.writer.read_wait(&mut bench.ring, 1, FOREVER).map(drop),
        ExceptionType::InvalidArgument,
        "read of the write end",
    )?;
    same!(
        ends.writer.write_wait(&mut bench.ring, b"y", FOREVER)?,
        1,
        "the pipe still works"
    );
    same!(
        &*ends.reader.read_wait(&mut bench.ring, 9, FOREVER)?.data,
        &b"y"[..],
        "the pipe still works"
    );
    Ok(())
}

fn big_read(bench: &mut Bench<'_>) -> Outcome {
    let mut ends = pipe(bench, 65536)?;
    let mut written = 0;
    // As much as goes in without waiting.
    loop {
        let call = ends.writer.write(&mut bench.ring, &stream(written, 4000))?;
        bench.ring.cap_enter(1, MILLISECOND)?;
        let Some(completion) = bench.ring.try_complete(call)? else {
            break;
        };
        written += ends.writer.finish_write(completion)? as usize;
    }
    let mut read = 0;
    while read < written {
        // The published client has room for 8192 bytes of answer, whatever is asked for.
        let got = ends.reader.read_wait(&mut bench.ring, u32::MAX, FOREVER)?;
        ensure!(!got.data.is_empty(), "an empty read");
        same!(&*got.data, &*stream(read, got.data.len()), "bytes from {read} on");
        read += got.data.len();
    }
    let none = ends.reader.read_wait(&mut bench.ring, 0, 5 * MILLISECOND);
    ensure!(
        none.is_err() || none.is_ok_and(|got| got.data.is_empty() && !got.eof),
        "a read of zero bytes"
    );
    Ok(())
}

fn sizes(bench: &mut Bench<'_>) -> Outcome {
    for bytes in [0, 1, 4095, 1 << 20, u32::MAX] {
        let mut ends = pipe(bench, bytes)?;
        same!(
            ends.writer.write_wait(&mut bench.ring, b"z", FOREVER)?,
            1,
            "bytes into a pipe of {bytes}"
        );
        same!(
            &*ends.reader.read_wait(&mut bench.ring, 1, FOREVER)?.data,
            &b"z"[..],
            "bytes out of a pipe of {bytes}"
        );
    }
    // The params are read as they should be.
    let params = wire::encode::<capos_capnp::process_spawner::create_pipe_params::Owned>(|mut params| {
        params.set_buffer_bytes(1)
    });
    same!(
        bench
            .answer(bench.cap("spawner")?, 1, &params, 512)?
            .cqe()
            .cap_count,
        2,
        "capabilities of a pipe"
    );
    Ok(())
}

fn grant(name: &str, end: CapabilityRef) -> SpawnGrant<'_> {
    SpawnGrant {
        name,
        source: SpawnGrantSource::Capability(end),
        mode: SpawnGrantMode::Move,
        badge: 0,
    }
}

fn child_echoes(bench: &mut Bench<'_>) -> Outcome {
    const TOTAL: usize = 1 << 20;
    let (mut there, mut back) = (pipe(bench, 8192)?, pipe(bench, 8192)?);
    let grants = [
        grant("in", there.owned.read_end.capability().raw()),
        grant("out", back.owned.write_end.capability().raw()),
    ];
    let started = child::start(bench, "pipe", "echo", &grants)?;
    let (mut written, mut read, mut writing) = (0, 0, None);
    while read < TOTAL {
        if writing.is_none() && written < TOTAL {
            writing = Some(
                there
                    .writer
                    .write(&mut bench.ring, &stream(written, 3000.min(TOTAL - written)))?,
            );
        }
        let reading = back.reader.read(&mut bench.ring, 4000)?;
        let got = loop {
            if let Some(call) = writing
                && let Some(completion) = bench.ring.try_complete(call)?
            {
                written += there.writer.finish_write(completion)? as usize;
                writing = (written < TOTAL)
                    .then(|| {
                        there
                            .writer
                            .write(&mut bench.ring, &stream(written, 3000.min(TOTAL - written)))
                    })
                    .transpose()?;
            }
            if let Some(completion) = bench.ring.try_complete(reading)? {
                break back.reader.finish_read(completion)?;
            }
            bench.ring.cap_enter(1, FOREVER)?;
        };
        ensure!(!got.eof, "the child stopped after {read} bytes");
        same!(&*got.data, &*stream(read, got.data.len()), "bytes from {read} on");
        read += got.data.len();
    }
    there.writer.close_wait(&mut bench.ring, FOREVER)?;
    same!(child::reap(bench, &started)?, 0, "exit code of the echo");
    ensure!(
        back.reader.read_wait(&mut bench.ring, 1, FOREVER)?.eof,
        "the echo is gone"
    );
    Ok(())
}

fn play(role: &str, mut runtime: Runtime) -> i64 {
    let capset = runtime.capset();
    let (Ok(mut input), Ok(mut output)) = (
        capset.get_client::<PipeClient>(b"in"),
        capset.get_client::<PipeClient>(b"out"),
    ) else {
        return 2;
    };
    let Ok(mut ring) = runtime.ring_client() else {
        return 3;
    };
    if role != "echo" {
        return 4;
    }
    loop {
        let Ok(got) = input.read_wait(&mut ring, 2500, FOREVER) else {
            return 5;
        };
        if got.eof {
            return 0;
        }
        let mut data = &*got.data;
        while !data.is_empty() {
            match output.write_wait(&mut ring, data, FOREVER) {
                Ok(0) | Err(_) => return 6,
                Ok(written) => data = &data[written as usize..],
            }
        }
    }
}

capos::entry_point!(main);
