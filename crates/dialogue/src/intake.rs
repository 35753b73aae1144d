//! From a report that is in order to a ticket that is stored.
//!
//! Content tells reports apart: what was sent before gives the ticket it gave then, whatever became of it; other content
//! joins the newest ticket of the report_id and category while that waits, and opens one that follows it once it is judged.
//! The category is part of what tells threads apart, since moderators may be limited to some: they see no report of another,
//! and a callback names the category that its report had.

use std::cell::RefCell;
use std::io;

use reportd_db::{DbError, Tx, Value};
use reportd_platform::AppNo;
use reportd_platform::random::{NoRandomness, Random};
use reportd_protocol::dialogue::Report;
use zstd::bulk::Compressor;

use crate::schema::USER;
use crate::{events, groups};

/// The bodies are small and many: the least level costs least.
const ZSTD_LEVEL: i32 = 1;

/// Most reports of a ticket, and most users before a report joins: a verdict names them all, and is one transaction. What
/// comes then opens a ticket that follows.
const MOST_REPORTS: i64 = 500;
const MOST_USERS: i64 = 2_000;

/// Most bytes of a verdict before it is encrypted: each report may have a callback of its own, which names each user. What
/// would make more opens a ticket that follows.
const MOST_VERDICT_BYTES: i64 = 8 << 20;

/// What a user adds to a callback beside the key, in bytes: quotes, a colon, a comma and the label.
const LABEL_BYTES: usize = 16;

/// Ids of groups stay numbers that JSON holds exactly.
const GROUP_ID_BITS: u64 = (1 << 53) - 1;

/// What is stored of a report, made ready outside of the transaction.
#[derive(Debug)]
pub(crate) struct NewReport {
    app: AppNo,
    report_id: String,
    category: String,
    digest: [u8; 32],
    /// Empty where it was absent, as callbacks have it.
    uniqid: String,
    redirect: String,
    body: Vec<u8>,
    users: Vec<String>,
    /// What its users add to a callback, in bytes.
    user_bytes: i64,
    infos: i64,
    group_digest: [u8; 32],
    new_group_id: i64,
    now_ms: i64,
}

/// Where a report went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) ticket: i64,
    /// It had been sent before.
    pub(crate) is_repeat: bool,
}

thread_local! {
    /// To make a compressor costs far more than to compress a report by it.
    static COMPRESSOR: RefCell<io::Result<Compressor<'static>>> = RefCell::new(Compressor::new(ZSTD_LEVEL));
}

fn compress(text: &[u8]) -> io::Result<Vec<u8>> {
    COMPRESSOR.with_borrow_mut(|kept| match kept {
        Ok(compressor) => compressor.compress(text),
        Err(_) => zstd::bulk::compress(text, ZSTD_LEVEL),
    })
}

/// What a user adds to a callback, in bytes: the key as JSON has it, and a label.
fn user_bytes(key: &str) -> i64 {
    let bytes = |character: char| match character {
        '"' | '\\' => 2,
        '\0'..='\x1f' => 6,
        _ => character.len_utf8(),
    };
    let sum: usize = key.chars().map(bytes).sum();
    i64::try_from(sum + LABEL_BYTES).unwrap_or(i64::MAX)
}

impl Taken {
    /// The report is thrown away.
    pub(crate) fn nowhere() -> Self {
        Self {
            ticket: 0,
            is_repeat: false,
        }
    }
}

