//! `sundial trace` from the outside: what it writes where, and what it says when it cannot.

use abi::trace::{Event, Record, Thread};
use std::path::Path;
use std::process::{Command, Output};

const SHELL: Thread = Thread::new(1, 1);
const NONE: Thread = Thread::NONE;

/// A shell that is woken twice on one CPU: it waits 2 us, then 5 us.
fn recorded(folder: &Path) {
    let mut trace = lab::Trace::new("two wake-ups", 1);
    let wake = Event::Wake {
        target: 0,
        thread: SHELL,
        by: NONE,
    };
    let begin = Event::Switch {
        from: NONE,
        to: SHELL,
    };
    let block = Event::Block {
        reason: 0,
        thread: SHELL,
    };
    trace.push(Record::of(0, 0, Event::process_name(1, "shell")));
    for (at, event) in [
        (1_000, wake),
        (3_000, begin),
        (8_000, block),
        (10_000, wake),
        (15_000, begin),
        (20_000, block),
    ] {
        trace.push(Record::of(at, 0, event));
    }
    trace.save(&folder.join("run.sundial")).unwrap();
}

fn sundial(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sundial"));
    command.current_dir(folder).arg("trace").args(arguments);
    command.output().unwrap()
}

fn printed(folder: &Path, arguments: &[&str]) -> String {
    let output = sundial(folder, arguments);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn l3_one_run_writes_every_picture() {
    let folder = tempfile::tempdir().unwrap();
    recorded(folder.path());
    let options = [
        "run.sundial",
        "--perfetto",
        "p",
        "--ctf",
        "c",
        "--hgrm",
        "h",
        "--cyclictest",
        "y",
        "--html",
        "w",
    ];
    assert_eq!(printed(folder.path(), &options), "");
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    let text = |name: &str| String::from_utf8(read(name)).unwrap();
    assert!(!read("p").is_empty() && !read("c/cpu_0").is_empty());
    assert!(text("c/metadata").starts_with("/* CTF 1.8"));
    assert!(text("h").contains("Total count    =            2"));
    assert!(text("w").contains("<code>sundial trace run.sundial --html w</code>"));
    let latencies: serde_json::Value = serde_json::from_str(&text("y")).unwrap();
    let shell = &latencies["thread"]["0"];
    assert_eq!(
        (&shell["min"], &shell["max"], &shell["name"]),
        (&2000.into(), &5000.into(), &"shell/1".into())
    );
}

#[test]
fn l3_the_summary_is_for_people_and_for_programs() {
    let folder = tempfile::tempdir().unwrap();
    recorded(folder.path());
    let text = printed(folder.path(), &["run.sundial"]);
    assert!(
        text.starts_with("two wake-ups\n7 events in 0.020 ms on 1 CPUs\n"),
        "{text}"
    );
    let line = text.lines().last().unwrap();
    let cells: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(
        cells,
        ["shell/1", "0.010", "50.00", "2", "2", "2.0", "5.0", "5.0"]
    );

    let json: serde_json::Value =
        serde_json::from_str(&printed(folder.path(), &["run.sundial", "--json"])).unwrap();
    assert_eq!(
        (&json["threads"][0]["runtime_ns"], &json["threads"][0]["wakeups"]),
        (&10_000.into(), &2.into())
    );
    let events = printed(folder.path(), &["run.sundial", "--text"]);
    assert_eq!(events.lines().count(), 8);
}

#[test]
fn l3_threads_are_chosen_by_name_and_number() {
    let folder = tempfile::tempdir().unwrap();
    recorded(folder.path());
    for wish in ["she", "1/1"] {
        assert!(
            printed(folder.path(), &["run.sundial", "--hgrm", "-", "--thread", wish])
                .contains("1/(1-Percentile)")
        );
    }
    let refused = sundial(
        folder.path(),
        &["run.sundial", "--hgrm", "-", "--thread", "ghost"],
    );
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&refused.stderr),
        "error: run.sundial: no thread like ghost was woken\n"
    );
}

#[test]
fn l3_what_is_no_trace_is_one_line() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("x.toml"), "[init]").unwrap();
    let refused = sundial(folder.path(), &["x.toml"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).starts_with("error: x.toml: this is no trace"));
}
