//! Keys, and sessions by hand.

use axum::http::StatusCode;
use reportd_platform::access::Role;
use reportd_testbed::run;
use serde_json::Value;

use super::{said, stub};
use crate::testing::World;

const ROOT: &str = "/console/apps/bots/playback";

/// A call and what it sends: members are in no order.
fn sent(call: &str) -> (&str, Value) {
    let (call, body) = call
        .split_once(" {")
        .map_or((call, String::new()), |(call, body)| {
            (call, format!("{{{body}"))
        });
    (call, serde_json::from_str(&body).unwrap_or_default())
}

#[test]
fn keys_are_shown_and_changed() {
    run(async {
        let (api, asked) = stub("login");
        let visitor = World::new(api).visitor(Role::Admin).await;
        let (status, page) = visitor.get(&format!("{ROOT}/access")).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        for text in [
            "login",
            "EdDSA",
            "cHVibGlj",
            "HS256",
            "not shown",
            "/console/settings/apps/bots#playback",
        ] {
            assert!(page.contains(text), "{text}\n{page}");
        }
        said(&asked);
        for (path, form, call) in [
            (
                "keys",
                vec![("kid", "k"), ("algorithm", "HS256"), ("key", "hex:00 \n")],
                r#"POST /api/apps/bots/session-keys {"algorithm":"HS256","kid":"k","secret":"hex:00"}"#,
            ),
            (
                "keys",
                vec![("kid", ""), ("algorithm", "EdDSA"), ("key", "cHVi")],
                r#"POST /api/apps/bots/session-keys {"algorithm":"EdDSA","kid":"","public_key":"cHVi"}"#,
            ),
            (
                "keys/remove",
                vec![("id", "3")],
                "DELETE /api/apps/bots/session-keys/3",
            ),
            (
                "tokens",
                vec![("mid", "7"), ("jti", "a/b")],
                "DELETE /api/apps/bots/viewers/7/sessions/jti%3Aa%2Fb",
            ),
            (
                "tokens",
                vec![("mid", "7"), ("jti", "a"), ("exp", " 1795233600 ")],
                "DELETE /api/apps/bots/viewers/7/sessions/jti%3Aa?exp=1795233600",
            ),
        ] {
            let (status, address) = visitor.post(&format!("{ROOT}/access/{path}"), &form).await;
            assert_eq!(status, StatusCode::SEE_OTHER, "{address}");
            assert_eq!(address, format!("{ROOT}/access?done=1"));
            assert_eq!(
                said(&asked)
                    .iter()
                    .map(|call| sent(call))
                    .collect::<Vec<_>>(),
                [sent(call)]
            );
        }
    });
}

#[test]
fn secrets_of_a_session_are_shown_once() {
    run(async {
        let (api, asked) = stub("");
        let visitor = World::new(api).visitor(Role::Admin).await;
        let form = [("mid", " 7"), ("label", "phone"), ("life_days", "2")];
        for path in ["access/sessions", "viewers/7/sessions"] {
            let (status, page) = visitor.post(&format!("{ROOT}/{path}"), &form).await;
            assert_eq!(status, StatusCode::OK, "{page}");
            for text in [
                "the-sessdata",
                "the-csrf",
                "the-access-key",
                "phone",
                "2026-11-22 00:00:00",
            ] {
                assert!(page.contains(text), "{text}");
            }
            assert_eq!(
                said(&asked),
                [
                    r#"POST /api/apps/bots/viewers/7/sessions {"label":"phone","life_seconds":172800}"#
                ]
            );
        }
        let form = [("mid", "7"), ("label", ""), ("life_days", "0")];
        let (status, page) = visitor
            .post(&format!("{ROOT}/access/sessions"), &form)
            .await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(page.contains("life_days") && said(&asked).is_empty());
    });
}

#[test]
fn a_key_that_is_not_taken_is_not_shown_again() {
    run(async {
        let refuse = |method: axum::http::Method| async move {
            let told = match method.as_str() {
                "GET" => (StatusCode::OK, r#"{"keys": []}"#),
                _ => (
                    StatusCode::BAD_REQUEST,
                    r#"{"detail": "expected at least 32 bytes", "field": "secret"}"#,
                ),
            };
            axum::response::IntoResponse::into_response(told)
        };
        let path = "/api/apps/{app}/session-keys";
        let api = axum::Router::new().route(path, axum::routing::any(refuse));
        let visitor = World::new(api).visitor(Role::Admin).await;
        let form = [
            ("kid", "k<1>"),
            ("algorithm", "EdDSA"),
            ("key", "hush-hush"),
        ];
        let (status, page) = visitor.post(&format!("{ROOT}/access/keys"), &form).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        for text in [
            "expected at least 32 bytes",
            r#"value="k&#60;1&#62;""#,
            "<option selected>EdDSA</option>",
        ] {
            assert!(page.contains(text), "{text}\n{page}");
        }
        assert!(!page.contains("hush-hush"), "{page}");
    });
}
