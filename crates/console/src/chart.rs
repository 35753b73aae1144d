//! Charts, as SVG in the page. Colours are those of the style sheet: light and dark pages share one drawing.
//!
//! The drawing is stretched to the width of the page, so no text is in it: what stands beside the axes is HTML, and keeps
//! its size. Scales and series are those of plotters; [`pen`] writes what it draws, a path for each colour.

mod axis;
mod pen;

use std::cmp::Reverse;
use std::convert::Infallible;

use askama::Template;
use plotters::drawing::DrawingAreaErrorKind;
use plotters::prelude::{
    AreaSeries, ChartBuilder, IntoDrawingArea, LineSeries, PathElement, Rectangle,
};
use plotters::style::Color;

use crate::format;
use crate::texts::{Locale, Texts, fill, texts};
use axis::{Mark, Scale};
use pen::{GRID, Paper, Pen, class, ink};

/// The size of a drawing, before it is stretched.
const SIZE: (u32, u32) = (1200, 240);
const SPARK_SIZE: (u32, u32) = (160, 32);
/// Part of the room of a step that its bar takes.
const BAR_WIDTH: f64 = 0.8;
/// The same of a point of a line that stands alone between gaps.
const LEVEL_WIDTH: f64 = 0.4;

texts! {
    /// Texts of charts.
    ChartTexts {
        summary: "{name}: highest {most} ({at_most}), lowest {least} ({at_least}), last {last}"
            / "{name}:最高 {most}({at_most}),最低 {least}({at_least}),最新 {last}",
        without: "{summary}, none for {missing} of {count}" / "{summary},{count} 项中 {missing} 项无数据",
        nothing: "{name}: none" / "{name}:无数据",
        total: "{summary}, total {total}" / "{summary},合计 {total}",
    }
}

type Drawn = Result<(), DrawingAreaErrorKind<Infallible>>;

/// One line, or the bars of one colour.
pub(crate) struct Line {
    name: String,
    /// A value for each label, where there is one.
    values: Vec<Option<i64>>,
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

#[derive(Template)]
#[template(path = "chart.html")]
struct Figure<'a> {
    t: &'static Texts,
    chart: &'a Chart,
    summary: String,
    drawing: String,
    /// From the top down.
    heights: Vec<String>,
    marks: Vec<Mark>,
}

impl Figure<'_> {
    fn value(&self, line: &Line, place: &usize) -> String {
        line.text(*place)
    }

    fn class(&self, place: &usize) -> String {
        class(*place)
    }

    fn is_bars(&self) -> bool {
        self.chart.shape == Shape::Bars
    }
}

impl Line {
    /// A line of values for each label: numbers, or where a label may have none `Option`s of them. The line has a gap there.
    pub(crate) fn new<V: Into<Option<i64>>>(
        name: impl Into<String>,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        Self {
            name: name.into(),
            values: values.into_iter().map(Into::into).collect(),
        }
    }

    /// Counts are not negative.
    fn value(&self, place: usize) -> Option<i64> {
        let value = self.values.get(place).copied().flatten();
        value.map(|value| value.max(0))
    }

    /// The value at a place as people read it.
    fn text(&self, place: usize) -> String {
        let value = self.value(place);
        value.map_or_else(|| "–".to_owned(), format::count)
    }

    /// Its values up to its gaps: each time the places and values that follow each other.
    fn runs(&self, places: u32) -> Vec<Vec<(f64, i64)>> {
        let mut runs = vec![Vec::new()];
        for (x, place) in (0..places).zip(0..) {
            match (self.value(place), runs.last_mut()) {
                (Some(value), Some(run)) => run.push((f64::from(x), value)),
                _ => runs.push(Vec::new()),
            }
        }
        runs.retain(|run| !run.is_empty());
        runs
    }
}

impl Chart {
    /// The markup of the figure.
    pub(crate) fn markup(&self, locale: Locale) -> String {
        let scale = Scale::up_to(self.highest());
        let paper = Paper::default();
        if let Err(error) = self.draw(paper.clone(), &scale) {
            tracing::error!(%error, "a chart cannot be drawn");
        }
        let figure = Figure {
            t: Texts::of(locale),
            chart: self,
            summary: self.summary(locale),
            drawing: paper.markup(),
            heights: scale.texts(locale),
            marks: axis::marks(&self.labels, self.shape == Shape::Bars),
        };
        figure.render().unwrap_or_else(|error| {
            tracing::error!(%error, "a chart cannot be rendered");
            String::new()
        })
    }

    /// The highest point: of bars, the highest stack.
    fn highest(&self) -> i64 {
        let heights = (0..self.labels.len()).map(|place| {
            let values = self.lines.iter().filter_map(|line| line.value(place));
            match self.shape {
                Shape::Lines => values.max().unwrap_or(0),
                Shape::Bars => values.fold(0, i64::saturating_add),
            }
        });
        heights.max().unwrap_or(0)
    }

