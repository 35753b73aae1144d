//! People of the console: who they are, what they may do, and their passwords (spec operating, Accounts and secrets).
//!
//! A person's name stands in the records of what was done, so it is never used again: people are disabled, not deleted.

mod password;

use std::collections::HashMap;
use std::sync::Arc;

use reportd_db::{DbError, Row, Tx};
use thiserror::Error;

pub use self::password::{HashedPassword, PASSWORD_CHARS, Verifier, draw_password};
use crate::AppNo;
use crate::access::{
    Principal, PrincipalKind, Role, app_no, categories_text, check_name, read_categories,
};
use crate::apps::{self, AppError};
use crate::changes::touch;
use crate::random::NoRandomness;

/// Most apps that a person is limited to.
const MOST_APPS: usize = 64;

/// Why something was not done with a person.
#[derive(Debug, Error)]
pub enum PeopleError {
    /// The store failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// No randomness for a secret.
    #[error(transparent)]
    Random(#[from] NoRandomness),
    /// A value does not fit.
    #[error("{field}: {message}")]
    Invalid {
        /// What it is of.
        field: String,
        /// What was expected.
        message: String,
    },
    /// There is none of that name.
    #[error("there is no person «{0}»: see reportd user list")]
    Unknown(String),
    /// The name is taken.
    #[error(
        "there is, or was, a person «{0}»: names stand in the records, take another, or enable this one"
    )]
    Exists(String),
    /// Nobody would be left who may do everything.
    #[error(
        "«{0}» is the last person of role admin in force who is limited to no app: make another one first"
    )]
    LastAdmin(String),
    /// Too many passwords are being hashed.
    #[error("too many log in just now: try again")]
    Busy,
    /// A password could not be hashed.
    #[error("the password could not be hashed: {0}")]
    Hashing(String),
}

fn invalid(field: &str, message: impl Into<String>) -> PeopleError {
    PeopleError::Invalid {
        field: field.to_owned(),
        message: message.into(),
    }
}

impl From<AppError> for PeopleError {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Db(error) => error.into(),
            AppError::Random(error) => error.into(),
            AppError::Invalid { field, message } => Self::Invalid { field, message },
            AppError::Unknown(_) => invalid("app", error.to_string()),
            AppError::Seal(_) | AppError::Exists(_) => Self::Hashing(error.to_string()),
        }
    }
}

/// What a person may do, and where.
#[derive(Debug, Clone, Copy)]
pub struct Limits<'a> {
    /// Any but ingest, which is for programs.
    pub role: Role,
    /// Ids of the only apps; all where there is none.
    pub app_ids: &'a [String],
    /// The only categories of tickets of those apps; all where there is none. For moderators.
    pub categories: &'a [String],
}

/// A person as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedPerson {
    /// Who acts when this person does.
    pub principal: Principal,
    /// Ids of the only apps, where there are such.
    pub app_ids: Option<Vec<String>>,
    /// The password is to be changed at the next login.
    pub must_change: bool,
    /// When it was made, in ms.
    pub created_at_ms: i64,
    /// When it was disabled, in ms.
    pub disabled_at_ms: Option<i64>,
}

/// A person who may come in.
#[derive(Debug, Clone)]
pub struct PersonInForce {
    /// Who acts when this person does.
    pub principal: Arc<Principal>,
    /// The password was given by another: it is to be changed first of all.
    pub must_change: bool,
    /// Sessions of another generation have ended: there is a new password since.
    pub generation: i64,
}

