//! `/report/user/date/{date}`: the app's users on a past day (用户数据).

use serde::Deserialize;

use crate::push::date::Date;
use crate::push::reply;

/// The users of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub struct Users {
    /// 累计: registered up to and on that day.
    pub accumulative_num: i64,
    /// 新增: registered on that day.
    pub register_num: i64,
    /// 日联网: distinct devices that were online that day.
    pub active_num: i64,
    /// 在线峰值: the highest of the day's [`ONLINE_POINTS`](super::ONLINE_POINTS).
    pub online_num: i64,
}

/// The reply: `data` is `{"<date>": {…4}}`, always all four.
#[must_use]
pub fn user_report(date: Date, users: Users) -> Vec<u8> {
    reply::write_ok(|data| {
        data.object(&date.to_string(), |object| {
            object.count("accumulative_num", users.accumulative_num);
            object.count("register_num", users.register_num);
            object.count("active_num", users.active_num);
            object.count("online_num", users.online_num);
        });
    })
}
