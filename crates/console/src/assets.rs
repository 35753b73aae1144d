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

/// A part of the hash of all files.
fn version() -> &'static str {
    static VERSION: OnceLock<String> = OnceLock::new();
    VERSION.get_or_init(|| {
        let all: String = ASSETS.iter().map(|asset| asset.text).collect();
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
    match ASSETS.iter().find(|asset| asset.name == name) {
        Some(asset) => (
            [
                (header::CONTENT_TYPE, asset.media_type),
                (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
            ],
            asset.text,
        )
            .into_response(),
        None => axum::http::StatusCode::NOT_FOUND.into_response(),
    }
}
