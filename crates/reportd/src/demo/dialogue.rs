//! Dialogue reports of the demo: conversations that people have reported, a few to begin with, then one now and then.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use reportd_client::DialogueClient;
use reportd_client::protocol::dialogue::{
    AesMode, CipherSettings, Evidence, Info, InfoKind, IvSetting, Report, User,
};
use reportd_platform::clock::{Clock, MINUTE_MS, SECOND_MS, SystemClock};

use super::APP;

/// Between two live reports.
const LIVE_INTERVAL: Duration = Duration::from_secs(30);
/// Verdicts go nowhere from here: no name below it exists.
const REDIRECT: &str = "https://moderation.example/verdicts";

/// A conversation of two or three: the category, why it was reported, who they are, and who said what.
struct Conversation {
    category: &'static str,
    reason: &'static str,
    people: &'static [(&'static str, &'static str)],
    lines: &'static [(usize, &'static str)],
}

const CONVERSATIONS: &[Conversation] = &[
    Conversation {
        category: "世界频道",
        reason: "一直刷广告",
        people: &[("10086", "晴天小猪"), ("10087", "北风")],
        lines: &[
            (0, "低价代练,三天包满级,加我好友详聊!"),
            (1, "请不要在频道里发广告了。"),
            (0, "低价代练,三天包满级,加我好友详聊!"),
            (0, "低价代练,三天包满级,加我好友详聊!"),
        ],
    },
    Conversation {
        category: "team chat",
        reason: "rude all evening",
        people: &[("20001", "Robin"), ("20002", "Sam"), ("20003", "Kim")],
        lines: &[
            (0, "you are the worst team I ever had"),
            (1, "come on, we all make mistakes"),
            (0, "uninstall the game, all of you"),
            (2, "please stop, it is just a game"),
        ],
    },
    Conversation {
        category: "私聊",
        reason: "像是骗子",
        people: &[("10099", "官方客服01"), ("10123", "小鹿")],
        lines: &[
            (0, "您好,您的账号中奖了,请提供登录验证码领取。"),
            (1, "官方不会要验证码吧?"),
            (0, "活动今晚截止,请尽快提供。"),
        ],
    },
    Conversation {
        category: "marketplace",
        reason: "sent me a strange link",
        people: &[("20417", "BestDeals"), ("20501", "Alex")],
        lines: &[
            (0, "Free coins, only today: <b>coins.example/free</b>"),
            (1, "Is this official?"),
            (0, "Sure! Just log in there with your password."),
        ],
    },
    Conversation {
        category: "世界频道",
        reason: "点错了,没有问题",
        people: &[("10230", "阿木"), ("10231", "米粒")],
        lines: &[(0, "今晚八点组队打副本,还差两个人。"), (1, "我来我来!")],
    },
];

/// Files the first reports where they are wanted, then live ones until it is aborted.
pub(super) async fn send(client: DialogueClient, with_history: bool, clock: Arc<SystemClock>) {
    let first = if with_history {
        CONVERSATIONS.len() * 3
    } else {
        0
    };
    let began_ms = clock.now_ms();
    for number in 0.. {
        if number >= first {
            tokio::time::sleep(LIVE_INTERVAL).await;
        }
        let report_id = format!("{began_ms}-{number}");
        let conversation = &CONVERSATIONS[number % CONVERSATIONS.len()];
        let report = conversation.report(&report_id, clock.now_ms());
        if let Err(error) = client.file(&report).await {
            tracing::warn!(%error, "a report of a conversation was not taken");
        }
    }
}

/// A client with the key of the sample app.
pub(super) fn client(url: &str, aes_key: &str) -> anyhow::Result<DialogueClient> {
    let cipher = CipherSettings {
        mode: AesMode::Aes128Cbc,
        iv: IvSetting::Prepended,
        key: aes_key.as_bytes(),
        php_key: false,
        zero_padding: false,
    };
    Ok(DialogueClient::new(url, APP, &cipher)?)
}

impl Conversation {
    fn report<'a>(&self, report_id: &'a str, now_ms: i64) -> Report<'a> {
        let user = |&(id, name): &(&'static str, &'static str)| User {
            key: format!("id_{id}"),
            name: Some(Cow::Borrowed(name)),
            ..User::default()
        };
        let mut time_ms = now_ms - 10 * MINUTE_MS;
        let info = |&(user, content): &(usize, &'static str)| {
            time_ms += 20 * SECOND_MS;
            Info {
                id: Cow::Borrowed(self.people[user].0),
                user,
                kind: InfoKind::Text,
                content: Cow::Borrowed(content),
                time_ms,
                tag: None,
            }
        };
        Report {
            uniqid: Some(format!("case-{report_id}").into()),
            report_id: report_id.into(),
            category: Cow::Borrowed(self.category),
            redirect: Some(Cow::Borrowed(REDIRECT)),
            timestamp_ms: now_ms,
            evidence: Evidence {
                reason: Some(Cow::Borrowed(self.reason)),
                images: Vec::new(),
            },
            users: self.people.iter().map(user).collect(),
            infos: self.lines.iter().map(info).collect(),
        }
    }
}
