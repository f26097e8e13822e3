//! The small read-only interfaces: SystemInfo, BootPackage, EntropySource and WallClock. The manifest names the host
//! `sdk-host` and greets with `Good morning.`.

#![no_std]
#![no_main]

use capos::{
    BootPackageClient, EntropySourceClient, EntropyStatus, SystemInfoClient, TimerClient, WallClockClient,
    capos_capnp,
};
use sdk_check::prelude::*;
use sdk_check::wire;

fn main(runtime: Runtime) -> i64 {
    run(
        "system",
        runtime,
        &[
            ("the host's name and greeting are the manifest's", names),
            ("the manifest reads back as it was booted", manifest),
            ("reads beyond the manifest are empty", beyond),
            ("entropy comes in the amount asked for", amounts),
            ("entropy differs from call to call and is not lopsided", differs),
            ("more than 256 bytes at once are not available", too_much),
            ("wall time stands on the timer's clock", wall_time),
            ("unknown methods are refused", unknown),
        ],
    )
}

fn names(bench: &mut Bench<'_>) -> Outcome {
    let mut info: SystemInfoClient = bench.client("info")?;
    same!(
        &*info.hostname_wait(&mut bench.ring, FOREVER)?,
        "sdk-host",
        "host name"
    );
    same!(
        &*info.motd_wait(&mut bench.ring, FOREVER)?,
        "Good morning.",
        "greeting"
    );
    Ok(())
}

fn package(bench: &Bench<'_>) -> Outcome<BootPackageClient> {
    bench.client("boot")
}

fn manifest(bench: &mut Bench<'_>) -> Outcome {
    let mut package = package(bench)?;
    let size = package.manifest_size_wait(&mut bench.ring, FOREVER)?;
    ensure!((1..=5 << 20).contains(&size), "a manifest of {size} bytes");
    let mut bytes = Vec::with_capacity(size as usize);
    while (bytes.len() as u64) < size {
        let chunk = package.read_manifest_chunk_wait(&mut bench.ring, bytes.len() as u64, 4096, FOREVER)?;
        let expected = (size - bytes.len() as u64).min(4096);
        same!(
            chunk.len() as u64,
            expected,
            "bytes of the chunk at {}",
            bytes.len()
        );
        bytes.extend_from_slice(&chunk);
    }
    let (version, hostname, binaries) =
        wire::decode::<capos_capnp::system_manifest::Owned, _>(&bytes, |manifest| {
            let hostname = manifest.get_kernel_params()?.get_hostname()?.to_string()?;
            Ok((
                manifest.get_schema_version(),
                hostname,
                manifest.get_binaries()?.len(),
            ))
        })?;
    same!(
        (version, &*hostname, binaries),
        (1, "sdk-host", 1),
        "version, host name and binaries"
    );
    // The same bytes again, from odd places.
    for (offset, length) in [(0, 1), (1, 7), (size - 1, 1), (size / 2, 4096)] {
        let chunk = package.read_manifest_chunk_wait(&mut bench.ring, offset, length, FOREVER)?;
        let start = offset as usize;
        same!(
            &*chunk,
            &bytes[start..(start + length as usize).min(bytes.len())],
            "{length} bytes at {offset}"
        );
    }
    Ok(())
}

fn beyond(bench: &mut Bench<'_>) -> Outcome {
    let mut package = package(bench)?;
    let size = package.manifest_size_wait(&mut bench.ring, FOREVER)?;
    for offset in [size, size + 1, u64::MAX] {
        same!(
            package
                .read_manifest_chunk_wait(&mut bench.ring, offset, 4096, FOREVER)?
                .len(),
            0,
            "bytes at {offset}"
        );
    }
    same!(
        package
            .read_manifest_chunk_wait(&mut bench.ring, 0, 0, FOREVER)?
            .len(),
        0,
        "no bytes asked for"
    );
    same!(
        package
            .read_manifest_chunk_wait(&mut bench.ring, size - 3, 4096, FOREVER)?
            .len(),
        3,
        "the last bytes"
    );
    Ok(())
}

fn fill(bench: &mut Bench<'_>, bytes: u32) -> Outcome<(EntropyStatus, Vec<u8>)> {
    let mut source: EntropySourceClient = bench.client("entropy")?;
    let filled = source.fill_wait(&mut bench.ring, bytes, FOREVER)?;
    Ok((filled.status, filled.data.into()))
}

fn amounts(bench: &mut Bench<'_>) -> Outcome {
    for bytes in [0, 1, 7, 8, 31, 255, 256] {
        let (status, data) = fill(bench, bytes)?;
        same!(
            (status, data.len()),
            (EntropyStatus::Ok, bytes as usize),
            "status and bytes"
        );
    }
    Ok(())
}

fn differs(bench: &mut Bench<'_>) -> Outcome {
    let mut ones = 0;
    let mut last = Vec::new();
    for _ in 0..32 {
        let (_, data) = fill(bench, 256)?;
        ensure!(data != last, "the same 256 bytes twice");
        ones += data.iter().map(|byte| byte.count_ones()).sum::<u32>();
        last = data;
    }
    // 65,536 fair bits: 32,768 ones, give or take eight standard deviations of 128.
    ensure!(ones.abs_diff(32_768) < 1024, "{ones} of 65536 bits are one");
    Ok(())
}

fn too_much(bench: &mut Bench<'_>) -> Outcome {
    for bytes in [257, 4096, u32::MAX] {
        same!(
            fill(bench, bytes)?,
            (EntropyStatus::Unavailable, Vec::new()),
            "status and bytes for {bytes}"
        );
    }
    Ok(())
}

fn wall_time(bench: &mut Bench<'_>) -> Outcome {
    let (mut clock, mut timer): (WallClockClient, TimerClient) =
        (bench.client("clock")?, bench.client("timer")?);
    let mut last = i128::MIN;
    for _ in 0..20 {
        let before = timer.now_wait(&mut bench.ring, FOREVER)?.monotonic_ns;
        let wall = clock.wall_time_wait(&mut bench.ring, FOREVER)?;
        let after = timer.now_wait(&mut bench.ring, FOREVER)?.monotonic_ns;
        ensure!(
            (before..=after).contains(&wall.monotonic_ns),
            "{} is not between {before} and {after}",
            wall.monotonic_ns
        );
        ensure!(wall.utc_nanos < 1_000_000_000, "{} nanoseconds", wall.utc_nanos);
        let utc = i128::from(wall.utc_seconds) * 1_000_000_000 + i128::from(wall.utc_nanos);
        ensure!(utc >= last, "wall time went back");
        last = utc;
    }
    Ok(())
}

fn unknown(bench: &mut Bench<'_>) -> Outcome {
    for (name, method) in [("info", 2), ("boot", 2), ("entropy", 1), ("clock", 1)] {
        bench.exception(
            bench.cap(name)?,
            method,
            wire::NOTHING,
            ExceptionType::Unimplemented,
        )?;
    }
    for (name, method) in [("boot", 1), ("entropy", 0)] {
        bench.exception(bench.cap(name)?, method, &[], ExceptionType::InvalidArgument)?;
    }
    Ok(())
}

capos::entry_point!(main);
