//! Forms in which real clients send the same: recorded in `tests/data/forms.jsonl`, one request a line, in order.

use std::collections::BTreeMap;

use axum::http::Method;
use reportd_protocol::push::auth_sign;
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde::Deserialize;

use crate::world::{NOON_MS, ONE, World};

#[derive(Deserialize)]
struct Form {
    about: String,
    method: String,
    path: String,
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
    status: u16,
    code: i64,
}

#[rstest]
fn forms_of_real_clients_are_taken(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let now = NOON_MS.to_string();
    let sign = auth_sign(ONE.appkey, &now, ONE.master_secret);
    let token = world.token(ONE);
    let fill = |text: &str| {
        text.replace("{app}", ONE.id)
            .replace("{appkey}", ONE.appkey)
            .replace("{now}", &now)
            .replace("{sign}", &sign)
            .replace("{SIGN}", &sign.to_uppercase())
            .replace("{token}", &token)
    };
    for line in include_str!("../data/forms.jsonl").lines() {
        let form: Form = serde_json::from_str(line).unwrap();
        let headers: Vec<_> = form
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), fill(value)))
            .collect();
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let method = Method::from_bytes(form.method.as_bytes()).unwrap();
        let reply = world.send(&method, &fill(&form.path), &headers, fill(&form.body));
        assert_eq!(
            (reply.status, reply.code()),
            (form.status, form.code),
            "{}: {}",
            form.about,
            reply.text
        );
        assert_eq!(
            reply.header("content-type"),
            "application/json;charset=utf-8",
            "{}",
            form.about
        );
    }
}
