//! What is written is read back as the same scenario: for generated scenarios with every kind of step, name and number.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use sched::context::Kind;
use sched::{CpuId, CpuMask, LatencyClass, Nanos, Overrun, Policy, Spec, Weight};
use sim::input::toml::{read, write};
use sim::scenario::{
    Arrival, Barrier, BarrierId, ConditionId, Context, ContextIndex, Deed, Delay, EndpointId, Explore, Fault,
    Faults, LockId, Machine, MaskId, Patience, Phase, Pipe, PipeId, Program, Scenario, Span, Step,
    Strategy as Exploration, Thread, ThreadKind, Timer, TimerId,
};

/// How many rows every table of objects has, so that steps can refer to any of them.
const ROWS: u16 = 3;
/// No generated pipe holds less.
const LEAST_CAPACITY: u32 = 64;

/// Any text, and names that are easily the same or look like something else.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-c]",
        "[a-z_.-]{1,8}",
        Just(String::new()),
        Just("#1".to_owned()),
        Just("two words \"and\" \\ more".to_owned()),
        Just("mean".to_owned()),
        any::<String>(),
    ]
}

fn names() -> impl Strategy<Value = Vec<String>> {
    vec(name(), usize::from(ROWS))
}

fn nanos() -> impl Strategy<Value = Nanos> {
    prop_oneof![
        (0_u64..100).prop_map(Nanos::from_millis),
        any::<u64>().prop_map(Nanos),
        Just(Nanos::ZERO),
        Just(Nanos::MAX),
    ]
}

fn delay() -> impl Strategy<Value = Delay> {
    (nanos(), nanos()).prop_map(|(one, other)| Delay {
        least: one.min(other),
        most: one.max(other),
    })
}

fn span() -> impl Strategy<Value = Span> {
    prop_oneof![
        nanos().prop_map(Span::Fixed),
        delay().prop_map(Span::Uniform),
        nanos().prop_map(Span::Exponential),
    ]
}

fn weight() -> impl Strategy<Value = Weight> {
    prop_oneof![
        Just(Weight::DEFAULT),
        (1_u16..=1024).prop_map(|weight| Weight::new(weight).expect("in range")),
    ]
}

fn class() -> impl Strategy<Value = LatencyClass> {
    (0_u16..4).prop_map(|number| LatencyClass::from_number(number).expect("in range"))
}

fn mask(cpus: u32) -> impl Strategy<Value = CpuMask> {
    vec(0..cpus, 1..6).prop_map(|cpus| cpus.into_iter().map(CpuId).collect())
}

fn machine() -> impl Strategy<Value = Machine> {
    let places = (1_u32..3, 1_u32..5, 1_u32..3);
    (places, any::<bool>(), delay(), delay(), delay(), nanos(), nanos()).prop_map(
        |((packages, cores, siblings), eevdf, timer_latency, ipi_delay, step, idle_exit, entry)| Machine {
            packages,
            cores,
            siblings,
            policy: if eevdf {
                Policy::Eevdf
            } else {
                Policy::WeightedFair
            },
            timer_latency,
            ipi_delay,
            step,
            idle_exit,
            entry,
        },
    )
}

fn faults() -> impl Strategy<Value = Faults> {
    let chance = 0_u16..=1000;
    let fault = || (0_u16..=1000, delay()).prop_map(|(chance, span)| Fault { chance, span });
    let faults = (
        fault(),
        fault(),
        chance.clone(),
        chance.clone(),
        fault(),
        chance,
        nanos(),
        any::<u32>(),
    );
    let faults = faults.prop_map(
        |(late_timer, late_ipi, spurious_wake, death, offline, change, skew, drift)| Faults {
            late_timer,
            late_ipi,
            spurious_wake,
            death,
            offline,
            change,
            skew,
            drift,
        },
    );
    prop_oneof![Just(Faults::default()), faults]
}

