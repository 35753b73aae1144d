//! The page of the receiver, and its style: plain, escaped, and without any script.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use reportd_platform::zones::time_text;

use super::{Inbox, Outcome, Shown, lock};
use crate::demo::rhythm::local;

const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const STYLE: &str = "\
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.3rem; }
article { border-top: 1px solid color-mix(in srgb, currentColor 25%, transparent); padding: .6rem 0; }
article p { margin: 0; }
.refused strong { color: light-dark(#b3261e, #ff8a80); }
.small { font-size: .85rem; opacity: .8; }
";

/// The callbacks that came in, the newest first.
pub(super) async fn show(
    State(inbox): State<Arc<Inbox>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let accepts = headers.get(header::ACCEPT_LANGUAGE);
    let accepts_zh = accepts
        .and_then(|value| value.to_str().ok())
        .is_some_and(|languages| languages.trim_start().starts_with("zh"));
    let is_zh = match query.as_deref() {
        Some("lang=zh") => true,
        Some("lang=en") => false,
        _ => accepts_zh,
    };
    let shown: Vec<Shown> = lock(&inbox.shown).iter().cloned().collect();
    let mut reply = Html(markup(&shown, is_zh)).into_response();
    let policy = HeaderValue::from_static(POLICY);
    reply
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, policy);
    reply
}

pub(super) async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css")], STYLE).into_response()
}

/// The page of these callbacks.
pub(super) fn markup(shown: &[Shown], is_zh: bool) -> String {
    let say = |en: &'static str, zh: &'static str| if is_zh { zh } else { en };
    let (lang, other, other_name) = if is_zh {
        ("zh", "en", "English")
    } else {
        ("en", "zh", "中文")
    };
    let title = say("Callbacks that came in", "收到的回调");
    let about = say(
        "What an app's own server would do with verdicts: check the signature, decrypt, and drop repeats. The newest 100.",
        "应用自己的服务器会这样处理判定结果:验签、解密、去重。显示最近 100 条。",
    );
    let none = say(
        "Nothing yet: judge a ticket, and wait a minute.",
        "还没有:判定一张工单,等一分钟即可看到。",
    );
    let mut page = format!(
        "<!doctype html>\n<html lang=\"{lang}\">\n<head><meta charset=\"utf-8\"><title>{title}</title>\n\
         <meta name=\"viewport\" content=\"width=device-width\"><meta http-equiv=\"refresh\" content=\"5\">\n\
         <link rel=\"stylesheet\" href=\"/style.css\"></head>\n<body><main>\n<h1>{title}</h1>\n\
         <p>{about} <a href=\"?lang={other}\" lang=\"{other}\">{other_name}</a></p>\n"
    );
    for callback in shown {
        callback.write(&mut page, is_zh);
    }
    if shown.is_empty() {
        page.push_str(&format!("<p>{none}</p>\n"));
    }
    page.push_str("</main></body>\n</html>\n");
    page
}

impl Shown {
    fn write(&self, page: &mut String, is_zh: bool) {
        let say = |en: &'static str, zh: &'static str| if is_zh { zh } else { en };
        let outcome = match self.outcome {
            Outcome::New => say("taken", "已接收"),
            Outcome::Repeat => say("a repeat: nothing done", "重复,未处理"),
            Outcome::Outdated => say("outdated: a newer one is known", "已过时,存在更新的判定"),
            Outcome::Refused => say(
                "refused: signature or content is wrong",
                "已拒绝:签名或内容有误",
            ),
        };
        let class = if self.outcome == Outcome::Refused {
            " class=\"refused\""
        } else {
            ""
        };
        let (at, to) = (time_text(local(self.at_ms)), escaped(&self.to));
        let at = at.trim_end_matches('Z').replace('T', " ");
        page.push_str(&format!(
            "<article{class}><p><strong>{outcome}</strong> <time>{at}</time> <span class=\"small\">{to}</span></p>\n"
        ));
        if self.outcome == Outcome::New {
            let users: Vec<String> = (self.users.iter())
                .map(|(key, label)| format!("<bdi>{}</bdi> {}", escaped(key), escaped(label)))
                .collect();
            page.push_str(&format!(
                "<p>{} {} · <bdi>{}</bdi> · {} <strong>{}</strong> · {} <bdi>{}</bdi></p>\n<p>{}</p>\n\
                 <p class=\"small\">{} {} · {} <bdi>{}</bdi> · {}</p>\n",
                say("Ticket", "工单"),
                escaped(&self.ticket),
                escaped(&self.category),
                say("verdict", "判定"),
                escaped(&self.dialogue),
                say("by", "审核员"),
                escaped(&self.auditor),
                users.join(", "),
                say("revision", "版本"),
                self.revision,
                say("reported by", "举报人"),
                escaped(&self.uniqid),
                escaped(&self.webhook_id),
            ));
        }
        page.push_str("</article>\n");
    }
}

/// A text that stands for itself in HTML.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
