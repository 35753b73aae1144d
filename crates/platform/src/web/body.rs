//! Request bodies with a limit of size and of time.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;

/// How large a body may be, and how long it may take.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimits {
    /// Most bytes that are taken.
    pub max_bytes: usize,
    /// Longest time from the first byte to the last.
    pub timeout: Duration,
}

/// Why a body was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    /// It is larger than the limit: close the connection.
    TooLarge,
    /// It did not come in time, or the connection broke.
    Incomplete,
}

/// Reads a whole body.
pub async fn read_body(mut body: Body, limits: BodyLimits) -> Result<Bytes, BodyError> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limits.max_bytes {
        return Err(BodyError::TooLarge);
    }
    let collected = Collected {
        announced,
        ..Collected::default()
    };
    let whole = collected.complete(&mut body, limits.max_bytes);
    tokio::time::timeout(limits.timeout, whole)
        .await
        .unwrap_or(Err(BodyError::Incomplete))
}

/// What has come of a body.
#[derive(Default)]
pub(super) struct Collected {
    /// Most bodies come in one piece, and are not copied.
    first: Option<Bytes>,
    joined: BytesMut,
    announced: usize,
}

impl Collected {
    pub(super) fn len(&self) -> usize {
        self.joined.len() + self.first.as_ref().map_or(0, Bytes::len)
    }

    /// Takes what comes, to the end or to `most` bytes in all; returns the piece that would be more.
    pub(super) async fn take(
        &mut self,
        body: &mut Body,
        most: usize,
    ) -> Result<Option<Bytes>, BodyError> {
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| BodyError::Incomplete)?.into_data() else {
                continue;
            };
            if self.len() + data.len() > most {
                return Ok(Some(data));
            }
            self.push(data);
        }
        Ok(None)
    }

    /// Takes what comes, to the end: the whole body, of `most` bytes at most.
    pub(super) async fn complete(
        mut self,
        body: &mut Body,
        most: usize,
    ) -> Result<Bytes, BodyError> {
        match self.take(body, most).await? {
            Some(_) => Err(BodyError::TooLarge),
            None => Ok(self.finish()),
        }
    }

    pub(super) fn push(&mut self, data: Bytes) {
        let so_far = self.len();
        match self.first.take() {
            None if self.joined.is_empty() => self.first = Some(data),
            head => {
                let most = self.announced.max(so_far + data.len());
                self.joined.reserve(most - self.joined.len());
                self.joined.extend_from_slice(&head.unwrap_or_default());
                self.joined.extend_from_slice(&data);
            }
        }
    }

    pub(super) fn finish(self) -> Bytes {
        self.first.unwrap_or_else(|| self.joined.freeze())
    }
}
