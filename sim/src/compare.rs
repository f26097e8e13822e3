//! The two fair policies beside each other and beside the ideal: the fairness matrix (D6) on machines of several sizes.
//!
//! The ideal is generalised processor sharing (Parekh and Gallager 1993), computed from the trace by [`lab::lag`]: what it
//! would have given each thread while it was runnable. A policy is good when nobody is far from that, when those who
//! sleep most of the time run soon after they wake, and when it switches seldom.

use core::ops::Range;

use sched::{LatencyClass, Nanos, Overrun, Policy, Spec, Weight};

use crate::machine::{Machine, Summary};
use crate::measure::Latencies;
use crate::scenario::{
    self, Arrival, Delay, EndpointId, Explore, Patience, Phase, Program, Scenario, Span, Step, Thread,
    ThreadKind,
};

/// One load of the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Load {
    /// Three threads for each CPU that never sleep.
    Hogs,
    /// The same with weights from 16 to 256.
    MixedWeights,
    /// Two hogs for each CPU, and two threads that run for 200 us at a time and sleep for 4 ms on average.
    Sleepers,
    /// The same with the sleepers in the interactive class.
    InteractiveSleepers,
    /// A hog for each CPU, and a client with its server that run for 20 us each and call all the time.
    Calls,
    /// A hog for each CPU, and eight threads for each CPU that live for 3 ms on average.
    ShortLives,
    /// Sixteen threads for each CPU that run for 2 ms and sleep for 1 ms on average.
    ManyThreads,
}

impl Load {
    /// All of them, in the order of the table.
    pub const ALL: [Load; 7] = [
        Load::Hogs,
        Load::MixedWeights,
        Load::Sleepers,
        Load::InteractiveSleepers,
        Load::Calls,
        Load::ShortLives,
        Load::ManyThreads,
    ];

    /// Its name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Load::Hogs => "hogs",
            Load::MixedWeights => "mixed weights",
            Load::Sleepers => "sleepers",
            Load::InteractiveSleepers => "interactive sleepers",
            Load::Calls => "calls",
            Load::ShortLives => "short lives",
            Load::ManyThreads => "many threads",
        }
    }

    /// The load for a machine, and the kinds of threads whose wake-ups are measured.
    fn threads(self, cpus: u32) -> (Vec<Thread>, Range<u16>) {
        let micros = Nanos::from_micros;
        let hog = |per_cpu| {
            thread(
                "hog",
                per_cpu * cpus,
                vec![Step::Run(Span::Fixed(Nanos::from_millis(50)))],
            )
        };
        let sleeper = || {
            let steps = vec![
                Step::Run(Span::Fixed(micros(200))),
                Step::Sleep(Span::Exponential(micros(4_000))),
            ];
            thread("sleeper", 2 * cpus, steps)
        };
        match self {
            Load::Hogs => (vec![hog(3)], 0..0),
            Load::MixedWeights => {
                let weighing = |weight| Thread {
                    weight: Weight::new(weight).unwrap_or_default(),
                    ..hog(1)
                };
                ([16, 32, 64, 128, 256].map(weighing).to_vec(), 0..0)
            }
            Load::Sleepers => (vec![hog(2), sleeper()], 1..2),
            Load::InteractiveSleepers => {
                let interactive = Thread {
                    class: LatencyClass::Interactive,
                    ..sleeper()
                };
                (vec![hog(2), interactive], 1..2)
            }
            Load::Calls => {
                let work = Step::Run(Span::Fixed(micros(20)));
                let mut threads = vec![hog(1)];
                for pair in 0..cpus as u16 {
                    let endpoint = EndpointId(pair);
                    threads.push(thread(
                        "client",
                        1,
                        vec![work, Step::Call(endpoint, Patience::Unbounded)],
                    ));
                    threads.push(thread("server", 1, vec![Step::Serve(endpoint), work]));
                }
                (threads, 1..1 + 2 * cpus as u16)
            }
            Load::ShortLives => {
                let mut short = thread("short", 0, vec![Step::Run(Span::Exponential(micros(3_000)))]);
                short.program.repeat = Some(1);
                short.arrival = Arrival::Every {
                    start: Nanos::ZERO,
                    gap: Span::Exponential(Nanos(3_000_000 / u64::from(8 * cpus) * 4)),
                    count: None,
                };
                (vec![hog(1), short], 0..0)
            }
            Load::ManyThreads => {
                let steps = vec![
                    Step::Run(Span::Exponential(micros(2_000))),
                    Step::Sleep(Span::Exponential(micros(1_000))),
                ];
                (vec![thread("worker", 16 * cpus, steps)], 0..1)
            }
        }
    }

    /// The scenario of this load.
    #[must_use]
    pub fn scenario(self, cpus: u32, policy: Policy, duration: Nanos, seed: u64) -> (Scenario, Range<u16>) {
        let (threads, measured) = self.threads(cpus);
        let micros = |least, most| Delay {
            least: Nanos(least),
            most: Nanos(most),
        };
        let machine = scenario::Machine {
            policy,
            timer_latency: micros(500, 2_000),
            ipi_delay: micros(500, 1_500),
            step: micros(100, 100),
            ..scenario::Machine::flat(cpus)
        };
        let scenario = Scenario {
            explore: Explore {
                seed,
                ..Explore::default()
            },
            endpoints: (0..cpus).map(|pair| format!("service {pair}")).collect(),
            threads,
            ..Scenario::empty(format!("{} on {cpus} CPUs", self.name()), machine, duration)
        };
        (scenario, measured)
    }
}

