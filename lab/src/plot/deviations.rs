//! How far values are from what they should be: a line for each case, a dot for each value, zero in the middle.

use super::axis::{Axis, Scale};
use super::svg::{BOTTOM, RIGHT, Svg};
use super::{colour, coloured};

/// The picture.
#[derive(Clone, Debug)]
pub struct Deviations {
    /// What it shows, in a few words.
    pub title: String,
    /// The horizontal axis, zero in its middle.
    pub x: Axis,
    /// Names of what has a colour, with the colour's index.
    pub names: Vec<(String, usize)>,
    /// From the top.
    pub lines: Vec<Line>,
    /// How far from zero is still good.
    pub aim: Option<f64>,
}

/// The values of a case.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its name.
    pub name: String,
    /// Index of its colour.
    pub series: usize,
    /// The values, each with a name; none for a case that is void.
    pub values: Vec<(String, f64)>,
}

/// Where the axis begins: the cases' names are at the left.
const START: f64 = 210.0;
const LINE: f64 = 24.0;

impl Deviations {
    /// The picture.
    #[must_use]
    pub fn svg(&self) -> String {
        let mut svg = Svg::new();
        let top = coloured(&mut svg, &self.names, false);
        let bottom = top + LINE * self.lines.len().max(1) as f64;
        let values = self
            .lines
            .iter()
            .flat_map(|line| &line.values)
            .map(|(_, value)| value.abs());
        let most = 1.1 * values.chain(self.aim).fold(0.1, f64::max);
        let x = Scale::new(&self.x, (-most, most), (START, RIGHT - 10.0));
        x.draw_horizontal(&mut svg, &self.x.label, top, bottom);
        svg.path(&format!("M{:.1} {top:.1}V{bottom:.1}", x.at(0.0)), "axis");
        for edge in self.aim.into_iter().flat_map(|aim| [-aim, aim]) {
            svg.path(&format!("M{:.1} {top:.1}V{bottom:.1}", x.at(edge)), "aim");
        }
        for (index, line) in self.lines.iter().enumerate() {
            let y = top + LINE * (index as f64 + 0.5);
            svg.text(START - 12.0, y + 4.0, "end", "", &line.name);
            svg.path(&format!("M{START:.1} {y:.1}H{:.1}", RIGHT - 10.0), "grid");
            for (name, value) in &line.values {
                let hint = format!("{}, {name}: {value:+.2}", line.name);
                svg.dot(x.at(*value), y, &format!("dot {}", colour(line.series)), &hint);
            }
            if line.values.is_empty() {
                svg.text(x.at(0.0) + 8.0, y + 4.0, "start", "", "void");
            }
        }
        svg.finish_described(bottom + BOTTOM, &self.title, &self.words())
    }

    /// The extremes, for whoever does not see them.
    fn words(&self) -> String {
        let line = |line: &Line| {
            let values = || line.values.iter().map(|(_, value)| *value);
            let (low, high) = (values().fold(0.0, f64::min), values().fold(0.0, f64::max));
            format!("{}: from {low:+.2} to {high:+.2}.", line.name)
        };
        self.lines.iter().map(line).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d6_every_share_is_a_dot_and_a_void_case_a_word() {
        let line = |values: &[(&str, f64)]| Line {
            name: "hogs".to_owned(),
            series: 0,
            values: values
                .iter()
                .map(|(name, value)| ((*name).to_owned(), *value))
                .collect(),
        };
        let svg = Deviations {
            title: "Shares".to_owned(),
            x: Axis::linear("%"),
            names: vec![("Sundial".to_owned(), 0)],
            lines: vec![line(&[("1", -0.5), ("2", 0.5)]), line(&[])],
            aim: Some(2.0),
        }
        .svg();
        assert_eq!(
            (svg.matches("<circle").count(), svg.matches("\"aim\"").count()),
            (2, 2)
        );
        assert!(svg.contains(">void</text>") && svg.contains("from -0.50 to +0.50"));
    }
}
