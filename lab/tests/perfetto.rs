//! Our Perfetto files, read back with prost and a subset of Perfetto's public definitions (release 59) written down here
//! independently of the writer: field numbers and types as in protos/perfetto/trace.

mod support;

use prost::Message;
use std::collections::{BTreeMap, BTreeSet};
use support::{HOG, PIPE, SERVER, example};

#[derive(Clone, PartialEq, Message)]
struct Trace {
    #[prost(message, repeated, tag = "1")]
    packet: Vec<TracePacket>,
}

#[derive(Clone, PartialEq, Message)]
struct TracePacket {
    #[prost(message, optional, tag = "1")]
    ftrace_events: Option<FtraceEventBundle>,
    #[prost(message, optional, tag = "2")]
    process_tree: Option<ProcessTree>,
    #[prost(uint64, optional, tag = "8")]
    timestamp: Option<u64>,
    #[prost(uint32, optional, tag = "10")]
    trusted_packet_sequence_id: Option<u32>,
    #[prost(message, optional, tag = "11")]
    track_event: Option<TrackEvent>,
    #[prost(uint32, optional, tag = "13")]
    sequence_flags: Option<u32>,
    #[prost(message, optional, tag = "60")]
    track_descriptor: Option<TrackDescriptor>,
}

#[derive(Clone, PartialEq, Message)]
struct FtraceEventBundle {
    #[prost(uint32, optional, tag = "1")]
    cpu: Option<u32>,
    #[prost(message, repeated, tag = "2")]
    event: Vec<FtraceEvent>,
    #[prost(bool, optional, tag = "3")]
    lost_events: Option<bool>,
}

#[derive(Clone, PartialEq, Message)]
struct FtraceEvent {
    #[prost(uint64, optional, tag = "1")]
    timestamp: Option<u64>,
    #[prost(uint32, optional, tag = "2")]
    pid: Option<u32>,
    #[prost(message, optional, tag = "4")]
    sched_switch: Option<SchedSwitch>,
    #[prost(message, optional, tag = "20")]
    sched_waking: Option<SchedWaking>,
    #[prost(message, optional, tag = "114")]
    sched_wakeup_new: Option<SchedWaking>,
    #[prost(message, optional, tag = "238")]
    sched_process_exit: Option<SchedProcessExit>,
    #[prost(message, optional, tag = "491")]
    sched_migrate_task: Option<SchedMigrateTask>,
}

#[derive(Clone, PartialEq, Message)]
struct SchedSwitch {
    #[prost(string, optional, tag = "1")]
    prev_comm: Option<String>,
    #[prost(int32, optional, tag = "2")]
    prev_pid: Option<i32>,
    #[prost(int32, optional, tag = "3")]
    prev_prio: Option<i32>,
    #[prost(int64, optional, tag = "4")]
    prev_state: Option<i64>,
    #[prost(string, optional, tag = "5")]
    next_comm: Option<String>,
    #[prost(int32, optional, tag = "6")]
    next_pid: Option<i32>,
    #[prost(int32, optional, tag = "7")]
    next_prio: Option<i32>,
}

#[derive(Clone, PartialEq, Message)]
struct SchedWaking {
    #[prost(string, optional, tag = "1")]
    comm: Option<String>,
    #[prost(int32, optional, tag = "2")]
    pid: Option<i32>,
    #[prost(int32, optional, tag = "5")]
    target_cpu: Option<i32>,
}

#[derive(Clone, PartialEq, Message)]
struct SchedMigrateTask {
    #[prost(int32, optional, tag = "2")]
    pid: Option<i32>,
    #[prost(int32, optional, tag = "5")]
    dest_cpu: Option<i32>,
}

#[derive(Clone, PartialEq, Message)]
struct SchedProcessExit {
    #[prost(int32, optional, tag = "2")]
    pid: Option<i32>,
    #[prost(int32, optional, tag = "3")]
    tgid: Option<i32>,
}

