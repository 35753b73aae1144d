//! What a site uploads: NDJSON, a line a part. All lines are read before the first is stored, and a later line about a part
//! stands in the place of an earlier one.

use std::collections::{BTreeMap, BTreeSet};

use reportd_platform::web::no_object;
use reportd_protocol::playback::{MAX_SECONDS, aid_of};
use serde_json::{Map, Value};

use super::CataloguePart;

/// Most characters of a title, a name, and of the address of a cover.
const MAX_TITLE_CHARS: usize = 500;
const MAX_NAME_CHARS: usize = 100;
const MAX_ADDRESS_CHARS: usize = 2_000;

/// The greatest number of a part.
const MAX_PAGE: i64 = 1_000_000;

/// What a line may have.
const FIELDS: [&str; 12] = [
    "aid",
    "bvid",
    "cid",
    "title",
    "cover",
    "duration",
    "author",
    "author_name",
    "author_mid",
    "page",
    "part_title",
    "removed",
];

/// Another name for `part_title`.
const PART: &str = "part";

/// An upload, in order: first videos are taken away with all their parts, then parts, then parts are stored.
#[derive(Debug, PartialEq, Eq, Default)]
pub(crate) struct Upload {
    /// Videos to take away.
    pub(crate) removed: BTreeSet<i64>,
    /// Parts to store, by (aid, cid); `None` takes one away.
    pub(crate) parts: BTreeMap<(i64, i64), Option<CataloguePart>>,
}

/// A line that cannot be taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadLine {
    /// Where: `line 3: duration`.
    pub(crate) field: String,
    pub(crate) expected: String,
}

impl Upload {
    /// Reads a body. Empty lines are passed over.
    pub(crate) fn read(body: &[u8]) -> Result<Self, BadLine> {
        let mut upload = Self::default();
        for (number, line) in (1_u64..).zip(body.split(|byte| *byte == b'\n')) {
            let line = line.trim_ascii();
            if !line.is_empty() {
                upload.add(line).map_err(|bad| bad.of_line(number))?;
            }
        }
        Ok(upload)
    }

    fn add(&mut self, line: &[u8]) -> Result<(), BadLine> {
        let fields: Map<String, Value> =
            serde_json::from_slice(line).map_err(|error| bad("", no_object(&error)))?;
        let fields = Fields(&fields);
        fields.check_names()?;
        let aid = fields.video()?;
        let cid = fields.integer("cid", 0, i64::MAX)?.unwrap_or(0);
        if !fields.is_removed()? {
            self.parts.insert((aid, cid), Some(fields.part()?));
        } else if cid == 0 {
            self.parts.retain(|(of_aid, _), _| *of_aid != aid);
            self.removed.insert(aid);
        } else {
            self.parts.insert((aid, cid), None);
        }
        Ok(())
    }
}

impl BadLine {
    fn of_line(self, number: u64) -> Self {
        let field = match self.field.as_str() {
            "" => format!("line {number}"),
            field => format!("line {number}: {field}"),
        };
        Self { field, ..self }
    }
}

fn bad(field: impl Into<String>, expected: impl Into<String>) -> BadLine {
    BadLine {
        field: field.into(),
        expected: expected.into(),
    }
}

