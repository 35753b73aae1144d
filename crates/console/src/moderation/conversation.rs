//! What a report says, read as a conversation: who said what, when, and with which media.
//!
//! A report was checked when it was taken. Here it is read again from its JSON, as leniently as its protocol: users and
//! messages at the top level or under `report_info`, PHP's lists for maps, numbers for texts, times in s or ms.

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::rich::{self, Piece};
use crate::links::is_web_address;

/// Texts with more characters are folded.
const LONG_CHARS: usize = 2_000;
/// How much of a long one is shown at first.
const EXCERPT_CHARS: usize = 600;
/// Most characters of an address that is shown.
const ADDRESS_CHARS: usize = 300;

/// A report as it is shown.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    pub(super) reason: Text,
    pub(super) evidence: Vec<Medium>,
    pub(super) users: Vec<User>,
    pub(super) says: Vec<Say>,
}

/// A user of a report.
#[derive(Debug, Clone)]
pub(super) struct User {
    /// As it came in.
    pub(super) key: String,
    pub(super) name: String,
    pub(super) avatar: String,
    pub(super) sex: String,
}

/// A message.
#[derive(Debug)]
pub(super) struct Say {
    /// The key of who wrote it; as it was sent, where it names nobody.
    pub(super) user: String,
    pub(super) at_ms: Option<i64>,
    pub(super) is_deleted: bool,
    pub(super) content: Content,
}

/// What a message holds.
#[derive(Debug)]
pub(super) enum Content {
    Text(Text),
    Medium(Medium),
}

/// A text, with its beginning where it is long.
#[derive(Debug, Default)]
pub(super) struct Text {
    pub(super) pieces: Vec<Piece>,
    pub(super) excerpt: Option<String>,
    pub(super) chars: usize,
}

/// What a medium is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Image,
    Audio,
    Video,
}

/// Where a medium is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// On another host: never loaded here.
    Elsewhere,
    /// An image within the report.
    Image,
    /// A sound or a film within the report.
    File,
    /// Neither: shown as text.
    Nowhere,
}

/// An image, a sound or a film.
#[derive(Debug)]
pub(super) struct Medium {
    pub(super) kind: Kind,
    pub(super) place: Place,
    pub(super) address: String,
    /// The address as it is shown.
    pub(super) shown: String,
}

impl Conversation {
    /// Reads a report; what cannot be read is left out.
    pub(super) fn read(report: &RawValue) -> Self {
        let Ok(Value::Object(fields)) = serde_json::from_str(report.get()) else {
            return Self::default();
        };
        let inner = fields.get("report_info").and_then(Value::as_object);
        let part = |name: &str| fields.get(name).or_else(|| inner?.get(name));
        let users: Vec<User> = entries(part("users")).into_iter().map(user).collect();
        let evidence = fields.get("report_evidence").and_then(Value::as_object);
        let images = entries(evidence.and_then(|evidence| evidence.get("images")));
        Self {
            reason: Text::new(
                &evidence
                    .map(|evidence| text(evidence, "reason"))
                    .unwrap_or_default(),
            ),
            evidence: images
                .into_iter()
                .map(|(_, image)| Medium::new(Kind::Image, scalar(image)))
                .collect(),
            says: entries(part("infos"))
                .into_iter()
                .filter_map(|(_, info)| say(info.as_object()?, &users))
                .collect(),
            users,
        }
    }
}

impl Medium {
    fn new(kind: Kind, address: String) -> Self {
        let address = address.trim().to_owned();
        let beginning: String = address
            .chars()
            .take(64)
            .collect::<String>()
            .to_ascii_lowercase();
        let raster = ["png", "jpeg", "jpg", "gif", "webp", "avif"];
        let is_raster = raster
            .iter()
            .any(|name| beginning.starts_with(&format!("data:image/{name};base64,")));
        let place = if is_web_address(&address) {
            Place::Elsewhere
        } else if kind == Kind::Image && is_raster {
            Place::Image
        } else if beginning.starts_with("data:audio/") || beginning.starts_with("data:video/") {
            Place::File
        } else {
            Place::Nowhere
        };
        let is_within = matches!(place, Place::Image | Place::File);
        let most = if is_within { 40 } else { ADDRESS_CHARS };
        let mut shown: String = address.chars().take(most).collect();
        if shown.len() < address.len() {
            shown.push('…');
        }
        Self {
            kind,
            place,
            address,
            shown,
        }
    }
}

impl Text {
    fn new(text: &str) -> Self {
        let chars = text.chars().count();
        let excerpt = (chars > LONG_CHARS).then(|| text.chars().take(EXCERPT_CHARS).collect());
        Self {
            pieces: rich::read(text),
            excerpt,
            chars,
        }
    }
}

