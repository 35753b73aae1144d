//! What a request carries as its session, the csrf rule, and stateless sessions.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reportd_protocol::playback::{
    BadKey, Carried, Code, Cookies, Endpoint, Form, Jwt, JwtAlgorithm, JwtClaims, JwtFault, Sent,
    SessionKey, SigningKey,
};
use rstest::rstest;

const NOW_MS: i64 = 1_763_700_000_000;
const NOW_S: i64 = NOW_MS / 1000;
const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const SEED: [u8; 32] = [7; 32];

fn form(query: &'static str) -> Form<'static> {
    Form::read(&Sent {
        query: Some(query),
        ..Sent::default()
    })
    .expect("it can be read")
}

fn cookies(header: &'static str) -> Cookies<'static> {
    Cookies::parse([header.as_bytes()])
}

#[rstest]
#[case::key(Endpoint::HistoryReport, "access_key=k", "", Some((&["k"][..], false)))]
#[case::cookie(Endpoint::HistoryReport, "", "SESSDATA=c", Some((&["c"][..], true)))]
#[case::key_goes_first(Endpoint::HistoryReport, "access_key=k", "SESSDATA=c", Some((&["k"][..], false)))]
#[case::an_empty_key_is_none(Endpoint::HistoryReport, "access_key=", "SESSDATA=c", Some((&["c"][..], true)))]
#[case::a_heartbeat_takes_no_key(Endpoint::Heartbeat, "access_key=k", "", None)]
#[case::a_heartbeat_takes_a_cookie(Endpoint::Heartbeat, "access_key=k", "SESSDATA=c;SESSDATA=d", Some((&["c", "d"][..], true)))]
#[case::nothing(Endpoint::History, "", "bili_jct=x", None)]
fn a_session_is_carried_by_key_or_cookie(
    #[case] endpoint: Endpoint,
    #[case] query: &'static str,
    #[case] header: &'static str,
    #[case] expected: Option<(&[&str], bool)>,
) {
    let (form, cookies) = (form(query), cookies(header));
    let carried = Carried::find(endpoint, &form, &cookies);
    let found = carried
        .as_ref()
        .map(|carried| (carried.secrets(), carried.is_cookie()));
    match (found, expected) {
        (Some(found), Some(expected)) => {
            assert_eq!(found.0, expected.0);
            assert_eq!(found.1, expected.1);
        }
        (found, expected) => assert_eq!(found.is_some(), expected.is_some()),
    }
    assert!(!format!("{carried:?}").contains("\"c\""));
}

#[rstest]
#[case::required(Endpoint::HistoryReport, "csrf=t", Ok(()))]
#[case::by_its_other_name(Endpoint::HistoryReport, "csrf_token=t", Ok(()))]
#[case::csrf_goes_first(
    Endpoint::HistoryReport,
    "csrf_token=t&csrf=u",
    Err("csrf: not the session's")
)]
#[case::missing(Endpoint::HistoryReport, "csrf=", Err("csrf: missing"))]
#[case::wrong(Endpoint::HistoryReport, "csrf=T", Err("csrf: not the session's"))]
#[case::optional(Endpoint::Heartbeat, "", Ok(()))]
#[case::optional_but_wrong(Endpoint::Heartbeat, "csrf=x", Err("csrf: not the session's"))]
#[case::optional_and_right(Endpoint::Heartbeat, "csrf=t", Ok(()))]
#[case::reading(Endpoint::HistoryCursor, "csrf=x", Ok(()))]
#[case::deleting(Endpoint::Delete, "", Err("csrf: missing"))]
fn csrf_is_compared_with_the_sessions(
    #[case] endpoint: Endpoint,
    #[case] query: &'static str,
    #[case] expected: Result<(), &str>,
) {
    let (form, cookies) = (form(query), cookies("SESSDATA=c; bili_jct=x"));
    let carried = Carried::find(endpoint, &form, &cookies).unwrap();
    let checked = carried.check_csrf(endpoint, &form, |sent| sent == "t");
    if let Err(refusal) = &checked {
        assert_eq!(refusal.code, Code::BadCsrf);
    }
    let checked = checked.map_err(|refusal| refusal.reason.into_owned());
    assert_eq!(checked, expected.map_err(str::to_owned));
}

#[test]
fn an_access_key_needs_no_csrf() {
    let (form, cookies) = (form("access_key=k&csrf=wrong"), Cookies::default());
    let carried = Carried::find(Endpoint::HistoryReport, &form, &cookies).unwrap();
    assert_eq!(
        carried.check_csrf(Endpoint::HistoryReport, &form, |sent| sent == "t"),
        Ok(())
    );
}

fn claims() -> JwtClaims {
    JwtClaims {
        mid: 9_007_199_254_740_993,
        csrf: "token".to_owned(),
        expires_at_s: NOW_S + 60,
        id: Some("login-1".to_owned()),
    }
}

fn keys() -> [(SigningKey, SessionKey); 2] {
    let shared = (SigningKey::hs256(SECRET), SessionKey::hs256(SECRET));
    let pair = SigningKey::ed25519(&SEED).expect("any seed will do");
    let public = SessionKey::ed25519(&pair.public_key().expect("a pair has one"));
    [
        (
            shared.0.expect("long enough"),
            shared.1.expect("long enough"),
        ),
        (pair, public.expect("it is one")),
    ]
}

