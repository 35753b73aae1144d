//! One ticket: the conversation, its reports, who is in it and what was before, and the form of the verdict.

mod head;
mod talk;

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::Response;
use reportd_platform::access::Permission;
use serde::Deserialize;

use crate::csv;
use crate::fault::Fault;
use crate::format::share;
use crate::frame::Frame;
use crate::headers;
use crate::pairs::Pairs;
use crate::table::Table;
use crate::texts::fill;
use crate::visit::Visit;

use super::acts::along;
use super::conversation::{Conversation, Kind, Medium, Text};
use super::labels::{self, Choice};
use super::model::{Accuracy, Settings, Ticket, Verdict, Whole};
use super::notice::{Before, Notice, Undo};
use super::people::{self, Around, Person};
use super::rows::AppSettings;
use super::texts::ModerationTexts;
use super::verdict::Filled;
use super::{address, deliveries, frame, moment, record, texts};
use head::{Head, head};
use talk::{Shown, shown};

/// Judged reports of one who is called often wrong, and the most of them that were upheld, in percent.
const OFTEN_JUDGED: i64 = 5;
const OFTEN_WRONG_PERCENT: i64 = 30;

/// What an address asks for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    app: String,
    category: String,
    sort: String,
    reports_after: String,
    csv: String,
}

impl Asked {
    /// As the form of a verdict hands it on.
    pub(super) fn along(form: &Pairs) -> Self {
        let [app, category, sort] = along(form).map(|(_, value)| value.to_owned());
        Self {
            app,
            category,
            sort,
            reports_after: form.get("reports_after").to_owned(),
            csv: String::new(),
        }
    }
}

/// How often a reporter was right.
struct Reporter {
    name: String,
    tickets: String,
    said: String,
    is_often_wrong: bool,
}

/// A verdict in words.
struct Given {
    revision: String,
    label: String,
    users: Vec<(String, String)>,
    auditor: String,
    at: String,
    note: String,
    undone: Option<String>,
    is_standing: bool,
}

#[derive(Template)]
#[template(path = "moderation_ticket.html")]
pub(super) struct TicketPage {
    frame: Frame,
    t: &'static ModerationTexts,
    notice: Notice,
    head: Head,
    asked: Asked,
    reports: Vec<Shown>,
    more: Option<String>,
    people: Vec<Person>,
    reporters: Vec<Reporter>,
    choices: Vec<Choice>,
    filled: Filled,
    /// What was filled in, in words, where the form is off.
    lost: Vec<(String, String)>,
    verdicts: Vec<Given>,
    undo: Option<Undo>,
    may_reopen: bool,
    deliveries: Option<Table>,
    trail: Table,
    events: String,
}

impl TicketPage {
    /// The page: the one of the console that may show images of other hosts.
    pub(super) fn reply(&self, visit: &Visit) -> Response {
        headers::with_images(visit.page(self))
    }

    fn speakers(&self) -> impl Iterator<Item = &Person> {
        self.people.iter().filter(|person| person.messages > 0)
    }

    fn silent(&self) -> Vec<&Person> {
        self.people
            .iter()
            .filter(|person| person.messages == 0)
            .collect()
    }

    fn silent_text(&self) -> String {
        let count = self.silent().len().to_string();
        fill(self.t.silent_users, &[("n", &count)])
    }

    fn more_text(&self, text: &Text) -> String {
        fill(
            self.t.show_more,
            &[(
                "n",
                &crate::format::count(i64::try_from(text.chars).unwrap_or(0)),
            )],
        )
    }

    fn kind(&self, medium: &Medium) -> &'static str {
        match medium.kind {
            Kind::Image => self.t.image,
            Kind::Audio => self.t.audio,
            Kind::Video => self.t.video,
        }
    }

    fn report_n(&self, number: &i64) -> String {
        fill(self.t.report_n, &[("n", &number.to_string())])
    }

    fn held_off(&self) -> String {
        fill(self.t.held_off, &[("name", &self.head.holder)])
    }
}

