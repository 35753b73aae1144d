//! Days are dropped only when they are folded and sealed, and what they held stays counted, on both stores.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use reportd_db::copy::copy_table;
use reportd_db::{Database, DbError, sqlite};
use reportd_journal::{
    Base, BlockReader, BlockStore, DayFiles, DayTables, DroppedDay, Ends, Goal, Journal,
    JournalError, LOCAL_STREAM, RawBlock, Refold, Scan, Span, StreamEnd, StreamNo, View,
    views_ends,
};
use reportd_platform::clock::{DAY_MS, ManualClock};
use reportd_testbed::StoreKind;

use crate::bed::{Bed, Faults, Ledger, NOW_MS, append_each, folded, ledger, scanned};
use crate::nodes::{Shared, run};
use crate::scan::page;

const FIRST_DAY: i64 = NOW_MS / DAY_MS;
const VIEWS: [&str; 2] = ["first", "second"];
/// Later than all days.
const ALL: i64 = i64::MAX;

/// A journal of five days with a block or two each, on one of the stores, and stores for views.
struct World {
    bed: Bed,
    shared: Option<Shared>,
    store: Arc<dyn BlockStore>,
    journal: Arc<Journal>,
}

fn views(names: &[&'static str]) -> Vec<Box<dyn View>> {
    let view = |name: &&'static str| Box::new(Ledger::new(name, Arc::<Faults>::default())) as _;
    names.iter().map(view).collect()
}

impl World {
    fn new(shared: Option<Shared>) -> Self {
        let bed = Bed::new(StoreKind::Embedded);
        let store = open(&bed, shared.as_ref());
        let journal = bed.journal_on(Arc::clone(&store));
        for day in 0..5 {
            let payloads = [format!("{day}a"), format!("{day}b")];
            run(append_each(
                &journal,
                &payloads.each_ref().map(String::as_str),
            ));
            bed.clock.advance(DAY_MS);
        }
        bed.clock.advance(-DAY_MS);
        Self {
            bed,
            shared,
            store,
            journal,
        }
    }

    /// An empty store of views.
    fn db(&self, name: &str) -> Database {
        let Some(shared) = &self.shared else {
            let path = self.bed.path(&format!("{name}.views"));
            let db = sqlite::open(sqlite::Options::durable(path)).unwrap();
            reportd_journal::MIGRATIONS.apply(&db).unwrap();
            ledger::MIGRATIONS.apply(&db).unwrap();
            return db;
        };
        shared.views_in(name)
    }

    fn refold(&self, db: &Database, names: &[&'static str]) -> Refold {
        self.refold_of(Arc::clone(&self.store), db, names)
    }

    fn refold_of(
        &self,
        store: Arc<dyn BlockStore>,
        db: &Database,
        names: &[&'static str],
    ) -> Refold {
        let clock = Arc::clone(&self.bed.clock) as _;
        Refold::new(store, clock, db.clone(), views(names))
    }

    /// Folds all there is into `db`.
    fn fold(&self, db: &Database, names: &[&'static str]) {
        let mut refold = self.refold(db, names);
        let goal = Goal::now(self.store.as_ref(), self.bed.clock.as_ref()).unwrap();
        refold.fold_to(&goal, &mut |_| true).unwrap();
    }

    fn base(&self, db: &Database) -> Base {
        Base::new(self.refold(db, &VIEWS))
    }

    fn days(&self) -> Vec<i64> {
        let days = self.store.days().unwrap();
        days.into_iter().map(|day| day - FIRST_DAY).collect()
    }

    /// Rebuilds from a base and what is left of the journal.
    fn rebuilt(&self, base: &Database, name: &str) -> Vec<Vec<String>> {
        let again = self.db(name);
        base.read(|from| {
            again.write(|to| {
                for table in ["ledger", "view_position", "view_base"] {
                    copy_table(from, to, table, 100, &mut |_| true)?;
                }
                Ok(())
            })
        })
        .unwrap();
        self.fold(&again, &VIEWS);
        ledgers(&again)
    }

    /// What a raw read shows of the whole journal.
    fn shown(&self) -> Vec<String> {
        scanned(&self.journal, &whole()).unwrap()
    }
}

fn open(bed: &Bed, shared: Option<&Shared>) -> Arc<dyn BlockStore> {
    match shared {
        None => Arc::new(DayFiles::open(&bed.path("journal")).unwrap()),
        Some(shared) => {
            let clock = Arc::<ManualClock>::clone(&bed.clock) as _;
            Arc::new(DayTables::open(&shared.db, clock, "a").unwrap())
        }
    }
}

fn whole() -> Scan {
    Scan {
        before: Ends::from([(LOCAL_STREAM, u64::MAX)]),
        ..Scan::default()
    }
}

fn ledgers(db: &Database) -> Vec<Vec<String>> {
    VIEWS.iter().map(|view| folded(db, view)).collect()
}

fn payloads(days: std::ops::Range<i64>) -> Vec<String> {
    days.flat_map(|day| [format!("{day}a"), format!("{day}b")])
        .collect()
}

fn ends(db: &Database) -> Ends {
    db.read(|tx| views_ends(tx, &VIEWS)).unwrap()
}

/// Runs a test on day files and on PostgreSQL.
fn on_both(test: impl Fn(World)) {
    test(World::new(None));
    test(World::new(Some(Shared::new())));
}

#[test]
fn a_day_is_dropped_when_all_views_have_folded_it_and_stays_counted() {
    on_both(|world| {
        let (served, base_db) = (world.db("served"), world.db("base"));
        let never_dropped = world.db("whole");
        world.fold(&never_dropped, &VIEWS);
        let mut base = world.base(&base_db);
        world.fold(&served, &VIEWS[..1]);
        let lagging = base.drop_oldest(ALL, &served, &mut || true).unwrap();
        assert_eq!(lagging, None, "one view has not folded it");
        world.fold(&served, &VIEWS);
        assert_eq!(
            base.drop_oldest(FIRST_DAY, &served, &mut || true),
            Ok(None),
            "not due"
        );
        assert_eq!(base_db.read(Base::day), Ok(None));
        assert_eq!(world.days(), [0, 1, 2, 3, 4]);

        for day in 0..4 {
            let first_kept = FIRST_DAY + day + 1;
            let dropped = DroppedDay {
                day: FIRST_DAY + day,
                ends: Ends::from([(LOCAL_STREAM, 3 + 2 * day.unsigned_abs())]),
            };
            let told = base.drop_oldest(first_kept, &served, &mut || true).unwrap();
            assert_eq!(told.as_ref(), Some(&dropped));
            assert_eq!(
                base.drop_oldest(first_kept, &served, &mut || true),
                Ok(None)
            );
            assert_eq!(ends(&base_db), dropped.ends, "exactly to its end");
            assert_eq!(ledgers(&base_db), vec![payloads(0..day + 1); 2]);
            assert_eq!(base_db.read(Base::day), Ok(Some(FIRST_DAY + day)));
            assert_eq!(world.days(), (day + 1..5).collect::<Vec<_>>());
            let rebuilt = world.rebuilt(&base_db, &format!("again{day}"));
            assert_eq!(rebuilt, ledgers(&never_dropped));
            let mut kept = payloads(day + 1..5);
            kept.reverse();
            assert_eq!(world.shown(), kept);
        }
        assert_eq!(
            base.drop_oldest(ALL, &served, &mut || true),
            Ok(None),
            "the newest stays"
        );

        // The stream goes on where it was, also after a restart.
        world.journal.close().unwrap();
        let store = open(&world.bed, world.shared.as_ref());
        let journal = world.bed.journal_on(store);
        assert_eq!(run(append_each(&journal, &["next"])), [11]);
    });
}

/// A store whose days cannot be dropped for now.
struct Interrupted {
    store: Arc<dyn BlockStore>,
    is_torn: AtomicBool,
}

impl BlockReader for Interrupted {
    fn last(&self, stream: StreamNo) -> Result<Option<RawBlock>, JournalError> {
        self.store.last(stream)
    }

    fn from(
        &self,
        stream: StreamNo,
        sequence: u64,
        max_bytes: u64,
    ) -> Result<Vec<RawBlock>, JournalError> {
        self.store.from(stream, sequence, max_bytes)
    }

    fn heads_from(
        &self,
        stream: StreamNo,
        sequence: u64,
        span: &Span,
        limit: usize,
    ) -> Result<Vec<RawBlock>, JournalError> {
        self.store.heads_from(stream, sequence, span, limit)
    }

    fn heads_before(
        &self,
        stream: StreamNo,
        sequence: u64,
        limit: usize,
    ) -> Result<Vec<RawBlock>, JournalError> {
        self.store.heads_before(stream, sequence, limit)
    }

    fn load(&self, head: &RawBlock) -> Result<Option<RawBlock>, JournalError> {
        self.store.load(head)
    }

    fn days(&self) -> Result<Vec<i64>, JournalError> {
        self.store.days()
    }

    fn ends_of_day(&self, day: i64) -> Result<Vec<(StreamNo, u64)>, JournalError> {
        self.store.ends_of_day(day)
    }

    fn place_of(&self, block: &RawBlock) -> String {
        self.store.place_of(block)
    }
}

impl BlockStore for Interrupted {
    fn begin(&self) -> Result<StreamEnd, JournalError> {
        self.store.begin()
    }

    fn ends(&self) -> Result<Vec<StreamEnd>, JournalError> {
        self.store.ends()
    }

    fn append(&self, block: &RawBlock) -> Result<(), JournalError> {
        self.store.append(block)
    }

    fn drop_day(&self, day: i64) -> Result<(), JournalError> {
        if self.is_torn.load(Ordering::SeqCst) {
            return Err(DbError::Unavailable("the power is cut".to_owned()).into());
        }
        self.store.drop_day(day)
    }

    fn probe(&self, now_ms: i64) -> Result<(), JournalError> {
        self.store.probe(now_ms)
    }

    fn checkpoint(&self) -> Result<(), JournalError> {
        self.store.checkpoint()
    }

    fn disk_bytes(&self) -> u64 {
        self.store.disk_bytes()
    }
}

#[test]
fn an_end_between_sealing_and_dropping_is_harmless() {
    on_both(|world| {
        let (served, base_db) = (world.db("served"), world.db("base"));
        world.fold(&served, &VIEWS);
        let store = Arc::new(Interrupted {
            store: Arc::clone(&world.store),
            is_torn: AtomicBool::new(true),
        });
        let refold = || world.refold_of(Arc::clone(&store) as _, &base_db, &VIEWS);
        for _ in 0..2 {
            assert!(
                Base::new(refold())
                    .drop_oldest(ALL, &served, &mut || true)
                    .is_err()
            );
            assert_eq!(world.days(), [0, 1, 2, 3, 4]);
            assert_eq!(ledgers(&base_db), vec![payloads(0..1); 2]);
        }
        assert_eq!(world.rebuilt(&base_db, "between"), ledgers(&served));
        store.is_torn.store(false, Ordering::SeqCst);
        let told = Base::new(refold())
            .drop_oldest(ALL, &served, &mut || true)
            .unwrap();
        assert_eq!(told.map(|dropped| dropped.day), Some(FIRST_DAY));
        assert_eq!(world.days(), [1, 2, 3, 4]);
        assert_eq!(ledgers(&base_db), vec![payloads(0..1); 2]);
        assert_eq!(world.rebuilt(&base_db, "behind"), ledgers(&served));
    });
}

#[test]
fn raw_reads_end_at_the_days_that_were_dropped() {
    on_both(|world| {
        let (served, base_db) = (world.db("served"), world.db("base"));
        world.fold(&served, &VIEWS);
        let mut base = world.base(&base_db);
        // A cursor from before that points into days that are dropped.
        let (_, cursor) = page(&world.journal, &whole(), 5);
        let old = Scan { cursor, ..whole() };
        // A read is under way when the day that it is in is dropped.
        let mut seen = Vec::new();
        let told = world.journal.scan(&whole(), |block| {
            seen.push(block.first);
            if seen.len() == 5 {
                while base
                    .drop_oldest(FIRST_DAY + 3, &served, &mut || true)
                    .unwrap()
                    .is_some()
                {}
            }
            ControlFlow::Continue(())
        });
        assert_eq!(told, Ok(None), "it ends cleanly");
        assert_eq!(seen, [10, 9, 8, 7, 6]);
        assert_eq!(world.days(), [3, 4], "no read makes a day again");
        assert_eq!(scanned(&world.journal, &old), Ok(Vec::new()));
        assert_eq!(world.shown(), ["4b", "4a", "3b", "3a"]);
        // Another process has its own memory of where days begin.
        let other = open(&world.bed, world.shared.as_ref());
        assert_eq!(other.heads_before(LOCAL_STREAM, 7, 9), Ok(Vec::new()));
    });
}

#[test]
fn a_day_without_blocks_is_not_the_one_that_stays() {
    let world = World::new(None);
    let (served, base_db) = (world.db("served"), world.db("base"));
    world.fold(&served, &VIEWS);
    // A disk that refuses is probed, on a day that has no block yet.
    world.journal.close().unwrap();
    let store = open(&world.bed, None);
    store.probe(NOW_MS + 9 * DAY_MS).unwrap();
    let mut base = Base::new(world.refold_of(Arc::clone(&store), &base_db, &VIEWS));
    while base
        .drop_oldest(ALL, &served, &mut || true)
        .unwrap()
        .is_some()
    {}
    assert_eq!(world.days(), [4, 9]);
    let expected = StreamEnd {
        stream: LOCAL_STREAM,
        next: 11,
        received_at_ms: NOW_MS + 4 * DAY_MS,
    };
    assert_eq!(store.begin(), Ok(expected), "sequences never begin anew");
}

#[test]
fn a_view_that_is_added_later_begins_at_the_first_entry_that_is_kept() {
    on_both(|world| {
        let (served, base_db) = (world.db("served"), world.db("base"));
        world.fold(&served, &VIEWS[..1]);
        let mut base = Base::new(world.refold(&base_db, &VIEWS[..1]));
        let dropped = base.drop_oldest(FIRST_DAY + 1, &served, &mut || true);
        assert_eq!(dropped.unwrap().map(|dropped| dropped.day), Some(FIRST_DAY));
        world.fold(&served, &VIEWS);
        assert_eq!(ledgers(&served), [payloads(0..5), payloads(1..5)]);
        assert_eq!(ends(&served), Ends::from([(LOCAL_STREAM, 11)]), "level");
        // It goes on like any other.
        run(append_each(&world.journal, &["next"]));
        world.fold(&served, &VIEWS);
        assert!(
            ledgers(&served)
                .iter()
                .all(|told| told.ends_with(&["next".to_owned()]))
        );
    });
}

#[test]
fn missing_entries_are_told_in_a_store_where_nothing_is_folded() {
    on_both(|world| {
        let (served, base_db) = (world.db("served"), world.db("base"));
        world.fold(&served, &VIEWS);
        let dropped = world.base(&base_db).drop_oldest(ALL, &served, &mut || true);
        assert_eq!(dropped.unwrap().map(|dropped| dropped.day), Some(FIRST_DAY));
        let fresh = world.db("fresh");
        let goal = Goal::now(world.store.as_ref(), world.bed.clock.as_ref()).unwrap();
        for _ in 0..2 {
            // Also when it is tried again, where both views have a position.
            let told = world.refold(&fresh, &VIEWS).fold_to(&goal, &mut |_| true);
            assert!(
                matches!(told, Err(JournalError::Missing { from: 1, to: 3, .. })),
                "{told:?}"
            );
            assert_eq!(ledgers(&fresh), vec![Vec::<String>::new(); 2]);
        }
    });
}

#[test]
fn a_view_that_is_added_later_is_level_with_a_stream_of_which_nothing_is_kept() {
    let shared = Shared::new();
    let bed = Bed::new(StoreKind::Embedded);
    let store = |name: &str| {
        let clock = Arc::<ManualClock>::clone(&bed.clock) as _;
        Arc::new(DayTables::open(&shared.db, clock, name).unwrap())
    };
    let [a, b] = ["a", "b"].map(|name| bed.journal_on(store(name)));
    run(append_each(&b, &["quiet"]));
    // As a node tells with its beats.
    let told = "UPDATE journal_stream SET next = 2 WHERE stream = 2";
    shared.db.execute(told, &[]).unwrap();
    for payload in ["0", "1", "2"] {
        run(append_each(&a, &[payload]));
        bed.clock.advance(DAY_MS);
    }
    let fold = |db: &Database, names: &[&'static str]| {
        let clock = Arc::clone(&bed.clock) as _;
        let mut refold = Refold::new(store("x"), clock, db.clone(), views(names));
        let goal = Goal::now(store("x").as_ref(), bed.clock.as_ref()).unwrap();
        refold.fold_to(&goal, &mut |_| true).unwrap();
    };
    let (served, base_db) = (shared.views_in("served"), shared.views_in("base"));
    fold(&served, &VIEWS[..1]);
    let clock = Arc::clone(&bed.clock) as _;
    let names = &VIEWS[..1];
    let mut base = Base::new(Refold::new(store("x"), clock, base_db, views(names)));
    let dropped = base.drop_oldest(FIRST_DAY + 1, &served, &mut || true);
    assert_eq!(dropped.unwrap().map(|dropped| dropped.day), Some(FIRST_DAY));
    fold(&served, &VIEWS);
    assert_eq!(ends(&served), Ends::from([(1, 4), (2, 2)]), "level");
    assert_eq!(folded(&served, "second"), ["1", "2"]);
    run(append_each(&b, &["loud"]));
    fold(&served, &VIEWS);
    assert_eq!(folded(&served, "second"), ["1", "2", "loud"]);
}

#[test]
fn a_day_of_several_streams_is_sealed_to_the_end_of_each() {
    let shared = Shared::new();
    let bed = Bed::new(StoreKind::Embedded);
    let store = |name: &str| {
        let clock = Arc::<ManualClock>::clone(&bed.clock) as _;
        Arc::new(DayTables::open(&shared.db, clock, name).unwrap())
    };
    let journals = ["a", "b"].map(|name| bed.journal_on(store(name)));
    for (day, per_node) in [(0, [2, 1]), (1, [0, 3]), (2, [1, 0]), (3, [1, 1])] {
        for (journal, count) in journals.iter().zip(per_node) {
            let texts: Vec<_> = (0..count).map(|number| format!("{day}{number}")).collect();
            let texts: Vec<_> = texts.iter().map(String::as_str).collect();
            run(append_each(journal, &texts));
        }
        bed.clock.advance(DAY_MS);
    }
    let refold = |db: &Database| {
        let clock = Arc::clone(&bed.clock) as _;
        Refold::new(store("x"), clock, db.clone(), views(&VIEWS))
    };
    let (served, base_db) = (shared.views_in("served"), shared.views_in("base"));
    let goal = Goal::now(store("x").as_ref(), bed.clock.as_ref()).unwrap();
    refold(&served).fold_to(&goal, &mut |_| true).unwrap();
    let mut base = Base::new(refold(&base_db));
    let mut told = BTreeMap::new();
    while let Some(dropped) = base.drop_oldest(ALL, &served, &mut || true).unwrap() {
        told.insert(dropped.day - FIRST_DAY, dropped.ends);
    }
    let expected = BTreeMap::from([
        (0, Ends::from([(1, 3), (2, 2)])),
        (1, Ends::from([(2, 5)])),
        (2, Ends::from([(1, 4)])),
    ]);
    assert_eq!(told, expected);
    assert_eq!(ends(&base_db), Ends::from([(1, 4), (2, 5)]));
    let mut rest = refold(&base_db);
    rest.fold_to(&goal, &mut |_| true).unwrap();
    assert_eq!(ledgers(&base_db), ledgers(&served));
}
