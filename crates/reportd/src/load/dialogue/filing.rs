//! Reports are filed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use reportd_client::{Bytes, ClientError, Connection};

use super::book::Book;
use super::reports::Reports;
use crate::load::sender::{Acknowledged, Exchange};

/// What one connection files; the numbers of reports are shared by all.
#[derive(Clone)]
pub(super) struct Filing {
    reports: Arc<Reports>,
    most: u64,
    next: Arc<AtomicU64>,
    /// Where the tickets are noted.
    book: Option<Arc<Book>>,
    /// What has no answer yet is sent again.
    pending: Option<(u64, Bytes)>,
}

impl Filing {
    pub(super) fn new(reports: Arc<Reports>, most: u64) -> Self {
        Self {
            reports,
            most,
            next: Arc::default(),
            book: None,
            pending: None,
        }
    }

    /// The same, and the tickets are noted.
    pub(super) fn into_book(self, book: &Arc<Book>) -> Self {
        let book = Some(Arc::clone(book));
        Self { book, ..self }
    }
}

impl Exchange for Filing {
    fn prepare(&mut self, now_ms: i64) -> bool {
        if self.pending.is_none() {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let form = (number < self.most).then(|| self.reports.form(number, now_ms));
            self.pending = form.map(|form| (number, form));
        }
        self.pending.is_some()
    }

    async fn send(&mut self, connection: &mut Connection) -> Result<Acknowledged, ClientError> {
        let Some((number, form)) = self.pending.clone() else {
            return Ok(Acknowledged::default());
        };
        let sent = connection.post_dialogue(form).await;
        if sent.as_ref().is_err_and(|error| !error.is_retryable()) {
            // The same report would be refused again, without end.
            self.pending = None;
        }
        let ticket = sent?;
        if let (Some(book), Some(ticket)) = (&self.book, ticket) {
            book.filed(number, ticket);
        }
        self.pending = None;
        Ok(Acknowledged {
            reports: 1,
            distinct: 1,
        })
    }
}
