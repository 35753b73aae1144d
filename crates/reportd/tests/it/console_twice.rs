//! The same form twice: by a double click, in two tabs, after the back button, and past the script that sends it once.

use serde_json::Value;

use crate::browser::Browser;
use crate::console::served;
use crate::console_moderation::{chat, is_ticket};
use crate::harness::{Server, wait_until};
use crate::people::PASSWORD;
use crate::receiver::{Manner, Receiver};

/// A moderator with a ticket open that a label is chosen for; the ticket's path.
fn choosing(server: &Server) -> (Browser, String) {
    let browser = Browser::start(server, "en");
    browser.log_in("mei", PASSWORD);
    browser.open("/console/tickets");
    browser.press("n");
    wait_until("a ticket is open", || is_ticket(&browser));
    choose(&browser, "2");
    let path = browser.path();
    (browser, path)
}

/// Chooses a label for the dialogue.
fn choose(browser: &Browser, label: &str) {
    browser.wait(
        "it can be judged",
        "document.querySelector('#off') && !document.querySelector('#off').disabled",
    );
    browser.press(label);
    browser.wait(
        "a label is chosen",
        "document.querySelector('[name=dialogue]:checked')",
    );
}

/// The verdicts of the ticket of a page.
fn verdicts(server: &Server, key: &str, path: &str) -> Vec<Value> {
    let id = path.rsplit('/').next().unwrap();
    let ticket = server.get(&format!("/api/tickets/{id}"), key).json();
    ticket["verdicts"].as_array().unwrap().clone()
}

/// All callbacks are there, and each is of another verdict.
fn assert_callbacks(receiver: &Receiver, expected: usize) {
    wait_until("the callbacks arrive", || receiver.count() >= expected);
    let arrivals = receiver.arrivals();
    let ids: std::collections::BTreeSet<_> = arrivals
        .iter()
        .map(|arrival| arrival.webhook_id())
        .collect();
    assert_eq!((arrivals.len(), ids.len()), (expected, expected));
}

