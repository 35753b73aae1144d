//! Bot events: series, messages, census, raw reports, rejected requests, operations.

mod census;
mod messages;
mod operations;
mod parts;
mod raw;
mod rejected;
mod series;
mod texts;

pub(crate) use self::operations::text_of_choice;

use axum::Router;
use axum::routing::{get, post};
use reportd_platform::access::Permission;
use serde::Deserialize;

use crate::Console;
use crate::api::fill_path;
use crate::fault::Fault;
use crate::frame::{Frame, Section};
use crate::texts::Locale;
use crate::visit::Visit;
use texts::CommTexts;

const GROUP_CENSUS: i64 = 1_502_007_320_601;
const ACTIVE_MESSAGE: i64 = 1_503_000_120_601;
const PASSIVE_MESSAGE: i64 = 1_503_000_120_602;

/// The fields of a report beside its operation, in the order of the protocol.
const FIELDS: [&str; 14] = [
    "gid",
    "target_id",
    "to_uid",
    "scope",
    "ext1",
    "ext2",
    "ext3",
    "ext4",
    "ext5",
    "ext6",
    "ext7",
    "ext8",
    "ext9",
    "ext10",
];

pub(crate) fn routes() -> Router<Console> {
    let of_app = |path: &str| format!("/console/apps/{{app}}/comm{path}");
    Router::new()
        .route(&of_app(""), get(series::page))
        .route(&of_app("/messages"), get(messages::page))
        .route(&of_app("/census"), get(census::page))
        .route(&of_app("/raw"), get(raw::page))
        .route(&of_app("/rejected"), get(rejected::page))
        .route(&of_app("/rejected/replay"), post(rejected::replay_all))
        .route(&of_app("/rejected/{id}/replay"), post(rejected::replay_one))
        .route(
            &of_app("/operations"),
            get(operations::page).post(operations::put),
        )
        .route(&of_app("/operations/new"), get(operations::new))
        .route(&of_app("/operations/{id}"), get(operations::edit))
        .route(&of_app("/operations/{id}/delete"), post(operations::delete))
}

/// The address of a page of an app: `path` is what stands behind `comm`.
fn address(app: &str, path: &str) -> String {
    format!("{}{path}", fill_path("/console/apps/{}/comm", &[app]))
}

/// What stands around a page of this section.
fn frame(visit: &Visit, app: &str, title: &str) -> Frame {
    let t = CommTexts::of(visit.locale);
    let is_raw_shown = visit.may(Permission::RawReports);
    let pages = [
        (t.series, "", true),
        (t.messages, "/messages", true),
        (t.census, "/census", true),
        (t.raw, "/raw", is_raw_shown),
        (t.rejected, "/rejected", is_raw_shown),
        (t.operations, "/operations", true),
    ];
    let shown = pages.iter().filter(|(.., is_shown)| *is_shown);
    let pages: Vec<_> = shown
        .map(|(text, path, _)| (*text, address(app, path)))
        .collect();
    visit.frame(Section::Comm, title).pages(&pages)
}

/// A registered operation.
#[derive(Debug, Clone, Deserialize)]
struct Operation {
    oper_id: i64,
    name: String,
    kind: String,
    #[serde(default)]
    required: Vec<Requirement>,
    #[serde(default)]
    dimensions: Vec<String>,
}

/// What a report of an operation must have.
#[derive(Debug, Clone, Deserialize)]
struct Requirement {
    field: String,
    equals: Option<String>,
    #[serde(default)]
    non_negative_integer: bool,
}

impl Operation {
    /// Its name; those that every app has are known in both languages.
    fn shown_name(&self, locale: Locale) -> String {
        let t = CommTexts::of(locale);
        match (self.oper_id, self.name.as_str()) {
            (GROUP_CENSUS, "group census") => t.group_census.to_owned(),
            (ACTIVE_MESSAGE, "active message") => t.active_message.to_owned(),
            (PASSIVE_MESSAGE, "passive message") => t.passive_message.to_owned(),
            _ => self.name.clone(),
        }
    }
}

/// The registry of an app.
struct Registry(Vec<Operation>);

impl Registry {
    async fn read(visit: &Visit, app: &str) -> Result<Self, Fault> {
        #[derive(Deserialize)]
        struct Operations {
            operations: Vec<Operation>,
        }
        let call = visit.get("/api/apps/{}/comm/operations", &[app]);
        let Operations { operations } = call.send().await?;
        Ok(Self(operations))
    }

    fn find(&self, oper_id: i64) -> Option<&Operation> {
        self.0.iter().find(|operation| operation.oper_id == oper_id)
    }

    /// The name of an operation; its number where it is not registered.
    fn name(&self, oper_id: i64, locale: Locale) -> String {
        let found = self.find(oper_id);
        found.map_or_else(
            || oper_id.to_string(),
            |operation| operation.shown_name(locale),
        )
    }
}

/// What a field is called. What `ext2` of a message is, the protocol says.
fn field_name(field: &str, oper_id: Option<i64>, locale: Locale) -> String {
    let t = CommTexts::of(locale);
    let name = match (field, oper_id) {
        ("gid", _) => t.group,
        ("target_id", _) => t.channel,
        ("to_uid", _) => t.receiver,
        ("scope", _) => t.scope,
        ("ext2", Some(ACTIVE_MESSAGE | PASSIVE_MESSAGE)) => t.uploader,
        _ => return field.to_owned(),
    };
    format!("{name} ({field})")
}

/// A number in an address or a form.
fn number(field: &str, text: Option<&str>) -> Result<Option<i64>, Fault> {
    match text.map(str::trim) {
        None | Some("") => Ok(None),
        Some(text) => match text.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(Fault::invalid(field, |t| t.whole_number)),
        },
    }
}

#[cfg(test)]
mod tests;
