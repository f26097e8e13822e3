//! Lists for the screen, made from what [`crate::look`] saw.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::command::{COMMANDS, Entry};
use crate::look::contexts::{Context, Standing};
use crate::look::{Cpu, Machine, Process, Thread};
use rt::text::{Table, duration, grouped, pages, percent};

/// What an exit code says, where it says more than a number: how the kernel ends processes.
pub fn exit_words(code: i64) -> Option<String> {
    use abi::syscall::exit_code;
    Some(match code {
        exit_code::PANIC => "it panicked".into(),
        exit_code::BAD_BOOTSTRAP => "it could not start".into(),
        exit_code::RING_PROTOCOL => "its ring made no sense".into(),
        exit_code::TERMINATED => "it was ended from outside".into(),
        -47..=-16 => match -16 - code {
            0 => "divide error".into(),
            3 => "breakpoint".into(),
            6 => "invalid instruction".into(),
            13 => "general protection fault".into(),
            14 => "page fault".into(),
            vector => format!("CPU exception {vector}"),
        },
        _ => return None,
    })
}

/// The list of commands, and of programs with their summaries.
pub fn help(programs: &[(&str, &str)], columns: usize) -> Vec<String> {
    let left = |entry: &Entry| format!("{} {}", entry.name, entry.arguments);
    let width = COMMANDS
        .iter()
        .map(|entry| left(entry).trim_end().len())
        .max()
        .unwrap_or(0);
    let mut lines: Vec<String> = COMMANDS
        .iter()
        .map(|entry| format!("  {:<width$}  {}", left(entry).trim_end(), entry.does))
        .collect();
    if !programs.is_empty() {
        lines.push(String::new());
        lines.push("Programs:".into());
        let width = programs.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        lines.extend(
            programs
                .iter()
                .map(|(name, summary)| format!("  {name:<width$}  {summary}")),
        );
    }
    lines
        .into_iter()
        .map(|line| line.chars().take(columns).collect())
        .collect()
}

/// Ended processes shown at most; the machine remembers more.
const MOST_ENDED: usize = 10;

/// Processes; those that ended come last, the latest of them only.
pub fn processes(list: &[Process]) -> Table {
    let mut table = Table::new(&[
        ">PID",
        ">PARENT",
        "NAME",
        ">THREADS",
        ">CAPS",
        ">MEMORY",
        ">CPU TIME",
        ">SWITCHES",
        "STATE",
    ]);
    let mut list: Vec<&Process> = list.iter().collect();
    list.sort_by_key(|process| (process.ended.is_some(), process.pid));
    let running = list.iter().filter(|process| process.ended.is_none()).count();
    let too_many = (list.len() - running).saturating_sub(MOST_ENDED);
    list.drain(running..running + too_many);
    for process in list {
        let state = match &process.ended {
            None => "running".to_string(),
            Some((code, reason)) if reason.is_empty() => format!("exited {code}"),
            Some((code, reason)) => format!("exited {code}: {reason}"),
        };
        table.row([
            process.pid.to_string(),
            process.parent.to_string(),
            process.name.clone(),
            process.threads.to_string(),
            process.caps.to_string(),
            pages(process.pages),
            duration(process.runtime_ns),
            grouped(process.switches),
            state,
        ]);
    }
    table
}

/// Threads. Those that are bound to a scheduling context have its number, how much of the present budget is used, how often it
/// was used up and how many deadlines were missed; without any such thread there are no such columns.
pub fn threads(list: &[Thread], contexts: &[Context]) -> Table {
    let is_any = list.iter().any(|thread| context_of(thread, contexts).is_some());
    let mut headings = Vec::from([">PID.TID", "NAME", "STATE", ">CPU", ">WEIGHT", "CLASS"]);
    if is_any {
        headings.extend([">CONTEXT", ">USED", ">SPENT", ">MISSED"]);
    }
    headings.extend([">CPU TIME", ">WAITED", ">SWITCHES", ">PREEMPTED", ">MOVED"]);
    let mut table = Table::new(&headings);
    for thread in list {
        let context = context_of(thread, contexts);
        let mut cells = Vec::from([
            format!("{}.{}", thread.id.0, thread.id.1),
            thread.name.clone(),
            state(thread, context).into(),
            thread.cpu.to_string(),
            thread.weight.to_string(),
            thread.class.into(),
        ]);
        match context {
            Some(context) => cells.extend([
                context.id.to_string(),
                percent(
                    context.budget_ns.saturating_sub(context.remaining_ns),
                    context.budget_ns,
                ),
                grouped(context.overruns),
                grouped(context.misses),
            ]),
            None if is_any => cells.extend([const { String::new() }; 4]),
            None => {}
        }
        cells.extend([
            duration(thread.runtime_ns),
            duration(thread.waiting_ns),
            grouped(thread.switches),
            grouped(thread.preemptions),
            grouped(thread.migrations),
        ]);
        table.row(cells);
    }
    table
}

