//! The forms of an app: each is filled from one call and sent to one.

use axum::http::Method;

use super::form::{Field, Form, Input};
use super::texts::SettingsTexts;
use crate::api::fill_path;
use crate::push::names;
use crate::texts::{Locale, fill};
use crate::visit::Visit;

/// Quotas that an app can have, by channel and kind.
const QUOTAS: &[(&str, &str, &str)] = &[
    ("quotas/vv/special", "vv", "special"),
    ("quotas/vv/general", "vv", "general"),
    ("quotas/vv/grouppush", "vv", "grouppush"),
    ("quotas/op/general", "op", "general"),
    ("quotas/xm/general", "xm", "general"),
    ("quotas/gt/app", "gt", "app"),
    ("quotas/gt/app_with_tag", "gt", "app_with_tag"),
    ("quotas/gt/list", "gt", "list"),
];

const CHANNELS: &[&str] = &[
    "gt", "ios", "hw", "ho", "xm", "xmg", "vv", "mz", "op", "opg", "wx", "st",
];

const AES_MODES: &[&str] = &[
    "aes-128-cbc",
    "aes-192-cbc",
    "aes-256-cbc",
    "aes-128-ecb",
    "aes-192-ecb",
    "aes-256-ecb",
];

/// A form of an app, and where what it shows is read and written.
pub(super) struct AppForm {
    /// In addresses.
    pub(super) id: &'static str,
    /// The call that is read.
    pub(super) path: &'static str,
    /// How it is written.
    pub(super) method: fn() -> Method,
    title: fn(&SettingsTexts) -> &'static str,
    fields: fn(&SettingsTexts, Locale) -> Vec<Field>,
}

/// All forms of an app, in the order of the page.
pub(super) const APP_FORMS: &[AppForm] = &[
    AppForm {
        id: "general",
        path: "/api/apps/{}",
        method: || Method::PATCH,
        title: |t| t.general,
        fields: |t, _| {
            vec![
                Field::new("name", t.name, Input::Text).required(),
                Field::new("zone", t.zone, Input::Text)
                    .hint(t.zone_hint)
                    .required(),
            ]
        },
    },
    AppForm {
        id: "comm",
        path: "/api/apps/{}",
        method: || Method::PATCH,
        title: |t| t.comm,
        fields: |t, _| comm(t),
    },
    AppForm {
        id: "push",
        path: "/api/apps/{}/push/settings",
        method: || Method::PUT,
        title: |t| t.push,
        fields: push,
    },
    AppForm {
        id: "playback",
        path: "/api/apps/{}/playback/settings",
        method: || Method::PUT,
        title: |t| t.playback,
        fields: |t, _| playback(t),
    },
    AppForm {
        id: "dialogue",
        path: "/api/apps/{}/dialogue/settings",
        method: || Method::PUT,
        title: |t| t.dialogue,
        fields: |t, _| dialogue(t),
    },
    AppForm {
        id: "cipher",
        path: "/api/apps/{}",
        method: || Method::PATCH,
        title: |t| t.cipher,
        fields: |t, _| {
            vec![
                Field::new("settings/dialogue.aes_mode", t.aes_mode, plain(AES_MODES)),
                Field::new("settings/dialogue.aes_iv", t.aes_iv, Input::Text)
                    .hint(t.aes_iv_hint)
                    .required(),
            ]
        },
    },
];

/// The title of a form of an app and its fields, but for secrets; none where there is no such form.
pub(crate) fn of_app(locale: Locale, id: &str) -> Option<(&'static str, Vec<Field>)> {
    let t = SettingsTexts::of(locale);
    let known = APP_FORMS.iter().find(|known| known.id == id)?;
    let fields = (known.fields)(t, locale).into_iter();
    let open = fields.filter(|field| field.input != Input::Secret);
    Some((known.title(t), open.collect()))
}

impl AppForm {
    /// The form, without values.
    pub(super) fn form(&self, visit: &Visit, app: &str) -> Form {
        let t = SettingsTexts::of(visit.locale);
        let action = fill_path("/console/settings/apps/{}/set/{}", &[app, self.id]);
        Form::new(self.id, action, &visit.csrf, visit.t.save).fields((self.fields)(t, visit.locale))
    }

