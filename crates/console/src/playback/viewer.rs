//! One viewer: the history with resume points, sessions, deletes that can be undone, and an export of all.

use askama::Template;
use axum::extract::{Path, Query};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use reportd_platform::access::Permission;
use reportd_platform::zones::Zone;
use serde::Deserialize;

use super::texts::PlaybackTexts;
use super::{address, frame};
use crate::csv;
use crate::fault::Fault;
use crate::format::{self, headline};
use crate::frame::Frame;
use crate::table::{Cell, Table};
use crate::texts::fill;
use crate::visit::Visit;

/// Entries on a page.
const ON_A_PAGE: &str = "50";

#[derive(Deserialize)]
pub(super) struct Wanted {
    mid: Option<String>,
    erased: Option<String>,
    nothing: Option<String>,
}

#[derive(Template)]
#[template(path = "playback/find_viewer.html")]
struct FindViewerPage {
    frame: Frame,
    t: &'static PlaybackTexts,
    find: String,
    wanted: String,
    /// What is wrong with it.
    refused: Option<String>,
    /// What an erasure did.
    erased: Option<String>,
}

/// The page of a viewer by the mid; a search without one shows the form alone.
pub(super) async fn find(
    visit: Visit,
    Path(app): Path<String>,
    Query(asked): Query<Wanted>,
) -> Result<Response, Fault> {
    visit.app(&app)?;
    check_may_see(&visit)?;
    let t = PlaybackTexts::of(visit.locale);
    let wanted = asked.mid.as_deref().unwrap_or_default().trim().to_owned();
    if is_mid(&wanted) {
        let page = address(&app, "/viewers/{}", &[&wanted]);
        return Ok(Redirect::to(&page).into_response());
    }
    let told = |text: &str, mid: Option<String>| {
        let mid = mid.filter(|mid| is_mid(mid))?;
        Some(fill(text, &[("mid", &mid)]))
    };
    let erased = told(t.erase_done, asked.erased);
    let mut frame = frame(&visit, &app, t.one_viewer);
    frame.is_done &= erased.is_none();
    Ok(visit.page(&FindViewerPage {
        frame,
        t,
        find: address(&app, "/viewers", &[]),
        refused: (!wanted.is_empty()).then(|| fill(t.no_viewer, &[("text", &headline(&wanted))])),
        wanted,
        erased: erased.or_else(|| told(t.erase_nothing, asked.nothing)),
    }))
}

/// Who may not see a viewer is told so before anything is looked up; the API refuses anyway.
pub(super) fn check_may_see(visit: &Visit) -> Result<(), Fault> {
    if visit.may(Permission::RawReports) {
        return Ok(());
    }
    let t = PlaybackTexts::of(visit.locale);
    Err(Fault::said(StatusCode::FORBIDDEN, t.viewer_for_leads))
}

fn is_mid(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<i64>().is_ok_and(|mid| mid > 0)
}

#[derive(Deserialize)]
pub(super) struct Asked {
    cursor: Option<String>,
    csv: Option<String>,
}

#[derive(Deserialize)]
struct History {
    is_paused: bool,
    entries: Vec<Entry>,
    next_cursor: Option<String>,
    deletes: Vec<Delete>,
}

#[derive(Deserialize)]
struct Entry {
    kid: String,
    business: String,
    aid: i64,
    bvid: String,
    cid: i64,
    season_id: Option<i64>,
    episode_id: Option<i64>,
    title: String,
    view_at: i64,
    progress: i64,
    duration: Option<i64>,
    device: Option<u8>,
}

#[derive(Deserialize)]
struct Delete {
    id: String,
    at: i64,
    kid: String,
    is_undone: bool,
}

#[derive(Deserialize)]
struct Sessions {
    sessions: Vec<Session>,
}

#[derive(Deserialize)]
struct Session {
    id: i64,
    label: String,
    created_at: i64,
    expires_at: i64,
}

