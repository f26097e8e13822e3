//! What babeltrace2 makes of our CTF. `./x test` installs it; by hand it is Debian's package `babeltrace2`, or any other
//! one named by `SUNDIAL_BABELTRACE2`.

mod support;

use std::process::{Command, Output};
use support::example;

/// Runs babeltrace2 on a trace.
fn read(trace: &lab::Trace, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    lab::ctf::write(trace, folder.path()).unwrap();
    let program = std::env::var("SUNDIAL_BABELTRACE2").unwrap_or_else(|_| "babeltrace2".to_owned());
    let output = Command::new(&program).args(arguments).arg(folder.path()).output();
    output.unwrap_or_else(|error| panic!("{program}: {error}. Type:  apt-get install babeltrace2"))
}

/// Its lines on standard output, and what it warned of.
fn told(trace: &lab::Trace) -> (Vec<String>, String) {
    let output = read(
        trace,
        &[
            "--clock-seconds",
            "--no-delta",
            "--fields=trace:hostname,trace:domain",
        ],
    );
    let warnings = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{warnings}");
    let lines = String::from_utf8(output.stdout).unwrap();
    (lines.lines().map(str::to_owned).collect(), warnings)
}

#[test]
fn l3_babeltrace2_reads_every_event_with_its_fields() {
    let (lines, _) = told(&example());
    assert_eq!(lines.join("\n"), include_str!("data/ctf.txt").trim_end());
}

#[test]
fn l3_babeltrace2_sees_what_was_lost() {
    let (_, warnings) = told(&example());
    assert!(warnings.contains("41 events"), "{warnings}");
}
