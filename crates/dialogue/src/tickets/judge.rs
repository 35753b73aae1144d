//! The verdict: with its callbacks in one transaction, so that there is none without the other.

use std::collections::{BTreeMap, HashSet};

use reportd_db::{DbError, Tx};
use reportd_platform::random::{NoRandomness, Random};
use reportd_protocol::dialogue::{BLOCK_BYTES, Cipher, Verdict};
use serde_json::{Value as Json, json};

use super::claim::why_not;
use super::{Actor, MAX_NOTE_CHARS, TicketError, find, invalid};
use crate::callback::outbox::{self, HandOver, Lease, NewDelivery};
use crate::query::{TICKET_COLUMNS, Ticket};
use crate::registry::DialogueApp;
use crate::settings::{Label, NORMAL, Settings};
use crate::{audit, events};

/// What a moderator says of a ticket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judgement {
    /// The label of the dialogue.
    pub dialogue_result: String,
    /// The labels of users by their keys; a user left out is normal.
    pub user_result: BTreeMap<String, String>,
    /// For moderators only.
    pub note: Option<String>,
    /// How many reports the moderator has seen. Where it is given and more have come, the verdict is refused.
    pub seen_reports: Option<i64>,
}

/// A verdict that was given.
#[derive(Debug)]
pub struct Judged {
    /// The ticket as it is now.
    pub ticket: Ticket,
    /// The callbacks that this node holds, to be sent after the commit.
    pub deliveries: Vec<HandOver>,
}

/// What a verdict is given with.
pub(crate) struct Judging<'a> {
    /// The ticket's app.
    pub(crate) app: &'a DialogueApp,
    /// Draws initialisation vectors.
    pub(crate) random: &'a dyn Random,
    /// This node's hold on callbacks that leave at once.
    pub(crate) lease: Option<&'a Lease>,
    /// Now.
    pub(crate) now_ms: i64,
}

/// Judges a ticket that nobody else holds.
pub(crate) fn judge(
    tx: &mut Tx<'_>,
    actor: &Actor,
    id: i64,
    judgement: &Judgement,
    with: &Judging<'_>,
) -> Result<Judged, TicketError> {
    let before = find(tx, actor, id)?;
    let labels = Labels::of(&with.app.settings, judgement)?;
    if before.revision > 0 {
        replace(tx, id, with.now_ms)?;
    }
    let mut ticket = take(tx, actor, id, judgement.seen_reports, with.now_ms)?;
    let users = users(tx, id)?;
    let results = labels.of_users(&users)?;
    let given = (&labels, &results[..]);
    let (verdict, is_upheld) = insert(tx, actor, &ticket, given, judgement, with)?;
    tx.execute(
        "UPDATE dialogue_ticket SET verdict = $1, upheld = $2 WHERE id = $3",
        &[verdict.into(), is_upheld.into(), id.into()],
    )?;
    (ticket.verdict, ticket.is_upheld) = (Some(verdict), Some(is_upheld));
    let deliveries = send(tx, actor, &ticket, given, with)?;
    let details = json!({
        "verdict": verdict, "revision": ticket.revision, "dialogue_result": labels.dialogue.key,
        "reports": ticket.reports,
    });
    audit::note(tx, actor, "judged", &ticket, &details, with.now_ms)?;
    events::note(tx, ticket.app, &ticket.category, "judged", id, with.now_ms)?;
    Ok(Judged { ticket, deliveries })
}

impl Judging<'_> {
    /// When the callbacks leave: until then the verdict can be undone.
    fn leaves_at_ms(&self) -> i64 {
        let undo_s = i64::try_from(self.app.settings.undo_seconds).unwrap_or(0);
        self.now_ms + undo_s * 1000
    }
}

/// Of earlier verdicts what has not left does not leave any more, and one that has not left at all never did. Before the
/// ticket's row is locked: results of deliveries lock in this order too.
pub(crate) fn replace(tx: &mut Tx<'_>, ticket: i64, now_ms: i64) -> Result<(), DbError> {
    outbox::replace(tx, ticket, now_ms)?;
    let sql = "UPDATE dialogue_verdict SET leaves_at = NULL WHERE ticket = $1 AND leaves_at > $2";
    tx.execute(sql, &[ticket.into(), now_ms.into()])?;
    Ok(())
}

