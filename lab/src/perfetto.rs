//! Traces as Perfetto reads them (ui.perfetto.dev, `trace_processor`): its protobuf format.
//!
//! The scheduler's own events go out as an ftrace bundle per CPU with Linux's names, so that the CPU tracks, the thread
//! states and every query on `sched` and `thread_state` work as on Linux. Beside them are track events: each thread's runs
//! on a track of its own, with arrows from what woke it or handed it the CPU; what happens on each CPU besides, with arrows
//! from interrupts sent to interrupts received; and how many threads each CPU could run.
//!
//! Field numbers are those of Perfetto's public definitions (protos/perfetto/trace, release 59), named where they are used.

mod ftrace;
mod tracks;
mod wire;

use crate::Trace;
use crate::numbers::Numbers;
use crate::steps::{Step, steps};
use std::io::{self, Write};
use wire::Message;

/// The one sequence of packets that a trace has (`TracePacket.trusted_packet_sequence_id`).
const SEQUENCE: u64 = 1;

/// What all parts of the file are made from.
struct Material<'a> {
    trace: &'a Trace,
    steps: Vec<Step>,
    numbers: Numbers,
}

/// Writes a trace.
///
/// # Errors
/// Those of `out`.
pub fn write(trace: &Trace, out: impl Write) -> io::Result<()> {
    let material = Material {
        trace,
        steps: steps(trace),
        numbers: Numbers::of(trace),
    };
    let mut out = Packets(io::BufWriter::new(out));
    out.packet(&first(&material))?;
    out.packet(&processes(&material))?;
    ftrace::write(&material, &mut out)?;
    tracks::write(&material, &mut out)?;
    out.0.flush()
}

/// The packet that starts the sequence: it depends on none before it, and says what was traced.
fn first(material: &Material<'_>) -> Message {
    let mut utsname = Message::new();
    utsname.text(1, "Sundial"); // Utsname.sysname
    utsname.text(3, env!("CARGO_PKG_VERSION")); // .release
    utsname.text(4, "x86_64"); // .machine
    let mut system = Message::new();
    system.message(1, &utsname); // SystemInfo.utsname
    system.number(8, u64::from(material.trace.cpus())); // .num_cpus
    system.text(17, material.trace.source()); // .machine_name
    let mut packet = Message::new();
    packet.number(8, material.trace.begin().0); // TracePacket.timestamp
    packet.number(10, SEQUENCE); // .trusted_packet_sequence_id
    packet.number(13, 1); // .sequence_flags: SEQ_INCREMENTAL_STATE_CLEARED
    packet.message(45, &system); // .system_info
    packet
}

/// Names of processes and threads.
fn processes(material: &Material<'_>) -> Message {
    let mut tree = Message::new();
    for (pid, number) in material.numbers.processes() {
        let mut process = Message::new();
        process.number(1, u64::from(number)); // ProcessTree.Process.pid
        process.text(3, &material.trace.process_name(pid)); // .cmdline
        process.number(9, 1); // .cmdline_is_comm
        tree.message(1, &process); // ProcessTree.processes
    }
    for (thread, number) in material.numbers.threads() {
        let mut described = Message::new();
        described.number(1, u64::from(number)); // ProcessTree.Thread.tid
        described.text(2, &material.trace.thread_name(thread)); // .name
        described.number(3, u64::from(material.numbers.process(thread.pid()))); // .tgid
        tree.message(2, &described); // ProcessTree.threads
    }
    let mut packet = Message::new();
    packet.number(8, material.trace.begin().0); // TracePacket.timestamp
    packet.number(10, SEQUENCE); // .trusted_packet_sequence_id
    packet.message(2, &tree); // .process_tree
    packet
}

/// Where packets go.
struct Packets<W: Write>(io::BufWriter<W>);

impl<W: Write> Packets<W> {
    fn packet(&mut self, packet: &Message) -> io::Result<()> {
        let mut framed = Message::new();
        framed.message(1, packet); // Trace.packet
        self.0.write_all(framed.bytes())
    }
}
