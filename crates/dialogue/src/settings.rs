//! Settings of an app for dialogue reports: what the API puts and shows, and what is kept in the store.

mod labels;

use reportd_db::{DbError, Tx};
use reportd_platform::AppNo;
use reportd_platform::changes::touch;
use reportd_platform::settings::SettingsError;
use reportd_protocol::dialogue::{DEFAULT_WINDOW_MS, OTHER_SUCCESS_EC, SUCCESS_EC};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

pub use labels::Label;
pub(crate) use labels::NORMAL;

use crate::audit;
use crate::callback::guard::{Policy, check_url};
use crate::tickets::Actor;

const MOST_CATEGORIES: usize = 500;
const MOST_HOSTS: usize = 100;
const MAX_CATEGORY_CHARS: usize = 256;
const MAX_HOST_CHARS: usize = 260;
/// A window of a day would make a report's time say nothing.
const MOST_WINDOW_S: u64 = 86_400;
const MOST_UNDO_S: u64 = 3_600;

/// The settings of an app, all of them: as the API shows them and the store keeps them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = dialogue::Settings)]
pub struct Settings {
    /// Where verdicts go whose report names no `redirect`.
    #[schema(example = "https://reports.example.com/verdict")]
    pub default_redirect: Option<String>,
    /// The `ec` of a success: 0 or 200.
    #[schema(example = 0)]
    pub success_ec: i64,
    /// How far a report's `timestamp` may be from now, in seconds.
    #[schema(example = 600, minimum = 1, maximum = 86_400)]
    pub window_s: u64,
    /// The categories that are taken; all where there are none.
    #[schema(example = json!(["chat"]))]
    pub categories: Vec<String>,
    /// The labels of verdicts.
    pub labels: Vec<Label>,
    /// How long a verdict can be undone, before its callback leaves, in seconds.
    #[schema(example = 60, minimum = 0, maximum = 3_600)]
    pub undo_seconds: u64,
    /// Hosts, with their ports where they are others than 80, 443, 8080 and 8443, to which callbacks may go.
    #[schema(example = json!(["reports.example.com:9443"]))]
    pub callback_hosts: Vec<String>,
    /// Whether a key of another length is taken as PHP's OpenSSL takes it.
    pub php_key: bool,
    /// Whether contents filled up with zeros are taken, and callbacks written so.
    pub zero_padding: bool,
    /// Whether callbacks may go to addresses that are not public: for tests and intranets.
    pub allow_private_callbacks: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            default_redirect: None,
            success_ec: SUCCESS_EC,
            window_s: DEFAULT_WINDOW_MS / 1000,
            categories: Vec::new(),
            labels: labels::defaults(),
            undo_seconds: 60,
            callback_hosts: Vec::new(),
            php_key: false,
            zero_padding: false,
            allow_private_callbacks: false,
        }
    }
}

/// Settings to change: what is left out stays. The store keeps all of them in this form.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = dialogue::PutSettings, example = json!({
    "default_redirect": "https://reports.example.com/verdict", "categories": ["chat"], "undo_seconds": 60,
}))]
pub(crate) struct PutSettings {
    /// Where verdicts go whose report names no `redirect`; empty: nowhere, `redirect` is needed.
    default_redirect: Option<String>,
    /// The `ec` of a success: 0 or 200.
    success_ec: Option<i64>,
    /// How far a report's `timestamp` may be from now, in seconds.
    #[schema(minimum = 1, maximum = 86_400)]
    window_s: Option<u64>,
    /// The categories that are taken, all where there are none. All of them are replaced.
    #[schema(max_items = 500)]
    categories: Option<Vec<String>>,
    /// The labels of verdicts, `normal` among them. All of them are replaced.
    labels: Option<Vec<Label>>,
    /// How long a verdict can be undone, in seconds.
    #[schema(minimum = 0, maximum = 3_600)]
    undo_seconds: Option<u64>,
    /// Hosts with ports to which callbacks may go, beside the usual ports. All of them are replaced.
    #[schema(max_items = 100)]
    callback_hosts: Option<Vec<String>>,
    /// Whether a key of another length is taken as PHP's OpenSSL takes it.
    php_key: Option<bool>,
    /// Whether contents filled up with zeros are taken, and callbacks written so.
    zero_padding: Option<bool>,
    /// Whether callbacks may go to addresses that are not public. Only who is limited to no apps turns it on.
    allow_private_callbacks: Option<bool>,
}

