//! API keys, roles, and what each role may do (spec operating, Accounts and secrets).

use std::fmt;
use std::str::FromStr;

use reportd_db::{DbError, Row, Tx};

use crate::AppNo;
use crate::apps::{self, AppError};
use crate::changes::touch;
use crate::random::Random;
use crate::secret::{Secret, SecretHash};

/// What a key or a person may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Feeds in, reads nothing. Keys only.
    Ingest,
    /// Reads figures.
    Viewer,
    /// Judges tickets as well.
    Moderator,
    /// Reads raw reports and looks after moderators as well.
    Lead,
    /// Everything.
    Admin,
}

impl Role {
    /// All roles, least first.
    pub const ALL: [Self; 5] = [
        Self::Ingest,
        Self::Viewer,
        Self::Moderator,
        Self::Lead,
        Self::Admin,
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Viewer => "viewer",
            Self::Moderator => "moderator",
            Self::Lead => "lead",
            Self::Admin => "admin",
        }
    }

    /// True where the role may do what `permission` names.
    #[must_use]
    pub fn may(self, permission: Permission) -> bool {
        match permission {
            Permission::Feed => matches!(self, Self::Ingest | Self::Admin),
            Permission::Figures => matches!(
                self,
                Self::Viewer | Self::Moderator | Self::Lead | Self::Admin
            ),
            Permission::RawReports => matches!(self, Self::Lead | Self::Admin),
            Permission::Manage => self == Self::Admin,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names: Vec<_> = Self::ALL.iter().map(|role| role.name()).collect();
        Self::ALL
            .into_iter()
            .find(|role| role.name() == text)
            .ok_or_else(|| format!("«{text}» is no role: expected {}", names.join(", ")))
    }
}

/// A thing that only some roles may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Feeds: push events.
    Feed,
    /// Figures: series, census.
    Figures,
    /// Raw reports, rejections, export.
    RawReports,
    /// Apps, keys, settings, replay of rejections.
    Manage,
}

/// An API key, without its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The only app that it may touch; all where there is none.
    pub app: Option<AppNo>,
}

/// A key as `reportd key list` shows it.
#[derive(Debug, Clone)]
pub struct ListedKey {
    /// The key.
    pub key: ApiKey,
    /// Id of its app, where it is limited to one.
    pub app_id: Option<String>,
    /// When it was made, in ms.
    pub created_at_ms: i64,
    /// When it was revoked, in ms.
    pub revoked_at_ms: Option<i64>,
}

/// Makes a key and returns its text, which is shown once.
pub fn create_key(
    tx: &mut Tx<'_>,
    name: &str,
    role: Role,
    app_id: Option<&str>,
    random: &dyn Random,
    now_ms: i64,
) -> Result<Secret, AppError> {
    let fits = (1..=64).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    let refuse = |message: &str| AppError::Invalid {
        field: "name".to_owned(),
        message: message.to_owned(),
    };
    if !fits {
        return Err(refuse("expected 1 to 64 printable characters"));
    }
    touch(tx)?;
    let app = app_id
        .map(|id| apps::find(tx, id))
        .transpose()?
        .map(|app| app.no);
    if tx.query_int(
        "SELECT COUNT(*) FROM api_key WHERE name = $1",
        &[name.into()],
    )? > 0
    {
        return Err(refuse(
            "there is, or was, a key of this name: names stand in the records, take another",
        ));
    }
    let text = Secret::new(format!("rk_{}", Secret::draw(random, 40)?.reveal()));
    tx.execute(
        "INSERT INTO api_key (name, role, app, hash, created_at) VALUES ($1, $2, $3, $4, $5)",
        &[
            name.into(),
            role.name().into(),
            app.into(),
            text.hash().0[..].into(),
            now_ms.into(),
        ],
    )?;
    Ok(text)
}

/// Revokes a key; false where there is none in force of that name.
pub fn revoke_key(tx: &mut Tx<'_>, name: &str, now_ms: i64) -> Result<bool, DbError> {
    touch(tx)?;
    let sql = "UPDATE api_key SET revoked_at = $1 WHERE name = $2 AND revoked_at IS NULL";
    Ok(tx.execute(sql, &[now_ms.into(), name.into()])? > 0)
}

/// All keys, revoked ones too, by name.
pub fn list_keys(tx: &mut Tx<'_>) -> Result<Vec<ListedKey>, DbError> {
    let sql = "SELECT k.name, k.role, k.app, a.id, k.created_at, k.revoked_at \
               FROM api_key k LEFT JOIN app a ON a.no = k.app ORDER BY k.name";
    let listed = |mut row: Row| {
        Ok(ListedKey {
            key: key_from_row(&mut row)?,
            app_id: row.take_opt_text(3)?,
            created_at_ms: row.int(4)?,
            revoked_at_ms: row.opt_int(5)?,
        })
    };
    tx.query(sql, &[])?.into_iter().map(listed).collect()
}

/// The keys that are not revoked, by their hashes. One that cannot be read is logged and not in force: it must not
/// keep the others from being loaded.
pub(crate) fn keys_in_force(tx: &mut Tx<'_>) -> Result<Vec<(SecretHash, ApiKey)>, DbError> {
    let rows = tx.query(
        "SELECT name, role, app, hash, name FROM api_key WHERE revoked_at IS NULL",
        &[],
    )?;
    let loaded = |mut row: Row| {
        let name = row.take_text(4).unwrap_or_default();
        hashed_key(&mut row)
            .inspect_err(|error| tracing::error!(key = name, %error, "an API key cannot be read"))
            .ok()
    };
    Ok(rows.into_iter().filter_map(loaded).collect())
}

fn hashed_key(row: &mut Row) -> Result<(SecretHash, ApiKey), DbError> {
    let hash = SecretHash::from_bytes(&row.take_bytes(3)?).ok_or(DbError::Type {
        column: 3,
        expected: "32 bytes",
    })?;
    Ok((hash, key_from_row(row)?))
}

fn key_from_row(row: &mut Row) -> Result<ApiKey, DbError> {
    Ok(ApiKey {
        name: row.take_text(0)?,
        role: row.take_text(1)?.parse().map_err(DbError::Statement)?,
        app: row.opt_int(2)?.map(app_no).transpose()?,
    })
}

/// A number that does not fit is an error: read as none, it would open all apps to the key.
fn app_no(no: i64) -> Result<AppNo, DbError> {
    AppNo::try_from(no).map_err(|_| DbError::Type {
        column: 2,
        expected: "an app number",
    })
}
