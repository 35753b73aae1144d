//! What the API says, in the language of the page.
//!
//! A problem of the API has no code: its status, its field and its sentence are all there is. The sentences that a form of
//! the console can bring about are known here, each with places for what differs, and have words of the console's own in
//! Chinese. A sentence that is not known is shown as the API tells it, and marked as English.

use askama::Template;

use crate::texts::{Locale, fill};

/// A text, and whether it is English on a page that is not.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(
    source = r#"<bdi{% if is_english %} lang="en"{% endif %}>{{ text }}</bdi>"#,
    ext = "html"
)]
pub(crate) struct Said {
    pub(crate) text: String,
    pub(crate) is_english: bool,
}

impl Said {
    /// A text in the language of the page.
    pub(crate) fn own(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            is_english: false,
        }
    }

    /// A sentence of the API.
    pub(crate) fn of_api(sentence: &str, locale: Locale) -> Self {
        let own = match locale {
            Locale::En => return Self::own(sentence),
            Locale::Zh => in_chinese(sentence),
        };
        own.map_or_else(
            || Self {
                text: sentence.to_owned(),
                is_english: true,
            },
            Self::own,
        )
    }
}

/// Sentences of the API and the same in Chinese; the first one that fits is taken. What stands at `{why}` is a sentence
/// itself.
const SENTENCES: &[(&str, &str)] = &[
    // Texts and lists.
    (
        "expected {least} to {most} characters of A-Z, a-z, 0-9, _ and -",
        "应为 {least} 到 {most} 个字符，只能用 A-Z、a-z、0-9、_ 和 -。",
    ),
    (
        "expected {least} to {most} characters of a-z, 0-9, _ and -",
        "应为 {least} 到 {most} 个字符，只能用 a-z、0-9、_ 和 -。",
    ),
    (
        "expected {least} to {most} printable characters",
        "应为 {least} 到 {most} 个可见字符。",
    ),
    (
        "expected {least} to {most} characters",
        "应为 {least} 到 {most} 个字符。",
    ),
    (
        "must have {least} to {most} characters",
        "应为 {least} 到 {most} 个字符。",
    ),
    (
        "expected {least} to {most} bytes",
        "应为 {least} 到 {most} 字节。",
    ),
    (
        "expected at most {most} printable characters",
        "最多 {most} 个可见字符。",
    ),
    ("expected at most {most} characters", "最多 {most} 个字符。"),
    (
        "expected a text of at most {most} characters",
        "最多 {most} 个字符。",
    ),
    ("expected at most {most} categories", "最多 {most} 个分类。"),
    ("expected at most {most} bytes", "最多 {most} 字节。"),
    ("expected at most {most} days", "最多 {most} 天。"),
    ("expected at most {most} apps", "最多 {most} 个应用。"),
    (
        "expected at most {most} for so many steps",
        "时间段较多时最多 {most}。",
    ),
    (
        "expected at most {most} keys: remove one first",
        "最多 {most} 个密钥，请先移除一个。",
    ),
    ("expected at most {most}", "最多 {most}。"),
    ("at most {most} are allowed", "最多 {most} 项。"),
    (
        "expected no blank at the beginning or the end",
        "首尾不能有空格。",
    ),
    ("expected each once", "不能重复。"),
    ("given twice", "不能重复。"),
    ("missing field `{name}`", "此项必填。"),
    // Numbers, times and choices.
    (
        "expected an integer of at least {least}",
        "应为不小于 {least} 的整数。",
    ),
    (
        "expected an integer of at most {most}",
        "应为不大于 {most} 的整数。",
    ),
    (
        "expected an integer of {least} to {most}",
        "应为 {least} 到 {most} 的整数。",
    ),
    (
        "expected seconds, {least} to {most}",
        "应为 {least} 到 {most} 秒。",
    ),
    ("expected 0 or 200", "应为 0 或 200。"),
    ("expected {least} to {most}", "应为 {least} 到 {most}。"),
    ("expected an integer", "应为整数。"),
    ("expected true or false", "应为 true 或 false。"),
    ("expected a text", "应为文本。"),
    ("expected a list", "应为列表。"),
    ("expected an object", "应为对象。"),
    (
        "expected the next_cursor of an earlier reply",
        "翻页位置无效。",
    ),
    (
        "expected a next_cursor of an earlier reply",
        "翻页位置无效。",
    ),
    ("expected up to ten years", "有效期最长十年。"),
    (
        "«{text}»: expected one of {names}",
        "「{text}」无效，应为以下之一：{names}。",
    ),
    ("«{text}»: expected an integer", "「{text}」不是整数。"),
    (
        "«{text}»: expected true or false",
        "「{text}」无效，应为 true 或 false。",
    ),
    (
        "«{text}»: expected reject or accept",
        "「{text}」无效，应为 reject 或 accept。",
    ),
    (
        "«{text}»: expected requests a minute, 0 for no limit",
        "「{text}」无效，应为每分钟请求数，0 表示不限。",
    ),
    (
        "«{text}»: expected prepended, zero, key, or 32 hexadecimal digits",
        "「{text}」无效，应为 prepended、zero、key 或 32 位十六进制数字。",
    ),
    (
        "«{text}»: expected at most {most}",
        "「{text}」过大，最多 {most}。",
    ),
    (
        "«{text}» is no length of time: expected one such as 24h, 10m or 30s",
        "「{text}」不是时长，格式应如 24h、10m 或 30s。",
    ),
    (
        "«{text}» is no time zone: expected an IANA name such as Asia/Shanghai",
        "「{text}」不是时区，应为 Asia/Shanghai 这样的 IANA 名称。",
    ),
    (
        "«{text}» is no date: expected one such as 2026-11-21",
        "「{text}」不是日期，格式应如 2026-11-21。",
    ),
    (
        "«{text}» is no role: expected {names}",
        "没有角色「{text}」，应为以下之一：{names}。",
    ),
    ("expected one of {names}", "应为以下之一：{names}。"),
    // Apps, credentials, keys, people.
    ("there is an app «{id}» already", "应用「{id}」已存在。"),
    ("there is no app «{id}»", "没有应用「{id}」。"),
    (
        "there is no app «{id}»: see reportd app list",
        "没有应用「{id}」。",
    ),
    (
        "it is fixed: there are reports, and their days were resolved in it",
        "已有上报按此时区划分日期，不可更改。",
    ),
    (
        "this token is in use: each app needs its own",
        "该令牌已被使用，每个应用须使用各自的令牌。",
    ),
    (
        "after hex: expected pairs of hexadecimal digits",
        "hex: 之后应为成对的十六进制数字。",
    ),
    (
        "after base64: expected padded base64",
        "base64: 之后应为带填充的 base64。",
    ),
    (
        "there is, or was, a key of this name: names stand in the records, take another",
        "同名密钥已存在或曾经存在：名称用于审计记录，请另取一个。",
    ),
    (
        "there is no key «{name}» in force",
        "没有生效中的密钥「{name}」。",
    ),
    ("there is no person «{name}»", "没有人员「{name}」。"),
    (
        "there is, or was, a person «{name}»: names stand in the records, take another",
        "人员「{name}」已存在或曾经存在：名称用于审计记录，请另取一个。",
    ),
    (
        "«{name}» is the last person of role admin in force who is limited to no app: make another one first",
        "「{name}」是最后一位不限应用的管理员，请先添加另一位。",
    ),
    (
        "only role moderator is limited to categories",
        "只有审核员可限定分类。",
    ),
    (
        "categories belong to an app: name it too",
        "分类属于应用，请同时指定应用。",
    ),
    (
        "you are limited to some apps: name one of them",
        "您仅限部分应用，请指定其中一个。",
    ),
    (
        "you are limited to some apps: name some of them",
        "您仅限部分应用，请指定其中的应用。",
    ),
    (
        "this is of all apps, and you are limited to some",
        "此操作针对全部应用，而您仅限部分应用。",
    ),
    (
        "a person of role {role} may not do this",
        "您的角色（{role}）无权执行此操作。",
    ),
    (
        "this person is limited to another app",
        "您无权访问该应用。",
    ),
    // Bot events.
    (
        "its kind is fixed: there are reports, which were counted as {kind}",
        "已有上报，类型（{kind}）不可更改。",
    ),
    (
        "an app can have at most {most} operations",
        "每个应用最多 {most} 个操作。",
    ),
    (
        "a snapshot requires gid, and ext1 as a non-negative integer",
        "快照必须要求 gid，且 ext1 为非负整数。",
    ),
    (
        "to_uid is a person, not a dimension",
        "to_uid 指向个人，不能作为细分维度。",
    ),
    ("there is no operation {id}", "没有编号为 {id} 的操作。"),
    (
        "there is no rejection {id}, or it was replayed",
        "没有编号为 {id} 的被拒请求，或已重放。",
    ),
    (
        "the rejection {id} is being replayed already, or was",
        "被拒请求 {id} 正在重放，或已重放。",
    ),
    // Push.
    ("there is no such task", "没有此任务。"),
    // Playback.
    (
        "expected a host such as api.example.com or localhost:8080",
        "应为 api.example.com 或 localhost:8080 这样的主机。",
    ),
    (
        "expected an origin such as https://www.example.com, without a path",
        "应为 https://www.example.com 这样的来源，不含路径。",
    ),
    (
        "expected a host that no other app has",
        "该主机已被其他应用使用。",
    ),
    (
        "expected a secret for this app alone",
        "该密钥已被其他应用使用。",
    ),
    (
        "expected a key that no other app has",
        "该密钥已被其他应用使用。",
    ),
    (
        "a secret for HS256 must have at least {least} bytes",
        "HS256 密钥至少 {least} 字节。",
    ),
    (
        "not an Ed25519 public key: expected PEM, or base64 of its DER or of its 32 bytes",
        "不是 Ed25519 公钥，应为 PEM，或其 DER 或 32 字节的 base64。",
    ),
    (
        "the app has no session key {id}",
        "没有编号为 {id} 的会话密钥。",
    ),
    (
        "expected a jti of {least} to {most} characters",
        "jti 应为 {least} 到 {most} 个字符。",
    ),
    ("expected an aid or a bvid", "应为 aid 或 bvid。"),
    (
        "expected a viewer's mid, an integer of at least {least}",
        "mid 应为不小于 {least} 的整数。",
    ),
    (
        "the viewer has {most} sessions already: end one first",
        "该用户已有 {most} 个会话，请先吊销一个。",
    ),
    (
        "the viewer has no session {id}",
        "该用户没有编号为 {id} 的会话。",
    ),
    (
        "nothing was ever reported by {mid}",
        "用户 {mid} 从未上报。",
    ),
    (
        "the viewer has made no such delete in the last 24 hours",
        "该用户在 24 小时内没有这项删除。",
    ),
    (
        "it was made more than 24 hours ago, and can no longer be undone",
        "删除已超过 24 小时，无法撤销。",
    ),
    // Moderation.
    ("there is no such ticket", "没有此工单。"),
    ("another holds this ticket", "此工单由他人处理中。"),
    ("this ticket is judged already", "此工单已判定。"),
    ("this ticket is not judged", "此工单尚未判定。"),
    (
        "this ticket has {n} reports by now: look at it again",
        "此工单现已有 {n} 条举报，请重新查看。",
    ),
    (
        "another has given this verdict: a lead may undo it",
        "该判定由他人作出，组长可撤销。",
    ),
    ("the time to undo this verdict is over", "已超过撤销时限。"),
    (
        "a callback of this verdict has left: open the ticket again instead",
        "该判定的回调已发出，请改为重新打开工单。",
    ),
    (
        "only a lead may open a ticket again",
        "仅组长可重新打开工单。",
    ),
    (
        "verdicts of this app cannot be encrypted: its AES key is missing or does not fit its mode",
        "无法加密该应用的判定：AES 密钥缺失，或与加密模式不符。",
    ),
    ("expected a reason", "请填写原因。"),
    ("expected a user of this ticket", "该用户不在此工单中。"),
    ("expected the number of a ticket", "应为工单编号。"),
    ("expected a number", "应为编号。"),
    (
        "expected with a category: categories are names of an app",
        "按分类筛选时须指定应用。",
    ),
    (
        "expected with a category, a user or a reporter: they are names of an app",
        "按分类、用户或举报人筛选时须指定应用。",
    ),
    (
        "expected pending, delivered, dead or taken_back",
        "应为 pending、delivered、dead 或 taken_back。",
    ),
    ("expected a host and its port", "应为主机及端口。"),
    ("there is nothing of this number", "没有此编号的内容。"),
    ("there is no such callback", "没有此回调。"),
    (
        "only a dead callback is sent again, and none whose place a newer verdict has taken",
        "只能重放已放弃的回调，且其判定未被新的判定取代。",
    ),
    (
        "expected a key that no other label has",
        "标签的 key 不能重复。",
    ),
    (
        "expected a wire value that no other label has",
        "标签的 wire 不能重复。",
    ),
    (
        "expected one with the key normal among them",
        "须有一个 key 为 normal 的标签。",
    ),
    (
        "expected an allowed callback address: {why}",
        "回调地址不可用：{why}",
    ),
    ("no URL", "不是有效的 URL。"),
    ("neither http nor https", "只能是 http 或 https。"),
    ("user or password in it", "不能带用户名或密码。"),
    ("port not allowed", "端口不在允许范围内。"),
    ("address not public", "不是公网地址。"),
    ("name not public", "不是公网域名。"),
    // Anything.
    (
        "too many requests from this address: try again later",
        "请求过于频繁，请稍后再试。",
    ),
    (
        "the store is not available now: try again later",
        "数据暂时无法读写，请稍后再试。",
    ),
];

