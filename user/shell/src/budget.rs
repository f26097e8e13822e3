//! `budget`: what can be asked of scheduling contexts in the shell, understood. [`list`] is how they are shown, `keep` does what
//! is asked and keeps what was made: a context lives as long as somebody holds it, and these the shell holds.

pub mod keep;
pub mod list;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use rt::context::{Context, Overrun, Wish};
use rt::text::times::share;

use crate::command::{ThreadName, cpu_numbers, thread_name};

/// What may follow `budget`, for `help` and completion.
pub const ORDERS: [&str; 6] = ["--json", "limit", "reserve", "bind", "unbind", "revoke"];

/// Options of what makes a limit.
pub const LIMIT_OPTIONS: [&str; 2] = ["--cpus", "--fault"];

/// Options of what makes a reservation.
pub const RESERVE_OPTIONS: [&str; 4] = ["--deadline", "--cpu", "--demote", "--fault"];

/// What `help budget` says.
pub const HELP: &str = "\
budget [--json]                    scheduling contexts, and what may still be reserved of each CPU
budget limit 2ms/10ms              make a context for at most 2 ms in every 10 ms
       [--cpus 0,1] [--fault]        that may be used on these CPUs; who uses it up waits, or is ended
budget reserve 2ms/10ms            make a context for 2 ms in every 10 ms, whatever else runs
       [--deadline 5ms] [--cpu N]    each time within 5 ms; on this CPU
       [--demote|--fault]            who uses it up waits, goes on by weight, or is ended
budget bind ID PID.TID             let a thread use that time and no other
budget unbind ID                   let its thread go on without
budget revoke ID                   end it; what it reserved may be reserved again
What is made here is kept by this shell, and gone when it ends.
";

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// All that there are.
    List {
        /// As a line of JSON.
        json: bool,
    },
    /// A new limit.
    Limit(Asked),
    /// A new reservation.
    Reserve(Asked),
    /// That a thread uses this context.
    Bind(u64, ThreadName),
    /// That it does so no more.
    Unbind(u64),
    /// The end of this context.
    Revoke(u64),
}

/// CPU time that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// So much, in nanoseconds,
    pub budget_ns: u64,
    /// in every so much.
    pub period_ns: u64,
    /// How soon; none: within the period.
    pub deadline_ns: Option<u64>,
    /// Where; none: anywhere.
    pub cpus: Option<Vec<u32>>,
    /// What becomes of a thread that has used it up.
    pub overrun: Overrun,
}

impl Asked {
    /// The wish, as a limit or a reservation.
    pub fn wish(&self) -> Wish {
        let wish = Context::limit(self.budget_ns)
            .every(self.period_ns)
            .due_within(self.deadline_ns.unwrap_or(0))
            .when_used_up(self.overrun);
        match &self.cpus {
            Some(cpus) => wish.on(cpus.iter().copied()),
            None => wish,
        }
    }
}

/// Understands what follows `budget`.
pub fn parse(words: &[&str]) -> Result<Order, String> {
    match words {
        [] => Ok(Order::List { json: false }),
        ["--json"] => Ok(Order::List { json: true }),
        ["limit", share, options @ ..] => asked(share, options, &LIMIT_OPTIONS).map(Order::Limit),
        ["reserve", share, options @ ..] => asked(share, options, &RESERVE_OPTIONS).map(Order::Reserve),
        ["bind", id, thread] => Ok(Order::Bind(context(id)?, thread_name(thread)?)),
        ["unbind", id] => Ok(Order::Unbind(context(id)?)),
        ["revoke", id] => Ok(Order::Revoke(context(id)?)),
        ["limit"] => Err("usage: budget limit BUDGET/PERIOD [--cpus CPUS] [--fault]".into()),
        ["reserve"] => {
            Err("usage: budget reserve BUDGET/PERIOD [--deadline TIME] [--cpu CPU] [--demote|--fault]".into())
        }
        ["bind", ..] => Err("usage: budget bind ID PID.TID".into()),
        ["unbind", ..] => Err("usage: budget unbind ID".into()),
        ["revoke", ..] => Err("usage: budget revoke ID".into()),
        [other, ..] => Err(format!(
            "`{other}` is nothing that can be done with a budget; `help budget` lists what is"
        )),
    }
}

fn context(text: &str) -> Result<u64, String> {
    let id = text.parse().ok().filter(|id| *id > 0);
    id.ok_or_else(|| format!("`{text}` is no context number; `budget` lists them"))
}

