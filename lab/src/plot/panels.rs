//! Small plots side by side with one vertical axis: for each case how a value grows with the number of workers, a line for each system
//! through the medians, and a dot for each single measurement.

use super::axis::{Axis, Scale};
use super::svg::{BOTTOM, LEFT, RIGHT, Svg};
use super::{colour, coloured};
use std::fmt::Write as _;

/// The picture.
#[derive(Clone, Debug)]
pub struct Panels {
    /// What it shows, in a few words.
    pub title: String,
    /// What the horizontal axes count.
    pub x_label: String,
    /// The vertical axis, from zero.
    pub y: Axis,
    /// Names of what has a colour, with the colour's index.
    pub names: Vec<(String, usize)>,
    /// From the left.
    pub panels: Vec<Panel>,
}

/// One of the small plots.
#[derive(Clone, Debug)]
pub struct Panel {
    /// Its name, short.
    pub name: String,
    /// What is compared in it.
    pub curves: Vec<Curve>,
}

/// A system's figures.
#[derive(Clone, Debug)]
pub struct Curve {
    /// Index of its colour.
    pub series: usize,
    /// Numbers of workers and medians, ascending. It begins with one worker, which is as fast as itself.
    pub medians: Vec<(f64, f64)>,
    /// Numbers of workers and single measurements.
    pub dots: Vec<(f64, f64)>,
}

/// Height of the plotted area.
const HEIGHT: f64 = 240.0;
/// Room for the panels' names.
const NAMES: f64 = 22.0;
/// Between panels.
const GAP: f64 = 10.0;
/// Panels in a line; more would be too narrow for their names.
pub const MOST: usize = 4;

impl Panels {
    /// The picture; beyond [`MOST`] panels it has several lines of them.
    #[must_use]
    pub fn svg(&self) -> String {
        let mut svg = Svg::new();
        let mut top = coloured(&mut svg, &self.names, true);
        // As many lines as are needed, all equally full.
        let lines = self.panels.len().div_ceil(MOST).max(1);
        let columns = self.panels.len().div_ceil(lines).max(1);
        for line in self.panels.chunks(columns) {
            let bottom = top + NAMES + HEIGHT;
            let y = Scale::new(&self.y, (0.0, self.most()), (bottom, top + NAMES));
            y.draw_vertical(&mut svg, &self.y.label);
            let width = (RIGHT - LEFT) / columns as f64;
            for (number, panel) in line.iter().enumerate() {
                let begin = LEFT + width * number as f64;
                self.panel(&mut svg, panel, &y, (begin, begin + width - GAP), (top, bottom));
            }
            svg.text(
                0.5 * (LEFT + RIGHT),
                bottom + 38.0,
                "middle",
                "label",
                &self.x_label,
            );
            top = bottom + BOTTOM + 4.0;
        }
        svg.finish_described(top, &self.title, &self.words())
    }

    /// The end of the vertical axis: the best that can be, and what was measured beyond that.
    fn most(&self) -> f64 {
        let curves = self.panels.iter().flat_map(|panel| &panel.curves);
        let points = curves.flat_map(|curve| curve.medians.iter().chain(&curve.dots));
        points.fold(1.0, |most, (workers, value)| value.max(*workers).max(most))
    }

    fn panel(
        &self,
        svg: &mut Svg,
        panel: &Panel,
        y: &Scale,
        (begin, end): (f64, f64),
        (top, bottom): (f64, f64),
    ) {
        svg.text(
            0.5 * (begin + end),
            top + NAMES - 8.0,
            "middle",
            "group",
            &panel.name,
        );
        let workers = || {
            panel
                .curves
                .iter()
                .flat_map(|curve| &curve.medians)
                .map(|point| point.0)
        };
        let most = workers().fold(2.0, f64::max);
        let margin = 0.12 * (end - begin);
        let x = Scale::new(
            &Axis::linear(""),
            (1.0, most),
            (begin + margin, end - 2.0 * margin),
        );
        let mut counts: Vec<f64> = workers().chain([1.0, most]).collect();
        counts.sort_by(f64::total_cmp);
        counts.dedup();
        for count in counts {
            let at = x.at(count);
            svg.path(
                &format!("M{at:.1} {:.1}V{:.1}", top + NAMES, bottom + 4.0),
                "grid",
            );
            svg.text(at, bottom + 18.0, "middle", "", &format!("{count}"));
        }
        // What could not be better: each worker does as much as the first.
        let (low, high) = (y.at(1.0), y.at(most));
        svg.path(
            &format!("M{:.1} {low:.1}L{:.1} {high:.1}", x.at(1.0), x.at(most)),
            "mark",
        );
        svg.path(&format!("M{begin:.1} {bottom:.1}H{end:.1}"), "axis");
        let count = panel.curves.len();
        for (place, curve) in panel.curves.iter().enumerate() {
            let class = colour(curve.series);
            // Dots of each system stand in a column of their own, beside the line's end.
            let beside = margin * (place as f64 + 0.7) / count as f64;
            for (workers, value) in &curve.dots {
                let name = self.name(curve);
                let hint = format!("{name}, {workers} workers: {value:.3}");
                svg.dot(
                    x.at(*workers) + beside,
                    y.at(*value),
                    &format!("dot {class}"),
                    &hint,
                );
            }
            let mut path = String::new();
            for (index, (workers, value)) in curve.medians.iter().enumerate() {
                let letter = if index == 0 { 'M' } else { 'L' };
                write!(path, "{letter}{:.1} {:.1}", x.at(*workers), y.at(*value)).expect("writing to memory");
            }
            svg.path(&path, &format!("line {class}"));
        }
    }

    fn name(&self, curve: &Curve) -> &str {
        let named = self.names.iter().find(|(_, colour)| *colour == curve.series);
        named.map_or("", |(name, _)| name)
    }

    /// The medians, for whoever does not see them.
    fn words(&self) -> String {
        let curve = |curve: &Curve| {
            let name = self.name(curve);
            let (workers, value) = curve.medians.last().copied().unwrap_or_default();
            format!("{name} {value:.2} with {workers} workers")
        };
        let panel = |panel: &Panel| {
            let curves: Vec<String> = panel.curves.iter().map(curve).collect();
            format!("{}: {}.", panel.name, curves.join(", "))
        };
        self.panels.iter().map(panel).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a5_every_pair_is_a_dot_and_every_median_a_corner() {
        let curve = Curve {
            series: 0,
            medians: vec![(1.0, 1.0), (2.0, 1.9), (4.0, 3.6)],
            dots: vec![(2.0, 1.8), (2.0, 2.0), (4.0, 3.6)],
        };
        let panel = |name: &str| Panel {
            name: name.to_owned(),
            curves: vec![curve.clone()],
        };
        let panels = Panels {
            title: "Speed-up".to_owned(),
            x_label: "workers".to_owned(),
            y: Axis::linear("times as fast"),
            names: vec![("Sundial".to_owned(), 0)],
            panels: ["a", "b", "c", "d", "e"].map(panel).to_vec(),
        };
        let svg = panels.svg();
        assert_eq!(svg.matches("<circle").count(), 15);
        assert!(svg.contains("<desc>a: Sundial 3.60 with 4 workers. b:"));
        let none = Panels {
            panels: vec![],
            ..panels
        };
        assert!(!none.svg().contains("NaN"));
    }
}
