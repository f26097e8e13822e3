//! How often which latency occurred, on logarithmic axes both ways: the tail is what matters, and it is thin and far out.

use super::axis::{Axis, Scale};
use super::colour;
use super::svg::{BOTTOM, LEFT, RIGHT, Svg};
use crate::histogram::Latency;
use sched::Nanos;
use std::collections::BTreeMap;

/// A histogram of latencies.
#[derive(Clone, Copy, Debug)]
pub struct Histogram<'a> {
    /// What it shows, in a few words.
    pub title: &'a str,
    /// The latencies.
    pub latency: &'a Latency,
}

/// Height of the plotted area.
const HEIGHT: f64 = 230.0;
/// Bars in each decade.
const BARS: f64 = 10.0;
/// Percentiles that are marked.
const MARKED: [(f64, &str); 4] = [(50.0, "50 %"), (99.0, "99 %"), (99.9, "99.9 %"), (100.0, "max")];

impl Histogram<'_> {
    /// The picture. Latencies below a nanosecond are drawn with those of one.
    #[must_use]
    pub fn svg(&self) -> String {
        let mut bars: BTreeMap<i32, u64> = BTreeMap::new();
        for (latency, count) in self.latency.buckets() {
            let bar = (latency.0.max(1) as f64).log10() * BARS;
            *bars.entry(bar.floor() as i32).or_default() += count;
        }
        let edge = |bar: i32| 10_f64.powf(f64::from(bar) / BARS);
        let most = bars.values().copied().max().unwrap_or(1) as f64;
        let first = bars.first_key_value().map_or(0, |(bar, _)| *bar);
        let last = bars.last_key_value().map_or(9, |(bar, _)| *bar);

        let mut svg = Svg::new();
        let top = 30.0;
        let bottom = top + HEIGHT;
        let across = Axis::times("latency");
        let up = Axis::logarithmic("wake-ups");
        // At least a decade, so that a single bar does not fill the picture.
        let end = last.max(first + BARS as i32 - 1) + 1;
        let x = Scale::new(&across, (edge(first), edge(end)), (LEFT, RIGHT));
        let y = Scale::new(&up, (0.5, 1.5 * most), (bottom, top));
        x.draw_horizontal(&mut svg, &across.label, top, bottom);
        y.draw_vertical(&mut svg, &up.label);
        let class = format!("fill {}", colour(0));
        for (bar, count) in &bars {
            let (begin, end) = (x.at(edge(*bar)), x.at(edge(bar + 1)));
            let height = bottom - y.at(*count as f64);
            let hint = format!("{count} from {:.0} to {:.0} ns", edge(*bar), edge(bar + 1));
            svg.rect(
                begin + 0.5,
                bottom - height,
                end - begin - 1.0,
                height,
                &class,
                Some(&hint),
            );
        }
        self.mark(&mut svg, &x, top, bottom);
        svg.finish(bottom + BOTTOM, self.title)
    }

    /// Lines at percentiles, with names above that do not cover each other.
    fn mark(&self, svg: &mut Svg, x: &Scale, top: f64, bottom: f64) {
        let mut free = f64::INFINITY;
        for (percent, name) in MARKED.into_iter().rev() {
            let Nanos(latency) = self.latency.percentile(percent);
            let at = x.at(latency.max(1) as f64);
            if at < free {
                svg.path(&format!("M{at:.1} {top:.1}V{bottom:.1}"), "mark");
                let (text_at, anchor) = if at < LEFT + 50.0 {
                    (at.max(LEFT), "start")
                } else {
                    (at, "end")
                };
                svg.text(text_at, top - 6.0, anchor, "", name);
                free = at - 50.0;
            }
        }
    }
}
