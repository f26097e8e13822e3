//! The machine of `models::machine` settles as it should under many schedules, and each mistake is found.

use std::panic::{AssertUnwindSafe, catch_unwind};

use models::Mistake;
use models::machine::check::{Size, settles};
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, FailurePersistence, Runner};

const SMALL: Size = Size {
    cpus: 3,
    threads: 4,
    steps: 4,
    changes: false,
};
const CHANGING: Size = Size {
    changes: true,
    ..SMALL
};
const LARGE: Size = Size {
    cpus: 4,
    threads: 7,
    steps: 8,
    changes: true,
};

fn run(scheduler: impl Scheduler + 'static, size: Size, mistake: Mistake) {
    let mut config = Config::new();
    config.failure_persistence = FailurePersistence::None;
    config.silence_warnings = true;
    Runner::new(scheduler, config).run(move || settles(size, mistake));
}

/// The words with which the first schedule that breaks a rule says so; none if no schedule does.
fn words(mistake: Mistake) -> String {
    let runs = AssertUnwindSafe(|| {
        for depth in [2, 3, 5] {
            run(PctScheduler::new_from_seed(99, depth, 10_000), SMALL, mistake);
        }
        run(RandomScheduler::new_from_seed(1, 10_000), SMALL, mistake);
    });
    let Err(panic) = catch_unwind(runs) else {
        return String::new();
    };
    let words = panic.downcast_ref::<String>().map(String::as_str);
    words
        .or(panic.downcast_ref::<&str>().copied())
        .unwrap_or("")
        .to_owned()
}

/// Whether some schedule breaks a rule, and says so with these words.
fn is_caught(mistake: Mistake, by: &str) -> bool {
    words(mistake).contains(by)
}

#[test]
fn b2_threads_are_in_one_place_and_none_is_lost_on_three_cpus() {
    run(RandomScheduler::new_from_seed(7, 20_000), SMALL, Mistake::None);
}

#[test]
fn b5_a_thread_is_changed_and_moved_wherever_it_is() {
    run(
        RandomScheduler::new_from_seed(11, 15_000),
        CHANGING,
        Mistake::None,
    );
    for depth in [2, 3, 5] {
        run(
            PctScheduler::new_from_seed(12, depth, 3_000),
            CHANGING,
            Mistake::None,
        );
    }
}

#[test]
fn b2_threads_are_in_one_place_and_none_is_lost_on_four_cpus() {
    run(RandomScheduler::new_from_seed(8, 5_000), LARGE, Mistake::None);
}

#[test]
fn b1_no_cpu_idles_beside_a_waiting_thread_under_few_switches() {
    for depth in [2, 3, 5] {
        run(PctScheduler::new_from_seed(9, depth, 4_000), SMALL, Mistake::None);
        run(
            PctScheduler::new_from_seed(10, depth, 1_000),
            LARGE,
            Mistake::None,
        );
    }
}

#[test]
fn b4_lost_wake_ups_are_caught() {
    for mistake in [Mistake::IgnoreEarlyWake, Mistake::WakeWithoutNote] {
        let words = words(mistake);
        // The order to die is a wake-up, too, and which of the two is lost first is chance.
        let known = ["rests although it was woken", "was to die and lives"];
        assert!(known.iter().any(|known| words.contains(known)), "{words}");
    }
}

#[test]
fn b4_a_wait_that_ends_for_what_is_gone_already_is_caught() {
    assert!(is_caught(Mistake::EndAnyWait, "a wait ended without a letter"));
}

#[test]
fn b1_threads_that_wait_beside_idle_cpus_are_caught() {
    for mistake in [
        Mistake::NeverCallHelpers,
        Mistake::NoHelperForTheRest,
        Mistake::StealOnlyWithoutWaiting,
    ] {
        assert!(is_caught(mistake, "a CPU idles while a thread waits"));
    }
}

#[test]
fn b4_a_cpu_that_is_not_interrupted_is_caught() {
    assert!(is_caught(
        Mistake::ForgetToInterrupt,
        "a CPU idles while a thread waits"
    ));
}

#[test]
fn b6_forgotten_candidates_are_caught() {
    for mistake in [
        Mistake::GoOnWithACandidate,
        Mistake::ReturnWithACandidate,
        Mistake::DieWithACandidate,
    ] {
        assert!(is_caught(mistake, "a candidate was forgotten"));
    }
}

#[test]
fn p5_a_thread_that_survives_its_death_is_caught() {
    assert!(is_caught(
        Mistake::KillWithoutInterrupting,
        "was to die and lives"
    ));
}