pub(super) async fn show(
    visit: Visit,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
    Query(before): Query<Before>,
) -> Result<Response, Fault> {
    let whole = read(&visit, &id, &asked).await?;
    let mut page = build(&visit, whole, &asked, None, Notice::default()).await?;
    if asked.csv == page.trail.name {
        return Ok(csv::reply(&page.trail));
    }
    if let Some(table) = page
        .deliveries
        .as_ref()
        .filter(|table| table.name == asked.csv)
    {
        return Ok(csv::reply(table));
    }
    page.notice = Notice::of(&visit, &before);
    if page
        .notice
        .undo
        .as_ref()
        .is_some_and(|undo| undo.ticket == page.head.id)
    {
        // The page itself offers it.
        page.notice.undo = None;
    }
    if let Some(undo) = page.notice.undo.as_mut().filter(|_| page.head.held == "me") {
        undo.held.clone_from(&page.head.id);
    }
    Ok(page.reply(&visit))
}

/// Reads a ticket.
pub(super) async fn read(visit: &Visit, id: &str, asked: &Asked) -> Result<Whole, Fault> {
    visit
        .get("/api/tickets/{}", &[id])
        .maybe("reports_after", Some(&asked.reports_after))
        .send()
        .await
}

/// The page of a ticket. `filled` is what a verdict that was not given said, and `notice` why it was not.
pub(super) async fn build(
    visit: &Visit,
    whole: Whole,
    asked: &Asked,
    filled: Option<Filled>,
    notice: Notice,
) -> Result<TicketPage, Fault> {
    let t = texts(visit);
    let ticket = &whole.ticket;
    let settings = labels::settings(visit, &ticket.app_id).await?;
    let conversations: Vec<_> = whole
        .reports
        .iter()
        .map(|report| Conversation::read(&report.report))
        .collect();
    let was_sent = filled.is_some();
    let seen = filled.as_ref().map_or(0, |filled| filled.seen);
    let filled = filled.unwrap_or_else(|| taken_back(visit, &whole));
    let reporters: Vec<_> = whole.reports.iter().map(|one| one.uniqid.clone()).collect();
    let around = Around {
        visit,
        app: &ticket.app_id,
        settings: &settings,
        reporters: &reporters,
        history: &whole.history,
        filled: &filled.users,
    };
    let people = people::people(people::users(&conversations), &around);
    let head = head(visit, ticket, asked);
    let is_form_off = !head.is_open || head.held == "other";
    let lost = (was_sent && is_form_off).then(|| in_words(visit, &settings, &people, &filled));
    let more = more_reports(&head.path, &whole, asked);
    let first = if asked.reports_after.is_empty() { 1 } else { 0 };
    let title = format!("{} {}", t.ticket, ticket.ticket_id);
    let call = visit.get("/api/tickets/{}", &[&ticket.ticket_id]);
    let deliveries = (!whole.deliveries.is_empty())
        .then(|| deliveries::table(visit, &whole.deliveries, t.deliveries).with_csv(&head.path));
    Ok(TicketPage {
        frame: frame(visit, title).json(&call).script("ticket.js"),
        notice,
        reports: shown(
            visit,
            ticket,
            &whole.reports,
            conversations,
            &people,
            (first, seen),
        ),
        more,
        reporters: whole
            .reporters
            .iter()
            .map(|one| reporter(visit, ticket, one))
            .collect(),
        choices: settings.choices(visit.locale, Some(&filled.dialogue)),
        verdicts: given(visit, &settings, ticket, &whole.verdicts, &people),
        undo: undo(visit, &settings, &whole),
        may_reopen: !ticket.is_open() && visit.may(Permission::Oversee),
        trail: trail(visit, &settings, &whole).with_csv(&head.path),
        events: address("/console/tickets/events", &[("app", &ticket.app_id)]),
        t,
        head,
        asked: asked.clone(),
        people,
        filled,
        lost: lost.unwrap_or_default(),
        deliveries,
    })
}

/// What was done with the ticket.
fn trail(visit: &Visit, settings: &Settings, whole: &Whole) -> Table {
    let settings = AppSettings::from([(whole.ticket.app_id.clone(), settings.clone())]);
    record::table(visit, &whole.audit, &settings, true)
}

/// The address of the reports behind those that are shown, where there are some.
fn more_reports(path: &str, whole: &Whole, asked: &Asked) -> Option<String> {
    let after = whole.reports.last().filter(|_| whole.has_more_reports)?;
    let query = [
        ("app", &*asked.app),
        ("category", &asked.category),
        ("sort", &asked.sort),
        ("reports_after", &after.report_no),
    ];
    Some(address(path, &query))
}

