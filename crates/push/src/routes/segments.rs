//! Segments of a path as they were sent, with their percent codes.
//!
//! The framework would decode them, and a comma in an id (`%2C`) could not be told from one between ids, nor `%252C` from
//! `%2C`; so the protocol's functions get the raw text.

use axum::http::Uri;

/// The app in `/v2/{app_id}/…`.
pub(super) fn app_id(uri: &Uri) -> &str {
    segment(uri, 2)
}

/// The token in `/v2/{app_id}/auth/{token}`.
pub(super) fn token(uri: &Uri) -> &str {
    segment(uri, 4)
}

/// What is asked for in `/v2/{app_id}/report/…/…/{this}`.
pub(super) fn asked(uri: &Uri) -> &str {
    segment(uri, 6)
}

/// The app in `/api/apps/{app}/…`.
pub(super) fn app_of_feed(uri: &Uri) -> &str {
    segment(uri, 3)
}

/// The segment of a number; the first, before the leading slash, is 0 and empty.
fn segment(uri: &Uri, number: usize) -> &str {
    uri.path().split('/').nth(number).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_stay_as_they_were_sent() {
        let uri: Uri = "/v2/app-1/report/push/task/a,b%2Cc%252c/detail?x=/y/"
            .parse()
            .unwrap();
        assert_eq!((app_id(&uri), asked(&uri)), ("app-1", "a,b%2Cc%252c"));
        let uri: Uri = "/v2/app-1/auth/t0".parse().unwrap();
        assert_eq!((token(&uri), asked(&uri)), ("t0", ""));
        let uri: Uri = "/api/apps/app-1/push/events".parse().unwrap();
        assert_eq!(app_of_feed(&uri), "app-1");
    }
}
