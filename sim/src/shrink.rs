//! Makes a scenario that breaks a rule small, so that a person can see why.
//!
//! Greedy delta debugging (Zeller and Hildebrandt, TSE 2002) over the scenario itself: leave out a thread, a phase, a step; run
//! fewer times, on fewer CPUs, with fewer faults; keep whatever still breaks the same rule. A smaller scenario asks its
//! seed other questions, so each attempt is given a few seeds.

use std::time::{Duration, Instant as WallClock};

use sched::{CpuId, CpuMask, LatencyClass, Nanos, Weight};

use crate::audit::Broken;
use crate::campaign;
use crate::scenario::{
    Arrival, Delay, Fault, Faults, Patience, Scenario, Span, Step, Strategy, Thread, ThreadKind,
};

/// Seeds that each attempt is given.
const SEEDS: u64 = 8;

/// What shrinking came to.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The smallest scenario found.
    pub scenario: Scenario,
    /// The rule it breaks, and how.
    pub broken: Broken,
    /// Attempts made.
    pub attempts: u64,
}

/// The smallest scenario found within `limit` that breaks the rule that this one breaks by `breaks`; `None` if it
/// breaks none.
pub fn shrink(
    scenario: &Scenario,
    limit: Duration,
    breaks: impl Fn(&Scenario) -> Option<Broken>,
) -> Option<Shrunk> {
    let started = WallClock::now();
    let mut best = Shrunk {
        broken: breaks(scenario)?,
        scenario: scenario.clone(),
        attempts: 0,
    };
    loop {
        let before = best.scenario.clone();
        let mut number = 0;
        // After a success the same number names the next edit of the smaller scenario.
        while let Some(candidate) = edited(&best.scenario, number) {
            if started.elapsed() > limit {
                return Some(best);
            }
            let smaller = candidate
                .map(tidied)
                .filter(|candidate| *candidate != best.scenario);
            match smaller.and_then(|candidate| still_breaks(candidate, &mut best, &breaks)) {
                Some((scenario, broken)) => {
                    best.scenario = scenario;
                    best.broken = broken;
                }
                None => number += 1,
            }
        }
        if best.scenario == before {
            return Some(best);
        }
    }
}

/// Shrinks what a campaign found.
#[must_use]
pub fn shrink_found(scenario: &Scenario, limit: Duration) -> Option<Shrunk> {
    shrink(scenario, limit, |scenario| campaign::run_twice(scenario).0)
}

fn still_breaks(
    mut candidate: Scenario,
    best: &mut Shrunk,
    breaks: &impl Fn(&Scenario) -> Option<Broken>,
) -> Option<(Scenario, Broken)> {
    let first = candidate.explore.seed;
    for seed in first..first + SEEDS {
        candidate.explore.seed = seed;
        best.attempts += 1;
        if let Some(broken) = breaks(&candidate).filter(|broken| broken.rule == best.broken.rule) {
            return Some((candidate, broken));
        }
    }
    None
}

/// How much there is to look at: threads, phases and steps.
#[must_use]
pub fn size(scenario: &Scenario) -> usize {
    let thread = |thread: &Thread| {
        thread
            .program
            .phases
            .iter()
            .map(|phase| phase.steps.len())
            .sum::<usize>()
            + 1
    };
    scenario.threads.iter().map(thread).sum()
}

