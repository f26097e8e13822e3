//! What the TOML of scenarios means, and what is said about TOML that is wrong.

use sched::{CpuId, CpuMask, LatencyClass, Nanos, Policy, Weight};
use sim::input::toml::{read, write};
use sim::input::{Errors, Place};
use sim::scenario::*;

fn good(text: &str) -> Scenario {
    read(text, "folder/test.toml").unwrap_or_else(|errors| panic!("{errors}"))
}

fn bad(text: &str) -> Errors {
    read(text, "test.toml").expect_err("this text is wrong")
}

/// The one error of a text, as `line:column: message`.
#[track_caller]
fn one_error(text: &str) -> String {
    let errors = bad(text);
    assert_eq!(errors.0.len(), 1, "{errors}");
    let error = &errors.0[0];
    assert_eq!(error.file, "test.toml");
    format!("{}: {}", error.place.expect("errors have places"), error.message)
}

/// A scenario with one thread whose program is one step.
fn with_step(step: &str) -> String {
    format!("duration = \"1s\"\n[[thread]]\nname = \"t\"\nprogram = [\"{step}\"]\n")
}

const SMALL: &str = r#"
duration = "100ms"
[[thread]]
name = "hog"
program = ["run 4ms"]
"#;

#[test]
fn l2_what_is_not_said_has_its_usual_value() {
    let scenario = good(SMALL);
    assert_eq!(scenario.name, "test");
    assert_eq!(scenario.machine, Machine::flat(1));
    assert_eq!(
        (scenario.faults, scenario.explore),
        (Faults::default(), Explore::default())
    );
    let phase = Phase {
        name: String::new(),
        repeat: Some(1),
        steps: vec![Step::Run(Span::Fixed(Nanos::from_millis(4)))],
    };
    let hog = Thread {
        name: "hog".to_owned(),
        process: 1,
        weight: Weight::DEFAULT,
        class: LatencyClass::Normal,
        affinity: None,
        context: None,
        arrival: Arrival::At {
            start: Nanos::ZERO,
            count: 1,
        },
        program: Program {
            phases: vec![phase],
            repeat: Some(1),
        },
    };
    assert_eq!(scenario.threads, [hog]);
}

#[test]
fn l2_every_section_says_what_it_means() {
    let scenario = good(
        r#"
        name = "all"
        duration = "1.5s"
        [machine]
        packages = 2
        cores = 4
        siblings = 2
        policy = "eevdf"
        timer_latency = { min = "1us", max = "2us" }
        ipi_delay = "1us..3us"
        step = "200ns"
        idle_exit = "5us"
        entry = "250ns"
        [faults]
        late_timer = { chance = 5, span = "1ms" }
        offline = { chance = 1, span = { min = "1ms", max = "9ms" } }
        death = 2
        skew = "3us"
        drift = 20
        [explore]
        strategy = "pct"
        steps = 300
        depth = 3
        seed = "18446744073709551615"
        window = "1us"
        [[thread]]
        name = "a"
        process = 7
        weight = 128
        class = "batch"
        cpus = [0, "4-6"]
        arrival = { mean = "2ms", start = "1ms", count = 9 }
        repeat = "forever"
        program = ["yield"]
        [[thread]]
        name = "b"
        forked = true
        [[thread.phase]]
        name = "first"
        repeat = 3
        program = ["sleep mean 1ms", "run 1ms..2ms"]
        [[thread.phase]]
        program = []
        "#,
    );
    let machine = Machine {
        packages: 2,
        cores: 4,
        siblings: 2,
        policy: Policy::Eevdf,
        timer_latency: Delay {
            least: Nanos::from_micros(1),
            most: Nanos::from_micros(2),
        },
        ipi_delay: Delay {
            least: Nanos::from_micros(1),
            most: Nanos::from_micros(3),
        },
        step: Delay::fixed(Nanos(200)),
        idle_exit: Nanos::from_micros(5),
        entry: Nanos(250),
    };
    assert_eq!(scenario.machine, machine);
    assert_eq!(scenario.faults.late_timer.chance, 5);
    assert_eq!(scenario.faults.offline.span.most, Nanos::from_millis(9));
    assert_eq!((scenario.faults.death, scenario.faults.drift), (2, 20));
    assert_eq!(scenario.explore.strategy, Strategy::Pct { steps: 300, depth: 3 });
    assert_eq!(scenario.explore.seed, u64::MAX);
    let [a, b] = scenario.threads.as_slice() else {
        panic!("two threads");
    };
    let cpus: CpuMask = [0, 4, 5, 6].into_iter().map(CpuId).collect();
    assert_eq!((a.process, a.affinity.as_ref()), (7, Some(&cpus)));
    assert_eq!((a.weight.get(), a.class), (128, LatencyClass::Batch));
    assert_eq!(a.program.repeat, None);
    let poisson = Arrival::Every {
        start: Nanos::from_millis(1),
        gap: Span::Exponential(Nanos::from_millis(2)),
        count: Some(9),
    };
    assert_eq!((a.arrival, b.arrival), (poisson, Arrival::Forked));
    assert_eq!(b.program.phases[0].repeat, Some(3));
    assert_eq!(
        b.program.phases[1],
        Phase {
            repeat: Some(1),
            ..Phase::default()
        }
    );
}

