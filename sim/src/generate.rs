//! Random scenarios: small machines with everything that can go wrong, and threads that do everything threads can do.
//!
//! A generator is only as good as what it puts side by side, so a campaign counts which steps of the kernel it has
//! seen next to each other on two CPUs ([`crate::coverage`]).

use sched::{CpuId, LatencyClass, Nanos, Policy, Weight};

mod contexts;

pub use contexts::with_contexts;

use crate::random::Random;
use crate::scenario::{
    Arrival, Barrier, BarrierId, ConditionId, Delay, EndpointId, Explore, Fault, Faults, LockId, Machine,
    MaskId, Patience, Phase, Pipe, PipeId, Program, Scenario, Span, Step, Strategy, Thread, ThreadKind,
    Timer, TimerId,
};

/// Which faults scenarios may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultClass {
    /// None.
    None,
    /// Late timers, late and reordered interrupts, clocks that disagree.
    Timing,
    /// Spurious wake-ups, deaths and changes of policy.
    Threads,
    /// CPUs that go offline and come back.
    Offline,
    /// All of them.
    All,
    /// Late timers alone, often and by as long as budgets are: what ends them and brings them back comes late.
    LateTimers,
}

impl FaultClass {
    /// Every class that scenarios without contexts go through.
    pub const ALL: [FaultClass; 5] = [
        FaultClass::None,
        FaultClass::Timing,
        FaultClass::Threads,
        FaultClass::Offline,
        FaultClass::All,
    ];

    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            FaultClass::None => "none",
            FaultClass::Timing => "timing",
            FaultClass::Threads => "threads",
            FaultClass::Offline => "offline",
            FaultClass::All => "all",
            FaultClass::LateTimers => "late timers",
        }
    }
}

/// The scenario of a seed. Its fault class, strategy and policy follow from the seed as well, so that consecutive seeds go
/// through all of them; one of three has scheduling contexts.
#[must_use]
pub fn scenario(seed: u64) -> Scenario {
    if seed % CONTEXTS == CONTEXTS - 1 {
        with_contexts(seed)
    } else {
        plain(seed)
    }
}

/// One of so many scenarios is [`with_contexts`].
const CONTEXTS: u64 = 3;

/// The scenario of a seed, without contexts.
#[must_use]
pub fn plain(seed: u64) -> Scenario {
    let mut random = Random::new(seed, 0x5ce7);
    if seed % HOGS == HOGS - 1 {
        return hogs(&mut random, seed);
    }
    let faults = FaultClass::ALL[(seed % 5) as usize];
    let machine = machine(&mut random, seed);
    let cpus = machine.cpus();
    let kinds = 2 + random.below(5) as u16;
    let mut scenario = Scenario {
        name: format!("seed {seed}"),
        faults: faults_of(faults, &mut random),
        explore: explore(&mut random, seed),
        duration: Nanos::from_millis(8 + random.below(40)),
        locks: names("lock", 2),
        conditions: names("condition", 2),
        barriers: vec![Barrier {
            name: "barrier 0".to_owned(),
            size: 1 + random.below(3) as u32,
        }],
        pipes: (0..2)
            .map(|pipe| Pipe {
                name: format!("pipe {pipe}"),
                capacity: 1 << random.below(8),
            })
            .collect(),
        endpoints: names("endpoint", 2),
        timers: (0..2)
            .map(|timer| Timer {
                name: format!("timer {timer}"),
                shared: timer == 1,
            })
            .collect(),
        masks: (0..3).map(|_| mask(&mut random, cpus)).collect(),
        contexts: Vec::new(),
        threads: Vec::new(),
        machine,
    };
    for kind in 0..kinds {
        let thread = thread(&mut random, kind, kinds, &scenario);
        scenario.threads.push(thread);
    }
    scenario
}

/// One of so many scenarios is of [`hogs`].
const HOGS: u64 = 32;

