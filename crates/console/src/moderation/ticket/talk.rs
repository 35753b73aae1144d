//! The reports of a ticket as they are shown, each with its conversation.

use std::collections::BTreeMap;

use crate::visit::Visit;

use super::super::conversation::{Content, Conversation, Kind, Medium, Place, Say, Text};
use super::super::model::{Report, Ticket};
use super::super::people::Person;
use super::super::{address, moment};

/// A report with its conversation.
pub(super) struct Shown {
    pub(super) number: i64,
    pub(super) no: String,
    pub(super) is_open: bool,
    pub(super) is_new: bool,
    pub(super) received: String,
    pub(super) reporter: String,
    pub(super) reporter_tickets: String,
    pub(super) redirect: String,
    pub(super) reason: Text,
    pub(super) evidence: Vec<Medium>,
    pub(super) says: Vec<Said>,
}

/// A message as it is shown.
pub(super) struct Said {
    pub(super) name: String,
    pub(super) key: String,
    pub(super) colour: usize,
    pub(super) is_right: bool,
    pub(super) is_reporter: bool,
    pub(super) is_reported: bool,
    pub(super) is_same: bool,
    pub(super) at: String,
    pub(super) is_deleted: bool,
    pub(super) content: Content,
}

impl Said {
    pub(super) fn text(&self) -> Option<&Text> {
        match &self.content {
            Content::Text(text) => Some(text),
            Content::Medium(_) => None,
        }
    }

    pub(super) fn medium(&self) -> Option<&Medium> {
        match &self.content {
            Content::Medium(medium) => Some(medium),
            Content::Text(_) => None,
        }
    }
}

/// Reports as they are shown; `first` is 1 where the list begins with the first one, `seen` how many were seen before.
pub(super) fn shown(
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

fn says(visit: &Visit, app: &str, says: Vec<Say>, people: &BTreeMap<&str, &Person>) -> Vec<Said> {
    let mut all: Vec<Said> = Vec::with_capacity(says.len());
    let mut day = String::new();
    for say in says {
        let person = people.get(&*say.user);
        let at = say.at_ms.map(|at_ms| moment(visit, app, at_ms));
        // The day stands where it begins.
        let at = at.map(|at| match at.split_once(' ') {
            Some((same, time)) if same == day => time.to_owned(),
            Some((other, _)) => {
                other.clone_into(&mut day);
                at
            }
            None => at,
        });
        all.push(Said {
            name: person.map_or_else(|| say.user.clone(), |person| person.name.clone()),
            colour: person.map_or(1, |person| person.colour),
            is_right: person.is_some_and(|person| person.is_right),
            is_reporter: person.is_some_and(|person| person.is_reporter),
            is_reported: person.is_some_and(|person| person.is_reported),
            is_same: all.last().is_some_and(|last| last.key == say.user),
            at: at.unwrap_or_default(),
            is_deleted: say.is_deleted,
            content: say.content,
            key: say.user,
        });
    }
    all
}

/// Where a medium is, for the template.
impl Medium {
    pub(super) fn is_elsewhere(&self) -> bool {
        self.place == Place::Elsewhere
    }

    pub(super) fn is_image_elsewhere(&self) -> bool {
        self.is_elsewhere() && self.kind == Kind::Image
    }

    pub(super) fn is_image(&self) -> bool {
        self.place == Place::Image
    }

    pub(super) fn is_file(&self) -> bool {
        self.place == Place::File
    }
}
