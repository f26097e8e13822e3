//! Axes: where a value is drawn, and at which values there are marks.

use super::svg::{LEFT, RIGHT, Svg};

/// What an axis shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// What is measured, with its unit: `time (ms)`.
    pub label: String,
    /// Whether equal distances are equal factors.
    pub logarithmic: bool,
    /// Whether values are nanoseconds and marks should carry their units.
    pub times: bool,
}

impl Axis {
    /// An axis on which equal distances are equal differences.
    #[must_use]
    pub fn linear(label: impl Into<String>) -> Axis {
        let label = label.into();
        Axis {
            label,
            logarithmic: false,
            times: false,
        }
    }

    /// An axis on which equal distances are equal factors; values at or below zero lie on its edge.
    #[must_use]
    pub fn logarithmic(label: impl Into<String>) -> Axis {
        let label = label.into();
        Axis {
            label,
            logarithmic: true,
            times: false,
        }
    }

    /// A logarithmic axis of nanoseconds, whose marks say `1 µs` and `10 ms`.
    #[must_use]
    pub fn times(label: impl Into<String>) -> Axis {
        Axis {
            times: true,
            ..Axis::logarithmic(label)
        }
    }
}

/// A unit in which times of some size read well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeUnit {
    /// `ns`, `µs`, `ms` or `s`.
    pub name: &'static str,
    /// Nanoseconds in one.
    pub nanos: u64,
}

impl TimeUnit {
    /// The largest unit of which `nanos` is at least two.
    #[must_use]
    pub fn for_span(nanos: u64) -> TimeUnit {
        let units = [("s", 1_000_000_000), ("ms", 1_000_000), ("µs", 1_000)];
        let fits = units.into_iter().find(|(_, unit)| nanos >= 2 * unit);
        let (name, nanos) = fits.unwrap_or(("ns", 1));
        TimeUnit { name, nanos }
    }

    /// A time in this unit.
    #[must_use]
    pub fn of(self, nanos: u64) -> f64 {
        nanos as f64 / self.nanos as f64
    }
}

/// An axis with a range, laid over a stretch of the picture.
#[derive(Clone, Debug)]
pub(super) struct Scale {
    logarithmic: bool,
    times: bool,
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// From `low` at `from` to `high` at `to`, in the picture's coordinates. An empty range gets some room.
    pub(super) fn new(axis: &Axis, (low, high): (f64, f64), (from, to): (f64, f64)) -> Scale {
        let (low, high) = if axis.logarithmic {
            let low = if low > 0.0 { low } else { 1.0 };
            (low, if high > low { high } else { 10.0 * low })
        } else {
            (low, if high > low { high } else { low + 1.0 })
        };
        Scale {
            logarithmic: axis.logarithmic,
            times: axis.times,
            low,
            high,
            from,
            to,
        }
    }

    /// Where a value is drawn, at most at the ends.
    pub(super) fn at(&self, value: f64) -> f64 {
        let place = |value: f64| {
            if self.logarithmic {
                value.max(self.low).ln()
            } else {
                value
            }
        };
        let part = (place(value) - place(self.low)) / (place(self.high) - place(self.low));
        self.from + part.clamp(0.0, 1.0) * (self.to - self.from)
    }

    /// Values with marks, and how they are written.
    pub(super) fn marks(&self) -> Vec<(f64, String)> {
        let plain = if self.times { span } else { plain };
        if self.logarithmic {
            let (first, last) = (self.low.log10().ceil() as i32, self.high.log10().floor() as i32);
            let decades = (first..=last).map(|decade| 10_f64.powi(decade));
            let marks: Vec<_> = decades.map(|value| (value, plain(value))).collect();
            if marks.len() > 1 {
                return marks;
            }
            // Less than two decades: their halves and fifths too.
            let first = self.low.log10().floor() as i32;
            let between = |parts: &[f64]| -> Vec<f64> {
                let finer = (first..=last + 1)
                    .flat_map(|decade| parts.iter().map(move |part| part * 10_f64.powi(decade)));
                finer
                    .filter(|value| (self.low..=self.high).contains(value))
                    .collect()
            };
            let mut values = between(&[1.0, 2.0, 5.0]);
            if values.len() < 3 {
                values = between(&[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0]);
            }
            return values.into_iter().map(|value| (value, plain(value))).collect();
        }
        let step = nice_step((self.high - self.low) / 6.0);
        let decimals = (-step.log10().floor()).max(0.0) as usize;
        let first = (self.low / step).ceil() as i64;
        let last = (self.high / step + 1e-9).floor() as i64;
        let values = (first..=last).map(|count| count as f64 * step);
        values
            .map(|value| (value, format!("{value:.decimals$}")))
            .collect()
    }