#[test]
fn l2_objects_come_into_being_when_they_are_named() {
    let scenario = good(
        r##"
        duration = "1s"
        [objects]
        barriers = [{ name = "round", size = 2 }]
        pipes = [{ name = "p", capacity = 64 }]
        [[thread]]
        name = "one"
        program = ["lock m", "wait ready m", "unlock m", "barrier round", "write p 64", "resume two", "cpus 0"]
        [[thread]]
        name = "two"
        program = ["lock \"a name\"", "lock #0", "call files", "timer beat 5ms absolute", "fork #0", "cpus 0-0"]
        "##,
    );
    assert_eq!(scenario.locks, ["m", "a name"]);
    assert_eq!(scenario.conditions, ["ready"]);
    assert_eq!(scenario.endpoints, ["files"]);
    assert_eq!(scenario.masks.len(), 1);
    assert!(!scenario.timers[0].shared);
    let [one, two] = [0, 1].map(|thread: usize| &scenario.threads[thread].program.phases[0].steps);
    assert_eq!(one[5], Step::Resume(ThreadKind(1)));
    assert_eq!(two[1], Step::Lock(LockId(0)));
    assert_eq!(two[4], Step::Fork(ThreadKind(0)));
}

#[test]
fn l2_wrong_steps_are_answered_with_the_right_ones() {
    for (step, error) in [
        ("", "4:13: a step is missing; write one like `run 4ms`"),
        ("lokc m", "4:13: `lokc` means nothing here; did you mean `lock`?"),
        (
            "run",
            "4:16: a length of time is missing; write it like `run 4ms`",
        ),
        ("run 4", "4:17: `4` has no unit; write 4ns, 4us, 4ms or 4s"),
        (
            "run 2ms..1ms",
            "4:17: 2ms is longer than 1ms: the shorter one comes first",
        ),
        ("lock", "4:17: a lock is missing; write it like `lock m`"),
        (
            "unlock m now",
            "4:22: `now` is too much; write it like `unlock m`",
        ),
        (
            "wait ready",
            "4:23: a lock is missing; write it like `wait ready m`",
        ),
        (
            "timer t 1ms often",
            "4:30: `often` is neither absolute nor relative",
        ),
        (
            "barrier b",
            "4:21: barrier `b` has no size; declare it: [objects] barriers = [{ name = \"b\", size = 4 }]",
        ),
        (
            "read p 4",
            "4:18: pipe `p` has no capacity; declare it: [objects] pipes = [{ name = \"p\", capacity = 4096 }]",
        ),
        ("fork T", "4:18: no [[thread]] is called `T`"),
        (
            "resume #1",
            "4:20: there is no thread #1: 1 are declared, counted from 0",
        ),
        (
            "lock #x",
            "4:18: `#x` is no number of a lock; a name that begins with # goes in quotes",
        ),
        (
            "weight 0 batch",
            "4:20: `0` is no weight; weights are numbers from 1 to 1024",
        ),
        (
            "weight 64 soon",
            "4:23: `soon` means nothing here; there are interactive, normal, batch, ipc_server",
        ),
        (
            "cpus 0,x",
            "4:18: `x` is no CPU; CPUs are numbers from 0, as in 0,2,4-7",
        ),
        ("cpus 3", "4:13: there is no CPU 3: the machine has CPUs 0 to 0"),
    ] {
        assert_eq!(one_error(&with_step(step)), error, "{step}");
    }
    assert_eq!(
        one_error("duration='1s'\n[[thread]]\nname='t'\nprogram=['lock \"m']"),
        "4:16: this name has no closing quote"
    );
}

#[test]
fn l2_a_simulation_of_no_time_is_refused() {
    let text = with_step("run 1ms");
    assert_eq!(
        one_error(&text.replacen("1s", "0s", 1)),
        "1:12: in no time nothing happens; say how long, like \"4ms\""
    );
    good(&text.replacen("1s", "1ns", 1));
}

#[test]
fn l2_unknown_keys_are_refused_in_every_table() {
    let text = r#"
durations = "1s"
duration = "1s"
[machine]
cors = 2
[faults]
late_timer = { chance = 1, span = "1ms", often = true }
[explore]
steps = 3
[objects]
lock = ["m"]
[[thread]]
name = "t"
wieght = 3
arrival = { every = "1ms", until = "3s" }
[[thread.phase]]
programm = []
program = []
"#;
    let errors = bad(text);
    let lines: Vec<u32> = errors
        .0
        .iter()
        .map(|error| error.place.map_or(0, |place| place.line))
        .collect();
    assert_eq!(lines, [2, 5, 7, 9, 11, 14, 15, 17], "{errors}");
    assert!(
        errors
            .0
            .iter()
            .all(|error| error.message.contains("means nothing here"))
    );
    assert!(errors.0[5].message.contains("did you mean `weight`?"), "{errors}");
}

