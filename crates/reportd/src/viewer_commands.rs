//! `reportd viewer`: login sessions of viewers. They work on the store, while a server runs on it or not.

use anyhow::Context;
use reportd_db::Tx;
use reportd_platform::apps;
use reportd_platform::clock::{Clock, SystemClock};
use reportd_platform::random::SystemRandom;
use reportd_platform::settings::parse_duration_ms;
use reportd_playback::{Issued, create_session};
use serde_json::json;

use crate::cli::Viewer;
use crate::output::print_line;
use crate::settings::Settings;
use crate::stores::Stores;
use crate::text_table::text_table;

/// Runs a command on viewers.
pub(crate) fn run(settings: &Settings, command: Viewer) -> anyhow::Result<()> {
    let Viewer::Create {
        app,
        mid,
        life,
        label,
        json,
    } = command;
    let life_ms = match life {
        None => settings.playback.session_life_ms()?,
        Some(life) => parse_duration_ms(&life)
            .map_err(anyhow::Error::msg)
            .context("--life")?,
    };
    let state = Stores::existing(settings)?.state()?;
    let now_ms = SystemClock::start().now_ms();
    let label = label.unwrap_or_default();
    let issued = state.try_write(|tx: &mut Tx<'_>| {
        let app = apps::find(tx, &app)?.no;
        let viewer = (app, mid);
        anyhow::Ok(create_session(
            tx,
            &SystemRandom,
            viewer,
            &label,
            now_ms,
            life_ms,
        )?)
    })?;
    print_issued(&app, mid, &issued, json)
}

fn print_issued(app: &str, mid: i64, issued: &Issued, as_json: bool) -> anyhow::Result<()> {
    let secrets = [
        ("sessdata", &issued.sessdata),
        ("csrf", &issued.csrf),
        ("access_key", &issued.access_key),
    ];
    if as_json {
        let mut told = json!({"app_id": app, "mid": mid});
        for (name, secret) in secrets {
            told[name] = secret.reveal().into();
        }
        return print_line(told);
    }
    let rows = secrets.map(|(name, secret)| [name.to_owned(), secret.reveal().to_owned()]);
    let table = text_table(["session", "value"], &rows);
    print_line(format_args!(
        "{table}\n\nKeep these: they are not shown again."
    ))
}
