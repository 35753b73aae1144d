//! `/report/online_user`: how many users were online in the last 24 hours (在线用户数).

use std::collections::BTreeMap;

use crate::push::reply;

/// A point every 10 minutes (`seed push-report`).
pub const ONLINE_STEP_MS: i64 = 600_000;

/// The points of 24 hours.
pub const ONLINE_POINTS: usize = 144;

/// How long an `online` holds: at point g a device is online when its newest event in
/// (g − 15 min, g] is one (`spec push-report`).
pub const PRESENCE_MS: i64 = 900_000;

/// The points of the last 24 hours in ms, ascending: multiples of 10 minutes, the last not after
/// `now_ms`.
pub fn online_points(now_ms: i64) -> impl Iterator<Item = i64> {
    let last = now_ms.div_euclid(ONLINE_STEP_MS);
    (0..144).map(move |point| (last - 143 + point) * ONLINE_STEP_MS)
}

/// The reply: `data` is `{"online_statics": {"<ms>": n}}`, keys ascending. The points may be given
/// in any order; of one that is given twice the last holds.
pub fn online_report(points: impl IntoIterator<Item = (i64, i64)>) -> Vec<u8> {
    let points: BTreeMap<i64, i64> = points.into_iter().collect();
    reply::write_ok(|data| {
        data.object("online_statics", |object| {
            for (time_ms, users) in points {
                object.count(&time_ms.to_string(), users);
            }
        });
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_points_end_at_now_and_span_a_day() {
        let points: Vec<i64> = online_points(1_763_700_123_456).collect();
        assert_eq!(points.len(), ONLINE_POINTS);
        assert!(
            points
                .windows(2)
                .all(|pair| pair[1] - pair[0] == ONLINE_STEP_MS)
        );
        assert_eq!(points[143], 1_763_700_000_000);
        assert_eq!(
            online_points(1_763_700_000_000).last(),
            Some(1_763_700_000_000)
        );
    }
}
