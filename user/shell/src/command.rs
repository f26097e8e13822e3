//! What can be typed, and what it means. Every refusal is a sentence that says what would have been right.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use rt::policy::LatencyClass;

use crate::budget;
use crate::words::Line;

/// One command in the list that `help` shows.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// What is typed first.
    pub name: &'static str,
    /// What may follow.
    pub arguments: &'static str,
    /// What it does, in a line.
    pub does: &'static str,
}

const fn entry(name: &'static str, arguments: &'static str, does: &'static str) -> Entry {
    Entry {
        name,
        arguments,
        does,
    }
}

/// Every command, in the order of `help`.
pub const COMMANDS: &[Entry] = &[
    entry("help", "[COMMAND]", "this list, or one line of it"),
    entry("ps", "", "processes, and how the last ones ended"),
    entry("threads", "[PID]", "threads: where they run, weight, class, use"),
    entry("cpus", "", "CPUs: place, load, switches, interrupts"),
    entry(
        "stat",
        "[CPU] [SECONDSs] [--json]",
        "every counter, since boot or over a while; 5s is five seconds",
    ),
    entry(
        "top",
        "[SECONDS [FRAMES]]",
        "load and shares as they change; q quits",
    ),
    entry(
        "run",
        "PROGRAM [ARGS...] [&]",
        "start a program, also without `run`",
    ),
    entry("kill", "PID", "end a process"),
    entry(
        "weight",
        "PID[.TID] 1..1024",
        "give a thread another share; 64 is ordinary",
    ),
    entry(
        "class",
        "PID[.TID] CLASS",
        "interactive, normal, batch or ipc_server",
    ),
    entry(
        "pin",
        "PID[.TID] CPUS",
        "say where a thread may run: 0,2 or 1-3, or all",
    ),
    entry(
        "budget",
        "[ORDER...]",
        "CPU time that threads hold: list, make, bind; see `help budget`",
    ),
    entry("why", "PID[.TID]", "what a thread does or waits for, and why"),
    entry("caps", "PID", "what a process holds"),
    entry("log", "[COUNT]", "the last records of the system log"),
    entry("time", "COMMAND...", "run a command and say how long it took"),
    entry("clear", "", "clear the screen"),
    entry("exit", "[CODE]", "leave; the machine stops with this exit code"),
];

/// A thread, named as people name it: `PID.TID`, or `PID` for its first thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadName {
    /// Process.
    pub pid: u32,
    /// Thread within it.
    pub tid: u32,
}

/// A command with its arguments understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// An empty line.
    Nothing,
    /// The list, or one entry.
    Help(Option<String>),
    /// Processes.
    Ps,
    /// Threads of one process, or all.
    Threads(Option<u32>),
    /// CPUs.
    Cpus,
    /// Counters.
    Stat {
        /// Of one CPU, or of all.
        cpu: Option<u32>,
        /// What is counted in this time, in nanoseconds; none: since boot.
        over_ns: Option<u64>,
        /// As a line of JSON.
        json: bool,
    },
    /// Live view.
    Top {
        /// Time between frames in nanoseconds.
        period_ns: u64,
        /// How many; none: until `q`.
        frames: Option<u32>,
    },
    /// A program.
    Run {
        /// Its name.
        program: String,
        /// What it is told.
        arguments: Vec<String>,
        /// Whether the prompt comes back at once.
        background: bool,
    },
    /// End a process.
    Kill(u32),
    /// Another weight.
    Weight(ThreadName, u16),
    /// Another class.
    Class(ThreadName, LatencyClass),
    /// Where a thread may run; none: on every CPU.
    Pin(ThreadName, Option<Vec<u32>>),
    /// Scheduling contexts.
    Budget(budget::Order),
    /// What a thread does, and why.
    Why(ThreadName),
    /// What a process holds.
    Caps(u32),
    /// So many records of the log.
    Log(u32),
    /// How long another command takes.
    Time(Box<Command>),
    /// Clear the screen.
    Clear,
    /// Leave.
    Exit(i64),
}

