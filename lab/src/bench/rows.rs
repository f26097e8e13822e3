//! A file of rows, and which of them belong together.

use super::kind::{Clock, System, Topic};
use super::row::{Aim, Row};

/// The rows of a file, in the order in which the report shows them: by what was measured, and Sundial first.
#[derive(Clone, Debug)]
pub struct Rows(Vec<Row>);

impl Rows {
    /// Sorts them. Rows of different names keep the order in which their names came.
    #[must_use]
    pub fn new(mut rows: Vec<Row>) -> Rows {
        let mut names: Vec<String> = Vec::new();
        for row in &rows {
            if !names.contains(&row.row) {
                names.push(row.row.clone());
            }
        }
        rows.sort_by_key(|row| {
            let place = names.iter().position(|name| *name == row.row);
            (place, row.clock(), row.system, row.variant.clone(), row.workers())
        });
        Rows(rows)
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[Row] {
        &self.0
    }

    /// Those of a section that have the same kind of time.
    #[must_use]
    pub fn of(&self, topic: Topic, clock: Clock) -> Vec<&Row> {
        let wanted = |row: &&Row| row.topic() == topic && row.clock() == clock;
        self.0.iter().filter(wanted).collect()
    }

    /// The best figure of a system for what `row` measured, of all its variants; only from the same kind of machine.
    #[must_use]
    pub fn best(&self, row: &Row, system: System) -> Option<&Row> {
        let comparable = self.0.iter().filter(|other| {
            other.system == system
                && other.row == row.row
                && other.unit == row.unit
                && other.accelerator == row.accelerator
                && other.workers() == row.workers()
                && other.figure().is_some()
        });
        comparable.min_by(|one, other| one.costs().total_cmp(&other.costs()))
    }
}

impl Row {
    /// Whether more is better.
    #[must_use]
    pub fn more_is_better(&self) -> bool {
        match self.aim {
            Some(Aim::AtLeast(_)) => true,
            Some(Aim::AtMost(_)) => false,
            None => self.topic() == Topic::SpeedUp,
        }
    }

    /// The figure, turned so that less is better; infinite without one.
    fn costs(&self) -> f64 {
        let figure = self.figure().unwrap_or(f64::INFINITY);
        if self.more_is_better() { -figure } else { figure }
    }
}
