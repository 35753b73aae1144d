//! Reads that go on where one piece ended.

use reportd_testbed::Ground;
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use reportd_testbed::plans::filled_store;
use rstest::rstest;

use super::tasks::GROUP_PAGE;
use super::{Served, group_funnel};
use crate::schema::VIEW_MIGRATIONS;

#[rstest]
fn a_large_group_is_summed_piece_by_piece(#[values(Embedded, Postgres)] kind: StoreKind) {
    let ground = Ground::new(kind);
    // Three tasks of each second, so that pieces end between tasks of one time.
    let tasks = (
        "push_task (app, task, created_at, kind, group_name, prefix_kind, first_at, figures)",
        3 * GROUP_PAGE,
        "1, 't' || i, i / 3 * 1000, 0, 'g', -1, 0, '0:' || i || ',1,0,0,0;2:0,1,0,0,0'",
    );
    let views = filled_store(&ground, kind, &[&VIEW_MIGRATIONS], &[tasks]).unwrap();
    let funnel = |until_ms| {
        let served = Served {
            created_ms: 0..=until_ms,
            singles: false,
        };
        let read = views.read(|tx| group_funnel(tx, 1, "g", &served, true));
        read.unwrap()
    };
    let page = i64::from(GROUP_PAGE);
    // Within a piece, one task behind it, and pieces that are all full.
    for seconds in [1, page / 3 + 1, page] {
        let of_group = funnel((seconds - 1) * 1000).unwrap();
        let count = seconds * 3;
        assert_eq!(of_group.total.figures.target_num, count);
        assert_eq!(of_group.total.msg_num, count * (count - 1) / 2);
        assert_eq!(of_group.channels.len(), 1);
        assert_eq!(of_group.channels[0].1.target_num, count);
    }
    assert_eq!(funnel(-1), None);
}