/// The labels that a judgement names.
struct Labels<'a> {
    dialogue: &'a Label,
    normal: &'a Label,
    users: BTreeMap<&'a str, &'a Label>,
}

impl<'a> Labels<'a> {
    fn of(settings: &'a Settings, judgement: &'a Judgement) -> Result<Self, TicketError> {
        check_text("note", judgement.note.as_deref())?;
        let label = |field: &dyn Fn() -> String, key: &str| {
            settings.label(key).ok_or_else(|| {
                let known: Vec<_> = settings
                    .labels
                    .iter()
                    .map(|label| label.key.as_str())
                    .collect();
                invalid(field(), format!("expected one of {}", known.join(", ")))
            })
        };
        let dialogue = label(&|| "dialogue_result".to_owned(), &judgement.dialogue_result)?;
        let normal = label(&|| "labels".to_owned(), NORMAL)?;
        let mut users = BTreeMap::new();
        for (user, key) in &judgement.user_result {
            let found = label(&|| format!("user_result.{user}"), key)?;
            users.insert(user.as_str(), found);
        }
        Ok(Self {
            dialogue,
            normal,
            users,
        })
    }

    /// The label of each user of the ticket. Known only once its row is locked: reports bring users.
    fn of_users(&self, users: &[String]) -> Result<Vec<(String, &'a Label)>, TicketError> {
        let known: HashSet<&str> = users.iter().map(String::as_str).collect();
        if let Some(stranger) = self.users.keys().find(|key| !known.contains(*key)) {
            let field = format!("user_result.{stranger}");
            return Err(invalid(field, "expected a user of this ticket"));
        }
        let result = |user: &String| {
            let label = self.users.get(user.as_str()).copied();
            (user.clone(), label.unwrap_or(self.normal))
        };
        Ok(users.iter().map(result).collect())
    }
}

/// Refuses a text that is too long, or that no store takes.
pub(super) fn check_text(field: &str, text: Option<&str>) -> Result<(), TicketError> {
    let fits = |text: &str| text.chars().count() <= MAX_NOTE_CHARS && !text.contains('\0');
    if text.is_none_or(fits) {
        return Ok(());
    }
    Err(invalid(
        field,
        format!("expected at most {MAX_NOTE_CHARS} characters"),
    ))
}

/// Makes a ticket a judged one: this statement decides who judges it.
fn take(
    tx: &mut Tx<'_>,
    actor: &Actor,
    id: i64,
    seen_reports: Option<i64>,
    now_ms: i64,
) -> Result<Ticket, TicketError> {
    let sql = format!(
        "UPDATE dialogue_ticket SET state = 2, claimed_by = NULL, claim_key = NULL, claim_until = NULL, judged_at = $1, \
         revision = revision + 1, moved_at = $1 \
         WHERE id = $2 AND reports = COALESCE($3, reports) AND (state = 0 OR (state = 1 AND \
         (claim_until <= $1 OR (claimed_by = $4 AND claim_key = $5)))) RETURNING {TICKET_COLUMNS}"
    );
    let values = [
        now_ms.into(),
        id.into(),
        seen_reports.into(),
        (&actor.name).into(),
        (&actor.key).into(),
    ];
    if let Some(row) = tx.query_first(&sql, &values)? {
        return Ok(Ticket::from_row(id, row)?);
    }
    let ticket = find(tx, actor, id)?;
    let is_free = ticket.state.number() == 0
        || ticket.claim.as_ref().is_some_and(|claim| {
            claim.until_ms <= now_ms || (claim.by == actor.name && claim.key == actor.key)
        });
    if is_free && seen_reports.is_some_and(|seen| seen != ticket.reports) {
        return Err(TicketError::MoreReports(ticket.reports));
    }
    Err(why_not(&ticket))
}

/// The users of a ticket, of all its reports, their keys as they came in.
fn users(tx: &mut Tx<'_>, ticket: i64) -> Result<Vec<String>, DbError> {
    let sql = "SELECT user_key FROM dialogue_user WHERE ticket = $1 ORDER BY user_key";
    let rows = tx.query(sql, &[ticket.into()])?;
    rows.into_iter().map(|mut row| row.take_text(0)).collect()
}

