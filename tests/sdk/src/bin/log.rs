//! LogSink and LogReader: what is kept, what the threshold drops, and how a cursor moves over it. The manifest sets
//! the threshold to `info`.

#![no_std]
#![no_main]

use capos::{LogReadResult, LogReaderClient, LogSeverity, LogSinkClient, capos_capnp};
use sdk_check::prelude::*;
use sdk_check::wire;

fn main(runtime: Runtime) -> i64 {
    run(
        "log",
        runtime,
        &[
            ("a record comes back as it was written", round_trip),
            ("records below the threshold are dropped and say so", threshold),
            (
                "level and prefix filter, and the cursor follows the last record shown",
                filters,
            ),
            ("a cursor reads each record once, sixteen at most", cursors),
            ("zero records leave the cursor where it is", nothing_asked),
            ("long texts are cut, not refused", long_texts),
            ("old records give way, and are counted", overflow),
            ("unknown levels are refused", bad_level),
        ],
    )
}

fn write(bench: &mut Bench<'_>, level: LogSeverity, component: &str, message: &str) -> Outcome<bool> {
    let mut sink: LogSinkClient = bench.client("sink")?;
    Ok(sink.write_wait(&mut bench.ring, level, component, 1234, message, FOREVER)?)
}

fn read(
    bench: &mut Bench<'_>,
    cursor: u64,
    records: u32,
    level: LogSeverity,
    prefix: &str,
) -> Outcome<LogReadResult> {
    let mut reader: LogReaderClient = bench.client("reader")?;
    Ok(reader.read_wait(&mut bench.ring, cursor, records, level, prefix, FOREVER)?)
}

/// The cursor after everything written so far.
fn end(bench: &mut Bench<'_>) -> Outcome<u64> {
    let mut cursor = 0;
    loop {
        let read = read(bench, cursor, 16, LogSeverity::Debug, "")?;
        if read.records.is_empty() {
            return Ok(read.next_cursor);
        }
        ensure!(
            read.next_cursor > cursor,
            "the cursor stays at {cursor} behind {} records",
            read.records.len()
        );
        cursor = read.next_cursor;
    }
}

fn round_trip(bench: &mut Bench<'_>) -> Outcome {
    let start = end(bench)?;
    ensure!(
        write(bench, LogSeverity::Warn, "sdk.log", "one thing happened: é")?,
        "not accepted"
    );
    ensure!(write(bench, LogSeverity::Error, "sdk.log", "")?, "not accepted");
    let got = read(bench, start, 16, LogSeverity::Debug, "sdk.log")?;
    same!(got.records.len(), 2, "records");
    let (first, second) = (&got.records[0], &got.records[1]);
    same!(
        (first.level, &*first.component, first.pid),
        (LogSeverity::Warn, "sdk.log", 1234),
        "the first record"
    );
    same!(&*first.message, "one thing happened: é", "its message");
    same!(
        (second.level, &*second.message),
        (LogSeverity::Error, ""),
        "the second record"
    );
    ensure!(
        second.tick >= first.tick,
        "ticks {} and then {}",
        first.tick,
        second.tick
    );
    Ok(())
}

fn threshold(bench: &mut Bench<'_>) -> Outcome {
    let start = end(bench)?;
    ensure!(
        !write(bench, LogSeverity::Debug, "sdk.quiet", "too small to keep")?,
        "a debug record was accepted"
    );
    ensure!(
        write(bench, LogSeverity::Info, "sdk.quiet", "just right")?,
        "an info record was not accepted"
    );
    let got = read(bench, start, 16, LogSeverity::Debug, "sdk.quiet")?;
    same!(got.records.len(), 1, "records kept");
    same!(&*got.records[0].message, "just right", "the record kept");
    Ok(())
}

fn filters(bench: &mut Bench<'_>) -> Outcome {
    let start = end(bench)?;
    for (level, component) in [
        (LogSeverity::Info, "sdk.a"),
        (LogSeverity::Error, "sdk.b"),
        (LogSeverity::Warn, "sdk.a.x"),
        (LogSeverity::Error, "sdk.a"),
        (LogSeverity::Info, "sdk.c"),
    ] {
        write(bench, level, component, component)?;
    }
    let got = read(bench, start, 16, LogSeverity::Warn, "sdk.a")?;
    let names: Vec<&str> = got.records.iter().map(|record| &*record.component).collect();
    same!(
        names[..],
        ["sdk.a.x", "sdk.a"][..],
        "records of level warn and prefix sdk.a"
    );
    let nothing = read(bench, got.next_cursor, 16, LogSeverity::Warn, "sdk.a")?;
    same!(nothing.records.len(), 0, "records after the cursor");
    let nobody = read(bench, start, 16, LogSeverity::Debug, "no.such.component")?;
    same!(nobody.records.len(), 0, "records of a component that wrote none");
    same!(
        nobody.next_cursor,
        start,
        "the cursor after a read that showed nothing"
    );
    Ok(())
}