#[test]
fn what_is_signed_is_verified_by_its_key_alone() {
    let [hs256, ed_dsa] = keys();
    let other = SessionKey::hs256(&[1; 32]).unwrap();
    for (own, foreign) in [(&hs256, &ed_dsa.1), (&ed_dsa, &hs256.1), (&hs256, &other)] {
        let text = own.0.sign(&claims(), Some("key-2"));
        let jwt = Jwt::parse(&text).unwrap();
        assert_eq!(jwt.algorithm(), own.1.algorithm());
        assert_eq!(jwt.key_id(), Some("key-2"));
        assert_eq!(jwt.verify(&own.1, NOW_MS), Ok(claims()));
        assert_eq!(jwt.verify(foreign, NOW_MS), Err(JwtFault::BadSignature));
    }
}

#[test]
fn a_changed_byte_anywhere_is_no_session() {
    for (signing, key) in keys() {
        let text = signing.sign(&claims(), None);
        for place in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            let verified = Jwt::parse(&changed).map(|jwt| jwt.verify(&key, NOW_MS));
            assert!(!matches!(verified, Some(Ok(_))), "{place}");
        }
    }
}

/// The example of RFC 7515, A.1: a token made by somebody else. Its claims are no session's.
#[test]
fn the_published_example_is_signed_by_its_key() {
    let text = concat!(
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9",
        ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
        ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    );
    let secret =
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    let key = SessionKey::hs256(&URL_SAFE_NO_PAD.decode(secret).unwrap()).unwrap();
    let verified = Jwt::parse(text).unwrap().verify(&key, NOW_MS);
    assert_eq!(verified, Err(JwtFault::BadClaims));
}

fn signed_by_hand(header: &str, payload: &str) -> String {
    let (header, payload) = (
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(payload),
    );
    let signed = format!("{header}.{payload}");
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, SECRET);
    let signature = ring::hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[rstest]
#[case::whole(
    r#"{"mid":1,"csrf":"t","exp":1763700001,"iss":"site","aud":["a"]}"#,
    None
)]
#[case::a_fraction(r#"{"mid":1,"csrf":"t","exp":1763700001.9}"#, None)]
#[case::expires_now(r#"{"mid":1,"csrf":"t","exp":1763700000}"#, Some(JwtFault::Expired))]
#[case::not_yet(
    r#"{"mid":1,"csrf":"t","exp":1763709999,"nbf":1763700061}"#,
    Some(JwtFault::NotYet)
)]
#[case::nearly(r#"{"mid":1,"csrf":"t","exp":1763709999,"nbf":1763700060}"#, None)]
#[case::no_mid(r#"{"csrf":"t","exp":1763700001}"#, Some(JwtFault::BadClaims))]
#[case::nobody(r#"{"mid":0,"csrf":"t","exp":1763700001}"#, Some(JwtFault::BadClaims))]
#[case::no_csrf(r#"{"mid":1,"exp":1763700001}"#, Some(JwtFault::BadClaims))]
#[case::no_exp(r#"{"mid":1,"csrf":"t"}"#, Some(JwtFault::BadClaims))]
#[case::a_text(
    r#"{"mid":1,"csrf":"t","exp":"1763700001"}"#,
    Some(JwtFault::BadClaims)
)]
#[case::two_viewers(
    r#"{"mid":1,"mid":2,"csrf":"t","exp":1763700001}"#,
    Some(JwtFault::BadClaims)
)]
#[case::no_object("[]", Some(JwtFault::BadClaims))]
fn claims_are_checked_after_the_signature(#[case] payload: &str, #[case] fault: Option<JwtFault>) {
    let text = signed_by_hand(r#"{"alg":"HS256"}"#, payload);
    let key = SessionKey::hs256(SECRET).unwrap();
    let jwt = Jwt::parse(&text).unwrap();
    assert_eq!(jwt.verify(&key, NOW_MS).err(), fault);
}

#[test]
fn other_secrets_are_no_jwt() {
    let payload = r#"{"mid":1,"csrf":"t","exp":1763700001}"#;
    for header in [
        r#"{"alg":"none"}"#,
        r#"{"alg":"RS256"}"#,
        r#"{"alg":"hs256"}"#,
        r#"{"alg":"HS256","crit":["x"],"x":1}"#,
        r#"{"typ":"JWT"}"#,
        "[]",
    ] {
        assert!(
            Jwt::parse(&signed_by_hand(header, payload)).is_none(),
            "{header}"
        );
    }
    for text in [
        "",
        ".",
        "..",
        "a.b.c",
        "xxx",
        "a,1,b*12",
        "eyJhbGciOiJIUzI1NiJ9.e30",
    ] {
        assert!(Jwt::parse(text).is_none(), "{text}");
    }
}

#[test]
fn keys_come_in_the_forms_that_people_have() {
    let public = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    let der = "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    let pem = format!("-----BEGIN PUBLIC KEY-----\r\n{der}\r\n-----END PUBLIC KEY-----\n");
    for text in [
        public,
        "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
        der,
        &pem,
    ] {
        let key = SessionKey::ed25519(text).unwrap();
        assert_eq!(key.algorithm(), JwtAlgorithm::EdDsa);
    }
    for text in ["", "AAAA", "not base64!", &public[1..]] {
        assert_eq!(SessionKey::ed25519(text).unwrap_err(), BadKey::NotEd25519);
    }
    assert_eq!(
        SessionKey::hs256(&SECRET[1..]).unwrap_err(),
        BadKey::TooShort
    );
    assert!(SigningKey::hs256(&SECRET[1..]).is_err());
}
