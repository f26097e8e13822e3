//! Steps of programs back into text.

use crate::input::objects::Objects;
use crate::input::{spans, words};
use crate::scenario::{Patience, Scenario, Step};

/// What [`parse`](super::parse) reads as `step`, when the tables are those of `scenario`.
pub(in super::super) fn print(step: Step, scenario: &Scenario, objects: &Objects) -> String {
    let lock = |id: u16| {
        objects
            .locks
            .reference(named(&scenario.locks, id, |name| name), id)
    };
    let condition = |id: u16| {
        let name = named(&scenario.conditions, id, |name| name);
        objects.conditions.reference(name, id)
    };
    let pipe = |id: u16| {
        let name = named(&scenario.pipes, id, |pipe| &pipe.name);
        objects.pipes.reference(name, id)
    };
    let endpoint = |id: u16| {
        let name = named(&scenario.endpoints, id, |name| name);
        objects.endpoints.reference(name, id)
    };
    let thread = |id: u16| {
        let name = named(&scenario.threads, id, |thread| &thread.name);
        objects.threads.reference(name, id)
    };
    match step {
        Step::Run(span) => format!("run {}", spans::print_span(span)),
        Step::Sleep(span) => format!("sleep {}", spans::print_span(span)),
        Step::Timer {
            timer,
            period,
            absolute,
        } => {
            let name = named(&scenario.timers, timer.0, |timer| &timer.name);
            let name = objects.timers.reference(name, timer.0);
            let mode = if absolute { " absolute" } else { "" };
            format!("timer {name} {}{mode}", spans::print(period))
        }
        Step::Lock(id) => format!("lock {}", lock(id.0)),
        Step::Unlock(id) => format!("unlock {}", lock(id.0)),
        Step::Wait {
            condition: id,
            lock: mutex,
        } => format!("wait {} {}", condition(id.0), lock(mutex.0)),
        Step::Signal(id) => format!("signal {}", condition(id.0)),
        Step::Broadcast(id) => format!("broadcast {}", condition(id.0)),
        Step::Barrier(id) => {
            let name = named(&scenario.barriers, id.0, |barrier| &barrier.name);
            format!("barrier {}", objects.barriers.reference(name, id.0))
        }
        Step::Write { pipe: id, bytes } => format!("write {} {bytes}", pipe(id.0)),
        Step::Read { pipe: id, bytes } => format!("read {} {bytes}", pipe(id.0)),
        Step::Call(id, patience) => {
            let name = endpoint(id.0);
            match patience {
                Patience::Unbounded => format!("call {name}"),
                Patience::Within(span) => format!("call {name} within {}", spans::print(span)),
                Patience::For(span) => format!("call {name} for {}", spans::print(span)),
            }
        }
        Step::Serve(id) => format!("serve {}", endpoint(id.0)),
        Step::Suspend => "suspend".to_owned(),
        Step::Resume(id) => format!("resume {}", thread(id.0)),
        Step::Yield => "yield".to_owned(),
        Step::Fork(id) => format!("fork {}", thread(id.0)),
        Step::SetPolicy { weight, class } => {
            format!(
                "weight {} {}",
                weight.get(),
                words::print(&class, &*words::CLASSES)
            )
        }
        Step::SetAffinity(id) => {
            let mask = scenario.masks.get(usize::from(id.0));
            let first = scenario.masks.iter().position(|other| Some(other) == mask);
            match mask {
                Some(mask) if first == Some(usize::from(id.0)) => format!("cpus {}", words::print_cpus(mask)),
                _ => format!("cpus #{}", id.0),
            }
        }
        Step::Context(deed, id) => {
            let name = named(&scenario.contexts, id.0, |context| &context.name);
            let deed = words::print(&deed, &words::DEEDS);
            format!("{deed} {}", objects.contexts.reference(name, id.0))
        }
        Step::Kill(id) => format!("kill {}", thread(id.0)),
        Step::Exit => "exit".to_owned(),
    }
}

fn named<T>(rows: &[T], id: u16, name: impl Fn(&T) -> &String) -> &str {
    rows.get(usize::from(id)).map_or("", |row| name(row).as_str())
}
