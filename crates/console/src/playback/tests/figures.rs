//! Videos, one video, and viewers now.

use axum::http::StatusCode;
use reportd_platform::access::Role;
use reportd_testbed::run;

use super::{said, stub};
use crate::testing::World;

const ROOT: &str = "/console/apps/bots/playback";

#[test]
fn videos_are_shown_as_the_api_tells() {
    run(async {
        let (api, asked) = stub("A title");
        let visitor = World::new(api).visitor(Role::Viewer).await;
        let days = "from=2026-11-20&to=2026-11-21";
        let (status, page) = visitor.get(&format!("{ROOT}?{days}&sort=watched")).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        for text in [
            "A title",
            "av170001 · BV17x411w7KC",
            "1,234",
            "12 h 30 min",
            "1:12:01",
            "25.0 %",
            "31",
            "/console/apps/bots/playback/videos/170001?from=2026-11-20",
            "cursor=50",
            "/api/apps/bots/playback/days?from=2026-11-20",
        ] {
            assert!(page.contains(text), "{text}\n{page}");
        }
        let calls = said(&asked);
        assert!(calls[1].contains("sort=watched&limit=50"), "{calls:?}");
        // Today is not over: the day before it stands beside the one before that.
        for (call, day) in [(2, "2026-11-19"), (3, "2026-11-20")] {
            let asked = format!("playback/days?from={day}&to={day}");
            assert!(calls[call].contains(&asked), "{calls:?}");
        }
        assert!(
            page.contains("±0.0 % · 1,234 → 1,234") && page.contains("Today is not over"),
            "{page}"
        );
        let (_, csv) = visitor.get(&format!("{ROOT}?{days}&csv=videos")).await;
        assert!(
            csv.starts_with("\u{feff}\"Video\",\"aid\",\"bvid\",\"Plays\""),
            "{csv}"
        );
        assert!(csv.contains(
            "\"A title\",\"170001\",\"BV17x411w7KC\",\"12\",\"9\",\"4321\",\"360\",\"25.0\""
        ));
        let (_, csv) = visitor.get(&format!("{ROOT}?{days}&csv=days")).await;
        assert!(
            csv.contains("\"2026-11-21\",\"1000\",\"2\",\"40000\",\"40\""),
            "{csv}"
        );
        let (_, page) = visitor.in_chinese().get(&format!("{ROOT}?{days}")).await;
        for text in ["播放量", "观看时长", "完播率", "在看人数", "12 小时 30 分"] {
            assert!(page.contains(text), "{text}");
        }
    });
}

#[test]
fn a_video_is_found_by_aid_and_bvid() {
    run(async {
        let (api, asked) = stub("");
        let visitor = World::new(api).visitor(Role::Viewer).await;
        for (text, page) in [
            ("170001", "170001"),
            ("+av170001", "170001"),
            ("BV17x411w7KC", "BV17x411w7KC"),
        ] {
            let (status, address) = visitor.get(&format!("{ROOT}/videos?video={text}")).await;
            assert_eq!(status, StatusCode::SEE_OTHER);
            assert_eq!(address, format!("{ROOT}/videos/{page}"));
        }
        let (status, page) = visitor.get(&format!("{ROOT}/videos?video=%3Cb%3Ex")).await;
        assert_eq!(status, StatusCode::OK);
        assert!(page.contains("is no aid and no bvid") && !page.contains("<b>x"));
        assert!(said(&asked).is_empty());
    });
}