/// Understands a line. `is_program` knows what may be started.
pub fn parse(line: &Line, is_program: &dyn Fn(&str) -> bool) -> Result<Command, String> {
    let Some((name, arguments)) = line.words.split_first() else {
        return Ok(Command::Nothing);
    };
    if line.background && !matches!(name.as_str(), "run") && !is_program(name) {
        return Err(format!(
            "only programs run in the background, and `{name}` is none"
        ));
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let usage = || {
        let entry = COMMANDS.iter().find(|entry| entry.name == name);
        entry.map_or(String::new(), |entry| {
            format!("usage: {} {}", entry.name, entry.arguments)
                .trim_end()
                .into()
        })
    };
    match (name.as_str(), arguments.as_slice()) {
        ("help", []) => Ok(Command::Help(None)),
        ("help", [topic]) => Ok(Command::Help(Some((*topic).into()))),
        ("ps", []) => Ok(Command::Ps),
        ("threads", []) => Ok(Command::Threads(None)),
        ("threads", [pid]) => Ok(Command::Threads(Some(number(pid, "process")?))),
        ("cpus", []) => Ok(Command::Cpus),
        ("stat", words) => stat(words).ok_or_else(usage)?,
        ("top", []) => Ok(Command::Top {
            period_ns: 1_000_000_000,
            frames: None,
        }),
        ("top", [seconds]) => Ok(Command::Top {
            period_ns: period(seconds)?,
            frames: None,
        }),
        ("top", [seconds, frames]) => Ok(Command::Top {
            period_ns: period(seconds)?,
            frames: Some(number(frames, "count of frames")?),
        }),
        ("run", [program, rest @ ..]) => run(program, rest, line.background),
        ("kill", [pid]) => Ok(Command::Kill(number(pid, "process")?)),
        ("weight", [thread, weight]) => Ok(Command::Weight(thread_name(thread)?, weight_number(weight)?)),
        ("pin", [thread, cpus]) => Ok(Command::Pin(thread_name(thread)?, cpu_numbers(cpus)?)),
        ("class", [thread, class]) => Ok(Command::Class(
            thread_name(thread)?,
            LatencyClass::from_name(class).ok_or_else(|| {
                let known = LatencyClass::ALL.map(LatencyClass::name).join(", ");
                format!("`{class}` is no class; there are {known}")
            })?,
        )),
        ("budget", words) => budget::parse(words).map(Command::Budget),
        ("why", [thread]) => Ok(Command::Why(thread_name(thread)?)),
        ("caps", [pid]) => Ok(Command::Caps(number(pid, "process")?)),
        ("log", []) => Ok(Command::Log(20)),
        ("log", [count]) => Ok(Command::Log(number(count, "count of records")?)),
        ("time", [_, ..]) => {
            let rest = Line {
                words: line.words[1..].to_vec(),
                background: line.background,
            };
            Ok(Command::Time(Box::new(parse(&rest, is_program)?)))
        }
        ("clear", []) => Ok(Command::Clear),
        ("exit", []) => Ok(Command::Exit(0)),
        ("exit", [code]) => Ok(Command::Exit(
            code.parse().map_err(|_| format!("`{code}` is no exit code"))?,
        )),
        (known, _) if COMMANDS.iter().any(|entry| entry.name == known) => Err(usage()),
        (program, rest) if is_program(program) => run(program, rest, line.background),
        (unknown, _) => Err(format!(
            "`{unknown}` is neither a command nor a program; try help"
        )),
    }
}

fn run(program: &str, arguments: &[&str], background: bool) -> Result<Command, String> {
    Ok(Command::Run {
        program: program.into(),
        arguments: arguments.iter().map(ToString::to_string).collect(),
        background,
    })
}

/// None for words that cannot be understood; an error for a number that makes no sense.
fn stat(words: &[&str]) -> Option<Result<Command, String>> {
    let (mut cpu, mut over_ns, mut json) = (None, None, false);
    for word in words {
        if *word == "--json" {
            json = true;
        } else if let Some(seconds) = word.strip_suffix('s') {
            match period(seconds) {
                Ok(period) => over_ns = Some(period),
                Err(problem) => return Some(Err(problem)),
            }
        } else {
            cpu = Some(word.parse().ok()?);
        }
    }
    Some(Ok(Command::Stat { cpu, over_ns, json }))
}

fn number(text: &str, what: &str) -> Result<u32, String> {
    text.parse().map_err(|_| format!("`{text}` is no {what} number"))
}

fn period(text: &str) -> Result<u64, String> {
    let seconds: u64 = text
        .parse()
        .ok()
        .filter(|seconds| (1..=3600).contains(seconds))
        .ok_or_else(|| format!("`{text}` is no number of seconds from 1 to 3600"))?;
    Ok(seconds * 1_000_000_000)
}

fn weight_number(text: &str) -> Result<u16, String> {
    text.parse()
        .ok()
        .filter(|weight| (abi::limits::WEIGHT_MIN..=abi::limits::WEIGHT_MAX).contains(weight))
        .ok_or_else(|| format!("`{text}` is no weight from 1 to 1024"))
}

/// CPUs by their numbers and stretches; `all` is no restriction.
pub(crate) fn cpu_numbers(text: &str) -> Result<Option<Vec<u32>>, String> {
    if text == "all" {
        return Ok(None);
    }
    let mut cpus = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        match (first.parse::<u16>(), last.parse::<u16>()) {
            (Ok(first), Ok(last)) if first <= last => cpus.extend(u32::from(first)..=u32::from(last)),
            _ => {
                return Err(format!(
                    "`{part}` names no CPUs; write numbers and stretches, such as 0,2-3, or all"
                ));
            }
        }
    }
    Ok(Some(cpus))
}