    /// Draws the marks of a horizontal axis below `bottom`, with lines up to `top`.
    pub(super) fn draw_horizontal(&self, svg: &mut Svg, label: &str, top: f64, bottom: f64) {
        self.draw_grid(svg, top, bottom + 4.0);
        for (value, text) in self.marks() {
            svg.text(self.at(value), bottom + 18.0, "middle", "", &text);
        }
        svg.path(&format!("M{:.1} {bottom:.1}H{:.1}", self.from, self.to), "axis");
        svg.text(
            0.5 * (self.from + self.to),
            bottom + 38.0,
            "middle",
            "label",
            label,
        );
    }

    /// Draws the upright lines of a horizontal axis alone.
    pub(super) fn draw_grid(&self, svg: &mut Svg, top: f64, bottom: f64) {
        for (value, _) in self.marks() {
            svg.path(&format!("M{:.1} {top:.1}V{bottom:.1}", self.at(value)), "grid");
        }
    }

    /// Draws the marks of a vertical axis at the left, with lines across.
    pub(super) fn draw_vertical(&self, svg: &mut Svg, label: &str) {
        for (value, text) in self.marks() {
            let y = self.at(value);
            svg.path(&format!("M{:.1} {y:.1}H{RIGHT:.1}", LEFT - 4.0), "grid");
            svg.text(LEFT - 8.0, y + 4.0, "end", "", &text);
        }
        svg.path(&format!("M{LEFT:.1} {:.1}V{:.1}", self.to, self.from), "axis");
        svg.upwards(14.0, 0.5 * (self.from + self.to), "label", label);
    }
}

/// One, two or five times a power of ten, at least `step`.
fn nice_step(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .find(|factor| factor * power >= step * 0.999);
    factor.unwrap_or(10.0) * power
}

/// A number as people write it: thousands as k, millions as M.
fn plain(value: f64) -> String {
    match value {
        value if value >= 1e9 => format!("{}G", value / 1e9),
        value if value >= 1e6 => format!("{}M", value / 1e6),
        value if value >= 1e3 => format!("{}k", value / 1e3),
        value => format!("{}", (value * 1e6).round() / 1e6),
    }
}

/// Nanoseconds as people write them.
fn span(nanos: f64) -> String {
    match nanos {
        nanos if nanos >= 1e9 => format!("{} s", nanos / 1e9),
        nanos if nanos >= 1e6 => format!("{} ms", nanos / 1e6),
        nanos if nanos >= 1e3 => format!("{} µs", nanos / 1e3),
        nanos => format!("{nanos} ns"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(axis: &Axis, low: f64, high: f64) -> Vec<String> {
        let scale = Scale::new(axis, (low, high), (0.0, 100.0));
        scale.marks().into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn l3_marks_are_round_numbers() {
        let linear = Axis::linear("x");
        assert_eq!(
            marks(&linear, 0.0, 1.0),
            ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
        );
        assert_eq!(marks(&linear, -3.0, 17.0), ["0", "5", "10", "15"]);
        assert_eq!(marks(&linear, 5.0, 5.0).len(), 6);
        let logarithmic = Axis::logarithmic("x");
        assert_eq!(
            marks(&logarithmic, 0.5, 2e6),
            ["1", "10", "100", "1k", "10k", "100k", "1M"]
        );
        assert_eq!(marks(&logarithmic, 30.0, 70.0), ["30", "40", "50", "60"]);
        assert_eq!(marks(&Axis::times("x"), 100.0, 1e4), ["100 ns", "1 µs", "10 µs"]);
    }

    #[test]
    fn l3_values_are_drawn_where_they_belong() {
        let scale = Scale::new(&Axis::logarithmic("x"), (1.0, 100.0), (200.0, 0.0));
        let places: Vec<f64> = [0.0, 1.0, 10.0, 100.0, 1e9]
            .map(|value| scale.at(value).round())
            .into();
        assert_eq!(places, [200.0, 200.0, 100.0, 0.0, 0.0]);
        assert_eq!(
            (TimeUnit::for_span(1_999).name, TimeUnit::for_span(2_000).name),
            ("ns", "µs")
        );
    }
}
