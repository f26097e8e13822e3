//! Scheduling policy set from outside: a program changes weights and classes of threads that never stand still.

use sundial_tests::Setup;

/// Boots `tests/manifests/meddler.toml` and expects that every change took.
#[track_caller]
fn meddle(shape: impl FnOnce(Setup) -> Setup) {
    meddle_with("meddler", shape);
}

/// The same with another manifest.
#[track_caller]
fn meddle_with(manifest: &str, shape: impl FnOnce(Setup) -> Setup) {
    let boot = shape(Setup::of(manifest)).start();
    let code = boot.exit();
    if code != 0 {
        boot.fail(&format!("meddler exited with {code}"));
    }
    boot.wait_for_line("every change took");
}

#[test]
fn d3_a_change_takes_wherever_the_thread_is() {
    meddle(|setup| setup.cpus(2));
}

#[test]
fn d3_a_change_takes_with_more_cpus_than_the_host_has() {
    meddle(|setup| setup.cpus(4));
}

#[test]
fn d3_a_change_takes_on_one_cpu() {
    meddle(|setup| setup.cpus(1).icount());
}

#[test]
fn d7_a_change_takes_where_processes_share_under_weighted_fair_queueing() {
    meddle_with("meddler-shared", |setup| setup.cpus(4));
}

#[test]
fn d7_a_change_takes_where_processes_share_one_cpu() {
    meddle_with("meddler-shared", |setup| setup.cpus(1).icount());
}
