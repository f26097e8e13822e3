//! A run beside an older one: what changed, and whether that is more than noise.
//!
//! Two medians differ when they are further apart than half of both spreads together: then the middle halves of the samples, laid
//! around their medians, do not touch. A difference of less than a thousandth is none: it is of no use to anybody. Where instructions are counted there is next to no spread, so there nearly every
//! difference is one of the build; whether it matters is for the reader.

use super::judge::between;
use super::kind::Clock;
use super::row::Row;
use super::rows::Rows;

/// Part of a figure that is noise in any case.
const LEAST: f64 = 1e-3;

/// A row of both runs.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// As it was.
    pub old: &'a Row,
    /// As it is.
    pub new: &'a Row,
    /// What a difference must exceed, in the row's unit.
    pub noise: f64,
    /// What that comes to.
    pub kind: Kind,
}

/// What a difference comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Better by more than the noise.
    Better,
    /// Worse by more than the noise.
    Worse,
    /// No more than the noise.
    Noise,
    /// Equal to the last digit.
    Same,
    /// One side is void.
    Void,
    /// Not measured on the same machine; wall times not on the same host either.
    OtherMachine,
}

impl Kind {
    /// As tables say it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Kind::Better => "better",
            Kind::Worse => "worse",
            Kind::Noise => "within noise",
            Kind::Same => "same",
            Kind::Void => "void",
            Kind::OtherMachine => "another machine",
        }
    }
}

impl Change<'_> {
    /// By how many per cent the figure grew; nothing where there is none to grow from.
    #[must_use]
    pub fn percent(&self) -> Option<f64> {
        self.of_old(self.new.figure()? - self.old.figure()?)
    }

    /// The noise in per cent of the old figure.
    #[must_use]
    pub fn noise_percent(&self) -> Option<f64> {
        self.of_old(self.noise)
    }

    /// A difference in per cent of the old figure; nothing on another machine.
    fn of_old(&self, difference: f64) -> Option<f64> {
        let (old, _) = (self.old.figure()?, self.new.figure()?);
        (old != 0.0 && self.kind != Kind::OtherMachine).then(|| 100.0 * difference / old.abs())
    }
}

/// The rows of a kind of time that both runs have.
#[must_use]
pub fn changes<'a>(old: &'a Rows, new: &'a Rows, clock: Clock) -> Vec<Change<'a>> {
    let new = new.all().iter().filter(|row| row.clock() == clock);
    new.filter_map(|new| Some(change(find(old, new)?, new))).collect()
}

/// The rows that `rows` has and `others` has not.
#[must_use]
pub fn only_in<'a>(rows: &'a Rows, others: &Rows) -> Vec<&'a Row> {
    rows.all()
        .iter()
        .filter(|row| find(others, row).is_none())
        .collect()
}

/// The row of another run that measured the same in the same way.
fn find<'a>(rows: &'a Rows, like: &Row) -> Option<&'a Row> {
    rows.all().iter().find(|row| {
        (&row.row, row.system, &row.variant, &row.unit) == (&like.row, like.system, &like.variant, &like.unit)
            && (row.clock(), row.workers()) == (like.clock(), like.workers())
    })
}

fn change<'a>(old: &'a Row, new: &'a Row) -> Change<'a> {
    let noise = between(old, new).max(LEAST * old.figure().unwrap_or(0.0).abs());
    let kind = match (old.figure(), new.figure()) {
        _ if !same_machine(old, new) => Kind::OtherMachine,
        (Some(before), Some(after)) if before == after => Kind::Same,
        (Some(before), Some(after)) if (after - before).abs() <= noise => Kind::Noise,
        (Some(before), Some(after)) if (after > before) == new.more_is_better() => Kind::Better,
        (Some(_), Some(_)) => Kind::Worse,
        _ => Kind::Void,
    };
    Change {
        old,
        new,
        noise,
        kind,
    }
}

/// Instructions are the same on any host; wall times are not.
fn same_machine(old: &Row, new: &Row) -> bool {
    let counted = new.clock() == Clock::Instructions;
    old.machine == new.machine && (counted || old.recipe.host == new.recipe.host)
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;

    fn run(rows: &[(&str, &str)]) -> Rows {
        let line = |(name, samples): &(&str, &str)| {
            let first: f64 = samples.split(',').next().unwrap().parse().unwrap();
            format!(
                r#"{{"row":"{name}","what":"","unit":"u","median":{first},"samples":[{samples}],"machine":"","accelerator":"icount","verified":true,"recipe":{{"commit":"c"}}}}"#
            ) + "\n"
        };
        read(&rows.iter().map(line).collect::<String>()).unwrap()
    }

    #[test]
    fn a4_a_change_counts_when_it_is_more_than_noise() {
        let old = run(&[
            ("N1", "300,300"),
            ("N2", "60,50,70"),
            ("N3", "700"),
            ("N15a", "1.8"),
            ("N6", "5"),
        ]);
        let new = run(&[
            ("N1", "290,290"),
            ("N2", "62,50,70"),
            ("N3", "800"),
            ("N15a", "1.9"),
            ("N7a", "0"),
        ]);
        let changes = changes(&old, &new, Clock::Instructions);
        let kinds: Vec<Kind> = changes.iter().map(|change| change.kind).collect();
        assert_eq!(kinds, [Kind::Better, Kind::Noise, Kind::Worse, Kind::Better]);
        assert_eq!(changes[2].percent().map(f64::round), Some(14.0));
        assert_eq!(changes[1].noise_percent().map(f64::round), Some(17.0));
        assert_eq!(only_in(&new, &old)[0].row, "N7a");
        assert_eq!(only_in(&old, &new)[0].row, "N6");
    }

    #[test]
    fn a4_less_than_a_thousandth_is_noise_even_where_nothing_is_random() {
        let kind = |new| {
            changes(
                &run(&[("N1", "300.0")]),
                &run(&[("N1", new)]),
                Clock::Instructions,
            )[0]
            .kind
        };
        assert_eq!((kind("300.2"), kind("300.4")), (Kind::Noise, Kind::Worse));
    }

    #[test]
    fn a4_figures_of_different_machines_are_not_compared() {
        let old = run(&[("N1", "300,300")]);
        let mut new = old.all().to_vec();
        new[0].machine = "another".to_owned();
        let new = Rows::new(new);
        let changes = changes(&old, &new, Clock::Instructions);
        assert_eq!(
            (changes[0].kind, changes[0].percent()),
            (Kind::OtherMachine, None)
        );
    }
}
