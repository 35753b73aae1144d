//! Several nodes on one PostgreSQL, each with a clock that the test sets: a node whose clock stands still is one that is
//! not heard of.

use std::cmp::Reverse;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use reportd_db::{Database, DbError, Tx, postgres};
use reportd_journal::{
    AppendError, BlockReader, BlockStore, DayTables, Goal, Journal, JournalError, JournalMetrics,
    LOCAL_STREAM, Lag, Options, Pace, Projector, Refold, Scan,
};
use reportd_platform::clock::{Clock, DAY_MS, ManualClock, SECOND_MS};
use reportd_platform::zones::day_text;
use reportd_testbed::{StoreKind, TestDatabase, fresh_database};
use rstest::rstest;
use tokio::runtime::Runtime;

use crate::bed::{Bed, Faults, KIND, Ledger, NOW_MS, append_each, entry, folded, ledger};
use crate::scan::page;

const LEASE_MS: i64 = 10 * SECOND_MS;
const FRESH: Lag = Lag { ms: 0 };

/// A database for several nodes.
pub(crate) struct Shared {
    pub(crate) db: Database,
    pub(crate) views: Database,
    database: TestDatabase,
}

impl Shared {
    pub(crate) fn new() -> Self {
        let database = fresh_database();
        let shared = Self {
            db: postgres::open(postgres::Options::new(&database.url)).unwrap(),
            views: open_views(&database, "views"),
            database,
        };
        DayTables::open(&shared.db, Arc::new(ManualClock::at(NOW_MS)), "").unwrap();
        shared
    }

    /// Another store of views.
    pub(crate) fn views_in(&self, schema: &str) -> Database {
        open_views(&self.database, schema)
    }

    fn node(&self, name: &'static str) -> Node {
        let clock = Arc::new(ManualClock::at(NOW_MS));
        let tables = DayTables::open(&self.db, Arc::clone(&clock) as _, name).unwrap();
        let tables = Arc::new(tables);
        let options = Options {
            lease: Duration::from_millis(LEASE_MS.unsigned_abs()),
            linger: Duration::ZERO,
            ..Options::default()
        };
        let metrics = JournalMetrics::default();
        let journal = Journal::open_shared(tables, Arc::clone(&clock) as _, options, metrics);
        let (journal, faults) = (journal.unwrap(), Arc::<Faults>::default());
        let pace = Pace {
            least_pause: Duration::from_millis(1),
            longest_pause: Duration::from_millis(5),
            rest_factor: 1,
        };
        let view = Ledger::new("ledger", Arc::clone(&faults));
        let views = vec![Box::new(view) as _];
        let projector = Projector::start(Arc::clone(&journal), self.views.clone(), views, pace);
        // The first beat comes whatever its clock says.
        let beaten = "SELECT COUNT(*) FROM journal_stream WHERE holder = $1 AND beat > 1";
        until("it beats", || {
            self.db.read(|tx| tx.query_int(beaten, &[name.into()])) == Ok(1)
        });
        Node {
            name,
            clock,
            faults,
            journal,
            projector: projector.unwrap(),
        }
    }

    /// Node, holder, epoch and beat of a stream.
    fn stream(&self, stream: i64) -> (String, String, i64, i64) {
        let sql = "SELECT node, holder, epoch, beat FROM journal_stream WHERE stream = $1";
        let row = self.db.read(|tx| tx.query_first(sql, &[stream.into()]));
        let mut row = row.unwrap().unwrap();
        let (node, holder) = (row.take_text(0).unwrap(), row.take_text(1).unwrap());
        (node, holder, row.int(2).unwrap(), row.int(3).unwrap())
    }

    fn holder(&self, stream: i64) -> String {
        self.stream(stream).1
    }

