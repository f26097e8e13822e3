//! The demos of CPU time: `limit` and `reserve` say by their exit code whether they saw what they promise.

use sundial_tests::Setup;
use sundial_tests::shell::{answer, seated};

/// Boots a demo as init's only service and expects that it saw what it promises.
#[track_caller]
fn keeps_its_word(manifest: &str, shape: impl FnOnce(Setup) -> Setup) {
    let boot = shape(Setup::of(manifest)).start();
    let code = boot.exit();
    if code != 0 {
        boot.fail(&format!("{manifest} exited with {code}"));
    }
}

#[test]
fn e8_no_limit_is_exceeded_where_instructions_are_counted() {
    keeps_its_word("limit", |setup| setup.cpus(1).icount());
}

#[test]
fn e8_no_limit_is_exceeded_on_two_cpus() {
    keeps_its_word("limit", |setup| setup.cpus(2));
}

#[test]
fn e8_no_limit_is_exceeded_with_more_cpus_than_the_host_has() {
    keeps_its_word("limit", |setup| setup.cpus(4));
}

#[test]
fn g2_no_reserved_job_is_late_beside_storms_where_instructions_are_counted() {
    keeps_its_word("reserve", |setup| setup.cpus(1).icount());
}

// Where CPUs really run at the same time, a busy host may take more than a deadline away from any of them. So they take turns here, and
// what counts is for how long the thread was ready and had no CPU.
#[test]
fn g2_a_reserved_job_hardly_waits_beside_storms_on_two_cpus() {
    keeps_its_word("reserve-turns", |setup| setup.cpus(2).icount());
}

#[test]
fn g2_a_reserved_job_hardly_waits_beside_storms_on_four_cpus() {
    keeps_its_word("reserve-turns", |setup| setup.cpus(4).icount());
}

#[test]
fn e14_the_demos_name_what_is_wrong_with_what_is_asked_of_them() {
    let boot = seated();
    for program in ["limit", "reserve"] {
        let said = answer(&boot, &format!("{program} nonsense"));
        assert!(
            said.contains("`nonsense` is no budget in a period") && said.contains("ended with code 2"),
            "{said}"
        );
        let said = answer(&boot, &format!("{program} --help"));
        assert!(said.contains(&format!("usage: {program}")), "{said}");
    }
    let refused = answer(&boot, "reserve 99ms/100ms --deadline 100ms");
    assert!(refused.contains("would be granted"), "{refused}");
}
