//! Who may act: roles and what each may do, and API keys (spec operating, Accounts and secrets). People are in
//! [`crate::people`].

use std::fmt;
use std::str::FromStr;

use reportd_db::{DbError, Row, Tx};

use crate::AppNo;
use crate::apps::{self, AppError, invalid};
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
            Permission::Judge => matches!(self, Self::Moderator | Self::Lead | Self::Admin),
            Permission::RawReports | Permission::Oversee => {
                matches!(self, Self::Lead | Self::Admin)
            }
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
    /// Feeds: push events; polling of verdicts.
    Feed,
    /// Figures: series, census, monitor.
    Figures,
    /// Tickets: read, claim, judge, undo one's own.
    Judge,
    /// Moderators' work: reopen, bulk, audit, replay of deliveries, figures per moderator.
    Oversee,
    /// Raw reports, rejections, export.
    RawReports,
    /// Apps, keys, settings, replay of rejections.
    Manage,
}

/// Who acts: an API key, without its text, or a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// What it is.
    pub kind: PrincipalKind,
    /// Its name, among those of its kind.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The only apps that it may touch; all where there are none. A key has one at most.
    pub apps: Option<Vec<AppNo>>,
    /// The only categories of those apps whose tickets it may touch; all where there are none.
    pub categories: Option<Vec<String>>,
}

/// What acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrincipalKind {
    /// A program, with an API key.
    Key,
    /// A person, in the console.
    Person,
}

impl Principal {
    /// True where it may touch that app.
    #[must_use]
    pub fn may_touch(&self, app: AppNo) -> bool {
        self.apps.as_ref().is_none_or(|only| only.contains(&app))
    }

    /// True where it is a person.
    #[must_use]
    pub fn is_person(&self) -> bool {
        self.kind == PrincipalKind::Person
    }
}

/// A key to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewKey<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it may do.
    pub role: Role,
    /// Id of the only app that it may touch; all where there is none.
    pub app_id: Option<&'a str>,
    /// The only categories of tickets that it may touch; all where there is none. For moderators of one app.
    pub categories: &'a [String],
}

/// Most categories that a key is limited to.
const MOST_CATEGORIES: usize = 32;
/// Most characters of a category: those of the protocol.
const MOST_CATEGORY_CHARS: usize = 256;

/// A key as `reportd key list` shows it.
#[derive(Debug, Clone)]
pub struct ListedKey {
    /// The key.
    pub key: Principal,
    /// Id of its app, where it is limited to one.
    pub app_id: Option<String>,
    /// When it was made, in ms.
    pub created_at_ms: i64,
    /// When it was revoked, in ms.
    pub revoked_at_ms: Option<i64>,
}

/// Makes a key that is limited to no categories and returns its text, which is shown once.
pub fn create_key(
    tx: &mut Tx<'_>,
    name: &str,
    role: Role,
    app_id: Option<&str>,
    random: &dyn Random,
    now_ms: i64,
) -> Result<Secret, AppError> {
    let new = NewKey {
        name,
        role,
        app_id,
        categories: &[],
    };
    create_limited_key(tx, &new, random, now_ms)
}

/// Makes a key and returns its text, which is shown once.
pub fn create_limited_key(
    tx: &mut Tx<'_>,
    new: &NewKey<'_>,
    random: &dyn Random,
    now_ms: i64,
) -> Result<Secret, AppError> {
    check_name(new.name)?;
    let categories = categories_text(new.role, new.app_id.is_some(), new.categories)?;
    touch(tx)?;
    let app = new
        .app_id
        .map(|id| apps::find(tx, id))
        .transpose()?
        .map(|app| app.no);
    let sql = "SELECT COUNT(*) FROM api_key WHERE name = $1";
    if tx.query_int(sql, &[new.name.into()])? > 0 {
        let message =
            "there is, or was, a key of this name: names stand in the records, take another";
        return Err(invalid("name", message));
    }
    let text = Secret::new(format!("rk_{}", Secret::draw(random, 40)?.reveal()));
    tx.execute(
        "INSERT INTO api_key (name, role, app, hash, created_at, categories) VALUES ($1, $2, $3, $4, $5, $6)",
        &[
            new.name.into(),
            new.role.name().into(),
            app.into(),
            text.hash().0[..].into(),
            now_ms.into(),
            categories.as_deref().into(),
        ],
    )?;
    Ok(text)
}

