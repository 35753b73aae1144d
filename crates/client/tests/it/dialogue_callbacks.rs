//! The receiver of callbacks: what it takes, what it refuses, and what it knows already.

use std::time::Duration;

use crate::dialogue::settings;
use reportd_client::protocol::dialogue::{
    AesMode, CallbackSecret, Cipher, CipherSettings, ID_HEADER, REVISION_HEADER, SIGNATURE_HEADER,
    TIMESTAMP_HEADER, Verdict,
};
use reportd_client::{Callback, CallbackError, CallbackReceiver, ClientError, HeaderMap, Received};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER_SECRET: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const KEY: &[u8] = b"0123456789abcdef";
const NOW_S: i64 = 1_795_233_600;

fn cipher() -> CipherSettings<'static> {
    settings(AesMode::Aes128Cbc, KEY)
}

fn verdict(ticket: u32) -> Verdict {
    Verdict {
        ticket_id: ticket.to_string(),
        category: "场景1".to_owned(),
        app_id: "app1".to_owned(),
        uniqid: "our-17".to_owned(),
        dialogue_result: "ad".to_owned(),
        user_results: vec![("id_9".to_owned(), "normal".to_owned())],
        auditor: "mei".to_owned(),
    }
}

/// The headers and the body of a callback, as the server sends it.
fn sent(verdict: &Verdict, id: &str, revision: Option<&str>) -> (HeaderMap, Vec<u8>) {
    let body = verdict.body(&Cipher::new(&cipher()).unwrap(), [3; 16]);
    let secret = CallbackSecret::parse(SECRET).unwrap();
    let signature = secret.sign(id, NOW_S, body.as_bytes());
    let mut headers = HeaderMap::new();
    let mut put = |name, value: &str| headers.insert(name, value.parse().unwrap());
    put(ID_HEADER, id);
    put(TIMESTAMP_HEADER, &NOW_S.to_string());
    put(SIGNATURE_HEADER, &signature);
    if let Some(revision) = revision {
        put(REVISION_HEADER, revision);
    }
    (headers, body.into_bytes())
}

fn receive(
    receiver: &CallbackReceiver,
    ticket: u32,
    id: &str,
    revision: &str,
) -> Result<Received, CallbackError> {
    let (headers, body) = sent(&verdict(ticket), id, Some(revision));
    receiver.receive(&headers, &body, NOW_S)
}

/// Receives what must be new, and remembers it.
fn take(receiver: &CallbackReceiver, ticket: u32, id: &str, revision: &str) {
    let received = receive(receiver, ticket, id, revision).unwrap();
    let Received::New(callback) = received else {
        panic!("{id}: {received:?}");
    };
    receiver.remember(&callback);
}

#[test]
fn a_callback_is_new_until_it_is_remembered() {
    let receiver = CallbackReceiver::new(SECRET, &cipher()).unwrap();
    let expected = Callback {
        verdict: verdict(1),
        webhook_id: "msg_1".to_owned(),
        revision: 1,
    };
    for _ in 0..2 {
        let received = receive(&receiver, 1, "msg_1", "1").unwrap();
        assert_eq!(received, Received::New(expected.clone()));
    }
    receiver.remember(&expected);
    assert_eq!(
        receive(&receiver, 1, "msg_1", "1").unwrap(),
        Received::Repeat
    );
    take(&receiver, 2, "msg_2", "1");
}

#[test]
fn the_newest_revision_wins() {
    let receiver = CallbackReceiver::new(SECRET, &cipher()).unwrap();
    take(&receiver, 1, "msg_a", "2");
    let late = receive(&receiver, 1, "msg_b", "1").unwrap();
    assert_eq!(late, Received::Outdated);
    take(&receiver, 1, "msg_c", "3");
    assert_eq!(
        receive(&receiver, 1, "msg_a", "2").unwrap(),
        Received::Repeat
    );
    assert_eq!(
        receive(&receiver, 1, "msg_d", "2").unwrap(),
        Received::Outdated
    );
    // Another ticket has revisions of its own; without the header it is the first.
    let (headers, body) = sent(&verdict(2), "msg_e", None);
    let received = receiver.receive(&headers, &body, NOW_S).unwrap();
    assert!(matches!(
        received,
        Received::New(Callback { revision: 1, .. })
    ));
}

