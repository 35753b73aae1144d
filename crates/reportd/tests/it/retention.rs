//! How long tickets are kept: the settings, and what a server does by them.

use reportd_db::{Database, sqlite};
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;

use crate::harness::{Data, now_seconds, wait_until};

const DAY_MS: i64 = 86_400_000;

fn state(data: &Data) -> Database {
    match data.database_url() {
        Some(_) => data.database(),
        None => {
            let file = data.path().join("reportd.db");
            sqlite::open(sqlite::Options::durable(file)).unwrap()
        }
    }
}

/// A ticket that was moved so many days ago, in this state.
fn put_ticket(state: &Database, id: i64, ticket_state: i64, days: i64) {
    let at_ms = now_seconds() * 1000 - days * DAY_MS;
    state
        .execute(
            "INSERT INTO dialogue_ticket (id, app, category, state, group_id, received_at, reports, users, infos, \
             report_id, revision, moved_at) VALUES ($1, 1, 'c', $2, 1, $3, 1, 1, 1, 'r', 1, $3)",
            &[id.into(), ticket_state.into(), at_ms.into()],
        )
        .unwrap();
}

#[rstest]
fn old_tickets_go_and_what_waits_stays(#[values(Embedded, Postgres)] kind: StoreKind) {
    let data = Data::with_app(kind);
    // Makes the tables.
    data.serve().stop();
    let at_rest = state(&data);
    for (id, ticket_state, days) in [(1, 3, 1_094), (2, 3, 1_096), (3, 0, 1_096), (4, 3, 20)] {
        put_ticket(&at_rest, id, ticket_state, days);
    }
    drop(at_rest);
    let left = |of: &Database| {
        of.read(|tx| {
            let rows = tx.query("SELECT id FROM dialogue_ticket ORDER BY id", &[])?;
            rows.iter()
                .map(|row| row.int(0))
                .collect::<Result<Vec<_>, _>>()
        })
        .unwrap()
    };
    let until = |environment: &[(&str, &str)], expected: &[i64]| {
        let server = data.serve_with(environment);
        let beside = state(&data);
        wait_until("tickets to go", || left(&beside) == expected);
        drop(beside);
        assert_eq!(server.stop().0, Some(0));
    };
    until(&[], &[1, 3, 4]);
    until(&[("REPORTD_RETENTION_TICKETS", "30d")], &[3, 4]);
    let forever = [("REPORTD_RETENTION_TICKETS", "forever")];
    let told = data.output_with(&["config"], &forever);
    let told = String::from_utf8(told.stdout).unwrap();
    let line = |name: &str| {
        let line = told.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let [tickets, audit] = ["retention.tickets", "retention.audit"].map(line);
    assert_eq!(tickets[1..], ["\"forever\"", "REPORTD_RETENTION_TICKETS"]);
    assert_eq!(audit[1..], ["\"forever\"", "default"]);
}

#[rstest]
#[case("REPORTD_RETENTION_TICKETS", "23h", "retention.tickets")]
#[case("REPORTD_RETENTION_TICKETS", "", "retention.tickets")]
#[case("REPORTD_RETENTION_AUDIT", "never", "retention.audit")]
#[case("REPORTD_RETENTION_REPORTS", "-2d", "retention.reports")]
fn what_is_no_length_of_time_is_refused(
    #[case] variable: &str,
    #[case] value: &str,
    #[case] name: &str,
) {
    let data = Data::with_app(Embedded);
    let arguments = ["serve", "--listen", "127.0.0.1:0"];
    let refused = data.output_with(&arguments, &[(variable, value)]);
    let told = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{told}");
    assert!(
        told.contains(name) && told.contains("at least 1d"),
        "{told}"
    );
}
