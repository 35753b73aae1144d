//! The cookie `SESSDATA` of a request. A `bili_jct` proves nothing: csrf is compared with the session's token.

use std::borrow::Cow;

use crate::percent;

/// Most values of `SESSDATA` that are looked at. A browser sends several where sites of one domain
/// set their own. Our limit.
pub const MAX_SESSION_COOKIES: usize = 4;

/// Most bytes of a session's secret, as decoded. Our limit; a JWT has a few hundred.
pub const MAX_SECRET_BYTES: usize = 4096;

const SESSION: &[u8] = b"SESSDATA";

/// What the cookies of a request say. Nothing of it may be logged.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Cookies<'a> {
    secrets: Vec<Cow<'a, str>>,
}

impl<'a> Cookies<'a> {
    /// Reads the headers `Cookie`, of which there may be several. Cookies are parted by `;`, with or
    /// without a space; values are percent-encoded or raw, quoted or not. What cannot be read is
    /// passed over.
    #[must_use]
    pub fn parse(headers: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut cookies = Self::default();
        for header in headers {
            for pair in header.split(|byte| *byte == b';') {
                cookies.take(pair);
            }
        }
        cookies
    }

    /// The values of `SESSDATA`, decoded, each once, in the order sent. The one that is a session
    /// counts.
    #[must_use]
    pub fn secrets(&self) -> &[Cow<'a, str>] {
        &self.secrets
    }

    fn take(&mut self, pair: &'a [u8]) {
        let mut parts = pair.splitn(2, |byte| *byte == b'=');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else {
            return;
        };
        let name = name.trim_ascii();
        let Some(value) = read_value(value) else {
            return;
        };
        let has_room = self.secrets.len() < MAX_SESSION_COOKIES;
        if name == SESSION && has_room && !self.secrets.contains(&value) {
            self.secrets.push(value);
        }
    }
}

impl std::fmt::Debug for Cookies<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cookies").finish_non_exhaustive()
    }
}

/// The value without quotes and percent codes; `None` if it is empty, too long or not UTF-8.
///
/// A raw value may hold a `%` that begins no code: then it stands as it is. A `+` is always a `+`.
fn read_value(value: &[u8]) -> Option<Cow<'_, str>> {
    let value = value.trim_ascii();
    let value = value
        .strip_prefix(b"\"")
        .and_then(|value| value.strip_suffix(b"\""))
        .unwrap_or(value);
    let raw = str::from_utf8(value).ok()?;
    let value = percent::decode(raw, false).unwrap_or(Cow::Borrowed(raw));
    (1..=MAX_SECRET_BYTES)
        .contains(&value.len())
        .then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse<'a>(headers: &[&'a str]) -> Vec<String> {
        let cookies = Cookies::parse(headers.iter().map(|header: &&'a str| header.as_bytes()));
        let secrets = cookies.secrets().iter().map(ToString::to_string);
        secrets.collect()
    }

    #[test]
    fn cookies_as_clients_send_them() {
        for (headers, secrets) in [
            (&["SESSDATA=xxx"][..], &["xxx"][..]),
            (&["SESSDATA=a%2C1%2Cb%2A12"], &["a,1,b*12"]),
            (&["SESSDATA=a,1,b*12"], &["a,1,b*12"]),
            (&["SESSDATA=a+b/c=="], &["a+b/c=="]),
            (&["SESSDATA=100%"], &["100%"]),
            (&["SESSDATA=\"quoted\""], &["quoted"]),
            (&["SESSDATA=xxx;bili_jct=yyy"], &["xxx"]),
            (&["a=b; SESSDATA = xxx ; bili_jct=yyy;"], &["xxx"]),
            (&["bili_jct=1", "SESSDATA=2;bili_jct=3"], &["2"]),
            (&["SESSDATA=a%2Cb; SESSDATA=a,b; SESSDATA=c"], &["a,b", "c"]),
            (&["SESSDATA=; SESSDATA=c; SESSDATA"], &["c"]),
            (&["sessdata=a; XSESSDATA=b; buvid3=SESSDATA=c"], &[]),
            (
                &["SESSDATA=1;SESSDATA=2;SESSDATA=3;SESSDATA=4;SESSDATA=5"],
                &["1", "2", "3", "4"],
            ),
            (&["", ";;=;"], &[]),
        ] {
            assert_eq!(parse(headers), secrets, "{headers:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_passed_over() {
        let long = "x".repeat(MAX_SECRET_BYTES + 1);
        let header = format!("SESSDATA={long}; SESSDATA=ok");
        assert_eq!(parse(&[&header]), ["ok"]);
        let cookies = Cookies::parse([&b"SESSDATA=\xff\xfe; SESSDATA=ok"[..]]);
        assert_eq!(cookies.secrets(), ["ok"]);
    }

    #[test]
    fn nothing_of_it_can_be_printed() {
        let cookies = Cookies::parse([&b"SESSDATA=geheim"[..]]);
        assert!(!format!("{cookies:?}").contains("geheim"));
    }
}
