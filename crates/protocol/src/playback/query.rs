//! The parameters of the read endpoints, and of those that change the history. Empty ones are absent.

use super::form::{Form, FormWriter, Name};
use super::meaning::Kid;
use super::number;
use super::refusal::Refusal;
use super::report::{Business, read_video};
use crate::values::Problem;

/// Entries of a history page where `ps` is not given (`spec playback-report`).
pub const DEFAULT_PAGE_SIZE: u32 = 20;

/// Most entries of a history page; who asks for more gets as many (`spec playback-report`).
pub const MAX_PAGE_SIZE: u32 = 30;

/// Entries of a page of `/x/v2/history` where `ps` is not given. Our choice.
pub const DEFAULT_LIST_SIZE: u32 = 100;

/// Most entries of such a page. Our limit.
pub const MAX_LIST_SIZE: u32 = 300;

/// Most entries before such a page: what lies further back is read by the cursor. Our limit: the cost
/// of a numbered page grows with what it passes over.
pub const MAX_LIST_SKIP: u32 = 10_000;

/// Where an entry stands in the history. Greater stands before: the newest second first, and within
/// a second the greatest number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryPlace {
    /// `view_at`, in seconds since 1970.
    pub view_at_s: i64,
    /// The number of its [`Kid`].
    pub number: i64,
    /// What it is.
    pub business: Business,
}

/// Where a page of the history starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PageStart {
    /// With the newest entry.
    Newest,
    /// With the first entry of a second before this one; in seconds since 1970.
    OlderThan(i64),
    /// Behind the entry of a cursor. Old clients send no `business`: then behind all entries of that
    /// number.
    Behind {
        /// `view_at`, in seconds since 1970.
        view_at_s: i64,
        /// `max`.
        number: i64,
        /// `business`.
        business: Option<Business>,
    },
}

/// Which entries are asked for: `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HistoryFilter {
    /// `all`, `archive` or absent: all videos. Players of the web ask for `archive` and mean
    /// episodes too.
    All,
    /// `pgc` or `cheese`.
    Only(Business),
    /// Another, as `live` or `article`: there is nothing of the kind.
    Nothing,
}

/// The parameters of `/x/web-interface/history/cursor`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CursorQuery {
    /// Where the page starts: `max`, `business`, `view_at`.
    pub start: PageStart,
    /// Which entries: `type`.
    pub filter: HistoryFilter,
    /// How many at most: `ps`, 1 to [`MAX_PAGE_SIZE`].
    pub page_size: u32,
}

impl CursorQuery {
    /// Reads the parameters. A number of 0 is absent: so the first cursor of many clients looks.
    ///
    /// # Errors
    /// -400 if one is malformed, or there is a `max` without the `view_at` that belongs to it.
    pub fn read(form: &Form<'_>) -> Result<Self, Refusal> {
        let given = |name| {
            let number = form.optional(name, number::natural)?;
            Ok::<_, Refusal>(number.filter(|number| *number > 0))
        };
        let start = match (given(Name::Max)?, given(Name::ViewAt)?) {
            (None, None) => PageStart::Newest,
            (None, Some(view_at_s)) => PageStart::OlderThan(view_at_s),
            (Some(number), Some(view_at_s)) => PageStart::Behind {
                view_at_s,
                number,
                business: form.get(Name::Business).and_then(Business::from_name),
            },
            (Some(_), None) => {
                let problem = Problem::Refused("given without view_at");
                return Err(Refusal::field(Name::Max, problem));
            }
        };
        let filter = match form.get(Name::Type) {
            None | Some("all" | "archive") => HistoryFilter::All,
            Some(name) => match Business::from_name(name) {
                Some(business) => HistoryFilter::Only(business),
                None => HistoryFilter::Nothing,
            },
        };
        Ok(Self {
            start,
            filter,
            page_size: read_size(form, DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)?,
        })
    }

    /// The query as a client sends it.
    #[must_use]
    pub fn write(&self) -> String {
        let mut form = FormWriter::new();
        match self.start {
            PageStart::Newest => {}
            PageStart::OlderThan(view_at_s) => form.number(Name::ViewAt, view_at_s),
            PageStart::Behind {
                view_at_s,
                number,
                business,
            } => {
                form.number(Name::Max, number);
                form.number(Name::ViewAt, view_at_s);
                form.optional_text(Name::Business, business.map(Business::name));
            }
        }
        form.text(
            Name::Type,
            match self.filter {
                HistoryFilter::All => "all",
                HistoryFilter::Only(business) => business.name(),
                HistoryFilter::Nothing => "live",
            },
        );
        form.number(Name::Ps, self.page_size);
        form.finish()
    }
}

