//! A scenario back into TOML.
//!
//! Everything that has no usual value is written, and every object is declared in the order of its table: the numbers
//! of a scenario are read back as they were.

use std::fmt::Write;

use crate::input::objects::Objects;
use crate::input::{spans, step, words};
use crate::scenario::{
    Arrival, Context, ContextIndex, Delay, Explore, Fault, Faults, Machine, Phase, Program, Scenario, Span,
    Step, Strategy, Thread,
};
use sched::context::Kind;
use sched::{CpuMask, LatencyClass, Nanos, Overrun, Spec, Weight};

/// The text that [`read`](super::read) reads as this scenario.
///
/// Every index in the scenario must be within its table, every range in the right order, every set of CPUs be part of
/// the machine and not empty: what breaks this is written all the same, and refused when it is read.
#[must_use]
pub fn write(scenario: &Scenario) -> String {
    let mut out = Out(String::new());
    out.line("name", &quote(&scenario.name));
    out.line("duration", &time(scenario.duration));
    if scenario.threads.is_empty() {
        out.line("thread", "[]");
    }
    machine(&mut out, &scenario.machine);
    faults(&mut out, &scenario.faults);
    explore(&mut out, &scenario.explore);
    objects(&mut out, scenario);
    let tables = Objects::of(scenario);
    let steps = |steps: &[Step]| {
        let steps = steps
            .iter()
            .map(|one| quote(&step::print(*one, scenario, &tables)));
        wrapped(steps.collect())
    };
    for kind in &scenario.threads {
        thread(&mut out, kind, &steps);
    }
    out.0
}

/// The text so far.
struct Out(String);

impl Out {
    fn line(&mut self, key: &str, value: &str) {
        self.0.push_str(key);
        self.0.push_str(" = ");
        self.0.push_str(value);
        self.0.push('\n');
    }

    /// A line, unless the value is the usual one.
    fn unusual<T: PartialEq>(&mut self, key: &str, value: &T, usual: &T, print: impl FnOnce(&T) -> String) {
        if value != usual {
            self.line(key, &print(value));
        }
    }

    fn heading(&mut self, heading: &str) {
        self.0.push('\n');
        self.0.push_str(heading);
        self.0.push('\n');
    }
}

fn machine(out: &mut Out, machine: &Machine) {
    out.heading("[machine]");
    out.line("packages", &machine.packages.to_string());
    out.line("cores", &machine.cores.to_string());
    out.line("siblings", &machine.siblings.to_string());
    out.line("policy", &quote(words::print(&machine.policy, &*words::POLICIES)));
    let print = |value: &Delay| delay(*value);
    out.unusual("timer_latency", &machine.timer_latency, &Delay::NONE, print);
    out.unusual("ipi_delay", &machine.ipi_delay, &Delay::NONE, print);
    out.unusual("step", &machine.step, &Delay::NONE, print);
    let length = |value: &Nanos| time(*value);
    out.unusual("idle_exit", &machine.idle_exit, &Nanos::ZERO, length);
    out.unusual("entry", &machine.entry, &Machine::USUAL_ENTRY, length);
}

fn faults(out: &mut Out, faults: &Faults) {
    let usual = Faults::default();
    if *faults == usual {
        return;
    }
    out.heading("[faults]");
    let lasting = |fault: &Fault| format!("{{ chance = {}, span = {} }}", fault.chance, delay(fault.span));
    out.unusual("late_timer", &faults.late_timer, &usual.late_timer, lasting);
    out.unusual("late_ipi", &faults.late_ipi, &usual.late_ipi, lasting);
    out.unusual("spurious_wake", &faults.spurious_wake, &0, u16::to_string);
    out.unusual("death", &faults.death, &0, u16::to_string);
    out.unusual("offline", &faults.offline, &usual.offline, lasting);
    out.unusual("change", &faults.change, &0, u16::to_string);
    out.unusual("skew", &faults.skew, &Nanos::ZERO, |value| time(*value));
    out.unusual("drift", &faults.drift, &0, u32::to_string);
}

fn explore(out: &mut Out, explore: &Explore) {
    if *explore == Explore::default() {
        return;
    }
    out.heading("[explore]");
    match &explore.strategy {
        Strategy::InOrder => out.line("strategy", "\"in_order\""),
        Strategy::Random => out.line("strategy", "\"random\""),
        Strategy::Pct { steps, depth } => {
            out.line("strategy", "\"pct\"");
            out.line("steps", &steps.to_string());
            out.line("depth", &depth.to_string());
        }
        Strategy::Given(decisions) => {
            out.line("strategy", "\"given\"");
            out.line(
                "decisions",
                &wrapped(decisions.iter().map(u16::to_string).collect()),
            );
        }
    }
    out.unusual("seed", &explore.seed, &0, |seed| match i64::try_from(*seed) {
        Ok(seed) => seed.to_string(),
        Err(_) => format!("\"{seed}\""),
    });
    out.unusual("window", &explore.window, &Nanos::ZERO, |value| time(*value));
}

fn objects(out: &mut Out, scenario: &Scenario) {
    let names = |names: &[String]| names.iter().map(|name| quote(name)).collect();
    let sized = |name: &str, key: &str, size: u32| format!("{{ name = {}, {key} = {size} }}", quote(name));
    let barriers = scenario.barriers.iter();
    let pipes = scenario.pipes.iter();
    let timers = scenario.timers.iter();
    let lists: [(&str, Vec<String>); 8] = [
        ("locks", names(&scenario.locks)),
        ("conditions", names(&scenario.conditions)),
        ("endpoints", names(&scenario.endpoints)),
        (
            "barriers",
            barriers.map(|one| sized(&one.name, "size", one.size)).collect(),
        ),
        (
            "pipes",
            pipes
                .map(|one| sized(&one.name, "capacity", one.capacity))
                .collect(),
        ),
        (
            "timers",
            timers
                .map(|one| format!("{{ name = {}, shared = {} }}", quote(&one.name), one.shared))
                .collect(),
        ),
        ("masks", scenario.masks.iter().map(mask).collect()),
        ("contexts", contexts(scenario)),
    ];
    if lists.iter().all(|(_, rows)| rows.is_empty()) {
        return;
    }
    out.heading("[objects]");
    for (key, rows) in lists {
        if !rows.is_empty() {
            out.line(key, &wrapped(rows));
        }
    }
}