#[test]
fn one_video_shows_days_parts_retention_and_its_listing() {
    run(async {
        let (api, asked) = stub("A title");
        let visitor = World::new(api).visitor(Role::Admin).await;
        let video = format!("{ROOT}/videos/170001?from=2026-11-20&to=2026-11-21");
        let (status, page) = visitor.get(&video).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        for text in [
            "1 h 12 min",
            "P2 · A title",
            "10:00",
            "Half of the plays get to 5:00 (50 %).",
            "12 plays",
            "mid 5",
            "csv=retention",
            "cid=279786",
        ] {
            assert!(page.contains(text), "{text}\n{page}");
        }
        let rates =
            "Finish rate (%): highest 25 (11-21), lowest 25 (11-21), last 25, none for 1 of 2";
        assert!(
            page.contains(rates),
            "a day without plays has no rate: {page}"
        );
        assert!(!page.contains("href=\"javascript:"), "{page}");
        let (_, by_time) = visitor.get(&format!("{video}&axis=time&cid=279786")).await;
        assert!(by_time.contains("5:00") && by_time.contains("name=\"cid\" value=\"279786\""));
        assert!(
            said(&asked)
                .iter()
                .any(|call| call.ends_with("retention?cid=279786"))
        );
        let (_, csv) = visitor.get(&format!("{video}&csv=retention")).await;
        assert!(csv.contains("\"50\",\"300\",\"60.00\",\"2\""), "{csv}");
        let (_, csv) = visitor.get(&format!("{video}&csv=parts")).await;
        assert!(csv.contains("\"279786\",\"600\",\"12\",\"25.0\""), "{csv}");
    });
}

#[test]
fn a_video_that_nobody_knows_is_a_page_of_nothing() {
    run(async {
        let (api, _) = stub("");
        let visitor = World::new(api).visitor(Role::Viewer).await;
        let (status, page) = visitor.get(&format!("{ROOT}/videos/9")).await;
        assert_eq!(status, StatusCode::OK);
        for text in [
            "av9",
            "Nothing was played on these days.",
            "No play of this part is known.",
            "not in the catalogue",
        ] {
            assert!(page.contains(text), "{text}\n{page}");
        }
        assert!(!page.contains("Write an entry"), "a viewer writes none");
    });
}

#[test]
fn an_entry_of_the_catalogue_is_written() {
    run(async {
        let (api, asked) = stub("");
        let visitor = World::new(api).visitor(Role::Admin).await;
        let mut form = vec![
            ("cid", "0"),
            ("title", " A \u{202e}title\n"),
            ("cover", ""),
            ("duration", "600"),
            ("page", ""),
            ("part_title", ""),
            ("author_name", ""),
            ("author_mid", ""),
            ("back", "https://elsewhere.example/?from=2026-11-20"),
        ];
        let page = format!("{ROOT}/videos/170001");
        let (status, address) = visitor.post(&format!("{page}/catalogue"), &form).await;
        assert_eq!(status, StatusCode::SEE_OTHER, "{address}");
        assert_eq!(address, format!("{page}?from=2026-11-20&done=1"));
        let line = "PUT /api/apps/bots/playback/catalogue \
                    {\"aid\":170001,\"cid\":0,\"title\":\"A \u{202e}title\",\"duration\":600}";
        assert_eq!(said(&asked), [line]);
        form[3].1 = "ten";
        let (status, page) = visitor.post(&format!("{page}/catalogue"), &form).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(page.contains("duration"));
        assert!(said(&asked).is_empty());
    });
}

#[test]
fn viewers_now_keep_themselves_up_to_date() {
    run(async {
        let (api, asked) = stub("A title");
        let visitor = World::new(api).visitor(Role::Viewer).await;
        let (status, page) = visitor
            .get(&format!("{ROOT}/now?from=2026-11-21&to=2026-11-21"))
            .await;
        assert_eq!(status, StatusCode::OK);
        for text in [
            "data-live-seconds=\"5\"",
            "31",
            "55",
            "at 2026-11-21 00:10",
            "A title",
            "279786",
        ] {
            assert!(page.contains(text), "{text}\n{page}");
        }
        let (_, csv) = visitor.get(&format!("{ROOT}/now?csv=curve")).await;
        assert!(csv.contains("\"2026-11-21 00:10:00\",\"55\""), "{csv}");
        said(&asked);
        // More days than the API tells at once.
        let (status, page) = visitor
            .get(&format!("{ROOT}/now?from=2026-08-24&to=2026-11-21"))
            .await;
        assert_eq!(status, StatusCode::OK);
        assert!(page.contains("31 days at most"));
        assert!(said(&asked)[1].contains("curve?from=2026-10-22&to=2026-11-21"));
    });
}
