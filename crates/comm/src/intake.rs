//! The decision on a request: what it is, whether the app takes it, and the entry that it becomes.

use reportd_journal::{AppendError, NewEntry, filter_key};
use reportd_protocol::comm::{self, Operation, Refusal, Report, Ret};
use sha2::{Digest, Sha256};

use crate::entry::{HASH_BYTES, Head, OperationForm, encode};
use crate::registry::{CommApp, RegistryError, mark_used, unregistered};
use crate::{Comm, KIND};

/// Fields of the filter over a block (see [`filter_key`]).
pub(crate) mod filter_field {
    pub(crate) const OPER_ID: u8 = 1;
    pub(crate) const GID: u8 = 2;
    pub(crate) const TARGET_ID: u8 = 3;
}

/// How a request comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// From a client, now.
    Live,
    /// A rejected one again: without the window of `ts`; its identity is kept until then, in ms.
    Replay {
        /// When its identity may be forgotten.
        keep_until_ms: i64,
    },
}

/// A request that is in order, and how its items are counted.
#[derive(Debug)]
pub(crate) struct Accepted<'a> {
    pub(crate) report: Report<'a>,
    forms: Vec<OperationForm>,
    /// Operations that have no reports yet.
    fresh: Vec<Operation>,
}

/// Decides on a body by the rules of the app at `now_ms`.
pub(crate) fn decide<'a>(
    app: &CommApp,
    body: &'a [u8],
    now_ms: i64,
    way: Way,
) -> Result<Accepted<'a>, Refusal> {
    let report = comm::parse(body)?;
    // A replay may be as old as it is; the future stays closed.
    let max_age_ms = match way {
        Way::Live => app.settings.window_ms(now_ms),
        Way::Replay { .. } => i64::MAX,
    };
    comm::check_window(report.ts_ms, now_ms, max_age_ms, app.settings.max_ahead_ms)?;
    let mut accepted = Accepted {
        forms: Vec::with_capacity(report.items.len()),
        fresh: Vec::new(),
        report,
    };
    for (index, item) in accepted.report.items.iter().enumerate() {
        let known = app.operation(item.oper_id);
        match known {
            // One that was deleted is counted as it was while it was in force.
            Some(known) if known.in_force || app.settings.accept_unknown => {
                known.operation.check(item, index)?;
                accepted.forms.push(known.form);
            }
            None if app.settings.accept_unknown && app.has_room() => {
                let form = OperationForm::of(&unregistered(item.oper_id));
                accepted.forms.push(form);
            }
            _ => return Err(Refusal::unknown_operation(index, item.oper_id)),
        }
        if known.is_none_or(|known| !known.used) {
            let operation = known.map_or_else(
                || unregistered(item.oper_id),
                |known| known.operation.clone(),
            );
            if !accepted.fresh.contains(&operation) {
                accepted.fresh.push(operation);
            }
        }
    }
    Ok(accepted)
}

impl Accepted<'_> {
    /// Number of reports.
    pub(crate) fn count(&self) -> u64 {
        self.report.items.len() as u64
    }

    /// The entry for the journal.
    fn entry(&self, app: &CommApp, body: &[u8], way: Way) -> NewEntry {
        let hash = body_hash(body);
        let (dedupe, keep_until_ms) = match way {
            Way::Live => (
                app.settings.dedupe,
                app.settings.keep_until_ms(self.report.ts_ms),
            ),
            // A replay is counted once even where the app counts repeats.
            Way::Replay { keep_until_ms } => (true, keep_until_ms),
        };
        let head = Head {
            ts_ms: self.report.ts_ms,
            offset_seconds: app.app.zone.offset_seconds(self.report.ts_ms),
            dedupe,
            keep_until_ms,
            hash: &hash,
        };
        NewEntry {
            kind: KIND,
            app: app.app.no,
            owners: [u64::from(app.app.no); 2],
            span_ms: (self.report.ts_ms, self.report.ts_ms),
            filter_keys: self.filter_keys(app.app.no),
            payload: encode(&head, &self.report, &self.forms),
        }
    }

    fn filter_keys(&self, app: u32) -> Vec<u64> {
        let mut keys = Vec::with_capacity(3 * self.report.items.len());
        for item in &self.report.items {
            keys.push(filter_key(
                KIND,
                app,
                filter_field::OPER_ID,
                &item.oper_id.to_le_bytes(),
            ));
            if let Some(gid) = item.gid {
                keys.push(filter_key(KIND, app, filter_field::GID, &gid.to_le_bytes()));
            }
            if let Some(target_id) = item.target_id.as_deref() {
                keys.push(filter_key(
                    KIND,
                    app,
                    filter_field::TARGET_ID,
                    target_id.as_bytes(),
                ));
            }
        }
        keys
    }
}

/// The part of a request's identity that is not its app and ts.
pub(crate) fn body_hash(body: &[u8]) -> [u8; HASH_BYTES] {
    let mut hash = [0; HASH_BYTES];
    hash.copy_from_slice(&Sha256::digest(body)[..HASH_BYTES]);
    hash
}

impl Comm {
    /// Makes a decided request durable. `Ok` means that it is in the journal, fsynced.
    pub(crate) async fn store(
        &self,
        app: &CommApp,
        accepted: &Accepted<'_>,
        body: &[u8],
        way: Way,
    ) -> Result<(), Refusal> {
        if !app.app.zone_fixed || !accepted.fresh.is_empty() {
            self.note_first_reports(app, &accepted.fresh).await?;
        }
        let appended = self.journal.append(|| accepted.entry(app, body, way)).await;
        appended.map(|_| ()).map_err(|error| match error {
            AppendError::Full => Refusal::new(
                Ret::Unavailable,
                "too many reports are waiting to be stored: try again later",
            ),
            AppendError::TooLarge { .. } => Ret::BodyTooLarge.into(),
            AppendError::Unavailable(_) | AppendError::Closed => Ret::Unavailable.into(),
        })
    }

    async fn note_first_reports(&self, app: &CommApp, fresh: &[Operation]) -> Result<(), Refusal> {
        let (noted, operations) = (app.app.clone(), fresh.to_vec());
        let marked = self
            .directory
            .db()
            .write_async(move |tx| mark_used(tx, &noted, &operations))
            .await;
        let refreshed = self.directory.refresh().await;
        match (marked, refreshed) {
            (Ok(true), Ok(())) => Ok(()),
            // The zone or a kind changed between the decision and now: the next try meets the new state.
            (Ok(false), Ok(())) => Err(Ret::Unavailable.into()),
            // Another node was quicker: the next try meets the full registry.
            (Err(RegistryError::TooMany | RegistryError::KindFixed(_)), _) => {
                Err(Ret::Unavailable.into())
            }
            (Err(RegistryError::Db(error)), _) | (_, Err(error)) => {
                tracing::warn!(%error, app = app.app.id, "the first reports of an operation could not be noted");
                Err(Ret::Unavailable.into())
            }
        }
    }
}
