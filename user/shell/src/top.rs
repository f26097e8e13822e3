//! The live view: what changed between two looks at the machine. Pure; `live` takes the looks and draws.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::look::contexts::Context;
use crate::look::{Cpu, Machine, Thread};
use crate::views::{context_of, state};
use rt::text::{Table, duration, pages, permille};

/// One look at everything.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// The machine.
    pub machine: Machine,
    /// Its CPUs.
    pub cpus: Vec<Cpu>,
    /// Its threads.
    pub threads: Vec<Thread>,
    /// Its scheduling contexts.
    pub contexts: Vec<Context>,
}

/// Columns of a load bar.
const BAR: u64 = 16;

/// The lines of a frame, at most `rows` of them and `columns` wide.
pub fn frame(before: &Look, now: &Look, rows: usize, columns: usize) -> Vec<String> {
    let elapsed = now.machine.now_ns.saturating_sub(before.machine.now_ns).max(1);
    let mut lines = Vec::new();
    lines.push(format!(
        "up {}, {} CPUs, {} processes, {} threads, {} of {} free, {}    (q quits)",
        duration(now.machine.now_ns),
        now.cpus.iter().filter(|cpu| cpu.online).count(),
        now.machine.processes,
        now.machine.threads,
        pages(now.machine.frames.1),
        pages(now.machine.frames.0),
        now.machine.policy.0,
    ));
    lines.push(String::new());
    lines.extend(cpu_table(&before.cpus, &now.cpus, elapsed).lines(columns));
    lines.push(String::new());
    let room = rows.saturating_sub(lines.len() + 1);
    lines.extend(thread_table(before, now, elapsed, room).lines(columns));
    lines.truncate(rows);
    lines
        .into_iter()
        .map(|line| line.chars().take(columns).collect())
        .collect()
}

fn cpu_table(before: &[Cpu], now: &[Cpu], elapsed: u64) -> Table {
    let mut table = Table::new(&[
        ">CPU",
        "LOAD",
        "",
        ">CALL/s",
        ">SWITCH/s",
        ">FORCED/s",
        ">MOVED/s",
        ">TICK/s",
        ">IPI/s",
        ">QUEUE",
        "RUNS",
    ]);
    for cpu in now.iter().filter(|cpu| cpu.online) {
        let Some(old) = before.iter().find(|old| old.cpu == cpu.cpu) else {
            continue;
        };
        let rate = |old: u64, new: u64| per_second(new.saturating_sub(old), elapsed).to_string();
        let load = permille(cpu.busy_ns.saturating_sub(old.busy_ns), elapsed).min(1000);
        table.row([
            cpu.cpu.to_string(),
            bar(load),
            format!("{:>3} %", (load + 5) / 10),
            rate(old.calls, cpu.calls),
            rate(old.switches, cpu.switches),
            rate(old.preemptions, cpu.preemptions),
            rate(old.migrations, cpu.migrations),
            rate(old.ticks, cpu.ticks),
            rate(old.reschedules + old.shootdowns, cpu.reschedules + cpu.shootdowns),
            cpu.queue.to_string(),
            match cpu.current {
                (0, 0) => "idle".into(),
                (pid, tid) => format!("{pid}.{tid}"),
            },
        ]);
    }
    table
}

/// Threads that are bound to a scheduling context have its number, how much they used of what it granted meanwhile, and how many
/// deadlines were missed. On eighty columns those take the place of what is cut off behind them.
fn thread_table(before: &Look, now: &Look, elapsed: u64, rows: usize) -> Table {
    let is_any = now
        .threads
        .iter()
        .any(|thread| context_of(thread, &now.contexts).is_some());
    let mut headings = Vec::from([">PID.TID", "NAME", ">SHARE", ">WEIGHT", "CLASS", ">CPU", "STATE"]);
    if is_any {
        headings.extend([">CTX", ">OF IT", ">MISSED"]);
    }
    headings.extend([">SW/s", ">CPU TIME"]);
    let mut table = Table::new(&headings);
    let mut shares: Vec<(u64, u64, &Thread)> = now
        .threads
        .iter()
        .map(|thread| {
            let old = before.threads.iter().find(|old| old.id == thread.id);
            let used = thread
                .runtime_ns
                .saturating_sub(old.map_or(0, |old| old.runtime_ns));
            let switches = thread.switches.saturating_sub(old.map_or(0, |old| old.switches));
            (used, switches, thread)
        })
        .collect();
    shares.sort_by_key(|(used, _, thread)| (core::cmp::Reverse(*used), thread.id));
    for (used, switches, thread) in shares.into_iter().take(rows) {
        let share = permille(used, elapsed);
        let context = context_of(thread, &now.contexts);
        let mut cells = Vec::from([
            format!("{}.{}", thread.id.0, thread.id.1),
            thread.name.clone(),
            format!("{}.{} %", share / 10, share % 10),
            thread.weight.to_string(),
            thread.class.into(),
            thread.cpu.to_string(),
            state(thread, context).into(),
        ]);
        match context {
            Some(context) => cells.extend(of_context(context, &before.contexts, elapsed)),
            None if is_any => cells.extend([const { String::new() }; 3]),
            None => {}
        }
        cells.extend([
            per_second(switches, elapsed).to_string(),
            duration(thread.runtime_ns),
        ]);
        table.row(cells);
    }
    table
}

