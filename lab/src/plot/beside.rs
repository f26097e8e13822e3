//! Values of several systems beside each other: bars that lie, under the name of what they measure, each with its owner's name before
//! and its number after it. A line across a bar is what is aimed for.

use super::axis::{Axis, Scale};
use super::svg::{BOTTOM, RIGHT, Svg};
use super::{colour, coloured};

/// The picture.
#[derive(Clone, Debug)]
pub struct Beside {
    /// What it shows, in a few words.
    pub title: String,
    /// The horizontal axis. A linear one begins at zero.
    pub x: Axis,
    /// Names of what has a colour, with the colour's index.
    pub names: Vec<(String, usize)>,
    /// What is measured, from the top.
    pub groups: Vec<Group>,
}

/// Something that was measured.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// On whom, from the top.
    pub bars: Vec<Bar>,
}

/// A figure.
#[derive(Clone, Debug)]
pub struct Bar {
    /// Whose it is, short.
    pub name: String,
    /// Index of its colour.
    pub series: usize,
    /// Nothing for one that is void.
    pub value: Option<f64>,
    /// The value in words, with digits and unit.
    pub text: String,
    /// What is aimed for.
    pub aim: Option<f64>,
}

/// Where bars begin: their owners' names are at the left.
const START: f64 = 150.0;
/// Room for numbers behind the longest bar.
const NUMBERS: f64 = 100.0;
const HEADING: f64 = 24.0;
const BAR: f64 = 18.0;
const GAP: f64 = 6.0;

impl Beside {
    /// The picture.
    #[must_use]
    pub fn svg(&self) -> String {
        let mut svg = Svg::new();
        let top = coloured(&mut svg, &self.names, false);
        if self.bars().any(|bar| bar.aim.is_some()) {
            svg.path(&format!("M{:.1} 3v14", RIGHT - 32.0), "aim");
            svg.text(RIGHT, 14.0, "end", "", "aim");
        }
        let rows: f64 = self.groups.iter().map(height).sum();
        let bottom = top + rows;
        let x = Scale::new(&self.x, self.range(), (START, RIGHT - NUMBERS));
        x.draw_horizontal(&mut svg, &self.x.label, top, bottom);
        svg.path(&format!("M{START:.1} {top:.1}V{bottom:.1}"), "axis");
        let mut y = top;
        for group in &self.groups {
            svg.text(0.0, y + HEADING - 8.0, "start", "group", &group.name);
            for (index, bar) in (0..).zip(&group.bars) {
                let at = y + HEADING + BAR * f64::from(index);
                draw(&mut svg, &x, bar, at);
            }
            y += height(group);
        }
        svg.finish_described(bottom + BOTTOM, &self.title, &self.words())
    }

    fn bars(&self) -> impl Iterator<Item = &Bar> {
        self.groups.iter().flat_map(|group| &group.bars)
    }

    fn range(&self) -> (f64, f64) {
        let values = self.bars().flat_map(|bar| bar.value.into_iter().chain(bar.aim));
        let values: Vec<f64> = values
            .filter(|value| !self.x.logarithmic || *value > 0.0)
            .collect();
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(0.0, f64::max);
        match self.x.logarithmic {
            // A logarithmic bar needs something below it to begin at.
            true if low.is_finite() => (0.5 * low, high),
            true => (1.0, 10.0),
            false => (0.0, high),
        }
    }

    /// All values, for whoever does not see them.
    fn words(&self) -> String {
        let group = |group: &Group| {
            let bars: Vec<String> = group
                .bars
                .iter()
                .map(|bar| format!("{} {}", bar.name, bar.text))
                .collect();
            format!("{}: {}.", group.name, bars.join(", "))
        };
        self.groups.iter().map(group).collect::<Vec<_>>().join(" ")
    }
}

fn height(group: &Group) -> f64 {
    HEADING + BAR * group.bars.len() as f64 + GAP
}

fn draw(svg: &mut Svg, x: &Scale, bar: &Bar, at: f64) {
    let middle = at + 0.5 * BAR + 4.0;
    svg.text(START - 8.0, middle, "end", "", &bar.name);
    let mut end = START;
    if let Some(value) = bar.value {
        end = x.at(value);
        let hint = format!("{}: {}", bar.name, bar.text);
        let (width, class) = ((end - START).max(0.5), format!("fill {}", colour(bar.series)));
        svg.rect(START, at + 2.0, width, BAR - 4.0, &class, Some(&hint));
    }
    if let Some(aim) = bar.aim.map(|aim| x.at(aim)) {
        svg.path(&format!("M{aim:.1} {:.1}v{BAR:.1}", at), "aim");
        // The number keeps clear of the line.
        if (aim - end).abs() < 6.0 || (aim > end && aim < end + 70.0) {
            end = end.max(aim);
        }
    }
    svg.text(end + 6.0, middle, "start", "", &bar.text);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(name: &str, value: Option<f64>, aim: Option<f64>) -> Bar {
        Bar {
            name: name.to_owned(),
            series: 0,
            value,
            text: value.map_or_else(|| "void".to_owned(), |value| value.to_string()),
            aim,
        }
    }

    fn picture(x: Axis, bars: Vec<Bar>) -> String {
        let group = Group {
            name: "N1".to_owned(),
            bars,
        };
        let beside = Beside {
            title: "Costs".to_owned(),
            x,
            names: vec![("Sundial".to_owned(), 0)],
            groups: vec![group],
        };
        beside.svg()
    }

    #[test]
    fn a4_a_void_figure_is_a_word_and_no_bar() {
        let svg = picture(
            Axis::logarithmic("instructions"),
            vec![bar("Sundial", None, Some(330.0)), bar("Linux", Some(336.0), None)],
        );
        // One square in the legend, one bar.
        assert_eq!(svg.matches("<rect").count(), 2);
        assert!(svg.contains(">void</text>") && svg.contains("<desc>N1: Sundial void, Linux 336.</desc>"));
    }

    #[test]
    fn a4_zero_and_nothing_at_all_can_be_drawn() {
        for axis in [Axis::linear("x"), Axis::logarithmic("x")] {
            for bars in [
                vec![],
                vec![bar("a", Some(0.0), Some(0.0))],
                vec![bar("a", None, None)],
            ] {
                let svg = picture(axis.clone(), bars);
                assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
            }
        }
    }
}