    /// Moves the clock of a node, and waits until it has looked at all streams since.
    fn pass(&self, node: &Node, stream: i64, ms: i64) {
        for part in [ms - SECOND_MS, SECOND_MS] {
            let before = self.stream(stream).3;
            node.clock.advance(part);
            until("it beats", || self.stream(stream).3 > before);
        }
        // A beat comes before its look: the look of the last one is over where the next begins.
        let before = self.stream(stream).3;
        node.clock.advance(SECOND_MS);
        until("it beats", || self.stream(stream).3 > before);
    }
}

fn open_views(database: &TestDatabase, schema: &str) -> Database {
    let views = postgres::open(postgres::Options {
        schema: Some(schema.to_owned()),
        asking: 2,
        ..postgres::Options::new(&database.url)
    });
    let views = views.unwrap();
    reportd_journal::MIGRATIONS.apply(&views).unwrap();
    ledger::MIGRATIONS.apply(&views).unwrap();
    views
}

/// A node in this process.
struct Node {
    name: &'static str,
    clock: Arc<ManualClock>,
    faults: Arc<Faults>,
    journal: Arc<Journal>,
    projector: Projector,
}

impl Node {
    fn append(&self, payload: &str) -> Result<u64, AppendError> {
        run(self.journal.append(|| entry(payload)))
    }

    fn append_each(&self, payloads: &[&str]) {
        run(append_each(&self.journal, payloads));
    }

    fn fresh(&self, owner: u64) -> Lag {
        run(self.journal.fresh(KIND, owner))
    }

    /// Ends in good order.
    fn end(self) {
        self.faults.let_all();
        self.journal.close().unwrap();
        self.projector.stop();
        self.journal.leave().unwrap();
    }
}

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// Waits for what is async; all else here blocks, and may not run on an async thread.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    RUNTIME.block_on(future)
}

/// Waits until it is so, 20 s at most; no clock moves.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..4_000 {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("not in 20 s: {what}");
}

#[test]
fn a_stream_is_left_alone_as_long_as_its_beat_is_seen_to_change() {
    let shared = Shared::new();
    let (a, b) = (shared.node("a"), shared.node("b"));
    a.faults.hold();
    a.append_each(&["1", "2", "3"]);
    until("the fold is held", || a.faults.batches() == 1);
    // Nothing is heard of the first for almost a lease. Then it beats, and that counts from when it is seen.
    shared.pass(&b, 2, LEASE_MS - 2 * SECOND_MS);
    assert_eq!(shared.holder(1), "a");
    let before = shared.stream(1).3;
    a.clock.advance(SECOND_MS);
    until("it beats", || shared.stream(1).3 > before);
    shared.pass(&b, 2, 2 * SECOND_MS);
    shared.pass(&b, 2, LEASE_MS - 5 * SECOND_MS);
    let (node, holder, epoch, _) = shared.stream(1);
    assert_eq!((node.as_str(), holder.as_str()), ("a", "a"));

    b.clock.advance(5 * SECOND_MS);
    until("it is adopted", || shared.stream(1).2 > epoch);
    until("what is left is folded", || {
        folded(&shared.views, "ledger") == ["1", "2", "3"]
    });
    until("it is let go of", || shared.holder(1).is_empty());
    assert_eq!(shared.stream(1).0, "a", "it stays its node's");

    // It was fenced off: the next append is refused, and the one behind it goes on in the same stream.
    let refused =
        AppendError::Unavailable("journal: stream 1 was taken over by another node".into());
    assert_eq!(a.append("refused"), Err(refused));
    assert_eq!(shared.holder(1), "a");
    assert_eq!(a.append("4"), Ok(4));
    a.faults.let_all();
    until("it folds on where the other one ended", || {
        folded(&shared.views, "ledger") == ["1", "2", "3", "4"]
    });
    assert_eq!(shared.stream(2).0, "b");
    assert_eq!(b.append("b"), Ok(1));
    for node in [a, b] {
        node.end();
    }
    let count = "SELECT COUNT(*) FROM journal_stream";
    assert_eq!(shared.db.read(|tx| tx.query_int(count, &[])), Ok(2));
}

