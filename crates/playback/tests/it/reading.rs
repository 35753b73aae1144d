//! What was reported reads back: pages that neither skip nor repeat, whatever happens between them; resume points; deletes
//! and pauses.

use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{ONE, Session, TWO, World};

const CURSOR: &str = "/x/web-interface/history/cursor";

/// Aids of a page, and the parameters of the next one; none at the end.
fn page(world: &World, session: &Session, parameters: &str) -> (Vec<i64>, String) {
    let data = world.fresh(&format!("{CURSOR}?{parameters}"), &session.cookie());
    let cursor = &data["cursor"];
    let list = data["list"].as_array().unwrap();
    assert_eq!(list.is_empty(), cursor["max"] == 0, "{cursor}");
    let aids = list
        .iter()
        .map(|item| item["history"]["oid"].as_i64().unwrap());
    let business = cursor["business"].as_str().unwrap();
    let next = format!(
        "max={}&view_at={}&business={business}",
        cursor["max"], cursor["view_at"]
    );
    (aids.collect(), next)
}

/// All aids, in pages of three; `between` is called before each page but the first.
fn pages(
    world: &World,
    session: &Session,
    filter: &str,
    mut between: impl FnMut(usize),
) -> Vec<i64> {
    let (mut all, mut next) = (Vec::new(), String::new());
    for number in 0.. {
        if number > 0 {
            between(number);
        }
        let (aids, cursor) = page(world, session, &format!("ps=3&type={filter}&{next}"));
        if aids.is_empty() {
            break;
        }
        all.extend(aids);
        next = cursor;
    }
    all
}

fn watch(world: &World, session: &Session, aid: i64) {
    world.beat(session, &format!("aid={aid}&cid=7&played_time=10"));
}

#[rstest]
fn pages_neither_skip_nor_repeat_whatever_happens_between(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    let session = world.session(ONE, 7);
    for aid in 1..=20 {
        watch(&world, &session, aid);
        if aid % 8 == 0 {
            world.clock.advance(1_000);
        }
    }
    let still: Vec<i64> = [20, 19, 18, 17]
        .into_iter()
        .chain((9..=16).rev())
        .chain((1..=8).rev())
        .collect();
    assert_eq!(pages(&world, &session, "", |_| ()), still);
    let moved = pages(&world, &session, "", |number| match number {
        // A new one comes on top, one of a later page moves there, one that was shown moves, one goes.
        1 => watch(&world, &session, 100),
        2 => watch(&world, &session, 3),
        3 => watch(&world, &session, 19),
        4 => {
            let form = format!("kid=archive_6&csrf={}", session.csrf);
            let cookie = session.cookie();
            assert_eq!(world.post("/x/v2/history/delete", &cookie, &form).code(), 0);
        }
        5 => watch(&world, &session, 101),
        _ => {}
    });
    let expected: Vec<i64> = still
        .into_iter()
        .filter(|aid| ![3, 6].contains(aid))
        .collect();
    assert_eq!(moved, expected);
}

#[rstest]
fn a_cursor_may_say_less(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let session = world.session(ONE, 7);
    let at_s = world.now_ms() / 1000;
    for aid in [1, 2, 3] {
        watch(&world, &session, aid);
    }
    world.clock.advance(1_000);
    watch(&world, &session, 4);
    let aids = |parameters: &str| page(&world, &session, parameters).0;
    assert_eq!(aids("max=&view_at=&business=&type=&ps="), [4, 3, 2, 1]);
    assert_eq!(aids("max=0&view_at=0"), [4, 3, 2, 1]);
    assert_eq!(aids(&format!("view_at={}", at_s + 1)), [3, 2, 1]);
    assert_eq!(aids(&format!("view_at={at_s}")), [0_i64; 0]);
    assert_eq!(aids(&format!("max=3&view_at={at_s}")), [2, 1]);
    assert_eq!(aids("type=archive&ps=2"), [4, 3]);
    assert_eq!(aids("type=live"), [0_i64; 0]);
    let bad = world.get(&format!("{CURSOR}?max=3"), &session.cookie());
    assert_eq!(bad.code(), -400);
}

