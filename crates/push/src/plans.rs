//! How the stores answer: no report reads marks or a whole table, and the fold finds each row by its key.
//!
//! These are the statements that reports and the fold really send; on the embedded store the fold looks for one key at a
//! time, as [`find_sql`] says.

use reportd_db::{Database, DbError, Tx};
use reportd_platform::zones::Zone;
use reportd_protocol::push::read_events;
use reportd_testbed::plans::{
    self, Contents, Sent, embedded_plan, embedded_text, filled_store, find_sql, reads_whole_index,
};
use reportd_testbed::{Ground, StoreKind};

use crate::entry::Encoder;
use crate::gather::Gathered;
use crate::query::{self, Listing, Served};
use crate::schema::{
    ACTIVE, DEVICE_FOUND, MARK, ONLINE, PRESENCE, REGISTERED, TASK_FOUND, USER_DAY,
    VIEW_MIGRATIONS, WORD_FOUND,
};
use crate::view::PushView;

/// What the store holds.
const CONTENTS: [Contents; 16] = [
    (
        "push_task (app, task, created_at, kind, group_name, prefix_kind, first_at, figures)",
        6_000,
        "1 + i % 2, 't' || i, i * 1000, i % 2, 'g' || (i % 100), -1, i * 1000, '0:1,1,1,1,1;1:0,1,1,1,1'",
    ),
    ("push_word (app, word)", 4_000, "1 + i % 2, 'w' || i"),
    ("push_device (app, cid)", 40_000, "1 + i % 2, 'c' || i"),
    ("push_registered", 40_000, "i, i, i % 400"),
    (
        "push_mark",
        60_000,
        "i / 10, i % 5, i % 10 / 5, CAST('' AS {{bytes}})",
    ),
    (
        "push_task_count",
        30_000,
        "i / 5, (i % 5 + 1) * 700, 1, 0, 1, 1, 1, 1",
    ),
    ("push_task_day", 30_000, "i / 5, i % 5, 1, 1, 1, 1, 1"),
    ("push_task_action", 30_000, "i / 5, (i % 5 + 1) * 700, 1"),
    ("push_task_loss", 30_000, "i / 5, 1, i % 5 + 1, 13, 1"),
    (
        "push_day_count",
        40_000,
        "i / 4000, i / 10 % 400, i % 10 / 4 * 1900, i % 10 % 4, 1, 1, 1, 1, 1",
    ),
    (
        "push_day_loss",
        20_000,
        "i / 2000, i / 5 % 400, 1, i % 5 + 1, 13, 1",
    ),
    (
        "push_quota_count",
        20_000,
        "i / 2000, i / 5 % 400, i % 5 + 1, 1, 1, 1",
    ),
    ("push_user_day", 20_000, "i / 400, i % 400, 1, 1"),
    (
        "push_active",
        20_000,
        "100 + i / 4000, i / 10 % 400, i % 10, CAST('' AS {{bytes}})",
    ),
    ("push_online", 40_000, "i / 4000, i % 4000 * 600000, 1"),
    (
        "push_presence",
        40_000,
        "100 + i / 4000, i % 4000 * 600000, 0, CAST('' AS {{bytes}})",
    ),
];

/// Tables that grow with the number of receipts and devices.
const BY_RECEIPTS: [&str; 5] = [
    "push_mark",
    "push_active",
    "push_presence",
    "push_registered",
    "push_device",
];

const EVENTS: &str = r#"[
    {"type":"task","taskid":"t1","kind":"list","group_name":"g1","created_at":1000},
    {"type":"sendable","taskid":"t1","cids":["c1","c2"],"at":1000},
    {"type":"sent","taskid":"t1","cids":["c1","c3"],"channel":"gt","brand":"w1","quota":"list","at":1000},
    {"type":"action","taskid":"t1","cid":"c1","action_id":90001,"at":1000},
    {"type":"lost","taskid":"t1","cids":["c4"],"channel":"st","phase":"fd","reason":14006,"at":1000},
    {"type":"device","cid":"c5","at":1000},
    {"type":"online","cid":"c6","at":1000}]"#;

fn filled(ground: &Ground, kind: StoreKind) -> Database {
    filled_store(ground, kind, &[&VIEW_MIGRATIONS], &CONTENTS).unwrap()
}

