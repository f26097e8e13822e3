//! The scenarios in the folder `scenarios` are read, survive being written, and run without breaking a rule.

use sim::input::{load, rtapp, toml};
use sim::scenario::Scenario;
use std::path::PathBuf;

/// Enough to see every thread at work, and short.
const EVENTS: u64 = 20_000;

fn files() -> Vec<PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios");
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    files.sort();
    files
}

#[track_caller]
fn scenario(text: &str) -> Scenario {
    toml::read(text, "test.toml").unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn l2_every_shipped_scenario_is_read_and_written() {
    let files = files();
    let count = |extension: &str| {
        let such = files
            .iter()
            .filter(|file| file.extension().is_some_and(|it| it == extension));
        such.count()
    };
    assert!(count("toml") >= 10 && count("json") >= 2);
    for file in &files {
        let loaded = load(file).unwrap_or_else(|errors| panic!("{errors}"));
        let text = toml::write(&loaded.scenario);
        assert_eq!(
            toml::read(&text, "again.toml").as_ref(),
            Ok(&loaded.scenario),
            "{text}"
        );
        let stem = file.file_stem().expect("a name").to_string_lossy();
        assert_eq!(loaded.scenario.name, stem);
    }
}

#[test]
fn l2_every_shipped_scenario_runs() {
    for file in files() {
        let loaded = load(&file).unwrap_or_else(|errors| panic!("{errors}"));
        let mut machine = sim::Machine::new(&loaded.scenario);
        machine.stop_after(EVENTS);
        let outcome = machine.run();
        assert!(
            outcome.broken.is_none(),
            "{}: {:?}",
            file.display(),
            outcome.broken
        );
        assert!(
            outcome.events > 1_000,
            "{}: {} events",
            file.display(),
            outcome.events
        );
    }
}

#[test]
fn l2_generated_scenarios_are_written_and_read_as_they_were() {
    for seed in 0..300 {
        let generated = sim::generate::scenario(seed);
        assert_eq!(scenario(&toml::write(&generated)), generated, "seed {seed}");
    }
}

#[test]
fn l2_the_language_of_a_file_without_a_telling_name_is_that_of_its_content() {
    let folder = tempfile::tempdir().expect("a folder for files can be made");
    let (json, other) = (folder.path().join("a.workload"), folder.path().join("b.workload"));
    std::fs::write(&json, "// rt-app\n{ \"tasks\" : { \"t\" : { \"run\" : 1 } } }").expect("writable");
    std::fs::write(&other, "# TOML\nduration = \"1s\"\nthread = []").expect("writable");
    assert_eq!(
        load(&json).expect("rt-app's").scenario.duration,
        rtapp::Options::default().endless
    );
    assert_eq!(load(&other).expect("TOML").scenario.threads, []);
    let missing = load(&folder.path().join("c.toml")).expect_err("there is no such file");
    assert!(missing.to_string().contains("c.toml: cannot be read"));
}

#[test]
fn l2_what_is_repeated_zero_times_never_runs() {
    let program = |keys: &str| {
        let text = format!(
            r#"
            duration = "10ms"
            [[thread]]
            name = "t"
            {keys}
            [[thread.phase]]
            repeat = 0
            program = ["run 4ms"]
            [[thread.phase]]
            program = ["run 1ms"]
            "#
        );
        let mut machine = sim::Machine::new(&scenario(&text));
        assert!(machine.run().broken.is_none());
        machine.summary().busy.0
    };
    let micros = 1_000;
    assert!((1_000 * micros..1_100 * micros).contains(&program("")));
    assert!((2_000 * micros..2_100 * micros).contains(&program("repeat = 2")));
    assert!(program("repeat = 0") < 100 * micros);
}