#[rstest]
fn episodes_of_one_second_stay_on_one_page(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let session = world.session(ONE, 7);
    let episode = |aid: i64, season: i64, sort: i64| {
        let form = format!("aid={aid}&cid=1&type={sort}&sid={season}&epid={aid}&played_time=5");
        world.beat(&session, &form);
    };
    for aid in 1..=5 {
        episode(aid, 50, 4);
    }
    for aid in 6..=9 {
        episode(aid, 40, 4);
        episode(10 + aid, 0, 10);
    }
    watch(&world, &session, 30);
    // Number 50 stands before 40: five episodes are one page, though it was to have three.
    let all = pages(&world, &session, "pgc", |_| ());
    let sorted = |range: &[i64]| {
        let mut sorted = range.to_vec();
        sorted.sort_unstable();
        sorted
    };
    assert_eq!(
        (sorted(&all[..5]), sorted(&all[5..])),
        (vec![1, 2, 3, 4, 5], vec![6, 7, 8, 9])
    );
    assert_eq!(pages(&world, &session, "cheese", |_| ()), [19, 18, 17, 16]);
    let data = world.fresh(&format!("{CURSOR}?type=pgc&ps=1"), &session.cookie());
    let item = &data["list"][0];
    assert_eq!(
        (&item["kid"], &item["history"]["business"]),
        (&json!(50), &json!("pgc"))
    );
    // The season goes as a whole.
    let form = format!("kid=pgc_50&csrf={}", session.csrf);
    assert_eq!(
        world
            .post("/x/v2/history/delete", &session.cookie(), &form)
            .code(),
        0
    );
    assert_eq!(
        sorted(&pages(&world, &session, "pgc", |_| ())),
        [6, 7, 8, 9]
    );
}

#[rstest]
fn what_shares_second_and_number_is_on_one_page(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let session = world.session(ONE, 7);
    // The season has the number of the video.
    for form in ["aid=7&type=4&sid=5&epid=1", "aid=5", "aid=4", "aid=6"] {
        world.beat(&session, &format!("{form}&cid=1"));
    }
    let (mut met, mut cursor) = (Vec::new(), String::new());
    for _ in 0..4 {
        let page = world.fresh(&format!("{CURSOR}?ps=1{cursor}"), &session.cookie());
        let items = page["list"].as_array().unwrap().iter();
        let aids: Vec<_> = items.map(|item| item["history"]["oid"].as_i64()).collect();
        met.push(aids.into_iter().flatten().collect::<Vec<_>>());
        let (max, view_at) = (&page["cursor"]["max"], &page["cursor"]["view_at"]);
        cursor = format!("&max={max}&view_at={view_at}");
    }
    assert_eq!(met, [vec![6], vec![7, 5], vec![4], vec![]]);
}

#[rstest]
fn ids_have_64_bits(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let session = world.session(ONE, i64::MAX);
    let (aid, cid) = (i64::MAX, i64::MAX - 1);
    let line = json!({"aid": aid, "cid": cid, "title": "t", "author": {"mid": aid, "name": "n"}});
    let path = format!("{ONE}/playback/catalogue");
    world.admin(&axum::http::Method::PUT, &path, &line);
    world.beat(
        &session,
        &format!("aid={aid}&cid={cid}&type=4&sid={aid}&epid={cid}&played_time=9"),
    );
    let data = world.fresh(CURSOR, &session.cookie());
    let item = &data["list"][0];
    assert_eq!(item["history"]["oid"], aid);
    assert_eq!(
        (&item["history"]["cid"], &item["history"]["epid"]),
        (&json!(cid), &json!(cid))
    );
    assert_eq!(
        (&item["kid"], &item["author_mid"]),
        (&json!(aid), &json!(aid))
    );
    assert_eq!(
        (&item["title"], &item["history"]["bvid"]),
        (&json!("t"), &json!(""))
    );
    let path = format!("/x/player/v2?aid={aid}&cid={cid}");
    let player = world.fresh(&path, &session.cookie());
    assert_eq!(
        (&player["aid"], &player["last_play_cid"]),
        (&json!(aid), &json!(cid))
    );
    assert_eq!(
        (&player["login_mid"], &player["last_play_time"]),
        (&json!(i64::MAX), &json!(9_000))
    );
    assert_eq!(pages(&world, &session, "", |_| ()), [aid]);
    let videos = world.admin(
        &axum::http::Method::GET,
        &format!("{ONE}/playback/videos"),
        &Value::Null,
    );
    assert_eq!(videos["videos"][0]["aid"], aid);
}

