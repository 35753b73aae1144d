//! The queue, and what each role is offered.

use reportd_platform::access::Role;
use serde_json::json;

use super::{Stub, row, visit, whole, with};
use crate::testing::NOW_MS;

#[tokio::test]
async fn the_queue_asks_for_what_its_address_says() {
    let stub = Stub::new();
    let (_world, visitor) = visit(&stub, Role::Moderator).await;
    let first = with(row("1", "open"), &json!({"group_id": "g"}));
    let second = row("2", "claimed");
    let third = with(row("3", "open"), &json!({"group_id": "g", "follows": "1"}));
    stub.say(
        "GET /api/tickets",
        200,
        &json!({"tickets": [first, second, third], "next_cursor": "5.6"}),
    );
    let (_, html) = visitor
        .get("/console/tickets?app=bots&category=chat&age=3600&mine=1")
        .await;
    let asked = stub.asked("GET /api/tickets?").pop().unwrap().0;
    let before = (NOW_MS - 3_600_000).to_string();
    for part in [
        "app=bots",
        "category=chat",
        "state=claimed",
        "claimed_by=moderator",
        "sort=oldest",
        &before,
    ] {
        assert!(asked.contains(part), "{part}: {asked}");
    }
    let places: Vec<_> = ["row-1", "row-3", "row-2"]
        .map(|id| html.find(id).unwrap())
        .into();
    assert!(places.is_sorted(), "groups stand together");
    for part in [
        "group of 2",
        "Follow-up",
        "chat 4",
        "Open 3",
        "Claimed by me 1",
        "cursor=5.6",
        "Oldest open: 2 h",
    ] {
        assert!(html.contains(part), "{part}\n{html}");
    }
    assert!(
        !html.contains("id=\"bulk\""),
        "a moderator judges one by one"
    );
    let (_, csv) = visitor.get("/console/tickets?csv=tickets").await;
    assert_eq!(csv.lines().count(), 4, "{csv}");
    let (_, html) = visitor.get("/console/tickets/decided").await;
    assert!(html.contains("10,000 and more"));
    let asked = stub.asked("GET /api/tickets?").pop().unwrap().0;
    assert!(
        asked.contains("state=judged%2Cdelivered%2Cfailed") && asked.contains("sort=newest"),
        "{asked}"
    );
}

#[tokio::test]
async fn each_role_is_offered_what_it_may() {
    for (role, may_oversee) in [
        (Role::Moderator, false),
        (Role::Lead, true),
        (Role::Admin, true),
    ] {
        let stub = Stub::new();
        let (_world, visitor) = visit(&stub, role).await;
        stub.say(
            "GET /api/tickets",
            200,
            &json!({"tickets": [row("1", "open")], "next_cursor": null}),
        );
        let (_, html) = visitor.get("/console/tickets?app=bots").await;
        for part in ["/console/audit", "/console/moderators\"", "id=\"bulk\""] {
            assert_eq!(html.contains(part), may_oversee, "{role}: {part}");
        }
        assert!(html.contains("/console/monitor"));
        assert!(html.contains("href=\"/console/deliveries\""));
        let judged = with(
            row("9", "delivered"),
            &json!({"judged_at": NOW_MS - 90_000}),
        );
        stub.say("GET /api/tickets/9", 200, &whole(judged, &json!([])));
        let (_, html) = visitor.get("/console/tickets/9").await;
        assert_eq!(
            html.contains("/console/tickets/9/reopen"),
            may_oversee,
            "{role}"
        );
        assert!(!html.contains("id=\"verdict\""), "{role}");
    }
}
