//! From records to steps: the same story, told with switches that agree with each other.
//!
//! The kernel and the simulator write what is cheapest where they are: that a thread blocks, that the CPU idles, that a
//! thread comes after another. A step says both sides of a change at once, as readers of traces expect it: who leaves,
//! how, and who comes. `Switch`, `Block`, `Preempt`, `IdleEnter` and `IdleLeave` become [`What::Switch`]; all other events
//! are passed on. A thread that is put back and chosen again has never left. A CPU that looks for its next thread for
//! a while is idle for that while.

#[cfg(test)]
mod tests;

use crate::Trace;
use abi::trace::{Event, Thread};
use sched::Instant;
use std::collections::HashMap;

/// One thing that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// When.
    pub at: Instant,
    /// Where it was noticed.
    pub cpu: u32,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The CPU goes from one thread to another.
    Switch {
        /// Who leaves; nobody after idling.
        from: Thread,
        /// How; [`Left::Waits`] after idling.
        left: Left,
        /// Who comes; nobody when the CPU idles now. Never the same as `from`.
        to: Thread,
    },
    /// Something else.
    Event(Event),
}

/// How a thread left its CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Left {
    /// It could go on.
    Waits,
    /// It waits for something.
    Blocked,
    /// It has ended.
    Gone,
}

/// The steps of a trace, in order of time.
#[must_use]
pub fn steps(trace: &Trace) -> Vec<Step> {
    let last_words = last_words(trace);
    let mut cpus = vec![Cpu::default(); trace.cpus() as usize];
    let mut found = Vec::with_capacity(trace.records().len());
    for (index, record) in trace.records().iter().enumerate() {
        let Some(event) = record.event() else { continue };
        let cpu = &mut cpus[usize::from(record.cpu)];
        let place = Place {
            index,
            at: Instant(record.at_ns),
            cpu: u32::from(record.cpu),
        };
        match event {
            Event::Block { thread, .. } => cpu.leaves(place, thread, Left::Blocked, None),
            Event::Preempt { thread, .. } => cpu.leaves(place, thread, Left::Waits, None),
            Event::ThreadExit { thread, .. } if cpu.runs == Some(thread) => {
                cpu.leaves(place, thread, Left::Gone, Some(event));
            }
            Event::Switch { from, to } => {
                // Nobody tells that a thread is about to end: it did if it never came back.
                let ends = last_words.get(&from).is_some_and(|last| index > *last);
                let left = if ends { Left::Gone } else { Left::Waits };
                cpu.goes_to(place, from, left, to, &mut found);
            }
            Event::IdleEnter {} => {
                let from = cpu.runs.unwrap_or(Thread::NONE);
                let ends = last_words.get(&from).is_some_and(|last| index > *last);
                let left = if ends { Left::Gone } else { Left::Waits };
                cpu.goes_to(place, from, left, Thread::NONE, &mut found);
            }
            Event::IdleLeave { .. } => {}
            _ => found.push(place.step(What::Event(event))),
        }
    }
    for cpu in &mut cpus {
        cpu.settle(&mut found);
    }
    // Each is where the record was that made it, so causes stay before effects at equal times.
    found.sort_by_key(|(index, step)| (step.at, *index));
    found.into_iter().map(|(_, step)| step).collect()
}

/// For every thread whose end is in the trace, the last record in which it comes to a CPU.
fn last_words(trace: &Trace) -> HashMap<Thread, usize> {
    let mut last = HashMap::new();
    let mut ended = HashMap::new();
    for (index, record) in trace.records().iter().enumerate() {
        match record.event() {
            Some(Event::Switch { to, .. }) if to != Thread::NONE => {
                last.insert(to, index);
            }
            Some(Event::ThreadExit { thread, .. }) => {
                ended.insert(thread, ());
            }
            _ => {}
        }
    }
    last.retain(|thread, _| ended.contains_key(thread));
    last
}

/// Where in the trace something stands.
#[derive(Clone, Copy, Debug)]
struct Place {
    index: usize,
    at: Instant,
    cpu: u32,
}

impl Place {
    const fn step(self, what: What) -> (usize, Step) {
        let (at, cpu) = (self.at, self.cpu);
        (self.index, Step { at, cpu, what })
    }
}

/// What is known of one CPU.
#[derive(Clone, Default)]
struct Cpu {
    /// Who runs; `None` until the trace tells.
    runs: Option<Thread>,
    leaving: Option<Leaving>,
}

/// A thread that has said that it leaves; who comes is not known yet.
#[derive(Clone, Copy)]
struct Leaving {
    place: Place,
    thread: Thread,
    left: Left,
    /// Its end, to be told after it has left.
    exit: Option<Event>,
}

impl Cpu {
    fn leaves(&mut self, place: Place, thread: Thread, left: Left, exit: Option<Event>) {
        self.leaving = Some(Leaving {
            place,
            thread,
            left,
            exit,
        });
    }

    /// The CPU goes to `to`. `from` and `left` count only if the thread that leaves has not told itself.
    fn goes_to(
        &mut self,
        place: Place,
        from: Thread,
        left: Left,
        to: Thread,
        found: &mut Vec<(usize, Step)>,
    ) {
        match self.leaving {
            Some(leaving) if leaving.thread == to && leaving.left == Left::Waits => self.leaving = None,
            Some(leaving) if leaving.thread != to && leaving.place.at == place.at => {
                self.leaving = None;
                found.push(place.step(What::Switch {
                    from: leaving.thread,
                    left: leaving.left,
                    to,
                }));
                found.extend(leaving.exit.map(|exit| place.step(What::Event(exit))));
            }
            Some(_) => {
                self.settle(found);
                self.comes(place, Thread::NONE, Left::Waits, to, found);
            }
            None => {
                let from = self.runs.unwrap_or(from);
                self.comes(place, from, left, to, found);
            }
        }
        self.runs = Some(to);
    }

    fn comes(&self, place: Place, from: Thread, left: Left, to: Thread, found: &mut Vec<(usize, Step)>) {
        if from != to {
            let left = if from == Thread::NONE { Left::Waits } else { left };
            found.push(place.step(What::Switch { from, left, to }));
        }
    }

    /// The thread that leaves has left, and nobody has come yet.
    fn settle(&mut self, found: &mut Vec<(usize, Step)>) {
        let Some(leaving) = self.leaving.take() else {
            return;
        };
        self.comes(leaving.place, leaving.thread, leaving.left, Thread::NONE, found);
        found.extend(leaving.exit.map(|exit| leaving.place.step(What::Event(exit))));
        self.runs = Some(Thread::NONE);
    }
}
