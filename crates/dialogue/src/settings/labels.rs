//! Labels: what a verdict can say of a dialogue or a user.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use reportd_platform::settings::SettingsError;

use super::check_text;

/// The label of who did nothing wrong: a user left out of a verdict has it.
pub(crate) const NORMAL: &str = "normal";

const MOST_LABELS: usize = 50;
const MAX_KEY_CHARS: usize = 32;
const MAX_TEXT_CHARS: usize = 64;

/// A label of verdicts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = dialogue::Label, example = json!({"key": "porn", "wire": "pron", "zh": "色情", "en": "Pornography"}))]
pub struct Label {
    /// Its name in the API: a-z, 0-9, `_` and `-`.
    #[schema(max_length = 32)]
    pub key: String,
    /// What callbacks call it.
    #[schema(max_length = 64)]
    pub wire: String,
    /// Its name in Chinese.
    #[schema(max_length = 64)]
    pub zh: String,
    /// Its name in English.
    #[schema(max_length = 64)]
    pub en: String,
}

/// The labels of an app that has set none.
pub(super) fn defaults() -> Vec<Label> {
    [
        (NORMAL, "正常", "Normal"),
        ("ad", "广告", "Advertising"),
        ("porn", "色情", "Pornography"),
        ("abuse", "辱骂", "Abuse"),
        ("fraud", "欺诈", "Fraud"),
        ("politics", "涉政", "Politics"),
        ("minor", "未成年人", "Minors"),
        ("other", "其他", "Other"),
    ]
    .map(|(key, zh, en)| Label {
        key: key.to_owned(),
        wire: key.to_owned(),
        zh: zh.to_owned(),
        en: en.to_owned(),
    })
    .into()
}

/// Refuses labels of which two could not be told apart, or none says that nothing is wrong.
pub(super) fn check(labels: &[Label]) -> Result<(), SettingsError> {
    if labels.len() > MOST_LABELS {
        return Err(SettingsError::invalid(
            "labels",
            format!("expected at most {MOST_LABELS}"),
        ));
    }
    let (mut keys, mut wires) = (HashSet::new(), HashSet::new());
    for (index, label) in labels.iter().enumerate() {
        let field = |name: &str| format!("labels[{index}].{name}");
        let is_plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
        if !(1..=MAX_KEY_CHARS).contains(&label.key.len()) || !label.key.bytes().all(is_plain) {
            return Err(SettingsError::invalid(
                field("key"),
                "expected 1 to 32 characters of a-z, 0-9, _ and -",
            ));
        }
        for (name, text) in [("wire", &label.wire), ("zh", &label.zh), ("en", &label.en)] {
            check_text(&field(name), text, MAX_TEXT_CHARS)?;
        }
        if !keys.insert(&label.key) {
            return Err(SettingsError::invalid(
                field("key"),
                "expected a key that no other label has",
            ));
        }
        if !wires.insert(&label.wire) {
            return Err(SettingsError::invalid(
                field("wire"),
                "expected a wire value that no other label has",
            ));
        }
    }
    if !keys.contains(&NORMAL.to_owned()) {
        return Err(SettingsError::invalid(
            "labels",
            "expected one with the key normal among them",
        ));
    }
    Ok(())
}