#[test]
fn a_level_stream_is_fenced_too_and_a_free_one_is_given_to_the_next_node() {
    let shared = Shared::new();
    let (a, b) = (shared.node("a"), shared.node("b"));
    a.append_each(&["1"]);
    until("it is folded", || folded(&shared.views, "ledger") == ["1"]);
    let epoch = shared.stream(1).2;
    // It has seen the append, and then nothing for a lease.
    shared.pass(&b, 2, 2 * SECOND_MS);
    shared.pass(&b, 2, LEASE_MS);
    until("it is taken over", || shared.stream(1).2 == epoch + 1);
    until("it is let go of", || shared.holder(1).is_empty());
    assert!(a.append("unseen").is_err(), "no write goes unseen");
    assert_eq!(a.append("2"), Ok(2));
    assert_eq!(
        (shared.holder(1), shared.stream(1).2),
        ("a".to_owned(), epoch + 2)
    );
    a.end();
    assert_eq!(shared.stream(1).0, "", "its node has ended");
    let c = shared.node("c");
    assert_eq!(c.append("3"), Ok(3), "its stream goes on");
    assert_eq!(c.name, shared.holder(1));
    assert_eq!(b.fresh(1), FRESH);
    assert_eq!(folded(&shared.views, "ledger"), ["1", "2", "3"]);
    for node in [b, c] {
        node.end();
    }
}

#[test]
fn two_that_fold_one_stream_fold_each_entry_once() {
    let shared = Shared::new();
    let a = shared.node("a");
    let blocks: Vec<_> = (0..300).map(|number| number.to_string()).collect();
    let refold = || {
        let (clock, faults) = (Arc::clone(&a.clock), Arc::<Faults>::default());
        let view = Box::new(Ledger::new("ledger", faults)) as _;
        let store = Arc::clone(a.journal.store());
        Refold::new(store, clock as _, shared.views.clone(), vec![view])
    };
    let conflicts = std::thread::scope(|scope| {
        let folds: Vec<_> = (0..2)
            .map(|_| {
                let (mut refold, clock) = (refold(), Arc::clone(&a.clock));
                scope.spawn(move || {
                    let mut conflicts = 0;
                    loop {
                        let goal = Goal::now(refold.store().as_ref(), clock.as_ref()).unwrap();
                        match refold.fold_to(&goal, &mut |_| true) {
                            Ok(()) if goal.ends[&1] > 300 => return conflicts,
                            Ok(()) => {}
                            Err(JournalError::Db(DbError::Conflict(_))) => conflicts += 1,
                            Err(error) => panic!("{error}"),
                        }
                    }
                })
            })
            .collect();
        let texts: Vec<_> = blocks.iter().map(String::as_str).collect();
        a.append_each(&texts);
        let folds = folds.into_iter().map(|fold| fold.join().unwrap());
        folds.sum::<usize>()
    });
    println!("{conflicts} batches were folded by another first");
    assert_eq!(folded(&shared.views, "ledger"), blocks);
    // The node's own projector met them as well, and goes on.
    assert_eq!(a.append("last"), Ok(301));
    until("it goes on", || {
        a.clock.advance(100);
        a.projector.status()[0].entries_behind == 0
    });
    assert_eq!(folded(&shared.views, "ledger").len(), 301);
    assert!(a.faults.rolled_back.load(Ordering::SeqCst) <= 300);
    a.end();
}

/// Appends that come together, on one of the nodes, some time after the last.
#[derive(Debug, Clone)]
struct Appends {
    node: usize,
    count: usize,
    after_ms: i64,
}

fn appends() -> impl Strategy<Value = Vec<Appends>> {
    let one = (0..2_usize, 1..5_usize, 0..3_i64).prop_map(|(node, count, after_ms)| Appends {
        node,
        count,
        after_ms,
    });
    prop::collection::vec(one, 1..40)
}