impl NewReport {
    /// Makes a report ready: `json` is the text that it was read from, `redirect` where its verdict goes.
    ///
    /// # Errors
    /// Where the system has no randomness, or the text cannot be compressed.
    pub(crate) fn new(
        app: AppNo,
        report: &Report<'_>,
        (json, digest): (&str, [u8; 32]),
        redirect: &str,
        random: &dyn Random,
        now_ms: i64,
    ) -> Result<Self, DbError> {
        let unavailable = |error: NoRandomness| DbError::Unavailable(error.to_string());
        let mut bytes = [0; 8];
        random.fill(&mut bytes).map_err(unavailable)?;
        let new_group_id = (u64::from_le_bytes(bytes) & GROUP_ID_BITS).max(1);
        let users: Vec<String> = report.users.iter().map(|user| user.key.clone()).collect();
        let body = compress(json.as_bytes())
            .map_err(|error| DbError::Statement(format!("compress: {error}")))?;
        Ok(Self {
            app,
            report_id: report.report_id.clone().into_owned(),
            category: report.category.clone().into_owned(),
            digest,
            uniqid: report.uniqid.as_deref().unwrap_or_default().to_owned(),
            redirect: redirect.to_owned(),
            body,
            group_digest: groups::digest(&report.category, users.iter().map(String::as_str)),
            user_bytes: users.iter().map(|key| user_bytes(key)).sum(),
            users,
            infos: i64::try_from(report.infos.len()).unwrap_or(i64::MAX),
            new_group_id: i64::try_from(new_group_id).unwrap_or(1),
            now_ms,
        })
    }

    /// Stores it. Two intakes of one report_id and category, on whatever nodes, come one after the other: the row of the
    /// thread is locked first.
    pub(crate) fn store(&self, tx: &mut Tx<'_>) -> Result<Taken, DbError> {
        let newest = self.lock_thread(tx)?;
        if let Some(newest) = newest {
            if let Some(ticket) = self.find_repeat(tx)? {
                return Ok(Taken {
                    ticket,
                    is_repeat: true,
                });
            }
            if self.join(tx, newest)? {
                return Ok(Taken {
                    ticket: newest,
                    is_repeat: false,
                });
            }
        }
        let ticket = self.open(tx, newest)?;
        Ok(Taken {
            ticket,
            is_repeat: false,
        })
    }

    /// What names its thread: app, report_id and category.
    fn thread(&self) -> [Value<'_>; 3] {
        [
            self.app.into(),
            (&self.report_id).into(),
            (&self.category).into(),
        ]
    }

    /// The newest ticket of the thread, if there is one.
    fn lock_thread(&self, tx: &mut Tx<'_>) -> Result<Option<i64>, DbError> {
        let newest = tx.query_int(
            "INSERT INTO dialogue_thread (app, report_id, category, ticket) VALUES ($1, $2, $3, 0) \
             ON CONFLICT (app, report_id, category) DO UPDATE SET ticket = dialogue_thread.ticket RETURNING ticket",
            &self.thread(),
        )?;
        Ok(Some(newest).filter(|newest| *newest != 0))
    }

    /// The ticket of the report that had this content.
    fn find_repeat(&self, tx: &mut Tx<'_>) -> Result<Option<i64>, DbError> {
        let sql =
            "SELECT ticket FROM dialogue_report WHERE app = $1 AND report_id = $2 AND digest = $3";
        let values = [
            self.app.into(),
            (&self.report_id).into(),
            self.digest[..].into(),
        ];
        tx.query_first(sql, &values)?
            .map(|row| row.int(0))
            .transpose()
    }

    /// Joins a ticket that waits; false where it is judged, or full. The first statement locks it: a verdict comes before or
    /// after, never between. It takes all users for new: which are shows only once they are written.
    fn join(&self, tx: &mut Tx<'_>, ticket: i64) -> Result<bool, DbError> {
        let sql = "UPDATE dialogue_ticket SET reports = reports + 1, infos = infos + $1 \
                   WHERE id = $2 AND state IN (0, 1) AND reports < $3 AND users <= $4 \
                   AND (reports + 1) * (user_bytes + $5) <= $6 RETURNING received_at";
        let values = [
            self.infos,
            ticket,
            MOST_REPORTS,
            MOST_USERS,
            self.user_bytes,
            MOST_VERDICT_BYTES,
        ];
        let Some(row) = tx.query_first(sql, &values.map(Value::from))? else {
            return Ok(false);
        };
        let received_at_ms = row.int(0)?;
        self.insert_report(tx, ticket)?;
        let (users, bytes) = self.insert_users(tx, ticket, received_at_ms)?;
        if users > 0 {
            let sql = "UPDATE dialogue_ticket SET users = users + $1, user_bytes = user_bytes + $2 WHERE id = $3";
            tx.execute(sql, &[users, bytes, ticket].map(Value::from))?;
        }
        events::note(tx, self.app, &self.category, "joined", ticket, self.now_ms)?;
        Ok(true)
    }

