//! Running scenario files.

use super::{Pictures, contexts, recipe};
use clap::{Args, ValueEnum};
use sched::context::{Binding, Refused};
use sched::{ContextId, Nanos};
use serde_json::json;
use sim::input::{self, rtapp};
use sim::measure::Latencies;
use sim::scenario::{Machine as Shape, ThreadKind};
use sim::supply::Supply;
use sim::{Ending, Jobs, Machine, Maker, RunResult, Scenario, campaign, shrink};
use std::path::PathBuf;
use std::time::Duration;

/// A fair policy, as the command line names it.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Policy {
    /// Weighted fair queueing.
    Wfq,
    /// Earliest eligible virtual deadline first.
    Eevdf,
}

impl From<Policy> for sched::Policy {
    fn from(policy: Policy) -> sched::Policy {
        match policy {
            Policy::Wfq => sched::Policy::WeightedFair,
            Policy::Eevdf => sched::Policy::Eevdf,
        }
    }
}

#[derive(Args)]
pub(super) struct Run {
    /// Scenario files: TOML (docs/scenarios.md) or rt-app JSON.
    #[arg(value_name = "SCENARIO")]
    files: Vec<PathBuf>,
    /// Decide everything that is drawn by another seed.
    #[arg(long)]
    seed: Option<u64>,
    /// Use another fair policy.
    #[arg(long)]
    policy: Option<Policy>,
    /// Use a flat machine of so many CPUs.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(input::MOST_CPUS)))]
    cpus: Option<u32>,
    /// Simulate so many milliseconds.
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..))]
    milliseconds: Option<u64>,
    /// Take threads of SCHED_FIFO and SCHED_RR as interactive ones instead of refusing them.
    #[arg(long)]
    realtime_as_interactive: bool,
    /// Print results as JSON, one object for each scenario.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pictures: Pictures,
}

impl Run {
    pub(super) fn run(self) -> Result<(), String> {
        if self.pictures.any() && self.files.len() > 1 {
            return Err("error: pictures are of one scenario; name one\n".to_owned());
        }
        let mut broken = String::new();
        for file in &self.files {
            let options = rtapp::Options {
                realtime_as_interactive: self.realtime_as_interactive,
                ..rtapp::Options::default()
            };
            let loaded = input::load_with(file, &options).map_err(|errors| format!("{errors}\n"))?;
            for note in &loaded.notes {
                eprintln!("{note}");
            }
            let mut scenario = loaded.scenario;
            self.adjust(&mut scenario);
            let mut machine = Machine::new(&scenario);
            machine.latencies = Some(Latencies::new(scenario.threads.len()));
            if self.pictures.any() {
                machine.recorder.keep();
            }
            machine.supply = Some(Supply::default());
            let mut outcome = machine.run();
            if outcome.broken.is_none() {
                outcome.broken = campaign::compared(&outcome, &Machine::new(&scenario).run());
            }
            if self.json {
                println!("{}", as_json(&scenario, &machine, &outcome));
            } else {
                print!("{}", as_text(&scenario, &machine, &outcome));
            }
            if let Some(rule) = outcome.broken {
                broken += &format!("{}: {rule}\n", file.display());
                broken += &smallest(&scenario);
            } else if let Some(stuck) = outcome.stuck() {
                broken += &format!("{}: {stuck}\n", file.display());
            }
            self.pictures.write(&scenario, &machine, &recipe())?;
        }
        if broken.is_empty() { Ok(()) } else { Err(broken) }
    }

    fn adjust(&self, scenario: &mut Scenario) {
        if let Some(cpus) = self.cpus {
            scenario.machine = Shape {
                packages: 1,
                cores: cpus,
                siblings: 1,
                ..scenario.machine.clone()
            };
        }
        if let Some(policy) = self.policy {
            scenario.machine.policy = policy.into();
        }
        if let Some(seed) = self.seed {
            scenario.explore.seed = seed;
        }
        if let Some(milliseconds) = self.milliseconds {
            scenario.duration = sched::Nanos::from_millis(milliseconds);
        }
    }
}

/// Seconds spent on making a scenario small that breaks a rule.
const SHRINK: Duration = Duration::from_secs(30);

/// The smallest form of a scenario that breaks a rule, as a file.
fn smallest(scenario: &Scenario) -> String {
    match shrink::shrink_found(scenario, SHRINK) {
        Some(small) => format!(
            "  smallest form, after {} attempts: {}\n\n{}\n",
            small.attempts,
            small.broken,
            input::toml::write(&small.scenario)
        ),
        None => String::new(),
    }
}

/// What there is to say about a kind of thread: its name, threads, CPU time in ns, and wake-ups with their latencies
/// in ns: median, 99 of 100, longest.
struct Kind<'a> {
    name: &'a str,
    threads: u64,
    runtime: u64,
    wakes: u64,
    latency: [u64; 3],
    jobs: Jobs,
}

