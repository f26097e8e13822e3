//! `why`: what one thread is doing, and why it does not run if it does not, in sentences that each rest on something the monitor
//! showed. Pure; the looks that it is made of were taken one after the other, so what changes quickly may have changed in between.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use rt::context::Overrun;
use rt::text::duration;
use rt::text::times::typed;

use crate::look::contexts::{Context, Standing};
use crate::look::{Cpu, Thread};

/// Threads that are named one by one; more are counted.
const MOST_NAMED: usize = 6;

/// What was seen.
#[derive(Clone, Debug)]
pub struct Evidence<'a> {
    /// The thread that is asked about.
    pub thread: &'a Thread,
    /// The scheduling context that it works with, or is bound to.
    pub context: Option<&'a Context>,
    /// The CPU that it is on or was on last.
    pub cpu: Option<&'a Cpu>,
    /// All threads.
    pub threads: &'a [Thread],
    /// The thread that asks.
    pub asker: (u32, u32),
    /// The monotonic clock.
    pub now_ns: u64,
}

impl Evidence<'_> {
    /// A thread by its numbers and, if that was seen, its name.
    fn named(&self, id: (u32, u32)) -> String {
        match self.threads.iter().find(|thread| thread.id == id) {
            Some(thread) => named(thread, self.asker),
            None => format!("{}.{}", id.0, id.1),
        }
    }
}

/// What there is to say, as one paragraph.
pub fn paragraph(seen: &Evidence<'_>) -> String {
    let mut said = Vec::from([state(seen), account(seen.thread)]);
    said.push(match seen.context {
        None => "It is bound to no scheduling context: nothing but its weight says what it gets.".into(),
        Some(context) => what_it_has(seen, context),
    });
    said.extend(seen.context.map(|context| entitlement(seen, context)));
    said.extend(neighbours(seen));
    said.join(" ")
}

/// A paragraph in lines of at most `columns`.
pub fn lines(paragraph: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in paragraph.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.into()),
        }
    }
    lines
}

/// The context's standing, where that decides what the thread does: it works with it.
fn throttled_until(seen: &Evidence<'_>) -> Option<u64> {
    match seen.context?.standing {
        Standing::Throttled(at) => Some(at),
        _ => None,
    }
}

fn state(seen: &Evidence<'_>) -> String {
    let thread = seen.thread;
    let (name, cpu) = (named(thread, seen.asker), thread.cpu);
    match thread.state {
        "running" => format!("{name} is running on CPU {cpu}."),
        "ready" => match throttled_until(seen) {
            Some(at) => format!(
                "{name} would run but may not: its context is used up, and it is throttled on CPU {cpu} for another {}.",
                duration(at.saturating_sub(seen.now_ns))
            ),
            None => format!("{name} is ready and waits for CPU {cpu}."),
        },
        "waiting" => format!("{name} is blocked: it wants no CPU before what it waits for has happened."),
        _ => format!("{name} has ended."),
    }
}

fn account(thread: &Thread) -> String {
    format!(
        "It has weight {} and class {}; it was on CPUs for {}, and wanted one and had none for {}.",
        thread.weight,
        thread.class,
        duration(thread.runtime_ns),
        duration(thread.waiting_ns)
    )
}

fn what_it_has(seen: &Evidence<'_>, context: &Context) -> String {
    let (budget, period) = (typed(context.budget_ns), typed(context.period_ns));
    let id = context.id;
    let whose = match context.thread {
        Some(thread) if thread != seen.thread.id => {
            format!(
                "It works for {}, which lent it context {id} for a call",
                seen.named(thread)
            )
        }
        _ => format!("It is bound to context {id}"),
    };
    if !context.is_reserved {
        return format!(
            "{whose}, a limit: at most {budget} in every {period}, on CPU{} {}.",
            if context.cpus.len() == 1 { "" } else { "s" },
            context.places()
        );
    }
    let mut said = format!(
        "{whose}, a reservation: {budget} in every {period}, each time within {}, on CPU {}.",
        typed(context.deadline_ns),
        context.places()
    );
    if context.carved_ns > 0 {
        said.push_str(&format!(
            " Of that, {} are carved out for others.",
            typed(context.carved_ns)
        ));
    }
    said
}

