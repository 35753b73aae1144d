//! Reasons of losses (折损原因): the table of `seed push-report`.

use serde::Serialize;

/// A reason: a class (大类, 2 to 14) or a sub-code of one (2001 to 14006).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Reason(u16);

impl Reason {
    /// All codes, ascending: the classes first.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|(code, ..)| Self(*code))
    }

    /// The reason of this code, if the table has it.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        let code = u16::try_from(code).ok()?;
        position(code).map(|_| Self(code))
    }

    /// Its code, for example 13001.
    #[must_use]
    pub const fn code(self) -> u16 {
        self.0
    }

    /// The class of a sub-code is its thousands (`spec push-report`); that of a class is itself.
    #[must_use]
    pub const fn class(self) -> Self {
        if self.is_class() {
            self
        } else {
            Self(self.0 / FIRST_SUB_CODE)
        }
    }

    /// Whether it is a class, of which nothing closer is known.
    #[must_use]
    pub const fn is_class(self) -> bool {
        self.0 < FIRST_SUB_CODE
    }

    /// What it means, in the words of the seed.
    #[must_use]
    pub fn chinese(self) -> &'static str {
        position(self.0).map_or("", |place| TABLE[place].1)
    }

    /// What it means, in English.
    #[must_use]
    pub fn english(self) -> &'static str {
        position(self.0).map_or("", |place| TABLE[place].2)
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Reason {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::Type::Integer)
            .enum_values(Some(Self::all().map(Self::code)))
            .description(Some(
                "Why a message was lost (折损原因): a class (2 to 14), or a sub-code of one, whose \
                 thousands are its class.",
            ))
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Reason {
    fn name() -> std::borrow::Cow<'static, str> {
        "push.Reason".into()
    }
}

const FIRST_SUB_CODE: u16 = 1000;

fn position(code: u16) -> Option<usize> {
    TABLE.binary_search_by_key(&code, |(known, ..)| *known).ok()
}

/// Code, the seed's text, ours; ascending.
const TABLE: [(u16, &str, &str); 42] = [
    (2, "参数无效", "invalid parameters"),
    (3, "app鉴权信息错误", "wrong app credentials"),
    (4, "敏感词过滤", "filtered: sensitive words"),
    (
        5,
        "设备/应用无效(卸载)",
        "invalid device or app (uninstalled)",
    ),
    (6, "推送数量超限", "too many pushes"),
    (7, "参数超限", "parameter over its limit"),
    (8, "无相关权限", "no permission"),
    (10, "关闭通知", "notifications are off"),
    (11, "其他厂商原因", "other reasons of the vendor"),
    (
        12,
        "消息有效期内离线",
        "offline while the message was valid",
    ),
    (13, "无效用户", "invalid user"),
    (14, "其它", "other"),
    (2001, "参数错误", "wrong parameter"),
    (
        2002,
        "title/content为空,或url非https协议",
        "title or content empty, or the URL is not https",
    ),
    (2003, "无标题", "no title"),
    (
        2004,
        "点击跳转目标页无效(Intent)",
        "the page to open on a click is invalid (intent)",
    ),
    (
        2005,
        "该厂商不支持纯透传模板",
        "the vendor does not take transmission-only messages",
    ),
    (2999, "其他原因", "other reasons"),
    (6001, "总量超限", "over the total quota"),
    (6002, "单设备超限", "over the quota of a device"),
    (7001, "title通知标题过长", "title too long"),
    (7002, "Content通知内容过长", "content too long"),
    (7003, "url网页地址过长", "URL too long"),
    (7005, "ExtraData透传内容过长", "ExtraData too long"),
    (7006, "Payload附加消息过长", "payload too long"),
    (7007, "透传内容过长", "transmission content too long"),
    (
        8001,
        "无API推送权限/未获取到authToken",
        "no permission to push by API, or no authToken",
    ),
    (
        8002,
        "系统消息开关未打开",
        "the switch for system messages is off",
    ),
    (8003, "不在厂商规定时间", "outside the vendor's hours"),
    (8999, "其他原因", "other reasons"),
    (
        11001,
        "消息不存在或已过期",
        "the message does not exist or has expired",
    ),
    (
        11002,
        "请求过于频繁,超过推送频率限制",
        "requests too frequent, over the rate limit",
    ),
    (
        11003,
        "参数带了通知展示的时间限制",
        "the parameters limit when the notification is shown",
    ),
    (11999, "其他原因", "other reasons"),
    (13001, "请求无效用户", "request for an invalid user"),
    (13999, "其它原因", "other reasons"),
    (14001, "策略忽略下发", "not sent by policy"),
    (14002, "CID黑名单", "CID on a blacklist"),
    (14003, "区域过滤", "filtered by region"),
    (14004, "BI黑名单", "on a BI blacklist"),
    (14005, "活跃行为过滤", "filtered by activity"),
    (14006, "通知关闭过滤", "filtered: notifications are off"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_is_found_has_texts_and_a_class_of_the_table() {
        let codes: Vec<u16> = Reason::all().map(Reason::code).collect();
        assert!(codes.is_sorted_by(|one, next| one < next));
        for reason in Reason::all() {
            assert_eq!(Reason::from_code(i64::from(reason.code())), Some(reason));
            assert!(!reason.chinese().is_empty() && !reason.english().is_empty());
            assert!(reason.class().is_class());
            assert!(codes.contains(&reason.class().code()), "{reason:?}");
        }
        assert_eq!(Reason(13001).class(), Reason(13));
        for unknown in [-1, 0, 1, 9, 15, 2000, 7004, 65538, i64::MAX] {
            assert_eq!(Reason::from_code(unknown), None, "{unknown}");
        }
    }
}
