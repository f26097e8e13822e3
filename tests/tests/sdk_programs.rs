//! Programs that none of us wrote, and programs of ours on crates that none of us wrote: what is built on the published
//! `capos` crates runs here as it is. Each program in `tests/sdk/` checks itself, names the check that fails, and exits
//! with 0 if none does; its own first lines say what it is about.

use sundial_tests::Setup;

/// Boots `tests/manifests/sdk/PROGRAM.toml` as `shape` has it and expects that everything it checked was right.
#[track_caller]
fn passes(program: &str, shape: impl FnOnce(Setup) -> Setup) {
    let boot = shape(Setup::of(&format!("sdk/{program}"))).start();
    let code = boot.exit();
    if code != 0 {
        boot.fail(&format!("{program} exited with {code}"));
    }
}

/// As it is: two CPUs that really run at the same time.
fn parallel(setup: Setup) -> Setup {
    setup.cpus(2)
}

/// One CPU whose time is counted in instructions.
fn counted(setup: Setup) -> Setup {
    setup.cpus(1).icount()
}

#[test]
fn p14_the_program_in_the_published_readme_says_hello() {
    let boot = Setup::of("sdk/readme").start();
    boot.wait_for_line("hello from capos");
    assert_eq!(boot.exit(), 0);
}

#[test]
fn p14_the_published_smoke_program_passes() {
    let boot = Setup::of("sdk/capos-rt-smoke").start();
    for line in ["exception decode ok", "kept Console live", "stayed live"] {
        boot.wait_for_line(line);
    }
    assert_eq!(boot.exit(), 0);
    assert!(
        !boot.console().contains("should fail"),
        "a refused line was printed"
    );
}

#[test]
fn p7_calls_have_their_codes_whatever_is_wrong_with_them() {
    let boot = parallel(Setup::of("sdk/console")).start();
    let code = boot.exit();
    if code != 0 || boot.console().contains("MUST NOT BE PRINTED") {
        boot.fail(&format!("console exited with {code}"));
    }
}

#[test]
fn p9_timers_keep_their_word() {
    passes("timer", parallel);
}

#[test]
fn p9_timers_keep_their_word_in_counted_time() {
    passes("timer", counted);
}

#[test]
fn p5_threads_start_end_and_are_joined() {
    passes("threads", parallel);
}

#[test]
fn p5_threads_share_one_cpu() {
    passes("threads", counted);
}

#[test]
fn p7_threads_with_a_ring_of_their_own_are_alone_on_it() {
    passes("own_ring", parallel);
}

#[test]
fn p9_parked_threads_lose_no_wake_up() {
    passes("park", parallel);
}

#[test]
fn p9_parked_threads_lose_no_wake_up_on_one_cpu() {
    passes("park", counted);
}

#[test]
fn p4_memory_is_what_was_asked_for_and_never_writable_and_executable() {
    passes("memory", parallel);
}

#[test]
fn p9_memory_objects_are_shared_and_outlive_their_capability() {
    passes("objects", parallel);
}

#[test]
fn p9_children_end_in_every_way_and_their_parent_knows() {
    let boot = parallel(Setup::of("sdk/spawn")).start();
    let code = boot.exit();
    if code != 0 || !boot.console().contains("[capos-rt] panic at ") {
        boot.fail(&format!("spawn exited with {code}"));
    }
}

#[test]
fn d2_only_good_weights_and_classes_take() {
    passes("policy", counted);
}

#[test]
fn e1_contexts_are_made_bound_used_up_told_of_and_revoked_by_programs_on_the_published_crates() {
    passes("contexts", parallel);
}

#[test]
fn e1_contexts_are_as_published_on_one_cpu() {
    passes("contexts", counted);
}

#[test]
fn p9_pipes_keep_bytes_in_order() {
    passes("pipe", parallel);
}

#[test]
fn p9_log_records_are_filtered_cut_and_counted() {
    passes("log", parallel);
}

#[test]
fn p9_programs_learn_about_the_machine_what_they_may() {
    passes("system", parallel);
}

#[test]
fn p8_calls_and_answers_within_a_process() {
    passes("endpoint", parallel);
}

#[test]
fn p8_calls_and_answers_between_processes() {
    passes("service", parallel);
}

#[test]
fn p8_calls_and_answers_between_processes_on_one_cpu() {
    passes("service", counted);
}

#[test]
fn p8_capabilities_travel_whole_or_not_at_all() {
    passes("transfers", parallel);
}

#[test]
fn p7_every_malformed_request_gets_its_code_and_changes_nothing() {
    passes("malformed", parallel);
}

#[test]
fn p7_rings_survive_liars_and_lose_no_completion() {
    passes("rings", parallel);
}

#[test]
fn p7_a_program_that_means_harm_gets_errors_and_goes_on() {
    passes("hostile", parallel);
}

#[test]
fn p7_a_hostile_program_alone_on_one_cpu() {
    passes("hostile", counted);
}

#[test]
fn p4_memory_that_goes_away_is_an_error_for_its_owner_alone() {
    passes("races", parallel);
}

#[test]
fn p6_full_tables_refuse_and_old_ids_stay_dead() {
    passes("exhaust", parallel);
}