    pub(super) fn title(&self, t: &SettingsTexts) -> &'static str {
        (self.title)(t)
    }
}

fn plain(values: &[&str]) -> Input {
    let choice = |value: &&str| ((*value).to_owned(), (*value).to_owned());
    Input::Choice(values.iter().map(choice).collect())
}

fn choice(pairs: &[(&str, &str)]) -> Input {
    let choice = |(value, text): &(&str, &str)| ((*value).to_owned(), (*text).to_owned());
    Input::Choice(pairs.iter().map(choice).collect())
}

fn comm(t: &SettingsTexts) -> Vec<Field> {
    let dedupe = [("true", t.dedupe_yes), ("false", t.dedupe_no)];
    let unknown = [("reject", t.unknown_reject), ("accept", t.unknown_accept)];
    vec![
        Field::new("settings/comm.max_age", t.max_age, Input::Text)
            .hint(t.max_age_hint)
            .required(),
        Field::new("settings/comm.max_ahead", t.max_ahead, Input::Text)
            .hint(t.max_ahead_hint)
            .required(),
        Field::new("settings/comm.dedupe", t.dedupe, choice(&dedupe)),
        Field::new(
            "settings/comm.unknown_operations",
            t.unknown_operations,
            choice(&unknown),
        ),
        Field::new("settings/comm.rate_limit", t.rate_limit, Input::Text)
            .hint(t.rate_limit_hint)
            .required(),
    ]
}

fn push(t: &SettingsTexts, locale: Locale) -> Vec<Field> {
    let quota = |&(name, channel, kind): &(&'static str, &str, &str)| {
        let kind = names::quota(locale, channel, kind);
        let values = [("channel", names::channel(locale, channel)), ("kind", kind)];
        let label = fill(t.quota, &values);
        Field::new(name, &label, Input::Number)
    };
    let channels = CHANNELS.iter();
    let channels = channels.map(|code| {
        let name = names::channel(locale, code).to_owned();
        ((*code).to_owned(), name)
    });
    let mut fields: Vec<_> = QUOTAS.iter().map(quota).collect();
    if let Some(last) = fields.last_mut() {
        t.quota_hint.clone_into(&mut last.hint);
    }
    fields.extend([
        Field::new(
            "channels_without_display",
            t.no_display,
            Input::Checks(channels.collect()),
        ),
        Field::new("single_reports", t.single_reports, Input::Check),
        Field::new("detail_allowed", t.detail_allowed, Input::Check),
        Field::new("count_allowed", t.count_allowed, Input::Check),
    ]);
    fields
}

fn playback(t: &SettingsTexts) -> Vec<Field> {
    vec![
        Field::new("playback_hosts", t.playback_hosts, Input::Lines).hint(t.playback_hosts_hint),
        Field::new("cors_origins", t.cors_origins, Input::Lines).hint(t.cors_origins_hint),
        Field::new("finish/within_s", t.within_s, Input::Number),
        Field::new("finish/within_percent", t.within_percent, Input::Number).hint(t.finish_hint),
    ]
}

fn dialogue(t: &SettingsTexts) -> Vec<Field> {
    vec![
        Field::new("default_redirect", t.default_redirect, Input::Text)
            .hint(t.default_redirect_hint),
        Field::new("success_ec", t.success_ec, Input::Number),
        Field::new("window_s", t.window_s, Input::Number),
        Field::new("categories", t.categories, Input::Lines).hint(t.categories_hint),
        Field::new(
            "labels",
            t.labels,
            Input::Rows(&["key", "wire", "zh", "en"]),
        )
        .hint(t.labels_hint),
        Field::new("undo_seconds", t.undo_seconds, Input::Number),
        Field::new("callback_hosts", t.callback_hosts, Input::Lines).hint(t.callback_hosts_hint),
        Field::new("php_key", t.php_key, Input::Check),
        Field::new("zero_padding", t.zero_padding, Input::Check),
        Field::new("allow_private_callbacks", t.allow_private, Input::Check),
    ]
}
