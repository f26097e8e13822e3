//! What is known, as a table: a line for each crate.

use super::known::{Known, Verdict};
use super::tool::Listed;
use serde_json::{Value, json};

/// The count of one crate's mutants.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Count {
    /// The crate.
    name: String,
    /// All that the tool can think of.
    all: usize,
    /// Those that are explained and not tried.
    explained: usize,
    caught: usize,
    out_of_time: usize,
    not_built: usize,
    /// Those that nobody noticed.
    pub(super) survived: Vec<String>,
    untried: usize,
}

impl Count {
    /// Counts what is known of a crate: `rest` is what is not explained.
    pub(super) fn of(name: &str, explained: usize, rest: &[Listed], known: &Known) -> Count {
        let mut count = Count {
            name: name.to_owned(),
            all: explained + rest.len(),
            explained,
            ..Count::default()
        };
        for listed in rest {
            match known.verdict(listed) {
                Some(Verdict::Caught(_)) => count.caught += 1,
                Some(Verdict::OutOfTime(_)) => count.out_of_time += 1,
                Some(Verdict::NotBuilt) => count.not_built += 1,
                Some(Verdict::Survived) => count.survived.push(listed.name.clone()),
                None => count.untried += 1,
            }
        }
        count
    }

    /// Of those that were tried, compile and are not explained, the part that somebody noticed, in thousandths.
    fn noticed(&self) -> Option<usize> {
        let noticed = self.caught + self.out_of_time;
        let viable = noticed + self.survived.len();
        (viable > 0).then(|| noticed * 1000 / viable)
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "crate": self.name, "mutants": self.all, "explained": self.explained, "caught": self.caught,
            "out_of_time": self.out_of_time, "not_built": self.not_built, "survived": self.survived,
            "untried": self.untried, "noticed_per_mille": self.noticed(),
        })
    }

    /// The titles of [`Count::cells`].
    pub(super) const TITLES: [&'static str; 9] = [
        "crate",
        "mutants",
        "do not compile",
        "explained",
        "caught",
        "out of time",
        "survived",
        "not tried",
        "noticed",
    ];

    pub(super) fn cells(&self) -> [String; 9] {
        let noticed = self
            .noticed()
            .map_or("-".to_owned(), |part| format!("{}.{} %", part / 10, part % 10));
        let numbers = [
            self.all,
            self.not_built,
            self.explained,
            self.caught,
            self.out_of_time,
            self.survived.len(),
            self.untried,
        ];
        let [all, not_built, explained, caught, out_of_time, survived, untried] =
            numbers.map(|number| number.to_string());
        [
            self.name.clone(),
            all,
            not_built,
            explained,
            caught,
            out_of_time,
            survived,
            untried,
            noticed,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_of_what_compiles_and_is_not_explained() {
        let mut count = Count {
            name: "caps".to_owned(),
            all: 30,
            explained: 2,
            caught: 17,
            out_of_time: 2,
            not_built: 7,
            survived: vec!["a".to_owned()],
            untried: 1,
        };
        let cells = ["caps", "30", "7", "2", "17", "2", "1", "1", "95.0 %"];
        assert_eq!(count.cells(), cells);
        count.survived = vec!["a".to_owned(); 2];
        // Never rounded up.
        assert_eq!(count.noticed(), Some(904));
        assert_eq!(Count::default().noticed(), None);
    }
}
