//! Each protocol holds in every order, and each mistake is found. See `models` for what a mistake is.

use std::panic::{AssertUnwindSafe, catch_unwind};

use models::operation::{self, Party};
use models::{Mistake, board, explore, lock, park, ring, shootdown};

/// Whether loom finds an order in which `protocol` fails. Two switches are enough for every mistake.
fn is_caught(protocol: impl Fn() + Sync + Send + 'static) -> bool {
    catch_unwind(AssertUnwindSafe(|| explore(2, protocol))).is_err()
}

#[test]
fn b4_no_wake_is_lost_between_looking_and_resting() {
    explore(3, || park::waits_for_completions(1, Mistake::None));
}

#[test]
fn b2_two_posters_wake_a_thread_once() {
    explore(3, || park::waits_for_completions(2, Mistake::None));
}

#[test]
fn b2_a_completion_and_a_time_out_wake_a_thread_once() {
    explore(3, || park::waits_with_a_time_out(Mistake::None));
}

#[test]
fn b4_a_wake_that_finds_nobody_at_rest_and_is_forgotten_is_caught() {
    for mistake in [
        Mistake::ListAfterLooking,
        Mistake::IgnoreEarlyWake,
        Mistake::WakeWithoutNote,
    ] {
        assert!(
            is_caught(move || park::waits_for_completions(1, mistake)),
            "{mistake:?}"
        );
    }
}

#[test]
fn b1_a_cpu_sleeps_only_when_it_will_be_summoned() {
    explore(5, || board::sleeps_only_when_it_will_be_summoned(Mistake::None));
}

#[test]
fn b4_an_idle_cpu_is_summoned_by_one() {
    explore(3, || board::is_summoned_by_one(Mistake::None));
}

#[test]
fn b1_a_cpu_that_sleeps_beside_a_waiting_thread_is_caught() {
    for mistake in [
        Mistake::LookBeforePublishing,
        Mistake::AskBeforePublishing,
        Mistake::StealOnlyWithoutWaiting,
        Mistake::WeakWords,
    ] {
        assert!(
            is_caught(move || board::sleeps_only_when_it_will_be_summoned(mistake)),
            "{mistake:?}"
        );
    }
}

#[test]
fn b4_a_cpu_that_is_summoned_twice_is_caught() {
    assert!(is_caught(|| board::is_summoned_by_one(
        Mistake::SummonWithoutClaiming
    )));
}

#[test]
fn p7_each_submission_comes_out_of_a_ring_once() {
    for start in [0, u32::MAX - 15, u32::MAX] {
        explore(3, move || ring::carries_submissions(start, Mistake::None));
    }
}

#[test]
fn p7_each_completion_comes_out_of_a_ring_once() {
    for start in [0, u32::MAX - 31, u32::MAX] {
        explore(3, move || ring::carries_completions(start, Mistake::None));
    }
}

#[test]
fn p7_entries_that_are_touched_by_both_sides_are_caught() {
    for mistake in [
        Mistake::WeakWords,
        Mistake::PublishEarly,
        Mistake::OverwriteUnread,
        Mistake::GiveBackEarly,
    ] {
        let submissions = move || ring::carries_submissions(u32::MAX, mistake);
        assert!(is_caught(submissions), "submissions: {mistake:?}");
        let completions = move || ring::carries_completions(u32::MAX, mistake);
        assert!(is_caught(completions), "completions: {mistake:?}");
    }
}

#[test]
fn f7_a_poller_sleeps_only_when_it_will_be_woken() {
    explore(3, || ring::sleeps_only_when_it_will_be_woken(Mistake::None));
}

#[test]
fn f7_a_poller_that_sleeps_beside_a_submission_is_caught() {
    for mistake in [Mistake::SleepWithoutRecheck, Mistake::NoFence] {
        assert!(
            is_caught(move || ring::sleeps_only_when_it_will_be_woken(mistake)),
            "{mistake:?}"
        );
    }
}

#[test]
fn p4_a_lock_has_one_holder_who_sees_what_the_last_one_wrote() {
    explore(3, lock::one_at_a_time::<true>);
}

#[test]
fn p4_a_lock_whose_steps_order_nothing_is_caught() {
    assert!(is_caught(lock::one_at_a_time::<false>));
}

#[test]
fn p4_processors_that_wait_for_each_other_get_through() {
    explore(3, || shootdown::two_processors_get_through(Mistake::None));
}

#[test]
fn p4_processors_that_wait_for_each_other_for_ever_are_caught() {
    for mistake in [Mistake::SpinDeaf, Mistake::AnswerBeforeFlush] {
        assert!(
            is_caught(move || shootdown::two_processors_get_through(mistake)),
            "{mistake:?}"
        );
    }
}

#[test]
fn p18_an_operation_ends_once_whoever_ends_it_beside_its_time_out() {
    for party in [Party::Server, Party::Withdrawer, Party::Closer] {
        explore(3, move || operation::ends_once(party, Mistake::None));
    }
}

#[test]
fn p18_nobody_writes_for_an_operation_whose_ring_was_closed() {
    explore(3, || operation::served_while_closing(Mistake::None));
    assert!(is_caught(|| operation::served_while_closing(
        Mistake::WriteWithoutClaim
    )));
}

#[test]
fn p18_an_operation_that_ends_wrongly_is_caught() {
    for (party, mistake) in [
        (Party::Server, Mistake::KeepTheTimer),
        (Party::Closer, Mistake::KeepTheTimer),
        (Party::Closer, Mistake::ForgetNothing),
        (Party::Server, Mistake::EndTheSlotsTenant),
        (Party::Server, Mistake::ServeWithoutAsking),
        (Party::Server, Mistake::WriteWithoutClaim),
    ] {
        assert!(
            is_caught(move || operation::ends_once(party, mistake)),
            "{party:?} {mistake:?}"
        );
    }
}
