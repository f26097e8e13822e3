//! Whatever rows a file has, they make a page: well-formed, and drawn from numbers.

use lab::bench::read;
use lab::report::{Compared, of_rows};
use proptest::prelude::*;
use serde_json::{Value, json};

const NAMES: [&str; 16] = [
    "N1",
    "N3",
    "N7a",
    "N11a",
    "N11c",
    "N12a",
    "N12e",
    "N15a",
    "N15b",
    "B7a",
    "S3-phases",
    "D6-hogs",
    "S10",
    "S100",
    "S",
    "Q & <1>",
];

/// Figures of any size, with those that plots stumble over.
fn figure() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), Just(1.0), -1e3..1e3_f64, 1e-9..1e-3_f64, 1e3..1e15_f64,]
}

fn pairs() -> impl Strategy<Value = Value> {
    let pairs = prop::collection::vec((figure(), figure()), 0..6);
    pairs.prop_map(|pairs| json!(pairs.iter().map(|(one, other)| [one, other]).collect::<Vec<_>>()))
}

fn row() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(&NAMES[..]);
    let system = prop::sample::select(&["sundial", "linux", "linux-shipped", "linux-rt"][..]);
    let accelerator = prop::sample::select(&["icount", "tcg-multi", "host"][..]);
    let unit = prop::sample::select(&["instructions", "ms", "times", "%"][..]);
    let samples = prop::collection::vec(figure(), 0..5);
    let lists = prop::collection::vec(figure(), 0..5);
    let rest = (any::<bool>(), prop::option::of(figure()), 0..4_u64, pairs());
    (name, system, accelerator, unit, samples, lists, rest).prop_map(
        |(name, system, accelerator, unit, samples, list, (verified, aim, workers, pairs))| {
            let aim = aim.map(|aim| json!({ "at_least": aim }));
            json!({
                "row": name, "what": "a \"what\" | <it> & all", "unit": unit, "system": system, "accelerator": accelerator,
                "machine": "m", "median": samples.first(), "samples": samples, "aim": aim, "verified": verified,
                "counters": {"a*b": 3}, "gate": {"at_least_linux": null}, "recipe": {"commit": "c`", "load": "x"},
                "details": {
                    "workers": workers, "latencies": pairs, "ms_one_and_two": pairs, "ms_total_one_and_two": pairs,
                    "total": list, "shares": list, "ideals": samples,
                },
            })
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a4_any_rows_make_a_page(rows in prop::collection::vec(row(), 1..24)) {
        // A row that is in the file twice would be refused; the first one stays.
        let mut seen = Vec::new();
        let mut text = String::new();
        for row in rows {
            let key = (row["row"].clone(), row["system"].clone(), row["accelerator"].clone(), row["details"]["workers"].clone());
            if !seen.contains(&key) {
                seen.push(key);
                text += &format!("{row}\n");
            }
        }
        let rows = read(&text).unwrap();
        let page = of_rows(&rows, Some(Compared { name: "itself", rows: &rows }));
        let html = page.html();
        let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
        let parsed = roxmltree::Document::parse_with_options(&html, options).unwrap();
        for node in parsed.descendants() {
            for attribute in node.attributes() {
                let value = attribute.value();
                prop_assert!(!value.contains("NaN") && !value.contains("inf"), "{} {value}", node.tag_name().name());
            }
        }
        // Each line of a Markdown table has as many cells as its head.
        let markdown = page.markdown();
        let mut cells = None;
        for line in markdown.lines() {
            let count = line.replace("\\|", "").matches('|').count();
            match (line.starts_with('|'), cells) {
                (true, Some(known)) => prop_assert_eq!(count, known, "{}", line),
                (true, None) => cells = Some(count),
                (false, _) => cells = None,
            }
        }
    }
}
