//! Apps in the state store.

use reportd_db::{DbError, Row, Tx};
use thiserror::Error;

use crate::AppNo;
use crate::changes::touch;
use crate::credentials::{CredentialKind, Issued, Vault, issue};
use crate::random::NoRandomness;
use crate::seal::SealError;
use crate::settings::{AppSetting, AppSettings};
use crate::zones::Zone;

/// The zone of an app that names none.
pub const DEFAULT_ZONE: &str = "Asia/Shanghai";
const MAX_ID_CHARS: usize = 64;
const MAX_NAME_CHARS: usize = 128;

/// An app as it stands in the store.
#[derive(Debug, Clone)]
pub struct App {
    /// Its number in tables and entries.
    pub no: AppNo,
    /// Its name in addresses: `[A-Za-z0-9_-]{1,64}`.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// The zone of its days.
    pub zone: Zone,
    /// There are reports, so the zone can no longer change.
    pub zone_fixed: bool,
    /// Its credentials are refused.
    pub disabled: bool,
    /// What it has set.
    pub settings: AppSettings,
}

/// Why a change to an app was refused.
#[derive(Debug, Error)]
pub enum AppError {
    /// The store failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// A secret could not be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// No randomness for a secret.
    #[error(transparent)]
    Random(#[from] NoRandomness),
    /// A value does not fit.
    #[error("{field}: {message}")]
    Invalid {
        /// The field or setting.
        field: String,
        /// What was expected.
        message: String,
    },
    /// There is no such app.
    #[error("there is no app «{0}»: see reportd app list")]
    Unknown(String),
    /// The id is taken.
    #[error("there is an app «{0}» already")]
    Exists(String),
}

pub(crate) fn invalid(field: &str, message: impl Into<String>) -> AppError {
    AppError::Invalid {
        field: field.to_owned(),
        message: message.into(),
    }
}

/// A new app.
#[derive(Debug, Clone)]
pub struct NewApp {
    /// `[A-Za-z0-9_-]{1,64}`.
    pub id: String,
    /// Name for people; the id where it is empty.
    pub name: String,
    /// IANA name of the zone of its days.
    pub zone: String,
    /// Secrets that the operator brings; the others are drawn.
    pub given: Vec<Issued>,
}

/// Creates an app with all its credentials.
pub fn create(
    tx: &mut Tx<'_>,
    new: &NewApp,
    vault: &Vault<'_>,
    now_ms: i64,
) -> Result<Vec<Issued>, AppError> {
    let id_fits = (1..=MAX_ID_CHARS).contains(&new.id.len())
        && new
            .id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if !id_fits {
        return Err(invalid(
            "id",
            "expected 1 to 64 characters of A-Z, a-z, 0-9, _ and -",
        ));
    }
    let name = if new.name.is_empty() {
        &new.id
    } else {
        &new.name
    };
    check_name(name)?;
    let zone = Zone::named(&new.zone).map_err(|message| invalid("zone", message))?;
    touch(tx)?;
    let taken = tx.query_int(
        "SELECT COUNT(*) FROM app WHERE id = $1",
        &[(&new.id).into()],
    )? > 0;
    if taken {
        return Err(AppError::Exists(new.id.clone()));
    }
    tx.execute(
        "INSERT INTO app (id, name, zone, zone_fixed, disabled, created_at) VALUES ($1, $2, $3, 0, 0, $4)",
        &[(&new.id).into(), name.into(), zone.name().into(), now_ms.into()],
    )?;
    let no = find(tx, &new.id)?.no;
    CredentialKind::ALL
        .into_iter()
        .map(|kind| issue(tx, no, kind, &new.given, vault, now_ms))
        .collect()
}

fn check_name(name: &str) -> Result<(), AppError> {
    let fits =
        (1..=MAX_NAME_CHARS).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    if fits {
        Ok(())
    } else {
        Err(invalid("name", "expected 1 to 128 printable characters"))
    }
}

/// Refuses, or takes again, all credentials of an app.
pub fn set_disabled(tx: &mut Tx<'_>, id: &str, disabled: bool) -> Result<(), AppError> {
    touch(tx)?;
    let app = find(tx, id)?;
    tx.execute(
        "UPDATE app SET disabled = $1 WHERE no = $2",
        &[disabled.into(), app.no.into()],
    )?;
    Ok(())
}

/// Changes `name`, `zone` or settings of an app, all or none. `known` are the settings of all rooms.
pub fn set(
    tx: &mut Tx<'_>,
    id: &str,
    changes: &[(String, String)],
    known: &[AppSetting],
    now_ms: i64,
) -> Result<(), AppError> {
    touch(tx)?;
    let app = find(tx, id)?;
    for (name, value) in changes {
        match name.as_str() {
            "name" => {
                check_name(value)?;
                tx.execute(
                    "UPDATE app SET name = $1 WHERE no = $2",
                    &[value.into(), app.no.into()],
                )?;
            }
            "zone" => set_zone(tx, &app, value)?,
            _ => set_setting(tx, &app, name, value, known, now_ms)?,
        }
    }
    Ok(())
}

fn set_zone(tx: &mut Tx<'_>, app: &App, name: &str) -> Result<(), AppError> {
    let zone = Zone::named(name).map_err(|message| invalid("zone", message))?;
    let sql = "UPDATE app SET zone = $1 WHERE no = $2 AND (zone_fixed = 0 OR zone = $1)";
    if tx.execute(sql, &[zone.name().into(), app.no.into()])? == 0 {
        return Err(invalid(
            "zone",
            "it is fixed: there are reports, and their days were resolved in it",
        ));
    }
    Ok(())
}

fn set_setting(
    tx: &mut Tx<'_>,
    app: &App,
    name: &str,
    value: &str,
    known: &[AppSetting],
    now_ms: i64,
) -> Result<(), AppError> {
    let Some(setting) = known.iter().find(|setting| setting.name == name) else {
        let names: Vec<_> = ["name", "zone"]
            .into_iter()
            .chain(known.iter().map(|s| s.name))
            .collect();
        return Err(invalid(
            name,
            format!(
                "there is no such setting: expected one of {}",
                names.join(", ")
            ),
        ));
    };
    (setting.check)(value).map_err(|message| invalid(name, message))?;
    let mut write = |name: &str, value: &str| {
        tx.execute(
            "INSERT INTO app_setting (app, name, value) VALUES ($1, $2, $3) \
             ON CONFLICT (app, name) DO UPDATE SET value = excluded.value",
            &[app.no.into(), name.into(), value.into()],
        )
    };
    if let Some((also, value)) = setting
        .on_change
        .and_then(|follow| follow(&app.settings, now_ms))
    {
        write(also, &value)?;
    }
    write(name, value)?;
    Ok(())
}

/// Notes that an app has reports, so that its zone stays. False where `zone` is no longer the app's: load it again.
pub fn fix_zone(tx: &mut Tx<'_>, app: &App) -> Result<bool, DbError> {
    touch(tx)?;
    let sql = "UPDATE app SET zone_fixed = 1 WHERE no = $1 AND zone = $2";
    Ok(tx.execute(sql, &[app.no.into(), app.zone.name().into()])? == 1)
}

/// All apps by id, with their settings.
pub fn list(tx: &mut Tx<'_>) -> Result<Vec<App>, DbError> {
    let rows = tx.query(&format!("{SELECT} ORDER BY id"), &[])?;
    let apps = rows.into_iter().map(|mut row| from_row(&mut row));
    let apps = apps.collect::<Result<_, _>>()?;
    with_settings(tx, apps)
}

/// [`list`] without the apps that cannot be read, such as one whose zone this build does not know: each is logged, and
/// must not keep the others from being loaded.
pub(crate) fn list_readable(tx: &mut Tx<'_>) -> Result<Vec<App>, DbError> {
    let rows = tx.query(&format!("{SELECT} ORDER BY id"), &[])?;
    let readable = |mut row: Row| {
        from_row(&mut row)
            .inspect_err(|error| {
                let no = row.int(0).unwrap_or_default();
                let id = row.take_text(6).unwrap_or_default();
                tracing::error!(app = id, no, %error, "an app cannot be read: its credentials are refused");
            })
            .ok()
    };
    let apps = rows.into_iter().filter_map(readable).collect();
    with_settings(tx, apps)
}

fn with_settings(tx: &mut Tx<'_>, mut apps: Vec<App>) -> Result<Vec<App>, DbError> {
    for mut row in tx.query("SELECT app, name, value FROM app_setting", &[])? {
        let (no, name, value) = (row.int(0)?, row.take_text(1)?, row.take_text(2)?);
        if let Some(app) = apps.iter_mut().find(|app| i64::from(app.no) == no) {
            app.settings.0.insert(name, value);
        }
    }
    Ok(apps)
}

/// The app of that id, with its settings.
pub fn find(tx: &mut Tx<'_>, id: &str) -> Result<App, AppError> {
    let row = tx.query_first(&format!("{SELECT} WHERE id = $1"), &[id.into()])?;
    let mut app = from_row(&mut row.ok_or_else(|| AppError::Unknown(id.to_owned()))?)?;
    for mut row in tx.query(
        "SELECT name, value FROM app_setting WHERE app = $1",
        &[app.no.into()],
    )? {
        app.settings.0.insert(row.take_text(0)?, row.take_text(1)?);
    }
    Ok(app)
}

/// The id comes twice: once for the app, once to name it where it cannot be read.
const SELECT: &str = "SELECT no, id, name, zone, zone_fixed, disabled, id FROM app";

fn from_row(row: &mut Row) -> Result<App, DbError> {
    let zone = row.take_text(3)?;
    Ok(App {
        no: AppNo::try_from(row.int(0)?).map_err(|_| DbError::Type {
            column: 0,
            expected: "an app number",
        })?,
        id: row.take_text(1)?,
        name: row.take_text(2)?,
        zone: Zone::named(&zone).map_err(DbError::Statement)?,
        zone_fixed: row.bool(4)?,
        disabled: row.bool(5)?,
        settings: AppSettings::default(),
    })
}