/// What the form begins with: the verdict that the person has just taken back, or nothing.
fn taken_back(visit: &Visit, whole: &Whole) -> Filled {
    let last = whole.verdicts.first().filter(|verdict| {
        verdict.undone_at.is_some()
            && verdict.auditor == visit.person.name
            && whole.ticket.is_open()
    });
    last.map(Filled::of_verdict).unwrap_or_default()
}

fn reporter(visit: &Visit, ticket: &Ticket, one: &Accuracy) -> Reporter {
    let t = texts(visit);
    let values = [
        ("upheld", &*one.upheld.to_string()),
        ("judged", &*one.judged.to_string()),
        ("share", &*share(one.upheld, one.judged)),
    ];
    let said = match one.judged {
        0 => t.no_accuracy.to_owned(),
        _ => fill(t.accuracy_of, &values),
    };
    Reporter {
        name: one.reporter.clone(),
        tickets: address(
            "/console/tickets/decided",
            &[("app", &ticket.app_id), ("reporter", &one.reporter)],
        ),
        said: format!("{said} · {} {}", t.reports, one.tickets),
        is_often_wrong: one.judged >= OFTEN_JUDGED
            && one.upheld * 100 <= one.judged * OFTEN_WRONG_PERCENT,
    }
}

fn given(
    visit: &Visit,
    settings: &Settings,
    ticket: &Ticket,
    verdicts: &[Verdict],
    people: &[Person],
) -> Vec<Given> {
    let t = texts(visit);
    let at = |at_ms| moment(visit, &ticket.app_id, at_ms);
    let label = |key: &str| settings.label(visit.locale, key);
    let standing = verdicts
        .iter()
        .position(|verdict| verdict.undone_at.is_none());
    let name = |key: &str| {
        let person = people.iter().find(|person| person.key == key);
        person.map_or_else(|| key.to_owned(), |person| person.name.clone())
    };
    let given = |(place, verdict): (usize, &Verdict)| Given {
        revision: fill(t.revision, &[("n", &verdict.revision.to_string())]),
        label: label(&verdict.dialogue_result),
        users: verdict
            .user_result
            .iter()
            .filter(|(_, label)| *label != labels::NORMAL)
            .map(|(user, key)| (name(user), label(key)))
            .collect(),
        auditor: verdict.auditor.clone(),
        at: at(verdict.judged_at),
        note: verdict.note.clone().unwrap_or_default(),
        undone: verdict
            .undone_at
            .map(|at_ms| fill(t.undone_at, &[("at", &at(at_ms))])),
        is_standing: standing == Some(place) && !ticket.is_open(),
    };
    verdicts.iter().enumerate().map(given).collect()
}

/// The offer to undo the verdict that stands, to who may.
fn undo(visit: &Visit, settings: &Settings, whole: &Whole) -> Option<Undo> {
    let verdict = whole
        .verdicts
        .first()
        .filter(|verdict| verdict.undone_at.is_none())?;
    let is_own = verdict.auditor == visit.person.name;
    if whole.ticket.state != "judged" || !(is_own || visit.may(Permission::Oversee)) {
        return None;
    }
    let until_ms = verdict.judged_at + settings.undo_seconds * 1000;
    Undo::offer(visit, &whole.ticket.ticket_id, until_ms)
}

/// What was filled in, where it cannot be given any more: so that it is not lost.
fn in_words(
    visit: &Visit,
    settings: &Settings,
    people: &[Person],
    filled: &Filled,
) -> Vec<(String, String)> {
    let t = texts(visit);
    let label = |key: &str| settings.label(visit.locale, key);
    let mut words = vec![(t.the_dialogue.to_owned(), label(&filled.dialogue))];
    for (user, key) in &filled.users {
        if key != labels::NORMAL {
            let person = people.iter().find(|person| person.key == *user);
            let name = person.map_or(user, |person| &person.name);
            words.push((name.clone(), label(key)));
        }
    }
    if !filled.note.is_empty() {
        words.push((t.note.to_owned(), filled.note.clone()));
    }
    words
}