/// A delete of the last day, as it is shown.
struct DeleteShown {
    id: String,
    what: String,
    at: String,
    is_undone: bool,
}

/// A session, as it is shown.
struct SessionShown {
    id: i64,
    label: String,
    issued_at: String,
    expires_at: String,
}

#[derive(Template)]
#[template(path = "playback/viewer.html")]
struct ViewerPage {
    frame: Frame,
    t: &'static PlaybackTexts,
    find: String,
    is_paused: bool,
    is_first_page: bool,
    history: Table,
    deletes: Vec<DeleteShown>,
    /// Some of them stand, and this person may undo them.
    can_undo: bool,
    /// For who may see sessions.
    sessions: Option<Vec<SessionShown>>,
    /// The address of this viewer's page.
    page: String,
    can_erase: bool,
}

pub(super) async fn show(
    visit: Visit,
    Path((app, mid)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let known = visit.app(&app)?;
    check_may_see(&visit)?;
    let t = PlaybackTexts::of(visit.locale);
    let history = visit
        .get("/api/apps/{}/viewers/{}/history", &[&app, &mid])
        .with("limit", ON_A_PAGE)
        .maybe("cursor", asked.cursor.as_deref());
    let title = fill(t.viewer, &[("mid", &headline(&mid))]);
    let mut frame = frame(&visit, &app, title).json(&history);
    let history: History = history.send_fresh().await?.told(&mut frame);
    let page = address(&app, "/viewers/{}", &[&mid]);
    let mut table = history_table(&visit, (&app, &known.zone), &history, asked.csv.is_some());
    if asked.csv.as_deref() == Some("history") {
        return Ok(csv::reply(&table));
    }
    table.next = history.next_cursor.as_ref().map(|cursor| {
        let mut query = form_urlencoded::Serializer::new(String::new());
        format!("{page}?{}", query.append_pair("cursor", cursor).finish())
    });
    let sessions = match visit.may(Permission::Feed) {
        true => {
            let call = visit.get("/api/apps/{}/viewers/{}/sessions", &[&app, &mid]);
            frame = frame.json(&call);
            let told: Sessions = call.send().await?;
            let shown = |session| SessionShown::of(session, &known.zone);
            Some(told.sessions.into_iter().map(shown).collect())
        }
        false => None,
    };
    let can_manage = visit.may(Permission::Manage);
    let stands = history.deletes.iter().any(|delete| !delete.is_undone);
    Ok(visit.page(&ViewerPage {
        t,
        find: address(&app, "/viewers", &[]),
        is_paused: history.is_paused,
        is_first_page: asked.cursor.is_none(),
        deletes: history
            .deletes
            .into_iter()
            .map(|delete| DeleteShown::of(t, delete, &known.zone))
            .collect(),
        can_undo: can_manage && stands,
        history: table,
        sessions,
        page,
        can_erase: can_manage,
        frame,
    }))
}

impl DeleteShown {
    fn of(t: &PlaybackTexts, delete: Delete, zone: &Zone) -> Self {
        Self {
            id: delete.id,
            what: match &*delete.kid {
                "all" => t.all_history.to_owned(),
                _ => delete.kid,
            },
            at: format::moment(delete.at, zone),
            is_undone: delete.is_undone,
        }
    }
}

impl SessionShown {
    fn of(session: Session, zone: &Zone) -> Self {
        Self {
            id: session.id,
            label: headline(&session.label),
            issued_at: format::moment(session.created_at, zone),
            expires_at: format::moment(session.expires_at, zone),
        }
    }
}

fn history_table(
    visit: &Visit,
    (app, zone): (&str, &Zone),
    history: &History,
    is_csv: bool,
) -> Table {
    let t = PlaybackTexts::of(visit.locale);
    let resume = match is_csv {
        true => format!("#{}", t.resume_seconds),
        false => format!("#{}", t.resume),
    };
    let length = format!("#{}", t.length_seconds);
    let heads: Vec<&str> = match is_csv {
        true => vec![
            t.video,
            "kid",
            "aid",
            "bvid",
            "cid",
            t.kind,
            t.viewed_at,
            &resume,
            &length,
            t.device,
        ],
        false => vec![t.video, t.kind, t.viewed_at, &resume, t.device],
    };
    let mut table = Table::new(visit.locale, "history", t.history, &heads).with_csv(&visit.address);
    for entry in &history.entries {
        let kind = entry.kind(t);
        let viewed_at = Cell::text(format::moment(entry.view_at, zone));
        let device = Cell::text(device(t, entry.device));
        table.push(match is_csv {
            true => vec![
                Cell::text(entry.title.clone()),
                Cell::text(entry.kid.clone()),
                Cell::text(entry.aid.to_string()),
                Cell::text(entry.bvid.clone()),
                Cell::text(entry.cid.to_string()),
                Cell::text(kind),
                viewed_at,
                Cell::text(entry.progress.to_string()),
                Cell::text(entry.duration.map_or_else(String::new, |s| s.to_string())),
                device,
            ],
            false => {
                let page = address(app, "/videos/{}", &[&entry.aid.to_string()]);
                let title = Cell::text(headline(&entry.title)).to(page);
                let resume = entry.resume(t);
                let numbers = entry.numbers(t);
                vec![
                    title.noted(numbers),
                    Cell::text(kind),
                    viewed_at,
                    resume,
                    device,
                ]
            }
        });
    }
    table
}

impl Entry {
    fn kind(&self, t: &PlaybackTexts) -> String {
        match &*self.business {
            "archive" => t.archive.to_owned(),
            "pgc" => t.pgc.to_owned(),
            "cheese" => t.cheese.to_owned(),
            other => other.to_owned(),
        }
    }

    /// Which video, part, season and episode it is.
    fn numbers(&self, t: &PlaybackTexts) -> String {
        let mut numbers = format!("av{}", self.aid);
        if self.cid != 0 {
            numbers.push_str(&format!(" · cid {}", self.cid));
        }
        for (text, number) in [(t.season, self.season_id), (t.episode, self.episode_id)] {
            if let Some(number) = number {
                numbers.push_str(" · ");
                numbers.push_str(&fill(text, &[("n", &number.to_string())]));
            }
        }
        numbers
    }

    /// Where the viewer goes on.
    fn resume(&self, t: &PlaybackTexts) -> Cell {
        let length = self.duration.map(|length| {
            let time = format::duration(length);
            fill(t.of_length, &[("time", &time)])
        });
        let mut cell = match (self.progress, self.duration) {
            (..0, _) => Cell::text(t.finished).share(1, 1),
            (at, Some(length)) => Cell::text(format::duration(at)).share(at, length),
            (at, None) => Cell::text(format::duration(at)),
        };
        cell.note = length;
        cell
    }
}

/// What has the number of a device.
fn device(t: &PlaybackTexts, number: Option<u8>) -> String {
    match number {
        None => "–".to_owned(),
        Some(1 | 3 | 5 | 7) => t.phone.to_owned(),
        Some(2) => t.browser.to_owned(),
        Some(4 | 6) => t.tablet.to_owned(),
        Some(33) => t.television.to_owned(),
        Some(other) => other.to_string(),
    }
}

/// All that is stored of a viewer, handed on as the API sends it.
pub(super) async fn export(
    visit: Visit,
    Path((app, mid)): Path<(String, String)>,
) -> Result<Response, Fault> {
    visit.app(&app)?;
    check_may_see(&visit)?;
    let call = visit.get("/api/apps/{}/viewers/{}/export", &[&app, &mid]);
    let mut reply = call.exchange().await?;
    let headers = reply.headers_mut();
    // The API has taken the mid for a number, so nothing else stands in the name.
    if let Ok(name) =
        HeaderValue::from_str(&format!("attachment; filename=\"viewer-{mid}.ndjson\""))
    {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(reply.into_response())
}
