//! What `./x run` boots, with a person at its terminal: each command of the shell and each demo does what it says.

use sundial_tests::Setup;
use sundial_tests::shell::{answer, seated};

#[test]
fn the_shell_says_what_it_can_do_and_leaves_with_a_code() {
    let boot = seated();
    let help = answer(&boot, "help");
    for word in [
        "ps", "threads", "cpus", "stat", "top", "run", "kill", "weight", "class", "caps", "log", "time",
        "exit",
    ] {
        assert!(
            help.lines().any(|line| line.trim_start().starts_with(word)),
            "no {word} in\n{help}"
        );
    }
    boot.type_text("exit 42\r");
    assert_eq!(boot.exit(), 42);
}

#[test]
fn p1_thirty_two_mebibytes_reach_the_shell() {
    let boot = Setup::shell().memory_mib(32).terminal().start();
    boot.expect("sundial> ");
    boot.type_text("exit\r");
    assert_eq!(boot.exit(), 0);
}

#[test]
fn programs_run_and_tell_how_they_ended() {
    let boot = seated();
    let said = answer(&boot, "hello");
    assert!(said.contains("hello from process"), "{said}");
    assert!(said.contains("7"), "{said}");
    let nothing = answer(&boot, "no-such-program");
    assert!(nothing.contains("neither a command nor a program"), "{nothing}");
}

#[test]
fn p9_what_runs_can_be_seen() {
    let boot = seated();
    let processes = answer(&boot, "ps");
    assert!(
        processes.contains("shell") && processes.contains("first"),
        "{processes}"
    );
    let cpus = answer(&boot, "cpus");
    assert_eq!(cpus.matches("online").count(), 2, "{cpus}");
    let threads = answer(&boot, "threads");
    assert!(threads.contains("shell"), "{threads}");
}

#[test]
fn the_end_of_the_input_ends_the_machine() {
    let boot = seated();
    boot.type_text("\x04");
    assert_eq!(boot.exit(), 0);
}
