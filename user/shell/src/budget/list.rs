//! Scheduling contexts on the screen and as JSON. Pure; `look` takes the looks.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use rt::context::Overrun;
use rt::text::{Table, duration, grouped, percent};

use crate::look::contexts::{Capacity, Context};

/// What a thousandth of a CPU is of: a second.
const SECOND_NS: u64 = 1_000_000_000;

/// All contexts, with the time that their standings have still to go.
pub fn contexts(list: &[Context], now_ns: u64) -> Table {
    let mut table = Table::new(&[
        ">ID", "KIND", "BUDGET", ">CPU", ">THREAD", "STANDING", ">USED", ">SPENT", ">MISSED",
    ]);
    for context in list {
        table.row([
            context.id.to_string(),
            kind(context).into(),
            context.share(),
            context.places(),
            context
                .thread
                .map_or("-".into(), |(pid, tid)| format!("{pid}.{tid}")),
            standing(context, now_ns),
            duration(context.used_ns),
            grouped(context.overruns),
            grouped(context.misses),
        ]);
    }
    table
}

/// What may be reserved of each CPU.
pub fn capacities(list: &[Capacity]) -> Table {
    let mut table = Table::new(&[">CPU", ">MAY BE RESERVED", ">STILL FREE"]);
    for cpu in list {
        table.row([
            cpu.cpu.to_string(),
            percent(cpu.given_ns, SECOND_NS),
            percent(cpu.left_ns, SECOND_NS),
        ]);
    }
    table
}

/// Both as one line of JSON, in nanoseconds. A standing without an instant has `untilNs` 0; nobody is process 0.
pub fn json(contexts: &[Context], capacities: &[Capacity], now_ns: u64) -> String {
    let contexts: Vec<String> = contexts.iter().map(object).collect();
    let cpus: Vec<String> = capacities
        .iter()
        .map(|cpu| {
            format!(
                "{{\"cpu\":{},\"givenNs\":{},\"leftNs\":{}}}",
                cpu.cpu, cpu.given_ns, cpu.left_ns
            )
        })
        .collect();
    format!(
        "{{\"atNs\":{now_ns},\"contexts\":[{}],\"cpus\":[{}]}}",
        contexts.join(","),
        cpus.join(",")
    )
}

/// What a context is called.
pub fn kind(context: &Context) -> &'static str {
    match (context.is_gone, context.is_reserved) {
        (true, _) => "revoked",
        (false, true) => "reserved",
        (false, false) => "limit",
    }
}

fn standing(context: &Context, now_ns: u64) -> String {
    let lent = if context.holder.is_some() { "lent, " } else { "" };
    let word = context.standing.word();
    match context.standing.until_ns() {
        Some(at) => format!("{lent}{word} {}", duration(at.saturating_sub(now_ns))),
        None => format!("{lent}{word}"),
    }
}

fn object(context: &Context) -> String {
    let cpus: Vec<String> = context.cpus.iter().map(ToString::to_string).collect();
    let (pid, tid) = context.thread.unwrap_or_default();
    let (holder_pid, holder_tid) = context.holder.unwrap_or_default();
    let numbers = [
        ("budgetNs", context.budget_ns),
        ("periodNs", context.period_ns),
        ("deadlineNs", context.deadline_ns),
        ("makerPid", context.maker.into()),
        ("pid", pid.into()),
        ("tid", tid.into()),
        ("holderPid", holder_pid.into()),
        ("holderTid", holder_tid.into()),
        ("donationDepth", context.depth.into()),
        ("lent", context.lent),
        ("untilNs", context.standing.until_ns().unwrap_or(0)),
        ("remainingNs", context.remaining_ns),
        ("usedNs", context.used_ns),
        ("overruns", context.overruns),
        ("misses", context.misses),
        ("parent", context.parent),
        ("carvedNs", context.carved_ns),
    ];
    let numbers: Vec<String> = numbers
        .iter()
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    let overrun = match context.overrun {
        Overrun::Throttle => "throttle",
        Overrun::Fault => "fault",
        Overrun::Demote => "demote",
    };
    format!(
        "{{\"id\":{},\"kind\":\"{}\",\"overrun\":\"{overrun}\",\"standing\":\"{}\",\"cpus\":[{}],{}}}",
        context.id,
        kind(context),
        context.standing.word(),
        cpus.join(","),
        numbers.join(",")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::look::contexts::{Standing, example};

    #[test]
    fn e3_the_list_says_how_long_a_throttled_thread_has_to_wait_and_fits_eighty_columns() {
        let throttled = Context {
            is_reserved: true,
            standing: Standing::Throttled(12_500_000),
            ..example()
        };
        let lines = contexts(&[example(), throttled], 10_000_000).lines(80);
        assert_eq!(
            lines,
            [
                "ID  KIND      BUDGET      CPU  THREAD  STANDING             USED  SPENT  MISSED",
                " 5  limit     2ms/10ms  0-2,5     3.1  by weight          1.20 s    120       0",
                " 5  reserved  2ms/10ms  0-2,5     3.1  throttled 2.50 ms  1.20 s    120       0",
            ]
        );
    }

    #[test]
    fn e10_what_may_be_reserved_is_a_part_of_each_cpu() {
        let capacity = Capacity {
            cpu: 3,
            given_ns: 950_000_000,
            left_ns: 750_000_000,
        };
        assert_eq!(
            capacities(&[capacity]).lines(80),
            [
                "CPU  MAY BE RESERVED  STILL FREE",
                "  3           95.0 %      75.0 %"
            ]
        );
    }

    #[test]
    fn json_has_every_context_and_every_cpu() {
        let context = Context {
            thread: None,
            standing: Standing::Unbound,
            ..example()
        };
        let capacity = Capacity {
            cpu: 0,
            given_ns: 2,
            left_ns: 1,
        };
        assert_eq!(
            json(&[context], &[capacity], 7),
            "{\"atNs\":7,\"contexts\":[{\"id\":5,\"kind\":\"limit\",\"overrun\":\"throttle\",\"standing\":\"unbound\",\
             \"cpus\":[0,1,2,5],\"budgetNs\":2000000,\"periodNs\":10000000,\"deadlineNs\":10000000,\"makerPid\":2,\
             \"pid\":0,\"tid\":0,\"holderPid\":0,\"holderTid\":0,\"donationDepth\":0,\"lent\":0,\"untilNs\":0,\"remainingNs\":500000,\"usedNs\":1200000000,\"overruns\":120,\
             \"misses\":0,\"parent\":0,\"carvedNs\":0}],\"cpus\":[{\"cpu\":0,\"givenNs\":2,\"leftNs\":1}]}"
        );
    }
}