/// Makes a person. `must_change` asks for a password of its own at the first login.
pub fn create_person(
    tx: &mut Tx<'_>,
    name: &str,
    limits: Limits<'_>,
    password: &HashedPassword,
    must_change: bool,
    now_ms: i64,
) -> Result<(), PeopleError> {
    check_name(name)?;
    if name.trim() != name {
        return Err(invalid(
            "name",
            "expected no blank at the beginning or the end",
        ));
    }
    touch(tx)?;
    let (app_numbers, categories) = limit_texts(tx, limits)?;
    if tx.query_int(
        "SELECT COUNT(*) FROM person WHERE name = $1",
        &[name.into()],
    )? > 0
    {
        return Err(PeopleError::Exists(name.to_owned()));
    }
    tx.execute(
        "INSERT INTO person (name, role, apps, categories, password, must_change, generation, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, 1, $7)",
        &[
            name.into(),
            limits.role.name().into(),
            app_numbers.as_deref().into(),
            categories.as_deref().into(),
            password.text().into(),
            i64::from(must_change).into(),
            now_ms.into(),
        ],
    )?;
    Ok(())
}

/// Limits as they are stored: numbers of apps, and categories.
fn limit_texts(
    tx: &mut Tx<'_>,
    limits: Limits<'_>,
) -> Result<(Option<String>, Option<String>), PeopleError> {
    if limits.role == Role::Ingest {
        return Err(invalid(
            "role",
            "ingest is for keys alone: expected viewer, moderator, lead or admin",
        ));
    }
    if limits.app_ids.len() > MOST_APPS {
        return Err(invalid("app", format!("expected at most {MOST_APPS} apps")));
    }
    let mut numbers = Vec::with_capacity(limits.app_ids.len());
    for id in limits.app_ids {
        numbers.push(apps::find(tx, id)?.no);
    }
    numbers.sort_unstable();
    numbers.dedup();
    let categories = categories_text(limits.role, !numbers.is_empty(), limits.categories)?;
    let numbers = (!numbers.is_empty()).then(|| serde_json::Value::from(numbers).to_string());
    Ok((numbers, categories))
}

/// Gives a person another role and other limits.
pub fn set_limits(tx: &mut Tx<'_>, name: &str, limits: Limits<'_>) -> Result<(), PeopleError> {
    touch(tx)?;
    let (app_numbers, categories) = limit_texts(tx, limits)?;
    if limits.role != Role::Admin || app_numbers.is_some() {
        keep_an_admin(tx, name)?;
    }
    let sql = "UPDATE person SET role = $1, apps = $2, categories = $3 WHERE name = $4";
    let values = [
        limits.role.name().into(),
        app_numbers.as_deref().into(),
        categories.as_deref().into(),
        name.into(),
    ];
    let changed = tx.execute(sql, &values)?;
    known(changed, name)
}

/// Gives a person a new password and ends its sessions. `must_change` asks for one of its own at the next login.
pub fn set_password(
    tx: &mut Tx<'_>,
    name: &str,
    password: &HashedPassword,
    must_change: bool,
) -> Result<(), PeopleError> {
    touch(tx)?;
    let sql = "UPDATE person SET password = $1, must_change = $2, generation = generation + 1 WHERE name = $3";
    let values = [
        password.text().into(),
        i64::from(must_change).into(),
        name.into(),
    ];
    let changed = tx.execute(sql, &values)?;
    known(changed, name)
}

/// Lets a person in no more, and ends its sessions.
pub fn disable_person(tx: &mut Tx<'_>, name: &str, now_ms: i64) -> Result<(), PeopleError> {
    touch(tx)?;
    keep_an_admin(tx, name)?;
    let sql = "UPDATE person SET disabled_at = COALESCE(disabled_at, $1), generation = generation + 1 WHERE name = $2";
    let changed = tx.execute(sql, &[now_ms.into(), name.into()])?;
    known(changed, name)
}

/// Lets a person in again.
pub fn enable_person(tx: &mut Tx<'_>, name: &str) -> Result<(), PeopleError> {
    touch(tx)?;
    let sql = "UPDATE person SET disabled_at = NULL WHERE name = $1";
    let changed = tx.execute(sql, &[name.into()])?;
    known(changed, name)
}

fn known(changed: u64, name: &str) -> Result<(), PeopleError> {
    match changed {
        0 => Err(PeopleError::Unknown(name.to_owned())),
        _ => Ok(()),
    }
}

