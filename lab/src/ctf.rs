//! Traces as the Common Trace Format 1.8 (diamon.org/ctf), for babeltrace2, Trace Compass and kin.
//!
//! A folder with a `metadata` file in text and one stream file per CPU. Scheduler events have the names and fields that
//! LTTng's kernel tracer gives them; all others are called `sundial_…` and carry the fields of their record. Each stream
//! ends with a `sundial_record_end`, so that readers know until when the last thread ran.

mod class;
mod metadata;
mod stream;

use crate::Trace;
use crate::linux::told;
use crate::numbers::Numbers;
use crate::steps::{Step, What, steps};
use abi::trace::Event;
use class::Classes;
use std::io;
use std::path::Path;
use stream::Stream;

/// What metadata and streams are made from.
struct Material<'a> {
    trace: &'a Trace,
    numbers: Numbers,
    classes: Classes,
    uuid: [u8; 16],
}

/// Writes a trace into a folder, which is made if it does not exist.
///
/// # Errors
/// When the folder or a file in it cannot be written.
pub fn write(trace: &Trace, folder: &Path) -> io::Result<()> {
    let material = Material {
        trace,
        numbers: Numbers::of(trace),
        classes: Classes::all(),
        uuid: uuid(trace),
    };
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("metadata"), metadata::text(&material))?;
    let mut steps_by_cpu: Vec<Vec<Step>> = vec![Vec::new(); trace.cpus() as usize];
    for step in steps(trace) {
        steps_by_cpu[step.cpu as usize].push(step);
    }
    for ((cpu, steps), lost) in (0..).zip(&steps_by_cpu).zip(trace.lost()) {
        let mut stream = Stream::new(&material, cpu, *lost);
        for step in steps {
            for linux in told(step).into_iter().flatten() {
                stream.event(step.at, &material.linux(linux));
            }
            if let What::Event(event) = step.what
                && told(step) == [None, None]
            {
                stream.event(step.at, &material.own(&event));
            }
        }
        stream.event(trace.end(), &material.own(&Event::RecordEnd {}));
        std::fs::write(folder.join(format!("cpu_{cpu}")), stream.finish())?;
    }
    Ok(())
}

/// A UUID that is the same for the same trace (FNV-1a over its records), marked as version 8, "custom" (RFC 9562).
fn uuid(trace: &Trace) -> [u8; 16] {
    let hash = |seed: u64| {
        let words = trace.records().iter().flat_map(|record| record.to_words());
        let words = words.chain([trace.begin().0, trace.end().0]);
        let bytes = words.flat_map(u64::to_le_bytes).chain(trace.source().bytes());
        bytes.fold(seed, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
    };
    let mut uuid = [0; 16];
    uuid[..8].copy_from_slice(&hash(0xcbf2_9ce4_8422_2325).to_be_bytes());
    uuid[8..].copy_from_slice(&hash(0x6c62_272e_07bb_0142).to_be_bytes());
    uuid[6] = uuid[6] & 0x0f | 0x80;
    uuid[8] = uuid[8] & 0x3f | 0x80;
    uuid
}
