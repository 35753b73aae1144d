//! Pages of the console that links lead to.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::browser::Browser;

/// Each page that links lead to, by its path and the names of its parameters: other values show the same kind of page.
const LINKS: &str = r#"return [...document.querySelectorAll('a[href^="/console"], a[href^="?"]')].filter(a => !a.download)
    .map(a => a.pathname + a.search)"#;

/// Opens every page that a person reaches from `from`, at most so many, and looks at each; returns their addresses.
pub(crate) fn crawl(
    browser: &Browser,
    from: &[&str],
    most: usize,
    mut look: impl FnMut(&str),
) -> BTreeSet<String> {
    let mut left: Vec<String> = from.iter().map(|&path| path.to_owned()).collect();
    let (mut kinds, mut seen) = (BTreeSet::new(), BTreeSet::new());
    while let Some(address) = left.pop().filter(|_| seen.len() < most) {
        if !kinds.insert(kind(&address)) {
            continue;
        }
        browser.open(&address);
        let links = browser.script(LINKS);
        look(&address);
        seen.insert(address);
        let links = links.as_array().into_iter().flatten();
        let links = links.filter_map(Value::as_str);
        // A file is no page, and the language stays.
        let is_page = |address: &&str| {
            let others = [
                "/console/language",
                "/console/json/",
                "/export",
                "csv=",
                "format=",
            ];
            !others.iter().any(|other| address.contains(other))
        };
        left.extend(links.filter(is_page).map(str::to_owned));
    }
    seen
}

/// What is the same of pages that differ in a day or in values alone.
fn kind(address: &str) -> (String, BTreeSet<String>) {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let is_day = |part: &str| part.len() == 10 && part.split('-').all(|n| n.parse::<u16>().is_ok());
    let parts = path.split('/');
    let parts: Vec<_> = parts
        .map(|part| if is_day(part) { "day" } else { part })
        .collect();
    let names = query.split('&').filter_map(|pair| pair.split('=').next());
    let names = names.filter(|name| !name.is_empty());
    (parts.join("/"), names.map(str::to_owned).collect())
}