/// The scenario after edit `number`: `None` when there is no such edit, `Some(None)` when it changes nothing here.
fn edited(scenario: &Scenario, number: usize) -> Option<Option<Scenario>> {
    let threads = scenario.threads.len();
    let mut number = number;
    let mut next = scenario.clone();
    // Whole threads first: that takes away most at once.
    if number < threads {
        return Some((threads > 1).then(|| without_thread(next, number)));
    }
    number -= threads;
    if number < MACHINE.len() {
        MACHINE[number](&mut next);
        return Some(Some(next));
    }
    number -= MACHINE.len();
    for thread in &mut next.threads {
        if number < THREAD.len() {
            THREAD[number](thread);
            return Some(Some(next));
        }
        number -= THREAD.len();
        let phases = thread.program.phases.len();
        if number < phases {
            thread.program.phases.remove(number);
            return Some(Some(next));
        }
        number -= phases;
        for phase in &mut thread.program.phases {
            if number == 0 {
                phase.repeat = phase
                    .repeat
                    .map(|times| times / 2)
                    .filter(|times| *times > 0)
                    .or(Some(1));
                return Some(Some(next));
            }
            number -= 1;
            let steps = phase.steps.len();
            if number < steps {
                phase.steps.remove(number);
                return Some(Some(next));
            }
            number -= steps;
            if number < steps {
                simplify(&mut phase.steps[number]);
                return Some(Some(next));
            }
            number -= steps;
        }
    }
    None
}

type Edit<T> = fn(&mut T);

/// Edits of the machine and its faults, the ones that simplify most first.
const MACHINE: &[Edit<Scenario>] = &[
    |scenario| scenario.faults = Faults::default(),
    |scenario| scenario.explore.strategy = Strategy::InOrder,
    |scenario| scenario.duration = Nanos(scenario.duration.0 / 2 + 1_000),
    |scenario| scenario.duration = Nanos(scenario.duration.0 / 8 * 7 + 1_000),
    |scenario| scenario.machine.packages = 1,
    |scenario| scenario.machine.siblings = 1,
    |scenario| scenario.machine.cores = (scenario.machine.cores - 1).max(1),
    |scenario| scenario.faults.late_timer = Fault::default(),
    |scenario| scenario.faults.late_ipi = Fault::default(),
    |scenario| scenario.faults.offline = Fault::default(),
    |scenario| scenario.faults.spurious_wake = 0,
    |scenario| scenario.faults.death = 0,
    |scenario| scenario.faults.change = 0,
    |scenario| scenario.faults.skew = Nanos::ZERO,
    |scenario| scenario.faults.drift = 0,
    |scenario| scenario.machine.timer_latency = Delay::NONE,
    |scenario| scenario.machine.ipi_delay = Delay::NONE,
    |scenario| scenario.machine.step = Delay::NONE,
    |scenario| scenario.machine.idle_exit = Nanos::ZERO,
    |scenario| scenario.explore.window = Nanos::ZERO,
];

const THREAD: &[Edit<Thread>] = &[
    |thread| {
        if let Arrival::Every { start, .. } = thread.arrival {
            thread.arrival = Arrival::At { start, count: 1 };
        }
    },
    |thread| {
        if let Arrival::At { count, .. } = &mut thread.arrival {
            *count = (*count / 2).max(1);
        }
    },
    |thread| {
        if let Arrival::At { start, .. } | Arrival::Every { start, .. } = &mut thread.arrival {
            *start = Nanos::ZERO;
        }
    },
    |thread| thread.affinity = None,
    |thread| thread.context = None,
    |thread| thread.weight = Weight::DEFAULT,
    |thread| thread.class = LatencyClass::Normal,
    |thread| thread.process = 1,
    |thread| thread.program.repeat = Some(1),
    |thread| thread.program.repeat = thread.program.repeat.map(|times| times.div_ceil(2)).or(Some(64)),
];

/// A step that takes the same length of time each time, and a round one.
fn simplify(step: &mut Step) {
    if let Step::Call(_, patience) = step {
        *patience = Patience::Unbounded;
        return;
    }
    let (Step::Run(span) | Step::Sleep(span)) = step else {
        return;
    };
    let length = match *span {
        Span::Fixed(length) => Nanos(length.0 / 2),
        Span::Uniform(range) => Nanos(range.least.0.midpoint(range.most.0)),
        Span::Exponential(mean) => mean,
    };
    // Two digits are enough for anybody to read.
    let unit = 10_u64.pow(length.0.max(1).ilog10().saturating_sub(1));
    *span = Span::Fixed(Nanos(length.0 / unit * unit));
}

