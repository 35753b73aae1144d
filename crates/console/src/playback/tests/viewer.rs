//! One viewer: who may see it, what is shown, and what is done.

use axum::http::StatusCode;
use reportd_platform::access::Role;
use reportd_testbed::run;

use super::{said, stub};
use crate::testing::World;

const ROOT: &str = "/console/apps/bots/playback";

#[test]
fn a_history_is_shown_with_resume_points_deletes_and_sessions() {
    run(async {
        let (api, asked) = stub("A title");
        let visitor = World::new(api).visitor(Role::Admin).await;
        let (status, page) = visitor.get(&format!("{ROOT}/viewers/7")).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        for text in [
            "paused",
            "A title",
            "1:01",
            "of 10:00",
            "browser",
            "finished",
            "season 5 · episode 77",
            "2026-11-21 00:00:00",
            "the whole history",
            "4611686018427387904",
            "undone",
            "cursor=1795190400.170001.archive",
            "/viewers/7/export",
            "/viewers/7/erase",
            "name=\"id\" value=\"17\"",
        ] {
            assert!(page.contains(text), "{text}\n{page}");
        }
        said(&asked);
        let next = format!("{ROOT}/viewers/7?cursor=1795190400.170001.archive");
        let (_, page) = visitor.get(&next).await;
        assert!(page.contains("First page"));
        assert!(said(&asked)[0].ends_with("history?limit=50&cursor=1795190400.170001.archive"));
        let (_, csv) = visitor.get(&format!("{ROOT}/viewers/7?csv=history")).await;
        assert!(
            csv.contains("\"A title\",\"archive_170001\",\"170001\""),
            "{csv}"
        );
        assert!(csv.contains("\"61\",\"600\",\"browser\""), "{csv}");
    });
}

#[test]
fn a_viewer_that_does_not_exist_has_no_history() {
    run(async {
        let (api, asked) = stub("");
        let visitor = World::new(api).visitor(Role::Admin).await;
        let (status, page) = visitor.get(&format!("{ROOT}/viewers/404")).await;
        assert_eq!(status, StatusCode::OK);
        assert!(page.contains("There is no history of this viewer"));
        assert!(page.contains("No session is in force."));
        let (status, page) = visitor.get(&format!("{ROOT}/viewers/x")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(page.contains("mid"));
        said(&asked);
        let (_, page) = visitor.get(&format!("{ROOT}/viewers?mid=0")).await;
        assert!(page.contains("is no mid"));
        let found = visitor.get(&format!("{ROOT}/viewers?mid=+7")).await;
        assert_eq!(found, (StatusCode::SEE_OTHER, format!("{ROOT}/viewers/7")));
        assert!(said(&asked).is_empty());
    });
}

#[test]
fn who_may_not_see_raw_reports_sees_no_viewer() {
    run(async {
        let (api, asked) = stub("A title");
        let world = World::new(api);
        for role in [Role::Viewer, Role::Moderator] {
            let visitor = world.visitor(role).await;
            let (_, page) = visitor.get(&format!("{ROOT}/now")).await;
            assert!(
                !page.contains("/viewers") && !page.contains("/access"),
                "{page}"
            );
            said(&asked);
            for path in ["", "/7", "/7/export", "/7/erase"] {
                let (status, page) = visitor.get(&format!("{ROOT}/viewers{path}")).await;
                assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
                assert!(!page.contains("A title"));
            }
            let (status, _) = visitor.get(&format!("{ROOT}/access")).await;
            assert_eq!(status, StatusCode::FORBIDDEN);
            let form = [("confirm", "7")];
            let (status, _) = visitor
                .post(&format!("{ROOT}/viewers/7/erase"), &form)
                .await;
            assert_eq!(status, StatusCode::FORBIDDEN);
            assert!(said(&asked).is_empty());
        }
        // A lead reads, and changes nothing.
        let lead = world.visitor(Role::Lead).await;
        let (status, page) = lead.get(&format!("{ROOT}/viewers/7")).await;
        assert_eq!(status, StatusCode::OK);
        assert!(page.contains("A title"));
        for offer in ["/erase", "/undo", "/sessions"] {
            assert!(!page.contains(offer), "{offer}");
        }
    });
}

#[test]
fn an_erasure_is_confirmed_by_the_mid() {
    run(async {
        let (api, asked) = stub("");
        let visitor = World::new(api).visitor(Role::Admin).await;
        let path = format!("{ROOT}/viewers/7/erase");
        let (status, page) = visitor.get(&path).await;
        assert_eq!(status, StatusCode::OK);
        assert!(page.contains("cannot be undone") && page.contains("Write 7 to confirm"));
        let (status, page) = visitor.post(&path, &[("confirm", "8")]).await;
        assert_eq!(status, StatusCode::OK);
        assert!(page.contains("not the mid") && said(&asked).is_empty());
        let (status, address) = visitor.post(&path, &[("confirm", " 7")]).await;
        assert_eq!(status, StatusCode::SEE_OTHER);
        assert_eq!(said(&asked), ["DELETE /api/apps/bots/viewers/7"]);
        let (_, page) = visitor.get(&address).await;
        assert!(page.contains("Viewer 7 is erased."), "{page}");
    });
}

#[test]
fn sessions_end_deletes_are_undone_and_all_is_exported() {
    run(async {
        let (api, asked) = stub("");
        let visitor = World::new(api).visitor(Role::Admin).await;
        let viewer = format!("{ROOT}/viewers/7");
        let done = format!("{viewer}?done=1");
        for (path, form, call) in [
            (
                "sessions/end",
                vec![("id", "17")],
                "DELETE /api/apps/bots/viewers/7/sessions/17",
            ),
            (
                "undo",
                vec![("id", "4611686018427387904")],
                "POST /api/apps/bots/viewers/7/history/undo {\"ids\":[\"4611686018427387904\"]}",
            ),
            ("undo", vec![], "POST /api/apps/bots/viewers/7/history/undo"),
        ] {
            let (status, address) = visitor.post(&format!("{viewer}/{path}"), &form).await;
            assert_eq!((status, &address), (StatusCode::SEE_OTHER, &done), "{path}");
            assert_eq!(said(&asked), [call]);
        }
        let (status, lines) = visitor.get(&format!("{viewer}/export")).await;
        assert_eq!(
            (status, &*lines),
            (StatusCode::OK, "{\"type\":\"viewer\"}\n")
        );
    });
}