#[test]
fn the_memory_is_bounded() {
    let receiver = CallbackReceiver::builder(SECRET, &cipher()).memory(2);
    let receiver = receiver.build().unwrap();
    for (ticket, id) in [(1, "msg_1"), (2, "msg_2"), (3, "msg_3")] {
        take(&receiver, ticket, id, "1");
    }
    assert_eq!(
        receive(&receiver, 3, "msg_3", "1").unwrap(),
        Received::Repeat
    );
    assert_eq!(
        receive(&receiver, 2, "msg_2", "1").unwrap(),
        Received::Repeat
    );
    take(&receiver, 1, "msg_1", "1");
    let none = CallbackReceiver::builder(SECRET, &cipher()).memory(0);
    let none = none.build().unwrap();
    take(&none, 1, "msg_1", "1");
    take(&none, 1, "msg_1", "1");
}

#[test]
fn what_is_not_proved_is_not_taken() {
    let receiver = CallbackReceiver::new(SECRET, &cipher()).unwrap();
    let (headers, body) = sent(&verdict(1), "msg_1", Some("1"));
    let refused = |headers: &HeaderMap, body: &[u8], now_s| {
        receiver.receive(headers, body, now_s).unwrap_err()
    };
    for name in [ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER] {
        let mut without = headers.clone();
        without.remove(name);
        assert_eq!(
            refused(&without, &body, NOW_S),
            CallbackError::NoHeader(name)
        );
    }
    for (name, value) in [
        (ID_HEADER, "msg_2"),
        (TIMESTAMP_HEADER, "1795233601"),
        (TIMESTAMP_HEADER, "soon"),
        (SIGNATURE_HEADER, "v1,AAAA"),
    ] {
        let mut other = headers.clone();
        other.insert(name, value.parse().unwrap());
        let error = refused(&other, &body, NOW_S);
        assert_eq!(
            (error, error.status()),
            (CallbackError::BadSignature, 401),
            "{name}"
        );
    }
    for now_s in [NOW_S - 301, NOW_S + 301] {
        assert_eq!(refused(&headers, &body, now_s), CallbackError::BadSignature);
    }
    let other_body = [&body[..], b"&x=1"].concat();
    assert_eq!(
        refused(&headers, &other_body, NOW_S),
        CallbackError::BadSignature
    );
    let mut odd = headers.clone();
    odd.insert(REVISION_HEADER, "two".parse().unwrap());
    assert_eq!(refused(&odd, &body, NOW_S), CallbackError::BadRevision);
    let wider = CallbackReceiver::builder(SECRET, &cipher())
        .tolerance(Duration::from_secs(600))
        .build()
        .unwrap();
    assert!(wider.receive(&headers, &body, NOW_S + 600).is_ok());
}

#[test]
fn secrets_and_keys_can_be_replaced() {
    let (headers, body) = sent(&verdict(1), "msg_1", Some("1"));
    let other_key = settings(AesMode::Aes128Cbc, b"fedcba9876543210");
    let strange = CallbackReceiver::new(SECRET, &other_key).unwrap();
    let error = strange.receive(&headers, &body, NOW_S).unwrap_err();
    assert_eq!((error, error.status()), (CallbackError::CannotOpen, 400));
    let both = CallbackReceiver::builder(OTHER_SECRET, &other_key)
        .secret(SECRET)
        .cipher(&cipher())
        .build()
        .unwrap();
    let received = both.receive(&headers, &body, NOW_S).unwrap();
    assert!(matches!(received, Received::New(_)));
    assert!(!format!("{both:?}").contains("MfKQ9r8G"));
    for built in [
        CallbackReceiver::new("whsec_c2hvcnQ=", &cipher()),
        CallbackReceiver::new(SECRET, &settings(AesMode::Aes256Cbc, KEY)),
    ] {
        assert!(matches!(built, Err(ClientError::Setup(_))));
    }
}
