use super::*;

fn chart(shape: Shape, steps: usize, lines: usize, value: impl Fn(usize, usize) -> i64) -> Chart {
    let line = |place: usize| {
        let values = (0..steps).map(|step| value(place, step));
        Line::new(format!("line {place}"), values)
    };
    Chart {
        title: "Reports".to_owned(),
        shape,
        labels: (0..steps)
            .map(|step| format!("2026-{:02}-{:02}", step / 28 + 1, step % 28 + 1))
            .collect(),
        lines: (0..lines).map(line).collect(),
    }
}

#[test]
fn what_strangers_wrote_is_escaped() {
    let hostile = "\"><script>alert(1)</script>&'";
    let mut chart = chart(Shape::Lines, 2, 2, |_, step| i64::try_from(step).unwrap());
    chart.title = hostile.to_owned();
    chart.labels = vec![hostile.to_owned(), "\u{202e}txet".to_owned()];
    chart.lines[1].name = hostile.to_owned();
    let markup = chart.markup(Locale::En);
    assert!(!markup.contains("<script"), "{markup}");
    assert!(!markup.contains("\"><s"), "{markup}");
    assert!(!markup.contains("style="), "{markup}");
}

#[test]
fn every_shape_is_drawn_of_any_numbers() {
    for shape in [Shape::Lines, Shape::Bars] {
        for (steps, lines) in [(0, 0), (0, 1), (1, 1), (1, 3), (2, 14), (400, 1)] {
            for most in [0, 1, 1 << 53, i64::MAX, -5] {
                let markup = chart(shape, steps, lines, |_, _| most).markup(Locale::Zh);
                assert!(
                    !markup.contains("NaN") && markup.ends_with("</figure>"),
                    "{markup}"
                );
                assert_eq!(markup.contains("class=\"nothing\""), steps == 0);
            }
        }
    }
}

#[test]
fn values_that_are_missing_are_none() {
    let mut chart = chart(Shape::Bars, 3, 1, |_, _| 7);
    chart.lines[0].values.truncate(1);
    let markup = chart.markup(Locale::En);
    let told = "lowest 7 (2026-01-01), last –, none for 2 of 3, total 7\"";
    assert!(markup.contains(told), "{markup}");
    chart.lines[0].values.clear();
    let markup = chart.markup(Locale::Zh);
    assert!(markup.contains("line 0:无数据\""), "{markup}");
}

#[test]
fn a_line_has_gaps_where_there_are_no_values() {
    let values = [Some(4), None, Some(0), Some(4), None];
    let mut chart = chart(Shape::Lines, values.len(), 0, |_, _| 0);
    chart.lines.push(Line::new("rate", values));
    let markup = chart.markup(Locale::En);
    let path = |kind| {
        let found = markup.split_once(&format!("<path class=\"{kind} s1\" d=\""));
        found.unwrap().1.split('"').next().unwrap()
    };
    assert_eq!(path("l"), "M0 0l59 0M599 239l300-239");
    assert_eq!(path("a").matches('M').count(), 2);
    let told = "rate: highest 4 (2026-01-01), lowest 0 (2026-01-03), last –, none for 2 of 5\"";
    assert!(markup.contains(told), "{markup}");
    for (day, text) in [("02", "–"), ("03", "0"), ("04", "4"), ("05", "–")] {
        let row = format!("<th scope=\"row\">2026-01-{day}<td>{text}<");
        assert!(markup.contains(&row), "{row} {markup}");
    }
}

#[test]
fn the_numbers_are_told_in_words_and_as_a_table() {
    let chart = chart(Shape::Lines, 4, 1, |_, step| [1_200, 9, 1_200, 30][step]);
    let markup = chart.markup(Locale::En);
    assert!(markup.contains(
        "aria-label=\"Reports – line 0: highest 1,200 (2026-01-01), lowest 9 (2026-01-02), last 30\""
    ));
    assert!(markup.contains("<th scope=\"row\">2026-01-03<td>1,200"));
}

#[test]
fn a_level_of_one_point_is_a_line() {
    let markup = chart(Shape::Lines, 1, 1, |_, _| 4).markup(Locale::En);
    assert!(
        markup.contains("class=\"l s1\" d=\"M0 0l1199 0\""),
        "{markup}"
    );
}

#[test]
fn charts_are_small() {
    let wave =
        |line: usize, step: usize| i64::try_from((line + 3) * (step * 7919 % 613) * 97).unwrap();
    let size = |shape, steps, lines| chart(shape, steps, lines, wave).markup(Locale::En).len();
    for shape in [Shape::Lines, Shape::Bars] {
        assert!(size(shape, 30, 5) < 12_000, "{}", size(shape, 30, 5));
        assert!(size(shape, 144, 1) < 15_000, "{}", size(shape, 144, 1));
    }
    assert!(spark(&[1, 5, 2, 8, 0, 3, 9]).len() < 300);
}

#[test]
fn a_spark_is_drawn_of_any_numbers() {
    for values in [&[][..], &[0], &[0, 0], &[i64::MAX, 0], &[1 << 53, 3]] {
        assert!(spark(values).contains("<path class=\"l s1\""));
    }
}
