//! Raw reports, newest first, from the blocks of the journal.

use std::collections::HashSet;
use std::ops::ControlFlow;

use reportd_db::{Database, DbError};
use reportd_journal::{
    Block, Cursor, Ends, Journal, JournalError, Place, Scan, filter_key, owner_key,
};
use reportd_platform::AppNo;
use reportd_platform::clock::DAY_MS;
use reportd_platform::zones::MOST_OFFSET_MS;
use reportd_protocol::comm::Item;

use crate::entry::Decoder;
use crate::intake::filter_field;
use crate::raw_report::RawReport;

/// What raw reports are asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReportsQuery {
    pub(crate) app: AppNo,
    pub(crate) oper_id: Option<i64>,
    pub(crate) gid: Option<i64>,
    pub(crate) target_id: Option<String>,
    /// First and last day of `ts` in the app's zone, both included.
    pub(crate) from: Option<i64>,
    pub(crate) to: Option<i64>,
    pub(crate) limit: usize,
    pub(crate) cursor: Option<Cursor>,
}

impl ReportsQuery {
    /// The scan for it; what lies at or after `folded` is not shown, since the fold has not told yet what of it are
    /// repeats.
    fn scan(&self, folded: Ends) -> Scan {
        let key = |field, value: &[u8]| filter_key(crate::KIND, self.app, field, value);
        let mut keys = vec![owner_key(crate::KIND, u64::from(self.app))];
        keys.extend(
            self.oper_id
                .map(|id| key(filter_field::OPER_ID, &id.to_le_bytes())),
        );
        keys.extend(
            self.gid
                .map(|gid| key(filter_field::GID, &gid.to_le_bytes())),
        );
        keys.extend(
            self.target_id
                .as_deref()
                .map(|id| key(filter_field::TARGET_ID, id.as_bytes())),
        );
        Scan {
            keys,
            from_ts_ms: self.from.map(|day| day * DAY_MS - MOST_OFFSET_MS),
            to_ts_ms: self.to.map(|day| (day + 1) * DAY_MS + MOST_OFFSET_MS),
            cursor: self.cursor.clone(),
            before: folded,
        }
    }

    fn wants(&self, item: &Item<'_>) -> bool {
        self.oper_id.is_none_or(|id| item.oper_id == id)
            && self.gid.is_none_or(|gid| item.gid == Some(gid))
            && self
                .target_id
                .as_deref()
                .is_none_or(|id| item.target_id.as_deref() == Some(id))
    }

    fn wants_day(&self, day: i64) -> bool {
        self.from.is_none_or(|from| day >= from) && self.to.is_none_or(|to| day <= to)
    }
}

/// Shows raw reports to `visit`, newest first, and returns where to go on. Blocks the thread.
pub(crate) fn reports(
    journal: &Journal,
    views: &Database,
    query: &ReportsQuery,
    mut visit: impl FnMut(RawReport<'_>),
) -> Result<Option<Cursor>, JournalError> {
    let mut shown = 0;
    let mut failed = None;
    let next = journal.scan(
        &query.scan(journal.folded_ends(crate::KIND)?),
        |block| match repeats_in(views, block) {
            Ok(repeats) => visit_block(block, &repeats, query, &mut shown, &mut visit),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(Place {
                    stream: block.stream,
                    sequence: 0,
                    item: 0,
                })
            }
        },
    );
    failed.map_or(next, |error| Err(error.into()))
}

/// The entries of a block that were dropped as repeats.
pub(crate) fn repeats_in(views: &Database, block: &Block) -> Result<HashSet<u64>, DbError> {
    let sql =
        "SELECT sequence FROM comm_repeat WHERE stream = $1 AND sequence >= $2 AND sequence < $3";
    let range = [
        block.stream.into(),
        block.first.cast_signed().into(),
        block.end().cast_signed().into(),
    ];
    views.read(|tx| {
        tx.query(sql, &range)?
            .into_iter()
            .map(|row| row.uint(0))
            .collect()
    })
}

fn visit_block(
    block: &Block,
    repeats: &HashSet<u64>,
    query: &ReportsQuery,
    shown: &mut usize,
    visit: &mut impl FnMut(RawReport<'_>),
) -> ControlFlow<Place> {
    let cursor = query.cursor.as_ref();
    let place = cursor.and_then(|cursor| cursor.place(block.stream));
    let entries: Vec<_> = block
        .entries()
        .filter(|entry| {
            entry.kind == crate::KIND
                && entry.app == query.app
                && !repeats.contains(&entry.sequence)
        })
        .collect();
    for entry in entries.into_iter().rev() {
        let left = match place {
            Some(place) if entry.sequence > place.sequence => continue,
            Some(place) if entry.sequence == place.sequence => place.item,
            _ => u64::MAX,
        };
        let Some(decoder) = Decoder::new(entry.payload) else {
            continue;
        };
        if !query.wants_day(decoder.head.day()) {
            continue;
        }
        let mut items = Vec::new();
        // A block that was unpacked passed its checksum: its entries read whole.
        let _ = decoder.items(|_, item| items.push(item));
        for (index, item) in items
            .into_iter()
            .enumerate()
            .rev()
            .map(|(index, item)| (index as u64, item))
        {
            if index >= left || !query.wants(&item) {
                continue;
            }
            if *shown == query.limit {
                return ControlFlow::Break(Place {
                    stream: block.stream,
                    sequence: entry.sequence,
                    item: index + 1,
                });
            }
            *shown += 1;
            visit(RawReport {
                received_at_ms: entry.received_at_ms,
                ts_ms: decoder.head.ts_ms,
                item,
            });
        }
    }
    ControlFlow::Continue(())
}