fn say(info: &Map<String, Value>, users: &[User]) -> Option<Say> {
    let id = text(info, "id");
    let content = text(info, "content");
    let kind = text(info, "type");
    let content = match &*kind {
        "image" => Content::Medium(Medium::new(Kind::Image, content)),
        "audio" => Content::Medium(Medium::new(Kind::Audio, content)),
        "video" => Content::Medium(Medium::new(Kind::Video, content)),
        _ => Content::Text(Text::new(&content)),
    };
    Some(Say {
        user: find_user(users, &id).map_or(id, |user| user.key.clone()),
        at_ms: time_ms(info.get("time")),
        is_deleted: kind == "video" && text(info, "tag") == "del",
        content,
    })
}

/// A key as it stands wins over one with `id_` before it.
pub(super) fn find_user<'a>(users: &'a [User], id: &str) -> Option<&'a User> {
    let prefixed = |user: &&User| user.key.strip_prefix("id_") == Some(id);
    let found = users.iter().find(|user| user.key == id);
    found.or_else(|| users.iter().find(prefixed))
}

fn user((key, value): (String, &Value)) -> User {
    let empty = Map::new();
    let fields = value.as_object().unwrap_or(&empty);
    User {
        key,
        name: text(fields, "name"),
        avatar: text(fields, "avatar"),
        sex: text(fields, "sex"),
    }
}

/// The entries of a map, or of a list with their places as keys.
fn entries(value: Option<&Value>) -> Vec<(String, &Value)> {
    match value {
        Some(Value::Object(map)) => map
            .iter()
            .map(|(key, value)| (key.clone(), value))
            .collect(),
        Some(Value::Array(list)) => list
            .iter()
            .enumerate()
            .map(|(place, value)| (place.to_string(), value))
            .collect(),
        _ => Vec::new(),
    }
}

fn text(fields: &Map<String, Value>, name: &str) -> String {
    fields.get(name).map(scalar).unwrap_or_default()
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// A time of 10 or 13 digits, in ms.
fn time_ms(value: Option<&Value>) -> Option<i64> {
    let digits = scalar(value?);
    let number: i64 = digits.parse().ok()?;
    match digits.len() {
        10 => Some(number * 1000),
        13 => Some(number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(report: &Value) -> Conversation {
        let raw = RawValue::from_string(report.to_string()).unwrap();
        Conversation::read(&raw)
    }

    #[test]
    fn both_forms_of_a_report_are_read() {
        let users = serde_json::json!({"id_1": {"name": "张三", "sex": 1}, "2": {}});
        let infos = serde_json::json!([
            {"id": 1, "type": "text", "content": 5, "time": 1_451_312_321},
            {"id": "2", "type": "video", "tag": "del", "content": "http://x/v", "time": "1451312321000"},
            {"id": "9", "type": "image", "content": "javascript:alert(1)", "time": 3},
        ]);
        for report in [
            serde_json::json!({"users": users, "infos": infos}),
            serde_json::json!({"report_info": {"users": users, "infos": infos}}),
        ] {
            let read = read(&report);
            assert_eq!(read.users.len(), 2);
            let says: Vec<_> = read
                .says
                .iter()
                .map(|say| (&*say.user, say.at_ms, say.is_deleted))
                .collect();
            let at = Some(1_451_312_321_000);
            assert_eq!(
                says,
                [("id_1", at, false), ("2", at, true), ("9", None, false)]
            );
            let Content::Medium(image) = &read.says[2].content else {
                panic!("no medium")
            };
            assert_eq!(image.place, Place::Nowhere);
        }
    }

    #[test]
    fn only_rasters_within_the_report_are_images_to_show() {
        for (address, kind, place) in [
            ("HTTPS://x/a.jpg", Kind::Image, Place::Elsewhere),
            ("data:image/png;base64,AAAA", Kind::Image, Place::Image),
            (
                "data:image/svg+xml;base64,AAAA",
                Kind::Image,
                Place::Nowhere,
            ),
            ("data:text/html,<b>", Kind::Image, Place::Nowhere),
            ("data:audio/mpeg;base64,AAAA", Kind::Audio, Place::File),
            ("//x/a.jpg", Kind::Image, Place::Nowhere),
            ("file:///etc/passwd", Kind::Video, Place::Nowhere),
            ("测试图片", Kind::Image, Place::Nowhere),
        ] {
            assert_eq!(
                Medium::new(kind, address.to_owned()).place,
                place,
                "{address}"
            );
        }
    }

    #[test]
    fn a_report_of_nothing_shows_nothing() {
        for report in [
            serde_json::json!([]),
            serde_json::json!({"users": 1, "infos": "x", "report_evidence": []}),
        ] {
            let read = read(&report);
            assert!(read.users.is_empty() && read.says.is_empty() && read.reason.chars == 0);
        }
    }
}
