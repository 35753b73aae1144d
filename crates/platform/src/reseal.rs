//! Replacing the master key: every sealed secret is opened and sealed anew.
//!
//! A crash at any point leaves a store whose secrets open, because the new key is in the key file, durable, before the
//! first secret is sealed with it, and the old one stays there until the last was sealed anew:
//!
//! 1. `[old]` → `[new, old]` in the key file,
//! 2. all secrets sealed with `new`, in one transaction,
//! 3. `[new, old]` → `[new]`.
//!
//! Each step holds the lock of all changes ([`touch`]). A process that seals a secret meanwhile reads the key file behind
//! that same lock, so its secret is sealed before step 2 and found by it, or is sealed with the new key.

use reportd_db::{Database, DbError, Row, Tx};
use thiserror::Error;

use crate::changes::touch;
use crate::random::Random;
use crate::seal::{MasterKey, SealError};

/// Rows that are read at once.
const PAGE: i64 = 500;

/// A column of sealed secrets. Each room that seals tells its own, and the binary hands all of them over.
#[derive(Debug, Clone, Copy)]
pub struct SealedColumn {
    /// Drops rows that nobody may read any more; `$1` is the present time in ms.
    pub drop_expired: Option<&'static str>,
    /// Rows with a secret whose integer key is greater than `$1`, in order of that key, at most `$2`.
    pub page: &'static str,
    /// Reads such a row.
    pub read: fn(Row) -> Result<SealedValue, DbError>,
    /// Puts the sealed bytes `$1` into the row with the key `$2`.
    pub update: &'static str,
}

/// A sealed secret in its row.
#[derive(Debug)]
pub struct SealedValue {
    /// Key of the row.
    pub key: i64,
    /// The sealed bytes.
    pub sealed: Vec<u8>,
    /// The place that it was sealed for.
    pub place: String,
    /// What it is and whose, for people.
    pub name: String,
}

/// Why the master key could not be replaced. Nothing is lost then: all secrets open as before.
#[derive(Debug, Error)]
pub enum ReplaceError {
    /// The store failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// A key could not be had, or a secret not be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// Some secrets do not open, so they cannot be sealed anew.
    #[error("{} cannot be opened with this master key: {}", .0.len(), .0.join(", "))]
    Unopened(Vec<String>),
    /// Another process replaced the key, or sealed with an older one, while this one did.
    #[error("the master key was changed by another process meanwhile")]
    Overtaken,
}

/// What a replacement did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replaced {
    /// Secrets that are sealed with the new key.
    pub secrets: u64,
    /// It ended a replacement that had begun before.
    pub resumed: bool,
}

/// Replaces the master key. One from a file is drawn and put there; one from elsewhere must be the first of `master`.
pub fn replace_master_key(
    db: &Database,
    columns: &[SealedColumn],
    master: &MasterKey,
    random: &dyn Random,
    now_ms: i64,
) -> Result<Replaced, ReplaceError> {
    let resumed = master.is_being_replaced();
    let secrets = db.try_write(|tx| {
        touch(tx)?;
        drop_expired(tx, columns, now_ms)?;
        let unopened = unopened(tx, columns, Some(master))?;
        if !unopened.is_empty() {
            return Err(ReplaceError::Unopened(unopened));
        }
        master.begin_replacement(random)?;
        seal_anew(tx, columns, master, random)
    })?;
    let sealed_with = master.newest();
    db.try_write(|tx| {
        touch(tx)?;
        let all_open = unopened(tx, columns, Some(&sealed_with))?.is_empty();
        if all_open && master.end_replacement(&sealed_with, random)? {
            Ok(Replaced { secrets, resumed })
        } else {
            Err(ReplaceError::Overtaken)
        }
    })
}

/// Names of the secrets that none of the keys opens: all, where there is no key.
pub fn unopened(
    tx: &mut Tx<'_>,
    columns: &[SealedColumn],
    master: Option<&MasterKey>,
) -> Result<Vec<String>, DbError> {
    let mut names = Vec::new();
    for column in columns {
        for_each(tx, column, |_, value| {
            let opens = |master: &MasterKey| master.unseal(&value.sealed, &value.place).is_ok();
            if !master.is_some_and(opens) {
                names.push(value.name);
            }
            Ok::<_, DbError>(())
        })?;
    }
    Ok(names)
}

