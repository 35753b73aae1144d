//! Languages, and the texts that all pages share. Each section has texts of its own beside its pages.

/// The language of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Locale {
    /// English.
    En,
    /// Simplified Chinese.
    Zh,
}

impl Locale {
    /// As `lang` of a page.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh-CN",
        }
    }

    /// The text in this language.
    pub(crate) fn pick<'a>(self, en: &'a str, zh: &'a str) -> &'a str {
        match self {
            Self::En => en,
            Self::Zh => zh,
        }
    }

    /// The language of a name such as `zh-CN`, where it is one of the two.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let name = name.trim().to_ascii_lowercase();
        match name.split(['-', '_', ';']).next() {
            Some("en") => Some(Self::En),
            Some("zh") => Some(Self::Zh),
            _ => None,
        }
    }
}

/// Texts in both languages: a type with a field for each, so that one that is missing does not compile.
macro_rules! texts {
    ($(#[$about:meta])* $name:ident { $($field:ident: $en:literal / $zh:literal,)* }) => {
        $(#[$about])*
        pub(crate) struct $name { $(pub(crate) $field: &'static str,)* }

        impl $name {
            const EN: Self = Self { $($field: $en,)* };
            const ZH: Self = Self { $($field: $zh,)* };

            /// The texts of a language.
            pub(crate) fn of(locale: $crate::texts::Locale) -> &'static Self {
                match locale {
                    $crate::texts::Locale::En => &Self::EN,
                    $crate::texts::Locale::Zh => &Self::ZH,
                }
            }
        }
    };
}
pub(crate) use texts;

/// True of a mark that turns the direction of what stands behind it.
pub(crate) fn turns(character: char) -> bool {
    matches!(
        character,
        '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

/// A text with its places filled: `{name}` stands for a value. A value of a stranger turns nothing of the words around it.
pub(crate) fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('{') {
        filled.push_str(before);
        let Some((name, behind)) = behind.split_once('}') else {
            filled.push('{');
            rest = behind;
            continue;
        };
        let value = values.iter().find(|(known, _)| *known == name);
        let value = value.map_or(name, |(_, value)| value);
        filled.extend(value.chars().filter(|character| !turns(*character)));
        rest = behind;
    }
    filled.push_str(rest);
    filled
}

texts! {
    /// Texts that all pages share.
    Texts {
        overview: "Overview" / "概览",
        bot_events: "Bot events" / "机器人数据",
        push: "Push" / "推送",
        playback: "Playback" / "播放",
        moderation: "Moderation" / "审核",
        settings: "Settings" / "设置",
        app: "App" / "应用",
        from: "From" / "从",
        to: "To" / "到",
        show: "Show" / "查看",
        log_out: "Log out" / "退出",
        other_language: "中文" / "English",
        other_tag: "zh-CN" / "en",
        sections: "Sections" / "栏目",
        pages: "Pages of this section" / "本栏目页面",
        offline: "Not connected: the figures stand still until the server answers again." / "连接已断开，数据暂停更新，服务器恢复后自动继续。",
        keep_these: "Keep these now: they are not shown again." / "请立即保存，以下内容不会再次显示。",
        copy: "Copy" / "复制",
        copied: "Copied" / "已复制",
        as_json: "JSON" / "JSON",
        colon: ": " / "：",
        as_csv: "CSV" / "CSV",
        as_table: "As a table" / "以表格查看",
        table: "Table" / "表格",
        next_page: "Next page" / "下一页",
        nothing: "Nothing here yet." / "暂无数据。",
        skip: "Skip to content" / "跳到正文",
        lag: "Some of the newest reports are not in these figures yet." / "最新的部分数据尚未计入。",
        cancel: "Cancel" / "取消",
        save: "Save" / "保存",
        done: "Done." / "已完成。",
        error: "This did not work" / "操作未成功",
        back: "Back" / "返回",
        own_password: "Change password" / "修改密码",

        no_page: "There is no such page." / "页面不存在。",
        no_app: "There is no app «{id}» among yours." / "您名下没有应用「{id}」。",
        no_such: "There is nothing by the name «{name}»." / "没有名为「{name}」的内容。",
        no_operation: "There is no operation {id}." / "没有编号为 {id} 的操作。",
        no_date: "«{text}» is no date. Expected one such as 2026-11-21." / "「{text}」不是日期，格式应如 2026-11-21。",
        from_behind_to: "The first day is behind the last one." / "开始日期晚于结束日期。",
        whole_number: "Expected a whole number." / "应为整数。",
        lines_of: "Expected on each line: {members}" / "每行格式应为：{members}",
        form_too_large: "The form is too large." / "表单内容过大。",
        form_unread: "The form cannot be read: {why}" / "无法读取表单：{why}",
        form_of_another: "This form is of another session. Go back, load the page again and repeat it." / "该表单属于另一次登录。请返回并刷新页面后重新提交。",
        only_a_form: "There is nothing to see at this address: a form is sent to it." / "该地址仅接收表单提交，没有可查看的页面。",
        failed_here: "Something went wrong here. The log says what." / "服务器内部出错，原因见日志。",
        fault_invalid: "Something that was asked for is not valid." / "请求的内容无效。",
        fault_forbidden: "Your role does not allow this." / "您的角色无权执行此操作。",
        fault_not_found: "There is no such thing, or it is not yours to see." / "内容不存在，或您无权查看。",
        fault_conflict: "Something changed meanwhile, so this was not done." / "内容已发生变化，操作未执行。",
        fault_too_large: "This is too large." / "内容过大。",
        fault_too_many: "Too many requests. Try again in a moment." / "请求过于频繁，请稍后再试。",
        fault_busy: "The server cannot do this now. Try again in a moment." / "服务器暂时无法处理，请稍后再试。",
        fault_other: "The server could not do this." / "服务器未能完成此操作。",
        today: "Today" / "今天",
        days_7: "7 days" / "7 天",
        days_30: "30 days" / "30 天",
        days_90: "90 days" / "90 天",

        change_against: "{change} {against}" / "{against} {change}",
        against_day: "against the day before" / "较前一天",
        against_days: "against the {n} days before" / "较前 {n} 天",
        against_yesterday: "yesterday against the day before it" / "昨天较前天",
        against_whole_days: "over the {n} whole days, against the {n} before them" / "{n} 个完整日较此前 {n} 天",
        against_day_by_now: "against the day before by this time of day" / "较前一天同期",
        against_days_by_now: "against the {n} days before, up to this time of day" / "较前 {n} 天同期",
        changes: "Changes: {against}." / "变化幅度：{against}。",
        changes_not_over: "Changes: {against}. Today is not over and is left out." / "变化幅度：{against}（今天尚未结束，不计入）。",
        not_over: "Today is not over: no change is shown." / "今天尚未结束，暂不显示变化幅度。",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled_and_what_is_no_place_stays() {
        for (text, filled) in [
            ("{n} of {m}", "1 of 2"),
            ("{n", "{n"),
            ("a {b} c", "a b c"),
            ("", ""),
        ] {
            assert_eq!(fill(text, &[("n", "1"), ("m", "2")]), filled);
        }
    }

    #[test]
    fn a_value_turns_nothing_of_the_words_around_it() {
        let filled = fill("of {name}: 12", &[("name", "a\u{202e}b\u{2067}א")]);
        assert_eq!(filled, "of abא: 12");
    }

    #[test]
    fn languages_have_several_names() {
        for (name, locale) in [
            ("zh-CN", Some(Locale::Zh)),
            ("zh", Some(Locale::Zh)),
            ("en-GB;q=0.8", Some(Locale::En)),
            ("de", None),
        ] {
            assert_eq!(Locale::named(name), locale, "{name}");
        }
    }
}
