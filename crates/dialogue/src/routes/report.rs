//! A request to a stored report: who sent it, what it holds, and where it went.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request as HttpRequest;
use axum::http::header;
use axum::http::request::Parts;
use bytes::Bytes;
use reportd_platform::web::{ClientAddress, LARGE_BYTES, NotRead, RoomedBody, limit_key};
use reportd_protocol::dialogue::{Code, Refusal, Report, Request, content_digest};

use super::reply::{Accepted, Refused};
use crate::Dialogue;
use crate::callback::guard::{Policy, check_url};
use crate::intake::{NewReport, Taken};
use crate::registry::DialogueApp;

/// A request that is there.
struct Incoming {
    content_type: Option<Bytes>,
    body: RoomedBody,
}

/// Takes a report: it is stored when this returns a ticket.
pub(super) async fn take(dialogue: &Dialogue, request: HttpRequest) -> Result<Accepted, Refused> {
    let (parts, body) = request.into_parts();
    let address = ClientAddress::of(&parts.extensions);
    if let Some(rate) = dialogue.limits.reports_per_address {
        let key = limit_key(address);
        let taken = dialogue.address_limiter.take(key, 1, rate).await;
        taken.map_err(Refused::limited)?;
    }
    let incoming = Arc::new(receive(dialogue, (&parts, address), body).await?);
    let (app, report) = open_of(dialogue, &incoming, address).await?;
    let stored = store(dialogue, &app, report).await;
    stored.map_err(|refused| refused.of(&app.app))
}

/// Opens a report that came from this address.
async fn open_of(
    dialogue: &Dialogue,
    incoming: &Arc<Incoming>,
    address: IpAddr,
) -> Result<Opened, Refused> {
    // Taken only now that it is there: how long a body takes to come is for its sender to say, who is not known yet.
    let _worked_on = match incoming.is_large() {
        true => {
            let bytes = incoming.body.bytes.len();
            let place = dialogue.body_room.work_on(address, bytes).await;
            Some(place.ok_or(Code::Unavailable)?)
        }
        false => None,
    };
    match open(dialogue, incoming).await {
        Err(refused) if is_stranger(&refused) => {
            // What was made or rotated just now is in the store already. An address that fails too often is not let
            // guess on.
            let counted = dialogue.directory.count_failure(address).await;
            counted.map_err(Refused::limited)?;
            dialogue.directory.refresh().await?;
            open(dialogue, incoming).await
        }
        told => told,
    }
}

/// Whether a request is of nobody who is known here, or of somebody with another key.
fn is_stranger(refused: &Refused) -> bool {
    matches!(refused.code(), Code::UnknownApp | Code::CannotDecrypt)
}

impl Incoming {
    fn is_large(&self) -> bool {
        self.body.bytes.len() > LARGE_BYTES
    }
}

async fn receive(
    dialogue: &Dialogue,
    (parts, address): (&Parts, IpAddr),
    body: Body,
) -> Result<Incoming, Refused> {
    let limits = dialogue.limits.body;
    let read = dialogue.body_room.read(body, limits, address).await;
    let content_type = parts.headers.get(header::CONTENT_TYPE);
    Ok(Incoming {
        content_type: content_type.map(|value| Bytes::copy_from_slice(value.as_bytes())),
        body: read.map_err(|not_read| match not_read {
            NotRead::NoRoom => Code::Unavailable.into(),
            NotRead::Body(error) => Refused::body(error),
        })?,
    })
}

type Opened = (Arc<DialogueApp>, NewReport);

/// Opens a report; a large one off the async threads.
async fn open(dialogue: &Dialogue, incoming: &Arc<Incoming>) -> Result<Opened, Refused> {
    if !incoming.is_large() {
        return read(dialogue, incoming);
    }
    let (dialogue, incoming) = (dialogue.clone(), Arc::clone(incoming));
    let read = tokio::task::spawn_blocking(move || read(&dialogue, &incoming)).await;
    read.unwrap_or_else(|stopped| {
        tracing::error!(%stopped, "a report could not be read");
        Err(Code::Unavailable.into())
    })
}

fn read(dialogue: &Dialogue, incoming: &Incoming) -> Result<Opened, Refused> {
    let request = Request::read(incoming.content_type.as_deref(), &incoming.body.bytes)?;
    let app = dialogue.registry.enabled(&request.app_id);
    let app = app.ok_or(Code::UnknownApp)?;
    match read_of(dialogue, &app, &request) {
        Ok(report) => Ok((app, report)),
        Err(refused) => Err(refused.of(&app.app)),
    }
}

/// Reads the request of an app.
fn read_of(
    dialogue: &Dialogue,
    app: &DialogueApp,
    request: &Request<'_>,
) -> Result<NewReport, Refused> {
    let now_ms = dialogue.clock.now_ms();
    request.check_sign()?;
    let json = decrypt(app, request, now_ms)?;
    let report = Report::read(&json)?;
    report.check_window(now_ms, app.settings.window_s.saturating_mul(1000))?;
    let redirect = redirect(app, &report)?;
    if !app.settings.takes(&report.category) {
        return Err(Code::UnknownCategory.into());
    }
    let digest = content_digest(&json).ok_or(Code::CannotDecrypt)?;
    let random = &*dialogue.random;
    let report = NewReport::new(
        app.app.no,
        &report,
        (&json, digest),
        redirect,
        random,
        now_ms,
    );
    Ok(report?)
}

/// The text of the content. All keys in force are tried, whatever the first says: no time tells which it was.
fn decrypt(app: &DialogueApp, request: &Request<'_>, now_ms: i64) -> Result<String, Refusal> {
    app.ciphers(now_ms)
        .map(|cipher| request.open(cipher))
        .reduce(Result::or)
        .unwrap_or(Err(Code::CannotDecrypt.into()))
}

/// Where the verdict goes.
fn redirect<'a>(app: &'a DialogueApp, report: &'a Report<'_>) -> Result<&'a str, Refused> {
    let settings = &app.settings;
    let redirect = report.redirect.as_deref();
    let redirect = redirect.or(settings.default_redirect.as_deref());
    let redirect = redirect.ok_or_else(|| Refused::field("redirect: is missing"))?;
    let policy = Policy {
        hosts: &settings.callback_hosts,
        allow_private: settings.allow_private_callbacks,
    };
    check_url(redirect, &policy).map_err(|refused| Refusal {
        code: Code::BadRedirect,
        em: format!("redirect: {refused}").into(),
    })?;
    Ok(redirect)
}

async fn store(
    dialogue: &Dialogue,
    app: &DialogueApp,
    report: NewReport,
) -> Result<Accepted, Refused> {
    if let Some(rate) = dialogue.limits.reports_per_app {
        let taken = dialogue.app_limiter.take(app.app.no, 1, rate).await;
        taken.map_err(Refused::limited)?;
    }
    let taken = if dialogue.discards {
        Taken::nowhere()
    } else {
        dialogue.desk.write(move |tx| report.store(tx)).await?
    };
    Ok(Accepted {
        success_ec: app.settings.success_ec,
        taken,
    })
}
