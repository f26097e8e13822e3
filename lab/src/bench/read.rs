//! Reading a results file: one JSON object a line.

use super::row::Row;
use super::rows::Rows;
use std::collections::HashMap;
use std::fmt;

/// Why a file is not read: a line that is no row, or one that another line has said already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Counted from one; zero for the file as a whole.
    pub line: usize,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => out.write_str(&self.why),
            line => write!(out, "line {line}: {}", self.why),
        }
    }
}

impl std::error::Error for Refused {}

/// Reads a file's text. Empty lines are passed over.
///
/// # Errors
/// The first line that is not a row, with its number; or that there is no row at all. Half a file would be a report that
/// hides what is missing.
pub fn read(text: &str) -> Result<Rows, Refused> {
    let mut rows = Vec::new();
    let mut seen = HashMap::new();
    for (line, text) in (1..)
        .zip(text.lines())
        .filter(|(_, text)| !text.trim().is_empty())
    {
        let refused = |why: String| Refused { line, why };
        let row: Row = serde_json::from_str(text).map_err(|error| refused(told(&error)))?;
        check(&row).map_err(refused)?;
        let key = (
            row.row.clone(),
            row.system,
            row.variant.clone(),
            row.accelerator.clone(),
            row.workers(),
        );
        if let Some(first) = seen.insert(key, line) {
            return Err(refused(format!("{row} is in line {first} already")));
        }
        rows.push(row);
    }
    if rows.is_empty() {
        let why = "there is no row in it".to_owned();
        return Err(Refused { line: 0, why });
    }
    Ok(Rows::new(rows))
}

/// What a JSON reader has to say, without its idea of the line: it saw only one.
fn told(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((what, _)) => format!("{what}, in column {}", error.column()),
        None => text,
    }
}

/// What types cannot say.
fn check(row: &Row) -> Result<(), String> {
    if row.row.is_empty() {
        return Err("`row` is empty".to_owned());
    }
    if row.verified && row.median.is_none() && !row.samples.is_empty() {
        return Err(format!("{row} has samples and no `median`"));
    }
    if row.spread.is_some_and(|spread| spread < 0.0) {
        return Err(format!("{row} has a `spread` below zero"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"row":"N1","what":"null kernel entry","unit":"instructions","median":296.2,"samples":[296.2],"aim":{"at_most":330},"machine":"TCG","verified":true,"recipe":{"commit":"abc"},"newer_key":1}"#;

    fn refused(text: &str) -> String {
        read(text).unwrap_err().to_string()
    }

    #[test]
    fn a4_a_good_line_is_a_row_whatever_else_it_says() {
        let rows = read(&format!("\n{GOOD}\n\n")).unwrap();
        let [row] = rows.all() else { panic!() };
        assert_eq!((row.row.as_str(), row.figure()), ("N1", Some(296.2)));
        assert_eq!(row.aim, Some(super::super::Aim::AtMost(330.0)));
    }

    #[test]
    fn a4_a_bad_line_is_refused_with_its_number_and_what_is_wrong() {
        let with = |line: &str| format!("{GOOD}\n{line}\n");
        assert_eq!(
            refused(&with("{oops}")),
            "line 2: key must be a string, in column 2"
        );
        let missing = GOOD.replace("\"verified\":true,", "").replace("N1", "N2");
        assert!(refused(&with(&missing)).starts_with("line 2: missing field `verified`"));
        let wrong = GOOD
            .replace("\"median\":296.2", "\"median\":\"fast\"")
            .replace("N1", "N2");
        assert!(refused(&with(&wrong)).starts_with("line 2: invalid type: string \"fast\", expected f64"));
        let system = GOOD.replace("\"row\":\"N1\"", r#""row":"N1","system":"minix""#);
        assert!(
            refused(&with(&system)).starts_with("line 2: unknown variant `minix`, expected one of `sundial`")
        );
        let aim = GOOD.replace("at_most", "at_best").replace("N1", "N2");
        assert!(refused(&with(&aim)).starts_with("line 2: unknown variant `at_best`"));
        let no_median = GOOD
            .replace("\"median\":296.2", "\"median\":null")
            .replace("N1", "N2");
        assert_eq!(
            refused(&with(&no_median)),
            "line 2: N2 (Sundial) has samples and no `median`"
        );
    }

    #[test]
    fn a4_a_row_is_said_once_and_a_file_has_rows() {
        assert_eq!(
            refused(&format!("{GOOD}\n{GOOD}")),
            "line 2: N1 (Sundial) is in line 1 already"
        );
        let linux = GOOD.replace(
            "\"row\":\"N1\"",
            r#""row":"N1","system":"linux","variant":"uring""#,
        );
        assert_eq!(read(&format!("{GOOD}\n{linux}")).unwrap().all().len(), 2);
        assert_eq!(refused("\n"), "there is no row in it");
    }
}
