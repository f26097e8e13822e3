//! Programs that mean harm, and memory and numbers at their worst moments. `evil` tries hundreds of attacks and ends with
//! 0 if each was answered as it should be; the proofs (user/proofs) look at what is left behind.

use sundial_tests::Setup;

/// Boots `tests/manifests/evil.toml` and expects that every attack failed.
#[track_caller]
fn evil_fails(shape: impl FnOnce(Setup) -> Setup) {
    let boot = shape(Setup::of("evil")).start();
    let code = boot.exit();
    // Everything that it needs is granted here.
    let console = boot.console();
    if code != 0 || console.contains("BROKEN") || console.contains("not tried") {
        boot.fail(&format!("evil exited with {code}"));
    }
    boot.wait_for_line("attacks were answered as they should be");
}

/// Boots `tests/manifests/proofs/NAME.toml` and expects that everything it saw was right.
#[track_caller]
fn holds(name: &str, shape: impl FnOnce(Setup) -> Setup) {
    let boot = shape(Setup::of(&format!("proofs/{name}"))).start();
    let code = boot.exit();
    if code != 0 {
        boot.fail(&format!("{name} exited with {code}"));
    }
}

/// One CPU whose time is counted in instructions.
fn counted(setup: Setup) -> Setup {
    setup.cpus(1).icount()
}

#[test]
fn p7_every_attack_fails_on_one_cpu() {
    evil_fails(counted);
}

#[test]
fn p7_every_attack_fails_on_two_cpus() {
    evil_fails(|setup| setup.cpus(2));
}

#[test]
fn p7_every_attack_fails_on_four_cpus() {
    evil_fails(|setup| setup.cpus(4));
}

#[test]
fn p7_every_submission_completes_once_and_in_order_wherever_the_indices_are() {
    // Thousands of times round the slots, and once through 2^32: an index that is narrowed or compared the wrong way
    // loses or repeats a submission there.
    holds("indices", counted);
}

#[test]
fn p6_old_ids_of_a_slot_that_is_used_again_name_nobody() {
    holds("indices", |setup| setup.cpus(2));
}

#[test]
fn p15_an_answer_does_not_wait_for_a_range_that_others_change() {
    // Two CPUs by turns, counted in instructions: the changer is always on one of them.
    holds("ranges", |setup| setup.cpus(2).icount());
}

#[test]
fn p8_an_endpoint_keeps_its_books() {
    holds("meetings", counted);
}

#[test]
fn p17_registers_of_one_process_never_show_in_another() {
    holds("registers", counted);
}

#[test]
fn p17_registers_stay_apart_on_two_cpus_with_every_vector_register() {
    holds("registers", |setup| setup.cpus(2).model("max"));
}

#[test]
fn p17_registers_stay_apart_without_xsave() {
    for model in ["Nehalem", "max,-xsave", "max,level=12"] {
        holds("registers", |setup| counted(setup).model(model));
    }
}

#[test]
fn p17_registers_stay_apart_where_x87_pointers_are_not_restored() {
    holds("registers", |setup| counted(setup).model("EPYC"));
}

#[test]
fn p4_memory_that_goes_away_at_any_step_of_a_completion_is_written_by_nobody() {
    holds("pending", counted);
}

#[test]
fn p4_memory_that_goes_away_while_another_cpu_answers_is_written_by_nobody() {
    holds("pending", |setup| setup.cpus(4));
}

#[test]
fn p4_an_unmapped_page_is_gone_for_threads_on_other_cpus() {
    holds("pages", |setup| setup.cpus(2));
}

#[test]
fn p4_an_unmapped_page_is_gone_for_threads_beyond_the_sixty_fourth_cpu() {
    holds("far", |setup| setup.cpus(70).memory_mib(512));
}

#[test]
fn p4_an_unmapped_page_is_gone_and_one_cpu_tells_nobody() {
    holds("pages", counted);
}

#[test]
fn p15_whoever_a_pass_wakes_first_does_not_wait_for_the_rest_of_it() {
    holds("passes", |setup| setup.cpus(3));
}

#[test]
fn p15_a_crowd_is_woken_in_pieces_between_which_others_run() {
    holds("pieces", counted);
}

#[test]
fn a1_a_call_that_goes_on_on_another_cpu_is_counted_where_it_began() {
    holds("elsewhere", |setup| setup.cpus(20));
}

#[test]
fn p5_no_thread_goes_on_beside_a_sibling_that_has_ended_with_their_process() {
    // Two CPUs by turns: the thread that looks on is always on one of them.
    holds("ends", |setup| setup.cpus(2).icount());
}

#[test]
fn p16_what_waits_in_the_kernel_eats_no_promise_and_comes_back() {
    // Data at a full pipe once took the frames of processes that had been promised them, and kept them for ever.
    holds("accounts", |setup| setup.memory_mib(64).cpus(1).icount());
}

#[test]
fn p16_what_waits_in_the_kernel_eats_no_promise_on_several_cpus() {
    holds("accounts", |setup| setup.memory_mib(64).cpus(2));
}

#[test]
fn p5_processes_killed_at_random_moments_leave_nothing() {
    holds("leaks", counted);
}

#[test]
fn p5_processes_whose_threads_end_on_several_cpus_at_once_leave_nothing() {
    // The CPU that buried the last thread once took the process apart while others were still burying theirs, and the
    // kernel panicked over a ring that was gone.
    holds("leaks", |setup| setup.cpus(4));
}

#[test]
fn p18_whatever_random_programs_do_and_whenever_they_end_nothing_is_lost_or_doubled() {
    holds("chaos", counted);
}

#[test]
fn p18_nothing_is_lost_or_doubled_when_random_programs_run_at_once_on_two_cpus() {
    holds("chaos", |setup| setup.cpus(2));
}

#[test]
fn p18_nothing_is_lost_or_doubled_when_random_programs_run_at_once_on_four_cpus() {
    holds("chaos", |setup| setup.cpus(4));
}
