//! Changes of which every node must hear: they stand in the store for a while, under the version of the directory that
//! they have raised.

use reportd_db::{DbError, Row, Tx};
use reportd_platform::AppNo;
use reportd_platform::clock::MINUTE_MS;

use super::revoked::{FOR_GOOD, Revocation, RevokedTokens};
use crate::sessions::{SecretKey, TokenId};
use crate::viewers::ViewerKey;

/// How long a change stays. A node that was away longer drops all it knows.
const LIFE_MS: i64 = 10 * MINUTE_MS;
/// Old changes that are removed with a new one: more than come, so that they do not pile up.
const REMOVED_AT_ONCE: i64 = 100;
/// Most changes that a node follows one by one.
const MOST_FOLLOWED: i64 = 10_000;

const VIEWER: i64 = 0;
const SESSIONS: i64 = 1;
const TOKEN: i64 = 2;
const KEYS: i64 = 3;

/// What is wrong in memory from now on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Change {
    /// The history was paused or goes on, or the viewer was erased.
    pub(crate) viewer: Option<ViewerKey>,
    /// These were ended.
    pub(crate) sessions: Vec<SecretKey>,
    /// This one was revoked.
    pub(crate) revoked: Option<Revocation>,
    /// Session keys were replaced.
    pub(crate) are_keys: bool,
}

impl Change {
    /// Something about a viewer.
    pub(crate) fn viewer(viewer: ViewerKey) -> Self {
        Self {
            viewer: Some(viewer),
            ..Self::default()
        }
    }

    /// Tells all nodes. For a transaction that began by raising the version
    /// ([`touch`](reportd_platform::changes::touch)), once in each.
    pub(crate) fn note(&self, tx: &mut Tx<'_>, now_ms: i64) -> Result<(), DbError> {
        remove_old(tx, now_ms)?;
        let (what, numbers) = match (self.revoked, self.are_keys, self.viewer) {
            (Some(revoked), ..) => {
                let ends_ms = u128::from(revoked.ends_ms.unsigned_abs());
                (TOKEN, vec![revoked.token.0, ends_ms])
            }
            (None, true, _) => (KEYS, Vec::new()),
            (None, false, Some(_)) => (VIEWER, self.secrets()),
            (None, false, None) => (SESSIONS, self.secrets()),
        };
        let bytes: Vec<u8> = numbers.into_iter().flat_map(u128::to_be_bytes).collect();
        let (app, mid) = self.viewer.unwrap_or_default();
        tx.execute(
            "INSERT INTO playback_change (version, at, what, app, mid, hashes) \
             SELECT version, $1, $2, $3, $4, $5 FROM directory_version WHERE id = 1",
            &[
                now_ms.into(),
                what.into(),
                app.into(),
                mid.into(),
                bytes[..].into(),
            ],
        )?;
        Ok(())
    }

    fn secrets(&self) -> Vec<u128> {
        self.sessions.iter().map(|secret| secret.0).collect()
    }

    fn read(mut row: Row) -> Result<Self, DbError> {
        let viewer = || {
            let app = AppNo::try_from(row.int(2)?);
            let app = app.map_err(|_| DbError::Corrupt("a change is of no app".to_owned()))?;
            Ok::<_, DbError>((app, row.int(3)?))
        };
        let mut change = match row.int(1)? {
            VIEWER => Self::viewer(viewer()?),
            KEYS => Self {
                are_keys: true,
                ..Self::default()
            },
            _ => Self::default(),
        };
        let what = row.int(1)?;
        let bytes = row.take_bytes(4)?;
        let (numbers, _) = bytes.as_chunks();
        let mut numbers = numbers.iter().map(|bytes| u128::from_be_bytes(*bytes));
        if what == TOKEN {
            let token = numbers.next().map(TokenId);
            // A node of an earlier version does not tell the end.
            let ends_ms = numbers.next().and_then(|ends_ms| ends_ms.try_into().ok());
            let at_ms = row.int(5)?;
            change.revoked = token.map(|token| Revocation {
                token,
                ends_ms: ends_ms.unwrap_or(FOR_GOOD),
                at_ms,
            });
        } else {
            change.sessions = numbers.map(SecretKey).collect();
        }
        Ok(change)
    }
}

fn remove_old(tx: &mut Tx<'_>, now_ms: i64) -> Result<(), DbError> {
    let sql = "SELECT version, at FROM playback_change ORDER BY version LIMIT $1";
    let oldest = tx.query(sql, &[REMOVED_AT_ONCE.into()])?;
    let mut removed = None;
    for row in oldest {
        if row.int(1)? > now_ms - LIFE_MS {
            break;
        }
        removed = Some(row.int(0)?);
    }
    if let Some(version) = removed {
        let sql = "DELETE FROM playback_change WHERE version <= $1";
        tx.execute(sql, &[version.into()])?;
        let sql = "UPDATE playback_revision SET version = $1 WHERE id = 1";
        tx.execute(sql, &[version.into()])?;
    }
    Ok(())
}

/// The version of the newest change, and what has changed since `seen`: `None` where that is not known, and all in memory
/// may be wrong.
pub(super) fn behind(
    tx: &mut Tx<'_>,
    seen: Option<i64>,
) -> Result<(i64, Option<Vec<Change>>), DbError> {
    let removed = tx.query_int("SELECT version FROM playback_revision WHERE id = 1", &[])?;
    let newest = tx.query_int("SELECT MAX(version) FROM playback_change", &[])?;
    let newest = newest.max(removed);
    let Some(seen) = seen.filter(|seen| (removed..=newest).contains(seen)) else {
        return Ok((newest, None));
    };
    let sql = "SELECT version, what, app, mid, hashes, at FROM playback_change \
               WHERE version > $1 ORDER BY version LIMIT $2";
    let rows = tx.query(sql, &[seen.into(), (MOST_FOLLOWED + 1).into()])?;
    if rows.len() > usize::try_from(MOST_FOLLOWED).unwrap_or(usize::MAX) {
        return Ok((newest, None));
    }
    let changes = rows.into_iter().map(Change::read);
    Ok((newest, Some(changes.collect::<Result<_, _>>()?)))
}

/// All tokens that were revoked and may not have ended.
pub(super) fn all_revoked(tx: &mut Tx<'_>) -> Result<RevokedTokens, DbError> {
    let rows = tx.query("SELECT hash, expires_at FROM playback_revoked_token", &[])?;
    let token = |mut row: Row| {
        let (bytes, ends_ms) = (row.take_bytes(0)?, row.int(1)?);
        let number = bytes.try_into().map(u128::from_be_bytes);
        let unreadable = |_| DbError::Corrupt("a revoked token cannot be read".to_owned());
        Ok((TokenId(number.map_err(unreadable)?), ends_ms))
    };
    let stored: Vec<_> = rows
        .into_iter()
        .map(token)
        .collect::<Result<_, DbError>>()?;
    Ok(RevokedTokens::of(stored.into_iter()))
}