    fn draw(&self, paper: Paper, scale: &Scale) -> Drawn {
        if self.labels.is_empty() {
            return Ok(());
        }
        let area = Pen { paper, size: SIZE }.into_drawing_area();
        let steps = u32::try_from(self.labels.len()).unwrap_or(u32::MAX);
        let width = match self.shape {
            Shape::Lines => f64::from(steps.max(2) - 1),
            Shape::Bars => f64::from(steps),
        };
        let mut chart = ChartBuilder::on(&area).build_cartesian_2d(0.0..width, 0..scale.top)?;
        for height in scale.heights() {
            let line = vec![(0.0, height), (width, height)];
            chart.draw_series([PathElement::new(line, GRID)])?;
        }
        let mut below = vec![0_i64; self.labels.len()];
        for (colour, line) in self.lines.iter().enumerate() {
            let ink = ink(colour);
            if self.shape == Shape::Bars {
                let values = (0..).map(|place| line.value(place).unwrap_or(0));
                let bars = (0..steps)
                    .map(f64::from)
                    .zip(values)
                    .zip(&mut below)
                    .filter(|((_, value), _)| *value > 0);
                chart.draw_series(bars.map(|((x, value), below)| {
                    let (low, high) = (*below, below.saturating_add(value));
                    *below = high;
                    let left = x + (1.0 - BAR_WIDTH) / 2.0;
                    Rectangle::new([(left, high), (left + BAR_WIDTH, low)], ink.filled())
                }))?;
                continue;
            }
            for mut path in line.runs(steps) {
                // One point alone is drawn as a level.
                if let [(x, value)] = path[..] {
                    let reach = if steps == 1 { width } else { LEVEL_WIDTH / 2.0 };
                    path = vec![
                        ((x - reach).max(0.0), value),
                        ((x + reach).min(width), value),
                    ];
                }
                if colour == 0 {
                    chart.draw_series(AreaSeries::new(path.clone(), 0, ink))?;
                }
                chart.draw_series(LineSeries::new(path, ink))?;
            }
        }
        Ok(())
    }

    fn summary(&self, locale: Locale) -> String {
        let t = ChartTexts::of(locale);
        let one = |line: &Line| {
            let values = || {
                let labels = self.labels.iter().zip(0..);
                labels.filter_map(|(label, place)| Some((line.value(place)?, label.as_str())))
            };
            // Of equal ones the first.
            let most = values()
                .zip(0..)
                .max_by_key(|((value, _), place)| (*value, Reverse(*place)));
            let least = values().min_by_key(|(value, _)| *value);
            let (Some(((most, at_most), _)), Some((least, at_least))) = (most, least) else {
                return fill(t.nothing, &[("name", &line.name)]);
            };
            let count = self.labels.len();
            let mut summary = fill(
                t.summary,
                &[
                    ("name", &line.name),
                    ("most", &format::count(most)),
                    ("at_most", at_most),
                    ("least", &format::count(least)),
                    ("at_least", at_least),
                    ("last", &line.text(count - 1)),
                ],
            );
            let missing = count - values().count();
            if missing > 0 {
                let counts = [missing, count].map(|count| count.to_string());
                let filled = [
                    ("summary", &*summary),
                    ("missing", &counts[0]),
                    ("count", &counts[1]),
                ];
                summary = fill(t.without, &filled);
            }
            // What stands in bars can be added up; a line may be a level or a share.
            match self.shape {
                Shape::Lines => summary,
                Shape::Bars => {
                    let total = values().fold(0, |sum: i64, (value, _)| sum.saturating_add(value));
                    fill(
                        t.total,
                        &[("summary", &summary), ("total", &format::count(total))],
                    )
                }
            }
        };
        let lines: Vec<_> = self.lines.iter().map(one).collect();
        format!("{} – {}", self.title, lines.join("; "))
    }
}

/// A small line without axes, for cards.
pub(crate) fn spark(values: &[i64]) -> String {
    let top = values.iter().copied().max().unwrap_or(0).max(1);
    let paper = Paper::default();
    let drawn = || -> Drawn {
        let area = Pen {
            paper: paper.clone(),
            size: SPARK_SIZE,
        }
        .into_drawing_area();
        let last = u32::try_from(values.len().max(2) - 1).unwrap_or(u32::MAX);
        let mut chart = ChartBuilder::on(&area)
            .margin(2)
            .build_cartesian_2d(0.0..f64::from(last), 0..top)?;
        let values = values.iter().map(|value| (*value).max(0));
        let points = (0..=last)
            .map(f64::from)
            .zip(values.chain(std::iter::repeat(0)));
        chart.draw_series(LineSeries::new(points, ink(0)))?;
        Ok(())
    };
    if let Err(error) = drawn() {
        tracing::error!(%error, "a chart cannot be drawn");
    }
    let (width, height) = SPARK_SIZE;
    let drawing = paper.markup();
    format!(
        "<svg class=\"spark\" viewBox=\"0 0 {width} {height}\" preserveAspectRatio=\"none\" aria-hidden=\"true\">{drawing}</svg>"
    )
}

#[cfg(test)]
mod tests;