pub(crate) fn thread_name(text: &str) -> Result<ThreadName, String> {
    let (pid, tid) = text.split_once('.').unwrap_or((text, "1"));
    match (pid.parse(), tid.parse()) {
        (Ok(pid), Ok(tid)) => Ok(ThreadName { pid, tid }),
        _ => Err(format!("`{text}` names no thread; write PID.TID, such as 3.1")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_text(text: &str) -> Result<Command, String> {
        parse(&crate::words::split(text).unwrap(), &|name| name == "hogs")
    }

    #[test]
    fn commands_are_understood() {
        assert_eq!(parse_text(""), Ok(Command::Nothing));
        assert_eq!(parse_text("threads 3"), Ok(Command::Threads(Some(3))));
        assert_eq!(
            parse_text("pin 3 0,2-3"),
            Ok(Command::Pin(
                ThreadName { pid: 3, tid: 1 },
                Some(alloc::vec![0, 2, 3])
            ))
        );
        assert_eq!(
            parse_text("pin 3.2 all"),
            Ok(Command::Pin(ThreadName { pid: 3, tid: 2 }, None))
        );
        assert_eq!(
            parse_text("budget unbind 4"),
            Ok(Command::Budget(budget::Order::Unbind(4)))
        );
        assert_eq!(
            parse_text("why 3"),
            Ok(Command::Why(ThreadName { pid: 3, tid: 1 }))
        );
        for wrong in ["pin 3 x", "pin 3 3-1", "pin 3 ,", "pin 3"] {
            assert!(parse_text(wrong).is_err(), "{wrong}");
        }
        assert_eq!(
            parse_text("weight 3.2 512"),
            Ok(Command::Weight(ThreadName { pid: 3, tid: 2 }, 512))
        );
        assert_eq!(
            parse_text("class 3 batch"),
            Ok(Command::Class(ThreadName { pid: 3, tid: 1 }, LatencyClass::Batch))
        );
        assert_eq!(
            parse_text("top 2 3"),
            Ok(Command::Top {
                period_ns: 2_000_000_000,
                frames: Some(3)
            })
        );
        let stat = |cpu, over_ns, json| Ok(Command::Stat { cpu, over_ns, json });
        assert_eq!(parse_text("stat"), stat(None, None, false));
        assert_eq!(
            parse_text("stat 1 5s --json"),
            stat(Some(1), Some(5_000_000_000), true)
        );
        assert_eq!(parse_text("time ps"), Ok(Command::Time(Box::new(Command::Ps))));
        assert_eq!(parse_text("exit -3"), Ok(Command::Exit(-3)));
    }

    #[test]
    fn programs_need_no_run_and_may_go_to_the_background() {
        let hogs = Command::Run {
            program: "hogs".into(),
            arguments: ["4".into()].into(),
            background: true,
        };
        assert_eq!(parse_text("hogs 4 &"), Ok(hogs.clone()));
        assert_eq!(parse_text("run hogs 4 &"), Ok(hogs));
    }

    #[test]
    fn refusals_say_what_would_be_right() {
        assert_eq!(
            parse_text("weight 3 2000").unwrap_err(),
            "`2000` is no weight from 1 to 1024"
        );
        assert_eq!(
            parse_text("weight x 2").unwrap_err(),
            "`x` names no thread; write PID.TID, such as 3.1"
        );
        assert_eq!(parse_text("kill").unwrap_err(), "usage: kill PID");
        assert_eq!(
            parse_text("stat all").unwrap_err(),
            "usage: stat [CPU] [SECONDSs] [--json]"
        );
        assert_eq!(
            parse_text("stat 0s").unwrap_err(),
            "`0` is no number of seconds from 1 to 3600"
        );
        assert_eq!(parse_text("ps all").unwrap_err(), "usage: ps");
        assert!(
            parse_text("class 3 fast")
                .unwrap_err()
                .ends_with("interactive, normal, batch, ipc_server")
        );
        assert_eq!(
            parse_text("fly").unwrap_err(),
            "`fly` is neither a command nor a program; try help"
        );
        assert_eq!(
            parse_text("ps &").unwrap_err(),
            "only programs run in the background, and `ps` is none"
        );
    }
}
