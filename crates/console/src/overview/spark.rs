//! A line of a few numbers, small enough to stand below one.

use crate::format::count;
use crate::texts::fill;

/// Its height in units of the drawing; its width is that of the card.
const HEIGHT: i64 = 100;

/// The drawing, with `about` as its text: `{least}`, `{most}` and `{last}` are filled in. Nothing where no line can be drawn.
pub(super) fn markup(about: &str, values: &[i64]) -> String {
    let (Some(&most), Some(&least), Some(&last)) =
        (values.iter().max(), values.iter().min(), values.last())
    else {
        return String::new();
    };
    if values.len() < 2 || most == 0 {
        return String::new();
    }
    let mut path = String::new();
    for (place, value) in values.iter().enumerate() {
        let sign = if place == 0 { 'M' } else { 'L' };
        let y = HEIGHT - value * HEIGHT / most;
        path.push_str(&format!("{sign}{place} {y}"));
    }
    let (least, most, last) = (count(least), count(most), count(last));
    let about = fill(
        about,
        &[("least", &least), ("most", &most), ("last", &last)],
    );
    format!(
        "<svg class=\"spark s1\" viewBox=\"0 -4 {} {}\" preserveAspectRatio=\"none\" role=\"img\" \
         aria-label=\"{about}\"><path class=\"l\" d=\"{path}\"/></svg>",
        values.len() - 1,
        HEIGHT + 8,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_ends_where_the_numbers_do() {
        let drawn = markup("{least} {most} {last}", &[0, 1500, 750]);
        assert!(drawn.contains("aria-label=\"0 1,500 750\""), "{drawn}");
        assert!(drawn.contains("d=\"M0 100L1 0L2 50\""), "{drawn}");
        for nothing in [&[][..], &[7], &[0, 0]] {
            assert_eq!(markup("", nothing), "");
        }
    }
}
