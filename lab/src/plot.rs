//! Plots as SVG, made on the host: what is in a report can be read without a network, a script, or colour vision.
//!
//! [`Lines`], [`Bars`], [`Beside`], [`Panels`], [`Deviations`], [`Histograms`] and [`Timeline`] each make one picture of a fixed width that scales with the page. Colours
//! are classes (`c0` to `c7`) that the page's style sheet defines for light, dark and print; lines differ in dashes too, and
//! bars stand in the order of the legend or carry their names. Numbers come in the unit that the axis's label names.

mod axis;
mod bars;
pub mod beside;
pub mod deviations;
mod histogram;
mod lines;
pub mod panels;
mod svg;

pub(crate) use svg::escape;

mod timeline;

pub use axis::{Axis, TimeUnit};
pub use bars::Bars;
pub use beside::Beside;
pub use deviations::Deviations;
pub use histogram::{Histogram, Histograms};
pub use lines::{Lines, Series};
pub use panels::Panels;
pub use timeline::{Bar, Row, Timeline};

/// How many series differ in colour; what comes after them is grey.
pub const COLOURS: usize = 8;

/// The class of a series' colour.
fn colour(series: usize) -> String {
    if series < COLOURS {
        format!("c{series}")
    } else {
        "rest".to_owned()
    }
}

/// Names of series, coloured in their order, in lines across the top; the height they take.
fn legend(svg: &mut svg::Svg, names: &[&str], dashed: bool) -> f64 {
    let names: Vec<_> = names.iter().copied().zip(0..).collect();
    coloured(svg, &names, dashed)
}

/// Names with the indices of their colours, in lines across the top; the height they take.
fn coloured(svg: &mut svg::Svg, names: &[(impl AsRef<str>, usize)], dashed: bool) -> f64 {
    const LETTER: f64 = 7.0;
    const LINE: f64 = 18.0;
    let (mut x, mut y) = (svg::LEFT, 14.0);
    for (name, series) in names {
        let name = name.as_ref();
        let width = 34.0 + LETTER * name.chars().count() as f64;
        if x + width > svg::WIDTH && x > svg::LEFT {
            (x, y) = (svg::LEFT, y + LINE);
        }
        let class = colour(*series);
        if dashed {
            svg.path(&format!("M{x:.1} {:.1}h20", y - 4.0), &format!("line {class}"));
        } else {
            svg.rect(x, y - 10.0, 12.0, 12.0, &format!("fill {class}"), None);
        }
        svg.text(x + if dashed { 25.0 } else { 17.0 }, y, "start", "", name);
        x += width;
    }
    if names.is_empty() { 8.0 } else { y + 10.0 }
}