/// What a scan must show first to last: the newest arrival first, of those the lower stream, of that the last.
async fn append_all(nodes: &[Node; 2], history: &[Appends]) -> Vec<String> {
    let mut all = Vec::new();
    for (number, appends) in history.iter().enumerate() {
        let node = &nodes[appends.node];
        node.clock.advance(appends.after_ms);
        let sends = (0..appends.count).map(|item| {
            let (journal, payload) = (Arc::clone(&node.journal), format!("{number}.{item}"));
            tokio::spawn(async move {
                let sequence = journal.append(|| entry(&payload)).await.unwrap();
                (sequence, payload)
            })
        });
        for send in sends.collect::<Vec<_>>() {
            let (sequence, payload) = send.await.unwrap();
            let at_ms = node.clock.now_ms();
            all.push((Reverse(at_ms), appends.node, Reverse(sequence), payload));
        }
    }
    all.sort();
    all.into_iter().map(|(_, _, _, payload)| payload).collect()
}

#[test]
fn a_scan_over_two_streams_is_a_plain_sort_whatever_the_page() {
    let mut runner = TestRunner::new(Config {
        cases: 10,
        failure_persistence: None,
        max_shrink_iters: 20,
        ..Config::default()
    });
    let told = runner.run(&(appends(), 1..9_usize), |(history, limit)| {
        let shared = Shared::new();
        let nodes = [shared.node("a"), shared.node("b")];
        let expected = run(append_all(&nodes, &history));
        let level = nodes.each_ref().map(|node| node.fresh(1));
        prop_assert_eq!(level, [FRESH; 2]);
        for node in &nodes {
            let mut scan = Scan {
                before: node.journal.folded_ends(KIND).unwrap(),
                ..Scan::default()
            };
            for limit in [limit, expected.len(), 1_000] {
                let mut shown = Vec::new();
                scan.cursor = None;
                loop {
                    let (page, next) = page(&node.journal, &scan, limit);
                    prop_assert!(page.len() <= limit);
                    shown.extend(page);
                    let Some(next) = next else { break };
                    scan.cursor = Some(next.to_string().parse().unwrap());
                }
                prop_assert_eq!(&shown, &expected, "{} a page", limit);
            }
        }
        nodes.into_iter().for_each(Node::end);
        Ok(())
    });
    told.unwrap();
}

#[test]
fn a_read_waits_for_what_another_node_acknowledged_and_for_nothing_else() {
    let shared = Shared::new();
    let (a, b) = (shared.node("a"), shared.node("b"));
    for number in 0..10 {
        a.append(&number.to_string()).unwrap();
        assert_eq!(b.fresh(1), FRESH);
        assert_eq!(folded(&shared.views, "ledger").len(), number + 1);
    }
    a.faults.hold();
    let batches = a.faults.batches();
    a.append("held").unwrap();
    until("the fold is held", || a.faults.batches() > batches);
    let others =
        async { tokio::time::timeout(Duration::from_secs(1), b.journal.fresh(KIND, 2)).await };
    assert_eq!(run(others), Ok(FRESH), "nothing of theirs is left");
    let told = b.fresh(1);
    assert!(told.ms > 0, "it gives up in the end, and says so");
    let journal = Arc::clone(&b.journal);
    let read = RUNTIME.spawn(async move { journal.fresh(KIND, 1).await });
    a.faults.let_all();
    assert_eq!(run(read).unwrap(), FRESH);
    assert_eq!(folded(&shared.views, "ledger").len(), 11);
    for node in [b, a] {
        node.end();
    }
}

/// How views are read.
#[derive(Debug, Clone, Copy)]
enum Way {
    Read,
    Ask,
}

/// The payloads that a read of a node shows, and in how many goes: to be asked a read runs twice.
fn read(shared: &Shared, node: &Node, owner: u64, way: Way) -> (Lag, Vec<String>, usize) {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let work = move |tx: &mut Tx<'_>| {
        counted.fetch_add(1, Ordering::Relaxed);
        let rows = tx.query("SELECT payload FROM ledger ORDER BY stream, sequence", &[])?;
        rows.into_iter()
            .map(|mut row| row.take_text(0))
            .collect::<Result<Vec<_>, _>>()
    };
    let (journal, of) = (&node.journal, (KIND, owner));
    let (told, runs_a_go) = match way {
        Way::Read => (run(journal.read(&shared.views, of, work)), 1),
        Way::Ask => (run(journal.ask(&shared.views, of, work)), 2),
    };
    let (lag, payloads) = told.unwrap();
    (lag, payloads, runs.load(Ordering::Relaxed) / runs_a_go)
}