/// Which context, how much was used of what it granted since the look before, and how many deadlines were ever missed.
fn of_context(context: &Context, before: &[Context], elapsed: u64) -> [String; 3] {
    let old = before.iter().find(|old| old.id == context.id);
    let used = context
        .used_ns
        .saturating_sub(old.map_or(context.used_ns, |old| old.used_ns));
    let granted = u128::from(elapsed) * u128::from(context.budget_ns) / u128::from(context.period_ns.max(1));
    [
        context.id.to_string(),
        format!("{} %", (permille(used, granted as u64) + 5) / 10),
        context.misses.to_string(),
    ]
}

fn per_second(count: u64, elapsed_ns: u64) -> u64 {
    ((u128::from(count) * 1_000_000_000 + u128::from(elapsed_ns) / 2) / u128::from(elapsed_ns)) as u64
}

fn bar(permille: u64) -> String {
    let full = ((permille * BAR + 500) / 1000) as usize;
    let mut bar = "#".repeat(full);
    bar.push_str(&"-".repeat(BAR as usize - full));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::look::contexts::example;
    use alloc::vec;

    fn look(now_ns: u64, busy_ns: u64, used: [u64; 2]) -> Look {
        let thread = |tid: u32, runtime_ns| Thread {
            id: (3, tid),
            name: "hogs".into(),
            state: "running",
            class: "normal",
            weight: 64,
            runtime_ns,
            ..Thread::default()
        };
        Look {
            machine: Machine {
                now_ns,
                frames: (16384, 12800),
                processes: 3,
                threads: 4,
                policy: ("eevdf", "threads"),
            },
            cpus: vec![Cpu {
                online: true,
                busy_ns,
                switches: busy_ns / 1_000_000,
                current: (3, 1),
                ..Cpu::default()
            }],
            threads: vec![thread(1, used[0]), thread(2, used[1])],
            contexts: vec![],
        }
    }

    #[test]
    fn c2_shares_are_what_was_used_between_two_looks() {
        let before = look(10_000_000_000, 0, [5_000_000, 7_000_000]);
        let now = look(11_000_000_000, 750_000_000, [255_000_000, 507_000_000]);
        let lines = frame(&before, &now, 24, 100);
        assert!(
            lines[0].starts_with("up 11.0 s, 1 CPUs, 3 processes, 4 threads, 50 MiB of 64 MiB free, eevdf "),
            "{}",
            lines[0]
        );
        assert!(
            lines[3].contains("############----   75 %       0       750"),
            "{}",
            lines[3]
        );
        assert!(
            lines[6].contains("3.2") && lines[6].contains("50.0 %"),
            "the busiest first: {}",
            lines[6]
        );
        assert!(
            lines[7].contains("3.1") && lines[7].contains("25.0 %"),
            "{}",
            lines[7]
        );
    }

    #[test]
    fn e2_eighty_columns_have_room_for_what_was_used_of_a_context() {
        let mut before = look(10_000_000_000, 0, [5_000_000, 7_000_000]);
        let mut now = look(11_000_000_000, 750_000_000, [255_000_000, 107_000_000]);
        let used = |used_ns| Context {
            used_ns,
            thread: Some((3, 2)),
            ..example()
        };
        before.contexts.push(used(7_000_000));
        now.contexts.push(used(107_000_000));
        let lines = frame(&before, &now, 24, 80);
        assert!(lines[5].contains("CTX  OF IT  MISSED"), "{}", lines[5]);
        assert!(lines[7].contains("5   50 %       0"), "{}", lines[7]);
    }

    #[test]
    fn a_frame_fits_the_screen() {
        let before = look(0, 0, [0, 0]);
        let now = look(1_000_000_000, 1, [1, 2]);
        let lines = frame(&before, &now, 7, 30);
        assert_eq!(lines.len(), 7);
        assert!(lines.iter().all(|line| line.chars().count() <= 30));
    }
}
