//! Style sheet and scripts, in the binary. Their addresses change with their content, so browsers keep them for ever.

use std::sync::OnceLock;

use axum::Router;
use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use reportd_platform::secret::{SecretHash, hex};

use crate::Console;

struct Asset {
    name: &'static str,
    media_type: &'static str,
    text: &'static str,
}

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

const ASSETS: &[Asset] = &[
    Asset {
        name: "console.css",
        media_type: "text/css; charset=utf-8",
        text: include_str!("../assets/console.css"),
    },
    Asset {
        name: "icon.svg",
        media_type: "image/svg+xml",
        text: include_str!("../assets/icon.svg"),
    },
    Asset {
        name: "console.js",
        media_type: JAVASCRIPT,
        text: include_str!("../assets/console.js"),
    },
    Asset {
        name: "ticket.js",
        media_type: JAVASCRIPT,
        text: include_str!("../assets/ticket.js"),
    },
];

impl Asset {
    /// Its text as it is sent.
    fn slim(&self) -> String {
        let text = slim(self.text);
        if self.media_type == JAVASCRIPT {
            text
        } else {
            tighten(text)
        }
    }
}

/// The texts of [`ASSETS`] as they are sent.
fn texts() -> &'static [String] {
    static TEXTS: OnceLock<Vec<String>> = OnceLock::new();
    TEXTS.get_or_init(|| ASSETS.iter().map(Asset::slim).collect())
}

/// A text without indentation, empty lines and lines of comment: a page carries a quarter less.
fn slim(text: &str) -> String {
    let mut slim = String::with_capacity(text.len());
    let mut is_comment = false;
    for line in text.lines().map(str::trim) {
        is_comment |= line.starts_with("/*");
        if !is_comment && !line.is_empty() && !line.starts_with("//") {
            slim.push_str(line);
            slim.push('\n');
        }
        is_comment &= !line.ends_with("*/");
    }
    slim
}

/// A style sheet without the spaces that only people need.
fn tighten(text: String) -> String {
    let spaces = [
        ("; ", ";"),
        (": ", ":"),
        (" {", "{"),
        ("{ ", "{"),
        (" }", "}"),
        (", ", ","),
    ];
    spaces
        .iter()
        .fold(text, |text, (wide, tight)| text.replace(wide, tight))
}

/// A part of the hash of all files.
fn version() -> &'static str {
    static VERSION: OnceLock<String> = OnceLock::new();
    VERSION.get_or_init(|| {
        let all = texts().concat();
        hex(&SecretHash::of(&all).0[..6])
    })
}

/// The address of a file.
pub(crate) fn address(name: &str) -> String {
    format!("/console/static/{}/{name}", version())
}

pub(crate) fn routes() -> Router<Console> {
    Router::new().route("/console/static/{version}/{name}", get(file))
}

async fn file(Path((_, name)): Path<(String, String)>) -> Response {
    let mut found = ASSETS.iter().zip(texts());
    match found.find(|(asset, _)| asset.name == name) {
        Some((asset, text)) => (
            [
                (header::CONTENT_TYPE, asset.media_type),
                (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
            ],
            text.as_str(),
        )
            .into_response(),
        None => axum::http::StatusCode::NOT_FOUND.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_browsers_do_not_need_is_left_out() {
        let text = "/* one\n   two */\na {\n  b: c; /* d */\n}\n\n  // e\nf(\"//\");\n";
        assert_eq!(tighten(slim(text)), "a{\nb:c;/* d */\n}\nf(\"//\");\n");
        assert_eq!(slim(text), "a {\nb: c; /* d */\n}\nf(\"//\");\n");
    }

    #[test]
    fn the_look_of_a_page_is_small() {
        let size = |name: &str| {
            let mut found = ASSETS.iter().zip(texts());
            found.find(|(asset, _)| asset.name == name).unwrap().1.len()
        };
        let (sheet, script) = (size("console.css"), size("console.js"));
        assert!(sheet < 24_000 && script < 8_000, "{sheet}, {script}");
    }
}
