//! Groups: tickets of the same users in the same category within a day carry one id.

use std::collections::BTreeSet;

use reportd_db::{DbError, Tx};
use reportd_platform::AppNo;
use reportd_platform::clock::DAY_MS;
use reportd_platform::secret::SecretHash;

/// What tells the group of a report: its category and its users, whatever their order.
pub(crate) fn digest<'a>(category: &str, users: impl Iterator<Item = &'a str>) -> [u8; 32] {
    let mut text = format!("{} {category}", category.len());
    for user in users.collect::<BTreeSet<_>>() {
        // The length in front: no two lists have one text.
        text.push_str(&format!(" {} {user}", user.len()));
    }
    SecretHash::of(&text).0
}

/// The group of a new ticket: the one of this digest that began less than a day ago, else `new_id`. Its row stays locked,
/// so that tickets that come at once get one id.
pub(crate) fn join(
    tx: &mut Tx<'_>,
    app: AppNo,
    digest: &[u8; 32],
    new_id: i64,
    now_ms: i64,
) -> Result<i64, DbError> {
    tx.query_int(
        "INSERT INTO dialogue_group (app, digest, group_id, began_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (app, digest) DO UPDATE SET \
         group_id = CASE WHEN dialogue_group.began_at > $5 THEN dialogue_group.group_id ELSE excluded.group_id END, \
         began_at = CASE WHEN dialogue_group.began_at > $5 THEN dialogue_group.began_at ELSE excluded.began_at END \
         RETURNING group_id",
        &[
            app.into(),
            digest[..].into(),
            new_id.into(),
            now_ms.into(),
            (now_ms - DAY_MS).into(),
        ],
    )
}

/// Forgets groups that began before that time, at most `most` of them: no ticket joins them any more. Tells how many.
pub(crate) fn prune(tx: &mut Tx<'_>, before_ms: i64, most: i64) -> Result<u64, DbError> {
    tx.execute(
        "DELETE FROM dialogue_group WHERE began_at < $1 AND (app, digest) IN \
         (SELECT app, digest FROM dialogue_group WHERE began_at < $1 ORDER BY began_at LIMIT $2)",
        &[before_ms.into(), most.into()],
    )
}
