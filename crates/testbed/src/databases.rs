//! A database for one test.

use std::hash::{BuildHasher, RandomState};

use reportd_db::{Database, postgres};

use crate::URL_VARIABLE;

/// An empty database, dropped when this is.
pub struct TestDatabase {
    /// Where it is, for [`postgres::Options`].
    pub url: String,
    name: String,
    admin: Database,
}

/// A new empty database for one test, on the server that the environment names.
///
/// # Panics
/// Where there is no such server: a test that needs PostgreSQL is never skipped.
#[must_use]
pub fn fresh_database() -> TestDatabase {
    fresh_database_with("")
}

/// [`fresh_database`], with words that stand behind CREATE DATABASE, such as a locale.
///
/// # Panics
/// As [`fresh_database`].
#[must_use]
pub fn fresh_database_with(clause: &str) -> TestDatabase {
    let Ok(server) = std::env::var(URL_VARIABLE) else {
        panic!(
            "this test needs a PostgreSQL: run `cargo xtask test`, which starts one, or set {URL_VARIABLE} to the URL \
             of one on which databases may be made"
        );
    };
    // Random, so that runs side by side on one server do not meet.
    let name = format!(
        "test_{:016x}",
        RandomState::new().hash_one(std::process::id())
    );
    let mut options = postgres::Options::new(&server);
    options.connections = 1;
    let made = postgres::open(options).and_then(|admin| {
        admin.execute(&format!("CREATE DATABASE {name} {clause}"), &[])?;
        Ok(admin)
    });
    match made {
        Ok(admin) => TestDatabase {
            url: with_database(&server, &name),
            name,
            admin,
        },
        Err(error) => panic!("no database can be made on the server of {URL_VARIABLE}: {error}"),
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // One that stays is of no harm: its name is never used again.
        let drop = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        let _ = self.admin.execute(&drop, &[]);
    }
}

/// The URL with another database.
fn with_database(server: &str, name: &str) -> String {
    let (address, query) = server.split_once('?').unwrap_or((server, ""));
    let (scheme, rest) = address.split_once("://").unwrap_or(("postgres", address));
    let authority = rest.split('/').next().unwrap_or_default();
    let query = if query.is_empty() {
        String::new()
    } else {
        format!("?{query}")
    };
    format!("{scheme}://{authority}/{name}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_database_of_a_url_is_replaced() {
        for (server, expected) in [
            ("postgres://a:b@h:1/postgres", "postgres://a:b@h:1/t"),
            ("postgres://h", "postgres://h/t"),
            ("postgresql:///x?host=/run", "postgresql:///t?host=/run"),
        ] {
            assert_eq!(with_database(server, "t"), expected);
        }
    }
}