#[rstest]
fn the_newest_part_is_where_the_viewer_resumes(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let session = world.session(ONE, 7);
    let cookie = session.cookie();
    let player = |aid: i64| {
        let data = world.fresh(&format!("/x/player/v2?aid={aid}&cid=5"), &cookie);
        let number = |name: &str| data[name].as_i64().unwrap();
        (number("last_play_cid"), number("last_play_time"))
    };
    assert_eq!(player(1), (0, 0));
    world.beat(&session, "aid=1&cid=5&played_time=100&video_duration=1000");
    assert_eq!(player(1), (5, 100_000));
    world.clock.advance(15_000);
    world.beat(&session, "aid=1&cid=6&played_time=20&video_duration=1000");
    assert_eq!(player(1), (6, 20_000));
    // A second device that was paused meanwhile does not take over.
    world.clock.advance(1_000);
    world.beat(
        &session,
        "aid=1&cid=5&played_time=300&play_type=2&session=other",
    );
    assert_eq!(player(1), (6, 20_000));
    world.beat(&session, "aid=1&cid=6&played_time=970&video_duration=1000");
    assert_eq!(player(1), (6, 0), "finished");
    assert_eq!(world.history(&cookie), [(1, -1)]);
    let anonymous = world.get("/x/player/v2?aid=1", "");
    assert_eq!(anonymous.code(), -404, "two apps, and nobody says which");
    let data = world.fresh("/x/player/wbi/v2?bvid=BV1xx411c7mQ", &cookie);
    assert_eq!(
        (&data["aid"], &data["bvid"]),
        (&json!(1), &json!("BV1xx411c7mQ"))
    );
    assert_eq!(data["now_time"], world.now_ms() / 1000);
    // The site knows better how long it is, and when that is finished.
    let line = json!({"aid": 1, "cid": 6, "duration": 2000, "title": "one", "part_title": "p6", "page": 2});
    world.admin(
        &axum::http::Method::PUT,
        &format!("{ONE}/playback/catalogue"),
        &line,
    );
    assert_eq!(player(1), (6, 970_000));
    let page = world.fresh(CURSOR, &cookie);
    let item = &page["list"][0];
    assert_eq!(
        (&item["title"], &item["duration"]),
        (&json!("one"), &json!(2000))
    );
    assert_eq!(
        (&item["show_title"], &item["history"]["page"]),
        (&json!("p6"), &json!(2))
    );
    world.put_settings(ONE, &json!({"finish": {"within_s": 1030}}));
    assert_eq!(player(1), (6, 0));
}

#[rstest]
fn deletes_clears_and_pauses_read_back(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let session = world.session(ONE, 7);
    let cookie = session.cookie();
    let post = |path: &str, fields: &str| {
        let form = format!("{fields}&csrf={}", session.csrf);
        assert_eq!(world.post(path, &cookie, &form).code(), 0);
    };
    let shown = || -> Vec<i64> { world.history(&cookie).iter().map(|item| item.0).collect() };
    for aid in [1, 2, 3] {
        watch(&world, &session, aid);
        world.clock.advance(1_000);
    }
    post("/x/v2/history/delete", "kid=archive_2");
    assert_eq!(shown(), [3, 1]);
    let resume = world.fresh("/x/player/v2?aid=2", &cookie);
    assert_eq!(
        (&resume["last_play_time"], &resume["last_play_cid"]),
        (&json!(0), &json!(0))
    );
    world.clock.advance(1_000);
    watch(&world, &session, 2);
    assert_eq!(shown(), [2, 3, 1], "it is watched again");
    post("/x/v2/history/clear", "");
    assert_eq!(shown(), [0_i64; 0]);
    world.clock.advance(1_000);
    watch(&world, &session, 4);
    post("/x/v2/history/shadow/set", "switch=true");
    watch(&world, &session, 5);
    assert_eq!(shown(), [4]);
    post("/x/v2/history/shadow/set", "switch=false");
    watch(&world, &session, 6);
    assert_eq!(shown(), [6, 4]);
}

#[rstest]
fn numbered_pages_and_strangers(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let session = world.session(ONE, 7);
    for aid in 1..=7 {
        watch(&world, &session, aid);
    }
    let list = |session: &Session, parameters: &str| -> Vec<i64> {
        let path = format!("/x/v2/history?{parameters}");
        let data = world.fresh(&path, &session.cookie());
        let items = data.as_array().unwrap().iter();
        items.map(|item| item["aid"].as_i64().unwrap()).collect()
    };
    assert_eq!(list(&session, ""), [7, 6, 5, 4, 3, 2, 1]);
    assert_eq!(list(&session, "pn=2&ps=3"), [4, 3, 2]);
    assert_eq!(list(&session, "pn=3&ps=3"), [1]);
    assert_eq!(list(&session, "pn=4&ps=3"), [0_i64; 0]);
    assert_eq!(list(&session, "pn=1000000&ps=300"), [0_i64; 0]);
    for (app, mid) in [(ONE, 8), (TWO, 7)] {
        let stranger = world.session(app, mid);
        assert_eq!(list(&stranger, ""), [0_i64; 0]);
        assert_eq!(page(&world, &stranger, "").0, [0_i64; 0]);
    }
    let reply = world.get("/x/v2/history", "");
    assert_eq!((reply.code(), reply.json().get("data")), (-101, None));
}
