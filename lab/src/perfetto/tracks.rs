//! Track events (protos/perfetto/trace/track_event/{track_descriptor,track_event,counter_descriptor}.proto): runs of
//! threads, what else happens on CPUs, counters, and the arrows between causes and effects.
//!
//! An arrow is a flow id on the event where it starts and, as terminating, on the one where it ends. Wakes and hand-offs
//! end at the beginning of the run they lead to; an interrupt sent ends at the next one of its kind that arrives there,
//! which may answer several.

use super::wire::Message;
use super::{Material, Packets, SEQUENCE};
use crate::service::States;
use crate::steps::What;
use abi::trace::{Event, Form, Thread};
use std::collections::HashMap;
use std::io::{self, Write};

/// Kinds of tracks; a track's uuid is its kind and its number in one.
#[derive(Clone, Copy)]
enum Track {
    Thread(Thread),
    /// What happens on a CPU besides.
    Cpu(u32),
    /// How many threads it could run.
    Runnable(u32),
    CpuGroup,
    RunnableGroup,
}

impl Track {
    fn uuid(self, material: &Material<'_>) -> u64 {
        let (kind, number) = match self {
            Track::Thread(thread) => (1, material.numbers.thread(thread)),
            Track::Cpu(cpu) => (2, cpu),
            Track::Runnable(cpu) => (3, cpu),
            Track::CpuGroup => (4, 0),
            Track::RunnableGroup => (5, 0),
        };
        kind << 32 | u64::from(number)
    }
}

/// `TrackEvent.Type`.
#[derive(Clone, Copy)]
enum Kind {
    Begin = 1,
    End = 2,
    Instant = 3,
    Counter = 4,
}

pub(super) fn write<W: Write>(material: &Material<'_>, out: &mut Packets<W>) -> io::Result<()> {
    describe(material, out)?;
    let mut flows = Flows::default();
    let mut states = States::default();
    let mut runs: Vec<Thread> = vec![Thread::NONE; material.trace.cpus() as usize];
    for step in &material.steps {
        let at = step.at.0;
        let event = |track: Track, kind| Drawn::new(at, track.uuid(material), kind);
        match step.what {
            What::Switch { to, .. } => {
                let here = &mut runs[step.cpu as usize];
                if *here != Thread::NONE {
                    event(Track::Thread(*here), Kind::End).send(out)?;
                }
                *here = to;
                if to != Thread::NONE {
                    let name = format!("on CPU {}", step.cpu);
                    let ends = flows.to_run.remove(&to).unwrap_or_default();
                    event(Track::Thread(to), Kind::Begin)
                        .named(&name)
                        .ends(ends)
                        .send(out)?;
                }
            }
            What::Event(happened) => {
                // On the track of the thread that did it while it ran, else on the CPU's.
                let (doer, flow, ends) = match happened {
                    Event::Wake { thread, by, .. } => (by, Some(flows.start(thread)), Vec::new()),
                    Event::Handoff { from, to } => (from, Some(flows.start(to)), Vec::new()),
                    Event::IpiSent { to, purpose } => {
                        (Thread::NONE, Some(flows.send(to, purpose)), Vec::new())
                    }
                    Event::IpiReceived { purpose } => (Thread::NONE, None, flows.arrive(step.cpu, purpose)),
                    _ => (Thread::NONE, None, Vec::new()),
                };
                let runs_here = doer != Thread::NONE && runs[step.cpu as usize] == doer;
                let track = if runs_here {
                    Track::Thread(doer)
                } else {
                    Track::Cpu(step.cpu)
                };
                event(track, Kind::Instant)
                    .named(&title(material, &happened))
                    .starts(flow)
                    .ends(ends)
                    .explained(material, &happened)
                    .send(out)?;
            }
        }
        let mut cpus: Vec<u32> = states
            .apply(step)
            .iter()
            .flat_map(|change| change.cpus().collect::<Vec<_>>())
            .collect();
        cpus.dedup();
        for cpu in cpus {
            let count = u64::from(states.runnable(cpu));
            event(Track::Runnable(cpu), Kind::Counter)
                .counts(count)
                .send(out)?;
        }
    }
    // Readers take the last thing that happened for the end, so on every CPU something happens there.
    let end = material.trace.end().0;
    for (cpu, thread) in (0..).zip(runs) {
        if thread != Thread::NONE {
            Drawn::new(end, Track::Thread(thread).uuid(material), Kind::End).send(out)?;
        }
        Drawn::new(end, Track::Cpu(cpu).uuid(material), Kind::Instant)
            .named(&title(material, &Event::RecordEnd {}))
            .send(out)?;
    }
    Ok(())
}

