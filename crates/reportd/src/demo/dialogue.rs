//! Dialogue reports of the demo: a chat whose people report conversations, and moderators who judge them.
//!
//! Tickets are state and no journal. Those of the past are made by the same calls as any other, on a clock that stands in
//! the past: reports come in, moderators look, claim, judge, think again, and the verdicts go to the demo's receiver.

mod cases;
mod chinese;
mod desk;
mod english;
mod live;
mod scripts;

use std::borrow::Cow;

use reportd_client::protocol::dialogue::{
    AesMode, CipherSettings, Evidence, Info, InfoKind, IvSetting, Report, User,
};
use reportd_platform::clock::{MINUTE_MS, SECOND_MS};
use serde_json::json;

use self::scripts::{Conversation, Medium};

pub(super) use self::desk::Desk;
pub(super) use self::live::{Live, send_live};

const SEED: u64 = 0x6469_616c;

/// The cipher of the sample app.
pub(super) fn cipher(aes_key: &str) -> CipherSettings<'_> {
    CipherSettings {
        mode: AesMode::Aes128Cbc,
        iv: IvSetting::Prepended,
        key: aes_key.as_bytes(),
        php_key: false,
        zero_padding: false,
    }
}

/// What the app has set: its receiver is on this machine.
pub(super) fn settings(receiver_url: &str) -> String {
    json!({
        "allow_private_callbacks": true, "default_redirect": format!("{receiver_url}/callbacks"),
        "undo_seconds": 60,
    })
    .to_string()
}

/// What is told with a conversation.
#[derive(Clone)]
struct Told<'a> {
    report_id: &'a str,
    /// Who reports.
    uniqid: &'a str,
    redirect: &'a str,
    /// Where media are.
    receiver_url: &'a str,
    at_ms: i64,
}

impl Conversation {
    /// The report of it; `lines` of it are told.
    fn report<'a>(&'a self, told: &Told<'a>, lines: usize) -> Report<'a> {
        let mut time_ms = told.at_ms - 12 * MINUTE_MS;
        let mut images = Vec::new();
        let mut infos = Vec::new();
        for (number, (who, medium, said)) in self.lines.iter().take(lines).enumerate() {
            let id = self.people[*who].id;
            time_ms += 9 * SECOND_MS + (id * 7 + number as u64 * 13).cast_signed() % 31 * SECOND_MS;
            let file = |kind: &str| {
                format!(
                    "{}/media/{}.{kind}",
                    told.receiver_url,
                    id * 31 + number as u64
                )
            };
            let (kind, content, tag) = match medium {
                Medium::Text => (InfoKind::Text, Cow::Borrowed(said.as_str()), None),
                Medium::Image => {
                    images.push(Cow::Owned(file("svg")));
                    (InfoKind::Image, file("svg").into(), None)
                }
                Medium::Audio => (InfoKind::Audio, file("wav").into(), None),
                Medium::TakenBack => (
                    InfoKind::Video,
                    file("mp4").into(),
                    Some(Cow::Borrowed("del")),
                ),
            };
            infos.push(Info {
                id: id.to_string().into(),
                user: *who,
                kind,
                content,
                time_ms,
                tag,
            });
        }
        let users = self.people.iter().map(|person| User {
            key: format!("id_{}", person.id),
            name: Some(Cow::Borrowed(person.name.as_str())),
            ..User::default()
        });
        Report {
            uniqid: Some(Cow::Borrowed(told.uniqid)),
            report_id: Cow::Borrowed(told.report_id),
            category: Cow::Borrowed(self.script.category),
            redirect: Some(Cow::Borrowed(told.redirect)),
            timestamp_ms: told.at_ms,
            evidence: Evidence {
                reason: Some(Cow::Borrowed(self.script.reason)),
                images,
            },
            users: users.collect(),
            infos,
        }
    }
}
