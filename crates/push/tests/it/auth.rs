//! Tokens: how long they live, where, and how they end.

use axum::http::Method;
use reportd_platform::clock::DAY_MS;
use reportd_platform::credentials::CredentialKind;
use reportd_protocol::push::{AuthData, Reply as Envelope, auth_sign};
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde_json::json;

use crate::world::{App, NOON_MS, ONE, Setup, TWO, World, create_app};

fn works(world: &World, app: App, token: &str) -> bool {
    world.report(app, token, "online_user").code() == 0
}

fn log_out(world: &World, app: App, token: &str, body: &'static str) -> (u16, i64) {
    let path = format!("/v2/{}/auth/{token}", app.id);
    let reply = world.send(&Method::DELETE, &path, &[], body);
    (reply.status, reply.code())
}

#[rstest]
fn a_token_lives_24_hours_beside_others(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let reply = world.auth(ONE);
    let told = Envelope::decode(reply.text.as_bytes()).unwrap();
    let data: AuthData = serde_json::from_str(told.data.unwrap().get()).unwrap();
    assert_eq!(data.expire_time, (NOON_MS + DAY_MS).to_string());
    assert!(data.token.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    world.clock.advance(1);
    let second = world.token(ONE);
    assert_ne!(second, data.token);
    assert!(works(&world, ONE, &data.token) && works(&world, ONE, &second));

    world.clock.advance(DAY_MS - 2);
    assert!(works(&world, ONE, &data.token));
    world.clock.advance(1);
    assert!(!works(&world, ONE, &data.token) && works(&world, ONE, &second));
    assert_eq!(log_out(&world, ONE, &data.token, ""), (401, 10001));
    world.clock.advance(1);
    assert!(!works(&world, ONE, &second));
}

#[rstest]
fn tokens_survive_a_restart_and_are_kept_as_hashes(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let (kept, ended) = (world.token(ONE), world.token(ONE));
    assert_eq!(log_out(&world, ONE, &ended, ""), (200, 0));
    let world = world.restart();
    assert!(works(&world, ONE, &kept) && !works(&world, ONE, &ended));
    let mut rows = world
        .state
        .read(|tx| tx.query("SELECT hash FROM push_token", &[]))
        .unwrap();
    assert_eq!(rows.len(), 1);
    let stored = rows[0].take_bytes(0).unwrap();
    assert!(stored.len() == 32 && stored != kept.as_bytes());
}

#[rstest]
fn a_token_is_of_one_app(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let token = world.token(ONE);
    assert!(!works(&world, TWO, &token));
    assert_eq!(log_out(&world, TWO, &token, ""), (401, 10001));
    assert!(works(&world, ONE, &token));
    world.set_disabled(ONE, true);
    assert!(!works(&world, ONE, &token));
    world.set_disabled(ONE, false);
    assert!(works(&world, ONE, &token));
}

#[rstest]
fn a_log_out_takes_any_body_and_acts_at_once(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    for body in ["", "null", "{}", "not JSON"] {
        let token = world.token(ONE);
        assert_eq!(log_out(&world, ONE, &token, body), (200, 0), "{body}");
        assert!(!works(&world, ONE, &token));
        assert_eq!(log_out(&world, ONE, &token, body), (401, 10001));
    }
}

#[rstest]
fn a_log_out_acts_on_another_node_within_a_second() {
    let world = World::new(Postgres);
    let other = world.peer().unwrap();
    let token = world.token(ONE);
    assert!(works(&world, ONE, &token) && works(&other, ONE, &token));
    assert_eq!(log_out(&world, ONE, &token, ""), (200, 0));
    assert!(!works(&world, ONE, &token), "here at once");
    world.clock.advance(500);
    assert!(!works(&other, ONE, &token));
}

#[rstest]
fn expired_tokens_are_removed_as_new_ones_come(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let count = || {
        let sql = "SELECT COUNT(*) FROM push_token";
        world.state.read(|tx| tx.query_int(sql, &[])).unwrap()
    };
    let expire = "INSERT INTO push_token (hash, app, expires_at) VALUES ($1, 1, $2)";
    world
        .state
        .write(|tx| {
            for number in 0..150_u8 {
                tx.execute(expire, &[(&[number; 32][..]).into(), NOON_MS.into()])?;
            }
            Ok(())
        })
        .unwrap();
    world.token(ONE);
    assert_eq!(count(), 51, "100 at a time");
    world.token(ONE);
    assert_eq!(count(), 2);
}

#[rstest]
fn a_rotated_secret_works_until_its_grace_is_over(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    world.rotate(ONE, CredentialKind::MasterSecret, "new-secret", 3_600_000);
    let new = App {
        master_secret: "new-secret",
        ..ONE
    };
    // The server has not been told: it asks the store where it does not know a sign.
    assert_eq!(world.auth(new).code(), 0);
    assert_eq!(world.auth(ONE).code(), 0);
    world.clock.advance(3_600_000);
    assert_eq!((world.auth(new).code(), world.auth(ONE).code()), (0, 20001));

    world.rotate(ONE, CredentialKind::Appkey, "new-key", 0);
    let newer = App {
        appkey: "new-key",
        ..new
    };
    assert_eq!(world.auth(newer).code(), 0);
    assert_eq!(world.auth(new).code(), 20001);
}

#[rstest]
fn an_app_that_was_made_just_now_can_log_in(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let new = App { id: "new", ..ONE };
    create_app(&world.state, new);
    let token = world.token(new);
    assert!(works(&world, new, &token));
}

#[rstest]
#[case::number(json!(NOON_MS))]
#[case::text(json!(NOON_MS.to_string()))]
fn a_timestamp_is_a_number_or_text(#[case] timestamp: serde_json::Value) {
    let world = World::new(Embedded);
    let sign = auth_sign(ONE.appkey, &NOON_MS.to_string(), ONE.master_secret);
    let body = json!({"sign": sign, "timestamp": timestamp, "appkey": ONE.appkey}).to_string();
    let path = format!("/v2/{}/auth", ONE.id);
    // A client sends its stale token along.
    let reply = world.send(&Method::POST, &path, &[("token", "stale")], body);
    assert_eq!((reply.status, reply.code()), (200, 0), "{}", reply.text);
}

#[rstest]
fn a_token_outlives_its_secret_whatever_its_address_has_failed(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let setup = Setup {
        failures: 2,
        ..Setup::default()
    };
    let world = World::with(kind, setup);
    let (token, ended) = (world.token(ONE), world.token(ONE));
    assert_eq!(log_out(&world, ONE, &ended, ""), (200, 0));
    world.rotate(ONE, CredentialKind::MasterSecret, "new-secret", 0);
    world.directory.reload_if_changed().unwrap();
    let guess = |world: &World| world.report(ONE, &"x".repeat(56), "online_user");
    while guess(&world).header("retry-after").is_empty() {}
    assert!(works(&world, ONE, &token));
    assert!(!works(&world, ONE, &ended));
    // Not only because it was met a moment ago.
    world.clock.advance(1_000);
    assert!(works(&world, ONE, &token));
    if let Some(other) = world.peer() {
        while guess(&other).header("retry-after").is_empty() {}
        assert!(works(&other, ONE, &token));
    }
}