fn explore() -> impl Strategy<Value = Explore> {
    let strategy = prop_oneof![
        Just(Exploration::InOrder),
        Just(Exploration::Random),
        (any::<u32>(), any::<u32>()).prop_map(|(steps, depth)| Exploration::Pct { steps, depth }),
        vec(any::<u16>(), 0..40).prop_map(Exploration::Given),
    ];
    (strategy, any::<u64>(), nanos()).prop_map(|(strategy, seed, window)| Explore {
        strategy,
        seed,
        window,
    })
}

fn patience() -> impl Strategy<Value = Patience> {
    prop_oneof![
        Just(Patience::Unbounded),
        nanos().prop_map(Patience::Within),
        nanos().prop_map(Patience::For),
    ]
}

fn step(threads: u16) -> impl Strategy<Value = Step> {
    let row = 0..ROWS;
    let pipe = (row.clone(), 0..=LEAST_CAPACITY).prop_map(|(pipe, bytes)| (PipeId(pipe), bytes));
    let kind = (0..threads).prop_map(ThreadKind);
    prop_oneof![
        span().prop_map(Step::Run),
        span().prop_map(Step::Sleep),
        (row.clone(), nanos(), any::<bool>()).prop_map(|(timer, period, absolute)| Step::Timer {
            timer: TimerId(timer),
            period,
            absolute,
        }),
        row.clone().prop_map(|row| Step::Lock(LockId(row))),
        row.clone().prop_map(|row| Step::Unlock(LockId(row))),
        (row.clone(), row.clone()).prop_map(|(condition, lock)| Step::Wait {
            condition: ConditionId(condition),
            lock: LockId(lock),
        }),
        row.clone().prop_map(|row| Step::Signal(ConditionId(row))),
        row.clone().prop_map(|row| Step::Broadcast(ConditionId(row))),
        row.clone().prop_map(|row| Step::Barrier(BarrierId(row))),
        pipe.clone().prop_map(|(pipe, bytes)| Step::Write { pipe, bytes }),
        pipe.prop_map(|(pipe, bytes)| Step::Read { pipe, bytes }),
        (row.clone(), patience()).prop_map(|(row, patience)| Step::Call(EndpointId(row), patience)),
        row.clone().prop_map(|row| Step::Serve(EndpointId(row))),
        Just(Step::Suspend),
        kind.clone().prop_map(Step::Resume),
        Just(Step::Yield),
        kind.clone().prop_map(Step::Fork),
        kind.prop_map(Step::Kill),
        (weight(), class()).prop_map(|(weight, class)| Step::SetPolicy { weight, class }),
        row.clone().prop_map(|row| Step::SetAffinity(MaskId(row))),
        (deed(), row).prop_map(|(deed, row)| Step::Context(deed, ContextIndex(row))),
        Just(Step::Exit),
    ]
}

fn program(threads: u16) -> impl Strategy<Value = Program> {
    let repeat = || prop_oneof![Just(Some(1)), option::of(any::<u32>())];
    let phase = (name(), repeat(), vec(step(threads), 0..6)).prop_map(|(name, repeat, steps)| Phase {
        name,
        repeat,
        steps,
    });
    (vec(phase, 0..4), repeat()).prop_map(|(phases, repeat)| Program { phases, repeat })
}

fn arrival() -> impl Strategy<Value = Arrival> {
    prop_oneof![
        (nanos(), any::<u32>()).prop_map(|(start, count)| Arrival::At { start, count }),
        (nanos(), span(), option::of(any::<u32>())).prop_map(|(start, gap, count)| Arrival::Every {
            start,
            gap,
            count,
        }),
        Just(Arrival::Forked),
    ]
}

/// None, a limit, or a reservation: what makes no sound one of these is none.
fn context() -> impl Strategy<Value = Option<Spec>> {
    let overrun = select(vec![Overrun::Throttle, Overrun::Fault, Overrun::Demote]);
    let numbers = (100_000..1_000_000_000_u64, 1..10_u64, 0..=100_u64, any::<bool>());
    (numbers, overrun).prop_map(|((budget, factor, deadline, is_limit), overrun)| {
        let period = budget * factor;
        let deadline = Nanos(budget + (period - budget) / 100 * deadline);
        let (budget, period) = (Nanos(budget), Nanos(period));
        let spec = if is_limit {
            Spec::limit(budget, period, overrun)
        } else {
            Spec::reservation(budget, period, deadline, overrun)
        };
        spec.ok()
    })
}

