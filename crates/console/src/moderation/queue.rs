//! The queue, and the tickets that are decided: the same list of other states.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::Query;
use axum::response::Response;
use reportd_platform::access::Permission;
use serde::Deserialize;

use crate::csv;
use crate::fault::Fault;
use crate::format::{self, headline};
use crate::frame::{Frame, Link};
use crate::texts::fill;
use crate::visit::Visit;

use super::labels::{self, Choice};
use super::model::{Counts, Settings, TicketsPage};
use super::notice::{Before, Notice};
use super::rows::{self, Row};
use super::texts::ModerationTexts;
use super::{address, app_name, frame, span, texts};

const WAITING: &str = "open,claimed";
const DECIDED: &str = "judged,delivered,failed";
/// Ages to choose from, in seconds.
const AGES: [i64; 5] = [600, 3_600, 21_600, 86_400, 259_200];
const ROWS: &str = "100";

/// What an address asks for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    pub(super) app: String,
    state: String,
    pub(super) category: String,
    age: String,
    mine: String,
    user: String,
    reporter: String,
    sort: String,
    cursor: String,
    csv: String,
}

/// Which of the two lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    Queue,
    Decided,
}

impl View {
    fn path(self) -> &'static str {
        match self {
            Self::Queue => "/console/tickets",
            Self::Decided => "/console/tickets/decided",
        }
    }
}