pub(crate) fn check_name(name: &str) -> Result<(), AppError> {
    if (1..=64).contains(&name.chars().count()) && !name.chars().any(char::is_control) {
        return Ok(());
    }
    Err(invalid("name", "expected 1 to 64 printable characters"))
}

/// The categories as they are stored. Which ones an app has is not known here.
pub(crate) fn categories_text(
    role: Role,
    has_app: bool,
    categories: &[String],
) -> Result<Option<String>, AppError> {
    if categories.is_empty() {
        return Ok(None);
    }
    let refuse = |message| Err(invalid("category", message));
    if role != Role::Moderator {
        return refuse("only role moderator is limited to categories");
    }
    if !has_app {
        return refuse("categories belong to an app: name it too");
    }
    if categories.len() > MOST_CATEGORIES {
        return refuse("expected at most 32 categories");
    }
    let fits = |category: &String| {
        (1..=MOST_CATEGORY_CHARS).contains(&category.chars().count())
            && !category.chars().any(char::is_control)
    };
    if !categories.iter().all(fits) {
        return refuse("expected 1 to 256 printable characters");
    }
    let mut distinct = categories.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    Ok(Some(serde_json::Value::from(distinct).to_string()))
}

/// Revokes a key; false where there is none in force of that name.
pub fn revoke_key(tx: &mut Tx<'_>, name: &str, now_ms: i64) -> Result<bool, DbError> {
    touch(tx)?;
    let sql = "UPDATE api_key SET revoked_at = $1 WHERE name = $2 AND revoked_at IS NULL";
    Ok(tx.execute(sql, &[now_ms.into(), name.into()])? > 0)
}

/// All keys, revoked ones too, by name.
pub fn list_keys(tx: &mut Tx<'_>) -> Result<Vec<ListedKey>, DbError> {
    let sql = "SELECT k.name, k.role, k.app, k.categories, a.id, k.created_at, k.revoked_at \
               FROM api_key k LEFT JOIN app a ON a.no = k.app ORDER BY k.name";
    let listed = |mut row: Row| {
        Ok(ListedKey {
            key: key_from_row(&mut row)?,
            app_id: row.take_opt_text(4)?,
            created_at_ms: row.int(5)?,
            revoked_at_ms: row.opt_int(6)?,
        })
    };
    tx.query(sql, &[])?.into_iter().map(listed).collect()
}

/// The keys that are not revoked, by their hashes. One that cannot be read is logged and not in force: it must not
/// keep the others from being loaded.
pub(crate) fn keys_in_force(tx: &mut Tx<'_>) -> Result<Vec<(SecretHash, Principal)>, DbError> {
    let rows = tx.query(
        "SELECT name, role, app, categories, hash, name FROM api_key WHERE revoked_at IS NULL",
        &[],
    )?;
    let loaded = |mut row: Row| {
        let name = row.take_text(5).unwrap_or_default();
        hashed_key(&mut row)
            .inspect_err(|error| tracing::error!(key = name, %error, "an API key cannot be read"))
            .ok()
    };
    Ok(rows.into_iter().filter_map(loaded).collect())
}

fn hashed_key(row: &mut Row) -> Result<(SecretHash, Principal), DbError> {
    let hash = SecretHash::from_bytes(&row.take_bytes(4)?).ok_or(DbError::Type {
        column: 4,
        expected: "32 bytes",
    })?;
    Ok((hash, key_from_row(row)?))
}

fn key_from_row(row: &mut Row) -> Result<Principal, DbError> {
    let app = row.opt_int(2)?.map(app_no).transpose()?;
    Ok(Principal {
        kind: PrincipalKind::Key,
        name: row.take_text(0)?,
        role: row.take_text(1)?.parse().map_err(DbError::Statement)?,
        apps: app.map(|app| vec![app]),
        categories: row
            .take_opt_text(3)?
            .as_deref()
            .map(read_categories)
            .transpose()?,
    })
}

