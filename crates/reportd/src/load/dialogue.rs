//! `reportd load dialogue`: reports of conversations; or their tickets, taken, judged, and the callbacks of the verdicts.

mod book;
mod callbacks;
mod filing;
mod outcome;
mod reports;
mod taking;
mod verdicts;

use std::sync::Arc;

use anyhow::Context;
use reportd_client::header::{AUTHORIZATION, CONTENT_TYPE};
use reportd_client::{Bytes, ClientError, Connection, HeaderMap};
use reportd_platform::secret::Secret;
use serde_json::Value;

use self::filing::Filing;
use self::reports::Reports;
use super::Plan;
use super::sender::send_all;
use super::summary::LoadResult;
use crate::cli::LoadDialogue;

/// Files, takes or judges as asked, and prints what came of it.
pub(super) async fn load_dialogue(asked: LoadDialogue) -> anyhow::Result<()> {
    if asked.verdicts {
        return verdicts::load_verdicts(&asked).await;
    }
    let plan = plan(&asked)?;
    let result = if asked.take {
        taking::take(&plan, &asked).await?
    } else {
        let reports = Arc::new(Reports::new(&asked)?);
        let most = asked.requests.map_or(u64::MAX, u64::from);
        let filing = Filing::new(reports, most);
        let seen = send_all(&plan, |_| filing.clone()).await?;
        LoadResult::new(seen, plan.clock.monotonic())
    };
    result.print(asked.run.json)
}

fn plan(asked: &LoadDialogue) -> anyhow::Result<Plan> {
    Plan::new(&asked.run, true)
}

/// The headers of an API call with the key that was given.
fn api_headers(key: Option<&Secret>) -> anyhow::Result<HeaderMap> {
    let key = key.context("--key: an API key of a moderator")?;
    let authorization = format!("Bearer {}", key.reveal()).parse()?;
    let json = "application/json".parse()?;
    Ok(HeaderMap::from_iter([
        (AUTHORIZATION, authorization),
        (CONTENT_TYPE, json),
    ]))
}

/// Takes the oldest open ticket; `None` where there is none.
async fn next_ticket(
    connection: &mut Connection,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Option<Value>, ClientError> {
    let (status, reply) = connection
        .post("/api/tickets/next", headers.clone(), body.clone())
        .await?;
    match status.as_u16() {
        200 => Ok(serde_json::from_slice(&reply).ok()),
        204 => Ok(None),
        http => Err(problem(http, &reply)),
    }
}

/// The error of an API call that was refused.
fn problem(http: u16, reply: &[u8]) -> ClientError {
    let told: Value = serde_json::from_slice(reply).unwrap_or_default();
    let text = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
    ClientError::Problem {
        http,
        title: text("title"),
        detail: text("detail"),
        retry_after: None,
    }
}
