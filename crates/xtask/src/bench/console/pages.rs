//! Somebody logs in, and finds the pages of the menu.

use std::collections::BTreeSet;

use anyhow::{Context, bail};

use crate::bench::http::Connection;

/// The menu of sections, and that of the pages of one.
const MENUS: [&str; 2] = ["<nav class=\"sections\"", "<nav class=\"pages\""];
/// What leads from a list to one of what is listed: the first such link is followed.
const DETAILS: [&str; 3] = ["/console/tickets/", "/push/tasks/", "/playback/videos/"];

/// A page of the console.
pub(super) struct Page {
    /// Its path, short.
    pub(super) name: String,
    pub(super) address: String,
    /// All that was transferred.
    pub(super) bytes: usize,
}

/// Logs in, and sends the cookie from now on.
pub(super) fn log_in(
    connection: &mut Connection,
    user: &str,
    password: &str,
) -> anyhow::Result<()> {
    let reply = connection.post_form(
        "/console/login",
        &format!("name={user}&password={password}"),
    )?;
    let cookie = reply.header("set-cookie");
    let Some(cookie) = cookie.filter(|_| reply.status == "303") else {
        bail!("logging in: {}", reply.status);
    };
    let cookie = cookie.split(';').next().context("an empty cookie")?;
    connection.keep_cookie(cookie);
    Ok(())
}

/// Every page of the menus, and one of each kind of details.
pub(super) fn find(connection: &mut Connection) -> anyhow::Result<Vec<Page>> {
    let mut left = vec!["/console".to_owned()];
    let (mut names, mut details) = (BTreeSet::new(), BTreeSet::new());
    let mut pages = Vec::new();
    while let Some(address) = left.pop() {
        let name = address.split('?').next().unwrap_or_default().to_owned();
        if !names.insert(name.clone()) {
            continue;
        }
        let reply = connection.ask(&address)?;
        if let Some(elsewhere) = reply.header("location") {
            // The first page of a section may lead on.
            left.push(elsewhere.to_owned());
            continue;
        }
        if reply.status != "200" {
            bail!("GET {address}: {}: {}", reply.status, reply.body);
        }
        for menu in MENUS {
            left.extend(
                part(&reply.body, menu, "</nav>")
                    .map(links)
                    .unwrap_or_default(),
            );
        }
        let body = part(&reply.body, "<main", "</main>").unwrap_or_default();
        for detail in DETAILS {
            let begins = |link: &String| link.split_once(detail).is_some_and(|(_, id)| is_id(id));
            if let Some(link) = links(body).into_iter().find(begins)
                && details.insert(detail)
            {
                left.push(link);
            }
        }
        pages.push(Page {
            name: name.replace("/console/apps/demo/", "…/"),
            address,
            bytes: reply.bytes,
        });
    }
    pages.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(pages)
}

/// True where one of what is listed is named, by a number or a text with one in it.
fn is_id(text: &str) -> bool {
    let id = text.split('?').next().unwrap_or_default();
    !id.contains('/') && id.bytes().any(|byte| byte.is_ascii_digit())
}

/// What stands between the first `begin` and the `end` behind it.
fn part<'a>(html: &'a str, begin: &str, end: &str) -> Option<&'a str> {
    let (_, behind) = html.split_once(begin)?;
    behind.split_once(end).map(|(inner, _)| inner)
}

/// Where links lead.
fn links(html: &str) -> Vec<String> {
    let values = html.split("href=\"").skip(1);
    let values = values.filter_map(|rest| rest.split('"').next());
    let addresses = values.filter(|link| link.starts_with("/console"));
    addresses
        .map(|link| link.replace("&#38;", "&").replace("&amp;", "&"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_in_their_menu() {
        let html = r##"<nav class="sections" x><a href="/console/a?b=1&#38;c=2">A</a><a href="#x">x</a></nav>
            <main><a href="/console/tickets/12">12</a></main>"##;
        let menu = part(html, MENUS[0], "</nav>").unwrap();
        assert_eq!(links(menu), ["/console/a?b=1&c=2"]);
        assert_eq!(part(html, MENUS[1], "</nav>"), None);
        assert!(is_id("12?app=x") && is_id("RASL_1") && !is_id("decided") && !is_id("1/claim"));
    }
}
