//! From the bytes of a request to a [`Report`], or to the refusal that the client gets.
//!
//! This runs once for each request, at tens of thousands a second, and so copies nothing: UTF-8 is
//! checked once, the envelope is scanned once for its fields, and `data_list` once more for those
//! of its items.

use std::borrow::Cow;
use std::str::Utf8Error;

use super::DATA_LIST;
use super::item::Item;
use super::list;
use super::refusal::Refusal;
use super::{MAX_NONCE_CHARS, Ret};
use crate::fields::Fields;
use crate::values::{self, Problem};

const NAMES: [&str; 3] = ["ts", "nonce", DATA_LIST];
const TS: usize = 0;
const NONCE: usize = 1;
const LIST: usize = 2;

/// From this value on a `ts` is in milliseconds, below in seconds (`spec comm-report`): as seconds
/// it is the year 5138, as milliseconds 1973.
const FIRST_TS_IN_MS: i64 = 100_000_000_000;

/// A request that obeys the protocol. Whether it is in time and its operations are registered is
/// not known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report<'a> {
    /// When it happened, in milliseconds since 1970; not negative.
    pub ts_ms: i64,
    /// Part of the request's identity, never unique by itself.
    pub nonce: Cow<'a, str>,
    /// 1 to [`MAX_ITEMS`](super::MAX_ITEMS) items.
    pub items: Vec<Item<'a>>,
    /// How many fields of the envelope and the items nobody knows.
    pub unknown_fields: u32,
}

/// Reads the body of a request.
///
/// # Errors
/// 40001, 40002 or 40003 of `spec comm-report`; the message names the place. One bad item refuses
/// the whole request.
pub fn parse(body: &[u8]) -> Result<Report<'_>, Refusal> {
    let text = str::from_utf8(body).map_err(|error| not_utf8(&error))?;
    let envelope = Fields::parse(text, &NAMES).map_err(|error| not_an_object(&error))?;
    envelope.refuse_repeated().map_err(Refusal::bad_field)?;
    let ts_ms = envelope
        .required(TS, read_ts_ms)
        .map_err(Refusal::bad_field)?;
    let nonce = envelope
        .required(NONCE, read_nonce)
        .map_err(Refusal::bad_field)?;
    let list = envelope.required(LIST, Ok).map_err(Refusal::bad_field)?;
    let list = list::read(list)?;
    let unknown_fields = envelope.unknown().saturating_add(list.unknown_fields);
    Ok(Report {
        ts_ms,
        nonce,
        items: list.items,
        unknown_fields,
    })
}

fn read_ts_ms(text: &str) -> Result<i64, Problem> {
    match values::integer(text)? {
        i64::MIN..0 => Err(Problem::OutOfRange),
        seconds @ 0..FIRST_TS_IN_MS => Ok(seconds * 1000),
        milliseconds => Ok(milliseconds),
    }
}

fn read_nonce(text: &str) -> Result<Cow<'_, str>, Problem> {
    let nonce = values::string(text, MAX_NONCE_CHARS)?;
    if nonce.is_empty() {
        Err(Problem::Empty)
    } else {
        Ok(nonce)
    }
}

fn not_utf8(error: &Utf8Error) -> Refusal {
    Refusal::new(
        Ret::NotAnObject,
        format!("not UTF-8 at byte {}", error.valid_up_to()),
    )
}

fn not_an_object(error: &serde_json::Error) -> Refusal {
    let msg = if error.is_data() {
        // The error's own text would repeat what was sent.
        format!(
            "not a JSON object at line {} column {}",
            error.line(),
            error.column()
        )
    } else {
        format!("not JSON: {error}")
    };
    Refusal::new(Ret::NotAnObject, msg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ts_is_seconds_below_1e11_and_milliseconds_from_there() {
        assert_eq!(read_ts_ms("0"), Ok(0));
        assert_eq!(read_ts_ms("1763700000"), Ok(1_763_700_000_000));
        assert_eq!(read_ts_ms("99999999999"), Ok(99_999_999_999_000));
        assert_eq!(read_ts_ms("100000000000"), Ok(100_000_000_000));
        assert_eq!(read_ts_ms("9223372036854775807"), Ok(i64::MAX));
        assert_eq!(read_ts_ms("-1"), Err(Problem::OutOfRange));
        assert_eq!(read_ts_ms("9223372036854775808"), Err(Problem::OutOfRange));
    }

    #[test]
    fn a_request_without_escapes_is_borrowed_whole() {
        let body = r#"{"ts":1,"nonce":"n","data_list":[
            {"oper_id":1,"target_id":"t","to_uid":[1],"ext1":"x"}]}"#;
        let report = parse(body.as_bytes()).unwrap();
        let item = &report.items[0];
        assert!(matches!(report.nonce, Cow::Borrowed("n")));
        assert!(matches!(item.target_id, Some(Cow::Borrowed("t"))));
        assert!(matches!(item.to_uid, Some(Cow::Borrowed("[1]"))));
        assert!(matches!(item.ext[0], Some(Cow::Borrowed("x"))));
    }

    #[test]
    fn unknown_fields_of_envelope_and_items_are_counted() {
        let body = br#"{"v":1,"v":2,"ts":1,"nonce":"n","data_list":[
            {"oper_id":1,"x":1},{"oper_id":1,"y":{"gid":2}}]}"#;
        assert_eq!(parse(body).unwrap().unknown_fields, 4);
    }

    #[test]
    fn nothing_that_was_sent_is_repeated_in_a_message() {
        for body in [
            r#""geheim""#,
            r#"{"ts":"geheim"}"#,
            r#"{"ts":1,"nonce":"n","data_list":["geheim"]}"#,
        ] {
            assert!(
                !parse(body.as_bytes()).unwrap_err().msg.contains("geheim"),
                "{body}"
            );
        }
    }
}