/// Threads that never sleep, some of them confined to one CPU, for long enough that their shares can be seen. Lighter ones
/// would have turns seconds apart.
fn hogs(random: &mut Random, seed: u64) -> Scenario {
    let cpus = 2 + random.below(3) as u32;
    let machine = Machine {
        policy: policy(seed),
        step: Delay::fixed(Nanos(random.below(500))),
        ..Machine::flat(cpus)
    };
    let count = 2 + random.below(u64::from(2 * cpus)) as u16;
    let thread = |kind| Thread {
        name: format!("hog {kind}"),
        process: 1,
        weight: Weight::new(16 << random.below(7)).unwrap_or_default(),
        class: LatencyClass::Normal,
        affinity: (random.below(2) == 0)
            .then(|| core::iter::once(CpuId(random.below(u64::from(cpus)) as u32)).collect()),
        context: None,
        arrival: Arrival::At {
            start: Nanos(random.below(4_000_000)),
            count: 1,
        },
        program: Program {
            phases: vec![Phase {
                name: String::new(),
                repeat: Some(1),
                steps: vec![Step::Run(Span::FOREVER)],
            }],
            repeat: Some(1),
        },
    };
    Scenario {
        threads: (0..count).map(thread).collect(),
        ..Scenario::empty(format!("seed {seed}"), machine, Nanos::from_secs(8))
    }
}

const fn policy(seed: u64) -> Policy {
    if (seed / 5).is_multiple_of(2) {
        Policy::WeightedFair
    } else {
        Policy::Eevdf
    }
}

fn names(what: &str, count: u32) -> Vec<String> {
    (0..count).map(|number| format!("{what} {number}")).collect()
}

fn machine(random: &mut Random, seed: u64) -> Machine {
    let (packages, cores, siblings) = *random.one_of(&[
        (1, 1, 1),
        (1, 2, 1),
        (1, 2, 1),
        (1, 3, 1),
        (1, 2, 2),
        (2, 2, 1),
        (2, 2, 2),
    ]);
    let up_to = |random: &mut Random, most: u64| Delay {
        least: Nanos::ZERO,
        most: Nanos(random.below(most)),
    };
    Machine {
        packages,
        cores,
        siblings,
        policy: policy(seed),
        timer_latency: up_to(random, 3_000),
        ipi_delay: up_to(random, 5_000),
        step: up_to(random, 500),
        idle_exit: Nanos(random.below(2_000)),
        entry: Machine::USUAL_ENTRY,
    }
}

fn explore(random: &mut Random, seed: u64) -> Explore {
    let strategy = match seed / 10 % 4 {
        0 => Strategy::InOrder,
        1 => Strategy::Pct { steps: 300, depth: 3 },
        _ => Strategy::Random,
    };
    Explore {
        strategy,
        seed,
        window: Nanos(random.below(2_000)),
    }
}

fn faults_of(class: FaultClass, random: &mut Random) -> Faults {
    let mut faults = Faults::default();
    let span = |most: u64| Delay {
        least: Nanos::ZERO,
        most: Nanos::from_micros(most),
    };
    if matches!(class, FaultClass::Timing | FaultClass::All) {
        faults.late_timer = Fault {
            chance: random.below(200) as u16,
            span: span(2_000),
        };
        faults.late_ipi = Fault {
            chance: random.below(200) as u16,
            span: span(300),
        };
        faults.skew = Nanos(random.below(100_000));
        faults.drift = random.below(500) as u32;
    }
    if class == FaultClass::LateTimers {
        faults.late_timer = Fault {
            chance: 100 + random.below(900) as u16,
            span: span(100 + random.below(5_000)),
        };
    }
    if matches!(class, FaultClass::Threads | FaultClass::All) {
        faults.spurious_wake = random.below(30) as u16;
        faults.death = random.below(4) as u16;
        faults.change = random.below(20) as u16;
    }
    if matches!(class, FaultClass::Offline | FaultClass::All) {
        faults.offline = Fault {
            chance: 1 + random.below(5) as u16,
            span: span(3_000),
        };
    }
    faults
}

fn mask(random: &mut Random, cpus: u32) -> sched::CpuMask {
    let some = 1 + random.below((1 << cpus.min(8)) - 1);
    (0..cpus).filter(|cpu| some >> cpu & 1 != 0).map(CpuId).collect()
}

