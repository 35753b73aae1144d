//! The users of a ticket: who they are, what they did before, and the labels that a verdict can give them.

use std::collections::BTreeMap;

use crate::links::is_web_address;
use crate::texts::Locale;
use crate::visit::Visit;

use super::address;
use super::conversation::{Conversation, User};
use super::labels::{Choice, NORMAL};
use super::model::{History, Settings};
use super::rows::{self, AppSettings, Row};

/// Users whose labels are shown side by side; with more of them each has a list.
const MOST_SIDE_BY_SIDE: usize = 12;
/// A longer name is cut, and shown whole to who asks.
const MOST_NAME_CHARS: usize = 40;
/// Colours of the style sheet.
const COLOURS: usize = 6;

/// A user of a ticket.
pub(super) struct Person {
    pub(super) key: String,
    /// The name, or the key where there is none; its beginning where it is long.
    pub(super) name: String,
    /// All of a name that is long.
    pub(super) whole_name: Option<String>,
    pub(super) avatar: Option<String>,
    pub(super) sex: String,
    /// Its colour.
    pub(super) colour: usize,
    pub(super) is_right: bool,
    pub(super) is_reporter: bool,
    pub(super) is_reported: bool,
    pub(super) messages: usize,
    pub(super) choices: Vec<Choice>,
    /// A list in place of labels side by side.
    pub(super) is_list: bool,
    pub(super) earlier: Vec<Row>,
    /// All tickets of the user.
    pub(super) all: String,
}

/// Who the users of some reports are: those who wrote first stand first.
pub(super) fn users(conversations: &[Conversation]) -> Vec<(User, usize)> {
    let mut found: Vec<(User, usize)> = Vec::new();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    let mut known: BTreeMap<&str, &User> = BTreeMap::new();
    for user in conversations.iter().flat_map(|one| &one.users) {
        known.entry(&user.key).or_insert(user);
    }
    let says = conversations.iter().flat_map(|one| &one.says);
    for say in says {
        if let Some(place) = places.get(&*say.user) {
            found[*place].1 += 1;
        } else if let Some(user) = known.get(&*say.user) {
            places.insert(&say.user, found.len());
            found.push(((*user).clone(), 1));
        }
    }
    for (key, user) in known {
        if !places.contains_key(key) {
            found.push((user.clone(), 0));
        }
    }
    found
}

/// What is needed of a ticket to show its users.
pub(super) struct Around<'a> {
    pub(super) visit: &'a Visit,
    pub(super) app: &'a str,
    pub(super) settings: &'a Settings,
    /// The `uniqid` of the reports.
    pub(super) reporters: &'a [String],
    pub(super) history: &'a [History],
    /// What is filled in for each user.
    pub(super) filled: &'a BTreeMap<String, String>,
}

/// The users of a ticket as they are shown.
pub(super) fn people(users: Vec<(User, usize)>, around: &Around<'_>) -> Vec<Person> {
    let list: Vec<User> = users.iter().map(|(user, _)| user.clone()).collect();
    let reporters: Vec<&str> = around
        .reporters
        .iter()
        .filter(|uniqid| !uniqid.is_empty())
        .filter_map(|uniqid| super::conversation::find_user(&list, uniqid))
        .map(|user| &*user.key)
        .collect();
    let is_list = users.len() > MOST_SIDE_BY_SIDE;
    let mut people = Vec::with_capacity(users.len());
    for (place, (user, messages)) in users.into_iter().enumerate() {
        let is_reporter = reporters.contains(&&*user.key);
        // With a reporter among them that one stands on the right, as in the app; else every second one does.
        let is_right = match reporters.is_empty() {
            true => place % 2 == 1,
            false => is_reporter,
        };
        let chosen = around.filled.get(&user.key).map_or(NORMAL, |label| label);
        let whole = if user.name.is_empty() {
            user.key.clone()
        } else {
            user.name
        };
        let name = short(&whole);
        people.push(Person {
            whole_name: (name != whole).then_some(whole),
            name,
            avatar: is_web_address(&user.avatar).then_some(user.avatar),
            sex: user.sex,
            colour: place % COLOURS + 1,
            is_right,
            is_reporter,
            is_reported: !is_reporter && !reporters.is_empty(),
            messages,
            choices: around.settings.choices(around.visit.locale, Some(chosen)),
            is_list,
            earlier: earlier(around, &user.key),
            all: address(
                "/console/tickets/decided",
                &[("app", around.app), ("user", &user.key)],
            ),
            key: user.key,
        });
    }
    people
}

/// A name in one line.
fn short(name: &str) -> String {
    match name.char_indices().nth(MOST_NAME_CHARS) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

/// Other tickets of a user, each with what became of the user in it.
fn earlier(around: &Around<'_>, key: &str) -> Vec<Row> {
    let Some(history) = around.history.iter().find(|history| history.user == key) else {
        return Vec::new();
    };
    let settings = AppSettings::from([(around.app.to_owned(), around.settings.clone())]);
    let row = |ticket: &super::model::Ticket| {
        let mut row = rows::row(around.visit, ticket, &settings, &[]);
        let locale = around.visit.locale;
        if let Some(label) = &ticket.user_result {
            row.label = Some(label_of(around.settings, locale, label));
        }
        row
    };
    history.tickets.iter().map(row).collect()
}

fn label_of(settings: &Settings, locale: Locale, key: &str) -> String {
    settings.label(locale, key)
}
