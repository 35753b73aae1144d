//! Small writes that share a commit: each for itself, none lost.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};

use crate::stores::{Store, ground};
use reportd_db::migrate::Migrations;
use reportd_db::{Database, DbError, Desk, DeskOptions};
use reportd_testbed::run;

const SCHEMA: Migrations = Migrations {
    set: "test",
    texts: &[
        "CREATE TABLE line (no {{serial}}, n BIGINT NOT NULL);\nCREATE TABLE once (k BIGINT NOT NULL PRIMARY KEY);\n",
    ],
};

fn insert(n: i64) -> impl FnOnce(&mut reportd_db::Tx<'_>) -> Result<i64, DbError> + Send + 'static {
    move |tx| {
        tx.execute("INSERT INTO line (n) VALUES ($1)", &[n.into()])?;
        Ok(n)
    }
}

fn lines(db: &Database) -> Vec<i64> {
    let rows = db.read(|tx| tx.query("SELECT n FROM line ORDER BY no", &[]));
    rows.unwrap()
        .iter()
        .map(|row| row.int(0).unwrap())
        .collect()
}

fn desk(store: &Store) -> Arc<Desk> {
    SCHEMA.apply(&store.db).unwrap();
    Arc::new(Desk::new(store.db.clone(), 1).unwrap())
}

/// Holds the desk's only lane until what comes back is dropped, so that what is written meanwhile shares a transaction.
fn hold(desk: &Arc<Desk>) -> mpsc::Sender<()> {
    let (release, held) = mpsc::channel::<()>();
    let (began, begun) = mpsc::channel();
    let desk = Arc::clone(desk);
    tokio::spawn(async move {
        desk.write(move |_| {
            began.send(()).unwrap();
            let _ = held.recv();
            Ok::<_, DbError>(())
        })
        .await
    });
    begun.recv().unwrap();
    release
}

/// Writes that are on their way: they have been put into the queue when this returns.
async fn put<T: Send + 'static>(
    desk: &Arc<Desk>,
    work: impl FnOnce(&mut reportd_db::Tx<'_>) -> Result<T, DbError> + Send + 'static,
) -> tokio::task::JoinHandle<Result<T, DbError>> {
    let (waiting, on) = (desk.waiting(), Arc::clone(desk));
    let told = tokio::spawn(async move { on.write(work).await });
    while desk.waiting() == waiting && !told.is_finished() {
        tokio::task::yield_now().await;
    }
    told
}

#[test]
fn writes_that_come_at_once_share_a_commit_in_their_order() {
    for store in ground().stores() {
        run(async {
            let desk = desk(&store);
            let release = hold(&desk);
            let mut told = Vec::new();
            for n in 0..100 {
                told.push(put(&desk, insert(n)).await);
            }
            drop(release);
            for (n, told) in (0..).zip(told) {
                assert_eq!(told.await.unwrap(), Ok(n), "{}", store.name);
            }
            assert_eq!(lines(&store.db), (0..100).collect::<Vec<_>>());
            let counts = desk.counts();
            assert_eq!((counts.writes, counts.commits), (101, 2), "{}", store.name);
        });
    }
}

#[test]
fn what_is_in_no_hurry_rides_along_or_goes_alone() {
    for store in ground().stores() {
        run(async {
            let desk = desk(&store);
            assert_eq!(desk.write_later(insert(1)).await, Ok(1));
            assert_eq!(desk.counts().commits, 1);
            let release = hold(&desk);
            let later = tokio::spawn({
                let desk = Arc::clone(&desk);
                async move { desk.write_later(insert(2)).await }
            });
            while desk.waiting() == 0 {
                tokio::task::yield_now().await;
            }
            let urgent = put(&desk, insert(3)).await;
            drop(release);
            assert_eq!(urgent.await.unwrap(), Ok(3));
            assert_eq!(later.await.unwrap(), Ok(2));
            assert_eq!(lines(&store.db), [1, 3, 2], "{}", store.name);
            assert_eq!(desk.counts().commits, 3, "{}", store.name);
        });
    }
}

#[test]
fn a_write_that_fails_or_panics_is_undone_alone() {
    for store in ground().stores() {
        run(async {
            let desk = desk(&store);
            let release = hold(&desk);
            let first = put(&desk, insert(1)).await;
            let twice = put(&desk, |tx| {
                tx.execute("INSERT INTO line (n) VALUES (2)", &[])?;
                tx.execute("INSERT INTO once (k) VALUES (1), (1)", &[])
            });
            let twice = twice.await;
            let panics = put::<()>(&desk, |tx| {
                tx.execute("INSERT INTO line (n) VALUES (3)", &[])?;
                panic!("on purpose")
            });
            let panics = panics.await;
            let refuses = put::<()>(&desk, |tx| {
                tx.execute("INSERT INTO line (n) VALUES (4)", &[])?;
                Err(DbError::Conflict("mine".to_owned()))
            });
            let refuses = refuses.await;
            let last = put(&desk, insert(5)).await;
            drop(release);
            assert_eq!(first.await.unwrap(), Ok(1));
            assert!(matches!(twice.await.unwrap(), Err(DbError::Conflict(_))));
            assert!(matches!(panics.await.unwrap(), Err(DbError::Statement(_))));
            let mine = Err(DbError::Conflict("mine".to_owned()));
            assert_eq!(refuses.await.unwrap(), mine);
            assert_eq!(last.await.unwrap(), Ok(5));
            assert_eq!(lines(&store.db), [1, 5], "{}", store.name);
            assert_eq!(desk.counts().commits, 2, "{}", store.name);
        });
    }
}

#[test]
fn one_that_is_alone_and_fails_leaves_nothing() {
    for store in ground().stores() {
        run(async {
            let desk = desk(&store);
            for panics in [false, true] {
                let told = desk.write::<(), DbError>(move |tx| {
                    tx.execute("INSERT INTO line (n) VALUES (1)", &[])?;
                    assert!(!panics, "on purpose");
                    Err(DbError::Conflict("mine".to_owned()))
                });
                assert!(told.await.is_err());
            }
            assert_eq!(desk.write(insert(2)).await, Ok(2));
            assert_eq!(lines(&store.db), [2], "{}", store.name);
            let counts = desk.counts();
            assert_eq!((counts.commits, counts.failed_commits), (1, 0));
        });
    }
}

/// A constraint that is looked at by the commit refuses all that share it.
#[test]
fn a_commit_that_fails_is_told_to_all_that_share_it() {
    for store in ground().stores() {
        run(async {
            let desk = desk(&store);
            let late =
                "CREATE TABLE late (k BIGINT REFERENCES once (k) DEFERRABLE INITIALLY DEFERRED)";
            store.db.execute(late, &[]).unwrap();
            let release = hold(&desk);
            let good = put(&desk, insert(1)).await;
            let bad = put(&desk, |tx| {
                tx.execute("INSERT INTO late (k) VALUES (7)", &[])
            });
            let bad = bad.await;
            let own = put::<()>(&desk, |_| Err(DbError::Corrupt("mine".to_owned()))).await;
            drop(release);
            let (good, bad) = (good.await.unwrap(), bad.await.unwrap());
            assert!(
                matches!(good, Err(DbError::Conflict(_))),
                "{}: {good:?}",
                store.name
            );
            assert!(
                matches!(bad, Err(DbError::Conflict(_))),
                "{}: {bad:?}",
                store.name
            );
            assert_eq!(own.await.unwrap(), Err(DbError::Corrupt("mine".to_owned())));
            assert_eq!(lines(&store.db), [0; 0], "{}", store.name);
            assert_eq!(desk.counts().failed_commits, 1, "{}", store.name);
            assert_eq!(desk.write(insert(2)).await, Ok(2));
        });
    }
}

#[test]
fn a_full_queue_says_so_at_once_and_a_closed_one_too() {
    for store in ground().stores() {
        run(async {
            SCHEMA.apply(&store.db).unwrap();
            let options = DeskOptions {
                queue: 2,
                ..DeskOptions::lanes(1)
            };
            let desk = Arc::new(Desk::open(store.db.clone(), options).unwrap());
            let release = hold(&desk);
            let waiting = [put(&desk, insert(1)).await, put(&desk, insert(2)).await];
            let refused = desk.write(insert(3)).await;
            assert!(
                matches!(refused, Err(DbError::Unavailable(_))),
                "{refused:?}"
            );
            let closed = AtomicBool::new(false);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    desk.close();
                    closed.store(true, Ordering::SeqCst);
                });
                assert!(!closed.load(Ordering::SeqCst));
                drop(release);
            });
            // What waited was written all the same.
            for (n, told) in (1..).zip(waiting) {
                assert_eq!(told.await.unwrap(), Ok(n), "{}", store.name);
            }
            let refused = desk.write(insert(4)).await;
            assert!(
                matches!(refused, Err(DbError::Unavailable(_))),
                "{refused:?}"
            );
            assert_eq!(lines(&store.db), [1, 2]);
        });
    }
}

