//! Verdicts on rows that are made up.

use super::super::boot::Clock;
use super::super::measured::Figures;
use super::*;
use xtask::qemu::Accelerator;

fn row(system: System, samples: &[f64]) -> Measured {
    let figures = Figures::of(samples.to_vec());
    Measured::new("N15a", system, Clock::Wall(Accelerator::Tcg), figures)
}

fn judged(ours: &[f64], theirs: &[f64]) -> Option<bool> {
    let mut rows = [row(System::Sundial, ours), row(System::Linux, theirs)];
    let verdicts = judge(&mut rows, None);
    assert_eq!(rows[0].gate, Some((AT_LEAST_LINUX, verdicts[0].1.passed)));
    assert_eq!(rows[1].gate, None);
    verdicts[0].1.passed
}

#[test]
fn a5_at_least_linux_is_accepted_and_clearly_less_is_not() {
    assert_eq!(judged(&[1.9; 10], &[1.9; 10]), Some(true));
    assert_eq!(judged(&[1.8; 10], &[1.9; 10]), Some(false));
}

#[test]
fn a5_pairs_are_compared_and_not_all_with_all() {
    // A host with fast and slow minutes: in each of them Sundial is ahead, whatever the middles say.
    let ours = [1.5, 1.9, 1.5, 1.9, 1.5, 1.9, 1.5, 1.9, 1.5, 1.5];
    let theirs = [1.4, 1.8, 1.4, 1.8, 1.4, 1.8, 1.4, 1.8, 1.8, 1.8];
    assert!(median(&ours) < median(&theirs));
    assert_eq!(judged(&ours, &theirs), Some(true));
}

#[test]
fn a5_what_cannot_be_told_is_not_accepted() {
    let noisy = [1.7, 2.1, 1.7, 2.1, 1.7, 2.1, 1.7, 1.7, 1.7, 2.1];
    assert_eq!(judged(&noisy, &[1.9; 10]), None);
    assert_eq!(judged(&[1.9; 3], &[1.8; 3]), None, "too few");
    assert_eq!(judged(&[1.9; 10], &[1.8; 9]), None, "a boot is missing");
    assert_eq!(
        judge(&mut [row(System::Sundial, &[1.9; 10])], None)[0].1.passed,
        None
    );
}

#[test]
fn a5_a_void_row_decides_nothing() {
    let mut rows = [row(System::Sundial, &[1.9; 10]), row(System::Linux, &[1.8; 10])];
    rows[1].figures.refuted = true;
    assert_eq!(judge(&mut rows, None)[0].1.passed, None);
}

/// The verdict on one counted row.
fn counted(id: &str, figure: f64, reference: Option<&Rows>) -> Option<bool> {
    let figures = Figures::of(vec![figure]);
    let mut rows = [Measured::new(id, System::Sundial, Clock::Instructions, figures)];
    judge(&mut rows, reference)[0].1.passed
}

#[test]
fn e9_a_single_interrupt_is_not_accepted() {
    assert_eq!(counted("E9", 0.0, None), Some(true));
    assert_eq!(counted("E9", 1.0, None), Some(false));
}

#[test]
fn n3_n5_n6_what_became_dearer_than_what_is_checked_in_is_not_accepted() {
    let checked_in = |machine: &str| {
        let row = json!({
            "row": "N3", "what": "", "unit": "instructions", "system": "sundial", "median": 1000.0, "samples": [1000.0],
            "verified": true, "machine": machine, "recipe": { "commit": "c" },
        });
        lab::bench::read(&format!("{row}\n")).unwrap()
    };
    let same = checked_in(Clock::Instructions.machine());
    assert_eq!(counted("N3", 1_020.0, Some(&same)), Some(true));
    assert_eq!(counted("N3", 1_021.0, Some(&same)), Some(false));
    assert_eq!(counted("N5", 1_021.0, Some(&same)), None, "another row");
    assert_eq!(counted("N3", 1_021.0, None), None, "nothing is checked in");
    let other = checked_in("another machine");
    assert_eq!(counted("N3", 1_021.0, Some(&other)), None);
}