fn kinds<'a>(scenario: &'a Scenario, machine: &Machine) -> Vec<Kind<'a>> {
    let used = machine.runtime_by_kind();
    let kinds = scenario.threads.iter().zip(used).zip(0..);
    kinds
        .map(|((thread, (threads, runtime)), number)| {
            let latencies = machine.latencies.as_ref().map(|all| all.of(ThreadKind(number)));
            Kind {
                name: &thread.name,
                threads,
                runtime: runtime.0,
                jobs: machine.jobs()[usize::from(number)],
                wakes: latencies.map_or(0, |of| of.len()),
                latency: latencies.map_or([0; 3], |of| {
                    [of.value_at_quantile(0.5), of.value_at_quantile(0.99), of.max()]
                }),
            }
        })
        .collect()
}

/// Waiters that are listed on a terminal; the others are counted.
const MOST_WAITERS: usize = 20;

/// How a run ended, as a line, and who waits for ever.
fn ending(machine: &Machine, outcome: &RunResult) -> String {
    let millis = |at| machine.since_power_on(at).0 as f64 / 1e6;
    let threads = outcome.waiters.len();
    let mut text = match outcome.ending {
        Ending::TimeIsOver if threads == 0 => "  ended when its time was over\n".to_owned(),
        Ending::TimeIsOver => format!("  ended when its time was over; {threads} threads wait for ever:\n"),
        Ending::EverybodyEnded { at } => {
            format!("  idle from {:.1} ms on: all threads had ended\n", millis(at))
        }
        Ending::Stuck { at } => format!(
            "  STUCK from {:.1} ms on: all {threads} threads that are left wait for ever:\n",
            millis(at)
        ),
        Ending::Broken => "  ended when a rule was broken\n".to_owned(),
        Ending::Stopped => format!(
            "  stopped after {} events, before its time was over\n",
            outcome.events
        ),
    };
    for waiter in outcome.waiters.iter().take(MOST_WAITERS) {
        let phase = if waiter.phase.is_empty() {
            String::new()
        } else {
            format!(" of {}", waiter.phase)
        };
        let holder = waiter.held_by.as_ref();
        let holder = holder.map_or(String::new(), |holder| format!(", which {holder} has"));
        text += &format!(
            "    {}, at `{}`{phase} since {:.1} ms, waits for {}{holder}\n",
            waiter.thread,
            waiter.step,
            millis(waiter.since),
            waiter.waits_for
        );
    }
    if threads > MOST_WAITERS {
        text += &format!("    and {} more\n", threads - MOST_WAITERS);
    }
    text
}

fn as_text(scenario: &Scenario, machine: &Machine, outcome: &RunResult) -> String {
    let summary = machine.summary();
    let cpus = u64::from(scenario.machine.cpus());
    let capacity = summary.now.0.max(1) * cpus;
    let percent = |part: u64| part as f64 * 100.0 / capacity as f64;
    let millis = summary.now.0 as f64 / 1e6;
    let mut text = format!(
        "{}: {cpus} CPUs, {}, {millis:.1} ms, busy {:.1} %\n",
        scenario.name,
        scenario.machine.policy.name(),
        percent(summary.busy.0),
    );
    text += &ending(machine, outcome);
    text += &format!(
        "  {} switches, {} preemptions, {} wake-ups, {} hand-offs, {} migrations, {} steals, {} interrupts\n",
        summary.switches,
        summary.preemptions,
        summary.wakes,
        summary.handoffs,
        summary.migrations,
        summary.steals,
        summary.interrupts
    );
    let width = scenario
        .threads
        .iter()
        .map(|thread| thread.name.len())
        .max()
        .unwrap_or(0)
        .max(6);
    text += &format!(
        "  {:width$} {:>7} {:>8} {:>9} {:>12} {:>10} {:>10}\n",
        "thread", "count", "CPU %", "wake-ups", "median, us", "99 %, us", "worst, us"
    );
    for kind in kinds(scenario, machine) {
        let [median, most, worst] = kind.latency.map(|nanos| nanos as f64 / 1e3);
        text += &format!(
            "  {:width$} {:>7} {:>8.2} {:>9} {median:>12.1} {most:>10.1} {worst:>10.1}\n",
            kind.name,
            kind.threads,
            percent(kind.runtime),
            kind.wakes
        );
    }
    text += &jobs(scenario, machine);
    text += &format!(
        "  {} events, fingerprint {:016x}: all rules {}\n",
        outcome.events,
        outcome.fingerprint,
        if outcome.broken.is_none() {
            "held"
        } else {
            "held until one broke"
        }
    );
    text
}