type Results<'r, 'a> = (&'r Labels<'a>, &'r [(String, &'a Label)]);

fn insert(
    tx: &mut Tx<'_>,
    actor: &Actor,
    ticket: &Ticket,
    (labels, results): Results<'_, '_>,
    judgement: &Judgement,
    with: &Judging<'_>,
) -> Result<(i64, bool), DbError> {
    let users: serde_json::Map<_, _> = results
        .iter()
        .map(|(user, label)| (user.clone(), json!(label.key)))
        .collect();
    let users = Json::Object(users).to_string();
    let is_upheld = is_upheld(&labels.dialogue.key, &users);
    let id = tx.query_int(
        "INSERT INTO dialogue_verdict \
         (ticket, revision, dialogue_result, user_result, note, auditor, auditor_key, judged_at, seen_reports, leaves_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id",
        &[
            ticket.id.into(),
            ticket.revision.into(),
            (&labels.dialogue.key).into(),
            (&users).into(),
            judgement.note.as_deref().into(),
            (&actor.name).into(),
            (&actor.key).into(),
            with.now_ms.into(),
            ticket.reports.into(),
            with.leaves_at_ms().into(),
        ],
    )?;
    Ok((id, is_upheld))
}

/// Whether a verdict, as it is stored, finds fault with the dialogue or a user.
pub(super) fn is_upheld(dialogue_result: &str, user_result: &str) -> bool {
    let users: BTreeMap<String, String> = serde_json::from_str(user_result).unwrap_or_default();
    dialogue_result != NORMAL || users.values().any(|label| label != NORMAL)
}

/// Puts a callback for each distinct (redirect, uniqid) of the ticket's reports into the outbox.
fn send(
    tx: &mut Tx<'_>,
    actor: &Actor,
    ticket: &Ticket,
    (labels, results): Results<'_, '_>,
    with: &Judging<'_>,
) -> Result<Vec<HandOver>, TicketError> {
    let cipher = with
        .app
        .ciphers(with.now_ms)
        .next()
        .ok_or(TicketError::NoKey)?;
    let send_at_ms = with.leaves_at_ms();
    let mut verdict = Verdict {
        ticket_id: ticket.id.to_string(),
        category: ticket.category.clone(),
        app_id: with.app.app.id.clone(),
        uniqid: String::new(),
        dialogue_result: labels.dialogue.wire.clone(),
        user_results: results
            .iter()
            .map(|(user, label)| (user.clone(), label.wire.clone()))
            .collect(),
        auditor: actor.name.clone(),
    };
    let receivers = tx.query(
        "SELECT DISTINCT redirect, uniqid FROM dialogue_report WHERE ticket = $1 ORDER BY redirect, uniqid",
        &[ticket.id.into()],
    )?;
    let mut handed = Vec::with_capacity(receivers.len());
    for mut receiver in receivers {
        let url = receiver.take_text(0)?;
        verdict.uniqid = receiver.take_text(1)?;
        let new = NewDelivery {
            app: ticket.app,
            ticket: ticket.id,
            verdict: ticket.verdict.unwrap_or_default(),
            revision: ticket.revision,
            url,
            uniqid: verdict.uniqid.clone(),
            webhook_id: outbox::webhook_id(with.random).map_err(no_randomness)?,
            body: body(&verdict, cipher, with.random)?.into(),
            created_at_ms: with.now_ms,
            send_at_ms,
        };
        let lease = with.lease.filter(|_| send_at_ms == with.now_ms);
        handed.extend(outbox::enqueue(tx, new, lease)?);
    }
    Ok(handed)
}

fn body(verdict: &Verdict, cipher: &Cipher, random: &dyn Random) -> Result<String, DbError> {
    let mut iv = [0; BLOCK_BYTES];
    random.fill(&mut iv).map_err(no_randomness)?;
    Ok(verdict.body(cipher, iv))
}

#[expect(clippy::needless_pass_by_value, reason = "it maps an error")]
fn no_randomness(error: NoRandomness) -> DbError {
    DbError::Unavailable(error.to_string())
}