#[test]
fn a_double_click_judges_one_ticket_once() {
    let receiver = Receiver::start(Manner::Takes);
    let (data, server) = chat(2, &receiver);
    let key = data.key("reader", "lead");
    let (browser, first) = choosing(&server);
    browser.double_click("#verdict button.primary");
    wait_until("the next one opens by itself", || {
        is_ticket(&browser) && browser.path() != first
    });
    let second = browser.path();
    assert_eq!(verdicts(&server, &key, &first).len(), 1);
    assert_eq!(
        verdicts(&server, &key, &second).len(),
        0,
        "the second click judged the next"
    );
    choose(&browser, "2");
    browser.double_click("#verdict button.primary");
    wait_until("it is judged", || browser.path() != second);
    // Whatever the second clicks did would have come before this.
    assert_eq!(verdicts(&server, &key, &second).len(), 1);
    assert_callbacks(&receiver, 2);
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn a_verdict_that_comes_twice_is_one() {
    let receiver = Receiver::start(Manner::Takes);
    let (data, server) = chat(1, &receiver);
    let key = data.key("reader", "lead");
    let (browser, path) = choosing(&server);
    // As by a browser without the script, or one that asks again because it heard nothing.
    browser.script(
        "const form = document.querySelector('#verdict');
         const send = () => fetch(form.action, {method: 'POST', body: new URLSearchParams(new FormData(form))});
         Promise.all([send(), send(), send()]).then(replies => { window.told = replies.map(reply => reply.status) });",
    );
    browser.wait("all are answered", "window.told");
    assert_eq!(
        browser.script("return window.told"),
        serde_json::json!([200, 200, 200])
    );
    assert_eq!(verdicts(&server, &key, &path).len(), 1);
    assert_callbacks(&receiver, 1);
}

#[test]
fn of_two_tabs_the_second_is_told_and_loses_nothing() {
    const NOTE: &str = "second thoughts, three lines of them";
    let receiver = Receiver::start(Manner::Takes);
    let (data, server) = chat(1, &receiver);
    let key = data.key("reader", "lead");
    let (browser, path) = choosing(&server);
    let first = browser.tab();
    let second = browser.open_tab();
    browser.open(&path);
    choose(&browser, "3");
    browser.fill("[name=note]", NOTE);
    browser.go_to_tab(first);
    browser.click("#verdict button[value=stay]");
    browser.wait_text("judged");
    wait_until("it is judged", || receiver.count() == 1);
    browser.go_to_tab(second);
    browser.wait(
        "it says so",
        "[...document.querySelectorAll('[data-decided]')].some(e => e.offsetHeight)",
    );
    let kept = browser.script("return document.querySelector('[name=note]').value");
    assert_eq!(kept, NOTE, "what was written stays to be copied");
    // The news may come too late: then the server refuses, and shows what was filled in.
    browser.script("const off = document.querySelector('#off'); off.disabled = false; off.form.requestSubmit()");
    browser.wait(
        "it is refused",
        "document.querySelector('.notice.bad[role=alert]')",
    );
    browser.wait_text("mei");
    browser.wait_text(NOTE);
    let given = verdicts(&server, &key, &path);
    assert_eq!(given.len(), 1, "{given:?}");
    assert_callbacks(&receiver, 1);
}

#[test]
fn back_after_a_verdict_is_no_second_one() {
    let receiver = Receiver::start(Manner::Takes);
    let (data, server) = chat(2, &receiver);
    let key = data.key("reader", "lead");
    let (browser, path) = choosing(&server);
    browser.click("#verdict button.primary");
    wait_until("the next one opens by itself", || {
        is_ticket(&browser) && browser.path() != path
    });
    browser.back();
    wait_until("it is the first one again", || browser.path() == path);
    browser.wait(
        "nothing is there to judge with",
        "!document.querySelector('#off') || document.querySelector('#off').disabled",
    );
    browser.press("2");
    browser.press("\u{e007}");
    browser.open(&path);
    browser.wait_text("Verdicts");
    assert_eq!(verdicts(&server, &key, &path).len(), 1);
    assert_callbacks(&receiver, 1);
}

#[test]
fn a_key_is_made_once_and_back_makes_no_other() {
    let (_data, server) = served();
    let browser = Browser::start(&server, "en");
    browser.log_in("admin", PASSWORD);
    browser.open("/console/settings/keys");
    browser.fill("#new-key [name=name]", "gateway");
    browser.double_click("#new-key button");
    browser.wait(
        "the key is shown, and no refusal",
        "document.querySelector('#secret-2')",
    );
    browser.back();
    browser.wait(
        "the form is there again",
        "document.querySelector('#new-key')",
    );
    let rows = "return [...document.querySelectorAll('tbody tr')].filter(row => row.innerText.includes('gateway')).length";
    browser.fill("#new-key [name=name]", "gateway");
    browser.click("#new-key button");
    browser.wait(
        "it is refused",
        "document.querySelector('#new-key [role=alert]')",
    );
    let told = browser.text();
    assert!(told.contains("gateway"), "{told}");
    assert_eq!(browser.script(rows), 1);
}

#[test]
fn of_two_tabs_of_settings_the_second_is_told_and_loses_nothing() {
    let (_data, server) = served();
    let browser = Browser::start(&server, "en");
    browser.log_in("admin", PASSWORD);
    let save = "#general button";
    browser.open("/console/settings/apps/bots");
    let first = browser.tab();
    let second = browser.open_tab();
    browser.open("/console/settings/apps/bots");
    browser.fill("#general [name=name]", "Of the second");
    browser.go_to_tab(first.clone());
    browser.fill("#general [name=name]", "Of the first");
    browser.double_click(save);
    browser.wait_text("Done.");
    assert_eq!(name(&browser), "Of the first");
    browser.go_to_tab(second);
    browser.click(save);
    browser.wait(
        "it is told",
        "document.querySelector('#general [role=alert]')",
    );
    assert_eq!(name(&browser), "Of the second", "what was filled in stays");
    browser.go_to_tab(first);
    browser.open("/console/settings/apps/bots");
    assert_eq!(name(&browser), "Of the first");
    // Back to the form as it was, with what stood there before: it is told too.
    browser.fill("#general [name=name]", "Of the third");
    browser.click(save);
    browser.wait_text("Done.");
    browser.back();
    browser.wait(
        "the form is there",
        "document.querySelector('#general [name=was]')",
    );
    assert!(["Of the first", "Of the third"].contains(&&*name(&browser)));
    browser.open("/console/settings/apps/bots");
    assert_eq!(name(&browser), "Of the third");
}

/// The name of the app in the form of the page.
fn name(browser: &Browser) -> String {
    let name = browser.script("return document.querySelector('#general [name=name]').value");
    name.as_str().unwrap().to_owned()
}