fn deed() -> impl Strategy<Value = Deed> {
    select(vec![
        Deed::Carve,
        Deed::Bind,
        Deed::Unbind,
        Deed::Return,
        Deed::Revoke,
    ])
}

/// Contexts of which some are carved out of one before them.
fn contexts() -> impl Strategy<Value = Vec<Context>> {
    let spec = context().prop_filter_map("a context is a limit or a reservation", |spec| spec);
    let contexts = vec((name(), spec, 0..=ROWS), usize::from(ROWS));
    contexts.prop_map(|contexts| {
        let contexts = (0..).zip(contexts).map(|(own, (name, spec, from))| Context {
            name,
            spec,
            from: (from < own && spec.kind() == Kind::Reservation).then_some(ContextIndex(from)),
        });
        contexts.collect()
    })
}

fn thread(threads: u16, cpus: u32) -> impl Strategy<Value = Thread> {
    let fields = (
        name(),
        1_u32..=u32::MAX,
        weight(),
        class(),
        option::of(mask(cpus)),
        context(),
        arrival(),
        program(threads),
    );
    fields.prop_map(
        |(name, process, weight, class, affinity, context, arrival, program)| Thread {
            name,
            process,
            weight,
            class,
            affinity,
            context,
            arrival,
            program,
        },
    )
}

fn scenario() -> impl Strategy<Value = Scenario> {
    (machine(), 0_u16..5).prop_flat_map(|(machine, threads)| {
        let cpus = machine.cpus();
        let barriers = vec((name(), 1_u32..=u32::MAX), usize::from(ROWS));
        let pipes = vec((name(), LEAST_CAPACITY..=u32::MAX), usize::from(ROWS));
        let timers = vec((name(), any::<bool>()), usize::from(ROWS));
        // A file whose simulation takes no time is refused.
        let duration = nanos().prop_map(|length| length.max(Nanos(1)));
        let plain = (name(), Just(machine), faults(), explore(), duration);
        let objects = (
            names(),
            names(),
            names(),
            barriers,
            pipes,
            timers,
            vec(mask(cpus), usize::from(ROWS)),
            contexts(),
        );
        let threads = vec(thread(threads.max(1), cpus), usize::from(threads));
        (plain, objects, threads).prop_map(|(plain, objects, threads)| {
            let (name, machine, faults, explore, duration) = plain;
            let (locks, conditions, endpoints, barriers, pipes, timers, masks, contexts) = objects;
            Scenario {
                name,
                machine,
                faults,
                explore,
                duration,
                locks,
                conditions,
                barriers: barriers
                    .into_iter()
                    .map(|(name, size)| Barrier { name, size })
                    .collect(),
                pipes: pipes
                    .into_iter()
                    .map(|(name, capacity)| Pipe { name, capacity })
                    .collect(),
                endpoints,
                timers: timers
                    .into_iter()
                    .map(|(name, shared)| Timer { name, shared })
                    .collect(),
                masks,
                contexts,
                threads,
            }
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn l2_what_is_written_is_read_as_the_same_scenario(scenario in scenario()) {
        let text = write(&scenario);
        match read(&text, "generated.toml") {
            Ok(again) => prop_assert_eq!(again, scenario, "{}", text),
            Err(errors) => prop_assert!(false, "{}\n{}", errors, text),
        }
    }

    #[test]
    fn l2_no_text_makes_the_reader_panic(text in any::<String>(), program in "[a-z0-9 .#\"\\\\-]{0,24}") {
        let _ = read(&text, "any.toml");
        let step = format!("duration = '1s'\n[[thread]]\nname = 't'\nprogram = ['{program}']");
        let _ = read(&step, "any.toml");
    }
}
