//! One ticket: the conversation, its reports, who is in it and what was before, and the form of the verdict.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::Response;
use reportd_platform::access::Permission;
use serde::Deserialize;

use crate::api::fill_path;
use crate::csv;
use crate::fault::Fault;
use crate::format::share;
use crate::frame::Frame;
use crate::table::Table;
use crate::texts::fill;
use crate::visit::Visit;

use super::acts::Pairs;
use super::conversation::{Content, Conversation, Kind, Medium, Place, Text};
use super::labels::{self, Choice};
use super::model::{Accuracy, Report, Settings, Ticket, Verdict, Whole};
use super::notice::{Before, Notice, Undo};
use super::people::{self, Around, Person};
use super::rows::state_text;
use super::texts::ModerationTexts;
use super::verdict::Filled;
use super::{address, app_name, deliveries, frame, moment, record, span, texts};

/// Judged reports of one who is called often wrong, and the most of them that were upheld, in percent.
const OFTEN_JUDGED: i64 = 5;
const OFTEN_WRONG_PERCENT: i64 = 30;

/// What an address asks for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    app: String,
    category: String,
    reports_after: String,
    csv: String,
}

impl Asked {
    /// As the form of a verdict hands it on.
    pub(super) fn along(form: &Pairs) -> Self {
        let [(_, app), (_, category)] = form.along();
        Self {
            app: app.to_owned(),
            category: category.to_owned(),
            reports_after: form.get("reports_after").to_owned(),
            csv: String::new(),
        }
    }
}

/// The row of the ticket in words.
struct Head {
    id: String,
    path: String,
    /// The address of the page.
    page: String,
    app_name: String,
    category: String,
    report_id: String,
    state: String,
    state_text: String,
    received: String,
    age: String,
    reports: i64,
    users: i64,
    infos: i64,
    follows: Option<(String, String)>,
    /// `me`, `other` or empty.
    held: &'static str,
    held_text: String,
    holder: String,
    until_ms: i64,
    is_open: bool,
    /// The dialogue is open to be claimed.
    may_claim: bool,
}

/// A report with its conversation.
struct Shown {
    number: i64,
    no: String,
    is_open: bool,
    is_new: bool,
    received: String,
    reporter: String,
    reporter_tickets: String,
    redirect: String,
    reason: String,
    evidence: Vec<Medium>,
    says: Vec<Said>,
}

/// A message as it is shown.
struct Said {
    name: String,
    key: String,
    colour: usize,
    is_right: bool,
    is_reporter: bool,
    is_reported: bool,
    is_same: bool,
    at: String,
    is_deleted: bool,
    content: Content,
}

impl Said {
    fn text(&self) -> Option<&Text> {
        match &self.content {
            Content::Text(text) => Some(text),
            Content::Medium(_) => None,
        }
    }

