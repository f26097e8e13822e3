//! Latency files against those of the tools whose forms they have: HdrHistogram for Java (2.1.11,
//! `outputPercentileDistribution(out, 5, 1000.0)`) and cyclictest (rt-tests 2.40, `--json`) wrote the files in `data`.

use lab::cyclictest::{self, Report, Unit};
use lab::histogram::Latency;
use sched::{Instant, Nanos};
use serde_json::Value;
use std::collections::BTreeSet;

fn hundred_and_one() -> Latency {
    (1..=100).chain([5000]).map(|us| Nanos(us * 1000)).collect()
}

#[test]
fn l3_the_percentile_text_is_that_of_the_original() {
    assert_eq!(hundred_and_one().hgrm(), include_str!("data/latency.hgrm"));
}

/// The keys of an object and all below it, with numbers as `N` so that histograms compare.
fn keys(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    if let Value::Object(map) = value {
        for (key, below) in map {
            let name = if key.parse::<u64>().is_ok() { "N" } else { key };
            let path = format!("{path}/{name}");
            keys(below, &path, found);
            let form = match below {
                Value::Number(number) if number.is_f64() => "fraction",
                Value::Number(_) => "number",
                Value::String(_) => "text",
                _ => "object",
            };
            found.insert(format!("{path}: {form}"));
        }
    }
}

#[test]
fn l3_the_json_has_every_key_that_cyclictest_writes() {
    let latency = hundred_and_one();
    let report = Report {
        command: "sundial trace run.sundial",
        machine: "test",
        begin: Instant(0),
        end: Instant(2_000_000_000),
        unit: Unit::Microseconds,
        threads: vec![cyclictest::Thread {
            name: "hog".to_owned(),
            latency: &latency,
            cpu: 3,
        }],
    };
    let ours: Value = serde_json::from_str(&cyclictest::json(&report)).unwrap();
    let theirs: Value = serde_json::from_str(include_str!("data/cyclictest.json")).unwrap();
    let (mut our_keys, mut their_keys) = (BTreeSet::new(), BTreeSet::new());
    keys(&ours, "", &mut our_keys);
    keys(&theirs, "", &mut their_keys);
    let added: Vec<_> = our_keys.difference(&their_keys).collect();
    assert_eq!(added, ["/thread/N/name: text"]);
    assert!(their_keys.is_subset(&our_keys));

    let thread = &ours["thread"]["0"];
    assert_eq!(
        (&thread["min"], &thread["max"], &thread["cycles"]),
        (&1.into(), &5000.into(), &101.into())
    );
    let counted: u64 = thread["histogram"]
        .as_object()
        .unwrap()
        .values()
        .map(|count| count.as_u64().unwrap())
        .sum();
    assert_eq!(counted, 101);
}
