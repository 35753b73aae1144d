//! What plotters draws, as paths: one for all that is of one kind and colour. A path names its colour by class, so that
//! the style sheet decides, and a strict content security policy finds nothing to block.

use std::cell::RefCell;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::rc::Rc;

use plotters::style::RGBColor;
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, DrawingBackend, DrawingErrorKind,
};

/// The style sheet has so many colours; lines beyond are dashed.
const COLOURS: usize = 6;
/// The ink of grid lines.
pub(super) const GRID: RGBColor = RGBColor(u8::MAX, 0, 0);

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

/// The ink of the line at a place.
pub(super) fn ink(place: usize) -> RGBColor {
    RGBColor(u8::try_from(place % (2 * COLOURS)).unwrap_or(0), 0, 0)
}

/// Its classes: also those of its entry in the legend.
pub(super) fn class(place: usize) -> String {
    let dashed = if place / COLOURS % 2 == 1 { " d" } else { "" };
    format!("s{}{dashed}", place % COLOURS + 1)
}

/// Paths: the classes of each and its `d`. They are drawn in the order in which they were begun.
#[derive(Clone, Default)]
pub(super) struct Paper(Rc<RefCell<Vec<(String, String)>>>);

impl Paper {
    pub(super) fn markup(&self) -> String {
        let paths = self.0.borrow();
        let path = |(class, d): &(String, String)| format!("<path class=\"{class}\" d=\"{d}\"/>");
        paths.iter().map(path).collect()
    }
}

/// Draws on a paper of a size.
pub(super) struct Pen {
    pub(super) paper: Paper,
    pub(super) size: (u32, u32),
}

impl Pen {
    fn path(&self, kind: char, ink: BackendColor, points: impl IntoIterator<Item = BackendCoord>) {
        let class = match ink.rgb.0 {
            u8::MAX => "g".to_owned(),
            place => format!("{kind} {}", class(place.into())),
        };
        let mut paths = self.paper.0.borrow_mut();
        let known = paths.iter().position(|(known, _)| *known == class);
        let place = known.unwrap_or_else(|| {
            paths.push((class, String::new()));
            paths.len() - 1
        });
        let d = &mut paths[place].1;
        let mut last: Option<BackendCoord> = None;
        for point in points {
            let _ = match last {
                None => write!(d, "M{} {}", point.0, point.1),
                // From the last point: shorter, and a minus parts numbers as well as a space does.
                Some(last) => {
                    let (x, y) = (point.0 - last.0, point.1 - last.1);
                    let gap = if y < 0 { "" } else { " " };
                    write!(d, "l{x}{gap}{y}")
                }
            };
            last = Some(point);
        }
        if kind != 'l' {
            d.push('z');
        }
    }
}

impl DrawingBackend for Pen {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        self.size
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, _: BackendCoord, _: BackendColor) -> Drawn {
        Ok(())
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        from: BackendCoord,
        to: BackendCoord,
        style: &S,
        _: bool,
    ) -> Drawn {
        // What there is a little of is seen.
        let top = from.1.min(to.1 - 1);
        let corners = [(from.0, to.1), (from.0, top), (to.0, top), (to.0, to.1)];
        self.path('b', style.color(), corners);
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        points: I,
        style: &S,
    ) -> Drawn {
        if style.color().alpha > 0.0 {
            self.path('l', style.color(), points);
        }
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        corners: I,
        style: &S,
    ) -> Drawn {
        self.path('a', style.color(), corners);
        Ok(())
    }
}