impl Asked {
    /// The parameters of a list, but for the place in it.
    fn parameters(&self) -> [(&'static str, &str); 8] {
        [
            ("app", &self.app),
            ("state", &self.state),
            ("category", &self.category),
            ("age", &self.age),
            ("mine", &self.mine),
            ("user", &self.user),
            ("reporter", &self.reporter),
            ("sort", &self.sort),
        ]
    }

    /// The address of this list with other values of some parameters.
    fn with(&self, view: View, changed: &[(&str, &str)]) -> String {
        let mut parameters: Vec<(&str, &str)> = self.parameters().to_vec();
        for (name, value) in changed {
            match parameters.iter_mut().find(|(known, _)| known == name) {
                Some(parameter) => parameter.1 = value,
                None => parameters.push((name, value)),
            }
        }
        address(view.path(), &parameters)
    }

    /// What goes along to a ticket: from which queue the next one is taken.
    pub(super) fn along(&self) -> [(&'static str, &str); 3] {
        [
            ("app", &self.app),
            ("category", &self.category),
            ("sort", &self.sort),
        ]
    }

    fn is_filtered(&self) -> bool {
        self.parameters().iter().any(|(_, value)| !value.is_empty())
    }
}

/// A choice of a filter.
struct Choose {
    value: String,
    text: String,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "moderation_queue.html")]
struct QueuePage {
    frame: Frame,
    t: &'static ModerationTexts,
    notice: Notice,
    is_queue: bool,
    asked: Asked,
    states: Vec<Link>,
    categories: Vec<Link>,
    apps: Vec<Choose>,
    ages: Vec<Choose>,
    about: Option<String>,
    clear: Option<String>,
    oldest: Option<String>,
    rows: Vec<Row>,
    next: Option<String>,
    csv: String,
    order: Link,
    /// Where the script hears of changes.
    events: String,
    /// Whether several can be judged at once.
    may_bulk: bool,
    /// The labels for that; none where the tickets are of several apps.
    labels: Option<Vec<Choice>>,
    /// Whose they are.
    labels_app: String,
    has_apps: bool,
}

impl QueuePage {
    /// What a bulk verdict makes of users: they are all normal.
    fn bulk_about(&self) -> String {
        let labels = self.labels.as_deref().unwrap_or_default();
        let normal = labels.iter().find(|label| label.key == labels::NORMAL);
        let normal = normal.map_or(labels::NORMAL, |label| &label.text);
        fill(self.t.bulk_about, &[("label", normal)])
    }
}

pub(super) async fn show_queue(
    visit: Visit,
    Query(asked): Query<Asked>,
    Query(before): Query<Before>,
) -> Result<Response, Fault> {
    show(visit, asked, &before, View::Queue).await
}

pub(super) async fn show_decided(
    visit: Visit,
    Query(asked): Query<Asked>,
    Query(before): Query<Before>,
) -> Result<Response, Fault> {
    show(visit, asked, &before, View::Decided).await
}

async fn show(visit: Visit, asked: Asked, before: &Before, view: View) -> Result<Response, Fault> {
    let t = texts(&visit);
    let is_queue = view == View::Queue;
    let list = list(&visit, &asked, view);
    let title = if is_queue { t.queue } else { t.decided };
    let mut frame = frame(&visit, title).json(&list).script("ticket.js");
    let page: TicketsPage = list.send().await?;
    let counts = visit
        .get("/api/tickets/counts", &[])
        .maybe("app", Some(&asked.app))
        .maybe("category", Some(&asked.category));
    frame = frame.json(&counts);
    let counts: Counts = counts.send().await?;
    let of_apps = page.tickets.iter().map(|ticket| &*ticket.app_id);
    let shown_apps: BTreeSet<&str> = of_apps.chain([&*asked.app]).collect();
    let settings = rows::settings(&visit, &shown_apps).await?;
    let rows = rows::rows(&visit, &page.tickets, &settings, &asked.along());
    if asked.csv == "tickets" {
        return Ok(csv::reply(&rows::table(&visit, &rows)));
    }
    let next = page.next_cursor.as_deref();
    let of_one_app = (settings.len() == 1)
        .then(|| settings.iter().next())
        .flatten();
    let has_apps = visit.apps().nth(1).is_some();
    let page = QueuePage {
        notice: Notice::of(&visit, before),
        is_queue,
        states: states(t, &asked, view, &counts),
        categories: categories(&visit, &asked, view, &counts, settings.get(&asked.app)),
        apps: apps(&visit, &asked),
        ages: ages(t, &asked),
        about: about(t, &asked),
        clear: asked.is_filtered().then(|| view.path().to_owned()),
        oldest: counts
            .oldest_open_seconds
            .map(|seconds| fill(t.oldest, &[("age", &span(t, seconds))])),
        rows,
        next: next.map(|cursor| asked.with(view, &[("cursor", cursor)])),
        csv: asked.with(view, &[("cursor", &asked.cursor), ("csv", "tickets")]),
        order: order(t, &asked, view),
        events: address("/console/tickets/events", &[("app", &asked.app)]),
        may_bulk: is_queue && visit.may(Permission::Oversee),
        labels: of_one_app.map(|(_, settings)| settings.choices(visit.locale, None)),
        labels_app: of_one_app.map_or_else(String::new, |(app, _)| app.to_string()),
        has_apps,
        frame,
        t,
        asked,
    };
    Ok(visit.page(&page))
}

fn list<'a>(visit: &'a Visit, asked: &Asked, view: View) -> crate::api::Call<'a> {
    let is_about = !asked.user.is_empty() || !asked.reporter.is_empty();
    let is_mine = asked.mine == "1";
    let states = match (view, &*asked.state) {
        (View::Queue, "") if is_mine => "claimed",
        (View::Queue, "") => WAITING,
        // What a user or a reporter did is shown whole.
        (View::Decided, "") if is_about => "",
        (View::Decided, "") => DECIDED,
        (_, state) => state,
    };
    let default_sort = if view == View::Queue {
        "oldest"
    } else {
        "newest"
    };
    let sort = if asked.sort.is_empty() {
        default_sort
    } else {
        &asked.sort
    };
    let before_ms = asked.age.parse().ok().map(|age: i64| {
        let age = age.clamp(0, 100 * 366 * 86_400);
        (visit.now_ms - age * 1000).to_string()
    });
    visit
        .get("/api/tickets", &[])
        .maybe("app", Some(&asked.app))
        .maybe("state", Some(states))
        .maybe("category", Some(&asked.category))
        .maybe("user", Some(&asked.user))
        .maybe("reporter", Some(&asked.reporter))
        .maybe("claimed_by", is_mine.then_some(&*visit.person.name))
        .maybe("received_to", before_ms.as_deref())
        .with("sort", sort)
        .with("limit", ROWS)
        .maybe("cursor", Some(&asked.cursor))
}

