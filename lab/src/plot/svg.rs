//! Writing SVG: shapes with classes, and text that cannot be mistaken for markup.

use std::fmt::Write as _;

/// The width of every picture.
pub(super) const WIDTH: f64 = 760.0;
/// Where the plotted area begins: room for the vertical axis.
pub(super) const LEFT: f64 = 70.0;
/// Where it ends.
pub(super) const RIGHT: f64 = WIDTH - 14.0;
/// Room for the horizontal axis.
pub(super) const BOTTOM: f64 = 46.0;

/// A picture that is being drawn.
#[derive(Debug, Default)]
pub(super) struct Svg(String);

impl Svg {
    pub(super) fn new() -> Svg {
        Svg::default()
    }

    /// A rectangle; `hint` shows when the pointer rests on it.
    pub(super) fn rect(&mut self, x: f64, y: f64, width: f64, height: f64, class: &str, hint: Option<&str>) {
        let shape =
            format!(r#"<rect class="{class}" x="{x:.1}" y="{y:.1}" width="{width:.2}" height="{height:.1}""#);
        self.0.push_str(&shape);
        match hint {
            Some(hint) => self.put(format_args!("><title>{}</title></rect>", escape(hint))),
            None => self.0.push_str("/>"),
        }
    }

    pub(super) fn path(&mut self, path: &str, class: &str) {
        self.put(format_args!(r#"<path class="{class}" d="{path}"/>"#));
    }

    /// Text; `anchor` is `start`, `middle` or `end`.
    pub(super) fn text(&mut self, x: f64, y: f64, anchor: &str, class: &str, text: &str) {
        let text = escape(text);
        self.put(format_args!(
            r#"<text class="{class}" x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{text}</text>"#
        ));
    }

    /// Text that reads upwards.
    pub(super) fn upwards(&mut self, x: f64, y: f64, class: &str, text: &str) {
        let text = escape(text);
        self.put(format_args!(
            r#"<text class="{class}" transform="translate({x:.1} {y:.1}) rotate(-90)" text-anchor="middle">{text}</text>"#
        ));
    }

    /// A round mark.
    pub(super) fn dot(&mut self, x: f64, y: f64, class: &str, hint: &str) {
        let hint = escape(hint);
        self.put(format_args!(
            r#"<circle class="{class}" cx="{x:.1}" cy="{y:.1}" r="3.5"><title>{hint}</title></circle>"#
        ));
    }

    /// The whole picture. `about` is read out to whoever does not see it.
    pub(super) fn finish(self, height: f64, about: &str) -> String {
        self.finish_described(height, about, "")
    }

    /// The whole picture, with what it shows in words.
    pub(super) fn finish_described(self, height: f64, about: &str, described: &str) -> String {
        let (about, body) = (escape(about), self.0);
        let described = match described {
            "" => String::new(),
            text => format!("<desc>{}</desc>", escape(text)),
        };
        format!(
            r#"<svg viewBox="0 0 {WIDTH:.0} {height:.0}" role="img" aria-label="{about}" xmlns="http://www.w3.org/2000/svg">{described}{body}</svg>"#
        )
    }

    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        self.0.write_fmt(text).expect("writing to memory");
    }
}

/// Text for HTML and SVG, inside elements and attributes alike.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            letter => escaped.push(letter),
        }
    }
    escaped
}
