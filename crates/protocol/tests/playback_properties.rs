//! What must hold for every input: no panic, and what is written reads back.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use reportd_protocol::playback::meaning::Kid;
use reportd_protocol::playback::{
    Beat, Business, Cookies, CursorQuery, Device, Form, HistoryProof, Jwt, ListQuery, MAX_BVID_AID,
    MAX_SECONDS, PlayType, Position, SeasonType, Sent, VideoQuery, VideoType, aid_of, bvid_of,
    heartbeat_form, history_form, read_kid, read_switch,
};

fn position() -> impl Strategy<Value = Position> {
    prop_oneof![
        (0..=MAX_SECONDS).prop_map(Position::At),
        (0..100_u32).prop_map(Position::At),
        Just(Position::End),
    ]
}

fn device() -> impl Strategy<Value = Device> {
    select(vec![1, 2, 3, 4, 5, 6, 7, 33]).prop_filter_map("known", Device::from_number)
}

prop_compose! {
    fn kinds()(
        video_type in of(select(&VideoType::ALL[..])),
        season_type in of(select(&SeasonType::ALL[..])),
        device in of(device()),
        episode_id in of(1..=i64::MAX),
        season_id in of(1..=i64::MAX),
    ) -> Beat<'static> {
        Beat {
            video_type,
            season_type: season_type.filter(|_| video_type == Some(VideoType::Episode)),
            device,
            episode_id,
            season_id,
            ..Beat::default()
        }
    }
}

prop_compose! {
    /// What both reports carry.
    fn common()(
        kinds in kinds(),
        aid in prop_oneof![1..=i64::MAX, 1..=9_i64],
        cid in prop_oneof![0..=i64::MAX, 0..=9_i64],
        position in position(),
        duration_s in of(1..=MAX_SECONDS),
    ) -> Beat<'static> {
        Beat { aid, cid, position: position.within(duration_s), duration_s, ..kinds }
    }
}

prop_compose! {
    fn heartbeat()(
        common in common(),
        play_type in select(&PlayType::ALL[..]),
        session in of("[^\\pC]{1,40}"),
        realtime_s in of(0..=MAX_SECONDS),
        real_played_s in of(0..=MAX_SECONDS),
        start_ts in of(0..=i64::MAX),
        last_progress in of(position()),
        max_progress in of(position()),
    ) -> Beat<'static> {
        Beat {
            play_type,
            session: session.map(Into::into),
            realtime_s,
            real_played_s,
            start_ts,
            last_progress,
            max_progress,
            ..common
        }
    }
}

fn sent<'a>(content_type: &'a [u8], body: &'a [u8]) -> Sent<'a> {
    Sent {
        content_type: Some(content_type),
        body,
        ..Sent::default()
    }
}

/// Reads all there is from a form that could be read.
fn read_all(form: &Form<'_>) {
    let _ = Beat::history_report(form);
    let _ = Beat::heartbeat(form);
    let _ = CursorQuery::read(form);
    let _ = ListQuery::read(form).map(|query| query.skip());
    let _ = VideoQuery::read(form);
    let _ = read_kid(form);
    let _ = read_switch(form);
}

/// Values of known names, odd ones among them.
fn pairs() -> impl Strategy<Value = String> {
    let names = vec![
        "aid",
        "bvid",
        "cid",
        "progress",
        "played_time",
        "type",
        "sub_type",
        "dt",
        "realtime",
        "max",
        "view_at",
        "ps",
        "pn",
        "kid",
        "switch",
        "session",
        "csrf",
    ];
    let values = prop_oneof![
        "-?[0-9]{0,20}\\.?[0-9]{0,3}",
        "\\PC{0,8}",
        "(%[0-9a-fA-F]{0,2}){0,4}",
        "BV1[0-9A-Za-z]{9}",
        Just(String::new()),
    ];
    let pair = (select(names), values).prop_map(|(name, value)| format!("{name}={value}"));
    vec(pair, 0..12).prop_map(|pairs| pairs.join("&"))
}

