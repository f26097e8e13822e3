//! A mutant as data: which mistake, where, and what hunts it. One TOML file each in `mutants/`, named like the mutant.

use super::boot::is_kernels_own;
use super::hunt::Hunt;
use crate::workspace;
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

/// The folder with the files.
const FOLDER: &str = "mutants";

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mutant {
    /// The name of its file.
    #[serde(skip)]
    pub(super) name: String,
    /// The row of the table of known defects that it repeats; none if it is in no table.
    pub(super) row: Option<u32>,
    /// What the mistake is, in one sentence.
    pub(super) mistake: String,
    /// The file it is put into, from the root.
    pub(super) file: String,
    /// The text it replaces, which is there exactly once.
    find: String,
    /// What it puts there.
    replace: String,
    /// What should notice.
    pub(super) hunt: Hunt,
    /// What else should: what several hosts run, each of them notices by itself.
    #[serde(default)]
    also: Vec<Hunt>,
}

impl Mutant {
    /// Reads one from the text of its file.
    pub(super) fn parse(name: &str, text: &str) -> Result<Mutant> {
        let mut mutant: Mutant = toml::from_str(text).with_context(|| format!("{FOLDER}/{name}.toml"))?;
        name.clone_into(&mut mutant.name);
        ensure!(
            mutant.find != mutant.replace && !mutant.find.is_empty(),
            "the mutant {name} changes nothing"
        );
        ensure!(
            mutant.hunts().all(|hunt| hunt.boot().is_none()) || is_kernels_own(&mutant.file),
            "the mutant {name} is hunted by booting, and {} is part of more than the kernel",
            mutant.file
        );
        Ok(mutant)
    }

    /// All that should notice, the cheapest first.
    pub(super) fn hunts(&self) -> impl Iterator<Item = &Hunt> {
        [&self.hunt].into_iter().chain(&self.also)
    }

    /// `text` with the mistake in it.
    ///
    /// # Errors
    /// When the text to be replaced is not there exactly once: the code has changed and the mutant has to follow.
    pub(super) fn put_into(&self, text: &str) -> Result<String> {
        let found = text.matches(&self.find).count();
        ensure!(
            found == 1,
            "the mutant {} is stale: what it replaces is {found} times in {}. Mend {FOLDER}/{}.toml",
            self.name,
            self.file,
            self.name
        );
        Ok(text.replacen(&self.find, &self.replace, 1))
    }

    /// Its file in the tree at `root`, with the mistake in it.
    pub(super) fn mutated(&self, root: &Path) -> Result<String> {
        let text = std::fs::read_to_string(root.join(&self.file))
            .with_context(|| format!("the mutant {} is stale: cannot read {}", self.name, self.file))?;
        self.put_into(&text)
    }

    /// A number for what it changes and what hunts it.
    pub(super) fn number(&self) -> u64 {
        let mut number = DefaultHasher::new();
        self.hash(&mut number);
        number.finish()
    }

    /// Whether `word` of the command line means this one: its name, or `row:` and its row.
    pub(super) fn answers_to(&self, word: &str) -> bool {
        let row = word.strip_prefix("row:").and_then(|row| row.parse().ok());
        self.name == word || (row.is_some() && row == self.row)
    }
}

/// All of them, by row and then by name; those of no row last.
pub(super) fn read_all() -> Result<Vec<Mutant>> {
    let folder = workspace::root().join(FOLDER);
    let files = std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut mutants = Vec::new();
    for file in files {
        let path = file?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let text = std::fs::read_to_string(&path)?;
            mutants.push(Mutant::parse(&stem(&path), &text)?);
        }
    }
    ensure!(!mutants.is_empty(), "there is no mutant in {}", folder.display());
    mutants.sort_by_key(|mutant| (mutant.row.unwrap_or(u32::MAX), mutant.name.clone()));
    Ok(mutants)
}

