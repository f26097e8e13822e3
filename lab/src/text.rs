//! Traces as text: one event a line, with time in nanoseconds, CPU, and the event as the source code writes it.

use crate::Trace;
use std::fmt::Write as _;

/// The text. Events of a newer version are shown as numbers.
///
/// # Panics
/// Never: memory takes what is written to it.
#[must_use]
pub fn text(trace: &Trace) -> String {
    let mut text = String::new();
    for record in trace.records() {
        let (at, cpu) = (record.at_ns, record.cpu);
        match record.event() {
            Some(event) => writeln!(text, "{at} cpu={cpu} {event:?}"),
            None => writeln!(text, "{at} cpu={cpu} {record:?}"),
        }
        .expect("writing to memory");
    }
    let lost: u64 = trace.lost().iter().sum();
    writeln!(
        text,
        "# {} events from {} to {}, {lost} older ones were overwritten",
        trace.records().len(),
        trace.begin().0,
        trace.end().0
    )
    .expect("writing to memory");
    text
}
