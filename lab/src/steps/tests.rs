//! What records become which steps.

use super::*;
use abi::trace::Record;

const A: Thread = Thread::new(1, 1);
const B: Thread = Thread::new(2, 1);

fn told(records: &[(u64, u16, Event)]) -> Vec<Step> {
    let mut trace = Trace::new("test", 2);
    for (at, cpu, event) in records {
        trace.push(Record::of(*at, *cpu, *event));
    }
    steps(&trace)
}

fn switch(at: u64, cpu: u32, from: Thread, left: Left, to: Thread) -> Step {
    let what = What::Switch { from, left, to };
    Step {
        at: Instant(at),
        cpu,
        what,
    }
}

fn block(thread: Thread) -> Event {
    Event::Block { reason: 0, thread }
}

fn preempt(thread: Thread) -> Event {
    let by = Thread::NONE;
    Event::Preempt { thread, by }
}

const NONE: Thread = Thread::NONE;

#[test]
fn l3_leaving_and_coming_are_one_switch() {
    let found = told(&[
        (1, 0, Event::Switch { from: NONE, to: A }),
        (5, 0, block(A)),
        (5, 0, Event::Switch { from: A, to: B }),
        (9, 0, preempt(B)),
        (9, 0, Event::Switch { from: B, to: A }),
    ]);
    let expected = [
        switch(1, 0, NONE, Left::Waits, A),
        switch(5, 0, A, Left::Blocked, B),
        switch(9, 0, B, Left::Waits, A),
    ];
    assert_eq!(found, expected);
}

#[test]
fn l3_who_is_chosen_again_never_left() {
    let found = told(&[
        (1, 0, Event::Switch { from: NONE, to: A }),
        (5, 0, preempt(A)),
        (5, 0, Event::Switch { from: A, to: A }),
        (6, 0, Event::Switch { from: A, to: A }),
    ]);
    assert_eq!(found, [switch(1, 0, NONE, Left::Waits, A)]);
}

#[test]
fn l3_who_blocked_has_left_even_if_nobody_came_before_it_was_back() {
    let found = told(&[
        (1, 0, Event::Switch { from: NONE, to: A }),
        (5, 0, block(A)),
        (9, 0, Event::Switch { from: A, to: A }),
    ]);
    let expected = [
        switch(1, 0, NONE, Left::Waits, A),
        switch(5, 0, A, Left::Blocked, NONE),
        switch(9, 0, NONE, Left::Waits, A),
    ];
    assert_eq!(found, expected);
}

#[test]
fn l3_a_cpu_that_searches_is_idle_from_the_moment_of_leaving() {
    // A is woken elsewhere before CPU 0 has found out that there is nothing else to do.
    let wake = Event::Wake {
        target: 1,
        thread: A,
        by: NONE,
    };
    let found = told(&[
        (1, 0, Event::Switch { from: NONE, to: A }),
        (5, 0, block(A)),
        (6, 1, wake),
        (7, 0, Event::IdleEnter {}),
        (8, 1, Event::Switch { from: NONE, to: A }),
    ]);
    let woken = Step {
        at: Instant(6),
        cpu: 1,
        what: What::Event(wake),
    };
    let expected = [
        switch(1, 0, NONE, Left::Waits, A),
        switch(5, 0, A, Left::Blocked, NONE),
        woken,
        switch(8, 1, NONE, Left::Waits, A),
    ];
    assert_eq!(found, expected);
}

#[test]
fn l3_a_thread_is_told_to_be_gone_when_it_leaves_for_the_last_time() {
    let exit = Event::ThreadExit { thread: A, code: 0 };
    let left = switch(5, 0, A, Left::Gone, B);
    let told_late = told(&[
        (1, 0, Event::Switch { from: NONE, to: A }),
        (5, 0, Event::Switch { from: A, to: B }),
        (7, 1, exit),
    ]);
    assert_eq!(told_late[1], left);
    let told_early = told(&[
        (1, 0, Event::Switch { from: NONE, to: A }),
        (5, 0, exit),
        (5, 0, Event::Switch { from: A, to: B }),
    ]);
    assert_eq!(told_early[1], left);
    assert_eq!(told_early[2].what, What::Event(exit));
}

#[test]
fn l3_a_trace_may_begin_in_the_middle() {
    let found = told(&[
        (5, 0, block(A)),
        (5, 0, Event::Switch { from: A, to: B }),
        (6, 1, Event::Switch { from: B, to: A }),
    ]);
    let expected = [switch(5, 0, A, Left::Blocked, B), switch(6, 1, B, Left::Waits, A)];
    assert_eq!(found, expected);
}
