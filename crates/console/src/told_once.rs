//! Secrets that were just made: shown once, on the page that answers the form, since they stand in no address.

use askama::Template;

use crate::frame::Frame;

/// A secret, or what belongs to it.
pub(crate) struct Told {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    /// It is there to be copied.
    pub(crate) is_secret: bool,
}

/// The page.
#[derive(Template)]
#[template(path = "told_once.html")]
pub(crate) struct ToldOnce {
    pub(crate) frame: Frame,
    pub(crate) told: Vec<Told>,
    pub(crate) note: &'static str,
    /// Where one goes then: text and address.
    pub(crate) ways: Vec<(&'static str, String)>,
}