fn contexts(scenario: &Scenario) -> Vec<String> {
    let called = |from: ContextIndex| {
        let name = scenario
            .contexts
            .get(usize::from(from.0))
            .map_or("", |context| &context.name);
        let is_clear = scenario
            .contexts
            .iter()
            .filter(|other| other.name == name)
            .count()
            == 1;
        if is_clear && !name.starts_with('#') {
            name.to_owned()
        } else {
            format!("#{}", from.0)
        }
    };
    let contexts = scenario.contexts.iter().map(|Context { name, spec, from }| {
        let (key, fields) = spec_fields(spec);
        let from = from.map_or(String::new(), |from| format!(", from = {}", quote(&called(from))));
        format!("{{ name = {}, {key} = {fields}{from} }}", quote(name))
    });
    contexts.collect()
}

fn thread(out: &mut Out, thread: &Thread, steps: &impl Fn(&[Step]) -> String) {
    out.heading("[[thread]]");
    out.line("name", &quote(&thread.name));
    out.unusual("process", &thread.process, &1, u32::to_string);
    out.unusual("weight", &thread.weight, &Weight::DEFAULT, |weight| {
        weight.get().to_string()
    });
    out.unusual("class", &thread.class, &LatencyClass::Normal, |class| {
        quote(words::print(class, &*words::CLASSES))
    });
    if let Some(cpus) = &thread.affinity {
        out.line("cpus", &mask(cpus));
    }
    if let Some(spec) = &thread.context {
        let (key, fields) = spec_fields(spec);
        out.line(key, &fields);
    }
    match &thread.arrival {
        Arrival::At { start, count } => {
            out.unusual("start", start, &Nanos::ZERO, |value| time(*value));
            out.unusual("instances", count, &1, u32::to_string);
        }
        Arrival::Every { start, gap, count } => {
            let mut fields = match gap {
                Span::Exponential(mean) => format!("mean = {}", time(*mean)),
                other => format!("every = \"{}\"", spans::print_span(*other)),
            };
            if *start != Nanos::ZERO {
                let _ = write!(fields, ", start = {}", time(*start));
            }
            if let Some(count) = count {
                let _ = write!(fields, ", count = {count}");
            }
            out.line("arrival", &format!("{{ {fields} }}"));
        }
        Arrival::Forked => out.line("forked", "true"),
    }
    program(out, &thread.program, steps);
}

/// The key of a limit or a reservation, and what it says.
fn spec_fields(spec: &Spec) -> (&'static str, String) {
    let mut fields = format!(
        "budget = {}, period = {}",
        time(spec.budget()),
        time(spec.period())
    );
    if spec.deadline() != spec.period() {
        let _ = write!(fields, ", deadline = {}", time(spec.deadline()));
    }
    if spec.overrun() != Overrun::default() {
        let _ = write!(
            fields,
            ", overrun = {}",
            quote(words::print(&spec.overrun(), &words::OVERRUNS))
        );
    }
    let key = match spec.kind() {
        Kind::Limit => "limit",
        Kind::Reservation => "reserve",
    };
    (key, format!("{{ {fields} }}"))
}

fn program(out: &mut Out, program: &Program, steps: &impl Fn(&[Step]) -> String) {
    repeat(out, program.repeat);
    match program.phases.as_slice() {
        [] => out.line("phase", "[]"),
        [only] if only.name.is_empty() && only.repeat == Some(1) => out.line("program", &steps(&only.steps)),
        phases => phases.iter().for_each(|phase| self::phase(out, phase, steps)),
    }
}

fn phase(out: &mut Out, phase: &Phase, steps: &impl Fn(&[Step]) -> String) {
    out.heading("[[thread.phase]]");
    out.unusual("name", &phase.name, &String::new(), |name| quote(name));
    repeat(out, phase.repeat);
    out.line("program", &steps(&phase.steps));
}

fn repeat(out: &mut Out, repeat: Option<u32>) {
    out.unusual("repeat", &repeat, &Some(1), |repeat| match repeat {
        Some(count) => count.to_string(),
        None => "\"forever\"".to_owned(),
    });
}

/// A list on one line, or one row to a line when that would be long.
fn wrapped(rows: Vec<String>) -> String {
    let line = format!("[{}]", rows.join(", "));
    if line.len() <= 90 {
        return line;
    }
    format!("[\n    {},\n]", rows.join(",\n    "))
}

fn mask(mask: &CpuMask) -> String {
    let text = words::print_cpus(mask);
    let parts = text.split(',').filter(|part| !part.is_empty());
    let parts = parts.map(|part| {
        if part.contains('-') {
            quote(part)
        } else {
            part.to_owned()
        }
    });
    format!("[{}]", parts.collect::<Vec<_>>().join(", "))
}

fn time(length: Nanos) -> String {
    format!("\"{}\"", spans::print(length))
}

fn delay(delay: Delay) -> String {
    format!("\"{}\"", spans::print_delay(delay))
}

/// Text as a TOML string.
fn quote(text: &str) -> String {
    ::toml::Value::from(text).to_string()
}