fn thread(name: &str, count: u32, steps: Vec<Step>) -> Thread {
    Thread {
        name: name.to_owned(),
        process: 1,
        weight: Weight::DEFAULT,
        class: LatencyClass::Normal,
        affinity: None,
        context: None,
        arrival: Arrival::At {
            start: Nanos::ZERO,
            count,
        },
        program: Program {
            phases: vec![Phase {
                name: String::new(),
                repeat: Some(1),
                steps,
            }],
            repeat: None,
        },
    }
}

/// What one policy did with one load on one machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The load.
    pub load: Load,
    /// The machine.
    pub cpus: u32,
    /// The policy.
    pub policy: Policy,
    /// The greatest time that any thread was owed by the ideal, in milliseconds.
    pub most_behind: f64,
    /// The greatest time that any thread was ahead of the ideal, in milliseconds.
    pub most_ahead: f64,
    /// The root of the mean square of all lags at a hundred moments, in milliseconds.
    pub typical: f64,
    /// Wake-up latencies of the measured kind in microseconds: median, 99 of 100, longest.
    pub latency: Option<[f64; 3]>,
    /// Times a CPU went over to another thread, per second and CPU.
    pub switches: f64,
    /// Times a thread changed CPUs, per second and CPU.
    pub migrations: f64,
}

