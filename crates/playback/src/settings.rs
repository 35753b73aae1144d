//! Settings of an app for playback reports: what the API puts and shows, and what is kept in the store.

mod check;

use reportd_db::{DbError, Tx};
use reportd_platform::AppNo;
use reportd_platform::changes::touch;
use reportd_platform::settings::SettingsError;
use reportd_platform::web::Object;
use reportd_protocol::playback::meaning::FinishRule;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The settings of an app.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Settings {
    /// `Host` headers, in lower case, by which a request without a session is the app's.
    pub(crate) playback_hosts: Vec<String>,
    /// Origins, in lower case, whose pages may call with credentials.
    pub(crate) cors_origins: Vec<String>,
    /// When a video counts as finished.
    pub(crate) finish: FinishRule,
}

/// Settings to change: what is left out stays. The store keeps all of them in this form.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = playback::PutSettings, example = json!({
    "playback_hosts": ["api.example.com"], "cors_origins": ["https://www.example.com"],
    "finish": {"within_s": 5, "within_percent": 3},
}))]
pub(crate) struct PutSettings {
    /// Hosts, with a port where it counts, at most 32: a request to one of them that carries no session is this app's.
    /// No host is of two apps.
    playback_hosts: Option<Vec<String>>,
    /// Origins such as `https://www.example.com`, at most 32, whose pages may call with cookies. `*` is none.
    cors_origins: Option<Vec<String>>,
    /// When a video counts as finished.
    #[schema(value_type = Option<PutFinish>)]
    finish: Option<Object<PutFinish>>,
}

/// When a video counts as finished: what is left out stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = playback::PutFinish)]
struct PutFinish {
    /// So many seconds before the end.
    #[schema(minimum = 0, maximum = 3600)]
    within_s: Option<u32>,
    /// Or so many percent of the duration before the end.
    #[schema(minimum = 0, maximum = 50)]
    within_percent: Option<u32>,
}

/// The settings of an app, all of them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = playback::Settings)]
pub(crate) struct ShownSettings {
    /// Hosts by which a request without a session is the app's.
    #[schema(example = json!(["api.example.com"]))]
    playback_hosts: Vec<String>,
    /// Origins whose pages may call with cookies.
    #[schema(example = json!(["https://www.example.com"]))]
    cors_origins: Vec<String>,
    /// When a video counts as finished.
    finish: ShownFinish,
}

/// When a video counts as finished.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = playback::Finish)]
struct ShownFinish {
    /// So many seconds before the end.
    #[schema(example = 5)]
    within_s: u32,
    /// Or so many percent of the duration before the end.
    #[schema(example = 3)]
    within_percent: u32,
}

impl Settings {
    /// These with what `put` names in place of theirs.
    fn with(mut self, put: PutSettings) -> Result<Self, SettingsError> {
        if let Some(hosts) = put.playback_hosts {
            self.playback_hosts = check::list("playback_hosts", &hosts, check::host)?;
        }
        if let Some(origins) = put.cors_origins {
            self.cors_origins = check::list("cors_origins", &origins, check::origin)?;
        }
        let PutFinish {
            within_s,
            within_percent,
        } = put.finish.unwrap_or_default().0;
        if let Some(within_s) = within_s {
            self.finish.within_s = check::at_most("finish.within_s", within_s, 3600)?;
        }
        if let Some(percent) = within_percent {
            self.finish.within_percent = check::at_most("finish.within_percent", percent, 50)?;
        }
        Ok(self)
    }

    /// As the API shows them.
    pub(crate) fn shown(&self) -> ShownSettings {
        ShownSettings {
            playback_hosts: self.playback_hosts.clone(),
            cors_origins: self.cors_origins.clone(),
            finish: ShownFinish {
                within_s: self.finish.within_s,
                within_percent: self.finish.within_percent,
            },
        }
    }

    /// Reads the text of the store.
    pub(crate) fn parse(text: &str) -> Result<Self, SettingsError> {
        let put = serde_json::from_str(text);
        let put = put.map_err(|error| SettingsError::invalid("settings", error.to_string()))?;
        Self::default().with(put)
    }
}

/// Changes the settings of an app; returns them as they are then.
pub(crate) fn put(
    tx: &mut Tx<'_>,
    app: AppNo,
    put: PutSettings,
) -> Result<Settings, SettingsError> {
    // The lock of all changes: two that come at once do not lose what the other has set, nor take one host.
    touch(tx)?;
    let (mut before, mut taken) = (Settings::default(), Vec::new());
    for mut row in tx.query("SELECT app, settings FROM playback_settings", &[])? {
        // What cannot be read is replaced: else it could never be mended.
        let settings = Settings::parse(&row.take_text(1)?).unwrap_or_default();
        if row.int(0)? == i64::from(app) {
            before = settings;
        } else {
            taken.extend(settings.playback_hosts);
        }
    }
    let settings = before.with(put)?;
    for (index, host) in settings.playback_hosts.iter().enumerate() {
        if taken.contains(host) {
            let field = format!("playback_hosts[{index}]");
            return Err(SettingsError::invalid(
                field,
                "expected a host that no other app has",
            ));
        }
    }
    let text = serde_json::to_string(&settings.shown())
        .map_err(|error| DbError::Statement(error.to_string()))?;
    tx.execute(
        "INSERT INTO playback_settings (app, settings) VALUES ($1, $2) \
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
        let all = r#"{"playback_hosts":["API.Example.com","[::1]:8080","localhost:80"],
            "cors_origins":["https://WWW.example.com","http://localhost:3000","null-app://x"],
            "finish":{"within_s":0,"within_percent":50}}"#;
        let set = with(Settings::default(), all).unwrap();
        assert_eq!(set.playback_hosts[0], "api.example.com");
        assert_eq!(set.cors_origins[0], "https://www.example.com");
        assert_eq!(with(set.clone(), "{}").unwrap(), set);
        let text = serde_json::to_string(&set.shown()).unwrap();
        assert_eq!(Settings::parse(&text).unwrap(), set);
        let one = with(set, r#"{"finish":{"within_s":7}}"#).unwrap();
        assert_eq!((one.finish.within_s, one.finish.within_percent), (7, 50));
        assert_eq!(one.playback_hosts.len(), 3);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let many = vec!["\"h\""; 33].join(",");
        for (put, field) in [
            (r#"{"playback_hosts":["a",""]}"#, "playback_hosts[1]"),
            (r#"{"playback_hosts":["http://a"]}"#, "playback_hosts[0]"),
            (r#"{"playback_hosts":["a/b"]}"#, "playback_hosts[0]"),
            (r#"{"playback_hosts":["a:99999"]}"#, "playback_hosts[0]"),
            (r#"{"playback_hosts":["a","A"]}"#, "playback_hosts[1]"),
            (
                &format!(r#"{{"playback_hosts":[{many}]}}"#),
                "playback_hosts",
            ),
            (r#"{"cors_origins":["*"]}"#, "cors_origins[0]"),
            (r#"{"cors_origins":["null"]}"#, "cors_origins[0]"),
            (r#"{"cors_origins":["https://a/"]}"#, "cors_origins[0]"),
            (r#"{"cors_origins":["https://*.a"]}"#, "cors_origins[0]"),
            (r#"{"cors_origins":["a.example"]}"#, "cors_origins[0]"),
            (r#"{"finish":{"within_s":3601}}"#, "finish.within_s"),
            (
                r#"{"finish":{"within_percent":51}}"#,
                "finish.within_percent",
            ),
        ] {
            let error = with(Settings::default(), put).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{field}: expected ")), "{error}");
        }
    }
}
