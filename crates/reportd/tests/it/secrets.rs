//! No secret in the journal, the store, a log or a metric.

use reportd_db::postgres;
use reportd_platform::secret::hex;
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde_json::Value;

use crate::harness::{Data, Http, Server, files};
use crate::requests::active_message;
use crate::viewer::{HISTORY_REPORT, Viewer};

#[rstest]
fn no_secret_is_written(#[values(Embedded, Postgres)] kind: StoreKind) {
    let data = Data::with_app(kind);
    let told: Value =
        serde_json::from_str(&data.run(&["app", "create", "full", "--json"])).unwrap();
    let key = data.key("k", "admin");
    let viewer = Viewer::create(|arguments| data.run(arguments), "full", 7);
    let server = data.serve_with(&[("REPORTD_LOG_LEVEL", "trace")]);
    let text = |name: &str| told[name].as_str().unwrap().to_owned();
    let mut http = Http::connect(server.address());
    for (token, body) in [
        (text("comm_token"), active_message("n", 1)),
        (text("comm_token"), "{".to_owned()),
    ] {
        http.report(&token, body.as_bytes()).unwrap();
    }
    server.get("/api/apps/full/comm/reports", &key);
    let session_key = "secret-of-a-session-key-of-the-site";
    put_session_key(&server, &key, session_key);
    viewer.beat(&server, "aid=2&played_time=60");
    let by_key = format!("aid=2&access_key={}", viewer.access_key);
    assert_eq!(viewer.post(&server, HISTORY_REPORT, &by_key), 0);
    let metrics = server.get("/metrics", "").text();
    let log = server.log();
    server.stop();

    let mut secrets: Vec<String> = [
        "comm_token",
        "appkey",
        "master_secret",
        "aes_key",
        "callback_secret",
    ]
    .map(text)
    .into();
    secrets.push(key);
    secrets.push(session_key.to_owned());
    secrets.extend([viewer.sessdata, viewer.csrf, viewer.access_key]);
    secrets.push(
        std::fs::read_to_string(data.path().join("master.key"))
            .unwrap()
            .trim()
            .to_owned(),
    );
    let stored = stored(&data);
    let places = |text: &str| {
        let holds = |(_, bytes): &&(String, Vec<u8>)| contains(bytes, text.as_bytes());
        let found = stored.iter().filter(holds);
        found.map(|(place, _)| place.as_str()).collect::<Vec<_>>()
    };
    assert_ne!(places("callback_secret"), [""; 0], "names are found");
    for secret in secrets {
        assert!(
            !log.contains(&secret) && !metrics.contains(&secret),
            "in the log or a metric"
        );
        assert_eq!(places(&secret), [""; 0]);
        // So PostgreSQL writes bytes as text.
        assert_eq!(places(&hex(secret.as_bytes())), [""; 0]);
    }
}

fn put_session_key(server: &Server, key: &str, secret: &str) {
    let body =
        format!(r#"{{"keys": [{{"kid": "k", "algorithm": "HS256", "secret": "{secret}"}}]}}"#);
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str())];
    let path = "/api/apps/full/session-keys";
    let put = Http::connect(server.address()).call("PUT", path, &headers, body.as_bytes());
    let put = put.unwrap();
    assert_eq!(put.status, 200, "{}", put.text());
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// All that is stored: each file but that of the master key and, on PostgreSQL, each table as text.
fn stored(data: &Data) -> Vec<(String, Vec<u8>)> {
    let files = files(&data.path()).into_iter();
    let mut stored: Vec<_> = files
        .filter(|file| !file.ends_with("master.key"))
        .map(|file| {
            let bytes = std::fs::read(&file).unwrap_or_default();
            (file.display().to_string(), bytes)
        })
        .collect();
    if let Some(url) = data.database_url() {
        let db = postgres::open(postgres::Options::new(url)).unwrap();
        let tables = "SELECT CAST(table_schema || '.' || table_name AS TEXT) FROM information_schema.tables \
             WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')";
        for mut table in db.read(|tx| tx.query(tables, &[])).unwrap() {
            let table = table.take_text(0).unwrap();
            let rows = format!("SELECT CAST(t AS TEXT) FROM {table} t");
            let rows = db.read(|tx| tx.query(&rows, &[])).unwrap();
            let texts = rows.into_iter().map(|mut row| row.take_text(0).unwrap());
            stored.push((table, texts.collect::<Vec<_>>().join("\n").into_bytes()));
        }
        assert!(stored.len() > 10, "its tables are seen");
    }
    stored
}
