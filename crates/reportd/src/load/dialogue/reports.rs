//! Generated reports of conversations. Everything follows from a number, but for the iv and the time of sending.

use std::fmt::Write;

use anyhow::{Context, anyhow};
use reportd_client::Bytes;
use reportd_client::protocol::dialogue::{
    AesMode, Cipher, CipherSettings, IvSetting, content_text, report_form,
};
use reportd_platform::random::{Random, SystemRandom};
use reportd_platform::secret::parse_key_bytes;

use crate::cli::LoadDialogue;

/// People who talk to each other, one of each of three circles in a conversation: a report names nobody twice.
const CIRCLES: u64 = 3;
const PEOPLE_OF_CIRCLE: u64 = 33_333;
/// When all conversations began: a report that is sent again says the same.
const BEGAN_MS: u64 = 1_790_000_000_000;
const LINES: [&str; 8] = [
    "加我好友,领取新手礼包,名额有限,先到先得!",
    "Anyone up for a round tonight? We still need two more.",
    "这个活动我参加过,奖励真的发了,大家可以试试。",
    "Please stop posting the same link again and again.",
    "今天的比赛太精彩了,最后一分钟反超,哈哈哈。",
    "I already told you that I am not interested, thanks.",
    "<b>限时特价</b>:全场五折,详情见我的主页。",
    "ok",
];

/// Writes reports of an app.
pub(super) struct Reports {
    app: String,
    cipher: Cipher,
    seed: u64,
    infos: u64,
    category: String,
    redirect: Option<String>,
}

impl Reports {
    pub(super) fn new(asked: &LoadDialogue) -> anyhow::Result<Self> {
        let key = parse_key_bytes(asked.aes_key.reveal());
        let key = key.map_err(|problem| anyhow!("--aes-key: {problem}"))?;
        let settings = CipherSettings {
            mode: AesMode::from_name(&asked.aes_mode).context("--aes-mode: there is none such")?,
            iv: IvSetting::parse(&asked.aes_iv).context("--aes-iv: there is none such")?,
            key: &key,
            php_key: false,
            zero_padding: false,
        };
        Ok(Self {
            app: asked.app.clone(),
            cipher: Cipher::new(&settings).context("--aes-key")?,
            seed: asked.run.seed,
            infos: u64::from(asked.infos),
            category: format!("load-{}", asked.run.seed),
            redirect: asked.redirect.clone(),
        })
    }

    /// The same reports, each with a place of its own for its verdict.
    pub(super) fn with_callbacks(self, base: &str) -> Self {
        Self {
            redirect: Some(base.to_owned()),
            category: format!("verdicts-{}", self.seed),
            ..self
        }
    }

    /// The app.
    pub(super) fn app(&self) -> &str {
        &self.app
    }

    /// The category of all of them.
    pub(super) fn category(&self) -> &str {
        &self.category
    }

    /// The number of a report by its id.
    pub(super) fn number_of(&self, report_id: &str) -> Option<u64> {
        let (seed, number) = report_id.split_once('-')?;
        let number = number.parse().ok()?;
        (seed.parse() == Ok(self.seed)).then_some(number)
    }

    /// The body of a request.
    pub(super) fn form(&self, number: u64, now_ms: i64) -> Bytes {
        let mut iv = [0; 16];
        // A system without randomness gets reports with an iv of zeros: they are samples.
        let _ = SystemRandom.fill(&mut iv);
        let json = self.json(number, now_ms);
        let content = content_text(json.as_bytes(), &self.cipher, iv);
        report_form(&self.app, &content).into()
    }

    fn json(&self, number: u64, now_ms: i64) -> String {
        let people = [0, 1, 2].map(|place| {
            let drawn = mix(mix(self.seed) ^ (CIRCLES * number + place));
            drawn % PEOPLE_OF_CIRCLE * CIRCLES + place
        });
        let mut json = String::with_capacity(4096);
        let Self { seed, category, .. } = self;
        let _ = write!(
            json,
            r#"{{"uniqid":"u{}","report_id":"{seed}-{number}","category":"{category}","timestamp":{now_ms}"#,
            people[0]
        );
        if let Some(redirect) = &self.redirect {
            let _ = write!(json, r#","redirect":"{redirect}{number}""#);
        }
        json.push_str(r#","report_evidence":{"reason":"发广告"},"users":{"#);
        for (place, person) in people.into_iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            let _ = write!(
                json,
                r#"{comma}"id_{person}":{{"name":"用户{person}","avatar":"https://a.example/{person}.png","sex":1}}"#
            );
        }
        json.push_str(r#"},"infos":["#);
        for info in 0..self.infos {
            let (person, line) = (people[index(info, 3)], LINES[index(number + info, 8)]);
            let (comma, time) = (if info == 0 { "" } else { "," }, BEGAN_MS + 1_000 * info);
            let _ = write!(
                json,
                r#"{comma}{{"id":"{person}","type":"text","content":"{line}","time":{time}}}"#
            );
        }
        json.push_str("]}");
        json
    }
}

fn index(number: u64, of: u64) -> usize {
    usize::try_from(number % of).unwrap_or_default()
}

/// A number that looks like none of its neighbours' (splitmix64).
fn mix(number: u64) -> u64 {
    let mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use reportd_client::protocol::dialogue::{Report, Request};

    use super::*;
    use crate::cli::{Cli, Command, Load};

    #[test]
    fn reports_are_those_of_the_protocol() {
        let line = "reportd load dialogue --app a --aes-key 0123456789abcdef --seed 7 --infos 50";
        let Command::Load(Load::Dialogue(asked)) = Cli::parse_from(line.split(' ')).command else {
            panic!("another command")
        };
        let reports = Reports::new(&asked)
            .unwrap()
            .with_callbacks("http://127.0.0.1:9/");
        let form = reports.form(41, 1_790_000_000_123);
        let request = Request::read(None, &form).unwrap();
        request.check_sign().unwrap();
        let json = request.open(&reports.cipher).unwrap();
        let report = Report::read(&json).unwrap();
        assert_eq!(report.redirect.as_deref(), Some("http://127.0.0.1:9/41"));
        assert_eq!((report.users.len(), report.infos.len()), (3, 50));
        assert_eq!(reports.number_of(&report.report_id), Some(41));
        assert_eq!(reports.number_of("8-41"), None);
    }
}
