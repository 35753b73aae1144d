//! What WCAG 2.2 AA asks of every page and a script can see, in light and dark, on a phone and at a desk. It is no proof
//! that a page is accessible: whether texts say what they should, people must judge.

use std::collections::BTreeMap;

use crate::browser::Browser;
use crate::crawl::crawl;
use crate::hostile::told_everything;
use crate::people::PASSWORD;

/// Each fault, with the first page that has it.
type Faults = BTreeMap<String, String>;

/// Looks at the page that is open.
fn look(browser: &Browser, address: &str, faults: &mut Faults) {
    // Where things stand depends on the width, and what they look like on both: so each width is looked at whole once.
    for (is_dark, width, colours_alone) in [
        (true, 375, true),
        (false, 375, false),
        (false, 1280, true),
        (true, 1280, false),
    ] {
        browser.set_width(width);
        browser.set_dark(is_dark);
        if !colours_alone {
            // From here on the page knows that it is used by keyboard. Tab from the last element would leave the page.
            browser.script("document.querySelector('.skip, input:not([type=hidden])').focus()");
            browser.press("\u{e004}");
        }
        let check = include_str!("accessible.js");
        let found = browser.script(&format!("const coloursAlone = {colours_alone}; {check}"));
        let found = found
            .as_array()
            .unwrap_or_else(|| panic!("{address}: the check has failed"));
        for fault in found {
            let scheme = if is_dark { "dark" } else { "light" };
            let page: String = address.chars().take(80).collect();
            let place = format!("{page} at {width}, {scheme}");
            faults
                .entry(fault.as_str().unwrap().to_owned())
                .or_insert(place);
        }
    }
}

#[test]
fn every_page_holds_what_a_script_can_see_of_wcag() {
    let (_data, server, _texts, tickets) = told_everything();
    let browser = Browser::start(&server, "en");
    let mut faults = Faults::new();
    browser.open("/console/login");
    look(&browser, "/console/login", &mut faults);
    browser.log_in("admin", PASSWORD);
    let begin = tickets.map(|ticket| format!("/console/tickets/{ticket}"));
    let begin = ["/console", "/console/password", &begin[0], &begin[1]];
    let pages = crawl(&browser, &begin, 150, |address| {
        look(&browser, address, &mut faults)
    });
    assert!(pages.len() > 40 && pages.len() < 150, "{pages:#?}");
    assert!(faults.is_empty(), "{faults:#?}");
}