/// The scenario without what nothing in it uses: sets of CPUs that the machine no longer has, and objects that no step
/// names any more, from the end of their tables, so that no other one gets another number.
fn tidied(mut scenario: Scenario) -> Scenario {
    let cpus = scenario.machine.cpus();
    let within = |mask: &CpuMask| -> CpuMask { mask.iter().filter(|cpu| cpu.0 < cpus).collect() };
    scenario.masks = scenario.masks.iter().map(within).collect();
    for thread in &mut scenario.threads {
        thread.affinity = thread
            .affinity
            .as_ref()
            .map(within)
            .filter(|mask| !mask.is_empty());
        for phase in &mut thread.program.phases {
            phase.steps.retain(|step| match step {
                Step::SetAffinity(mask) => !scenario.masks[usize::from(mask.0)].is_empty(),
                _ => true,
            });
        }
    }
    let steps = || {
        let phases = scenario.threads.iter().flat_map(|thread| &thread.program.phases);
        phases.flat_map(|phase| &phase.steps)
    };
    let needed = |number: fn(&Step) -> Option<u16>| {
        steps()
            .filter_map(number)
            .max()
            .map_or(0, |last| usize::from(last) + 1)
    };
    let locks = needed(|step| match step {
        Step::Lock(lock) | Step::Unlock(lock) | Step::Wait { lock, .. } => Some(lock.0),
        _ => None,
    });
    let conditions = needed(|step| match step {
        Step::Wait { condition, .. } | Step::Signal(condition) | Step::Broadcast(condition) => {
            Some(condition.0)
        }
        _ => None,
    });
    let barriers = needed(|step| match step {
        Step::Barrier(barrier) => Some(barrier.0),
        _ => None,
    });
    let pipes = needed(|step| match step {
        Step::Write { pipe, .. } | Step::Read { pipe, .. } => Some(pipe.0),
        _ => None,
    });
    let endpoints = needed(|step| match step {
        Step::Call(endpoint, _) | Step::Serve(endpoint) => Some(endpoint.0),
        _ => None,
    });
    let timers = needed(|step| match step {
        Step::Timer { timer, .. } => Some(timer.0),
        _ => None,
    });
    let masks = needed(|step| match step {
        Step::SetAffinity(mask) => Some(mask.0),
        _ => None,
    });
    let contexts = needed(|step| match step {
        Step::Context(_, context) => Some(context.0),
        _ => None,
    });
    // What others are carved out of comes before them.
    scenario.contexts.truncate(contexts);
    scenario.locks.truncate(locks);
    scenario.conditions.truncate(conditions);
    scenario.barriers.truncate(barriers);
    scenario.pipes.truncate(pipes);
    scenario.endpoints.truncate(endpoints);
    scenario.timers.truncate(timers);
    // One empty set in the middle would still be a set without CPUs, which files cannot say.
    scenario.masks.truncate(masks);
    for mask in &mut scenario.masks {
        if mask.is_empty() {
            mask.insert(CpuId(0));
        }
    }
    scenario
}

/// The scenario without one kind of thread: steps that name it go, too.
fn without_thread(mut scenario: Scenario, gone: usize) -> Scenario {
    scenario.threads.remove(gone);
    let gone = gone as u16;
    for phase in scenario
        .threads
        .iter_mut()
        .flat_map(|thread| &mut thread.program.phases)
    {
        phase
            .steps
            .retain(|step| !matches!(step, Step::Fork(ThreadKind(kind)) | Step::Resume(ThreadKind(kind)) | Step::Kill(ThreadKind(kind)) if *kind == gone));
        for step in &mut phase.steps {
            if let Step::Fork(ThreadKind(kind))
            | Step::Resume(ThreadKind(kind))
            | Step::Kill(ThreadKind(kind)) = step
            {
                *kind -= u16::from(*kind > gone);
            }
        }
    }
    scenario
}