#[test]
fn l2_what_contradicts_itself_or_is_missing_is_refused() {
    let thread = |keys: &str| format!("duration = \"1s\"\n[[thread]]\nname = \"t\"\n{keys}\n");
    for (text, error) in [
        (
            SMALL.replace("duration", "name"),
            "1:1: `duration` is missing in the file",
        ),
        (
            "duration = \"1s\"".to_owned(),
            "1:1: there is no [[thread]]; a scenario without any is written `thread = []`",
        ),
        (
            thread("repeat = 2"),
            "2:1: this thread does nothing: it needs `program = [...]` or [[thread.phase]] tables",
        ),
        (
            thread("program = []\nphase = []"),
            "4:11: a thread has a `program` or [[thread.phase]] tables, not both",
        ),
        (
            thread("program = []\nforked = true\ninstances = 2"),
            "6:13: `instances` means nothing for a thread that comes when it is forked",
        ),
        (
            thread("program = []\narrival = { every = \"1ms\", mean = \"1ms\" }"),
            "5:35: `every` and `mean` are two ways to say the same; say one",
        ),
        (
            thread("program = []\nweight = 1025"),
            "5:10: `weight` must be a number from 1 to 1024",
        ),
        (
            thread("program = []\nrepeat = \"often\""),
            "5:10: `repeat` is a number or \"forever\"",
        ),
        (
            thread("program = []\nstart = 5"),
            "5:9: `start` must be a length of time in quotes, like \"4ms\"; this is of type integer",
        ),
        (
            thread("program = []\ncpus = []"),
            "5:8: a set without any CPU leaves a thread nowhere to run",
        ),
        (
            thread("program = [4]"),
            "4:12: a step is text in quotes, like \"run 4ms\"",
        ),
        (
            format!("{SMALL}[machine]\ncpus = 2\ncores = 2"),
            "7:8: `cpus` is for machines without packages, cores and siblings; say one or the other",
        ),
        (
            format!("{SMALL}[machine]\npackages = 1000\ncores = 1000"),
            "6:1: a machine of 1000000 CPUs is too large: 65536 is the most",
        ),
        (
            format!("{SMALL}[explore]\nstrategy = \"pct\"\nsteps = 5"),
            "6:1: `depth` is missing in [explore]",
        ),
        (
            format!("{SMALL}[objects]\npipes = [{{ name = \"p\", capacity = 0 }}]"),
            "7:35: `capacity` must be a number from 1 to 4294967295",
        ),
    ] {
        assert_eq!(one_error(&text), error, "{text}");
    }
}

#[test]
fn l2_a_name_that_two_objects_have_needs_its_number() {
    let text = r#"
duration = "1s"
[objects]
locks = ["m", "m"]
[[thread]]
name = "t"
program = ["lock m"]
"#;
    assert_eq!(
        one_error(text),
        "7:18: more than one lock is called `m`; write # and its place in the file, from 0"
    );
    assert_eq!(good(&text.replace("lock m\"", "lock #1\"")).locks, ["m", "m"]);
}

#[test]
fn l2_programs_that_are_too_long_to_be_counted_are_refused() {
    let steps = |count: usize| vec!["'exit'"; count].join(",");
    let text = |count| format!("duration='1s'\n[[thread]]\nname='t'\nprogram=[{}]", steps(count));
    assert_eq!(
        good(&text(65_535)).threads[0].program.phases[0].steps.len(),
        65_535
    );
    assert_eq!(
        one_error(&text(65_536)),
        "4:9: a program has 65535 steps at most, not 65536"
    );
}

#[test]
fn l2_a_syntax_error_has_its_place() {
    let errors = bad("duration = \"1s\"\n[[thread]\n");
    let place = errors.0[0].place.expect("it has a place");
    assert_eq!(place.line, 2, "{errors}");
    assert!(place > Place::START);
}

#[test]
fn l2_what_is_written_reads_well() {
    let mut scenario = good(
        r#"
        duration = "2s"
        [machine]
        cpus = 8
        timer_latency = "1us..2us"
        [[thread]]
        name = "worker"
        weight = 200
        cpus = [0, 1, 2, 5]
        repeat = "forever"
        program = ["lock m", "run mean 4ms", "unlock m", "cpus 0-3"]
        "#,
    );
    scenario.name = "small".to_owned();
    let text = r#"name = "small"
duration = "2s"

[machine]
packages = 1
cores = 8
siblings = 1
policy = "eevdf"
timer_latency = "1us..2us"

[objects]
locks = ["m"]
masks = [["0-3"]]

[[thread]]
name = "worker"
weight = 200
cpus = ["0-2", 5]
repeat = "forever"
program = ["lock m", "run mean 4ms", "unlock m", "cpus 0-3"]
"#;
    assert_eq!(write(&scenario), text);
}

#[test]
fn l2_an_unknown_key_is_told_which_keys_there_are_each_once() {
    let text = "duration = \"1s\"\n[[thread]]\nname = \"x\"\nfoo = 3\nprogram = [\"run 1ms\"]\n";
    let errors = read(text, "keys.toml").unwrap_err().to_string();
    assert!(errors.contains("`foo` means nothing here"), "{errors}");
    assert_eq!(errors.matches("name").count(), 1, "{errors}");
}
