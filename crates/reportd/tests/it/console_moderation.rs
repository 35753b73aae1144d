//! Moderation in a real browser: by keyboard alone, two at one queue, a session that ends, tickets that are passed over.

use std::collections::BTreeSet;

use reportd_testbed::StoreKind::Embedded;
use serde_json::json;

use crate::browser::Browser;
use crate::harness::{Data, Http, Server, wait_until};
use crate::people::PASSWORD;
use crate::receiver::{Manner, Receiver};
use crate::reporter::{CREATE, Moderator, allow_loopback, file};

/// A chat with so many open tickets, whose verdicts go to `receiver` at once.
pub(crate) fn chat(tickets: usize, receiver: &Receiver) -> (Data, Server) {
    chat_with(tickets, receiver, 0)
}

/// The same where verdicts can be undone for so many seconds.
fn chat_with(tickets: usize, receiver: &Receiver, undo_seconds: u32) -> (Data, Server) {
    let data = Data::empty(Embedded);
    data.run(&CREATE);
    for name in ["mei", "robin"] {
        data.person(name, "moderator");
    }
    let key = data.key("admin", "admin");
    let server = data.serve();
    allow_loopback(&server, &key);
    let undo = json!({ "undo_seconds": undo_seconds });
    Moderator::new(&server, &key, "admin").set(&undo);
    let mut http = Http::connect(server.address());
    for number in 0..tickets {
        file(&mut http, &format!("talk-{number}"), &receiver.url());
    }
    (data, server)
}

pub(crate) fn is_ticket(browser: &Browser) -> bool {
    browser
        .path()
        .strip_prefix("/console/tickets/")
        .is_some_and(|id| id.bytes().all(|byte| byte.is_ascii_digit()))
}

#[test]
fn five_tickets_are_judged_by_keyboard_alone() {
    let receiver = Receiver::start(Manner::Takes);
    let (_data, server) = chat(5, &receiver);
    let browser = Browser::start(&server, "en");
    browser.log_in("mei", PASSWORD);
    browser.open("/console/tickets");
    browser.press("?");
    browser.wait(
        "the keys are shown",
        "document.querySelector('dialog#keys').open",
    );
    browser.press("\u{e00c}");
    browser.wait(
        "Escape closes them",
        "!document.querySelector('dialog#keys').open",
    );
    browser.press("n");
    for judged in 0..5 {
        wait_until("a ticket is open", || is_ticket(&browser));
        let path = browser.path();
        browser.wait(
            "it can be judged",
            "document.querySelector('#off') && !document.querySelector('#off').disabled",
        );
        browser.press("2");
        browser.wait(
            "a label is chosen",
            "document.querySelector('[name=dialogue]:checked')",
        );
        browser.press("\u{e007}");
        wait_until("the next one opens by itself", || browser.path() != path);
        wait_until("its callback arrives", || receiver.count() > judged);
    }
    assert_eq!(receiver.count(), 5);
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn two_moderators_do_not_meet_on_one_ticket() {
    let receiver = Receiver::start(Manner::Takes);
    let (_data, server) = chat(3, &receiver);
    let people = ["mei", "robin"].map(|name| {
        let browser = Browser::start(&server, "en");
        browser.log_in(name, PASSWORD);
        browser.open("/console/tickets");
        browser.press("n");
        wait_until("a ticket is open", || is_ticket(&browser));
        browser
    });
    let [mei, robin] = &people;
    assert_ne!(mei.path(), robin.path());
    // The other's ticket can be looked at, and not judged.
    let of_mei = mei.path();
    robin.open(&of_mei);
    robin.wait(
        "it is held by another",
        "document.querySelector('#off').disabled",
    );
    robin.wait_text("mei");
}

#[test]
fn a_verdict_outlives_the_session_that_began_it() {
    let receiver = Receiver::start(Manner::Takes);
    let (_data, server) = chat(1, &receiver);
    let browser = Browser::start(&server, "en");
    browser.log_in("mei", PASSWORD);
    browser.open("/console/tickets");
    browser.press("n");
    wait_until("a ticket is open", || is_ticket(&browser));
    browser.press("2");
    browser.fill("[name=note]", "seen twice");
    browser.forget();
    browser.click("#verdict button.primary");
    browser.wait(
        "it asks to log in",
        "document.querySelector('[name=password]')",
    );
    assert_eq!(receiver.count(), 0);
    browser.fill("[name=name]", "mei");
    browser.fill("[name=password]", PASSWORD);
    browser.click("main button, form button");
    browser.wait(
        "the ticket is there with what was filled in",
        "document.querySelector('[name=note]')?.value === 'seen twice' && document.querySelector('[name=dialogue]:checked')",
    );
    browser.click("#verdict button.primary");
    wait_until("the verdict is given", || receiver.count() == 1);
}

#[test]
fn tickets_are_passed_over_one_by_one_and_an_offer_to_undo_outlives_a_refresh() {
    let receiver = Receiver::start(Manner::Takes);
    let (_data, server) = chat_with(3, &receiver, 60);
    let browser = Browser::start(&server, "en");
    browser.log_in("mei", PASSWORD);
    browser.open("/console/tickets");
    let next = || {
        let path = browser.path();
        browser.press("n");
        wait_until("another ticket is open", || {
            browser.path() != path && is_ticket(&browser)
        });
        browser.wait(
            "it is there",
            "document.readyState === 'complete' && document.querySelector('#ticket')",
        );
        browser.path()
    };
    let met = [(); 4].map(|()| next());
    let distinct: BTreeSet<_> = met.iter().collect();
    assert_eq!(distinct.len(), 3, "{met:?}");
    assert_eq!(met[3], met[0], "behind the last one comes the first");
    browser.press("2");
    browser.press("\u{e007}");
    browser.wait("it can be undone", "document.querySelector('form.undo')");
    browser.wait(
        "the next one is held",
        "document.querySelector('#ticket')?.dataset.held === 'me'",
    );
    // As when the window comes to the front again.
    browser.script("document.querySelector('[data-live] .ticket-head').id = 'before'; document.dispatchEvent(new Event('visibilitychange'))");
    browser.wait("the page is renewed", "!document.querySelector('#before')");
    browser.press("z");
    wait_until("the ticket is back", || browser.path() == met[0]);
    browser.wait_text("taken back");
    assert_eq!(receiver.count(), 0);
    assert_eq!(browser.complaints(), [""; 0]);
}
