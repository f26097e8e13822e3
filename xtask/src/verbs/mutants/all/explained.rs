//! Mutants that no test can catch, because they change nothing that matters: each is written down with the reason, and is not
//! tried again. `mutants/explained/CRATE.toml` has them; one that fits no mutant any more is a mistake in the file.

use super::crates::Crate;
use super::tool::Listed;
use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// One of them, or all of one description in one line.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Explained {
    /// The file, from the crate's folder.
    file: String,
    /// What the mutation does, as cargo-mutants says it behind the place.
    mutant: String,
    /// The line it begins in, without the spaces around it: places move, lines less so.
    line: String,
    /// Why nothing can tell it from the code as it is.
    #[serde(rename = "why")]
    reason: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    explained: Vec<Explained>,
}

impl Explained {
    fn fits(&self, one: Crate, listed: &Listed) -> bool {
        listed.file == format!("crates/{}/{}", one.name, self.file)
            && listed.mutant == self.mutant
            && listed.line == self.line
    }
}

/// Those of a crate; none when it has no file.
pub(super) fn read(one: Crate) -> Result<Vec<Explained>> {
    let path = one.explained();
    match std::fs::read_to_string(&path) {
        Ok(text) => parse(&text).with_context(|| path.display().to_string()),
        Err(_) => Ok(Vec::new()),
    }
}

fn parse(text: &str) -> Result<Vec<Explained>> {
    let file: File = toml::from_str(text)?;
    for entry in &file.explained {
        ensure!(
            !entry.reason.trim().is_empty(),
            "{} in {} has no reason",
            entry.mutant,
            entry.file
        );
    }
    Ok(file.explained)
}

/// Splits what is listed into what is explained and the rest.
///
/// # Errors
/// When an explanation fits nothing.
pub(super) fn split(one: Crate, entries: &[Explained], listed: Vec<Listed>) -> Result<(usize, Vec<Listed>)> {
    for entry in entries {
        ensure!(
            listed.iter().any(|listed| entry.fits(one, listed)),
            "no mutant of {} is `{}` in the line `{}` of {}: mend {}",
            one.name,
            entry.mutant,
            entry.line,
            entry.file,
            one.explained().display()
        );
    }
    let all = listed.len();
    let rest: Vec<Listed> = listed
        .into_iter()
        .filter(|listed| !entries.iter().any(|entry| entry.fits(one, listed)))
        .collect();
    Ok((all - rest.len(), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Crate = Crate {
        name: "caps",
        near: &["caps"],
        far: &[],
    };

    fn listed(mutant: &str, line: &str) -> Listed {
        Listed {
            name: format!("crates/caps/src/a.rs:3:1: {mutant}"),
            file: "crates/caps/src/a.rs".to_owned(),
            mutant: mutant.to_owned(),
            line: line.to_owned(),
            ..Listed::default()
        }
    }

    const ENTRY: &str = r#"
[[explained]]
file = "src/a.rs"
mutant = "replace < with <= in f"
line = "if a < b {"
why = "a is never b."
"#;

    #[test]
    fn what_is_explained_is_not_tried() {
        let entries = parse(ENTRY).unwrap();
        let mutants = vec![
            listed("replace < with <= in f", "if a < b {"),
            listed("replace < with > in f", "if a < b {"),
            listed("replace < with <= in f", "while a < c {"),
        ];
        let (explained, rest) = split(ONE, &entries, mutants.clone()).unwrap();
        assert_eq!((explained, rest.as_slice()), (1, &mutants[1..]));
    }

    #[test]
    fn an_explanation_that_fits_nothing_or_says_nothing_is_refused() {
        let entries = parse(ENTRY).unwrap();
        let error = split(ONE, &entries, vec![listed("replace < with > in f", "if a < b {")]).unwrap_err();
        assert!(error.to_string().contains("if a < b {"), "{error}");
        assert!(parse(&ENTRY.replace("a is never b.", " ")).is_err());
        assert!(parse(&ENTRY.replace("why", "because")).is_err());
    }

    #[test]
    fn every_file_of_explanations_can_be_read() {
        for one in super::super::crates::CRATES {
            read(one).unwrap();
        }
    }
}