/// A number that does not fit is an error: read as none, it would open all apps to the key.
pub(crate) fn app_no(no: i64) -> Result<AppNo, DbError> {
    AppNo::try_from(no).map_err(|_| DbError::Type {
        column: 2,
        expected: "an app number",
    })
}

/// Categories that cannot be read are an error: read as none, they would open all tickets of the app to the key.
pub(crate) fn read_categories(text: &str) -> Result<Vec<String>, DbError> {
    serde_json::from_str(text).map_err(|_| DbError::Type {
        column: 3,
        expected: "a JSON list of categories",
    })
}

#[cfg(test)]
mod tests {
    use reportd_testbed::Ground;
    use reportd_testbed::StoreKind::{self, Embedded, Postgres};
    use rstest::rstest;

    use super::*;
    use crate::apps::NewApp;
    use crate::credentials::Vault;
    use crate::random::SeededRandom;
    use crate::seal::MasterKey;

    #[test]
    fn roles_may_do_what_the_table_of_accounts_says() {
        let [ingest, viewer, moderator, lead, admin] = Role::ALL;
        for (permission, may) in [
            (Permission::Feed, &[ingest, admin][..]),
            (Permission::Figures, &[viewer, moderator, lead, admin]),
            (Permission::Judge, &[moderator, lead, admin]),
            (Permission::RawReports, &[lead, admin]),
            (Permission::Oversee, &[lead, admin]),
            (Permission::Manage, &[admin]),
        ] {
            for role in Role::ALL {
                assert_eq!(
                    role.may(permission),
                    may.contains(&role),
                    "{role} {permission:?}"
                );
            }
        }
    }

    #[rstest]
    fn categories_limit_keys_of_moderators_of_an_app(
        #[values(Embedded, Postgres)] kind: StoreKind,
    ) {
        let ground = Ground::new(kind);
        let db = ground.open("state");
        crate::MIGRATIONS.apply(&db).unwrap();
        let random = SeededRandom::new(1);
        let master = MasterKey::parse(&format!("hex:{}", "0".repeat(64))).unwrap();
        let vault = Vault {
            master: &master,
            random: &random,
        };
        let app = NewApp {
            id: "one".to_owned(),
            name: String::new(),
            zone: "UTC".to_owned(),
            given: Vec::new(),
        };
        db.try_write(|tx| apps::create(tx, &app, &vault, 0))
            .unwrap();
        let create = |name, role, app_id, categories: &[&str]| {
            let categories: Vec<_> = categories.iter().map(|&name| name.to_owned()).collect();
            let new = NewKey {
                name,
                role,
                app_id,
                categories: &categories,
            };
            db.try_write(|tx| create_limited_key(tx, &new, &random, 0))
        };
        let one = Some("one");
        for (role, app_id, categories) in [
            (Role::Moderator, None, &["a"][..]),
            (Role::Viewer, one, &["a"]),
            (Role::Lead, one, &["a"]),
            (Role::Moderator, one, &["a", ""]),
            (Role::Moderator, one, &["a\nb"]),
            (Role::Moderator, one, &["a"; 33]),
        ] {
            let refused = create("bad", role, app_id, categories);
            assert!(
                matches!(&refused, Err(AppError::Invalid { field, .. }) if field == "category"),
                "{role} {app_id:?} {categories:?}: {refused:?}"
            );
        }
        create("some", Role::Moderator, one, &["chat", "a", "chat"]).unwrap();
        create("all", Role::Moderator, one, &[]).unwrap();
        let keys = db.read(list_keys).unwrap();
        let limits: Vec<_> = keys
            .into_iter()
            .map(|listed| (listed.key.name, listed.key.categories))
            .collect();
        let some = Some(vec!["a".to_owned(), "chat".to_owned()]);
        assert_eq!(
            limits,
            [("all".to_owned(), None), ("some".to_owned(), some)]
        );
        db.execute(
            "UPDATE api_key SET categories = 'a' WHERE name = 'some'",
            &[],
        )
        .unwrap();
        let in_force = db.read(keys_in_force).unwrap();
        let names: Vec<_> = in_force.iter().map(|(_, key)| &*key.name).collect();
        assert_eq!(names, ["all"], "a limit that cannot be read opens nothing");
    }
}
