use super::*;

fn chart(shape: Shape, steps: usize, lines: usize, value: impl Fn(usize, usize) -> i64) -> Chart {
    let line = |place: usize| Line {
        name: format!("line {place}"),
        values: (0..steps).map(|step| value(place, step)).collect(),
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
    assert!(
        chart
            .markup(Locale::En)
            .contains("lowest 0 (2026-01-02), last 0, total 7")
    );
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