/// Runs one cell of the matrix.
#[must_use]
pub fn measure(load: Load, cpus: u32, policy: Policy, duration: Nanos, seed: u64) -> Row {
    let (scenario, measured) = load.scenario(cpus, policy, duration, seed);
    let mut machine = Machine::new(&scenario);
    machine.recorder.keep();
    machine.latencies = Some(Latencies::new(scenario.threads.len()));
    let _ = machine.run();
    let trace = machine.trace();
    let steps = lab::steps::steps(&trace);
    let lags = lab::lag::lags(&steps, cpus, (trace.begin(), trace.end()), 100);
    // A client and its server move in lockstep: whichever of them is preempted is owed what the other one uses, and no
    // scheduler could even that out. What counts is what they take from the hogs.
    let counts =
        |thread: &abi::trace::Thread| load != Load::Calls || trace.thread_name(*thread).starts_with("hog");
    let extremes = || {
        lags.extremes
            .iter()
            .filter(|(thread, _)| counts(thread))
            .map(|(_, extremes)| extremes)
    };
    let most_behind = extremes().map(|(most, _)| *most).fold(0.0, f64::max) / 1e6;
    let most_ahead = extremes().map(|(_, least)| -*least).fold(0.0, f64::max) / 1e6;
    let (mut squares, mut count) = (0.0, 0.0_f64);
    for (_, lags) in lags.threads.iter().filter(|(thread, _)| counts(thread)) {
        for lag in lags.iter().flatten() {
            squares += lag * lag;
            count += 1.0;
        }
    }
    let Summary {
        switches,
        migrations,
        now,
        ..
    } = machine.summary();
    let per_second = |number: u64| number as f64 * 1e9 / now.0.max(1) as f64 / f64::from(cpus);
    let latency = machine
        .latencies
        .as_ref()
        .filter(|_| !measured.is_empty())
        .map(|latencies| {
            let of = latencies.of_all(measured.map(ThreadKind));
            [of.value_at_quantile(0.5), of.value_at_quantile(0.99), of.max()].map(|nanos| nanos as f64 / 1e3)
        });
    Row {
        load,
        cpus,
        policy,
        most_behind,
        most_ahead,
        typical: (squares / count.max(1.0)).sqrt() / 1e6,
        latency,
        switches: per_second(switches),
        migrations: per_second(migrations),
    }
}

/// Many threads on many CPUs: one in ten never sleeps, the others run for 50 us and sleep for 10 ms on average.
#[must_use]
pub fn crowd(cpus: u32, threads: u32, duration: Nanos) -> Scenario {
    let micros = Nanos::from_micros;
    let (mut scenario, _) = Load::Hogs.scenario(cpus, Policy::default(), duration, 1);
    let steps = vec![
        Step::Run(Span::Exponential(micros(50))),
        Step::Sleep(Span::Exponential(micros(10_000))),
    ];
    scenario.name = format!("{threads} threads on {cpus} CPUs");
    scenario.machine = scenario::Machine::flat(cpus);
    scenario.threads = vec![
        thread("hog", threads / 10, vec![Step::Run(Span::Fixed(micros(10_000)))]),
        thread("sleeper", threads - threads / 10, steps),
    ];
    scenario
}

/// The same with a limit for each thread, most of which never come to its end: what budgets cost that are there.
#[must_use]
pub fn crowd_with_limits(cpus: u32, threads: u32, duration: Nanos) -> Scenario {
    let mut scenario = crowd(cpus, threads, duration);
    let micros = Nanos::from_micros;
    let limit = Spec::limit(micros(2_000), micros(10_000), Overrun::Throttle);
    for thread in &mut scenario.threads {
        thread.context = limit.ok();
    }
    scenario
}

/// How long a cell of the matrix is simulated: the same work on every size of machine, within limits.
#[must_use]
pub const fn duration(cpus: u32) -> Nanos {
    Nanos::from_millis(if cpus >= 64 { 500 } else { 2_000 })
}

/// The rows as a Markdown table.
#[must_use]
pub fn markdown(rows: &[Row]) -> String {
    let mut text = String::from(
        "| load | CPUs | policy | most behind, ms | most ahead, ms | typical lag, ms | wake-up, us: median | 99 % | longest | switches /s/CPU | migrations /s/CPU |\n| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for row in rows {
        let [median, most, longest] = match row.latency {
            Some(latency) => latency.map(|micros| format!("{micros:.0}")),
            None => ["", "", ""].map(str::to_owned),
        };
        text += &format!(
            "| {} | {} | {} | {:.2} | {:.2} | {:.2} | {median} | {most} | {longest} | {:.0} | {:.1} |\n",
            row.load.name(),
            row.cpus,
            row.policy.name(),
            row.most_behind,
            row.most_ahead,
            row.typical,
            row.switches,
            row.migrations
        );
    }
    text
}
