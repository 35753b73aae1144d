//! Settings that an app has for bot event reports.

use reportd_platform::apps::App;
use reportd_platform::clock::DAY_MS;
use reportd_platform::rate_limit::Rate;
use reportd_platform::settings::{AppSetting, AppSettings, parse_bool, parse_duration_ms};

const MOST_MAX_AGE_MS: i64 = 366 * DAY_MS;
/// The greatest `comm.max_ahead`. Export relies on it: what it skips could not come earlier. It never grows.
pub(crate) const MOST_AHEAD_MS: i64 = DAY_MS;

const MAX_AGE: AppSetting = AppSetting {
    name: "comm.max_age",
    default: "24h",
    about: "how old the ts of a report may be; its identity is remembered that long",
    check: |value| at_most(value, MOST_MAX_AGE_MS, "366d"),
    on_change: Some(floor_of_window),
};
const MAX_AHEAD: AppSetting = AppSetting {
    name: "comm.max_ahead",
    default: "10m",
    about: "how far ahead of the server's clock the ts of a report may be",
    check: |value| at_most(value, MOST_AHEAD_MS, "24h"),
    on_change: None,
};
/// Kept by reportd itself: where the window was made longer, the ts before which identities are forgotten already.
const NOT_BEFORE: AppSetting = AppSetting {
    name: "comm.not_before_ms",
    default: "0",
    about: "set by reportd when comm.max_age grows: an older ts could be counted twice",
    check: |_| Err("it is set by reportd itself".to_owned()),
    on_change: None,
};
const DEDUPE: AppSetting = AppSetting {
    name: "comm.dedupe",
    default: "true",
    about: "equal requests are counted once",
    check: |value| parse_bool(value).map(|_| ()),
    on_change: None,
};
const UNKNOWN_OPERATIONS: AppSetting = AppSetting {
    name: "comm.unknown_operations",
    default: "reject",
    about: "reject, or accept and count as events: operations that are not registered",
    check: |value| match value {
        "reject" | "accept" => Ok(()),
        _ => Err(format!("«{value}»: expected reject or accept")),
    },
    on_change: None,
};
const RATE_LIMIT: AppSetting = AppSetting {
    name: "comm.rate_limit",
    default: "0",
    about: "requests a minute; 0 is no limit",
    check: |value| parse_rate(value).map(|_| ()),
    on_change: None,
};

/// All settings of an app for bot event reports.
pub const APP_SETTINGS: &[AppSetting] = &[
    MAX_AGE,
    MAX_AHEAD,
    DEDUPE,
    UNKNOWN_OPERATIONS,
    RATE_LIMIT,
    NOT_BEFORE,
];

fn at_most(value: &str, most_ms: i64, most: &str) -> Result<(), String> {
    match parse_duration_ms(value)? {
        ms if ms <= most_ms => Ok(()),
        _ => Err(format!("«{value}»: expected at most {most}")),
    }
}

fn parse_rate(value: &str) -> Result<Option<Rate>, String> {
    let per_minute: u32 = value
        .parse()
        .map_err(|_| format!("«{value}»: expected requests a minute, 0 for no limit"))?;
    Ok((per_minute > 0).then_some(Rate { per_minute }))
}

/// Identities older than the window are forgotten, so a longer window opens only as time goes on: what was outside the
/// old window when it changed stays outside.
fn floor_of_window(before: &AppSettings, now_ms: i64) -> Option<(&'static str, String)> {
    let settings = Settings::read(before);
    Some((
        NOT_BEFORE.name,
        (now_ms - settings.max_age_ms)
            .max(settings.not_before_ms)
            .to_string(),
    ))
}

/// The settings of an app, read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) max_age_ms: i64,
    pub(crate) max_ahead_ms: i64,
    pub(crate) not_before_ms: i64,
    pub(crate) dedupe: bool,
    pub(crate) accept_unknown: bool,
    pub(crate) rate: Option<Rate>,
}

impl Settings {
    pub(crate) fn of(app: &App) -> Self {
        Self::read(&app.settings)
    }

    /// Values were checked when they were set; one that does not read is taken as its default.
    fn read(settings: &AppSettings) -> Self {
        let duration = |setting: &AppSetting| {
            parse_duration_ms(settings.get(setting))
                .or_else(|_| parse_duration_ms(setting.default))
                .unwrap_or(0)
        };
        Self {
            max_age_ms: duration(&MAX_AGE),
            max_ahead_ms: duration(&MAX_AHEAD),
            not_before_ms: settings.get(&NOT_BEFORE).parse().unwrap_or(0),
            dedupe: parse_bool(settings.get(&DEDUPE)).unwrap_or(true),
            accept_unknown: settings.get(&UNKNOWN_OPERATIONS) == "accept",
            rate: parse_rate(settings.get(&RATE_LIMIT)).ok().flatten(),
        }
    }

    /// The window for `ts` at `now_ms`: how old it may be, in ms.
    pub(crate) fn window_ms(&self, now_ms: i64) -> i64 {
        self.max_age_ms
            .min(now_ms.saturating_sub(self.not_before_ms))
            .max(0)
    }

    /// Until when the identity of a report with this ts is kept: after that the window itself refuses it.
    pub(crate) fn keep_until_ms(&self, ts_ms: i64) -> i64 {
        ts_ms
            .saturating_add(self.max_age_ms)
            .saturating_add(self.max_ahead_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_window_opens_as_time_goes_on() {
        let mut settings = AppSettings::default();
        let changed_ms = 100 * DAY_MS;
        let (name, value) = floor_of_window(&settings, changed_ms).unwrap();
        settings.0.insert(name.to_owned(), value);
        settings.0.insert(MAX_AGE.name.to_owned(), "3d".to_owned());
        let read = Settings::read(&settings);
        assert_eq!(read.window_ms(changed_ms), DAY_MS);
        assert_eq!(read.window_ms(changed_ms + DAY_MS), 2 * DAY_MS);
        assert_eq!(read.window_ms(changed_ms + 9 * DAY_MS), 3 * DAY_MS);

        // Made longer once more at once: the first floor stands.
        let (_, value) = floor_of_window(&settings, changed_ms + 1).unwrap();
        assert_eq!(value, (changed_ms - DAY_MS).to_string());
    }
}
