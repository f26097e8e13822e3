//! The test of admission against schedules that are run unit by unit.

use super::*;
use proptest::prelude::*;
use std::vec::Vec;

const NOBODY: ContextId = ContextId {
    number: 0,
    generation: 0,
};

fn task(budget: u64, deadline: u64, period: u64) -> Task {
    Task {
        budget: Nanos(budget),
        deadline: Nanos(deadline),
        period: Nanos(period),
    }
}

fn reservations(tasks: &[Task]) -> Vec<Reservation> {
    let reservation = |task: &Task| Reservation::new(NOBODY, *task, None);
    tasks.iter().map(reservation).collect()
}

/// Whether earliest deadline first, with everybody released at once and again as soon as possible, meets all deadlines: this is
/// the worst case. It runs through the common period twice.
fn no_deadline_is_missed(tasks: &[Task]) -> bool {
    let common = tasks.iter().fold(1, |common, task| {
        common / greatest_common_divisor(common, task.period.0) * u128::from(task.period.0)
    });
    let end = 2 * u64::try_from(common).unwrap();
    // What is left of each task's job, and when that is due.
    let mut jobs: Vec<(u64, u64)> = tasks.iter().map(|_| (0, 0)).collect();
    for now in 0..=end {
        for (task, job) in tasks.iter().zip(&mut jobs) {
            if job.0 > 0 && job.1 <= now {
                return false;
            }
            if now % task.period.0 == 0 {
                *job = (task.budget.0, now + task.deadline.0);
            }
        }
        let next = jobs.iter_mut().filter(|job| job.0 > 0).min_by_key(|job| job.1);
        if let Some(job) = next {
            job.0 -= 1;
        }
    }
    true
}

fn small_task() -> impl Strategy<Value = Task> {
    let period = proptest::sample::select(std::vec![2_u64, 3, 4, 5, 6, 8, 10, 12, 15, 20]);
    period.prop_flat_map(|period| {
        (1..=period).prop_flat_map(move |deadline| {
            (1..=deadline).prop_map(move |budget| task(budget.div_ceil(2), deadline, period))
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn e17_a_set_is_admitted_exactly_if_its_schedule_meets_all_deadlines(
        tasks in proptest::collection::vec(small_task(), 1..6),
    ) {
        let admitted = fit(&mut reservations(&tasks));
        prop_assert_eq!(admitted.is_ok(), no_deadline_is_missed(&tasks), "{:?}", admitted);
    }

    // A parent with two children: whichever of them are given back, what results is a set that fits.
    #[test]
    fn e10_giving_back_leads_from_an_admitted_set_to_admitted_sets_only(
        (parent, other) in (small_task(), small_task()),
        children in proptest::collection::vec(small_task(), 2),
    ) {
        let taken = |child: &Task| (child.budget.0 * parent.period.0).div_ceil(child.period.0);
        let mut all = reservations(&[parent, other]);
        let mut carved = 0;
        let mut fits = |child: &Task| {
            carved += taken(child);
            carved <= parent.budget.0
        };
        let children: Vec<Task> = children.into_iter().take_while(&mut fits).collect();
        for child in &children {
            all[0].carved += Nanos(taken(child));
            all.push(Reservation::new(NOBODY, *child, Some((0, Nanos(taken(child))))));
        }
        if fit(&mut all).is_err() {
            return Ok(());
        }
        for given_back in 0..1 << children.len() {
            let mut left = parent.budget.0;
            let mut state = std::vec![other];
            for (index, child) in children.iter().enumerate() {
                if given_back & (1 << index) == 0 {
                    left -= taken(child);
                    state.push(*child);
                }
            }
            if left > 0 {
                state.push(Task { budget: Nanos(left), ..parent });
            }
            prop_assert!(no_deadline_is_missed(&state), "{:?}", state);
        }
    }

    // Numbers as large as they come: the search ends and nothing overflows.
    #[test]
    fn e17_a_search_ends_whatever_the_numbers(
        numbers in proptest::collection::vec((100_000..10_000_000_000_u64, 1..=1_000_u64, 1..=1_000_u64), 1..40),
    ) {
        let tasks: Vec<Task> = numbers
            .iter()
            .map(|(period, deadline, budget)| {
                let deadline = (period / 1_000 * deadline).max(100_000);
                task((deadline / 20_000 * budget).max(1), deadline, *period)
            })
            .collect();
        let mut reservations = reservations(&tasks);
        if let Err(Misfit::Due { within, demand: due }) = fit(&mut reservations) {
            prop_assert!(due > within);
            prop_assert_eq!(demand(&mut reservations, within.0), u128::from(due.0));
        }
    }
}

#[test]
fn e17_all_time_may_be_given_away_to_the_last_nanosecond() {
    let third = task(1, 3, 3);
    assert_eq!(fit(&mut reservations(&[third; 3])), Ok(()));
    assert_eq!(
        fit(&mut reservations(&[
            third,
            third,
            task(333_334, 1_000_000, 1_000_000)
        ])),
        Err(Misfit::Overload)
    );
}

#[test]
fn e14_a_refusal_says_in_which_stretch_too_much_is_due() {
    // Two that are due at once: together they are 1/5 of all time.
    let sprint = task(2, 3, 20);
    let refused = fit(&mut reservations(&[sprint, sprint]));
    assert_eq!(
        refused,
        Err(Misfit::Due {
            within: Nanos(3),
            demand: Nanos(4)
        })
    );
}