fn stem(path: &Path) -> String {
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = r#"
row = 3
mistake = "A note is lost."
file = "a.rs"
find = 'left = 1;'
replace = 'left = 0;'

[hunt]
test = "sched"
filter = "b4_"
"#;

    #[test]
    fn a_file_becomes_a_mutant() {
        let mutant = Mutant::parse("lost-note", EXAMPLE).unwrap();
        assert_eq!((mutant.name.as_str(), mutant.row), ("lost-note", Some(3)));
        assert!(mutant.answers_to("lost-note") && mutant.answers_to("row:3"));
        assert!(!mutant.answers_to("lost") && !mutant.answers_to("row:33") && !mutant.answers_to("row:"));
    }

    #[test]
    fn several_hunts_may_have_to_notice() {
        let example = EXAMPLE.replace("a.rs", "crates/sched/src/a.rs");
        let text =
            format!("{example}\n[[also]]\ncampaign = 3\n\n[[also]]\nboot = \"hostile\"\nfilter = \"b4_\"\n");
        let mutant = Mutant::parse("lost-note", &text).unwrap();
        let hunts: Vec<String> = mutant.hunts().map(Hunt::to_string).collect();
        let expected = [
            "cargo test -p sched --lib b4_",
            "./x sim campaign --seeds 3",
            "./x test boot --filter b4_",
        ];
        assert_eq!(hunts, expected);
    }

    #[test]
    fn what_a_file_gets_wrong_is_refused() {
        for (wrong, instead) in [
            ("row = 3", "rwo = 3"),
            ("left = 0;", "left = 1;"),
            ("test = ", "campaign = 3\ntest = "),
            ("filter = \"b4_\"", ""),
        ] {
            let text = EXAMPLE.replace(wrong, instead);
            assert!(Mutant::parse("lost-note", &text).is_err(), "{instead}");
        }
    }

    #[test]
    fn text_is_replaced_where_it_is_exactly_once() {
        let mutant = Mutant::parse("lost-note", EXAMPLE).unwrap();
        assert_eq!(mutant.put_into("a; left = 1; b").unwrap(), "a; left = 0; b");
        for text in ["left = 2;", "left = 1; left = 1;"] {
            let error = mutant.put_into(text).unwrap_err().to_string();
            assert!(error.contains("lost-note is stale"), "{error}");
        }
    }

    #[test]
    fn sixty_mistakes_in_kernel_and_machine_are_hunted_by_booting_or_by_a_model() {
        let is_theirs = |mutant: &&Mutant| {
            let file = &mutant.file;
            file.starts_with("crates/kernel/") || file.starts_with("crates/machine/")
        };
        let all = read_all().unwrap();
        let boots_or_models = |hunt: &Hunt| match hunt {
            Hunt::Boot { .. } => true,
            Hunt::Test { test, .. } => test == "models",
            Hunt::Campaign { .. } => false,
        };
        let hunted = all
            .iter()
            .filter(is_theirs)
            .filter(|mutant| mutant.hunts().any(boots_or_models));
        assert!(hunted.count() >= 60);
    }

    #[test]
    fn what_is_hunted_by_booting_is_the_kernels_alone() {
        let boots = EXAMPLE.replace("test = \"sched\"", "boot = \"hostile\"");
        assert!(Mutant::parse("elsewhere", &boots).is_err());
        let own = boots.replace("a.rs", "crates/kernel/src/a.rs");
        assert!(Mutant::parse("own", &own).is_ok());
    }

    #[test]
    fn every_mutant_still_applies() {
        let stale: Vec<String> = read_all()
            .unwrap()
            .iter()
            .filter_map(|mutant| Some(format!("{:#}", mutant.mutated(&workspace::root()).err()?)))
            .collect();
        assert!(stale.is_empty(), "{}", stale.join("\n"));
    }

    /// The texts of a file, or of all Rust files in a folder.
    fn texts(path: &Path) -> String {
        if path.is_file() {
            return std::fs::read_to_string(path).unwrap();
        }
        let entries = std::fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let rust = entries.filter(|path| path.is_dir() || path.extension().is_some_and(|kind| kind == "rs"));
        rust.map(|path| texts(&path)).collect()
    }

    /// Where the tests of a hunt are, and a part of their names.
    fn tests_of(hunt: &Hunt) -> Option<(std::path::PathBuf, &str)> {
        let root = workspace::root();
        match hunt {
            Hunt::Campaign { .. } => None,
            Hunt::Boot { boot, filter } => Some((root.join(format!("tests/tests/{boot}.rs")), filter)),
            Hunt::Test { test, target, filter } => {
                let folders = [root.join("crates").join(test), root.join(test)];
                let folder = folders.into_iter().find(|folder| folder.is_dir())?;
                let place = match target {
                    Some(target) => format!("tests/{target}.rs"),
                    None => "src".to_owned(),
                };
                Some((folder.join(place), filter))
            }
        }
    }

    // A test that was moved or renamed takes its mutants' hunts along, or they find nothing for want of anybody who looks.
    #[test]
    fn every_hunt_names_a_test_that_is_there() {
        let all = read_all().unwrap();
        let hunts = all
            .iter()
            .flat_map(|mutant| mutant.hunts().map(|hunt| (&mutant.name, hunt)));
        let nobody = hunts.filter_map(|(name, hunt)| {
            let (place, filter) = tests_of(hunt)?;
            let is_there = texts(&place)
                .lines()
                .any(|line| line.trim_start().starts_with("fn ") && line.contains(filter));
            (!is_there).then(|| format!("{name}: {hunt}"))
        });
        let nobody: Vec<String> = nobody.collect();
        assert!(nobody.is_empty(), "nobody hunts:\n{}", nobody.join("\n"));
    }
}