/// The parameters of `/x/v2/history`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ListQuery {
    /// `pn`, from 1.
    pub page: i64,
    /// `ps`, 1 to [`MAX_LIST_SIZE`].
    pub page_size: u32,
}

impl ListQuery {
    /// Reads the parameters; a number of 0 is absent.
    ///
    /// # Errors
    /// -400 if one is malformed.
    pub fn read(form: &Form<'_>) -> Result<Self, Refusal> {
        let page = form.optional(Name::Pn, number::natural)?;
        Ok(Self {
            page: page.unwrap_or(1).max(1),
            page_size: read_size(form, DEFAULT_LIST_SIZE, MAX_LIST_SIZE)?,
        })
    }

    /// How many entries stand before the page; `None` if they are more than [`MAX_LIST_SKIP`]: then
    /// the page is empty.
    #[must_use]
    pub fn skip(&self) -> Option<u32> {
        let skip = (self.page - 1).saturating_mul(i64::from(self.page_size));
        u32::try_from(skip)
            .ok()
            .filter(|skip| *skip <= MAX_LIST_SKIP)
    }

    /// The query as a client sends it.
    #[must_use]
    pub fn write(&self) -> String {
        let mut form = FormWriter::new();
        form.number(Name::Pn, self.page);
        form.number(Name::Ps, self.page_size);
        form.finish()
    }
}

/// The parameters of `/x/player/v2`, `/x/player/wbi/v2` and `/x/player/online/total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VideoQuery {
    /// The video, by `aid` or `bvid`.
    pub aid: i64,
    /// The part; 0 if none is named.
    pub cid: i64,
}

impl VideoQuery {
    /// Reads the parameters.
    ///
    /// # Errors
    /// -400 if one is malformed, there is neither `aid` nor `bvid`, or they name two videos.
    pub fn read(form: &Form<'_>) -> Result<Self, Refusal> {
        Ok(Self {
            aid: read_video(form)?,
            cid: form.optional(Name::Cid, number::natural)?.unwrap_or(0),
        })
    }

    /// The query as a client sends it.
    #[must_use]
    pub fn write(&self) -> String {
        let mut form = FormWriter::new();
        form.number(Name::Aid, self.aid);
        form.number(Name::Cid, self.cid);
        form.finish()
    }
}

/// Reads which entry is to be deleted: `kid`.
///
/// # Errors
/// -400 if it is missing, or names nothing that a history of videos has.
pub fn read_kid(form: &Form<'_>) -> Result<Kid, Refusal> {
    let kid = form.optional(Name::Kid, |text| {
        Kid::parse(text).ok_or(Problem::Expected("archive_, pgc_ or cheese_ and a number"))
    })?;
    kid.ok_or_else(|| form.missing(Name::Kid))
}

/// Reads whether the history is to be paused: `switch`, `true` or `1`, `false` or `0`, in any case.
///
/// # Errors
/// -400 if it is missing or another text: a misspelt field must not resume a history that somebody
/// paused.
pub fn read_switch(form: &Form<'_>) -> Result<bool, Refusal> {
    let switch = form.optional(Name::Switch, |text| {
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            _ => Err(Problem::Expected("true or false")),
        }
    })?;
    switch.ok_or_else(|| form.missing(Name::Switch))
}

/// The body of a delete, as a client sends it.
#[must_use]
pub fn delete_form(kid: Kid, csrf: &str) -> String {
    let mut form = FormWriter::new();
    form.number(Name::Kid, kid);
    form.text(Name::Csrf, csrf);
    form.finish()
}

/// The body of a clear, as a client sends it.
#[must_use]
pub fn clear_form(csrf: &str) -> String {
    let mut form = FormWriter::new();
    form.text(Name::Csrf, csrf);
    form.finish()
}

/// The body that pauses the history or resumes it, as a client sends it.
#[must_use]
pub fn switch_form(is_paused: bool, csrf: &str) -> String {
    let mut form = FormWriter::new();
    form.number(Name::Switch, is_paused);
    form.text(Name::Csrf, csrf);
    form.finish()
}

/// A page's size: 0 is absent, and more than the most is the most.
fn read_size(form: &Form<'_>, default: u32, most: u32) -> Result<u32, Refusal> {
    let size = form.optional(Name::Ps, number::natural)?;
    let size = size.filter(|size| *size > 0);
    Ok(size.map_or(default, |size| {
        u32::try_from(size).unwrap_or(most).min(most)
    }))
}