#[derive(Clone, PartialEq, Message)]
struct ProcessTree {
    #[prost(message, repeated, tag = "1")]
    processes: Vec<Process>,
    #[prost(message, repeated, tag = "2")]
    threads: Vec<Thread>,
}

#[derive(Clone, PartialEq, Message)]
struct Process {
    #[prost(int32, optional, tag = "1")]
    pid: Option<i32>,
    #[prost(string, repeated, tag = "3")]
    cmdline: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
struct Thread {
    #[prost(int32, optional, tag = "1")]
    tid: Option<i32>,
    #[prost(string, optional, tag = "2")]
    name: Option<String>,
    #[prost(int32, optional, tag = "3")]
    tgid: Option<i32>,
}

#[derive(Clone, PartialEq, Message)]
struct TrackDescriptor {
    #[prost(uint64, optional, tag = "1")]
    uuid: Option<u64>,
    #[prost(string, optional, tag = "2")]
    name: Option<String>,
    #[prost(message, optional, tag = "4")]
    thread: Option<ThreadDescriptor>,
    #[prost(uint64, optional, tag = "5")]
    parent_uuid: Option<u64>,
    #[prost(message, optional, tag = "8")]
    counter: Option<CounterDescriptor>,
}

#[derive(Clone, PartialEq, Message)]
struct ThreadDescriptor {
    #[prost(int32, optional, tag = "1")]
    pid: Option<i32>,
    #[prost(int64, optional, tag = "2")]
    tid: Option<i64>,
    #[prost(string, optional, tag = "5")]
    thread_name: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
struct CounterDescriptor {
    #[prost(string, optional, tag = "6")]
    unit_name: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
struct TrackEvent {
    #[prost(int32, optional, tag = "9")]
    r#type: Option<i32>,
    #[prost(uint64, optional, tag = "11")]
    track_uuid: Option<u64>,
    #[prost(string, optional, tag = "23")]
    name: Option<String>,
    #[prost(int64, optional, tag = "30")]
    counter_value: Option<i64>,
    #[prost(fixed64, repeated, packed = "false", tag = "47")]
    flow_ids: Vec<u64>,
    #[prost(fixed64, repeated, packed = "false", tag = "48")]
    terminating_flow_ids: Vec<u64>,
}

fn written() -> Trace {
    let mut bytes = Vec::new();
    lab::perfetto::write(&example(), &mut bytes).unwrap();
    Trace::decode(bytes.as_slice()).unwrap()
}

/// Scheduler events by CPU, in words.
fn told(trace: &Trace) -> BTreeMap<u32, Vec<String>> {
    let mut found: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for bundle in trace
        .packet
        .iter()
        .filter_map(|packet| packet.ftrace_events.as_ref())
    {
        for event in &bundle.event {
            let at = event.timestamp.unwrap();
            let words = if let Some(switch) = &event.sched_switch {
                assert_eq!((switch.prev_prio, switch.next_prio), (Some(120), Some(120)));
                assert_eq!(event.pid, switch.prev_pid.map(i32::cast_unsigned));
                let (from, to) = (
                    switch.prev_comm.as_ref().unwrap(),
                    switch.next_comm.as_ref().unwrap(),
                );
                let (prev, next) = (switch.prev_pid.unwrap(), switch.next_pid.unwrap());
                format!(
                    "{from} {prev} leaves as {} for {to} {next}",
                    switch.prev_state.unwrap()
                )
            } else if let Some(waking) = &event.sched_waking {
                let (pid, target) = (waking.pid.unwrap(), waking.target_cpu.unwrap());
                format!("{} wakes {pid} on {target}", event.pid.unwrap())
            } else if let Some(new) = &event.sched_wakeup_new {
                format!("new {} {}", new.comm.as_ref().unwrap(), new.pid.unwrap())
            } else if let Some(moved) = &event.sched_migrate_task {
                format!("{} to {}", moved.pid.unwrap(), moved.dest_cpu.unwrap())
            } else {
                let exit = event
                    .sched_process_exit
                    .as_ref()
                    .expect("an event of another kind");
                format!("{} of {} ends", exit.pid.unwrap(), exit.tgid.unwrap())
            };
            found
                .entry(bundle.cpu.unwrap())
                .or_default()
                .push(format!("{at} {words}"));
        }
    }
    found
}

#[test]
fn l3_perfetto_gets_the_scheduler_events_of_each_cpu() {
    let trace = written();
    let told = told(&trace);
    let first = [
        "1000 0 wakes 71 on 0",
        "1000 new hog 71",
        "1100 swapper 0 leaves as 0 for hog 71",
        "2000 71 wakes 81 on 1",
        "4000 0 wakes 81 on 0",
        "4000 hog 71 leaves as 0 for pipe/1 81",
        "5000 81 wakes 82 on 0",
        "5000 pipe/1 81 leaves as 1 for pipe/2 82",
        "5200 pipe/2 82 leaves as 1 for swapper 0",
    ];
    let second = [
        "2600 swapper 0 leaves as 0 for pipe/1 81",
        "3000 pipe/1 81 leaves as 1 for swapper 0",
        "4500 71 to 1",
        "4600 swapper 0 leaves as 0 for hog 71",
        "6000 hog 71 leaves as 16 for swapper 0",
        "6100 71 of 71 ends",
    ];
    assert_eq!(told[&0], first);
    assert_eq!(told[&1], second);
    let lost: Vec<_> = trace
        .packet
        .iter()
        .filter_map(|packet| packet.ftrace_events.as_ref())
        .map(|bundle| (bundle.cpu, bundle.lost_events))
        .collect();
    assert_eq!(lost, [(Some(0), None), (Some(1), Some(true))]);
}

#[test]
fn l3_perfetto_knows_processes_threads_and_tracks() {
    let trace = written();
    let tree = trace
        .packet
        .iter()
        .find_map(|packet| packet.process_tree.as_ref())
        .unwrap();
    let processes: Vec<_> = tree
        .processes
        .iter()
        .map(|process| (process.pid.unwrap(), process.cmdline.join(" ")))
        .collect();
    assert_eq!(processes, [(71, "process 7".to_owned()), (81, "pipe".to_owned())]);
    let threads: Vec<_> = tree
        .threads
        .iter()
        .map(|thread| (thread.tid.unwrap(), thread.tgid.unwrap()))
        .collect();
    assert_eq!(threads, [(71, 71), (81, 81), (82, 81)]);

    let first = &trace.packet[0];
    assert_eq!(first.sequence_flags, Some(1), "the sequence has a beginning");
    let mut described = BTreeSet::new();
    for packet in &trace.packet {
        assert_eq!(packet.trusted_packet_sequence_id, Some(1));
        if let Some(descriptor) = &packet.track_descriptor {
            assert!(described.insert(descriptor.uuid.unwrap()), "{descriptor:?} twice");
            let parent = descriptor.parent_uuid;
            assert!(
                parent.is_none_or(|parent| described.contains(&parent)),
                "{descriptor:?}"
            );
        }
        if let Some(event) = &packet.track_event {
            assert!(
                packet.timestamp.is_some() && described.contains(&event.track_uuid.unwrap()),
                "{event:?}"
            );
        }
    }
}

#[test]
fn l3_perfetto_draws_arrows_from_causes_to_effects() {
    let trace = written();
    let events: Vec<_> = trace
        .packet
        .iter()
        .filter_map(|packet| packet.track_event.as_ref())
        .collect();
    let name = |event: &TrackEvent| event.name.clone().unwrap_or_default();
    let mut arrows = Vec::new();
    for (start, flow) in events
        .iter()
        .flat_map(|event| event.flow_ids.iter().map(move |flow| (event, flow)))
    {
        let end = events
            .iter()
            .find(|event| event.terminating_flow_ids.contains(flow));
        arrows.push(format!(
            "{} -> {}",
            name(start),
            end.map_or_else(String::new, |end| name(end))
        ));
    }
    let expected = [
        "wakes pipe/1 on CPU 1 -> on CPU 1",
        "interrupts CPU 1 -> interrupted",
        "wakes pipe/1 on CPU 0 -> on CPU 0",
        "wakes pipe/2 on CPU 0 -> on CPU 0",
        "hands over to pipe/2 -> on CPU 0",
    ];
    assert_eq!(arrows, expected);
}

#[test]
fn l3_perfetto_sees_runs_that_end_and_counts_that_match() {
    let trace = written();
    let mut tracks: BTreeMap<i64, u64> = BTreeMap::new();
    let mut counters = BTreeMap::new();
    for descriptor in trace
        .packet
        .iter()
        .filter_map(|packet| packet.track_descriptor.as_ref())
    {
        let uuid = descriptor.uuid.unwrap();
        if let Some(thread) = &descriptor.thread {
            tracks.insert(thread.tid.unwrap(), uuid);
        }
        if let Some(counter) = &descriptor.counter {
            assert_eq!(counter.unit_name.as_deref(), Some("threads"));
            counters.insert(uuid, descriptor.name.clone().unwrap());
        }
    }
    let numbers = lab::numbers::Numbers::of(&example());
    let runs = |thread| -> Vec<(u64, i32)> {
        let uuid = tracks[&i64::from(numbers.thread(thread))];
        let on_track = trace
            .packet
            .iter()
            .filter_map(|packet| Some((packet.timestamp, packet.track_event.as_ref()?)));
        on_track
            .filter(|(_, event)| event.track_uuid == Some(uuid) && event.r#type != Some(3))
            .map(|(at, event)| (at.unwrap(), event.r#type.unwrap()))
            .collect()
    };
    assert_eq!(runs(HOG), [(1_100, 1), (4_000, 2), (4_600, 1), (6_000, 2)]);
    assert_eq!(runs(PIPE), [(2_600, 1), (3_000, 2), (4_000, 1), (5_000, 2)]);
    assert_eq!(runs(SERVER), [(5_000, 1), (5_200, 2)]);

    let mut last: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for event in trace
        .packet
        .iter()
        .filter_map(|packet| packet.track_event.as_ref())
    {
        if let Some(value) = event.counter_value {
            last.entry(&counters[&event.track_uuid.unwrap()])
                .or_default()
                .push(value);
        }
    }
    assert_eq!(last["CPU 0 runnable"], [1, 2, 1, 2, 1, 0]);
    assert_eq!(last["CPU 1 runnable"], [1, 0, 1, 0]);
}

#[test]
fn l9_perfetto_sees_the_end_of_the_record_on_every_cpu() {
    let mut recorded = example();
    recorded.end_at(sched::Instant(9_000));
    recorded.push(abi::trace::Record::of(
        6_200,
        1,
        abi::trace::Event::Switch {
            from: abi::trace::Thread::NONE,
            to: SERVER,
        },
    ));
    let mut bytes = Vec::new();
    lab::perfetto::write(&recorded, &mut bytes).unwrap();
    let trace = Trace::decode(bytes.as_slice()).unwrap();
    let at_the_end = trace
        .packet
        .iter()
        .filter(|packet| packet.timestamp == Some(9_000));
    let events: Vec<_> = at_the_end
        .filter_map(|packet| packet.track_event.as_ref())
        .collect();
    let marks = events
        .iter()
        .filter(|event| event.name.as_deref() == Some("the record ends"));
    assert_eq!(marks.count(), 2);
    // The server's run, which was under way.
    assert_eq!(events.iter().filter(|event| event.r#type == Some(2)).count(), 1);
}
