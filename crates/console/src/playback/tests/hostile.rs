//! What strangers wrote: markup, marks that turn the direction, and texts without end.

use axum::http::StatusCode;
use reportd_platform::access::Role;
use reportd_testbed::run;

use super::stub;
use crate::testing::World;

const ROOT: &str = "/console/apps/bots/playback";

/// All pages that show a title.
const PAGES: [&str; 6] = [
    "?from=2026-11-20&to=2026-11-21",
    "/videos/170001?from=2026-11-20&to=2026-11-21",
    "/videos/BV17x411w7KC",
    "/now",
    "/viewers/7",
    "/access",
];

#[test]
fn markup_of_strangers_is_text() {
    run(async {
        let title = "</title><script>alert(1)</script>\"'><img src=x onerror=alert(1)>";
        let visitor = World::new(stub(title).0).visitor(Role::Admin).await;
        for page in PAGES {
            let (status, html) = visitor.get(&format!("{ROOT}{page}")).await;
            assert_eq!(status, StatusCode::OK, "{page}");
            assert!(
                !html.contains("<script>") && !html.contains("<img"),
                "{page}\n{html}"
            );
            assert!(
                !html.contains(" style=") && !html.contains(" onerror=alert(1)>\""),
                "{page}"
            );
            assert!(html.contains("alert(1)"), "{page} shows it");
        }
    });
}

#[test]
fn marks_of_direction_turn_nothing() {
    run(async {
        let visitor = World::new(stub("a\u{202e}b\u{2067}c").0)
            .visitor(Role::Admin)
            .await;
        for page in PAGES {
            let (status, html) = visitor.get(&format!("{ROOT}{page}")).await;
            assert_eq!(status, StatusCode::OK, "{page}");
            let head = html.split("<main").next().unwrap();
            assert!(!head.contains('\u{202e}'), "{page}");
            // Where the text stands as it was sent, it is shut in.
            for (place, _) in html.match_indices('\u{202e}') {
                let before = &html[..place];
                let is_shut_in = before.rfind("<bdi>") > before.rfind("</bdi>");
                let is_value = before.rfind("value=\"") > before.rfind('>');
                assert!(
                    is_shut_in || is_value,
                    "{page}: {}",
                    &before[before.len() - 80..]
                );
            }
        }
    });
}

#[test]
fn texts_without_end_are_cut_where_they_would_fill_a_page() {
    run(async {
        let title = "字".repeat(10_000);
        let visitor = World::new(stub(&title).0).visitor(Role::Admin).await;
        for page in PAGES {
            let (status, html) = visitor.get(&format!("{ROOT}{page}")).await;
            assert_eq!(status, StatusCode::OK, "{page}");
            let whole = html.matches(&*title).count();
            // Once behind «Full title», and in the form of an entry.
            let most = if page.starts_with("/videos") { 4 } else { 0 };
            assert!(whole <= most, "{page}: {whole}");
            assert!(html.contains('…'), "{page}");
        }
        let (_, csv) = visitor.get(&format!("{ROOT}?csv=videos")).await;
        assert!(csv.contains(&title), "a file has all of it");
    });
}
