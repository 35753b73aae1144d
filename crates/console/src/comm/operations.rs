//! The registry of operations: what an `oper_id` means, what its reports must have, and by what they are counted.

mod form;

use askama::Template;
use axum::extract::{Path, Query};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use reportd_platform::access::Permission;
use serde::Deserialize;

use super::texts::CommTexts;
use super::{Registry, Requirement, address, field_name, frame, number};
use crate::csv;
use crate::fault::Fault;
use crate::format::headline;
use crate::frame::Frame;
use crate::pairs::Pairs;
use crate::table::{Cell, Table};
use crate::texts::fill;
use crate::visit::{Posted, Visit};
pub(crate) use form::text_of_choice;
use form::{Filled, FormPage};

#[derive(Deserialize)]
pub(super) struct Asked {
    oper_id: Option<String>,
    csv: Option<String>,
}

#[derive(Template)]
#[template(path = "comm/operations.html")]
struct OperationsPage {
    frame: Frame,
    t: &'static CommTexts,
    table: Table,
    /// Where another one is registered, for those who may.
    new: Option<String>,
}

pub(super) async fn page(
    visit: Visit,
    Path(app): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    visit.app(&app)?;
    let t = CommTexts::of(visit.locale);
    let call = visit.get("/api/apps/{}/comm/operations", &[&app]);
    let frame = frame(&visit, &app, t.operations).json(&call);
    let registry = Registry::read(&visit, &app).await?;
    let table = table(&visit, &app, &registry);
    if asked.csv.is_some() {
        return Ok(csv::reply(&table));
    }
    let page = OperationsPage {
        frame,
        t,
        table: table.with_csv(&visit.address),
        new: visit
            .may(Permission::Manage)
            .then(|| address(&app, "/operations/new")),
    };
    Ok(visit.page(&page))
}

fn table(visit: &Visit, app: &str, registry: &Registry) -> Table {
    let (t, locale) = (CommTexts::of(visit.locale), visit.locale);
    let heads = [t.oper_id, t.name, t.kind, t.required, t.dimensions];
    let mut table = Table::new(locale, "operations", t.operations, &heads);
    for operation in &registry.0 {
        let id = operation.oper_id.to_string();
        let mut first = Cell::text(id.clone());
        if visit.may(Permission::Manage) {
            first = first.to(address(app, &format!("/operations/{id}")));
        }
        let required = operation
            .required
            .iter()
            .map(|requirement| requirement.text(t));
        let dimensions = operation.dimensions.iter();
        let dimensions = dimensions.map(|field| field_name(field, Some(operation.oper_id), locale));
        table.push(vec![
            first,
            Cell::text(operation.shown_name(locale)),
            Cell::text(if operation.kind == "snapshot" {
                t.snapshot
            } else {
                t.event
            }),
            Cell::text(required.collect::<Vec<_>>().join(", ")),
            Cell::text(dimensions.collect::<Vec<_>>().join(", ")),
        ]);
    }
    table
}

impl Requirement {
    /// `gid`, `ext1 = youtube`.
    fn text(&self, t: &'static CommTexts) -> String {
        match &self.equals {
            Some(value) => format!("{} = {}", self.field, headline(value)),
            None if self.non_negative_integer => format!("{} ({})", self.field, t.integer),
            None => self.field.clone(),
        }
    }
}

/// The form of an operation that is not registered yet.
pub(super) async fn new(
    visit: Visit,
    Path(app): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    visit.app(&app)?;
    let filled = Filled::new(asked.oper_id.unwrap_or_default());
    Ok(visit.page(&FormPage::new(&visit, &app, filled, None)))
}

/// The form of one that is.
pub(super) async fn edit(
    visit: Visit,
    Path((app, id)): Path<(String, String)>,
) -> Result<Response, Fault> {
    visit.app(&app)?;
    let oper_id = number("oper_id", Some(&id))?.unwrap_or_default();
    let registry = Registry::read(&visit, &app).await?;
    let found = registry.find(oper_id);
    let found = found
        .ok_or_else(|| Fault::text(StatusCode::NOT_FOUND, |t| t.no_operation, &[("id", &id)]))?;
    Ok(visit.page(&FormPage::new(&visit, &app, Filled::of(found), None)))
}

/// Registers or changes one. What the API refuses is told above the form, as it was filled in.
pub(super) async fn put(
    Path(app): Path<String>,
    Posted { visit, form }: Posted<Pairs>,
) -> Result<Response, Fault> {
    visit.app(&app)?;
    let filled = Filled::from_form(&form);
    let told = write(&visit, &app, &filled).await;
    let Err(fault) = told else {
        return Ok(visit.done(&address(&app, "/operations")));
    };
    let status = fault.status;
    let mut response = visit.page(&FormPage::new(&visit, &app, filled, Some(fault)));
    *response.status_mut() = status;
    Ok(response)
}

async fn write(visit: &Visit, app: &str, filled: &Filled) -> Result<(), Fault> {
    let expected = || Fault::invalid("oper_id", |t| t.whole_number);
    let oper_id = number("oper_id", Some(&filled.oper_id))?.ok_or_else(expected)?;
    let id = oper_id.to_string();
    if filled.is_new && Registry::read(visit, app).await?.find(oper_id).is_some() {
        let taken = CommTexts::of(visit.locale).taken;
        let taken = fill(taken, &[("id", &id)]);
        return Err(Fault::said(StatusCode::BAD_REQUEST, taken).at("oper_id"));
    }
    let call = visit.call(Method::PUT, "/api/apps/{}/comm/operations/{}", &[app, &id]);
    call.json(&filled.body())
        .send::<serde::de::IgnoredAny>()
        .await?;
    Ok(())
}

#[derive(Deserialize)]
pub(super) struct NoFields {}

pub(super) async fn delete(
    Path((app, id)): Path<(String, String)>,
    Posted {
        visit,
        form: NoFields {},
    }: Posted<NoFields>,
) -> Result<Response, Fault> {
    let call = visit.call(
        Method::DELETE,
        "/api/apps/{}/comm/operations/{}",
        &[&app, &id],
    );
    call.send::<serde::de::IgnoredAny>().await?;
    Ok(visit.done(&address(&app, "/operations")))
}
