//! What a boot printed, read. The form of the lines is described in crates/workloads/src/plan.rs; both systems print the same.

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What the name of a counter's fact begins with.
const COUNTER: &str = "counter-";

/// What one row printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Readings {
    /// Operations and ticks of each round.
    pub(super) samples: Vec<(u64, u64)>,
    facts: BTreeMap<String, Vec<u64>>,
    /// Why it could not be measured.
    error: Option<String>,
}

impl Readings {
    /// Ticks per operation of each round.
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
    pub(super) fn per_operation(&self) -> Vec<f64> {
        let each = self.samples.iter();
        each.map(|(operations, ticks)| *ticks as f64 / *operations as f64)
            .collect()
    }

    /// A counter or check that was printed once.
    pub(super) fn fact(&self, name: &str) -> Result<u64> {
        self.facts(name)
            .last()
            .copied()
            .with_context(|| format!("the program did not print `{name}`"))
    }

    /// Every value of a counter, in order.
    pub(super) fn facts(&self, name: &str) -> &[u64] {
        self.facts.get(name).map_or(&[], Vec::as_slice)
    }

    /// The facts `NAME-0`, `NAME-1` and so on, as far as they go.
    pub(super) fn numbered(&self, name: &str) -> Vec<u64> {
        (0..)
            .map_while(|index| self.facts(&format!("{name}-{index}")).last().copied())
            .collect()
    }

    /// Whether the program's own check of its work passed: it prints how much of it was wrong.
    pub(super) fn verified(&self) -> bool {
        !self.facts("wrong").is_empty() && !self.refuted()
    }

    /// Whether the program found something wrong in its own work.
    pub(super) fn refuted(&self) -> bool {
        self.facts("wrong").iter().any(|count| *count > 0)
    }

    /// The system's own counters over the row: what they grew by.
    pub(super) fn counters(&self) -> Map<String, Value> {
        let named = self.facts.iter().filter_map(|(name, values)| {
            let counter = name.strip_prefix(COUNTER)?;
            Some((counter.to_owned(), Value::from(values.iter().sum::<u64>())))
        });
        named.collect()
    }
}

/// What all rows of a boot printed, by the program's names.
#[derive(Clone, Debug, Default)]
pub(super) struct Printed {
    rows: BTreeMap<String, Readings>,
}

impl Printed {
    /// Reads a console; whatever is not in the form is passed over.
    ///
    /// # Errors
    /// When a line in the form has something else than a number where one belongs.
    pub(super) fn from_lines(lines: &[String]) -> Result<Printed> {
        let mut rows: BTreeMap<String, Readings> = BTreeMap::new();
        for line in lines {
            let words: Vec<&str> = line.split_whitespace().collect();
            let number = |word: &str| -> Result<u64> { word.parse().with_context(|| line.clone()) };
            match words[..] {
                ["@sample", row, operations, ticks] => {
                    let (operations, ticks) = (number(operations)?, number(ticks)?);
                    ensure!(operations > 0, "a round without operations: {line}");
                    let row = rows.entry(row.to_owned()).or_default();
                    row.samples.push((operations, ticks));
                }
                ["@fact", row, name, value] => {
                    let facts = &mut rows.entry(row.to_owned()).or_default().facts;
                    facts.entry(name.to_owned()).or_default().push(number(value)?);
                }
                ["@error", row, ..] => {
                    let row = rows.entry(row.to_owned()).or_default();
                    row.error = Some(words[2..].join(" "));
                }
                _ => {}
            }
        }
        Ok(Printed { rows })
    }

    /// What a row printed.
    ///
    /// # Errors
    /// When it printed nothing, or that it failed.
    pub(super) fn row(&self, name: &str) -> Result<&Readings> {
        let row = self.rows.get(name);
        let row = row.with_context(|| format!("the program printed nothing about {name}"))?;
        match &row.error {
            Some(error) => anyhow::bail!("the program could not measure {name}: {error}"),
            None => Ok(row),
        }
    }

    /// Whether the program said of any row why it failed.
    pub(super) fn has_errors(&self) -> bool {
        self.rows.values().any(|row| row.error.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(text: &str) -> Result<Printed> {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        Printed::from_lines(&lines)
    }

    #[test]
    fn lines_become_readings_and_everything_else_is_passed_over() {
        let found = printed(
            "[    0.000000] Linux version 6.12\n@begin\n@sample call 10 700\n@sample call 10 720\n\
             @fact call wrong 0\n@fact call counter-switches 40\n@fact call counter-switches 2\n",
        )
        .unwrap();
        let call = found.row("call").unwrap();
        assert_eq!(call.per_operation(), [70.0, 72.0]);
        assert_eq!((call.fact("wrong").unwrap(), call.verified()), (0, true));
        assert_eq!(
            Value::from(call.counters()),
            serde_json::json!({ "switches": 42 })
        );
        assert!(call.fact("other").is_err());
        assert!(found.row("park").is_err());
    }

    #[test]
    fn a_row_that_checked_nothing_is_not_verified() {
        assert!(!Readings::default().verified());
        let found = printed("@fact call wrong 0\n@fact call wrong 1\n@fact call wrong 0").unwrap();
        assert!(!found.row("call").unwrap().verified());
    }

    #[test]
    fn one_rows_failure_leaves_the_others() {
        let found = printed("@fact park wrong 0\n@error call no such device\n@sample call 1 1").unwrap();
        assert!(found.has_errors() && found.row("park").is_ok());
        let error = found.row("call").unwrap_err().to_string();
        assert!(error.ends_with("call: no such device"), "{error}");
    }

    #[test]
    fn a_line_cut_short_is_an_error_and_not_a_number() {
        assert!(printed("@fact call wrong 0x").is_err());
        assert!(printed("@sample call 0 12").is_err());
    }

    #[test]
    fn numbered_facts_end_at_the_first_gap() {
        let found = printed("@fact f weight-0 5\n@fact f weight-1 6\n@fact f weight-3 8").unwrap();
        assert_eq!(found.row("f").unwrap().numbered("weight"), [5, 6]);
    }
}