/// The jobs of threads with timers, and the reservations that were refused, with what would have been granted.
fn jobs(scenario: &Scenario, machine: &Machine) -> String {
    let micros = |span: Nanos| span.0 as f64 / 1e3;
    let mut text = String::new();
    for (thread, jobs) in scenario.threads.iter().zip(machine.jobs()) {
        if jobs.done > 0 {
            text += &format!(
                "  {}: {} jobs, {} after their deadlines, the longest took {:.1} us\n",
                thread.name,
                jobs.done,
                jobs.missed,
                micros(jobs.longest)
            );
        }
    }
    if machine.loans() > 0 {
        text += &format!("  CPU time was lent along {} calls\n", machine.loans());
    }
    for refusal in machine.refusals() {
        let name = &scenario.threads[usize::from(refusal.kind.0)].name;
        let called = |context: ContextId| match machine.maker_of(context) {
            Some(Maker::Thread(kind)) => scenario.threads[usize::from(kind.0)].name.as_str(),
            Some(Maker::Shared(shared)) => scenario.contexts[usize::from(shared.0)].name.as_str(),
            None => "the whole CPU",
        };
        text += &format!("  {name} is REFUSED: {}\n", why(refusal.refused, called));
    }
    text
}

/// A refusal in words.
fn why<'n>(refused: Refused, called: impl Fn(ContextId) -> &'n str) -> String {
    let micros = |span: Nanos| span.0 as f64 / 1e3;
    let Refused::DoesNotFit { cpu, binding, most } = refused else {
        return format!("{refused:?}");
    };
    let by = |largest: Option<ContextId>| {
        largest.map_or(String::new(), |context| format!("; {} has most", called(context)))
    };
    let binding = match binding {
        Binding::Parent {
            context,
            left,
            period,
            largest,
        } => format!(
            "{} has {:.1} us of every {:.1} us left{}",
            called(context),
            micros(left),
            micros(period),
            by(largest)
        ),
        Binding::Deadline {
            within,
            demand,
            largest,
        } => format!(
            "{:.1} us would be due within {:.1} us{}",
            micros(demand),
            micros(within),
            by(largest)
        ),
        Binding::Overload => "all together would need more than all time".to_owned(),
        Binding::Undecided => "whether it fits could not be found out".to_owned(),
    };
    let most = match most {
        Some(most) => format!("a budget of {:.3} us would be granted", micros(most)),
        None => "no budget would be granted".to_owned(),
    };
    format!("on {cpu}, {binding}; {most}")
}

fn as_json(scenario: &Scenario, machine: &Machine, outcome: &RunResult) -> serde_json::Value {
    let summary = machine.summary();
    let kinds: Vec<_> = kinds(scenario, machine)
        .into_iter()
        .map(|kind| {
            json!({
                "name": kind.name, "threads": kind.threads, "runtime_ns": kind.runtime, "wakes": kind.wakes,
                "latency_ns": {"median": kind.latency[0], "p99": kind.latency[1], "max": kind.latency[2]},
                "jobs": kind.jobs.done, "missed": kind.jobs.missed, "longest_job_ns": kind.jobs.longest.0,
            })
        })
        .collect();
    let since = |at| machine.since_power_on(at).0;
    let ended_at = match outcome.ending {
        Ending::EverybodyEnded { at } | Ending::Stuck { at } => since(at),
        Ending::TimeIsOver | Ending::Broken | Ending::Stopped => summary.now.0,
    };
    let waiters = outcome.waiters.iter().map(|waiter| {
        json!({
            "thread": waiter.thread, "phase": waiter.phase, "step": waiter.step, "waits_for": waiter.waits_for,
            "held_by": waiter.held_by, "since_ns": since(waiter.since),
        })
    });
    let waiters: Vec<_> = waiters.collect();
    let refused = machine.refusals().iter().map(|refusal| {
        let most = match refusal.refused {
            Refused::DoesNotFit { most, .. } => most.map(|most| most.0),
            _ => None,
        };
        json!({
            "name": scenario.threads[usize::from(refusal.kind.0)].name, "why": format!("{:?}", refusal.refused),
            "most_ns": most,
        })
    });
    let refused: Vec<_> = refused.collect();
    json!({
        "ending": outcome.ending.name(), "ended_at_ns": ended_at, "wait_for_ever": waiters,
        "scenario": scenario.name, "cpus": scenario.machine.cpus(),
        "policy": scenario.machine.policy.name(), "seed": scenario.explore.seed,
        "simulated_ns": summary.now.0, "busy_ns": summary.busy.0, "events": outcome.events,
        "fingerprint": format!("{:016x}", outcome.fingerprint), "switches": summary.switches,
        "preemptions": summary.preemptions, "wakes": summary.wakes, "handoffs": summary.handoffs,
        "migrations": summary.migrations, "steals": summary.steals, "interrupts": summary.interrupts,
        "threads": kinds, "refused": refused,
        "loans": machine.loans(), "contexts": contexts::as_json(scenario, machine),
        "broken": outcome.broken.as_ref().map(|broken| json!({
            "rule": broken.rule.name(), "evidence": broken.evidence, "at_ns": broken.at.0, "event": broken.event,
        })),
    })
}