/// Says what tracks there are.
fn describe<W: Write>(material: &Material<'_>, out: &mut Packets<W>) -> io::Result<()> {
    let mut track = |track: Track, fill: &dyn Fn(&mut Message)| {
        let mut descriptor = Message::new();
        descriptor.number(1, track.uuid(material)); // TrackDescriptor.uuid
        fill(&mut descriptor);
        let mut packet = Message::new();
        packet.number(10, SEQUENCE); // TracePacket.trusted_packet_sequence_id
        packet.message(60, &descriptor); // .track_descriptor
        out.packet(&packet)
    };
    for (thread, number) in material.numbers.threads() {
        track(Track::Thread(thread), &|descriptor| {
            let mut fields = Message::new();
            fields.number(1, u64::from(material.numbers.process(thread.pid()))); // ThreadDescriptor.pid
            fields.number(2, u64::from(number)); // .tid
            fields.text(5, &material.trace.thread_name(thread)); // .thread_name
            descriptor.message(4, &fields); // TrackDescriptor.thread
        })?;
    }
    let group = |name: &'static str| {
        move |descriptor: &mut Message| {
            descriptor.text(2, name); // TrackDescriptor.name
            descriptor.number(11, 3); // .child_ordering: EXPLICIT
        }
    };
    track(Track::CpuGroup, &group("Kernel events"))?;
    track(Track::RunnableGroup, &group("Runnable threads"))?;
    for cpu in 0..material.trace.cpus() {
        let child = |name: String, parent: Track| {
            move |descriptor: &mut Message| {
                descriptor.text(2, &name); // TrackDescriptor.name
                descriptor.number(5, parent.uuid(material)); // .parent_uuid
                descriptor.number(12, u64::from(cpu)); // .sibling_order_rank
            }
        };
        track(
            Track::Cpu(cpu),
            &child(format!("CPU {cpu} kernel"), Track::CpuGroup),
        )?;
        let counter = child(format!("CPU {cpu} runnable"), Track::RunnableGroup);
        track(Track::Runnable(cpu), &|descriptor| {
            counter(descriptor);
            let mut fields = Message::new();
            fields.text(6, "threads"); // CounterDescriptor.unit_name
            descriptor.message(8, &fields); // TrackDescriptor.counter
        })?;
    }
    Ok(())
}

/// What an event is called on its track.
fn title(material: &Material<'_>, event: &Event) -> String {
    let name = |thread| material.trace.thread_name(thread);
    match *event {
        Event::Wake { thread, target, .. } => format!("wakes {} on CPU {target}", name(thread)),
        Event::Handoff { to, .. } => format!("hands over to {}", name(to)),
        Event::Steal { victim, thread } => format!("steals {} from CPU {victim}", name(thread)),
        Event::Migrate { thread, to, .. } => format!("gives {} to CPU {to}", name(thread)),
        Event::IpiSent { to, .. } => format!("interrupts CPU {to}"),
        Event::IpiReceived { .. } => "interrupted".to_owned(),
        Event::ThreadStart { thread, .. } => format!("starts {}", name(thread)),
        Event::ThreadExit { thread, .. } => format!("{} ends", name(thread)),
        Event::RecordEnd {} => "the record ends".to_owned(),
        _ => event.name().to_owned(),
    }
}

/// Arrows that have started and not ended.
#[derive(Default)]
struct Flows {
    last: u64,
    /// By the thread that is to run.
    to_run: HashMap<Thread, Vec<u64>>,
    /// By the CPU and purpose of the interrupt.
    to_arrive: HashMap<(u32, u64), Vec<u64>>,
}

impl Flows {
    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn start(&mut self, thread: Thread) -> u64 {
        let flow = self.next();
        self.to_run.entry(thread).or_default().push(flow);
        flow
    }

    fn send(&mut self, to: u32, purpose: u64) -> u64 {
        let flow = self.next();
        self.to_arrive.entry((to, purpose)).or_default().push(flow);
        flow
    }

    fn arrive(&mut self, cpu: u32, purpose: u64) -> Vec<u64> {
        self.to_arrive.remove(&(cpu, purpose)).unwrap_or_default()
    }
}

/// A track event on its way out.
struct Drawn {
    at_ns: u64,
    event: Message,
}

impl Drawn {
    fn new(at_ns: u64, track: u64, kind: Kind) -> Drawn {
        let mut event = Message::new();
        event.number(9, kind as u64); // TrackEvent.type
        event.number(11, track); // .track_uuid
        Drawn { at_ns, event }
    }

    fn named(mut self, name: &str) -> Drawn {
        self.event.text(22, "sched"); // TrackEvent.categories
        self.event.text(23, name); // .name
        self
    }

    fn starts(mut self, flow: Option<u64>) -> Drawn {
        if let Some(flow) = flow {
            self.event.fixed64(47, flow); // TrackEvent.flow_ids
        }
        self
    }

    fn ends(mut self, flows: Vec<u64>) -> Drawn {
        for flow in flows {
            self.event.fixed64(48, flow); // TrackEvent.terminating_flow_ids
        }
        self
    }

    fn counts(mut self, value: u64) -> Drawn {
        self.event.number(30, value); // TrackEvent.counter_value
        self
    }

    /// The event's fields, for the panel that shows what was clicked on.
    fn explained(mut self, material: &Material<'_>, event: &Event) -> Drawn {
        let kind = Event::KINDS.iter().find(|kind| kind.name == event.name());
        let fields = kind.map_or(&[][..], |kind| kind.fields);
        for ((name, form), value) in fields.iter().zip(event.values()) {
            let mut annotation = Message::new();
            annotation.text(10, name); // DebugAnnotation.name
            match form {
                Form::Unsigned => annotation.number(3, value), // .uint_value
                Form::Signed => annotation.number(4, value),   // .int_value
                Form::Thread => annotation.text(6, &material.trace.thread_name(Thread(value))), // .string_value
            }
            self.event.message(4, &annotation); // TrackEvent.debug_annotations
        }
        self
    }

    fn send<W: Write>(self, out: &mut Packets<W>) -> io::Result<()> {
        let mut packet = Message::new();
        packet.number(8, self.at_ns); // TracePacket.timestamp
        packet.number(10, SEQUENCE); // .trusted_packet_sequence_id
        packet.message(11, &self.event); // .track_event
        out.packet(&packet)
    }
}
