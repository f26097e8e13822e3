//! Values side by side: a group of bars for each case, a bar in it for each of what is compared.

use super::axis::{Axis, Scale};
use super::svg::{BOTTOM, LEFT, RIGHT, Svg};
use super::{colour, legend};

/// A bar chart.
#[derive(Clone, Debug)]
pub struct Bars {
    /// What it shows, in a few words.
    pub title: String,
    /// What the groups are.
    pub groups_label: String,
    /// The groups' names, short.
    pub groups: Vec<String>,
    /// The vertical axis.
    pub y: Axis,
    /// What is compared: a name, and a value for each group; `None` where there is none.
    pub series: Vec<(String, Vec<Option<f64>>)>,
}

/// Height of the plotted area.
const HEIGHT: f64 = 230.0;
/// With more bars their values would cover each other.
const MOST_LABELLED: usize = 16;

impl Bars {
    /// The picture.
    #[must_use]
    pub fn svg(&self) -> String {
        let mut svg = Svg::new();
        let names: Vec<&str> = self.series.iter().map(|(name, _)| name.as_str()).collect();
        let top = legend(&mut svg, &names, false);
        let bottom = top + HEIGHT;
        let values = self
            .series
            .iter()
            .flat_map(|(_, values)| values.iter().flatten().copied());
        let start = if self.y.logarithmic {
            (f64::INFINITY, 1.0)
        } else {
            (0.0, 0.0)
        };
        let (low, high) = values.fold(start, |(low, high), value| (value.min(low), value.max(high)));
        // A logarithmic bar needs something below it to stand on.
        let low = if self.y.logarithmic { 0.5 * low } else { low };
        // With few bars there is room for their values on top of them.
        let labelled = self.groups.len() * self.series.len() <= MOST_LABELLED;
        let room = if labelled { 14.0 } else { 0.0 };
        let y = Scale::new(&self.y, (low, high), (bottom, top + room));
        y.draw_vertical(&mut svg, &self.y.label);
        let ground = if self.y.logarithmic { bottom } else { y.at(0.0) };
        let group_width = (RIGHT - LEFT) / self.groups.len().max(1) as f64;
        let width = 0.8 * group_width / self.series.len().max(1) as f64;
        for (number, group) in self.groups.iter().enumerate() {
            let begin = LEFT + group_width * (number as f64 + 0.1);
            for (index, (name, values)) in self.series.iter().enumerate() {
                let Some(value) = values.get(number).copied().flatten() else {
                    continue;
                };
                let (x, end) = (begin + width * index as f64, y.at(value));
                let class = format!("fill {}", colour(index));
                let hint = format!("{name}, {group}: {value:.4}");
                let height = (ground - end).abs().max(0.5);
                svg.rect(
                    x + 0.05 * width,
                    end.min(ground),
                    0.9 * width,
                    height,
                    &class,
                    Some(&hint),
                );
                if labelled {
                    let above = if value < 0.0 { end + 13.0 } else { end - 4.0 };
                    svg.text(x + 0.5 * width, above, "middle", "", &short(value));
                }
            }
            svg.text(begin + 0.4 * group_width, bottom + 18.0, "middle", "", group);
        }
        svg.path(&format!("M{LEFT:.1} {ground:.1}H{RIGHT:.1}"), "axis");
        svg.text(
            0.5 * (LEFT + RIGHT),
            bottom + 38.0,
            "middle",
            "label",
            &self.groups_label,
        );
        svg.finish(bottom + BOTTOM, &self.title)
    }
}

/// A value with three digits or so.
fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 1e4 => format!("{:.1}k", value / 1e3),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        0.0 => "0".to_owned(),
        _ => format!("{value:.2}"),
    }
}
