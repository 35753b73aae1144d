//! The read endpoints: their parameters, their replies byte by byte, and what a client reads.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use reportd_protocol::playback::meaning::Kid;
use reportd_protocol::playback::{
    Business, Code, CursorQuery, Device, EntryFacts, EntryPlace, Form, HistoryFilter, HistoryPage,
    ListItem, ListQuery, Listed, OnlineTotal, PageStart, PlayerData, Position, Refusal, Reply,
    Sent, VideoQuery, clear_form, data_reply, delete_form, last_play_time_ms, read_kid,
    read_switch, switch_form,
};
use rstest::rstest;
use serde_json::Value;

fn read<T>(query: &str, read: impl Fn(&Form<'_>) -> Result<T, Refusal>) -> Result<T, String> {
    let form = Form::read(&Sent {
        query: Some(query),
        ..Sent::default()
    });
    match form.and_then(|form| read(&form)) {
        Ok(value) => Ok(value),
        Err(refusal) => {
            assert_eq!(refusal.code, Code::BadRequest);
            Err(refusal.reason.into_owned())
        }
    }
}

const NEWEST: PageStart = PageStart::Newest;
const AT: PageStart = PageStart::Behind {
    view_at_s: 9,
    number: 7,
    business: None,
};
const AT_PGC: PageStart = PageStart::Behind {
    view_at_s: 9,
    number: 7,
    business: Some(Business::Pgc),
};

#[rstest]
#[case::nothing("", (NEWEST, HistoryFilter::All, 20))]
#[case::empty("max=&business=&view_at=&type=&ps=", (NEWEST, HistoryFilter::All, 20))]
#[case::zeros("max=0&view_at=0&business=&ps=0", (NEWEST, HistoryFilter::All, 20))]
#[case::a_page("max=7&view_at=9&business=pgc&ps=5", (AT_PGC, HistoryFilter::All, 5))]
#[case::an_old_client("max=7&view_at=9&type=archive&ps=20", (AT, HistoryFilter::All, 20))]
#[case::of_another_server("max=7&view_at=9&business=live", (AT, HistoryFilter::All, 20))]
#[case::older("view_at=9&business=pgc", (PageStart::OlderThan(9), HistoryFilter::All, 20))]
#[case::lessons("type=cheese&ps=30", (NEWEST, HistoryFilter::Only(Business::Cheese), 30))]
#[case::rooms("type=live&ps=31", (NEWEST, HistoryFilter::Nothing, 30))]
#[case::all("type=all&ps=99999999999999999", (NEWEST, HistoryFilter::All, 30))]
fn a_cursor_is_read(#[case] query: &str, #[case] expected: (PageStart, HistoryFilter, u32)) {
    let (start, filter, page_size) = expected;
    let expected = CursorQuery {
        start,
        filter,
        page_size,
    };
    assert_eq!(read(query, CursorQuery::read), Ok(expected));
    assert_eq!(read(&expected.write(), CursorQuery::read), Ok(expected));
}

#[rstest]
#[case("max=7", "max: given without view_at")]
#[case("max=x&view_at=9", "max: expected a number")]
#[case("view_at=-1", "view_at: out of range")]
#[case("ps=-1", "ps: out of range")]
#[case("ps=many", "ps: expected a number")]
fn a_malformed_cursor_is_refused(#[case] query: &str, #[case] reason: &str) {
    assert_eq!(read(query, CursorQuery::read), Err(reason.to_owned()));
}

#[rstest]
#[case("", 1, 100, Some(0))]
#[case("pn=0&ps=0", 1, 100, Some(0))]
#[case("pn=3&ps=20", 3, 20, Some(40))]
#[case("pn=2&ps=1000", 2, 300, Some(300))]
#[case("pn=101", 101, 100, Some(10_000))]
#[case("pn=102", 102, 100, None)]
#[case("pn=9223372036854775807", i64::MAX, 100, None)]
fn a_numbered_page_is_read(
    #[case] query: &str,
    #[case] page: i64,
    #[case] page_size: u32,
    #[case] skip: Option<u32>,
) {
    let expected = ListQuery { page, page_size };
    assert_eq!(read(query, ListQuery::read), Ok(expected));
    assert_eq!(expected.skip(), skip);
    assert_eq!(read(&expected.write(), ListQuery::read), Ok(expected));
}

#[test]
fn other_parameters() {
    let video = VideoQuery { aid: 2, cid: 5 };
    assert_eq!(read("bvid=BV1xx411c7mD&cid=5", VideoQuery::read), Ok(video));
    assert_eq!(read(&video.write(), VideoQuery::read), Ok(video));
    assert_eq!(
        read("cid=5", VideoQuery::read),
        Err("aid: missing".to_owned())
    );
    assert!(read("aid=1&bvid=BV1xx411c7mD", VideoQuery::read).is_err());

    let kid = Kid::parse("pgc_5").unwrap();
    assert_eq!(read(&delete_form(kid, "t&"), read_kid), Ok(kid));
    assert_eq!(read("kid=", read_kid), Err("kid: missing".to_owned()));
    assert!(read("kid=live_1", read_kid).is_err());

    for (text, is_paused) in [
        ("true", true),
        ("TRUE", true),
        ("1", true),
        ("False", false),
        ("0", false),
    ] {
        assert_eq!(
            read(&format!("switch={text}"), read_switch),
            Ok(is_paused),
            "{text}"
        );
    }
    assert_eq!(read(&switch_form(true, "t"), read_switch), Ok(true));
    assert_eq!(
        read("swich=true", read_switch),
        Err("switch: missing".to_owned())
    );
    assert!(read("switch=on", read_switch).is_err());
    assert_eq!(clear_form("t&"), "csrf=t%26");
}

fn facts() -> [EntryFacts; 2] {
    let episode = EntryFacts {
        aid: 111_298_867_365_120,
        cid: 25,
        business: Some(Business::Pgc),
        season_id: Some(5),
        episode_id: Some(77),
        device: Some(Device::WEB),
        view_at_ms: 1_763_700_001_999,
        position: Position::End,
        duration_s: Some(1420),
        listed: Listed {
            title: "S".to_owned(),
            cover: "c".to_owned(),
            author_name: "a".to_owned(),
            author_mid: 9,
            parts: 12,
            page: 2,
            part_title: "E2".to_owned(),
        },
    };
    let unknown = EntryFacts {
        aid: 170_001,
        view_at_ms: 1_763_700_000_000,
        position: Position::At(30),
        ..EntryFacts::default()
    };
    [episode, unknown]
}

#[test]
fn a_history_page_has_every_documented_key() {
    let list = facts()
        .iter()
        .map(|facts| (facts.place(), facts.item()))
        .collect();
    let page = HistoryPage::of(list, 20);
    let reply = data_reply(&page);
    let expected: Value =
        serde_json::from_str(include_str!("data/playback/history-page.json")).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&reply).unwrap(), expected);
    let read = Reply::decode(&reply).unwrap();
    assert!(read.is_ok());
    assert_eq!(read.read_data::<HistoryPage>().unwrap(), page);
}

