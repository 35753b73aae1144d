//! Where the calls of an app are.
//!
//! Paths are put together as text, with codes of our own: a URL library would drop line breaks from
//! a name and make it another.

use reportd_protocol::push::{is_app_id, percent_encode};
use reqwest::Url;

use crate::error::ClientError;

/// The addresses below one path.
#[derive(Debug, Clone)]
pub(super) struct Addresses {
    base: Url,
}

impl Addresses {
    pub(super) fn below(base: Url) -> Self {
        Self { base }
    }

    /// The address of a path, which begins with `/` and has its codes.
    pub(super) fn of(&self, path: &str) -> Result<Url, ClientError> {
        Url::parse(&format!("{}{path}", self.base))
            .map_err(|error| ClientError::InvalidRequest(format!("address: {error}")))
    }
}

/// The path of an app's reports.
pub(crate) fn app_path(app_id: &str) -> Result<String, ClientError> {
    Ok(format!("/v2/{}", checked(app_id)?))
}

/// The path of an app's feeds.
pub(crate) fn feed_path(app_id: &str) -> Result<String, ClientError> {
    Ok(format!("/api/apps/{}/push", checked(app_id)?))
}

fn checked(app_id: &str) -> Result<&str, ClientError> {
    if is_app_id(app_id) {
        Ok(app_id)
    } else {
        Err(ClientError::Setup(
            "app id: expected 1 to 64 letters, digits, `_` or `-`".to_owned(),
        ))
    }
}

/// A text as a segment of a path. `what` is its name in an error.
pub(super) fn segment(what: &str, text: &str) -> Result<String, ClientError> {
    // Such a segment would be left out, and the path be that of another call.
    if matches!(text, "" | "." | "..") {
        let problem = format!("{what}: «{text}» cannot stand in a path");
        return Err(ClientError::InvalidRequest(problem));
    }
    Ok(percent_encode(text))
}

/// Ids as one segment, parted by commas.
pub(super) fn ids_segment<S: AsRef<str>>(what: &str, ids: &[S]) -> Result<String, ClientError> {
    match ids {
        [] => segment(what, ""),
        [id] => segment(what, id.as_ref()),
        ids => Ok(join_ids(ids)),
    }
}

/// Ids with their codes, parted by commas.
pub(super) fn join_ids<S: AsRef<str>>(ids: &[S]) -> String {
    let codes: Vec<String> = ids.iter().map(|id| percent_encode(id.as_ref())).collect();
    codes.join(",")
}

/// The query of the parameters that have a value, with its `?`. Values have their codes.
pub(super) fn query(parameters: &[(&str, Option<String>)]) -> String {
    let mut query = String::new();
    for (name, value) in parameters {
        if let Some(value) = value {
            query.push(if query.is_empty() { '?' } else { '&' });
            query.push_str(&format!("{name}={value}"));
        }
    }
    query
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sender::parse_address;

    #[test]
    fn paths_keep_every_name_apart() {
        let path = app_path("app").unwrap();
        let addresses = Addresses::below(parse_address("http://h/base/", &path).unwrap());
        let of = |name| {
            let path = format!("/g/{}", segment("name", name).ok()?);
            addresses.of(&path).map(String::from).ok()
        };
        let expect = |name, path: &str| {
            assert_eq!(of(name), Some(format!("http://h/base/v2/app/g/{path}")));
        };
        expect("a/b c", "a%2Fb%20c");
        expect("a\nb", "a%0Ab");
        expect("50%2C", "50%252C");
        expect("油", "%E6%B2%B9");
        expect("...", "...");
        for name in ["", ".", ".."] {
            assert_eq!(of(name), None, "{name}");
        }
    }

    #[test]
    fn ids_are_parted_by_plain_commas() {
        assert_eq!(ids_segment("ids", &["a", "b c"]).unwrap(), "a,b%20c");
        assert_eq!(ids_segment("ids", &[".", ".."]).unwrap(), ".,..");
        assert!(ids_segment("ids", &["."]).is_err());
        assert!(ids_segment::<&str>("ids", &[]).is_err());
    }

    #[test]
    fn a_query_has_what_is_given() {
        assert_eq!(query(&[("a", None), ("b", None)]), "");
        let given = [
            ("a", None),
            ("b", Some("1".into())),
            ("c", Some("2".into())),
        ];
        assert_eq!(query(&given), "?b=1&c=2");
    }

    #[test]
    fn an_app_id_is_checked() {
        assert_eq!(feed_path("App-1_x").unwrap(), "/api/apps/App-1_x/push");
        for app_id in ["", "a/b", "..", "a b", &"a".repeat(65)] {
            assert!(app_path(app_id).is_err(), "{app_id}");
        }
    }
}
