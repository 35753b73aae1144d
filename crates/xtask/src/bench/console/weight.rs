//! What the first page weighs, with all that it loads.

use crate::bench::http::Connection;

/// The overview and each of its files, with the bytes of each as transferred.
pub(super) fn first_page(connection: &mut Connection) -> anyhow::Result<Vec<(String, usize)>> {
    let page = connection.load("/console")?;
    let mut weights = vec![("/console".to_owned(), page.bytes)];
    for file in files(&page.body) {
        let bytes = connection.load(file)?.bytes;
        weights.push((file.to_owned(), bytes));
    }
    Ok(weights)
}

/// Style sheet, scripts and icon of a page.
fn files(html: &str) -> Vec<&str> {
    let values = html.split(['"', '\'']);
    values
        .filter(|value| value.starts_with("/console/static/"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found() {
        let html =
            r#"<link href="/console/static/1/a.css"><script src="/console/static/1/b.js" defer>"#;
        assert_eq!(
            files(html),
            ["/console/static/1/a.css", "/console/static/1/b.js"]
        );
    }
}