impl Settings {
    /// These with what `put` names in place of theirs.
    fn with(self, put: PutSettings) -> Result<Self, SettingsError> {
        let default_redirect = match put.default_redirect {
            Some(url) if url.is_empty() => None,
            Some(url) => Some(url),
            None => self.default_redirect,
        };
        let with = Self {
            default_redirect,
            success_ec: put.success_ec.unwrap_or(self.success_ec),
            window_s: put.window_s.unwrap_or(self.window_s),
            categories: put.categories.unwrap_or(self.categories),
            labels: put.labels.unwrap_or(self.labels),
            undo_seconds: put.undo_seconds.unwrap_or(self.undo_seconds),
            callback_hosts: put.callback_hosts.unwrap_or(self.callback_hosts),
            php_key: put.php_key.unwrap_or(self.php_key),
            zero_padding: put.zero_padding.unwrap_or(self.zero_padding),
            allow_private_callbacks: put
                .allow_private_callbacks
                .unwrap_or(self.allow_private_callbacks),
        };
        with.check()?;
        Ok(with)
    }

    fn check(&self) -> Result<(), SettingsError> {
        if let Some(url) = &self.default_redirect {
            let policy = Policy {
                hosts: &self.callback_hosts,
                allow_private: self.allow_private_callbacks,
            };
            check_url(url, &policy).map_err(|refused| {
                let expected = format!("expected an allowed callback address: {refused}");
                SettingsError::invalid("default_redirect", expected)
            })?;
        }
        if ![SUCCESS_EC, OTHER_SUCCESS_EC].contains(&self.success_ec) {
            return Err(SettingsError::invalid("success_ec", "expected 0 or 200"));
        }
        if !(1..=MOST_WINDOW_S).contains(&self.window_s) {
            return Err(SettingsError::invalid(
                "window_s",
                format!("expected 1 to {MOST_WINDOW_S}"),
            ));
        }
        if self.undo_seconds > MOST_UNDO_S {
            return Err(SettingsError::invalid(
                "undo_seconds",
                format!("expected 0 to {MOST_UNDO_S}"),
            ));
        }
        check_list(
            "categories",
            &self.categories,
            MOST_CATEGORIES,
            MAX_CATEGORY_CHARS,
        )?;
        check_list(
            "callback_hosts",
            &self.callback_hosts,
            MOST_HOSTS,
            MAX_HOST_CHARS,
        )?;
        labels::check(&self.labels)
    }

    /// The label of that key.
    #[must_use]
    pub fn label(&self, key: &str) -> Option<&Label> {
        self.labels.iter().find(|label| label.key == key)
    }

    /// Whether reports of this category are taken.
    #[must_use]
    pub fn takes(&self, category: &str) -> bool {
        self.categories.is_empty() || self.categories.iter().any(|known| known == category)
    }

    /// Reads the text of the store.
    pub(crate) fn parse(text: &str) -> Result<Self, SettingsError> {
        let put = serde_json::from_str(text)
            .map_err(|error| SettingsError::invalid("settings", error.to_string()))?;
        Self::default().with(put)
    }
}

fn check_list(
    field: &str,
    texts: &[String],
    most: usize,
    max_chars: usize,
) -> Result<(), SettingsError> {
    if texts.len() > most {
        return Err(SettingsError::invalid(
            field,
            format!("expected at most {most}"),
        ));
    }
    for (index, text) in texts.iter().enumerate() {
        check_text(&format!("{field}[{index}]"), text, max_chars)?;
    }
    Ok(())
}

fn check_text(field: &str, text: &str, max_chars: usize) -> Result<(), SettingsError> {
    let fits =
        (1..=max_chars).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if fits {
        return Ok(());
    }
    Err(SettingsError::invalid(
        field,
        format!("expected 1 to {max_chars} printable characters"),
    ))
}

