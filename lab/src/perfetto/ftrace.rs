//! The scheduler's events as ftrace bundles (protos/perfetto/trace/ftrace/{ftrace_event_bundle,ftrace_event,sched}.proto).
//!
//! A bundle is some events of one CPU. The first bundle of a CPU says whether events before it were lost. Perfetto takes
//! the beginning of a thread's waiting from `sched_waking` alone, so a new thread gets one beside its `sched_wakeup_new`.

use super::wire::Message;
use super::{Material, Packets, SEQUENCE};
use crate::linux::{Linux, PRIORITY, told};
use abi::trace::Thread;
use std::io::{self, Write};

/// Events in a bundle: enough to make its frame cheap, few enough to be read in pieces.
const BUNDLE_EVENTS: usize = 512;

pub(super) fn write<W: Write>(material: &Material<'_>, out: &mut Packets<W>) -> io::Result<()> {
    let cpus = material.trace.cpus();
    let mut bundles: Vec<Bundle> = (0..cpus).map(Bundle::new).collect();
    for (bundle, lost) in bundles.iter_mut().zip(material.trace.lost()) {
        bundle.lost = *lost > 0;
    }
    for step in &material.steps {
        let bundle = &mut bundles[step.cpu as usize];
        for linux in told(step).into_iter().flatten() {
            bundle.add(&event(material, step.at.0, linux));
        }
        if bundle.count >= BUNDLE_EVENTS {
            bundle.send(out)?;
        }
    }
    bundles.iter_mut().try_for_each(|bundle| bundle.send(out))
}

/// Events of one CPU that wait to be written.
struct Bundle {
    cpu: u32,
    events: Message,
    count: usize,
    /// Whether events before these are missing.
    lost: bool,
}

impl Bundle {
    fn new(cpu: u32) -> Bundle {
        Bundle {
            cpu,
            events: Message::new(),
            count: 0,
            lost: false,
        }
    }

    fn add(&mut self, event: &Message) {
        self.events.message(2, event); // FtraceEventBundle.event
        self.count += 1;
    }

    fn send<W: Write>(&mut self, out: &mut Packets<W>) -> io::Result<()> {
        if self.count == 0 {
            return Ok(());
        }
        self.events.number(1, u64::from(self.cpu)); // FtraceEventBundle.cpu
        if std::mem::take(&mut self.lost) {
            self.events.number(3, 1); // .lost_events
        }
        let mut packet = Message::new();
        packet.number(10, SEQUENCE); // TracePacket.trusted_packet_sequence_id
        packet.message(1, &self.events); // .ftrace_events
        self.events.clear();
        self.count = 0;
        out.packet(&packet)
    }
}

/// An event with the fields of `sched.proto`.
fn event(material: &Material<'_>, at_ns: u64, linux: Linux) -> Message {
    let name = |thread| match thread {
        Thread::NONE => "swapper".to_owned(),
        thread => material.trace.thread_name(thread),
    };
    let number = |thread| u64::from(material.numbers.thread(thread));
    let priority = u64::from(PRIORITY.unsigned_abs());
    let mut fields = Message::new();
    let mut about = |thread: Thread| {
        fields.text(1, &name(thread)); // comm
        fields.number(2, number(thread)); // pid
    };
    // The thread that was running (FtraceEvent.pid), and the field of FtraceEvent for the kind.
    let (running, kind) = match linux {
        Linux::Switch {
            prev,
            prev_state,
            next,
        } => {
            about(prev);
            fields.number(3, priority); // prev_prio
            fields.number(4, prev_state.unsigned_abs()); // prev_state
            fields.text(5, &name(next)); // next_comm
            fields.number(6, number(next)); // next_pid
            fields.number(7, priority); // next_prio
            (prev, 4)
        }
        Linux::Waking { thread, by, target } => {
            about(thread);
            fields.number(3, priority);
            fields.number(4, 1); // success
            fields.number(5, u64::from(target)); // target_cpu
            (by, 20)
        }
        Linux::WakeupNew { thread, target } => {
            about(thread);
            fields.number(3, priority);
            fields.number(4, 1); // success
            fields.number(5, u64::from(target)); // target_cpu
            (Thread::NONE, 114)
        }
        Linux::Migrate { thread, from, to } => {
            about(thread);
            fields.number(3, priority);
            fields.number(4, u64::from(from)); // orig_cpu
            fields.number(5, u64::from(to)); // dest_cpu
            (Thread::NONE, 491)
        }
        Linux::Exit { thread } => {
            about(thread);
            fields.number(3, u64::from(material.numbers.process(thread.pid()))); // tgid
            fields.number(4, priority);
            (thread, 238)
        }
    };
    let mut event = Message::new();
    event.number(1, at_ns); // FtraceEvent.timestamp
    event.number(2, number(running)); // .pid
    event.message(kind, &fields);
    event
}