proptest! {
    #[test]
    fn a_bvid_leads_back_to_its_aid(aid in 1..=MAX_BVID_AID) {
        let bvid = bvid_of(aid).unwrap();
        prop_assert!(bvid.len() == 12 && bvid.starts_with("BV1"));
        prop_assert_eq!(aid_of(&bvid), Some(aid));
    }

    #[test]
    fn a_video_has_one_bvid(text in "BV1[1-9A-HJ-NP-Za-km-z]{9}") {
        if let Some(aid) = aid_of(&text) {
            prop_assert_eq!(bvid_of(aid), Some(text));
        }
    }

    #[test]
    fn a_heartbeat_reads_back_as_it_was_written(beat in heartbeat(), csrf in of("\\PC{1,20}")) {
        let body = heartbeat_form(&beat, csrf.as_deref());
        let form = Form::read(&sent(b"application/x-www-form-urlencoded", body.as_bytes())).unwrap();
        prop_assert_eq!(form.csrf(), csrf.as_deref());
        prop_assert_eq!(Beat::heartbeat(&form).unwrap(), beat);
    }

    #[test]
    fn a_history_report_reads_back_as_it_was_written(
        common in common(),
        platform in of("[^\\pC]{1,32}"),
        key in "\\PC{1,20}",
        has_key in any::<bool>(),
    ) {
        let beat = Beat { platform: platform.map(Into::into), ..common };
        let proof = if has_key { HistoryProof::AccessKey(&key) } else { HistoryProof::Csrf(&key) };
        let body = history_form(&beat, proof);
        let form = Form::read(&sent(b"application/x-www-form-urlencoded", body.as_bytes())).unwrap();
        prop_assert_eq!(form.access_key(), has_key.then_some(key.as_str()));
        prop_assert_eq!(form.csrf(), (!has_key).then_some(key.as_str()));
        prop_assert_eq!(Beat::history_report(&form).unwrap(), beat);
    }

    /// The same fields are the same report in the query, a urlencoded body and a multipart body.
    #[test]
    fn the_way_of_the_fields_makes_no_difference(beat in heartbeat()) {
        let body = heartbeat_form(&beat, None);
        let in_query = Form::read(&Sent { query: Some(&body), ..Sent::default() }).unwrap();
        prop_assert_eq!(&Beat::heartbeat(&in_query).unwrap(), &beat);
        let part = |(name, value): (std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)| {
            format!("--xYx\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let parts: String = form_urlencoded::parse(body.as_bytes()).map(part).collect();
        let parts = parts + "--xYx--\r\n";
        let multipart = b"multipart/form-data; boundary=xYx";
        let form = Form::read(&sent(multipart, parts.as_bytes())).unwrap();
        prop_assert_eq!(Beat::heartbeat(&form).unwrap(), beat);
    }

    #[test]
    fn no_fields_make_it_panic(query in pairs(), body in pairs()) {
        let form = Form::read(&Sent { query: Some(&query), body: body.as_bytes(), ..Sent::default() });
        if let Ok(form) = form {
            read_all(&form);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(
        bytes in vec(any::<u8>(), 0..200),
        content_type in vec(any::<u8>(), 0..60),
        text in "[\\-b\\r\\n:;=\"nam a]{0,80}",
    ) {
        let multipart = [b"multipart/form-data;", content_type.as_slice()].concat();
        for content_type in [&content_type[..], &multipart, b"multipart/form-data;boundary=b", b""] {
            for body in [&bytes[..], text.as_bytes(), &[b"--b\n", text.as_bytes(), b"\n--b--"].concat()] {
                if let Ok(form) = Form::read(&sent(content_type, body)) {
                    read_all(&form);
                }
            }
        }
        let cookies = Cookies::parse([&bytes[..], text.as_bytes()]);
        prop_assert!(cookies.secrets().len() <= 4);
    }

    #[test]
    fn no_text_makes_a_jwt_or_kid_panic(text in "\\PC{0,60}", parts in vec("[A-Za-z0-9_-]{0,40}", 0..5)) {
        prop_assert!(Jwt::parse(&text).is_none());
        let _ = Jwt::parse(&parts.join("."));
        let _ = Kid::parse(&text);
    }

    #[test]
    fn a_kid_reads_back(number in 1..=i64::MAX, business in select(&Business::ALL[..])) {
        let kid = Kid { business, number };
        prop_assert_eq!(Kid::parse(&kid.to_string()), Some(kid));
    }
}