    fn medium(&self) -> Option<&Medium> {
        match &self.content {
            Content::Medium(medium) => Some(medium),
            Content::Text(_) => None,
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
    let mut page = build(&visit, whole, &asked, None, Vec::new()).await?;
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
    Ok(visit.page(&page))
}

/// Reads a ticket.
pub(super) async fn read(visit: &Visit, id: &str, asked: &Asked) -> Result<Whole, Fault> {
    visit
        .get("/api/tickets/{}", &[id])
        .maybe("reports_after", Some(&asked.reports_after))
        .send()
        .await
}

/// The page of a ticket. `filled` is what a verdict that was not given said, and `bad` why it was not.
pub(super) async fn build(
    visit: &Visit,
    whole: Whole,
    asked: &Asked,
    filled: Option<Filled>,
    bad: Vec<String>,
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
    let lost = match was_sent && is_form_off {
        true => in_words(visit, &settings, &people, &filled),
        false => Vec::new(),
    };
    let more = more_reports(&head.path, &whole, asked);
    let first = if asked.reports_after.is_empty() { 1 } else { 0 };
    let title = format!("{} {}", t.ticket, ticket.ticket_id);
    let call = visit.get("/api/tickets/{}", &[&ticket.ticket_id]);
    let deliveries = (!whole.deliveries.is_empty())
        .then(|| deliveries::table(visit, &whole.deliveries, t.deliveries).with_csv(&head.path));
    Ok(TicketPage {
        frame: frame(visit, title).json(&call).script("ticket.js"),
        notice: Notice {
            bad,
            ..Notice::default()
        },
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
        trail: record::table(visit, &whole.audit, true).with_csv(&head.path),
        events: address("/console/tickets/events", &[("app", &ticket.app_id)]),
        t,
        head,
        asked: asked.clone(),
        people,
        filled,
        lost,
        deliveries,
    })
}

/// The address of the reports behind those that are shown, where there are some.
fn more_reports(path: &str, whole: &Whole, asked: &Asked) -> Option<String> {
    let after = whole.reports.last().filter(|_| whole.has_more_reports)?;
    let query = [
        ("app", &*asked.app),
        ("category", &asked.category),
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

fn head(visit: &Visit, ticket: &Ticket, asked: &Asked) -> Head {
    let t = texts(visit);
    let at = |at_ms| moment(visit, &ticket.app_id, at_ms);
    let until_ms = ticket.claimed_until.unwrap_or(0);
    // A claim that has run out is nobody's, though the store may not have noted it yet.
    let holder = ticket
        .claimed_by
        .as_deref()
        .filter(|_| until_ms > visit.now_ms);
    let until = at(until_ms);
    let (held, held_text) = match holder {
        _ if !ticket.is_open() => ("", String::new()),
        Some(name) if name == visit.person.name => ("me", fill(t.held_by_you, &[("at", &until)])),
        Some(name) => ("other", fill(t.held_by, &[("name", name), ("at", &until)])),
        None => ("", t.not_held.to_owned()),
    };
    let follows = ticket.follows.as_ref();
    let path = fill_path("/console/tickets/{}", &[&ticket.ticket_id]);
    let along = [("app", &*asked.app), ("category", &asked.category)];
    Head {
        page: address(&path, &along),
        path,
        app_name: app_name(visit, &ticket.app_id),
        category: ticket.category.clone(),
        report_id: ticket.report_id.clone(),
        state: ticket.state.clone(),
        state_text: state_text(visit, &ticket.state),
        received: at(ticket.received_at),
        age: span(t, (visit.now_ms - ticket.received_at) / 1000),
        reports: ticket.reports,
        users: ticket.users,
        infos: ticket.infos,
        follows: follows.map(|id| {
            let text = fill(t.follows, &[("id", id)]);
            (text, fill_path("/console/tickets/{}", &[id]))
        }),
        held,
        held_text,
        holder: holder.unwrap_or_default().to_owned(),
        until_ms,
        is_open: ticket.is_open(),
        may_claim: ticket.is_open() && held.is_empty(),
        id: ticket.ticket_id.clone(),
    }
}

/// Reports as they are shown; `first` is 1 where the list begins with the first one, `seen` how many were seen before.
fn shown(
    visit: &Visit,
    ticket: &Ticket,
    reports: &[Report],
    conversations: Vec<Conversation>,
    people: &[Person],
    (first, seen): (i64, i64),
) -> Vec<Shown> {
    let by_key: BTreeMap<&str, &Person> = people.iter().map(|one| (&*one.key, one)).collect();
    let mut all = Vec::with_capacity(reports.len());
    for (place, (report, conversation)) in reports.iter().zip(conversations).enumerate() {
        let number = i64::try_from(place).unwrap_or(0) + 1;
        let is_new = first == 1 && seen > 0 && number > seen;
        let reporter_tickets = address(
            "/console/tickets/decided",
            &[("app", &ticket.app_id), ("reporter", &report.uniqid)],
        );
        all.push(Shown {
            number: if first == 1 { number } else { 0 },
            no: report.report_no.clone(),
            is_open: place == 0 || is_new,
            is_new,
            received: moment(visit, &ticket.app_id, report.received_at),
            reporter: report.uniqid.clone(),
            reporter_tickets,
            redirect: report.redirect.clone(),
            reason: conversation.reason,
            evidence: conversation.evidence,
            says: says(visit, &ticket.app_id, conversation.says, &by_key),
        });
    }
    all
}

fn says(
    visit: &Visit,
    app: &str,
    says: Vec<super::conversation::Say>,
    people: &BTreeMap<&str, &Person>,
) -> Vec<Said> {
    let mut all: Vec<Said> = Vec::with_capacity(says.len());
    for say in says {
        let person = people.get(&*say.user);
        all.push(Said {
            name: person.map_or_else(|| say.user.clone(), |person| person.name.clone()),
            colour: person.map_or(1, |person| person.colour),
            is_right: person.is_some_and(|person| person.is_right),
            is_reporter: person.is_some_and(|person| person.is_reporter),
            is_reported: person.is_some_and(|person| person.is_reported),
            is_same: all.last().is_some_and(|last| last.key == say.user),
            at: say
                .at_ms
                .map(|at_ms| moment(visit, app, at_ms))
                .unwrap_or_default(),
            is_deleted: say.is_deleted,
            content: say.content,
            key: say.user,
        });
    }
    all
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

/// Where a medium is, for the template.
impl Medium {
    fn is_elsewhere(&self) -> bool {
        self.place == Place::Elsewhere
    }

    fn is_image(&self) -> bool {
        self.place == Place::Image
    }

    fn is_file(&self) -> bool {
        self.place == Place::File
    }
}
