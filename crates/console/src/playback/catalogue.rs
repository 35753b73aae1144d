//! What the catalogue says of a video, and a form that writes an entry of it.

use axum::extract::Path;
use axum::http::Method;
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::address;
use super::texts::PlaybackTexts;
use super::video::{Place, may_list, part_name};
use crate::fault::Fault;
use crate::format::{self, headline};
use crate::links::is_web_address;
use crate::visit::{Posted, Visit};

/// Parts that a page shows.
const MOST_PARTS: usize = 200;

#[derive(Deserialize)]
pub(super) struct Listing {
    parts: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    cid: i64,
    title: String,
    cover: String,
    duration: Option<i64>,
    author: Author,
    page: i64,
    part_title: String,
}

#[derive(Deserialize)]
struct Author {
    mid: i64,
    name: String,
}

/// The entries of a video, as its page shows them.
pub(super) struct ListingShown {
    pub(super) entries: Vec<EntryShown>,
    /// Where the form goes, for who may write.
    pub(super) form: Option<String>,
    /// What the form begins with: the entry of the part that is shown.
    pub(super) cid: String,
    pub(super) title: String,
    pub(super) cover: String,
    pub(super) duration: String,
    pub(super) page: String,
    pub(super) part_title: String,
    pub(super) author_name: String,
    pub(super) author_mid: String,
}

/// An entry.
pub(super) struct EntryShown {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) duration: Option<String>,
    pub(super) author: String,
    /// Where it is an address that a browser may open.
    pub(super) cover: Option<String>,
}

impl ListingShown {
    pub(super) fn of(visit: &Visit, place: Place<'_>, aid: i64, listing: Option<Listing>) -> Self {
        let t = PlaybackTexts::of(visit.locale);
        let parts = listing.map_or_else(Vec::new, |listing| listing.parts);
        let wanted = place.cid.and_then(|cid| cid.parse().ok()).unwrap_or(0);
        let edited = parts.iter().find(|part| part.cid == wanted);
        let text = |field: fn(&Listed) -> &str| edited.map_or("", field).to_owned();
        let number = |field: fn(&Listed) -> i64| {
            let number = edited.map(field).filter(|number| *number > 0);
            number.map_or_else(String::new, |number| number.to_string())
        };
        let path = "/videos/{}/catalogue";
        Self {
            form: may_list(visit).then(|| address(place.app, path, &[&aid.to_string()])),
            cid: wanted.to_string(),
            title: text(|part| &part.title),
            cover: text(|part| &part.cover),
            duration: number(|part| part.duration.unwrap_or(0)),
            page: number(|part| part.page),
            part_title: text(|part| &part.part_title),
            author_name: text(|part| &part.author.name),
            author_mid: number(|part| part.author.mid),
            entries: parts
                .iter()
                .take(MOST_PARTS)
                .map(|part| EntryShown::of(t, part))
                .collect(),
        }
    }
}

impl EntryShown {
    fn of(t: &PlaybackTexts, part: &Listed) -> Self {
        let name = match part.cid {
            0 => t.listed_video.to_owned(),
            cid => part_name(t, (cid, part.page), &part.part_title),
        };
        let author = match (part.author.mid, &*part.author.name) {
            (0, name) => headline(name),
            (mid, "") => format!("mid {mid}"),
            (mid, name) => format!("{} · mid {mid}", headline(name)),
        };
        Self {
            name,
            title: headline(&part.title),
            duration: part.duration.map(format::duration),
            author,
            cover: is_web_address(&part.cover).then(|| part.cover.clone()),
        }
    }
}

/// The form: all texts, as forms are.
#[derive(Deserialize)]
pub(super) struct EntryForm {
    cid: String,
    title: String,
    cover: String,
    duration: String,
    page: String,
    part_title: String,
    author_name: String,
    author_mid: String,
    /// The page to come back to.
    back: String,
}

/// A line of the catalogue.
#[derive(Serialize)]
struct Line<'a> {
    aid: i64,
    cid: i64,
    title: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    cover: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<i64>,
    #[serde(skip_serializing_if = "str::is_empty")]
    part_title: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    author_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    author_mid: Option<i64>,
}

/// Writes an entry: a catalogue of one line.
pub(super) async fn put(
    Path((app, aid)): Path<(String, String)>,
    posted: Posted<EntryForm>,
) -> Result<Response, Fault> {
    let Posted { visit, form } = posted;
    visit.app(&app)?;
    let number = |field: &str, text: &str| match text.trim() {
        "" => Ok(None),
        text => text
            .parse::<i64>()
            .map(Some)
            .map_err(|_| Fault::invalid(field, |t| t.whole_number)),
    };
    let line = Line {
        aid: number("aid", &aid)?.unwrap_or(0),
        cid: number("cid", &form.cid)?.unwrap_or(0),
        title: form.title.trim(),
        cover: form.cover.trim(),
        duration: number("duration", &form.duration)?,
        page: number("page", &form.page)?,
        part_title: form.part_title.trim(),
        author_name: form.author_name.trim(),
        author_mid: number("author_mid", &form.author_mid)?,
    };
    let path = "/api/apps/{}/playback/catalogue";
    let put = visit.call(Method::PUT, path, &[&app]).json(&line);
    put.send::<serde_json::Value>().await?;
    let page = address(&app, "/videos/{}", &[&aid]);
    // Only a query may be added: else a form could lead somewhere else.
    let back = match form.back.split_once('?') {
        Some((_, query)) => format!("{page}?{query}"),
        None => page,
    };
    Ok(visit.done(&back))
}