fn thread(random: &mut Random, kind: u16, kinds: u16, scenario: &Scenario) -> Thread {
    let phases = (0..1 + random.below(2))
        .map(|_| Phase {
            name: String::new(),
            repeat: Some(1 + random.below(8) as u32),
            steps: steps(random, kinds, scenario),
        })
        .collect();
    let start = Nanos(random.below(4_000_000));
    let arrival = match random.below(8) {
        0 => Arrival::Forked,
        1 | 2 => Arrival::Every {
            start,
            gap: Span::Exponential(Nanos::from_micros(200 + random.below(3_000))),
            count: Some(20),
        },
        _ => Arrival::At {
            start,
            count: 1 + random.below(3) as u32,
        },
    };
    let affinity = (random.below(4) == 0).then(|| random.one_of(&scenario.masks).clone());
    Thread {
        name: format!("thread {kind}"),
        process: 1 + random.below(3) as u32,
        weight: Weight::new(1 << random.below(11)).unwrap_or_default(),
        class: class(random),
        affinity,
        context: None,
        arrival,
        program: Program {
            phases,
            // A thread that is forked must end, or there are ever more of them.
            repeat: (arrival_is_repeated(arrival) || random.below(3) == 0)
                .then(|| 1 + random.below(6) as u32),
        },
    }
}

const fn arrival_is_repeated(arrival: Arrival) -> bool {
    !matches!(arrival, Arrival::At { .. })
}

fn class(random: &mut Random) -> LatencyClass {
    *random.one_of(&[
        LatencyClass::Normal,
        LatencyClass::Interactive,
        LatencyClass::Batch,
        LatencyClass::IpcServer,
    ])
}

/// Steps that make sense together: locks are given back, most programs use the CPU.
fn steps(random: &mut Random, kinds: u16, scenario: &Scenario) -> Vec<Step> {
    let mut steps = vec![Step::Run(run(random))];
    for _ in 0..1 + random.below(4) {
        let lock = LockId(random.below(2) as u16);
        let condition = ConditionId(random.below(2) as u16);
        let endpoint = EndpointId(random.below(2) as u16);
        let pipe = PipeId(random.below(2) as u16);
        let bytes = 1 + random.below(u64::from(scenario.pipes[usize::from(pipe.0)].capacity)) as u32;
        match random.below(20) {
            0..=2 => steps.push(Step::Sleep(run(random))),
            3 => steps.push(Step::Timer {
                timer: TimerId(random.below(2) as u16),
                period: Nanos::from_micros(100 + random.below(2_000)),
                absolute: random.below(2) == 0,
            }),
            4..=6 => steps.extend([Step::Lock(lock), Step::Run(run(random)), Step::Unlock(lock)]),
            7 => steps.extend([
                Step::Lock(lock),
                Step::Wait { condition, lock },
                Step::Unlock(lock),
            ]),
            8 => steps.push(Step::Signal(condition)),
            9 => steps.push(Step::Broadcast(condition)),
            10 => steps.push(Step::Barrier(BarrierId(0))),
            11 => steps.push(Step::Write { pipe, bytes }),
            12 => steps.push(Step::Read { pipe, bytes }),
            13 => steps.push(Step::Call(endpoint, Patience::Unbounded)),
            14 => steps.push(Step::Serve(endpoint)),
            15 => steps.push(Step::Suspend),
            16 => steps.push(Step::Resume(ThreadKind(random.below(u64::from(kinds)) as u16))),
            17 => steps.push(Step::Yield),
            18 => steps.push(Step::Fork(ThreadKind(random.below(u64::from(kinds)) as u16))),
            _ if random.below(2) == 0 => steps.push(Step::SetPolicy {
                weight: Weight::new(1 << random.below(11)).unwrap_or_default(),
                class: class(random),
            }),
            _ => steps.push(Step::SetAffinity(MaskId(random.below(3) as u16))),
        }
    }
    steps
}

/// From some microseconds to several turns.
fn run(random: &mut Random) -> Span {
    let most = *random.one_of(&[5_000, 50_000, 500_000, 5_000_000, 20_000_000]);
    match random.below(3) {
        0 => Span::Fixed(Nanos(1 + random.below(most))),
        1 => Span::Exponential(Nanos(1 + random.below(most / 2))),
        _ => Span::Uniform(Delay {
            least: Nanos(1),
            most: Nanos(1 + random.below(most)),
        }),
    }
}
