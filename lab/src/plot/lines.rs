//! Values that change over something, most often time: a line for each series.

use super::axis::{Axis, Scale};
use super::svg::{BOTTOM, LEFT, RIGHT, Svg};
use super::{colour, legend};
use std::fmt::Write as _;

/// A line plot.
#[derive(Clone, Debug)]
pub struct Lines {
    /// What it shows, in a few words.
    pub title: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis. A linear one includes zero.
    pub y: Axis,
    /// The lines.
    pub series: Vec<Series>,
    /// Whether a value holds until the next one, instead of being joined to it.
    pub steps: bool,
}

/// A line.
#[derive(Clone, Debug)]
pub struct Series {
    /// Its name.
    pub name: String,
    /// Its points, in order.
    pub points: Vec<(f64, f64)>,
}

/// Height of the plotted area.
const HEIGHT: f64 = 250.0;

impl Lines {
    /// The picture.
    ///
    /// # Panics
    /// Never: memory takes what is written to it.
    #[must_use]
    pub fn svg(&self) -> String {
        let mut svg = Svg::new();
        let names: Vec<&str> = self.series.iter().map(|series| series.name.as_str()).collect();
        let top = legend(&mut svg, &names, true);
        let bottom = top + HEIGHT;
        let x = Scale::new(&self.x, self.range(|point| point.0, false), (LEFT, RIGHT));
        let y = Scale::new(
            &self.y,
            self.range(|point| point.1, !self.y.logarithmic),
            (bottom, top),
        );
        x.draw_horizontal(&mut svg, &self.x.label, top, bottom);
        y.draw_vertical(&mut svg, &self.y.label);
        if !self.y.logarithmic {
            svg.path(&format!("M{LEFT:.1} {:.1}H{RIGHT:.1}", y.at(0.0)), "axis");
        }
        for (index, series) in self.series.iter().enumerate() {
            let mut path = String::new();
            for (at, (horizontal, vertical)) in series.points.iter().enumerate() {
                let (px, py) = (x.at(*horizontal), y.at(*vertical));
                match at {
                    0 => write!(path, "M{px:.1} {py:.1}"),
                    _ if self.steps => write!(path, "H{px:.1}V{py:.1}"),
                    _ => write!(path, "L{px:.1} {py:.1}"),
                }
                .expect("writing to memory");
            }
            svg.path(&path, &format!("line {}", colour(index)));
        }
        svg.finish(bottom + BOTTOM, &self.title)
    }

    /// The range of a coordinate over all points, with zero in it if wanted.
    fn range(&self, coordinate: impl Fn(&(f64, f64)) -> f64, zero: bool) -> (f64, f64) {
        let values = || {
            self.series
                .iter()
                .flat_map(|series| series.points.iter().map(&coordinate))
        };
        let start = if zero {
            (0.0, 0.0)
        } else {
            (f64::INFINITY, f64::NEG_INFINITY)
        };
        let (low, high) = values().fold(start, |(low, high), value| (value.min(low), value.max(high)));
        if low.is_finite() && high.is_finite() {
            (low, high)
        } else {
            (0.0, 1.0)
        }
    }
}