/// The fields of a line, or of its author. Null is as good as absent.
struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    fn get(&self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A name that nobody knows is refused: it would be lost in silence.
    fn check_names(&self) -> Result<(), BadLine> {
        let is_known = |name: &str| FIELDS.contains(&name) || name == PART;
        match self.0.keys().find(|name| !is_known(name)) {
            None => Ok(()),
            Some(name) => Err(bad(
                name.chars().take(40).collect::<String>(),
                format!("not a field of the catalogue: it has {}", FIELDS.join(", ")),
            )),
        }
    }

    /// The video, by `aid` or `bvid`.
    fn video(&self) -> Result<i64, BadLine> {
        let aid = self.integer("aid", 1, i64::MAX)?;
        let bvid = match self.get("bvid") {
            None => None,
            Some(bvid) => {
                let of_bvid = bvid.as_str().and_then(aid_of);
                Some(of_bvid.ok_or_else(|| bad("bvid", "expected a bvid such as BV17x411w7KC"))?)
            }
        };
        match (aid, bvid) {
            (Some(aid), Some(of_bvid)) if aid != of_bvid => Err(bad(
                "bvid",
                "expected the bvid of the aid, or one of the two",
            )),
            (Some(aid), _) | (None, Some(aid)) => Ok(aid),
            (None, None) => Err(bad("aid", "expected an aid or a bvid")),
        }
    }

    fn is_removed(&self) -> Result<bool, BadLine> {
        match self.get("removed") {
            None => Ok(false),
            Some(Value::Bool(removed)) => Ok(*removed),
            Some(_) => Err(bad("removed", "expected true or false")),
        }
    }

    fn part(&self) -> Result<CataloguePart, BadLine> {
        let (author_name, author_mid) = self.author()?;
        let part_title = match self.get(PART) {
            Some(_) => self.text(PART, MAX_TITLE_CHARS)?,
            None => self.text("part_title", MAX_TITLE_CHARS)?,
        };
        Ok(CataloguePart {
            title: self.text("title", MAX_TITLE_CHARS)?,
            cover: self.text("cover", MAX_ADDRESS_CHARS)?,
            duration_s: self.seconds("duration")?,
            author_name,
            author_mid,
            page: self.integer("page", 0, MAX_PAGE)?.unwrap_or(0),
            part_title,
        })
    }

    /// The author: an object, or two fields.
    fn author(&self) -> Result<(String, i64), BadLine> {
        let name_and_mid = |fields: &Self, name, mid| {
            let mid = fields.integer(mid, 0, i64::MAX)?.unwrap_or(0);
            Ok((fields.text(name, MAX_NAME_CHARS)?, mid))
        };
        match self.get("author") {
            None => name_and_mid(self, "author_name", "author_mid"),
            Some(Value::Object(author)) => name_and_mid(&Fields(author), "name", "mid")
                .map_err(|error: BadLine| bad(format!("author.{}", error.field), error.expected)),
            Some(_) => Err(bad("author", r#"expected {"mid": …, "name": …}"#)),
        }
    }

    /// An integer, also as text: numbers above 2⁵³ are not exact in every language.
    fn integer(&self, name: &str, least: i64, most: i64) -> Result<Option<i64>, BadLine> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let number = match value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        number
            .filter(|number| (least..=most).contains(number))
            .map(Some)
            .ok_or_else(|| bad(name, format!("expected an integer of {least} to {most}")))
    }

    /// Seconds; fractions are cut, and 0 is not known.
    fn seconds(&self, name: &str) -> Result<Option<u32>, BadLine> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let expected = || bad(name, format!("expected seconds, 0 to {MAX_SECONDS}"));
        let whole = match value {
            Value::Number(number) => number.as_u64().or_else(|| {
                let seconds = number.as_f64().filter(|seconds| *seconds >= 0.0)?;
                format!("{:.0}", seconds.trunc()).parse().ok()
            }),
            _ => None,
        };
        let seconds = whole.and_then(|whole| u32::try_from(whole).ok());
        let seconds = seconds.filter(|seconds| *seconds <= MAX_SECONDS);
        Ok(Some(seconds.ok_or_else(expected)?).filter(|seconds| *seconds > 0))
    }

    fn text(&self, name: &str, most_chars: usize) -> Result<String, BadLine> {
        match self.get(name) {
            None => Ok(String::new()),
            Some(Value::String(text))
                if text.chars().count() <= most_chars && !text.contains('\0') =>
            {
                Ok(text.clone())
            }
            Some(_) => Err(bad(
                name,
                format!("expected a text of at most {most_chars} characters"),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(line: &str) -> String {
        let body = format!("{{\"aid\":1}}\n\n{line}\n");
        Upload::read(body.as_bytes()).unwrap_err().field
    }

    #[test]
    fn what_cannot_be_taken_is_named_with_its_line() {
        for (line, field) in [
            ("[]", "line 3"),
            ("{", "line 3"),
            ("{}", "line 3: aid"),
            (r#"{"aid":0}"#, "line 3: aid"),
            (r#"{"aid":1.5}"#, "line 3: aid"),
            (r#"{"aid":9223372036854775808}"#, "line 3: aid"),
            (r#"{"bvid":"av2"}"#, "line 3: bvid"),
            (r#"{"aid":1,"bvid":"BV1xx411c7mD"}"#, "line 3: bvid"),
            (r#"{"aid":1,"cid":-1}"#, "line 3: cid"),
            (r#"{"aid":1,"duration":-1}"#, "line 3: duration"),
            (r#"{"aid":1,"duration":"1:30"}"#, "line 3: duration"),
            (r#"{"aid":1,"duration":2147483649}"#, "line 3: duration"),
            (r#"{"aid":1,"duration":3.2e16}"#, "line 3: duration"),
            (r#"{"aid":1,"duration":1e300}"#, "line 3: duration"),
            (r#"{"aid":1,"duration":-0.5}"#, "line 3: duration"),
            (r#"{"aid":1,"title":7}"#, "line 3: title"),
            (r#"{"aid":1,"title":"a\u0000b"}"#, "line 3: title"),
            (r#"{"aid":1,"author":"me"}"#, "line 3: author"),
            (r#"{"aid":1,"author":{"mid":-7}}"#, "line 3: author.mid"),
            (r#"{"aid":1,"author_name":[]}"#, "line 3: author_name"),
            (r#"{"aid":1,"page":-1}"#, "line 3: page"),
            (r#"{"aid":1,"removed":"yes"}"#, "line 3: removed"),
            (r#"{"aid":1,"tittle":"a"}"#, "line 3: tittle"),
        ] {
            assert_eq!(refused(line), field, "{line}");
        }
        let long = format!(r#"{{"aid":1,"title":"{}"}}"#, "字".repeat(501));
        assert_eq!(refused(&long), "line 3: title");
    }

    #[test]
    fn a_later_line_stands_in_place_of_an_earlier_one() {
        let body = br#"{"aid":1,"cid":5,"title":"gone"}
            {"aid":1,"removed":true}
            {"aid":1,"cid":6,"removed":true}
            {"aid":"9223372036854775807","title":"first","duration":60.9}
            {"aid":9223372036854775807,"title":"second","author":{"mid":7,"name":"n"},"part":"p","page":1,"cover":null}"#;
        let upload = Upload::read(body).unwrap();
        let part = CataloguePart {
            title: "second".to_owned(),
            author_name: "n".to_owned(),
            author_mid: 7,
            page: 1,
            part_title: "p".to_owned(),
            ..CataloguePart::default()
        };
        let parts = BTreeMap::from([((1, 6), None), ((i64::MAX, 0), Some(part))]);
        let removed = BTreeSet::from([1]);
        assert_eq!(upload, Upload { removed, parts });
    }

    #[test]
    fn fractions_of_seconds_are_cut() {
        let read = |duration: &str| {
            let line = format!(r#"{{"aid":1,"duration":{duration}}}"#);
            let upload = Upload::read(line.as_bytes()).unwrap();
            upload.parts[&(1, 0)].as_ref().unwrap().duration_s
        };
        for (duration, read_s) in [
            ("60.9", Some(60)),
            ("0", None),
            ("7", Some(7)),
            ("1.5e-7", None),
            ("6.09e1", Some(60)),
            ("2147483648.9", Some(MAX_SECONDS)),
        ] {
            assert_eq!(read(duration), read_s, "{duration}");
        }
    }
}
