//! Comparisons of rows that are written down here.

use super::*;

fn row(id: &str, samples: &[f64]) -> Value {
    let unit = table::find(id).unwrap().unit;
    json!({
        "row": id, "system": "sundial", "variant": null, "unit": unit, "samples": samples, "verified": true,
        "machine": "TCG, -icount", "recipe": { "commit": "a", "host": "here" },
    })
}

fn told(id: &str, old: &[f64], new: &[f64]) -> Verdict {
    compare(&[row(id, old)], &[row(id, new)])[0].verdict
}

#[test]
fn fewer_instructions_are_better_and_larger_speed_ups_too() {
    assert_eq!(told("N1", &[330.0], &[300.0]), Verdict::Better);
    assert_eq!(told("N1", &[300.0], &[330.0]), Verdict::Worse);
    assert_eq!(told("N15a", &[1.8], &[1.9]), Verdict::Better);
    assert_eq!(told("N15a", &[1.9], &[1.8]), Verdict::Worse);
    assert_eq!(told("N1", &[300.0], &[300.0]), Verdict::Same);
}

#[test]
fn a_difference_no_larger_than_the_noise_is_none() {
    let (old, near, far) = (
        [90.0, 95.0, 100.0, 105.0, 110.0],
        [98.0, 103.0, 108.0, 113.0, 118.0],
        [102.0, 107.0, 112.0, 117.0, 122.0],
    );
    assert_eq!(told("N1", &old, &near), Verdict::WithinNoise);
    assert_eq!(told("N1", &old, &far), Verdict::Worse);
    let compared = &compare(&[row("N1", &old)], &[row("N1", &far)])[0];
    assert_eq!((compared.change, compared.noise), (Some(12.0), Some(10.0)));
}

#[test]
fn systems_and_variants_are_compared_with_their_like() {
    let mut pipe = row("N3", &[10.0]);
    (pipe["system"], pipe["variant"]) = ("linux".into(), "pipe".into());
    let mut futex = pipe.clone();
    futex["variant"] = "futex".into();
    let compared = compare(&[row("N3", &[10.0]), pipe.clone()], &[futex, pipe]);
    let verdicts: Vec<Verdict> = compared.iter().map(|row| row.verdict).collect();
    assert_eq!(verdicts, [Verdict::OnlyNew, Verdict::Same, Verdict::OnlyOld]);
}

#[test]
fn a4_a_void_row_is_not_compared() {
    let mut void = row("N1", &[100.0]);
    void["verified"] = false.into();
    let compared = &compare(&[row("N1", &[300.0])], &[void])[0];
    assert_eq!(
        (compared.verdict, compared.new, compared.change),
        (Verdict::Void, None, None)
    );
}

#[test]
fn wall_times_of_other_hosts_and_figures_of_other_machines_are_not_compared() {
    let mut elsewhere = row("N1", &[100.0]);
    elsewhere["recipe"]["host"] = "there".into();
    assert_eq!(
        compare(&[row("N1", &[100.0])], &[elsewhere.clone()])[0].verdict,
        Verdict::Same
    );
    elsewhere["machine"] = "TCG, thread=multi".into();
    let mut here = elsewhere.clone();
    here["recipe"]["host"] = "here".into();
    assert_eq!(
        compare(&[here], &[elsewhere.clone()])[0].verdict,
        Verdict::OtherMachine
    );
    assert_eq!(
        compare(&[row("N1", &[1.0])], &[elsewhere])[0].verdict,
        Verdict::OtherMachine
    );
}

#[test]
fn rows_from_before_systems_were_kept_are_sundials() {
    let mut old = row("N1", &[330.0]);
    old.as_object_mut()
        .unwrap()
        .retain(|key, _| key != "system" && key != "variant");
    let compared = &compare(&[old], &[row("N1", &[300.0])])[0];
    assert_eq!(compared.verdict, Verdict::Better);
    assert!(compared.line().contains("-9.1 %"), "{}", compared.line());
}