/// Places that may hold several words.
const WORDS: [&str; 6] = ["text", "name", "names", "kind", "role", "why"];

/// A sentence of the API in Chinese; none where it is not known.
fn in_chinese(sentence: &str) -> Option<String> {
    SENTENCES.iter().find_map(|(shape, chinese)| {
        let values = places(shape, sentence)?;
        let own = |(name, value): (&'static str, &str)| match name {
            "why" => Some((name, in_chinese(value)?)),
            _ => Some((name, value.to_owned())),
        };
        let values: Vec<_> = values.into_iter().map(own).collect::<Option<_>>()?;
        let values: Vec<_> = values
            .iter()
            .map(|(name, value)| (*name, &**value))
            .collect();
        Some(fill(chinese, &values))
    })
}

/// What a sentence has at the places of a shape; none where it is of another one.
fn places<'a>(shape: &'static str, sentence: &'a str) -> Option<Vec<(&'static str, &'a str)>> {
    let mut parts = shape.split('{').peekable();
    let mut rest = sentence.strip_prefix(parts.next()?)?;
    let mut values = Vec::new();
    while let Some(part) = parts.next() {
        let (name, behind) = part.split_once('}')?;
        let end = match (behind, parts.peek()) {
            // The last place goes as far as it can: what strangers wrote may hold the words behind it.
            (_, None) => rest.strip_suffix(behind)?.len(),
            (_, Some(_)) => rest.find(behind)?,
        };
        let (value, after) = rest.split_at(end);
        if value.contains(' ') && !WORDS.contains(&name) {
            return None;
        }
        values.push((name, value));
        rest = after.strip_prefix(behind)?;
    }
    rest.is_empty().then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_known_by_its_shape() {
        for (sentence, chinese) in [
            (
                "expected 1 to 64 printable characters",
                Some("应为 1 到 64 个可见字符。"),
            ),
            ("expected 0 to 3600", Some("应为 0 到 3600。")),
            (
                "«x» is no role: expected viewer, admin",
                Some("没有角色「x」，应为以下之一：viewer, admin。"),
            ),
            (
                "expected an allowed callback address: port not allowed",
                Some("回调地址不可用：端口不在允许范围内。"),
            ),
            ("expected an allowed callback address: something new", None),
            ("there is no such ticket", Some("没有此工单。")),
            ("there is no such ticket at all", None),
            ("", None),
        ] {
            assert_eq!(in_chinese(sentence).as_deref(), chinese, "{sentence}");
        }
    }

    #[test]
    fn no_sentence_is_taken_for_another_one() {
        for (shape, chinese) in SENTENCES {
            // A sentence of this shape, with what its places may hold.
            let values = ["least", "most", "n", "id", "mid"].map(|name| (name, "7"));
            let names = ["text", "name", "names", "kind", "role"].map(|name| (name, "«x»: y"));
            let why = [("why", "no URL")];
            let of = |shape: &str, why| fill(shape, &[&values[..], &names[..], why].concat());
            let told = in_chinese(&of(shape, &why));
            let expected = of(chinese, &[("why", "不是有效的 URL。")]);
            assert_eq!(told, Some(expected), "{shape}");
        }
    }

    #[test]
    fn what_is_not_known_is_marked_as_english_on_pages_that_are_not() {
        let said = |sentence, locale| Said::of_api(sentence, locale).render().unwrap();
        assert_eq!(said("<new>", Locale::En), "<bdi>&#60;new&#62;</bdi>");
        assert_eq!(
            said("<new>", Locale::Zh),
            "<bdi lang=\"en\">&#60;new&#62;</bdi>"
        );
        assert_eq!(said("no URL", Locale::Zh), "<bdi>不是有效的 URL。</bdi>");
    }
}