/// Refuses where the person is the last one who may do everything: whoever would be left could not undo it.
fn keep_an_admin(tx: &mut Tx<'_>, name: &str) -> Result<(), PeopleError> {
    let sql =
        "SELECT name FROM person WHERE role = 'admin' AND apps IS NULL AND disabled_at IS NULL";
    let mut admins = Vec::new();
    for mut row in tx.query(sql, &[])? {
        admins.push(row.take_text(0)?);
    }
    if admins == [name] {
        return Err(PeopleError::LastAdmin(name.to_owned()));
    }
    Ok(())
}

/// How many people there are, disabled ones too.
pub fn count_people(tx: &mut Tx<'_>) -> Result<i64, DbError> {
    tx.query_int("SELECT COUNT(*) FROM person", &[])
}

/// The hash of the password and the generation of a person in force.
pub fn password_of(tx: &mut Tx<'_>, name: &str) -> Result<Option<(HashedPassword, i64)>, DbError> {
    let sql = "SELECT password, generation FROM person WHERE name = $1 AND disabled_at IS NULL";
    let found = tx.query_first(sql, &[name.into()])?;
    found
        .map(|mut row| Ok((HashedPassword::stored(row.take_text(0)?), row.int(1)?)))
        .transpose()
}

/// All people, disabled ones too, by name.
pub fn list_people(tx: &mut Tx<'_>) -> Result<Vec<ListedPerson>, DbError> {
    let mut ids = HashMap::new();
    for mut row in tx.query("SELECT no, id FROM app", &[])? {
        ids.insert(app_no(row.int(0)?)?, row.take_text(1)?);
    }
    let sql = "SELECT name, role, apps, categories, must_change, created_at, disabled_at FROM person ORDER BY name";
    let listed = |mut row: Row| {
        let principal = principal_from_row(&mut row)?;
        let apps = principal.apps.as_ref();
        let id_of = |no: &AppNo| ids.get(no).cloned();
        Ok(ListedPerson {
            app_ids: apps.map(|numbers| numbers.iter().filter_map(id_of).collect()),
            principal,
            must_change: row.bool(4)?,
            created_at_ms: row.int(5)?,
            disabled_at_ms: row.opt_int(6)?,
        })
    };
    tx.query(sql, &[])?.into_iter().map(listed).collect()
}

/// The people who are not disabled, by name. One that cannot be read is logged and not in force.
pub(crate) fn people_in_force(tx: &mut Tx<'_>) -> Result<HashMap<String, PersonInForce>, DbError> {
    let rows = tx.query(
        "SELECT name, role, apps, categories, must_change, generation FROM person WHERE disabled_at IS NULL",
        &[],
    )?;
    let loaded = |mut row: Row| {
        let read = in_force(&mut row);
        read.inspect_err(|error| tracing::error!(%error, "a person cannot be read"))
            .ok()
    };
    let people = rows.into_iter().filter_map(loaded);
    Ok(people
        .map(|person| (person.principal.name.clone(), person))
        .collect())
}

fn in_force(row: &mut Row) -> Result<PersonInForce, DbError> {
    Ok(PersonInForce {
        must_change: row.bool(4)?,
        generation: row.int(5)?,
        principal: Arc::new(principal_from_row(row)?),
    })
}

fn principal_from_row(row: &mut Row) -> Result<Principal, DbError> {
    let apps = row.take_opt_text(2)?;
    let categories = row.take_opt_text(3)?;
    Ok(Principal {
        kind: PrincipalKind::Person,
        name: row.take_text(0)?,
        role: row.take_text(1)?.parse().map_err(DbError::Statement)?,
        apps: apps.as_deref().map(read_apps).transpose()?,
        categories: categories.as_deref().map(read_categories).transpose()?,
    })
}

/// Apps that cannot be read are an error: read as none, they would open all apps to the person.
fn read_apps(text: &str) -> Result<Vec<AppNo>, DbError> {
    serde_json::from_str(text).map_err(|_| DbError::Type {
        column: 2,
        expected: "a JSON list of app numbers",
    })
}

#[cfg(test)]
mod tests;
