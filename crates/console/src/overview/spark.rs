//! A line of a few numbers, small enough to stand below one, and the same in words.

use crate::chart;
use crate::format::count;
use crate::texts::fill;

/// The drawing, and `about` with its `{least}`, `{most}` and `{last}` filled in. Nothing where there is no line.
pub(super) fn drawn(about: &str, values: &[i64]) -> (String, String) {
    let (Some(&most), Some(&least), Some(&last)) =
        (values.iter().max(), values.iter().min(), values.last())
    else {
        return Default::default();
    };
    if values.len() < 2 || most == 0 {
        return Default::default();
    }
    let (least, most, last) = (count(least), count(most), count(last));
    let values_of = [("least", &*least), ("most", &*most), ("last", &*last)];
    (chart::spark(values), fill(about, &values_of))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_told_in_words() {
        let (drawing, text) = drawn("{least} {most} {last}", &[0, 1500, 750]);
        assert_eq!(text, "0 1,500 750");
        assert!(drawing.starts_with("<svg"));
        for nothing in [&[][..], &[7], &[0, 0]] {
            assert_eq!(drawn("", nothing), (String::new(), String::new()));
        }
    }
}