fn cursors(bench: &mut Bench<'_>) -> Outcome {
    let start = end(bench)?;
    for number in 0..40 {
        write(bench, LogSeverity::Info, "sdk.many", &format!("{number}"))?;
    }
    let (mut cursor, mut seen) = (start, 0);
    while seen < 40 {
        let got = read(
            bench,
            cursor,
            if seen < 7 { 7 } else { 100 },
            LogSeverity::Debug,
            "sdk.many",
        )?;
        ensure!(
            (1..=16).contains(&got.records.len()),
            "{} records at once",
            got.records.len()
        );
        for record in &got.records {
            same!(&*record.message, &*format!("{seen}"), "message");
            seen += 1;
        }
        cursor = got.next_cursor;
    }
    same!(
        read(bench, cursor, 16, LogSeverity::Debug, "")?.next_cursor,
        cursor,
        "the cursor at the end"
    );
    // A cursor from the future reads nothing, and does not stay there for ever.
    same!(
        read(bench, u64::MAX, 16, LogSeverity::Debug, "")?.records.len(),
        0,
        "records after the last cursor there is"
    );
    Ok(())
}

fn nothing_asked(bench: &mut Bench<'_>) -> Outcome {
    let cursor = end(bench)?;
    write(bench, LogSeverity::Info, "sdk.zero", "waits")?;
    let got = read(bench, cursor, 0, LogSeverity::Debug, "")?;
    same!(
        (got.records.len(), got.next_cursor),
        (0, cursor),
        "records and cursor"
    );
    Ok(())
}

fn long_texts(bench: &mut Bench<'_>) -> Outcome {
    let start = end(bench)?;
    let (component, message) = ("c".repeat(1000), "m".repeat(5000));
    ensure!(
        write(bench, LogSeverity::Info, &component, &message)?,
        "not accepted"
    );
    // Cut between characters, never inside one.
    ensure!(
        write(
            bench,
            LogSeverity::Info,
            "é".repeat(500).as_str(),
            "ß".repeat(900).as_str()
        )?,
        "not accepted"
    );
    let got = read(bench, start, 16, LogSeverity::Debug, "")?;
    same!(got.records.len(), 2, "records");
    let first = &got.records[0];
    ensure!(
        !first.component.is_empty() && component.starts_with(&first.component),
        "component {}",
        first.component
    );
    ensure!(
        !first.message.is_empty() && message.starts_with(&first.message),
        "message of {}",
        first.message.len()
    );
    ensure!(
        first.component.len() + first.message.len() <= 480,
        "record of {} + {} bytes",
        first.component.len(),
        first.message.len()
    );
    Ok(())
}

fn overflow(bench: &mut Bench<'_>) -> Outcome {
    let start = end(bench)?;
    let before = read(bench, start, 16, LogSeverity::Debug, "")?.dropped;
    for number in 0..600 {
        write(bench, LogSeverity::Info, "sdk.flood", &format!("{number}"))?;
    }
    let got = read(bench, start, 16, LogSeverity::Debug, "")?;
    ensure!(!got.records.is_empty(), "nothing is left after a flood");
    let dropped = got.dropped - before;
    let first: u64 = got.records[0].message.parse().unwrap_or(0);
    ensure!(
        first == 0 || dropped >= first,
        "{first} records are missing, but {dropped} were dropped"
    );
    ensure!(
        got.next_cursor >= start + got.records.len() as u64,
        "the cursor is behind what was dropped"
    );
    Ok(())
}

fn bad_level(bench: &mut Bench<'_>) -> Outcome {
    let mut params = Vec::from(wire::encode::<capos_capnp::log_sink::write_params::Owned>(
        |params| {
            let mut record = params.init_record();
            record.set_level(capos_capnp::LogLevel::Error);
            record.set_component("c");
            record.set_message("m");
        },
    ));
    // Stream header, root pointer, pointer to the record, then its data: tick, and the level behind it.
    params[8 + 8 + 8 + 8] = 9;
    bench.exception(bench.cap("sink")?, 0, &params, ExceptionType::InvalidArgument)?;
    bench.exception(bench.cap("sink")?, 1, wire::NOTHING, ExceptionType::Unimplemented)?;
    bench.exception(
        bench.cap("reader")?,
        1,
        wire::NOTHING,
        ExceptionType::Unimplemented,
    )
}

capos::entry_point!(main);
