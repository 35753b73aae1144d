//! `reportd app`: apps and their credentials. They work on the store, while a server runs on it or not.

use anyhow::{Context, bail};
use reportd_db::Database;
use reportd_platform::apps::{self, NewApp};
use reportd_platform::clock::{Clock, SystemClock};
use reportd_platform::credentials::{self, AES_IV, AES_MODE, CredentialKind, Issued, Vault};
use reportd_platform::random::SystemRandom;
use reportd_platform::settings::parse_duration_ms;
use serde_json::{Value, json};

use crate::apps::{IssuedCredentials, ShownApp, app_settings};
use crate::cli::{App, Given};
use crate::data_folder::DataFolder;
use crate::output::print_line;
use crate::settings::Settings;
use crate::stores::Stores;
use crate::text_table::text_table;

/// Runs a command on apps.
pub(crate) fn run(settings: &Settings, command: App) -> anyhow::Result<()> {
    let stores = match command {
        App::Create { .. } => Stores::open(settings)?,
        _ => Stores::existing(settings)?,
    };
    let (state, folder) = (stores.state()?, &stores.folder);
    match command {
        App::List { json } => print_list(&state, json),
        App::Show { id, json } => print_app(&state, &id, json),
        App::Set { id, changes } => {
            let now_ms = SystemClock::start().now_ms();
            state.try_write(|tx| apps::set(tx, &id, &changes, &app_settings(), now_ms))?;
            print_app(&state, &id, false)
        }
        App::Disable { id } => set_disabled(&state, &id, true),
        App::Enable { id } => set_disabled(&state, &id, false),
        App::Create {
            id,
            name,
            zone,
            given,
            aes_mode,
            aes_iv,
            json,
        } => {
            let new = NewApp {
                id,
                name,
                zone,
                given: given_secrets(given),
            };
            let cipher = [(AES_MODE.name, aes_mode), (AES_IV.name, aes_iv)];
            let cipher: Vec<(String, String)> = cipher
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?)))
                .collect();
            let issued = create(folder, &state, &new, &cipher)?;
            print_issued(&state, &new.id, &issued, json)
        }
        App::Rotate {
            id,
            grace,
            only,
            given,
            json,
        } => {
            let issued = rotate(folder, &state, &id, &grace, &only, given)?;
            print_issued(&state, &id, &issued, json)
        }
    }
}

/// Creates an app with what every kind of reports gives a new one.
pub(crate) fn create(
    folder: &DataFolder,
    state: &Database,
    new: &NewApp,
    settings: &[(String, String)],
) -> anyhow::Result<Vec<Issued>> {
    let now_ms = SystemClock::start().now_ms();
    let master = folder.master_key(&SystemRandom)?;
    let vault = Vault {
        master: &master,
        random: &SystemRandom,
    };
    Ok(state.try_write(|tx| crate::apps::create(tx, new, settings, &vault, now_ms))?)
}

fn rotate(
    folder: &DataFolder,
    state: &Database,
    id: &str,
    grace: &str,
    only: &[String],
    given: Given,
) -> anyhow::Result<Vec<Issued>> {
    let grace_ms = parse_duration_ms(grace)
        .map_err(anyhow::Error::msg)
        .context("--grace")?;
    let given = given_secrets(given);
    let mut kinds = only
        .iter()
        .map(|name| kind_named(name))
        .collect::<anyhow::Result<Vec<_>>>()?;
    if kinds.is_empty() {
        // The appkey is no secret: clients know the app by it.
        let given_appkey = given
            .iter()
            .any(|issued| issued.kind == CredentialKind::Appkey);
        kinds = CredentialKind::ALL
            .into_iter()
            .filter(|&kind| kind != CredentialKind::Appkey || given_appkey)
            .collect();
    }
    let master = folder.master_key(&SystemRandom)?;
    let vault = Vault {
        master: &master,
        random: &SystemRandom,
    };
    let now_ms = SystemClock::start().now_ms();
    Ok(state
        .try_write(|tx| credentials::rotate(tx, id, &kinds, &given, grace_ms, &vault, now_ms))?)
}

fn kind_named(name: &str) -> anyhow::Result<CredentialKind> {
    match CredentialKind::named(name) {
        Some(kind) => Ok(kind),
        None => bail!(
            "--only {name}: expected one of {}",
            CredentialKind::ALL.map(CredentialKind::name).join(", ")
        ),
    }
}

fn given_secrets(given: Given) -> Vec<Issued> {
    let pairs = [
        (CredentialKind::CommToken, given.comm_token),
        (CredentialKind::Appkey, given.appkey),
        (CredentialKind::MasterSecret, given.master_secret),
        (CredentialKind::AesKey, given.aes_key),
    ];
    pairs
        .into_iter()
        .filter_map(|(kind, secret)| {
            Some(Issued {
                kind,
                secret: secret?,
            })
        })
        .collect()
}

fn set_disabled(state: &Database, id: &str, disabled: bool) -> anyhow::Result<()> {
    state.try_write(|tx| apps::set_disabled(tx, id, disabled))?;
    let state = if disabled { "disabled" } else { "enabled" };
    print_line(format_args!("{id} is {state}"))
}

fn print_issued(state: &Database, id: &str, issued: &[Issued], json: bool) -> anyhow::Result<()> {
    let told = state.try_read(|tx| IssuedCredentials::read(tx, id, issued))?;
    let members = serde_json::to_value(told)?;
    if json {
        return print_line(members);
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let members = members.as_object().into_iter().flatten();
    let rows: Vec<[String; 2]> = members
        .map(|(name, value)| [name.clone(), text(value)])
        .collect();
    let table = text_table(["credential", "value"], &rows);
    print_line(format_args!(
        "{table}\n\nKeep these: they are not shown again."
    ))
}

fn print_list(state: &Database, json: bool) -> anyhow::Result<()> {
    let now_ms = SystemClock::start().now_ms();
    let apps = state.read(|tx| ShownApp::list(tx, now_ms, |_| true))?;
    if json {
        return print_line(json!({ "apps": apps }));
    }
    let row = |app: &ShownApp| {
        let state = if app.disabled { "disabled" } else { "enabled" };
        [
            app.app_id.clone(),
            app.name.clone(),
            app.zone.clone(),
            state.to_owned(),
        ]
    };
    let rows: Vec<_> = apps.iter().map(row).collect();
    print_line(text_table(["app", "name", "zone", "state"], &rows))
}

fn print_app(state: &Database, id: &str, json: bool) -> anyhow::Result<()> {
    let now_ms = SystemClock::start().now_ms();
    let app = state.try_read(|tx| ShownApp::find(tx, id, now_ms))?;
    if json {
        return print_line(serde_json::to_value(app)?);
    }
    let zone_note = if app.zone_fixed {
        "fixed: there are reports"
    } else {
        "zone of its days"
    };
    let row = |name: &str, value: &str, about: &str| {
        [name.to_owned(), value.to_owned(), about.to_owned()]
    };
    let mut rows = vec![
        row("id", &app.app_id, ""),
        row("name", &app.name, ""),
        row("zone", &app.zone, zone_note),
        row(
            "state",
            if app.disabled { "disabled" } else { "enabled" },
            "",
        ),
    ];
    rows.extend(app_settings().iter().map(|setting| {
        let value = app.settings.get(setting.name);
        row(
            setting.name,
            value.map_or("", String::as_str),
            setting.about,
        )
    }));
    print_line(text_table(["app", "value", "about"], &rows))
}