/// Why settings were not changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PutError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error("only who is limited to no apps lets callbacks go to addresses that are not public")]
    Forbidden,
}

impl From<DbError> for PutError {
    fn from(error: DbError) -> Self {
        SettingsError::from(error).into()
    }
}

/// Changes the settings of an app, and notes who did; returns them as they are then. What is not public is no app's alone:
/// who is limited to some apps does not let callbacks go there.
pub(crate) fn put(
    tx: &mut Tx<'_>,
    actor: &Actor,
    app: AppNo,
    put: PutSettings,
    now_ms: i64,
) -> Result<Settings, PutError> {
    // The lock of all changes: two that come at once do not lose what the other has set.
    touch(tx)?;
    let sql = "SELECT settings FROM dialogue_settings WHERE app = $1";
    // What cannot be read is replaced: else it could never be mended.
    let before = match tx.query_first(sql, &[app.into()])? {
        Some(mut row) => Settings::parse(&row.take_text(0)?).unwrap_or_default(),
        None => Settings::default(),
    };
    let settings = before.clone().with(put)?;
    let lets_out = settings.allow_private_callbacks && !before.allow_private_callbacks;
    if lets_out && actor.apps.is_some() {
        return Err(PutError::Forbidden);
    }
    let text = |settings: &Settings| {
        serde_json::to_value(settings).map_err(|error| DbError::Statement(error.to_string()))
    };
    let (was, is) = (text(&before)?, text(&settings)?);
    tx.execute(
        "INSERT INTO dialogue_settings (app, settings) VALUES ($1, $2) \
         ON CONFLICT (app) DO UPDATE SET settings = excluded.settings",
        &[app.into(), (&is.to_string()).into()],
    )?;
    let changed: Vec<_> = is
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, value)| was[name.as_str()] != **value)
        .map(|(name, value)| json!({"setting": name, "was": was[name.as_str()], "is": value}))
        .collect();
    if !changed.is_empty() {
        let details = json!({ "changed": changed });
        audit::note_app(tx, actor, "settings", app, &details, now_ms)?;
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(settings: Settings, put: &str) -> Result<Settings, SettingsError> {
        settings.with(serde_json::from_str(put).unwrap())
    }

    #[test]
    fn what_is_left_out_stays_and_the_store_keeps_all() {
        let all = r#"{"default_redirect":"https://a.example/x","success_ec":200,"window_s":60,"categories":["c"],
            "labels":[{"key":"normal","wire":"normal","zh":"正常","en":"Normal"},{"key":"porn","wire":"pron","zh":"色情","en":"Porn"}],
            "undo_seconds":0,"callback_hosts":["a.example:9"],"php_key":true,"zero_padding":true,
            "allow_private_callbacks":true}"#;
        let set = with(Settings::default(), all).unwrap();
        assert_eq!(with(set.clone(), "{}").unwrap(), set);
        let text = serde_json::to_string(&set).unwrap();
        assert_eq!(Settings::parse(&text).unwrap(), set);
        assert_eq!(set.label("porn").unwrap().wire, "pron");
        let text = serde_json::to_string(&Settings::default()).unwrap();
        assert_eq!(Settings::parse(&text).unwrap(), Settings::default());
        let none = with(set, r#"{"default_redirect":""}"#).unwrap();
        assert_eq!(none.default_redirect, None);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (put, field) in [
            (r#"{"default_redirect":"ftp://a"}"#, "default_redirect"),
            (r#"{"success_ec":1}"#, "success_ec"),
            (r#"{"window_s":0}"#, "window_s"),
            (r#"{"window_s":86401}"#, "window_s"),
            (r#"{"undo_seconds":3601}"#, "undo_seconds"),
            (r#"{"categories":["a",""]}"#, "categories[1]"),
            (r#"{"callback_hosts":["a\n"]}"#, "callback_hosts[0]"),
            (r#"{"labels":[]}"#, "labels"),
        ] {
            let error = with(Settings::default(), put).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{field}: expected ")), "{error}");
        }
    }
}