fn drop_expired(tx: &mut Tx<'_>, columns: &[SealedColumn], now_ms: i64) -> Result<(), DbError> {
    for sql in columns.iter().filter_map(|column| column.drop_expired) {
        tx.execute(sql, &[now_ms.into()])?;
    }
    Ok(())
}

fn seal_anew(
    tx: &mut Tx<'_>,
    columns: &[SealedColumn],
    master: &MasterKey,
    random: &dyn Random,
) -> Result<u64, ReplaceError> {
    let mut count = 0;
    for column in columns {
        for_each(tx, column, |tx, value| {
            let plain = master.unseal(&value.sealed, &value.place)?;
            let sealed = master.seal(&plain, &value.place, random)?;
            tx.execute(column.update, &[sealed[..].into(), value.key.into()])?;
            count += 1;
            Ok::<_, ReplaceError>(())
        })?;
    }
    Ok(count)
}

fn for_each<E: From<DbError>>(
    tx: &mut Tx<'_>,
    column: &SealedColumn,
    mut visit: impl FnMut(&mut Tx<'_>, SealedValue) -> Result<(), E>,
) -> Result<(), E> {
    let mut after = i64::MIN;
    loop {
        let rows = tx.query(column.page, &[after.into(), PAGE.into()])?;
        if rows.is_empty() {
            return Ok(());
        }
        for row in rows {
            let value = (column.read)(row)?;
            after = value.key;
            visit(tx, value)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use reportd_testbed::Ground;
    use reportd_testbed::StoreKind::{self, Embedded, Postgres};
    use rstest::rstest;

    use super::*;
    use crate::apps::{self, NewApp};
    use crate::credentials::{CredentialKind, SEALED_COLUMNS, Vault, rotate};
    use crate::random::SeededRandom;

    struct Store {
        ground: Ground,
        db: Database,
        random: SeededRandom,
    }

    impl Store {
        fn new(kind: StoreKind) -> Self {
            Self::on(Ground::new(kind))
        }

        fn on(ground: Ground) -> Self {
            let db = ground.open("state");
            crate::MIGRATIONS.apply(&db).unwrap();
            let store = Self {
                ground,
                db,
                random: SeededRandom::new(1),
            };
            store.create("one", &store.master());
            store
        }

        fn key_file(&self) -> String {
            std::fs::read_to_string(self.ground.path().join("master.key")).unwrap()
        }

        fn master(&self) -> MasterKey {
            let path = self.ground.path().join("master.key");
            MasterKey::load_or_create(&path, &self.random).unwrap()
        }

        fn create(&self, id: &str, master: &MasterKey) {
            let new = NewApp {
                id: id.to_owned(),
                name: String::new(),
                zone: "UTC".to_owned(),
                given: Vec::new(),
            };
            let vault = Vault {
                master,
                random: &self.random,
            };
            self.db
                .try_write(|tx| apps::create(tx, &new, &vault, 0))
                .unwrap();
        }

        fn unopened(&self, master: &MasterKey) -> Vec<String> {
            self.db
                .read(|tx| unopened(tx, SEALED_COLUMNS, Some(master)))
                .unwrap()
        }

        fn replace(&self) -> Result<Replaced, ReplaceError> {
            replace_master_key(&self.db, SEALED_COLUMNS, &self.master(), &self.random, 0)
        }
    }

    #[rstest]
    fn every_secret_is_sealed_anew_and_the_old_key_opens_nothing(
        #[values(Embedded, Postgres)] kind: StoreKind,
    ) {
        let store = Store::new(kind);
        let before = store.key_file();
        // A server that runs: it read the key before.
        let running = store.master();
        let replaced = store.replace().unwrap();
        assert_eq!(
            replaced,
            Replaced {
                secrets: 4,
                resumed: false
            }
        );
        assert_ne!(store.key_file(), before);
        assert_eq!(store.key_file().lines().count(), 1);
        assert_eq!(store.unopened(&MasterKey::parse(&before).unwrap()).len(), 4);
        assert!(
            store.unopened(&running).is_empty(),
            "it reads the key again"
        );
        store.create("two", &running);
        assert!(store.unopened(&store.master()).is_empty());
    }

    #[rstest]
    fn a_crash_at_any_step_loses_nothing_and_the_next_run_ends_it(
        #[values(Embedded, Postgres)] kind: StoreKind,
    ) {
        type Step = fn(&Store, &MasterKey);
        let begun: Step = |store, master| master.begin_replacement(&store.random).unwrap();
        let sealed: Step = |store, master| {
            master.begin_replacement(&store.random).unwrap();
            let seal = |tx: &mut Tx<'_>| seal_anew(tx, SEALED_COLUMNS, master, &store.random);
            store.db.try_write(seal).unwrap();
        };
        let ground = Ground::new(kind);
        for crashed_after in [begun, sealed] {
            let store = Store::on(ground.another());
            let running = store.master();
            crashed_after(&store, &store.master());
            assert!(store.unopened(&running).is_empty());
            assert!(store.unopened(&store.master()).is_empty());
            store.create("meanwhile", &running);
            let new = store.key_file().lines().next().unwrap().to_owned();
            let replaced = store.replace().unwrap();
            assert_eq!(
                replaced,
                Replaced {
                    secrets: 8,
                    resumed: true
                }
            );
            assert_eq!(store.key_file().trim(), new, "the one that had begun");
            assert!(store.unopened(&running).is_empty());
        }
    }

    #[rstest]
    fn secrets_that_do_not_open_are_named_and_nothing_changes(
        #[values(Embedded, Postgres)] kind: StoreKind,
    ) {
        let store = Store::new(kind);
        let other = MasterKey::parse(&format!("hex:{}", "7".repeat(64))).unwrap();
        store.create("strange", &other);
        let before = store.key_file();
        let refused = store.replace().unwrap_err().to_string();
        assert!(refused.starts_with("4 cannot be opened"), "{refused}");
        assert!(refused.contains("aes_key of strange"), "{refused}");
        assert_eq!(store.key_file(), before);
        assert_eq!(store.unopened(&store.master()).len(), 4);

        // New ones in their place, at once: the old ones are as good as gone.
        let vault = Vault {
            master: &store.master(),
            random: &store.random,
        };
        let issue =
            |tx: &mut Tx<'_>| rotate(tx, "strange", &CredentialKind::ALL, &[], 0, &vault, 0);
        store.db.try_write(issue).unwrap();
        assert_eq!(store.replace().unwrap().secrets, 8);
    }

    #[rstest]
    fn keys_that_come_from_no_file_are_given_both(#[values(Embedded, Postgres)] kind: StoreKind) {
        let store = Store::new(kind);
        let old = store.key_file();
        let new = format!("hex:{}", "8".repeat(64));
        let both = MasterKey::parse(&format!("{new}\n{old}")).unwrap();
        for _ in 0..2 {
            let run =
                replace_master_key(&store.db, SEALED_COLUMNS, &both, &store.random, 0).unwrap();
            assert_eq!(run.secrets, 4);
        }
        assert!(store.unopened(&MasterKey::parse(&new).unwrap()).is_empty());
        assert_eq!(store.unopened(&MasterKey::parse(&old).unwrap()).len(), 4);
    }

    #[rstest]
    fn replacements_and_sealing_at_once_lose_nothing(
        #[values(Embedded, Postgres)] kind: StoreKind,
    ) {
        let store = Store::new(kind);
        std::thread::scope(|scope| {
            for thread in 0..3 {
                let store = &store;
                scope.spawn(move || {
                    let master = store.master();
                    for number in 0..8 {
                        store.create(&format!("{thread}-{number}"), &master);
                    }
                });
            }
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..8 {
                        // One of two that run at once may find that the other was quicker.
                        let told = store.replace();
                        assert!(
                            matches!(told, Ok(_) | Err(ReplaceError::Overtaken)),
                            "{told:?}"
                        );
                    }
                });
            }
        });
        store.replace().unwrap();
        assert!(store.unopened(&store.master()).is_empty());
        assert_eq!(store.key_file().lines().count(), 1);
    }
}
