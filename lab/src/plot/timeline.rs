//! What each CPU did when: a row for each, with a bar for each stay of a thread.

use super::axis::{Axis, Scale};
use super::svg::{BOTTOM, LEFT, RIGHT, Svg};
use super::{COLOURS, colour, legend};

/// A timeline.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// What it shows, in a few words.
    pub title: String,
    /// The horizontal axis.
    pub x: Axis,
    /// What it spans.
    pub range: (f64, f64),
    /// Names of what has a colour of its own, at most [`COLOURS`].
    pub names: Vec<String>,
    /// The rows, from the top.
    pub rows: Vec<Row>,
}

/// A row.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// Its bars.
    pub bars: Vec<Bar>,
}

/// A bar.
#[derive(Clone, Debug)]
pub struct Bar {
    /// Where it begins.
    pub begin: f64,
    /// Where it ends.
    pub end: f64,
    /// Index into [`Timeline::names`]; anything beyond is grey.
    pub series: usize,
    /// What shows when the pointer rests on it.
    pub hint: String,
}

/// Room that a letter takes, and some for the edges.
const LETTER: f64 = 9.0;

impl Timeline {
    /// The picture.
    #[must_use]
    pub fn svg(&self) -> String {
        let mut svg = Svg::new();
        let names: Vec<&str> = self.names.iter().take(COLOURS).map(String::as_str).collect();
        let top = legend(&mut svg, &names, false);
        let row = if self.rows.len() > 16 { 14.0 } else { 26.0 };
        let bottom = top + row * self.rows.len().max(1) as f64;
        let x = Scale::new(&self.x, self.range, (LEFT, RIGHT));
        x.draw_horizontal(&mut svg, &self.x.label, top, bottom);
        for (number, shown) in self.rows.iter().enumerate() {
            let y = top + row * number as f64;
            svg.text(LEFT - 8.0, y + 0.5 * row + 4.0, "end", "", &shown.name);
            for bar in &shown.bars {
                let (begin, end) = (x.at(bar.begin), x.at(bar.end));
                let class = format!("fill {}", colour(bar.series));
                // A stay too short for the picture is still a hairline.
                let width = (end - begin).max(0.3);
                svg.rect(begin, y + 0.12 * row, width, 0.76 * row, &class, Some(&bar.hint));
                // Where there is room, the name: colours alone are not for everybody.
                let name = self
                    .names
                    .get(bar.series)
                    .filter(|name| width > LETTER * name.chars().count() as f64);
                if let Some(name) = name.filter(|_| row > 20.0) {
                    svg.text(0.5 * (begin + end), y + 0.5 * row + 4.0, "middle", "on", name);
                }
            }
        }
        svg.finish(bottom + BOTTOM, &self.title)
    }
}