fn entitlement(seen: &Evidence<'_>, context: &Context) -> String {
    let left = |at: u64| duration(at.saturating_sub(seen.now_ns));
    let so_far = format!(
        "So far it used {} of its time, used it up {} and missed {}.",
        duration(context.used_ns),
        counted(context.overruns, "time"),
        counted(context.misses, "deadline")
    );
    if let Some(holder) = context.holder.filter(|holder| *holder != seen.thread.id) {
        return format!(
            "That is lent, {} deep: {} works with it until the call is answered. {so_far}",
            context.depth,
            seen.named(holder)
        );
    }
    let now = match context.standing {
        Standing::Unbound => "What it may use of that is on its way to the context or from it.".into(),
        Standing::ByWeight => format!(
            "It may use {} now, and until then is served by weight.",
            duration(context.remaining_ns)
        ),
        Standing::Reserved(due) => format!(
            "It may use {} now, before all that are served by weight; that is due in {}.",
            duration(context.remaining_ns),
            left(due)
        ),
        Standing::Throttled(at) => format!(
            "That is used up; more comes at {} of uptime, in {}.",
            instant(at),
            left(at)
        ),
        Standing::Demoted(at) => format!(
            "That is used up; it goes on by weight, uncharged, until {} of uptime, for another {}.",
            instant(at),
            left(at)
        ),
    };
    let fate = match context.overrun {
        Overrun::Fault => " When it uses it up, it is ended.",
        Overrun::Throttle | Overrun::Demote => "",
    };
    format!("{now} {so_far}{fate}")
}

/// Who is on the same CPU and who waits for it.
fn neighbours(seen: &Evidence<'_>) -> Option<String> {
    let cpu = seen.cpu?;
    if !matches!(seen.thread.state, "running" | "ready") {
        return None;
    }
    let is_other = |thread: &&Thread| thread.id != seen.thread.id;
    let others = seen.threads.iter().filter(is_other);
    let waiting: Vec<String> = others
        .filter(|thread| thread.state == "ready" && thread.cpu == cpu.cpu)
        .map(|thread| named(thread, seen.asker))
        .collect();
    let runs = match cpu.current {
        id if id == seen.thread.id => "it runs itself".to_string(),
        (0, 0) => "nobody runs".to_string(),
        id => format!("{} runs", seen.named(id)),
    };
    let who = match waiting.len() {
        0 => String::new(),
        1..=MOST_NAMED => format!(" Others that are ready there: {}.", waiting.join(", ")),
        count => format!(
            " {count} others are ready there, among them {}.",
            waiting[..MOST_NAMED].join(", ")
        ),
    };
    Some(format!(
        "On CPU {} {runs}, and its queue holds {} that may run.{who}",
        cpu.cpu,
        counted(cpu.queue.into(), "thread")
    ))
}

fn named(thread: &Thread, asker: (u32, u32)) -> String {
    let name = format!("{}.{} ({})", thread.id.0, thread.id.1, thread.name);
    if thread.id == asker {
        format!("{name}, which asks,")
    } else {
        name
    }
}

/// An instant of the monotonic clock in seconds, to the microsecond.
fn instant(at_ns: u64) -> String {
    format!("{}.{:06} s", at_ns / 1_000_000_000, at_ns / 1_000 % 1_000_000)
}

fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::look::contexts::example;

    fn thread(tid: u32, state: &'static str) -> Thread {
        Thread {
            id: (3, tid),
            name: "hogs".into(),
            state,
            weight: 64,
            class: "normal",
            runtime_ns: 1_200_000_000,
            waiting_ns: 5_000_000,
            ..Thread::default()
        }
    }

    fn why(state: &'static str, context: Option<Context>) -> String {
        let threads = [thread(1, state), thread(2, "running"), thread(3, "ready")];
        paragraph(&Evidence {
            thread: &threads[0],
            context: context.as_ref(),
            cpu: Some(&Cpu {
                current: (3, 2),
                queue: 2,
                ..Cpu::default()
            }),
            threads: &threads,
            asker: (3, 2),
            now_ns: 10_000_000,
        })
    }

    const ACCOUNT: &str = "It has weight 64 and class normal; it was on CPUs for 1.20 s, and wanted one and had none for 5.00 ms.";
    const QUEUE: &str = "On CPU 0 3.2 (hogs), which asks, runs, and its queue holds 2 threads that may run. \
                         Others that are ready there: 3.3 (hogs).";

    #[test]
    fn why_a_thread_without_a_context_waits_is_who_is_before_it() {
        assert_eq!(
            why("ready", None),
            format!(
                "3.1 (hogs) is ready and waits for CPU 0. {ACCOUNT} It is bound to no scheduling context: nothing but its weight \
                 says what it gets. {QUEUE}"
            )
        );
    }

    #[test]
    fn e3_why_a_throttled_thread_does_not_run_is_what_it_has_used_and_until_when() {
        let context = Context {
            standing: Standing::Throttled(12_500_000),
            ..example()
        };
        assert_eq!(
            why("ready", Some(context)),
            format!(
                "3.1 (hogs) would run but may not: its context is used up, and it is throttled on CPU 0 for another 2.50 ms. \
                 {ACCOUNT} It is bound to context 5, a limit: at most 2ms in every 10ms, on CPUs 0-2,5. That is used up; more comes at \
                 0.012500 s of uptime, in 2.50 ms. So far it used 1.20 s of its time, used it up 120 times and missed 0 deadlines. {QUEUE}"
            )
        );
    }

    #[test]
    fn e16_why_a_demoted_thread_runs_although_its_reservation_is_used_up() {
        let context = Context {
            is_reserved: true,
            cpus: Vec::from([0]),
            carved_ns: 500_000,
            overruns: 1,
            overrun: Overrun::Demote,
            standing: Standing::Demoted(11_000_000),
            ..example()
        };
        assert_eq!(
            why("waiting", Some(context)),
            format!(
                "3.1 (hogs) is blocked: it wants no CPU before what it waits for has happened. {ACCOUNT} It is bound to context 5, a \
                 reservation: 2ms in every 10ms, each time within 10ms, on CPU 0. Of that, 500us are carved out for others. That is \
                 used up; it goes on by weight, uncharged, until 0.011000 s of uptime, for another 1.00 ms. So far it used 1.20 s of \
                 its time, used it up 1 time and missed 0 deadlines."
            )
        );
    }

    #[test]
    fn g2_what_is_reserved_has_an_instant_at_which_it_is_due_and_who_agreed_to_it_is_ended() {
        let context = Context {
            is_reserved: true,
            standing: Standing::Reserved(13_000_000),
            overrun: Overrun::Fault,
            ..example()
        };
        let said = why("running", Some(context));
        assert!(
            said.contains(
                "It may use 500 us now, before all that are served by weight; that is due in 3.00 ms. So far"
            ),
            "{said}"
        );
        assert!(said.contains("When it uses it up, it is ended."), "{said}");
    }

    #[test]
    fn e4_who_lent_its_time_and_who_works_with_it_are_named() {
        let lent = |thread, holder| Context {
            thread: Some(thread),
            holder: Some(holder),
            depth: 2,
            ..example()
        };
        let caller = why("waiting", Some(lent((3, 1), (3, 3))));
        assert!(
            caller.contains("It is bound to context 5, a limit:")
                && caller.contains(
                    "That is lent, 2 deep: 3.3 (hogs) works with it until the call is answered. So far"
                ),
            "{caller}"
        );
        let server = why("ready", Some(lent((3, 3), (3, 1))));
        assert!(
            server.contains("It works for 3.3 (hogs), which lent it context 5 for a call, a limit:")
                && server.contains("It may use 500 us now"),
            "{server}"
        );
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(lines("one two three", 7), ["one two", "three"]);
        assert_eq!(lines("immovable", 3), ["immovable"]);
    }
}
