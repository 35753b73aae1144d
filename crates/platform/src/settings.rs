//! Settings of an app: named texts in the store, each defined by the room that reads it.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use reportd_db::DbError;

/// What else must change with a setting, by name and value, given the app's settings as they were and the present time
/// in ms.
pub type OnChange = fn(&AppSettings, i64) -> Option<(&'static str, String)>;

/// A setting that an app can have.
#[derive(Debug, Clone, Copy)]
pub struct AppSetting {
    /// Its name, `room.setting`.
    pub name: &'static str,
    /// Its value where the app sets none.
    pub default: &'static str,
    /// One line for people.
    pub about: &'static str,
    /// Checks a value; the error says what was expected.
    pub check: fn(&str) -> Result<(), String>,
    /// What else must change with it.
    pub on_change: Option<OnChange>,
}

/// The settings that an app has set, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AppSettings(pub BTreeMap<String, String>);

impl AppSettings {
    /// The app's value of `setting`, or its default.
    #[must_use]
    pub fn get<'a>(&'a self, setting: &'a AppSetting) -> &'a str {
        self.0
            .get(setting.name)
            .map_or(setting.default, String::as_str)
    }
}

/// Why a kind's settings of an app were not taken.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The store failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// A value that does not fit.
    #[error("{field}: {expected}")]
    Invalid {
        /// Where it stands: `quotas.gt.apps`, `cors_origins[0]`.
        field: String,
        /// What was expected there.
        expected: String,
    },
}

impl SettingsError {
    /// A value in `field` that does not fit.
    pub fn invalid(field: impl Into<String>, expected: impl Into<String>) -> Self {
        Self::Invalid {
            field: field.into(),
            expected: expected.into(),
        }
    }
}

/// Reads a length of time such as `24h`, `10m` or `1d 12h`, in milliseconds.
///
/// # Errors
/// A text that says what was expected.
pub fn parse_duration_ms(text: &str) -> Result<i64, String> {
    let expected =
        || format!("«{text}» is no length of time: expected one such as 24h, 10m or 30s");
    // Days are 24 hours here: a length of time has no zone.
    let (days, rest) = match text.split_once('d') {
        Some((days, rest)) => (
            days.trim().parse::<i64>().map_err(|_| expected())?,
            rest.trim(),
        ),
        None => (0, text.trim()),
    };
    let rest_ms = if rest.is_empty() && days > 0 {
        0
    } else {
        let rest: SignedDuration = rest.parse().map_err(|_| expected())?;
        i64::try_from(rest.as_millis()).map_err(|_| expected())?
    };
    let total_ms = days
        .checked_mul(crate::clock::DAY_MS)
        .and_then(|ms| ms.checked_add(rest_ms))
        .ok_or_else(expected)?;
    if total_ms < 0 {
        Err(expected())
    } else {
        Ok(total_ms)
    }
}

/// Reads `true` or `false`.
///
/// # Errors
/// A text that says what was expected.
pub fn parse_bool(text: &str) -> Result<bool, String> {
    text.parse()
        .map_err(|_| format!("«{text}»: expected true or false"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read_with_their_units() {
        for (text, ms) in [
            ("24h", 86_400_000),
            ("10m", 600_000),
            ("1d", 86_400_000),
            ("1d 12h", 129_600_000),
            ("0s", 0),
        ] {
            assert_eq!(parse_duration_ms(text), Ok(ms), "{text}");
        }
        for text in ["", "10", "-1h", "d", "99999999999999999d", "soon"] {
            assert!(parse_duration_ms(text).is_err(), "{text}");
        }
    }
}
