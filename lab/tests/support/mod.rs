//! A small trace in which everything happens that pictures show.

use abi::trace::{Event, Record, Thread};
use lab::Trace;

pub(crate) const HOG: Thread = Thread::new(7, 1);
pub(crate) const PIPE: Thread = Thread::new(8, 1);
pub(crate) const SERVER: Thread = Thread::new(8, 2);

/// Two CPUs. A hog on CPU 0 wakes a thread on CPU 1, which blocks; an interrupt wakes it on CPU 0 in the hog's place, the
/// hog is stolen by CPU 1 and ends there, and the thread hands its CPU to a server. CPU 1 has lost 41 records.
pub(crate) fn example() -> Trace {
    let mut trace = Trace::new("an \"example\"", 2);
    trace.name_thread(HOG, "hog");
    trace.lose(1, 41);
    let none = Thread::NONE;
    let start = |thread| Event::ThreadStart {
        cpu: 0,
        thread,
        weight: 64,
    };
    let switch = |from, to| Event::Switch { from, to };
    let wake = |target, thread, by| Event::Wake { target, thread, by };
    let block = |thread| Event::Block { reason: 0, thread };
    let events = [
        (1_000, 0, Event::process_name(8, "pipe")),
        (1_000, 0, start(HOG)),
        (1_100, 0, switch(none, HOG)),
        (2_000, 0, wake(1, PIPE, HOG)),
        (2_010, 0, Event::IpiSent { to: 1, purpose: 3 }),
        (2_500, 1, Event::IpiReceived { purpose: 3 }),
        (2_600, 1, switch(none, PIPE)),
        (3_000, 1, block(PIPE)),
        (3_100, 1, Event::IdleEnter {}),
        (
            4_000,
            0,
            Event::Preempt {
                thread: HOG,
                by: none,
            },
        ),
        (4_000, 0, wake(0, PIPE, none)),
        (4_000, 0, switch(HOG, PIPE)),
        (
            4_500,
            1,
            Event::Steal {
                victim: 0,
                thread: HOG,
            },
        ),
        (4_600, 1, switch(none, HOG)),
        (5_000, 0, block(PIPE)),
        (5_000, 0, wake(0, SERVER, PIPE)),
        (
            5_000,
            0,
            Event::Handoff {
                from: PIPE,
                to: SERVER,
            },
        ),
        (5_000, 0, switch(PIPE, SERVER)),
        (5_200, 0, block(SERVER)),
        (5_300, 0, Event::IdleEnter {}),
        (6_000, 1, switch(HOG, none)),
        (
            6_100,
            1,
            Event::ThreadExit {
                thread: HOG,
                code: -9,
            },
        ),
    ];
    for (at, cpu, event) in events {
        trace.push(Record::of(at, cpu, event));
    }
    trace
}
