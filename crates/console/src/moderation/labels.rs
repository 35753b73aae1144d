//! The labels of verdicts as an app's settings give them, each with the key that chooses it.

use crate::fault::Fault;
use crate::texts::Locale;
use crate::visit::Visit;

use super::model::{Label, Settings};

/// Keys that choose labels, in their order; the letters that do something else are left out.
const KEYS: &[u8] = b"1234567890aefhijklopqstvwxy";

/// The label of who did nothing wrong.
pub(super) const NORMAL: &str = "normal";

/// A label to choose.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    pub(super) key: String,
    pub(super) text: String,
    /// The key of the keyboard, where one is left.
    pub(super) press: Option<char>,
    pub(super) is_chosen: bool,
}

/// The settings of an app.
///
/// # Errors
/// What the API refused.
pub(super) async fn settings(visit: &Visit, app: &str) -> Result<Settings, Fault> {
    visit
        .get("/api/apps/{}/dialogue/settings", &[app])
        .send()
        .await
}

/// The text of a label of an app; its key where that cannot be told.
pub(crate) async fn text(visit: &Visit, app: &str, key: &str) -> String {
    match settings(visit, app).await {
        Ok(settings) => settings.label(visit.locale, key),
        Err(_) => key.to_owned(),
    }
}

impl Settings {
    /// The labels to choose from, with the one chosen that is.
    pub(super) fn choices(&self, locale: Locale, chosen: Option<&str>) -> Vec<Choice> {
        let choice = |(place, label): (usize, &Label)| Choice {
            key: label.key.clone(),
            text: label.text(locale).to_owned(),
            press: KEYS.get(place).map(|byte| char::from(*byte)),
            is_chosen: chosen == Some(&*label.key),
        };
        self.labels.iter().enumerate().map(choice).collect()
    }

    /// The text of a label; its key where the app has it no more.
    pub(super) fn label(&self, locale: Locale, key: &str) -> String {
        let found = self.labels.iter().find(|label| label.key == key);
        found.map_or_else(|| key.to_owned(), |label| label.text(locale).to_owned())
    }
}

impl Label {
    fn text(&self, locale: Locale) -> &str {
        locale.pick(&self.en, &self.zh)
    }
}
