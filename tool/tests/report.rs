//! `sundial report` from the outside: what it writes where, and what it says of a file that it does not read.

use std::path::Path;
use std::process::{Command, Output};

/// A row with a median of `median`.
fn row(name: &str, median: f64) -> String {
    format!(
        r#"{{"row":"{name}","what":"null kernel entry","unit":"instructions","median":{median},"samples":[{median}],"aim":{{"at_most":330}},"machine":"TCG, -icount","verified":true,"recipe":{{"commit":"abc"}}}}"#
    ) + "\n"
}

fn report(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sundial"));
    command.current_dir(folder).arg("report").args(arguments);
    command.output().unwrap()
}

#[test]
fn a4_rows_become_a_page_and_its_markdown() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("new.jsonl"), row("N1", 300.0)).unwrap();
    std::fs::write(folder.path().join("old.jsonl"), row("N1", 400.0)).unwrap();
    let made = report(
        folder.path(),
        &[
            "new.jsonl",
            "--compare",
            "old.jsonl",
            "--html",
            "r.html",
            "--markdown",
            "r.md",
        ],
    );
    assert!(made.status.success() && made.stdout.is_empty());
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert!(read("r.html").starts_with("<!DOCTYPE html>"));
    assert!(read("r.md").contains("Beside old.jsonl (commit abc)") && read("r.md").contains("-25.0 %"));
    let printed = report(folder.path(), &["new.jsonl"]);
    assert!(
        String::from_utf8(printed.stdout)
            .unwrap()
            .starts_with("# Sundial measured\n")
    );
}

#[test]
fn a4_a_bad_line_is_named_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let bad = row("N2", 1.0).replace("\"verified\":true,", "");
    std::fs::write(folder.path().join("rows.jsonl"), row("N1", 300.0) + &bad).unwrap();
    let refused = report(folder.path(), &["rows.jsonl", "--html", "r.html"]);
    assert_eq!(refused.status.code(), Some(1));
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(
        told.starts_with("error: rows.jsonl: line 2: missing field `verified`"),
        "{told}"
    );
    assert!(!folder.path().join("r.html").exists());
}