/// A share of time with its options, of which `known` may be given.
fn asked(text: &str, options: &[&str], known: &[&str]) -> Result<Asked, String> {
    let (budget_ns, period_ns) = share(text)?;
    let mut asked = Asked {
        budget_ns,
        period_ns,
        deadline_ns: None,
        cpus: None,
        overrun: Overrun::Throttle,
    };
    let mut rest = options.iter();
    while let Some(option) = rest.next() {
        if !known.contains(option) {
            return Err(format!(
                "`{option}` is no option here; there are {}",
                known.join(", ")
            ));
        }
        let mut value = |what: &str| {
            let value = rest.next().copied();
            value.ok_or_else(|| format!("`{option}` wants {what} behind it"))
        };
        match *option {
            "--deadline" => {
                asked.deadline_ns = Some(rt::text::times::time(value("a time")?, "deadline")?);
            }
            "--cpus" => asked.cpus = cpu_numbers(value("CPUs")?)?,
            "--cpu" => asked.cpus = Some(Vec::from([cpu(value("a CPU")?)?])),
            // The two that are left say what happens in the end: one of them at most.
            _ if asked.overrun != Overrun::Throttle => {
                return Err("one thing can happen when a budget is used up, not two".into());
            }
            "--demote" => asked.overrun = Overrun::Demote,
            _ => asked.overrun = Overrun::Fault,
        }
    }
    Ok(asked)
}

fn cpu(text: &str) -> Result<u32, String> {
    let number = text.parse::<u16>().map(u32::from);
    number.map_err(|_| format!("`{text}` is no CPU number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_text(text: &str) -> Result<Order, String> {
        parse(&text.split_whitespace().collect::<Vec<_>>())
    }

    fn two_in_ten() -> Asked {
        Asked {
            budget_ns: 2_000_000,
            period_ns: 10_000_000,
            deadline_ns: None,
            cpus: None,
            overrun: Overrun::Throttle,
        }
    }

    #[test]
    fn e1_what_is_asked_of_contexts_is_understood() {
        assert_eq!(parse_text(""), Ok(Order::List { json: false }));
        assert_eq!(parse_text("--json"), Ok(Order::List { json: true }));
        assert_eq!(parse_text("limit 2ms/10ms"), Ok(Order::Limit(two_in_ten())));
        assert_eq!(
            parse_text("limit 2ms/10ms --fault --cpus 0,2-3"),
            Ok(Order::Limit(Asked {
                cpus: Some(Vec::from([0, 2, 3])),
                overrun: Overrun::Fault,
                ..two_in_ten()
            }))
        );
        assert_eq!(
            parse_text("limit 2ms/10ms --cpus all"),
            Ok(Order::Limit(two_in_ten()))
        );
        assert_eq!(
            parse_text("reserve 2ms/10ms --deadline 5ms --cpu 1 --demote"),
            Ok(Order::Reserve(Asked {
                deadline_ns: Some(5_000_000),
                cpus: Some(Vec::from([1])),
                overrun: Overrun::Demote,
                ..two_in_ten()
            }))
        );
        let thread = ThreadName { pid: 3, tid: 2 };
        assert_eq!(parse_text("bind 7 3.2"), Ok(Order::Bind(7, thread)));
        assert_eq!(parse_text("unbind 7"), Ok(Order::Unbind(7)));
        assert_eq!(parse_text("revoke 7"), Ok(Order::Revoke(7)));
    }

    #[test]
    fn e1_nonsense_is_refused_with_what_would_have_been_right() {
        for (text, problem) in [
            (
                "fly",
                "`fly` is nothing that can be done with a budget; `help budget` lists what is",
            ),
            (
                "limit",
                "usage: budget limit BUDGET/PERIOD [--cpus CPUS] [--fault]",
            ),
            (
                "limit 2/10",
                "`2` is no budget; write a number and s, ms, us or ns, such as 2ms",
            ),
            (
                "limit 2ms",
                "`2ms` is no budget in a period; write both, such as 2ms/10ms",
            ),
            (
                "limit 2ms/10ms --demote",
                "`--demote` is no option here; there are --cpus, --fault",
            ),
            ("limit 2ms/10ms --cpus", "`--cpus` wants CPUs behind it"),
            (
                "reserve 2ms/10ms --deadline soon",
                "`soon` is no deadline; write a number and s, ms, us or ns, such as 2ms",
            ),
            ("reserve 2ms/10ms --cpu x", "`x` is no CPU number"),
            (
                "reserve 2ms/10ms --fault --demote",
                "one thing can happen when a budget is used up, not two",
            ),
            ("bind 7", "usage: budget bind ID PID.TID"),
            ("bind 0 3.1", "`0` is no context number; `budget` lists them"),
            ("bind 7 x", "`x` names no thread; write PID.TID, such as 3.1"),
            ("revoke -1", "`-1` is no context number; `budget` lists them"),
            ("unbind 1 2", "usage: budget unbind ID"),
        ] {
            assert_eq!(parse_text(text).unwrap_err(), problem, "{text}");
        }
    }
}