#[test]
fn several_lanes_give_each_write_a_transaction_of_its_own() {
    for store in ground().stores() {
        run(async {
            SCHEMA.apply(&store.db).unwrap();
            let desk = Arc::new(Desk::new(store.db.clone(), 3).unwrap());
            let mut told = Vec::new();
            for n in 0..50 {
                told.push(put(&desk, insert(n)).await);
            }
            for told in told {
                told.await.unwrap().unwrap();
            }
            let mut found = lines(&store.db);
            found.sort_unstable();
            assert_eq!(found, (0..50).collect::<Vec<_>>(), "{}", store.name);
            assert_eq!(desk.counts().commits, 50, "{}", store.name);
        });
    }
}

#[test]
fn savepoints_nest() {
    for store in ground().stores() {
        SCHEMA.apply(&store.db).unwrap();
        let told = store.db.write(|tx| {
            tx.savepoint(|tx| insert(1)(tx))?;
            let outer: Result<(), DbError> = tx.savepoint(|tx| {
                insert(2)(tx)?;
                tx.savepoint(|tx| insert(3)(tx))?;
                let inner: Result<(), DbError> = tx.savepoint(|tx| {
                    insert(4)(tx)?;
                    tx.execute("NONSENSE", &[])?;
                    Ok(())
                });
                assert!(inner.is_err());
                insert(5)(tx)?;
                Err(DbError::Conflict("mine".to_owned()))
            });
            assert_eq!(outer, Err(DbError::Conflict("mine".to_owned())));
            let kept: Result<i64, DbError> = tx.savepoint(|tx| {
                let inner: Result<i64, DbError> = tx.savepoint(|tx| {
                    insert(6)(tx)?;
                    Err(DbError::Conflict("mine".to_owned()))
                });
                assert!(inner.is_err());
                insert(7)(tx)
            });
            kept
        });
        assert_eq!(told, Ok(7), "{}", store.name);
        assert_eq!(lines(&store.db), [1, 7], "{}", store.name);
    }
}
