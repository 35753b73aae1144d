//! Settings of an app for push reports: what the API puts and shows, and what is kept in the store.

use std::collections::BTreeMap;

use reportd_db::{DbError, Tx};
use reportd_platform::AppNo;
use reportd_platform::changes::touch;
use reportd_platform::settings::SettingsError;
use reportd_protocol::push::{Channel, ChannelSet, Quota, QuotaUse};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::query::QuotaCount;

/// The greatest quota, 2⁵³: numbers of JSON are exact up to it.
const MOST_QUOTA: i64 = 1 << 53;

/// The settings of an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    /// How many a day are allowed.
    pub(crate) quotas: BTreeMap<(Channel, Quota), i64>,
    /// Channels whose `display_num` is -1 under `/v2`.
    pub(crate) without_display: ChannelSet,
    /// Reports serve tasks of kind `single` too.
    pub(crate) single_reports: bool,
    /// The app may read the detail report.
    pub(crate) detail_allowed: bool,
    /// The app may read the count report.
    pub(crate) count_allowed: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            quotas: BTreeMap::new(),
            without_display: ChannelSet::default(),
            single_reports: false,
            detail_allowed: true,
            count_allowed: true,
        }
    }
}

/// Quotas by channel and kind, as names.
type QuotaNames = BTreeMap<String, BTreeMap<String, i64>>;

/// Settings to change: what is left out stays. The store keeps all of them in this form.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = push::PutSettings, example = json!({
    "quotas": {"vv": {"general": 1000}, "gt": {"app": 500}}, "channels_without_display": ["hw"],
}))]
pub(crate) struct PutSettings {
    /// How many a day are allowed, by channel (`vv`, `op`, `xm`, `gt`) and kind: of vv `special`, `general` and
    /// `grouppush`, of op and xm `general`, of gt `app`, `app_with_tag` and `list`. All of them are replaced.
    #[schema(value_type = Option<BTreeMap<String, BTreeMap<String, i64>>>)]
    quotas: Option<QuotaNames>,
    /// Channels that give no display counts: under `/v2` their `display_num` is -1.
    channels_without_display: Option<Vec<String>>,
    /// Whether reports serve tasks of kind `single` too.
    single_reports: Option<bool>,
    /// Whether the app may read the detail report.
    detail_allowed: Option<bool>,
    /// Whether the app may read the count report.
    count_allowed: Option<bool>,
}

/// The settings of an app, all of them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = push::Settings)]
pub(crate) struct ShownSettings {
    /// How many a day are allowed, by channel and kind.
    #[schema(value_type = BTreeMap<String, BTreeMap<String, i64>>, example = json!({"vv": {"general": 1000}}))]
    quotas: QuotaNames,
    /// Channels that give no display counts.
    #[schema(example = json!(["hw"]))]
    channels_without_display: Vec<String>,
    /// Whether reports serve tasks of kind `single` too.
    single_reports: bool,
    /// Whether the app may read the detail report.
    detail_allowed: bool,
    /// Whether the app may read the count report.
    count_allowed: bool,
}

impl Settings {
    /// These with what `put` names in place of theirs.
    fn with(self, put: PutSettings) -> Result<Self, SettingsError> {
        let channels = put.channels_without_display.as_deref();
        Ok(Self {
            quotas: put.quotas.map_or(Ok(self.quotas), |names| quotas(&names))?,
            without_display: channels.map_or(Ok(self.without_display), channel_set)?,
            single_reports: put.single_reports.unwrap_or(self.single_reports),
            detail_allowed: put.detail_allowed.unwrap_or(self.detail_allowed),
            count_allowed: put.count_allowed.unwrap_or(self.count_allowed),
        })
    }

    /// As the API shows them.
    pub(crate) fn shown(&self) -> ShownSettings {
        let mut quotas = QuotaNames::new();
        for ((channel, quota), number) in &self.quotas {
            let kinds = quotas.entry(channel.name().to_owned()).or_default();
            kinds.insert(quota.name().to_owned(), *number);
        }
        let hidden = Channel::ALL
            .into_iter()
            .filter(|channel| self.without_display.contains(*channel));
        ShownSettings {
            quotas,
            channels_without_display: hidden.map(|channel| channel.name().to_owned()).collect(),
            single_reports: self.single_reports,
            detail_allowed: self.detail_allowed,
            count_allowed: self.count_allowed,
        }
    }

    /// The quotas that are set, with their use on a day.
    pub(crate) fn quota_uses(&self, counts: &[QuotaCount]) -> Vec<QuotaUse> {
        let used = |(&(channel, quota), &total_num)| {
            let mut counts = counts.iter();
            let found = counts.find(|count| (count.channel, count.quota) == (channel, quota));
            QuotaUse {
                channel,
                quota,
                total_num,
                sent: found.map_or(0, |count| count.sent),
                received: found.map_or(0, |count| count.received),
            }
        };
        self.quotas.iter().map(used).collect()
    }

