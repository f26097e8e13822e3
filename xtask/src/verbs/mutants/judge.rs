//! How hunts end: told from what they print.

use anyhow::Result;
use serde::Deserialize;

/// How a hunt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// It found something.
    Caught {
        /// The tests that failed, or the rules that were broken and how many seeds saw it.
        by: Vec<String>,
    },
    /// It found nothing.
    Survived,
    /// It did not come to an end.
    OutOfTime,
    /// What it was to try does not compile.
    NotBuilt {
        /// The compiler's words.
        errors: String,
    },
}

/// From what `cargo test`'s programs print, and whether they ended well.
pub(super) fn judge_tests(output: &str, errors: &str, success: bool) -> Result<Ending> {
    let tests = |ending: &str| -> Vec<String> {
        let names = output
            .lines()
            .filter_map(|line| line.strip_prefix("test ")?.strip_suffix(ending));
        names.map(|name| name.trim_end().to_owned()).collect()
    };
    let failed = tests("... FAILED");
    if success {
        anyhow::ensure!(!tests("... ok").is_empty(), "no test has a name like that");
        return Ok(Ending::Survived);
    }
    if failed.is_empty() {
        // It panicked while it panicked, so that only its thread, which has its name, tells which it was.
        let thread = errors
            .lines()
            .find_map(|line| line.strip_prefix("thread '")?.split('\'').next());
        let by = vec![
            thread
                .unwrap_or("an unknown test, which ended its program")
                .to_owned(),
        ];
        return Ok(Ending::Caught { by });
    }
    Ok(Ending::Caught { by: failed })
}

/// From the last line of a campaign.
pub(super) fn judge_campaign(output: &str) -> Result<Ending> {
    #[derive(Deserialize)]
    struct Report {
        failures: Vec<Failure>,
    }
    #[derive(Deserialize)]
    struct Failure {
        rule: String,
    }
    let report: Report = serde_json::from_str(output.lines().last().unwrap_or_default())?;
    if report.failures.is_empty() {
        return Ok(Ending::Survived);
    }
    let mut rules: Vec<&str> = report
        .failures
        .iter()
        .map(|failure| failure.rule.as_str())
        .collect();
    rules.sort_unstable();
    let mut by: Vec<(usize, &str)> = rules
        .chunk_by(|a, b| a == b)
        .map(|same| (same.len(), same[0]))
        .collect();
    by.sort_by_key(|(count, _)| core::cmp::Reverse(*count));
    let by = by.iter().map(|(count, rule)| format!("{rule} ({count} seeds)"));
    Ok(Ending::Caught { by: by.collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_test_is_what_caught_the_mutant() {
        let output = "running 2 tests\ntest a::b1_x ... ok\ntest a::b1_y ... FAILED\n";
        let by = vec!["a::b1_y".to_owned()];
        assert_eq!(
            judge_tests(output, "", false).unwrap(),
            Ending::Caught { by: by.clone() }
        );
        let errors = "\nthread 'a::b1_y' (12) panicked at a.rs:1\nthread 'z' panicked";
        assert_eq!(
            judge_tests("running 1 test\n", errors, false).unwrap(),
            Ending::Caught { by }
        );
        assert_eq!(
            judge_tests("test a ... ok\n", "", true).unwrap(),
            Ending::Survived
        );
        assert!(
            judge_tests("running 0 tests\n", "", true).is_err(),
            "a filter that finds nothing"
        );
    }

    #[test]
    fn broken_rules_are_counted_most_frequent_first() {
        let output = r#"{"failures": [{"rule": "a"}, {"rule": "b"}, {"rule": "b"}]}"#;
        let by = vec!["b (2 seeds)".to_owned(), "a (1 seeds)".to_owned()];
        assert_eq!(judge_campaign(output).unwrap(), Ending::Caught { by });
        assert_eq!(judge_campaign(r#"{"failures": []}"#).unwrap(), Ending::Survived);
        assert!(judge_campaign("").is_err());
    }
}
