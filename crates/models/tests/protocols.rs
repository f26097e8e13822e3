//! Each protocol holds in every order, and each mistake is found. See `models` for what a mistake is.

use std::panic::{AssertUnwindSafe, catch_unwind};

use models::{Mistake, doorbell, explore, park, queue, shootdown};

/// Whether loom finds an order in which `protocol` fails.
fn is_caught(protocol: impl Fn() + Sync + Send + 'static) -> bool {
    catch_unwind(AssertUnwindSafe(|| explore(3, protocol))).is_err()
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
fn b4_listing_a_waiter_after_looking_is_caught() {
    assert!(is_caught(|| park::waits_for_completions(
        1,
        Mistake::ListAfterLooking
    )));
}

#[test]
fn b4_resting_in_spite_of_an_early_wake_is_caught() {
    assert!(is_caught(|| park::waits_for_completions(
        1,
        Mistake::IgnoreEarlyWake
    )));
}

#[test]
fn p7_each_entry_comes_out_of_a_ring_once() {
    for start in [0, u32::MAX - 1, u32::MAX] {
        explore(3, move || queue::carries_entries(start, 3, Mistake::None));
    }
}

#[test]
fn p7_a_tail_without_release_is_caught() {
    assert!(is_caught(|| queue::carries_entries(
        0,
        1,
        Mistake::RelaxedPublish
    )));
}

#[test]
fn p7_a_tail_before_its_entry_is_caught() {
    assert!(is_caught(|| queue::carries_entries(0, 1, Mistake::PublishEarly)));
}

#[test]
fn p7_an_overwritten_entry_is_caught() {
    assert!(is_caught(|| queue::carries_entries(
        u32::MAX,
        3,
        Mistake::OverwriteUnread
    )));
}

#[test]
fn f7_a_poller_sleeps_only_when_it_will_be_woken() {
    explore(3, || doorbell::sleeps_only_when_it_will_be_woken(Mistake::None));
}

#[test]
fn f7_sleeping_without_a_second_look_is_caught() {
    assert!(is_caught(|| doorbell::sleeps_only_when_it_will_be_woken(
        Mistake::SleepWithoutRecheck
    )));
}

#[test]
fn f7_a_second_look_without_a_fence_is_caught() {
    assert!(is_caught(|| doorbell::sleeps_only_when_it_will_be_woken(
        Mistake::NoFence
    )));
}

#[test]
fn p4_processors_that_wait_for_each_other_get_through() {
    explore(3, || shootdown::two_processors_get_through(Mistake::None));
}

#[test]
fn p4_a_processor_that_spins_deaf_is_caught() {
    assert!(is_caught(|| shootdown::two_processors_get_through(
        Mistake::SpinDeaf
    )));
}

#[test]
fn p4_an_answer_before_the_flush_is_caught() {
    assert!(is_caught(|| shootdown::two_processors_get_through(
        Mistake::AnswerBeforeFlush
    )));
}
