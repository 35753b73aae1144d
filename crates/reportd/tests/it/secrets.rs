//! No secret in the journal, the store, a log or a metric.

use serde_json::Value;

use crate::harness::{Data, Http, files};
use crate::requests::active_message;

#[test]
fn no_secret_is_written() {
    let data = Data::with_app();
    let told: Value =
        serde_json::from_str(&data.run(&["app", "create", "full", "--json"])).unwrap();
    let key = data.key("k", "admin");
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
    secrets.push(
        std::fs::read_to_string(data.path().join("master.key"))
            .unwrap()
            .trim()
            .to_owned(),
    );
    for secret in secrets {
        assert!(
            !log.contains(&secret) && !metrics.contains(&secret),
            "in the log or a metric"
        );
        for file in files(&data.path())
            .into_iter()
            .filter(|file| !file.ends_with("master.key"))
        {
            let bytes = std::fs::read(&file).unwrap_or_default();
            let found = bytes
                .windows(secret.len())
                .any(|part| part == secret.as_bytes());
            assert!(!found, "in {}", file.display());
        }
    }
}
