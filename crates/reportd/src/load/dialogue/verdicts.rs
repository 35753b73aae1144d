//! Moderators who judge at a rate, and the callbacks that come of it: from the moment a verdict is sent to the moment its
//! callback is here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use reportd_client::{Bytes, ClientError, Connection, HeaderMap};
use serde_json::json;

use super::book::Book;
use super::callbacks::listen;
use super::filing::Filing;
use super::outcome::Outcome;
use super::reports::Reports;
use super::{api_headers, next_ticket, plan, problem};
use crate::cli::LoadDialogue;
use crate::load::Plan;
use crate::load::sender::{Acknowledged, Exchange, send_all};

/// How long tickets may take to be filed before the run.
const FILING_SECONDS: u32 = 3_600;
const FILING_CONNECTIONS: u32 = 32;
/// How long callbacks may stay out after the last verdict.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Files as many reports as will be judged, judges them, and prints what came of it.
pub(super) async fn load_verdicts(asked: &LoadDialogue) -> anyhow::Result<()> {
    let plan = plan(asked)?;
    let wanted = (asked.run.rate)
        .checked_mul(asked.run.seconds)
        .filter(|_| asked.run.rate > 0);
    let count = asked.requests.or(wanted);
    let count = u64::from(count.context("--rate or --requests: how many verdicts")?);
    let book = Arc::new(Book::new(Arc::clone(&plan.clock), count));
    let reports = Reports::new(asked)?.with_callbacks(&listen(&book).await?);
    let reports = Arc::new(reports);
    file(&plan, &reports, &book, count).await?;
    // The time that filing took is none of the run.
    let plan = super::plan(asked)?;
    let next_body = json!({"app": reports.app(), "category": reports.category()});
    let moderator = Moderator {
        count,
        book: Arc::clone(&book),
        reports: Arc::clone(&reports),
        headers: api_headers(asked.key.as_ref())?,
        next_body: asked.next.then(|| next_body.to_string().into()),
        next: Arc::default(),
        pending: None,
    };
    let seen = send_all(&plan, |_| moderator.clone()).await?;
    let took = plan.clock.monotonic();
    while book.waiting() > 0 && plan.clock.monotonic() < took + PATIENCE {
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    if let Some(path) = &asked.log {
        book.write(path)?;
    }
    Outcome::new(seen, &book, took).print(asked.run.json)
}

async fn file(
    plan: &Plan,
    reports: &Arc<Reports>,
    book: &Arc<Book>,
    count: u64,
) -> anyhow::Result<()> {
    let filing = Filing::new(Arc::clone(reports), count).into_book(book);
    let plan = Plan {
        address: plan.address.clone(),
        connections: FILING_CONNECTIONS,
        rate: 0,
        seconds: FILING_SECONDS,
        counts_from_wake: false,
        clock: Arc::clone(&plan.clock),
    };
    let seen = send_all(&plan, |_| filing.clone()).await?;
    let (filed, errors) = (seen.acknowledged.reports, &seen.errors);
    ensure!(
        filed == count,
        "{filed} of {count} reports were taken: {errors:?}"
    );
    Ok(())
}

/// One moderator; the numbers of tickets are shared by all.
#[derive(Clone)]
struct Moderator {
    count: u64,
    book: Arc<Book>,
    reports: Arc<Reports>,
    headers: HeaderMap,
    /// What is asked for by tickets/next, where tickets are taken before they are judged.
    next_body: Option<Bytes>,
    next: Arc<AtomicU64>,
    pending: Option<Pending>,
}

/// A ticket to judge.
#[derive(Clone)]
struct Pending {
    number: u64,
    /// The ticket is known: taken, or not to be taken.
    ticket: Option<String>,
    /// A verdict was sent whose answer never came: it may stand already.
    is_unanswered: bool,
}

impl Exchange for Moderator {
    fn prepare(&mut self, _now_ms: i64) -> bool {
        if self.pending.is_none() {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let ticket = self.book.ticket(number).map(str::to_owned);
            self.pending = (number < self.count).then(|| Pending {
                number,
                ticket: ticket.filter(|_| self.next_body.is_none()),
                is_unanswered: false,
            });
        }
        self.pending.is_some()
    }

    async fn send(&mut self, connection: &mut Connection) -> Result<Acknowledged, ClientError> {
        let Some(mut pending) = self.pending.take() else {
            return Ok(Acknowledged::default());
        };
        if pending.ticket.is_none() {
            let taken = self.take(connection).await;
            match taken {
                Ok(Some((number, ticket))) => {
                    (pending.number, pending.ticket) = (number, Some(ticket))
                }
                Ok(None) => return Ok(Acknowledged::default()),
                Err(error) => {
                    self.pending = Some(pending);
                    return Err(error);
                }
            }
        }
        let judged = self.judge(connection, &pending).await;
        if let Err(error) = &judged
            && error.is_retryable()
        {
            pending.is_unanswered |= matches!(error, ClientError::Transport(_));
            self.pending = Some(pending);
        }
        judged
    }
}

impl Moderator {
    /// Takes a ticket of the run: its number and its id.
    async fn take(
        &self,
        connection: &mut Connection,
    ) -> Result<Option<(u64, String)>, ClientError> {
        let Some(body) = &self.next_body else {
            return Ok(None);
        };
        let before = self.book.elapsed();
        let row = next_ticket(connection, &self.headers, body).await?;
        let took = self.book.elapsed().saturating_sub(before);
        self.book
            .next_took(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
        Ok(row.and_then(|row| {
            let number = self.reports.number_of(row["report_id"].as_str()?)?;
            Some((number, row["ticket_id"].as_str()?.to_owned()))
        }))
    }

    async fn judge(
        &self,
        connection: &mut Connection,
        pending: &Pending,
    ) -> Result<Acknowledged, ClientError> {
        let ticket = pending.ticket.as_deref().unwrap_or_default();
        let path = format!("/api/tickets/{ticket}/verdict");
        let body = Bytes::from_static(br#"{"dialogue_result":"ad","user_result":{}}"#);
        self.book.sent(pending.number);
        let (status, reply) = connection.post(&path, self.headers.clone(), body).await?;
        let stands = status.is_success() || (status.as_u16() == 409 && pending.is_unanswered);
        if !stands {
            return Err(problem(status.as_u16(), &reply));
        }
        self.book.taken(pending.number);
        Ok(Acknowledged {
            reports: 1,
            distinct: 1,
        })
    }
}