#[test]
fn the_end_of_a_history_is_an_empty_list_and_a_max_of_0() {
    let reply = data_reply(&HistoryPage::of(vec![], 30));
    let expected = concat!(
        r#"{"code":0,"message":"0","ttl":1,"data":{"cursor":{"max":0,"view_at":0,"business":"","#,
        r#""ps":30},"tab":[{"type":"archive","name":"视频"}],"list":[]}}"#
    );
    assert_eq!(String::from_utf8(reply).unwrap(), expected);
}

#[test]
fn a_client_reads_what_other_servers_leave_out() {
    let body = include_bytes!("data/playback/history-page-of-another-server.json");
    let page: HistoryPage = Reply::decode(body).unwrap().read_data().unwrap();
    assert_eq!((page.cursor.max, page.list.len()), (7, 1));
    assert_eq!(page.list[0].progress, Position::End);
    assert!(page.tab.is_empty() && page.list[0].covers.is_empty());
}

#[test]
fn the_list_is_a_bare_array() {
    let list: Vec<ListItem> = facts().iter().map(EntryFacts::list_item).collect();
    let reply = data_reply(&list);
    let text = str::from_utf8(&reply).unwrap();
    assert!(text.starts_with(r#"{"code":0,"message":"0","ttl":1,"data":[{"aid":111298867365120,"#));
    assert_eq!(
        Reply::decode(&reply)
            .unwrap()
            .read_data::<Vec<ListItem>>()
            .unwrap(),
        list
    );
}

#[test]
fn other_replies() {
    assert_eq!(
        data_reply(&true),
        br#"{"code":0,"message":"0","ttl":1,"data":true}"#
    );
    let player = data_reply(&PlayerData {
        aid: 2,
        bvid: "BV1xx411c7mD".to_owned(),
        last_play_time: last_play_time_ms(Position::At(1248)),
        ..PlayerData::default()
    });
    let expected = concat!(
        r#"{"code":0,"message":"0","ttl":1,"data":{"aid":2,"bvid":"BV1xx411c7mD","cid":0,"#,
        r#""login_mid":0,"last_play_time":1248000,"last_play_cid":0,"now_time":0,"online_count":0}}"#
    );
    assert_eq!(String::from_utf8(player).unwrap(), expected);
    assert_eq!(last_play_time_ms(Position::End), 0);
    let online = concat!(
        r#"{"code":0,"message":"0","ttl":1,"data":{"total":"12","count":"3","#,
        r#""show_switch":{"total":true,"count":true}}}"#
    );
    assert_eq!(
        String::from_utf8(data_reply(&OnlineTotal::of(12, 3))).unwrap(),
        online
    );
    let refused = Reply::decode(Code::NotLoggedIn.reply().as_bytes()).unwrap();
    assert_eq!(
        (refused.code, refused.message.as_str(), refused.ttl),
        (-101, "账号未登录", 1)
    );
    assert!(refused.data.is_none() && refused.read_data::<bool>().is_err());
}

fn place() -> impl Strategy<Value = EntryPlace> {
    (0..4_i64, 1..5_i64, select(&Business::ALL[..])).prop_map(|(view_at_s, number, business)| {
        EntryPlace {
            view_at_s: view_at_s + 1,
            number,
            business,
        }
    })
}

proptest! {
    /// By the cursor of a page the next one starts behind the page's last entry.
    #[test]
    fn a_cursor_leads_behind_its_page(places in vec(place(), 1..30)) {
        let last = places[places.len() - 1];
        let list = places.into_iter().map(|place| (place, Default::default())).collect();
        let cursor = HistoryPage::of(list, 1).cursor;
        let query = format!("max={}&view_at={}&business={}", cursor.max, cursor.view_at, cursor.business);
        let behind = PageStart::Behind {
            view_at_s: last.view_at_s,
            number: last.number,
            business: Some(last.business),
        };
        prop_assert_eq!(read(&query, CursorQuery::read).unwrap().start, behind);
        let query = format!("view_at={}", cursor.view_at);
        let older = PageStart::OlderThan(last.view_at_s);
        prop_assert_eq!(read(&query, CursorQuery::read).unwrap().start, older);
    }
}