/// Makes the table of a day as a node does whose clock is there.
fn make_day(shared: &Shared, day: i64) {
    let name = format!("journal_block_{}", day_text(day).replace('-', ""));
    let columns = "(stream BIGINT, first BIGINT, count BIGINT, received_at BIGINT, min_ts BIGINT, max_ts BIGINT, \
         version BIGINT, raw_bytes BIGINT, checksum {{bytes}}, filter {{bytes}}, data {{bytes}})";
    let made = shared.db.write(|tx| {
        tx.define(&format!("CREATE TABLE {name} {columns};\n"))?;
        tx.execute("INSERT INTO journal_day (day) VALUES ($1)", &[day.into()])
    });
    made.unwrap();
}

#[rstest]
fn a_read_of_views_shows_what_any_node_acknowledged_before_it(
    #[values(Way::Read, Way::Ask)] way: Way,
) {
    let shared = Shared::new();
    let today = NOW_MS.div_euclid(DAY_MS);
    make_day(&shared, today + 1);
    let (a, b) = (shared.node("a"), shared.node("b"));
    let mut payloads = Vec::new();
    let mut append_and_read = |payload: String| {
        a.append(&payload).unwrap();
        payloads.push(payload);
        let (lag, shown, _) = read(&shared, &b, 1, way);
        assert_eq!((lag, &shown), (FRESH, &payloads));
        let level = read(&shared, &b, 1, way);
        assert_eq!(level, (FRESH, shown.clone(), 1), "nothing is waited for");
        shown
    };
    // An older day comes behind one that is known; then the newest is dropped, and a newer one comes.
    let mut shown = append_and_read("0".to_owned());
    for newest in today + 1..today + 3 {
        a.journal.store().drop_day(newest).unwrap();
        append_and_read(format!("{newest} dropped"));
        make_day(&shared, newest + 1);
        shown = append_and_read(format!("{newest} followed"));
    }
    // What is not folded yet holds up its owner alone.
    a.faults.hold();
    let batches = a.faults.batches();
    a.append("held").unwrap();
    until("the fold is held", || a.faults.batches() > batches);
    assert_eq!(read(&shared, &b, 2, way), (FRESH, shown.clone(), 1));
    let (lag, told, runs) = read(&shared, &b, 1, way);
    assert!(lag.ms > 0, "it gives up in the end, and says so");
    assert_eq!((told, runs), (shown, 2));
    a.faults.let_all();
    let (lag, told, _) = read(&shared, &b, 1, way);
    assert_eq!((lag, told.len()), (FRESH, 6));
    for node in [b, a] {
        node.end();
    }
}

#[test]
fn nodes_that_start_on_an_imported_journal_take_its_stream_and_new_ones_behind_it() {
    let bed = Bed::new(StoreKind::Embedded);
    let embedded = bed.day_files();
    let journal = bed.journal_on(Arc::clone(&embedded) as _);
    run(append_each(&journal, &["a", "b"]));
    let shared = Shared::new();
    let clock = || Arc::new(ManualClock::at(NOW_MS)) as Arc<dyn Clock>;
    let open = |name| DayTables::open(&shared.db, clock(), name).unwrap();
    let blocks = embedded.from(LOCAL_STREAM, 1, u64::MAX).unwrap();
    open("").import(&blocks).unwrap();
    let begun = ["first", "second", "third"].map(|name| {
        let end = open(name).begin().unwrap();
        (end.stream, end.next)
    });
    assert_eq!(begun, [(1, 3), (2, 1), (3, 1)]);
}
