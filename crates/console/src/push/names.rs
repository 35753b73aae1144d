//! The names by which people know channels, brands, kinds of tasks and quotas; reports have their codes.

use super::texts::PushTexts;
use crate::table::Cell;
use crate::texts::Locale;

/// Codes of channels with their names in English and Chinese.
const CHANNELS: [(&str, &str, &str); 12] = [
    ("gt", "Getui", "个推"),
    ("ios", "APNs (iOS)", "APNs（iOS）"),
    ("hw", "Huawei", "华为"),
    ("ho", "Honor", "荣耀"),
    ("xm", "Xiaomi", "小米"),
    ("xmg", "Xiaomi, abroad", "小米海外"),
    ("vv", "vivo", "vivo"),
    ("mz", "Meizu", "魅族"),
    ("op", "OPPO", "OPPO"),
    ("opg", "OPPO, abroad", "OPPO 海外"),
    ("wx", "WeChat", "微信"),
    ("st", "Smartisan", "坚果"),
];

/// Names that gateways give brands beside the codes of channels, in small letters.
const BRANDS: [(&str, &str, &str); 21] = [
    ("apple", "Apple", "苹果"),
    ("coolpad", "Coolpad", "酷派"),
    ("google", "Google", "谷歌"),
    ("hisense", "Hisense", "海信"),
    ("honor", "Honor", "荣耀"),
    ("huawei", "Huawei", "华为"),
    ("iqoo", "iQOO", "iQOO"),
    ("lenovo", "Lenovo", "联想"),
    ("meizu", "Meizu", "魅族"),
    ("motorola", "Motorola", "摩托罗拉"),
    ("nubia", "nubia", "努比亚"),
    ("oneplus", "OnePlus", "一加"),
    ("oppo", "OPPO", "OPPO"),
    ("others", "Others", "其他厂商"),
    ("realme", "realme", "真我"),
    ("redmi", "Redmi", "红米"),
    ("samsung", "Samsung", "三星"),
    ("smartisan", "Smartisan", "坚果"),
    ("vivo", "vivo", "vivo"),
    ("xiaomi", "Xiaomi", "小米"),
    ("zte", "ZTE", "中兴"),
];

/// Kinds of quotas by channel and code.
const QUOTAS: [(&str, &str, &str, &str); 8] = [
    ("gt", "app", "To the whole app", "群推"),
    (
        "gt",
        "app_with_tag",
        "To users that meet a condition",
        "根据条件筛选用户推送",
    ),
    ("gt", "list", "To a list", "创建消息（列表推送）"),
    ("op", "general", "Public messages", "公信消息"),
    ("vv", "general", "Operational messages", "运营类消息"),
    ("vv", "grouppush", "Group push", "群推消息体"),
    ("vv", "special", "System messages", "系统类消息"),
    ("xm", "general", "General messages", "普通消息"),
];

fn find(
    table: &[(&'static str, &'static str, &'static str)],
    locale: Locale,
    code: &str,
) -> Option<&'static str> {
    let found = table.iter().find(|(known, ..)| *known == code);
    found.map(|(_, en, zh)| locale.pick(en, zh))
}

/// The name of a channel; its code where there is none.
pub(crate) fn channel(locale: Locale, code: &str) -> &str {
    find(&CHANNELS, locale, code).unwrap_or(code)
}

/// A channel with its code.
pub(super) fn channel_cell(locale: Locale, code: &str) -> Cell {
    named(find(&CHANNELS, locale, code), code)
}

/// A brand as it was reported, with its name where it is known.
pub(super) fn brand_cell(locale: Locale, reported: &str) -> Cell {
    let code = reported.to_ascii_lowercase();
    // A phone is no connection: the gateway's own and Apple's have no brand of their names.
    let of_channels = CHANNELS.get(2..).unwrap_or_default();
    let name = find(&BRANDS, locale, &code).or_else(|| find(of_channels, locale, &code));
    named(name, reported)
}

/// What a quota of a channel is for.
pub(super) fn quota_cell(locale: Locale, channel: &str, code: &str) -> Cell {
    named(find_quota(locale, channel, code), code)
}

/// The name of what a quota of a channel is for; its code where there is none.
pub(crate) fn quota<'a>(locale: Locale, channel: &str, code: &'a str) -> &'a str {
    find_quota(locale, channel, code).unwrap_or(code)
}

fn find_quota(locale: Locale, channel: &str, code: &str) -> Option<&'static str> {
    let mut known = QUOTAS.iter();
    let found = known.find(|(of, kind, ..)| (*of, *kind) == (channel, code));
    found.map(|(.., en, zh)| locale.pick(en, zh))
}

/// A name with its code below; in CSV they stand side by side.
fn named(name: Option<&str>, code: &str) -> Cell {
    match name {
        Some(name) if name != code => Cell {
            raw: Some(format!("{name} ({code})")),
            ..Cell::text(name).noted(code)
        },
        _ => Cell::text(code),
    }
}

/// The name of a kind of tasks.
pub(super) fn kind<'a>(t: &PushTexts, code: &'a str) -> &'a str {
    match code {
        "list" => t.kind_list,
        "app" => t.kind_app,
        "single" => t.kind_single,
        other => other,
    }
}

/// The name of a phase, short.
pub(super) fn phase<'a>(t: &PushTexts, code: &'a str) -> &'a str {
    match code {
        "ts" => t.phase_ts,
        "rs" => t.phase_rs,
        "sf" => t.phase_sf,
        "fd" => t.phase_fd,
        other => other,
    }
}
