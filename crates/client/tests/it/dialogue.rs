//! The client of the dialogue reports: what it files, what it makes of replies, when it sends again.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::server::{Received, Server, Step};
use reportd_client::protocol::dialogue::{
    AesMode, Cipher, CipherSettings, Code, Evidence, Info, InfoKind, IvSetting, Report, Request,
    User, report_form,
};
use reportd_client::{ClientError, Connection, DialogueClient, DialogueClientBuilder};

const FILED: Step = Step::Reply(
    "200 OK",
    r#"{"ec":0,"em":"success","wt":0.001,"timesec":1574767721,"data":{"ticket_id":"35474574"}}"#,
);
const LATER: Step = refusal(r#"{"ec":503,"em":"later","wt":0,"timesec":1,"data":{}}"#);
const LIMITED: Step = refusal(r#"{"ec":429,"em":"later","wt":0,"timesec":1,"data":{}}"#);
const NOW_MS: i64 = 1_795_233_600_000;

const fn refusal(body: &'static str) -> Step {
    Step::Reply("200 OK", body)
}

pub(crate) fn settings(mode: AesMode, key: &[u8]) -> CipherSettings<'_> {
    CipherSettings {
        mode,
        iv: IvSetting::Prepended,
        key,
        php_key: false,
        zero_padding: false,
    }
}

fn report() -> Report<'static> {
    Report {
        uniqid: Some("our-17".into()),
        report_id: "123212".into(),
        category: "场景1".into(),
        redirect: Some("https://example.com/cb".into()),
        timestamp_ms: 0,
        evidence: Evidence::default(),
        users: vec![User {
            key: "id_9".to_owned(),
            ..User::default()
        }],
        infos: vec![Info {
            id: "9".into(),
            user: 0,
            kind: InfoKind::Text,
            content: "买".into(),
            time_ms: NOW_MS - 5,
            tag: None,
        }],
    }
}

/// A client that waits next to nothing, and whose clock moves by a second with each look.
fn hasty(server: &Server, cipher: &CipherSettings<'_>) -> DialogueClientBuilder {
    let now_ms = Arc::new(AtomicI64::new(NOW_MS));
    DialogueClient::builder(&server.url(), "app 1&", cipher)
        .waits(Duration::from_millis(1), Duration::from_secs(5))
        .clock(move || now_ms.fetch_add(1000, Ordering::SeqCst))
}

/// What the server reads of a request: the decrypted content.
fn opened(request: &Received, cipher: &CipherSettings<'_>) -> String {
    let kind = request.header("content-type").unwrap();
    let read = Request::read(Some(kind.as_bytes()), &request.body).unwrap();
    assert_eq!(read.app_id, "app 1&");
    read.check_sign().unwrap();
    read.open(&Cipher::new(cipher).unwrap()).unwrap()
}

#[tokio::test]
async fn what_is_filed_is_what_a_server_reads_under_each_cipher() {
    let long = [7; 32];
    for mode in AesMode::ALL {
        for iv in [IvSetting::Prepended, IvSetting::Zero, IvSetting::Key] {
            for zero_padding in [false, true] {
                let cipher = CipherSettings {
                    iv,
                    zero_padding,
                    ..settings(mode, &long[..mode.key_bytes()])
                };
                let server = Server::start([FILED]).await;
                let client = hasty(&server, &cipher).build().unwrap();
                let ticket = client.file(&report()).await.unwrap();
                assert_eq!(ticket.as_deref(), Some("35474574"));
                let request = &server.received()[0];
                assert_eq!(request.call(), "POST /api/report/multiDialogue");
                let json = opened(request, &cipher);
                let read = Report::read(&json).unwrap();
                let expected = Report {
                    timestamp_ms: NOW_MS,
                    ..report()
                };
                assert_eq!(read, expected, "{} {iv:?}", mode.name());
            }
        }
    }
}

#[tokio::test]
async fn a_report_that_was_put_off_is_sent_again_with_its_own_time() {
    let cipher = settings(AesMode::Aes128Cbc, b"0123456789abcdef");
    let proxy = Step::Reply("502 Bad Gateway", "<html>");
    let server = Server::start([LATER, LIMITED, Step::HangUp, proxy, FILED]).await;
    let client = hasty(&server, &cipher).attempts(5).build().unwrap();
    assert!(client.file(&report()).await.is_ok());
    let requests = server.received();
    let times: Vec<_> = requests
        .iter()
        .map(|request| {
            Report::read(&opened(request, &cipher))
                .unwrap()
                .timestamp_ms
        })
        .collect();
    let expected: Vec<_> = (0..5).map(|second| NOW_MS + 1000 * second).collect();
    assert_eq!(times, expected);
    let first = |request: &Received| request.body[..100].to_vec();
    assert_ne!(first(&requests[0]), first(&requests[1]), "each has its iv");
}

#[tokio::test]
async fn a_refusal_is_told_by_its_code_and_not_repeated() {
    let cipher = settings(AesMode::Aes128Cbc, b"0123456789abcdef");
    for code in Code::ALL.into_iter().filter(|code| !code.retryable()) {
        let ec = code.code();
        let body = format!(r#"{{"ec":{ec},"em":"no","wt":0,"timesec":1,"data":{{}}}}"#);
        let server = Server::start([refusal(body.leak())]).await;
        let client = hasty(&server, &cipher).build().unwrap();
        let refused = client.file(&report()).await.unwrap_err();
        let ClientError::Refused { code: found, .. } = refused else {
            panic!("{refused}");
        };
        assert_eq!(Code::from_code(found), Some(code));
        assert_eq!(server.count(), 1);
    }
}

#[tokio::test]
async fn what_cannot_be_sent_is_not_sent() {
    let cipher = settings(AesMode::Aes128Cbc, b"0123456789abcdef");
    let server = Server::start([]).await;
    let client = hasty(&server, &cipher).build().unwrap();
    let mut large = report();
    large.infos[0].content = "x".repeat(2 << 20).into();
    let error = client.file(&large).await.unwrap_err();
    assert!(matches!(error, ClientError::InvalidRequest(_)), "{error}");
    assert_eq!(server.count(), 0);
    let wrong_key = settings(AesMode::Aes256Cbc, b"0123456789abcdef");
    for (url, app, cipher) in [
        ("ftp://example.com", "a", &cipher),
        ("http://example.com", "", &cipher),
        ("http://example.com", "a", &wrong_key),
    ] {
        let built = DialogueClient::new(url, app, cipher);
        assert!(matches!(built, Err(ClientError::Setup(_))), "{url} {app}");
    }
    let shown = format!("{client:?} {:?}", hasty(&server, &cipher));
    assert!(!shown.contains("0123456789abcdef"), "{shown}");
}

#[tokio::test]
async fn a_plain_connection_files_once() {
    let server = Server::start([LATER, FILED]).await;
    let mut connection = Connection::connect(server.addr).await.unwrap();
    let form = report_form("a", "AAAA");
    let refused = connection.post_dialogue(form.clone().into()).await;
    assert!(matches!(
        refused,
        Err(ClientError::Refused { code: 503, .. })
    ));
    let ticket = connection.post_dialogue(form.into()).await.unwrap();
    assert_eq!(ticket.as_deref(), Some("35474574"));
    assert_eq!(server.received().len(), 2);
}