/// Every read of the seven reports and of the API.
fn read_all(tx: &mut Tx<'_>) -> Result<(), DbError> {
    let served = Served {
        created_ms: 0..=i64::MAX,
        singles: false,
    };
    for count in [1, 2, 50, 200] {
        let ids: Vec<String> = (1..=count).map(|id| format!("t{}", id * 2)).collect();
        let actions = ["w2".to_owned()];
        let found = query::task_funnels(tx, 1, &ids, &served, true, &actions)?;
        assert_eq!(found.len(), ids.len());
        query::task_details(tx, 1, &ids, &served)?;
    }
    assert!(query::group_funnel(tx, 1, "g2", &served, true)?.is_some());
    query::day_funnel(tx, 1, 7, true)?;
    query::day_losses(tx, 1, 7)?;
    query::quota_counts(tx, 1, 7)?;
    query::users(tx, 1, 7, &[0, 86_400_000])?;
    query::online(tx, 1, 0..=86_400_000)?;
    assert!(query::task(tx, 1, "t2")?.is_some());
    for group_name in [None, Some("g2".to_owned())] {
        let listing = Listing {
            created_ms: 0..=i64::MAX,
            group_name,
            after: None,
            limit: 50,
        };
        assert_eq!(query::list_tasks(tx, 1, &listing)?.len(), 50);
    }
    Ok(())
}

fn fold(tx: &mut Tx<'_>) -> Result<(), DbError> {
    let zone = Zone::named("Asia/Shanghai").unwrap();
    let mut encoder = Encoder::new(&zone);
    read_events(EVENTS.as_bytes(), 1000, |event| encoder.event(&event)).unwrap();
    let entry = encoder.finish();
    let mut gathered = Gathered::default();
    gathered.add_entry(1, &entry).unwrap();
    PushView::default().fold(tx, &gathered)
}

/// What this session has read and inserted.
fn sent(tx: &mut Tx<'_>) -> Result<Vec<Sent>, DbError> {
    let mut sent = plans::sent(tx, "push")?;
    sent.retain(|sent| sent.sql.starts_with("SELECT") || sent.sql.starts_with("INSERT"));
    Ok(sent)
}

fn assert_is_no_report_of_receipts(sql: &str) {
    for table in BY_RECEIPTS {
        assert!(!sql.contains(table), "a report reads {table}: {sql}");
    }
}

/// Looks at the plan of each statement that this session has sent.
fn check_postgres(tx: &mut Tx<'_>, is_report: bool) -> Result<(), DbError> {
    let all = sent(tx)?;
    assert!(all.len() > 12, "{} statements are not all", all.len());
    for sent in &all {
        let plan = sent.plan(tx)?;
        let has = |what: &str| plan.iter().any(|line| line.contains(what));
        assert!(!has("Seq Scan on push_"), "{}: {plan:#?}", sent.sql);
        // An app's rows are many: a search has to go on from there.
        let is_wide = plan.iter().any(|line| line.ends_with("Cond: (app = $1)"));
        assert!(!is_wide, "{}: {plan:#?}", sent.sql);
        let is_whole = reads_whole_index(&plan);
        assert!(!is_whole, "{}: {plan:#?}", sent.sql);
        if is_report {
            assert_is_no_report_of_receipts(&sent.sql);
            // What a report looks for first, it waits for.
            assert!(!sent.sql.contains("WITH ORDINALITY"), "{}", sent.sql);
        }
    }
    Ok(())
}

#[test]
fn postgres_reads_by_index_alone() {
    let ground = Ground::new(StoreKind::Postgres);
    let views = filled(&ground, StoreKind::Postgres);
    let told = views.read(|tx| {
        read_all(tx)?;
        check_postgres(tx, true)
    });
    told.unwrap();
    // In a session of its own.
    let told = ground.open("store").write(|tx| {
        fold(tx)?;
        check_postgres(tx, false)
    });
    told.unwrap();
}

#[test]
fn the_embedded_store_reads_by_index_alone() {
    let ground = Ground::new(StoreKind::Postgres);
    let reports = filled(&ground, StoreKind::Postgres)
        .read(|tx| {
            read_all(tx)?;
            sent(tx)
        })
        .unwrap();
    let reports = reports.iter().map(|sent| embedded_text(&sent.sql));
    let tables = [
        TASK_FOUND,
        WORD_FOUND,
        DEVICE_FOUND,
        MARK,
        REGISTERED,
        USER_DAY,
        ACTIVE,
        ONLINE,
        PRESENCE,
    ];
    let finds = tables.iter().map(find_sql);
    let ground = Ground::new(StoreKind::Embedded);
    let views = filled(&ground, StoreKind::Embedded);
    views
        .read(|tx| {
            read_all(tx)?;
            for sql in reports.chain(finds) {
                let plan = embedded_plan(tx, &sql)?;
                for line in &plan {
                    // What a subquery has found is read as it is, and so is what is asked for; a row of subqueries alone
                    // is one of no table.
                    let no_table = ["SCAN newest", "SCAN CONSTANT ROW"];
                    let is_read =
                        no_table.contains(&line.as_str()) || line.contains("SCAN json_each");
                    let is_scan = line.starts_with("SCAN") && !is_read;
                    // An app's rows are many: a search has to go on from there.
                    let is_wide = line.contains("(app=?)");
                    assert!(!is_scan && !is_wide, "{sql}: {plan:#?}");
                }
            }
            Ok(())
        })
        .unwrap();
}