    fn open(&self, tx: &mut Tx<'_>, follows: Option<i64>) -> Result<i64, DbError> {
        let group_id = groups::join(
            tx,
            self.app,
            &self.group_digest,
            self.new_group_id,
            self.now_ms,
        )?;
        let users = i64::try_from(self.users.len()).unwrap_or(i64::MAX);
        let ticket = tx.query_int(
            "INSERT INTO dialogue_ticket (app, category, state, group_id, follows, received_at, reports, users, infos, \
             report_id, revision, moved_at, user_bytes) VALUES ($1, $2, 0, $3, $4, $5, 1, $6, $7, $8, 0, $5, $9) RETURNING id",
            &[
                self.app.into(),
                (&self.category).into(),
                group_id.into(),
                follows.into(),
                self.now_ms.into(),
                users.into(),
                self.infos.into(),
                (&self.report_id).into(),
                self.user_bytes.into(),
            ],
        )?;
        let [app, report_id, category] = self.thread();
        tx.execute(
            "UPDATE dialogue_thread SET ticket = $1 WHERE app = $2 AND report_id = $3 AND category = $4",
            &[ticket.into(), app, report_id, category],
        )?;
        self.insert_report(tx, ticket)?;
        self.insert_users(tx, ticket, self.now_ms)?;
        events::note(tx, self.app, &self.category, "new", ticket, self.now_ms)?;
        Ok(ticket)
    }

    fn insert_report(&self, tx: &mut Tx<'_>, ticket: i64) -> Result<(), DbError> {
        tx.execute(
            "INSERT INTO dialogue_report (ticket, app, report_id, digest, uniqid, redirect, received_at, body, users, infos) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            &[
                ticket.into(),
                self.app.into(),
                (&self.report_id).into(),
                self.digest[..].into(),
                (&self.uniqid).into(),
                (&self.redirect).into(),
                self.now_ms.into(),
                self.body[..].into(),
                i64::try_from(self.users.len()).unwrap_or(i64::MAX).into(),
                self.infos.into(),
            ],
        )
        .map(|_| ())
    }

    /// Notes users and reporter of a ticket; returns how many users are new to it, and what they add to a callback, in bytes.
    fn insert_users(
        &self,
        tx: &mut Tx<'_>,
        ticket: i64,
        received_at_ms: i64,
    ) -> Result<(i64, i64), DbError> {
        let row = |user| {
            [
                Value::from(self.app),
                Value::from(user),
                Value::from(received_at_ms),
                Value::from(ticket),
            ]
        };
        let rows: Vec<_> = self.users.iter().map(row).collect();
        let told = tx.insert_new(&USER, &rows)?;
        if !self.uniqid.is_empty() {
            tx.execute(
                "INSERT INTO dialogue_reporter (app, uniqid, received_at, ticket) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (app, uniqid, received_at, ticket) DO NOTHING",
                &[
                    self.app.into(),
                    (&self.uniqid).into(),
                    received_at_ms.into(),
                    ticket.into(),
                ],
            )?;
        }
        let new = self.users.iter().zip(told).filter(|(_, is_new)| *is_new);
        Ok(new.fold((0, 0), |(users, bytes), (key, _)| {
            (users + 1, bytes + user_bytes(key))
        }))
    }
}