fn states(t: &ModerationTexts, asked: &Asked, view: View, counts: &Counts) -> Vec<Link> {
    let counted = |count: i64| {
        let text = format::count(count);
        if counts.most > 0 && count >= counts.most {
            fill(t.counted, &[("n", &text)])
        } else {
            text
        }
    };
    let link = |text: &str, state: &str, mine: &str, count: i64| Link {
        text: format!("{text} {}", counted(count)),
        address: asked.with(view, &[("state", state), ("mine", mine)]),
        is_current: asked.state == state && asked.mine == mine,
    };
    match view {
        View::Queue => vec![
            link(t.all, "", "", counts.open + counts.claimed),
            link(t.open, "open", "", counts.open),
            link(t.claimed, "claimed", "", counts.claimed),
            link(t.mine, "", "1", counts.claimed_by_me),
        ],
        View::Decided => vec![
            link(
                t.all,
                "",
                "",
                counts.judged + counts.delivered + counts.failed,
            ),
            link(t.judged, "judged", "", counts.judged),
            link(t.delivered, "delivered", "", counts.delivered),
            link(t.failed, "failed", "", counts.failed),
        ],
    }
}

/// Categories with what waits in each; of decided tickets those that the app lists.
fn categories(
    visit: &Visit,
    asked: &Asked,
    view: View,
    counts: &Counts,
    settings: Option<&Settings>,
) -> Vec<Link> {
    let has_apps = visit.apps().nth(1).is_some() && asked.app.is_empty();
    let link = |app: &str, category: &str, text: String| Link {
        text,
        address: asked.with(view, &[("app", app), ("category", category)]),
        is_current: asked.category == category && asked.app == app,
    };
    let mut links = Vec::new();
    if !asked.category.is_empty() {
        let all = texts(visit).all.to_owned();
        links.push(link(&asked.app, "", all));
    }
    if view == View::Decided {
        let categories = settings.map_or(&[][..], |settings| &settings.categories);
        let listed = categories
            .iter()
            .map(|name| link(&asked.app, name, name.clone()));
        links.extend(listed);
        return links;
    }
    links.extend(counts.categories.iter().map(|one| {
        let mut text = format!("{} {}", headline(&one.category), format::count(one.waiting));
        if has_apps {
            text = format!("{} · {text}", app_name(visit, &one.app_id));
        }
        link(&one.app_id, &one.category, text)
    }));
    links
}

fn apps(visit: &Visit, asked: &Asked) -> Vec<Choose> {
    let app = |app: &std::sync::Arc<reportd_platform::apps::App>| Choose {
        value: app.id.clone(),
        text: app.name.clone(),
        is_chosen: app.id == asked.app,
    };
    visit.apps().map(app).collect()
}

fn ages(t: &ModerationTexts, asked: &Asked) -> Vec<Choose> {
    let age = |seconds: i64| Choose {
        value: seconds.to_string(),
        text: fill(t.longer_than, &[("age", &span(t, seconds))]),
        is_chosen: asked.age == seconds.to_string(),
    };
    AGES.into_iter().map(age).collect()
}

fn about(t: &ModerationTexts, asked: &Asked) -> Option<String> {
    let (text, name) = match (&*asked.user, &*asked.reporter) {
        ("", "") => return None,
        ("", reporter) => (t.of_reporter, reporter),
        (user, _) => (t.of_user, user),
    };
    Some(fill(text, &[("name", name)]))
}

/// The link to the other order.
fn order(t: &ModerationTexts, asked: &Asked, view: View) -> Link {
    let default = if view == View::Queue {
        "oldest"
    } else {
        "newest"
    };
    let sort = if asked.sort.is_empty() {
        default
    } else {
        &asked.sort
    };
    let (text, other) = match sort {
        "oldest" => (t.newest_first, "newest"),
        _ => (t.oldest_first, "oldest"),
    };
    let other = if other == default { "" } else { other };
    Link {
        text: text.to_owned(),
        address: asked.with(view, &[("sort", other)]),
        is_current: false,
    }
}

/// What happens to tickets, handed on from the API as it comes.
pub(super) async fn stream_events(
    visit: Visit,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let call = visit
        .get("/api/tickets/events", &[])
        .maybe("app", Some(&asked.app))
        .maybe("category", Some(&asked.category));
    call.exchange().await
}