/// The context that a thread works with, or is bound to.
pub fn context_of<'a>(thread: &Thread, contexts: &'a [Context]) -> Option<&'a Context> {
    let works_with = contexts.iter().find(|context| context.holder == Some(thread.id));
    works_with.or_else(|| contexts.iter().find(|context| context.thread == Some(thread.id)))
}

/// What a thread does: one that would run may be throttled.
pub fn state(thread: &Thread, context: Option<&Context>) -> &'static str {
    match context.map(|context| context.standing) {
        Some(standing @ Standing::Throttled(_)) if thread.state == "ready" => standing.word(),
        _ => thread.state,
    }
}

/// CPUs since boot.
pub fn cpus(list: &[Cpu]) -> Table {
    let mut table = Table::new(&[
        ">CPU",
        ">APIC",
        "PLACE",
        "STATE",
        ">BUSY",
        ">SWITCHES",
        ">PREEMPTED",
        ">MOVED IN",
        ">STOLEN",
        ">MOVED OUT",
        ">TIMER",
        ">RESCHED",
        ">SAVED",
        ">SHOOTDOWN",
        ">QUEUE",
    ]);
    for cpu in list {
        let (package, core, thread) = cpu.place;
        table.row([
            cpu.cpu.to_string(),
            cpu.apic.to_string(),
            format!("{package}.{core}.{thread}"),
            if cpu.online { "online" } else { "offline" }.into(),
            percent(cpu.busy_ns, cpu.busy_ns + cpu.idle_ns),
            grouped(cpu.switches),
            grouped(cpu.preemptions),
            grouped(cpu.migrations),
            grouped(cpu.steals),
            grouped(cpu.given),
            grouped(cpu.ticks),
            grouped(cpu.reschedules),
            grouped(cpu.saved),
            grouped(cpu.shootdowns),
            cpu.queue.to_string(),
        ]);
    }
    table
}

/// How the machine schedules, in a line.
pub fn policy(machine: &Machine) -> String {
    let (order, scope) = machine.policy;
    format!("scheduler: {order}, fair between {scope}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::look::contexts::example;

    #[test]
    fn p5_a_fault_is_named_by_its_exit_code() {
        assert_eq!(exit_words(-30).as_deref(), Some("page fault"));
        assert_eq!(exit_words(-29).as_deref(), Some("general protection fault"));
        assert_eq!(exit_words(-9).as_deref(), Some("it was ended from outside"));
        assert_eq!((exit_words(0), exit_words(7), exit_words(-1)), (None, None, None));
    }

    #[test]
    fn e3_threads_with_a_context_say_which_and_whether_they_are_throttled() {
        let bound = Thread {
            id: (3, 1),
            state: "ready",
            ..Thread::default()
        };
        let throttled = Context {
            standing: Standing::Throttled(1),
            ..example()
        };
        let lines = threads(&[bound.clone(), Thread::default()], &[throttled]).lines(80);
        assert!(
            lines[0].contains("CONTEXT    USED  SPENT  MISSED  "),
            "{}",
            lines[0]
        );
        assert!(
            lines[1].contains("throttled") && lines[1].contains("5  75.0 %    120       0"),
            "{}",
            lines[1]
        );
        assert_eq!(state(&bound, Some(&example())), "ready");
        let plain = threads(&[Thread::default()], &[example()]).lines(80);
        assert!(!plain[0].contains("CONTEXT"), "{}", plain[0]);
    }

    #[test]
    fn ended_processes_come_last_with_their_reason() {
        let process = |pid, ended| Process {
            pid,
            name: "p".into(),
            ended,
            ..Process::default()
        };
        let table = processes(&[
            process(2, Some((-30, "page fault at 0x10".into()))),
            process(3, None),
            process(4, Some((7, String::new()))),
        ]);
        let lines = table.lines(120);
        assert!(lines[1].trim_start().starts_with("3 ") && lines[1].ends_with("running"));
        assert!(lines[2].ends_with("exited -30: page fault at 0x10"));
        assert!(lines[3].ends_with("exited 7"));
    }
}
