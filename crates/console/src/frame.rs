//! What stands around every page: the menu, the apps, the language, and what a page links to.

use askama::Template;
use form_urlencoded::Serializer;
use reportd_platform::access::Permission;

use crate::api::{Call, fill_path};
use crate::assets;
use crate::json;
use crate::range::Range;
use crate::said::Said;
use crate::texts::{Locale, Texts};
use crate::visit::Visit;

/// A section of the menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Overview,
    Comm,
    Push,
    Playback,
    Moderation,
    Settings,
    /// None of them.
    None,
}

/// A link in a menu.
pub(crate) struct Link {
    pub(crate) text: String,
    pub(crate) address: String,
    pub(crate) is_current: bool,
}

/// What stands around a page.
pub(crate) struct Frame {
    pub(crate) t: &'static Texts,
    pub(crate) locale: Locale,
    pub(crate) title: String,
    /// Name of who is logged in.
    pub(crate) person: String,
    pub(crate) csrf: String,
    /// The path and query of this page: where a change of language comes back to.
    pub(crate) address: String,
    /// The sections that the person may see.
    pub(crate) sections: Vec<Link>,
    /// Pages of this section.
    pub(crate) pages: Vec<Link>,
    /// The app of this page, where it has one.
    pub(crate) app: Option<String>,
    /// The same page of each app, where there are several.
    pub(crate) apps: Vec<Link>,
    /// The days of this page, where it has some.
    pub(crate) range: Option<Range>,
    /// Parameters of this page's address that stay when other days are chosen, as the form of days has no field of them.
    pub(crate) kept: Vec<(String, String)>,
    /// The calls that told what is shown, by their addresses.
    pub(crate) json: Vec<String>,
    /// Some figures do not have the newest reports yet.
    pub(crate) is_behind: bool,
    /// What was asked for is done.
    pub(crate) is_done: bool,
    /// The page asks for itself again each so many seconds, and puts what stands in `data-live` in place.
    pub(crate) live_seconds: Option<u32>,
    /// Scripts of this page beside the shared one: names below `/console/static`.
    pub(crate) scripts: Vec<String>,
}

impl Frame {
    pub(crate) fn new(visit: &Visit, section: Section, title: String) -> Self {
        let path = visit.address.split('?').next().unwrap_or_default();
        let mut frame = Self {
            t: visit.t,
            locale: visit.locale,
            title,
            person: visit.person.name.clone(),
            csrf: visit.csrf.clone(),
            address: visit.address.clone(),
            sections: Vec::new(),
            pages: Vec::new(),
            app: app_in(path).filter(|id| visit.apps().any(|app| app.id == *id)),
            apps: Vec::new(),
            range: None,
            kept: Vec::new(),
            json: Vec::new(),
            is_behind: false,
            is_done: parameters(&visit.address).any(|(name, _)| name == "done"),
            live_seconds: None,
            scripts: Vec::new(),
        };
        frame.sections = sections(visit, section, frame.app.as_deref());
        if frame.app.is_some() {
            frame.apps = other_apps(visit, path, frame.app.as_deref());
        }
        frame
    }

    /// With the pages of this section: text and address of each; the one that is longest of those that the address of
    /// this page begins with is marked.
    #[must_use]
    pub(crate) fn pages(mut self, pages: &[(&str, String)]) -> Self {
        let path = self.address.split('?').next().unwrap_or_default();
        let begins = |address: &str| {
            path.strip_prefix(address)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let current = pages.iter().map(|(_, address)| address.as_str());
        let current = current
            .filter(|address| begins(address))
            .max_by_key(|address| address.len());
        let current = current.map(str::to_owned);
        self.pages = pages
            .iter()
            .map(|(text, address)| Link {
                text: (*text).to_owned(),
                is_current: current.as_deref() == Some(address.as_str()),
                address: address.clone(),
            })
            .collect();
        self
    }

    /// With the days that the page is about.
    #[must_use]
    pub(crate) fn range(mut self, range: Range) -> Self {
        self.range = Some(range);
        self
    }

    /// With parameters of this page's address that stay when other days are chosen: name those that the page has no field
    /// for in its form of days.
    #[must_use]
    pub(crate) fn keep(mut self, names: &[&str]) -> Self {
        let kept = parameters(&self.address);
        self.kept = kept
            .filter(|(name, value)| names.contains(&name.as_str()) && !value.is_empty())
            .collect();
        self
    }

    /// With a link to the JSON of a call.
    #[must_use]
    pub(crate) fn json(mut self, call: &Call<'_>) -> Self {
        self.json.push(call.address());
        self
    }

    /// The page keeps itself up to date.
    #[must_use]
    pub(crate) fn live(mut self, seconds: u32) -> Self {
        self.live_seconds = Some(seconds);
        self
    }

    /// With a script of its own.
    #[must_use]
    pub(crate) fn script(mut self, name: &str) -> Self {
        self.scripts.push(assets::address(name));
        self
    }

    /// Spans of days that end today, to choose from.
    pub(crate) fn spans(&self) -> [(i64, &'static str); 4] {
        let t = self.t;
        [
            (1, t.today),
            (7, t.days_7),
            (30, t.days_30),
            (90, t.days_90),
        ]
    }

    /// This page for the last `days` days.
    pub(crate) fn span_address(&self, range: &Range, days: i64) -> String {
        let mut query = Serializer::new(String::new());
        query.append_pair("from", &range.since(days));
        query.append_pair("to", &range.today);
        let passing = ["from", "to", "cursor", "csv", "done"];
        let others = parameters(&self.address);
        query.extend_pairs(others.filter(|(name, _)| !passing.contains(&name.as_str())));
        format!("?{}", query.finish())
    }

    /// The address of another page of this section, for the same days.
    pub(crate) fn page_address(&self, link: &Link) -> String {
        match &self.range {
            Some(range) if !link.address.contains('?') => {
                format!("{}?{}", link.address, range.query())
            }
            _ => link.address.clone(),
        }
    }

    /// Where the visitor reads the reply of a call.
    pub(crate) fn json_address(&self, call: &str) -> String {
        json::address(call)
    }

    /// What tells one call of the API from another: `comm/series` of `/api/apps/bot/comm/series?…`.
    pub(crate) fn call_name<'a>(&self, address: &'a str) -> &'a str {
        let path = address.split('?').next().unwrap_or_default();
        let path = path.strip_prefix("/api/").unwrap_or(path);
        let of_app = path.strip_prefix("apps/");
        of_app
            .and_then(|path| path.split_once('/'))
            .map_or(path, |(_, name)| name)
    }

