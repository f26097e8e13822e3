//! The scheduler seen from inside a running machine (user/proofs) and from its trace: shares, accounts, placement,
//! and a timer that only runs when somebody waits for it.

use sundial_tests::{Boot, Event, Setup};

/// Boots `tests/manifests/proofs/NAME.toml` and expects that everything it saw was right.
#[track_caller]
fn holds(name: &str, shape: impl FnOnce(Setup) -> Setup) -> Boot {
    let boot = shape(Setup::of(&format!("proofs/{name}"))).start();
    let code = boot.exit();
    if code != 0 {
        boot.fail(&format!("{name} exited with {code}"));
    }
    boot
}

/// One CPU whose time is counted in instructions.
fn counted(setup: Setup) -> Setup {
    setup.cpus(1).icount()
}

#[test]
fn d1_shares_follow_weight_and_no_class_changes_them() {
    holds("shares", counted);
}

#[test]
fn d5_under_weighted_fair_queueing_shares_follow_weight_too() {
    holds("shares-wfq", counted).wait_for_line("wfq between threads");
}

#[test]
fn d7_by_default_a_process_with_four_threads_has_four_times_as_much() {
    holds("crowds", counted).wait_for_line("eevdf between threads");
}

#[test]
fn d7_where_processes_share_four_threads_have_no_more_than_one() {
    holds("crowds-shared", counted).wait_for_line("eevdf between processes");
}

#[test]
fn d7_where_processes_share_under_weighted_fair_queueing_four_threads_have_no_more_than_one() {
    holds("crowds-wfq", counted).wait_for_line("wfq between processes");
}

#[test]
fn d4_a_sleeper_has_no_credit_and_a_newcomer_neither_jumps_nor_starves() {
    holds("newcomers", counted);
}

#[test]
fn c1_a_blocked_thread_uses_nothing_and_c3_sums_keep_what_exited_threads_used() {
    holds("accounting", counted);
}

#[test]
fn c1_threads_on_two_cpus_are_charged_what_they_use() {
    holds("accounting", |setup| setup.cpus(2));
}

#[test]
fn a1_a_cpu_that_computes_alone_takes_no_timer_interrupt() {
    holds("quiet", counted);
}

#[test]
fn a1_idle_cpus_take_no_timer_interrupts() {
    holds("quiet", |setup| setup.cpus(4));
}

#[test]
fn a1_what_is_counted_adds_up_and_moves_with_what_happens() {
    holds("counters", counted);
}

#[test]
fn a1_what_is_counted_adds_up_on_four_cpus_and_b4_a_burst_sends_what_was_asked_for() {
    holds("counters", |setup| setup.cpus(4));
}

#[test]
fn b5_new_threads_go_to_idle_cpus_and_otherwise_stay() {
    let boot = holds("spread", |setup| setup.cpus(4).traced());
    // Thread 2 was the sleeper of the wake-up test; then one for each of the other three CPUs, and one too many.
    let placed: Vec<(u32, u32)> = boot
        .events()
        .into_iter()
        .filter_map(|(record, event)| match event {
            Event::ThreadStart { cpu, thread, .. } if thread.pid() == 1 && thread.tid() > 2 => {
                Some((cpu, u32::from(record.cpu)))
            }
            _ => None,
        })
        .collect();
    let [first, second, third, last] = placed[..] else {
        boot.fail(&format!("threads started: {placed:?}"))
    };
    let mut cpus: Vec<u32> = [first, second, third].iter().map(|(cpu, _)| *cpu).collect();
    assert!(
        [first, second, third].iter().all(|(cpu, caller)| cpu != caller),
        "a new thread stayed while others were idle: {placed:?}"
    );
    cpus.sort_unstable();
    cpus.dedup();
    assert_eq!(
        cpus.len(),
        3,
        "two threads on one CPU while another idled: {placed:?}"
    );
    assert_eq!(
        last.0, last.1,
        "at equal load a thread stays with its caller: {placed:?}"
    );
}

#[test]
fn b5_a_thread_runs_where_it_is_told_wherever_it_was_on_two_cpus() {
    holds("pinned", |setup| setup.cpus(2));
}

#[test]
fn b5_a_thread_runs_where_it_is_told_with_more_cpus_than_the_host_has() {
    holds("pinned", |setup| setup.cpus(4));
}

#[test]
fn b5_on_one_cpu_a_thread_may_be_told_to_stay() {
    holds("pinned", |setup| setup.cpus(1).icount());
}

#[test]
fn e1_to_e16_cpu_time_is_held_used_up_told_of_divided_and_revoked_where_instructions_are_counted() {
    holds("contexts", |setup| setup.cpus(1).icount());
}

#[test]
fn e6_e7_whoever_ends_or_is_revoked_on_several_cpus_leaves_the_ledger_as_it_was() {
    holds("contexts-several", |setup| setup.cpus(2));
}

#[test]
fn e6_e7_the_same_with_more_cpus_than_the_host_has() {
    holds("contexts-several", |setup| setup.cpus(4));
}

#[test]
fn e12_nothing_is_said_to_be_enforced_where_the_timer_was_not_proven() {
    holds("unproven", |setup| {
        setup.cpus(2).argument("last-timer-is-unproven")
    });
}

// Only a CPU that started takes threads: one that was told to run on another would have been lost.
#[test]
fn b5_nobody_is_sent_to_a_cpu_that_has_not_started() {
    holds("last-off", |setup| setup.cpus(2).argument("last-cpu-stays-off"));
}

#[test]
fn b1_an_idle_cpu_takes_over_who_waits_and_b4_a_wake_up_sends_one_interrupt_at_most() {
    // The program counts them: never more than there were wake-ups on other CPUs. And an idle CPU took over a thread
    // that waited (B1).
    holds("spread", |setup| setup.cpus(4));
}
