//! Callbacks: the verdict, encrypted with the app's key, and signed.

mod signature;

use std::collections::BTreeMap;

use form_urlencoded::Serializer;
use serde_json::{Map, Value, json};

pub use signature::{
    CallbackSecret, ID_HEADER, MIN_SECRET_BYTES, REVISION_HEADER, SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
};

use super::cipher::{BLOCK_BYTES, Cipher};
use super::request::{content_text, open_content};

/// A verdict as it goes to the reporter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The ticket.
    pub ticket_id: String,
    /// As reported.
    pub category: String,
    /// The app.
    pub app_id: String,
    /// As reported; empty if it was absent.
    pub uniqid: String,
    /// The wire value of the label of the dialogue.
    pub dialogue_result: String,
    /// The wire value of each user's label, by the key as it came in; all users are there.
    pub user_results: Vec<(String, String)>,
    /// Who judged.
    pub auditor: String,
}

impl Verdict {
    /// The JSON text. `user_result` is an object even if all users are normal.
    #[must_use]
    pub fn write(&self) -> String {
        let users = self.user_results.iter();
        let users: Map<_, _> = users
            .map(|(key, label)| (key.clone(), json!(label)))
            .collect();
        let result = json!({"dialogue_result": self.dialogue_result, "user_result": users});
        json!({
            "ticket_id": self.ticket_id,
            "category": self.category,
            "appid": self.app_id,
            "uniqid": self.uniqid,
            "result": result,
            "auditor": self.auditor,
        })
        .to_string()
    }

    /// The form to post: made once for a revision, and sent unchanged on each attempt.
    #[must_use]
    pub fn body(&self, cipher: &Cipher, random_iv: [u8; BLOCK_BYTES]) -> String {
        let content = content_text(self.write().as_bytes(), cipher, random_iv);
        Serializer::new(String::with_capacity(content.len() * 11 / 10 + 64))
            .append_pair("appid", &self.app_id)
            .append_pair("content", &content)
            .finish()
    }

    /// Reads the body of a callback, as its receiver does once the signature is verified. Ids that
    /// are numbers, as in the source's examples, are their text. `None` if it is no callback of this
    /// key.
    #[must_use]
    pub fn read(body: &[u8], cipher: &Cipher) -> Option<Self> {
        let form: BTreeMap<_, _> = form_urlencoded::parse(body).collect();
        let json = open_content(form.get("content")?, cipher).ok()?;
        let verdict: Value = serde_json::from_str(&json).ok()?;
        let text = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let result = &verdict["result"];
        let users = result["user_result"].as_object();
        let user_results = users.into_iter().flatten();
        Some(Self {
            ticket_id: text(&verdict["ticket_id"])?,
            category: text(&verdict["category"])?,
            app_id: text(&verdict["appid"])?,
            uniqid: text(&verdict["uniqid"]).unwrap_or_default(),
            dialogue_result: text(&result["dialogue_result"])?,
            user_results: user_results
                .map(|(key, label)| Some((key.clone(), text(label)?)))
                .collect::<Option<_>>()?,
            auditor: text(&verdict["auditor"]).unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialogue::{AesMode, CipherSettings, IvSetting};

    #[test]
    fn a_callback_reads_back_with_its_own_key_alone() {
        let settings = CipherSettings {
            mode: AesMode::Aes128Cbc,
            iv: IvSetting::Prepended,
            key: b"0123456789abcdef",
            php_key: false,
            zero_padding: false,
        };
        let cipher = Cipher::new(&settings).unwrap();
        let verdict = Verdict {
            ticket_id: "123".to_owned(),
            category: "场景1".to_owned(),
            app_id: "app 1&".to_owned(),
            uniqid: String::new(),
            dialogue_result: "ad".to_owned(),
            user_results: vec![
                ("id_2".to_owned(), "pron".to_owned()),
                ("0".to_owned(), "normal".to_owned()),
            ],
            auditor: "xxxxxxx".to_owned(),
        };
        assert_eq!(
            verdict.write(),
            r#"{"ticket_id":"123","category":"场景1","appid":"app 1&","uniqid":"","result":{"dialogue_result":"ad","user_result":{"id_2":"pron","0":"normal"}},"auditor":"xxxxxxx"}"#
        );
        let body = verdict.body(&cipher, [9; 16]);
        assert_eq!(Verdict::read(body.as_bytes(), &cipher), Some(verdict));
        let other = CipherSettings {
            key: b"0123456789abcdeg",
            ..settings
        };
        let other = Cipher::new(&other).unwrap();
        assert_eq!(Verdict::read(body.as_bytes(), &other), None);
        assert_eq!(Verdict::read(b"appid=1", &cipher), None);
    }
}