    /// What stands before a page's own fields of its form of days. The parts of a frame are templates of their own, so that
    /// they are compiled once, and not once a page.
    pub(crate) fn top(&self) -> FrameTop<'_> {
        FrameTop { frame: self }
    }

    /// What stands between those fields and the content.
    pub(crate) fn menu(&self) -> FrameMenu<'_> {
        FrameMenu { frame: self }
    }

    /// What stands behind the content.
    pub(crate) fn bottom(&self) -> FrameBottom<'_> {
        FrameBottom { frame: self }
    }

    /// The address of a file of the console.
    pub(crate) fn asset(&self, name: &str) -> String {
        assets::address(name)
    }
}

/// The parameters of an address.
fn parameters(address: &str) -> impl Iterator<Item = (String, String)> {
    let query = address.split_once('?').map_or("", |(_, query)| query);
    form_urlencoded::parse(query.as_bytes()).into_owned()
}

/// The app in a path below `/console/apps/{app}/`.
fn app_in(path: &str) -> Option<String> {
    let rest = path.strip_prefix("/console/apps/")?;
    let id = rest.split('/').next()?;
    (!id.is_empty()).then(|| id.to_owned())
}

fn sections(visit: &Visit, current: Section, app: Option<&str>) -> Vec<Link> {
    let t = visit.t;
    let first = visit.apps().next().map(|app| app.id.clone());
    let app = app.map(str::to_owned).or(first).unwrap_or_default();
    let of_app = |path: &str| fill_path(path, &[&app]);
    let has_app = !app.is_empty();
    [
        (Section::Overview, t.overview, "/console".to_owned(), true),
        (
            Section::Comm,
            t.bot_events,
            of_app("/console/apps/{}/comm"),
            has_app,
        ),
        (
            Section::Push,
            t.push,
            of_app("/console/apps/{}/push"),
            has_app,
        ),
        (
            Section::Playback,
            t.playback,
            of_app("/console/apps/{}/playback"),
            has_app,
        ),
        (
            Section::Moderation,
            t.moderation,
            "/console/tickets".to_owned(),
            visit.may(Permission::Judge),
        ),
        (
            Section::Settings,
            t.settings,
            "/console/settings".to_owned(),
            visit.may(Permission::Manage),
        ),
    ]
    .into_iter()
    .filter(|(.., is_shown)| *is_shown)
    .map(|(section, text, address, _)| Link {
        text: text.to_owned(),
        address,
        is_current: section == current,
    })
    .collect()
}

/// The same page of each app: what is behind the section's first path may be of one app alone, so it is left out.
fn other_apps(visit: &Visit, path: &str, app: Option<&str>) -> Vec<Link> {
    let section = path.split('/').nth(4).unwrap_or_default();
    let link = |other: &std::sync::Arc<reportd_platform::apps::App>| Link {
        text: other.name.clone(),
        address: fill_path(&format!("/console/apps/{{}}/{section}"), &[&other.id]),
        is_current: Some(other.id.as_str()) == app,
    };
    let links: Vec<_> = visit.apps().map(link).collect();
    if links.len() > 1 { links } else { Vec::new() }
}

#[derive(Template)]
#[template(path = "frame_top.html")]
pub(crate) struct FrameTop<'a> {
    frame: &'a Frame,
}

#[derive(Template)]
#[template(path = "frame_menu.html")]
pub(crate) struct FrameMenu<'a> {
    frame: &'a Frame,
}

#[derive(Template)]
#[template(path = "frame_bottom.html")]
pub(crate) struct FrameBottom<'a> {
    frame: &'a Frame,
}

/// What went wrong.
#[derive(Template)]
#[template(path = "fault.html")]
pub(crate) struct FaultPage {
    pub(crate) frame: Frame,
    /// In the language of the page.
    pub(crate) said: String,
    /// More precisely, where the API tells.
    pub(crate) detail: Option<Said>,
    pub(crate) field: Option<String>,
}
