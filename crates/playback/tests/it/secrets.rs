//! No secret is kept as it is: not in the state store, not in the journal, not in what is counted.

use axum::http::Method;
use reportd_db::Tx;
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde_json::json;

use crate::world::{ONE, SHARED, World, pair, shared_key};

/// All rows of all tables of the state, as text and bytes.
fn all_rows(tx: &mut Tx<'_>) -> Vec<u8> {
    let mut all = Vec::new();
    for table in tx.table_names().unwrap() {
        for row in tx.query(&format!("SELECT * FROM {table}"), &[]).unwrap() {
            all.extend(format!("{:?}", row.cells()).into_bytes());
            for cell in row.cells() {
                if let reportd_db::Value::Bytes(bytes) = cell.value() {
                    all.extend(bytes);
                }
            }
        }
    }
    all
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|part| part == text.as_bytes())
}

#[rstest]
fn secrets_are_found_nowhere(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let key = pair(1);
    world.put_keys(
        ONE,
        &json!([{"algorithm": "HS256", "secret": SHARED},
            {"algorithm": "EdDSA", "public_key": key.public_key().unwrap()}]),
    );
    let session = world.session(ONE, 7);
    let mut secrets = vec![
        session.sessdata.clone(),
        session.csrf.clone(),
        session.access_key.clone(),
        SHARED.to_owned(),
        "csrf-of-8".to_owned(),
        "jti-of-8".to_owned(),
    ];
    let form = format!(
        "aid=1&csrf={}&access_key={}",
        session.csrf, session.access_key
    );
    assert_eq!(world.heartbeat(&session.cookie(), &form).code(), 0);
    assert_eq!(world.post("/x/v2/history/report", "", &form).code(), 0);
    for key in [&shared_key(), &key] {
        let token = world.token(key, 8, Some("jti-of-8"));
        let cookie = format!("SESSDATA={token}");
        assert_eq!(world.heartbeat(&cookie, "aid=1&csrf=csrf-of-8").code(), 0);
        secrets.push(token);
    }
    assert_eq!(world.end_session(ONE, 8, "jti:jti-of-8").status, 200);
    let path = format!("{ONE}/viewers/7/sessions");
    world.admin(&Method::GET, &path, &json!(null));

    let state = world.state.read(|tx| Ok(all_rows(tx))).unwrap();
    assert!(holds(&state, "app-One_1") && state.len() > 1_000);
    let mut journal = Vec::new();
    let mut entries = 0;
    for block in world.blocks() {
        entries += block.entries().count();
        journal.extend(block.entries().flat_map(|entry| entry.payload.to_vec()));
    }
    assert_eq!(entries, 4);
    let metrics = world.metrics.encode().into_bytes();
    for secret in &secrets {
        for (place, bytes) in [
            ("state", &state),
            ("journal", &journal),
            ("metrics", &metrics),
        ] {
            assert!(!holds(bytes, secret), "{secret} is in the {place}");
        }
    }
}
