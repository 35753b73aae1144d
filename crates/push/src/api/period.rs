//! The days that a call is about.

use reportd_platform::apps::App;
use reportd_platform::web::{Problem, day, days};
use reportd_platform::zones::day_text;
use serde::Deserialize;
use utoipa::IntoParams;

const DEFAULT_DAYS: i64 = 30;
const MOST_DAYS: i64 = 366;

/// Days of a call that shows each of them.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DaysParameters {
    /// The first day, in the app's zone; 30 days with `to` where it is not given.
    #[param(format = Date, example = "2026-11-01")]
    from: Option<String>,
    /// The last day, included; today where it is not given. At most 366 days.
    #[param(format = Date, example = "2026-11-21")]
    to: Option<String>,
}

impl DaysParameters {
    /// The first and the last day.
    pub(super) fn read(self, app: &App, now_ms: i64) -> Result<(i64, i64), Problem> {
        let to = self.to.unwrap_or_else(|| today(app, now_ms));
        let from = match self.from {
            Some(from) => from,
            None => day_text(day("to", &to)? - DEFAULT_DAYS + 1),
        };
        days(&from, &to, MOST_DAYS)
    }
}

fn today(app: &App, now_ms: i64) -> String {
    day_text(app.zone.day(now_ms))
}

/// The day of a call that shows one.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DayParameter {
    /// The day, in the app's zone; see the call for what is shown where it is not given.
    #[param(format = Date, example = "2026-11-20")]
    pub(super) date: Option<String>,
}

impl DayParameter {
    /// The day that is asked for.
    pub(super) fn read(&self) -> Result<Option<i64>, Problem> {
        let date = self.date.as_deref();
        date.map(|date| day("date", date)).transpose()
    }
}
