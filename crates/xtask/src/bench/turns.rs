//! Two that are read in turns, A and B: who comes first, and their latencies as columns of a table.

use crate::bench::load::{Load, middle};

/// The places of A and B as they are read in a round. Neither is always the first: what comes second may find a slower
/// machine.
pub(super) fn order(round: u64) -> [usize; 2] {
    if round.is_multiple_of(2) {
        [0, 1]
    } else {
        [1, 0]
    }
}

/// What stands above [`columns`].
pub(super) const HEAD: [&str; 7] = ["A p50", "B p50", "B/A", "A p99", "B p99", "B/A", "goal"];

/// The p50 of A, of B, and B/A, then the p99, each the middle of its rounds; then what 99 of 100 reads should stay below.
pub(super) fn columns(reads: &[Vec<Load>; 2], goal_p99_ms: Option<f64>) -> Vec<String> {
    let figures = [|load: &Load| load.p50_ms, |load: &Load| load.p99_ms];
    let told = figures.map(|figure| {
        let rounds = reads.each_ref();
        let [a, b] = rounds.map(|loads| middle(loads.iter().map(figure)));
        [
            format!("{a:.2} ms"),
            format!("{b:.2} ms"),
            format!("{:.2}", b / a),
        ]
    });
    let goal = goal_p99_ms.map_or_else(String::new, |goal| format!("{goal:.0} ms"));
    told.into_iter().flatten().chain([goal]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_round_and_ratios_are_told() {
        let loads = |p50_ms: [f64; 3]| {
            let load = |p50_ms| Load {
                p50_ms,
                p99_ms: 2.0 * p50_ms,
                ..Load::default()
            };
            p50_ms.map(load).to_vec()
        };
        let told = columns(&[loads([9.0, 1.0, 2.0]), loads([3.0, 1.0, 8.0])], Some(5.0));
        let expected = [
            "2.00 ms", "3.00 ms", "1.50", "4.00 ms", "6.00 ms", "1.50", "5 ms",
        ];
        assert_eq!(told, expected);
    }
}
