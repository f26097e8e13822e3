//! How often which latency occurred, on logarithmic axes both ways: the tail is what matters, and it is thin and far out. Several
//! histograms stand below each other over one axis, so that they can be compared.

use super::axis::{Axis, Scale};
use super::colour;
use super::svg::{BOTTOM, LEFT, RIGHT, Svg};
use std::collections::BTreeMap;

/// One or more histograms over one axis.
#[derive(Clone, Debug)]
pub struct Histograms {
    /// What they show, in a few words.
    pub title: String,
    /// The horizontal axis; logarithmic.
    pub x: Axis,
    /// What is counted.
    pub counted: String,
    /// From the top.
    pub histograms: Vec<Histogram>,
}

/// A histogram.
#[derive(Clone, Debug)]
pub struct Histogram {
    /// Its name; empty if there is only one.
    pub name: String,
    /// Which colour.
    pub series: usize,
    /// Values, ascending, and how often each was seen. Zero is drawn with one.
    pub counts: Vec<(u64, u64)>,
    /// Values that are marked with a line and a name, ascending.
    pub marks: Vec<(f64, String)>,
}

/// Height of a plotted area, if there is one and if there are several.
const HEIGHTS: [f64; 2] = [230.0, 120.0];
/// Bars over the whole axis, about.
const BARS: f64 = 60.0;
/// Room that a letter takes.
const LETTER: f64 = 8.0;

impl Histograms {
    /// The picture.
    #[must_use]
    pub fn svg(&self) -> String {
        let values = || {
            self.histograms
                .iter()
                .flat_map(|of| &of.counts)
                .map(|(value, _)| (*value).max(1) as f64)
        };
        let (least, most) = values().fold((f64::INFINITY, 1.0), |(least, most), value| {
            (value.min(least), value.max(most))
        });
        let least = if least.is_finite() { least } else { 1.0 };
        // Where values are close together, more bars to the decade; never so many that one bar is less than a value.
        let per_decade = [10.0, 20.0, 50.0]
            .into_iter()
            .rfind(|bars| (most / least).log10() * bars <= BARS)
            .unwrap_or(10.0);
        let edge = |bar: i32| 10_f64.powf(f64::from(bar) / per_decade);
        let bar_of = |value: u64| ((value.max(1) as f64).log10() * per_decade + 1e-9).floor() as i32;
        let (first, last) = (bar_of(least as u64), bar_of(most as u64));
        // A single bar does not fill the picture.
        let end = last.max(first + 9) + 1;
        let x = Scale::new(&self.x, (edge(first), edge(end)), (LEFT, RIGHT));

        let mut svg = Svg::new();
        let height = HEIGHTS[usize::from(self.histograms.len() > 1)];
        let mut top = 0.0;
        let mut bottom = top;
        for shown in &self.histograms {
            if !shown.name.is_empty() {
                top += 18.0;
                svg.text(LEFT, top - 4.0, "start", "group", &shown.name);
            }
            top += 24.0;
            bottom = top + height;
            let mut bars: BTreeMap<i32, u64> = BTreeMap::new();
            for (value, count) in &shown.counts {
                *bars.entry(bar_of(*value)).or_default() += count;
            }
            let most = bars.values().copied().max().unwrap_or(1) as f64;
            let y = Scale::new(&Axis::logarithmic(""), (0.5, 1.5 * most), (bottom, top));
            x.draw_grid(&mut svg, top, bottom);
            y.draw_vertical(&mut svg, &self.counted);
            let class = format!("fill {}", colour(shown.series));
            for (bar, count) in &bars {
                let (begin, end) = (x.at(edge(*bar)), x.at(edge(bar + 1)));
                let high = bottom - y.at(*count as f64);
                let hint = format!("{count} from {:.0} to {:.0}", edge(*bar), edge(bar + 1));
                svg.rect(
                    begin + 0.5,
                    bottom - high,
                    end - begin - 1.0,
                    high,
                    &class,
                    Some(&hint),
                );
            }
            svg.path(&format!("M{LEFT:.1} {bottom:.1}H{RIGHT:.1}"), "axis");
            mark(&mut svg, shown, &x, (top, bottom));
            top = bottom + 10.0;
        }
        x.draw_horizontal(&mut svg, &self.x.label, bottom, bottom);
        svg.finish_described(bottom + BOTTOM, &self.title, &self.words())
    }

    /// The marks, for whoever does not see them.
    fn words(&self) -> String {
        let words = |of: &Histogram| {
            let marks: Vec<String> = of
                .marks
                .iter()
                .map(|(value, name)| format!("{name} {value:.0}"))
                .collect();
            format!("{} {}.", of.name, marks.join(", "))
        };
        let all: Vec<String> = self.histograms.iter().map(words).collect();
        all.join(" ").trim().to_owned()
    }
}

/// Lines at what is marked, with names above them. Of those whose names would cover each other the last one stays, then the first.
fn mark(svg: &mut Svg, shown: &Histogram, x: &Scale, (top, bottom): (f64, f64)) {
    let mut taken: Vec<(f64, f64)> = Vec::new();
    let (last, others) = shown
        .marks
        .split_last()
        .map_or((None, &[][..]), |(last, others)| (Some(last), others));
    for (value, name) in last.into_iter().chain(others) {
        let at = x.at(value.max(1.0));
        let width = LETTER * name.chars().count() as f64;
        let places = [("end", at - width, at), ("start", at, at + width)];
        let free = places.into_iter().find(|(_, begin, end)| {
            let inside = *begin >= LEFT - LETTER && *end <= RIGHT + LETTER;
            inside
                && taken
                    .iter()
                    .all(|(from, to)| *end + 3.0 <= *from || *begin >= *to + 3.0)
        });
        if let Some((anchor, begin, end)) = free {
            svg.path(&format!("M{at:.1} {top:.1}V{bottom:.1}"), "mark");
            svg.text(at, top - 6.0, anchor, "", name);
            taken.push((begin, end));
        }
    }
}