    /// Reads the text of the store.
    pub(crate) fn parse(text: &str) -> Result<Self, SettingsError> {
        let put = serde_json::from_str(text)
            .map_err(|error| SettingsError::invalid("settings".to_owned(), error.to_string()))?;
        Self::default().with(put)
    }
}

fn quotas(names: &QuotaNames) -> Result<BTreeMap<(Channel, Quota), i64>, SettingsError> {
    let mut quotas = BTreeMap::new();
    for (name, kinds) in names {
        let channel = Channel::from_name(name).filter(|channel| !Quota::of(*channel).is_empty());
        let Some(channel) = channel else {
            let known = Quota::CHANNELS.map(Channel::name).join(", ");
            let expected = format!("expected a channel that has quotas: {known}");
            return Err(SettingsError::invalid(format!("quotas.{name}"), expected));
        };
        for (kind, &number) in kinds {
            let field = || format!("quotas.{name}.{kind}");
            let Some(quota) = Quota::from_name(channel, kind) else {
                let known: Vec<_> = Quota::of(channel)
                    .iter()
                    .map(|quota| quota.name())
                    .collect();
                let expected = format!("expected a kind of quota of {name}: {}", known.join(", "));
                return Err(SettingsError::invalid(field(), expected));
            };
            if !(0..=MOST_QUOTA).contains(&number) {
                return Err(SettingsError::invalid(
                    field(),
                    format!("expected 0 to {MOST_QUOTA}"),
                ));
            }
            quotas.insert((channel, quota), number);
        }
    }
    Ok(quotas)
}

fn channel_set(names: &[String]) -> Result<ChannelSet, SettingsError> {
    let channel = |(index, name): (usize, &String)| {
        Channel::from_name(name).ok_or_else(|| {
            let known = Channel::ALL.map(Channel::name).join(", ");
            let field = format!("channels_without_display[{index}]");
            SettingsError::invalid(field, format!("expected one of {known}"))
        })
    };
    names.iter().enumerate().map(channel).collect()
}

/// Changes the settings of an app; returns them as they are then.
pub(crate) fn put(
    tx: &mut Tx<'_>,
    app: AppNo,
    put: PutSettings,
) -> Result<Settings, SettingsError> {
    // The lock of all changes: two that come at once do not lose what the other has set.
    touch(tx)?;
    let sql = "SELECT settings FROM push_settings WHERE app = $1";
    // What cannot be read is replaced: else it could never be mended.
    let before = match tx.query_first(sql, &[app.into()])? {
        Some(mut row) => Settings::parse(&row.take_text(0)?).unwrap_or_default(),
        None => Settings::default(),
    };
    let settings = before.with(put)?;
    let text = serde_json::to_string(&settings.shown())
        .map_err(|error| DbError::Statement(error.to_string()))?;
    tx.execute(
        "INSERT INTO push_settings (app, settings) VALUES ($1, $2) \
         ON CONFLICT (app) DO UPDATE SET settings = excluded.settings",
        &[app.into(), (&text).into()],
    )?;
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(settings: Settings, put: &str) -> Result<Settings, SettingsError> {
        settings.with(serde_json::from_str(put).unwrap())
    }

    #[test]
    fn what_is_left_out_stays() {
        let all = r#"{"quotas":{"vv":{"general":0},"gt":{"list":9007199254740992}},
            "channels_without_display":["hw","apn"],"single_reports":true,"detail_allowed":false,"count_allowed":false}"#;
        let set = with(Settings::default(), all).unwrap();
        assert_eq!(with(set.clone(), "{}").unwrap(), set);
        let text = serde_json::to_string(&set.shown()).unwrap();
        assert_eq!(Settings::parse(&text).unwrap(), set);
        let one = with(set.clone(), r#"{"quotas":{"op":{"general":3}}}"#).unwrap();
        assert_eq!(one.quotas.len(), 1);
        assert_eq!(
            (one.single_reports, one.without_display),
            (true, set.without_display)
        );
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (put, field) in [
            (r#"{"quotas":{"hw":{"general":1}}}"#, "quotas.hw"),
            (r#"{"quotas":{"xx":{}}}"#, "quotas.xx"),
            (r#"{"quotas":{"op":{"special":1}}}"#, "quotas.op.special"),
            (r#"{"quotas":{"gt":{"app":-1}}}"#, "quotas.gt.app"),
            (
                r#"{"quotas":{"gt":{"app":9007199254740993}}}"#,
                "quotas.gt.app",
            ),
            (
                r#"{"channels_without_display":["gt","xx"]}"#,
                "channels_without_display[1]",
            ),
        ] {
            let error = with(Settings::default(), put).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{field}: expected ")), "{error}");
        }
    }
}
