//! Settings: what they are, and what holds of them together.

mod layers;

use std::ops::RangeInclusive;
use std::path::PathBuf;

use anyhow::{Context, bail};
use reportd_platform::secret::Secret;
use reportd_platform::settings::parse_duration_ms;
use reportd_platform::web::Tls;
use serde::Deserialize;

use crate::stores;

pub(crate) use layers::Layers;

/// In the environment, and no setting: the key that seals secrets.
pub(crate) const MASTER_KEY: &str = "REPORTD_MASTER_KEY";
/// In the environment beside [`MASTER_KEY`] while that is being replaced: this one seals, both open.
pub(crate) const NEW_MASTER_KEY: &str = "REPORTD_NEW_MASTER_KEY";

/// Shorter ones end while a node is merely busy.
const LEASES_MS: RangeInclusive<u64> = 500..=30_000;

/// All settings, as they hold.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Settings {
    pub(crate) listen: String,
    pub(crate) data: PathBuf,
    pub(crate) database_url: Secret,
    pub(crate) log: Log,
    pub(crate) server: Server,
    pub(crate) auth: Auth,
    pub(crate) api: Api,
    pub(crate) console: Console,
    pub(crate) comm: Comm,
    pub(crate) playback: Playback,
    pub(crate) push: Push,
    pub(crate) dialogue: Dialogue,
    pub(crate) journal: Journal,
    pub(crate) views: Views,
    pub(crate) retention: Retention,
    pub(crate) postgres: Postgres,
    /// Name, value and origin of each, for people.
    #[serde(skip)]
    pub(crate) shown: Vec<[String; 3]>,
}

impl Settings {
    /// The database that is set, where one is.
    pub(crate) fn postgres(&self) -> Option<stores::Postgres> {
        let url = self.database_url.reveal();
        (!url.is_empty())
            .then(|| stores::Postgres::new(Secret::new(url), self.postgres.connections))
    }

    /// What is pruned keeps a minute's distance from what may still come: a lease must end well before.
    fn check_lease(&self) -> anyhow::Result<()> {
        if !LEASES_MS.contains(&self.postgres.lease_ms) {
            let (least, most) = (LEASES_MS.start(), LEASES_MS.end());
            bail!("postgres.lease_ms: expected {least} to {most}");
        }
        Ok(())
    }

    fn check_database_url(&self) -> anyhow::Result<()> {
        let url = self.database_url.reveal();
        if !url.is_empty() && !is_postgres_url(url) {
            bail!("database_url: expected postgres://…, or nothing for the embedded store");
        }
        Ok(())
    }
}

/// True where this may be the URL of a PostgreSQL database.
pub(crate) fn is_postgres_url(url: &str) -> bool {
    let schemes = ["postgres://", "postgresql://"];
    schemes.into_iter().any(|scheme| url.starts_with(scheme))
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Log {
    pub(crate) level: String,
    pub(crate) format: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Server {
    pub(crate) connections: usize,
    pub(crate) header_timeout_ms: u64,
    pub(crate) body_timeout_ms: u64,
    pub(crate) write_timeout_ms: u64,
    pub(crate) shutdown_timeout_ms: u64,
    pub(crate) trusted_proxies: Vec<String>,
    pub(crate) admin_listen: String,
    pub(crate) tls_certificate: PathBuf,
    pub(crate) tls_key: PathBuf,
}

impl Server {
    /// Whether clients come by TLS.
    pub(crate) fn has_tls(&self) -> bool {
        !self.tls_certificate.as_os_str().is_empty()
    }

    /// What is shown to clients, where they come by TLS.
    pub(crate) fn tls(&self) -> anyhow::Result<Option<Tls>> {
        if self.has_tls() == self.tls_key.as_os_str().is_empty() {
            bail!("server.tls_certificate, server.tls_key: expected both, or neither");
        }
        if !self.has_tls() {
            return Ok(None);
        }
        let tls = Tls::from_files(&self.tls_certificate, &self.tls_key);
        tls.map(Some)
            .context("server.tls_certificate, server.tls_key")
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Auth {
    pub(crate) failures_per_minute: u32,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Api {
    pub(crate) body_bytes: usize,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Console {
    pub(crate) enabled: bool,
    pub(crate) secure_cookies: bool,
    pub(crate) logins_per_minute: u32,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Comm {
    pub(crate) enabled: bool,
    pub(crate) body_bytes: usize,
    pub(crate) address_rate_limit: u32,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Playback {
    pub(crate) enabled: bool,
    pub(crate) body_bytes: usize,
    pub(crate) app_rate_limit: u32,
    pub(crate) address_rate_limit: u32,
    pub(crate) session_life: String,
}

impl Playback {
    /// How long a session lives that is issued without a life of its own.
    pub(crate) fn session_life_ms(&self) -> anyhow::Result<i64> {
        parse_duration_ms(&self.session_life)
            .map_err(anyhow::Error::msg)
            .context("playback.session_life")
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Push {
    pub(crate) enabled: bool,
    pub(crate) body_bytes: usize,
    pub(crate) address_rate_limit: u32,
    pub(crate) auth_rate_limit: u32,
    pub(crate) count_rate_limit: u32,
    pub(crate) report_rate_limit: u32,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Dialogue {
    pub(crate) enabled: bool,
    pub(crate) body_bytes: usize,
    pub(crate) app_rate_limit: u32,
    pub(crate) address_rate_limit: u32,
    pub(crate) callback_retries: Vec<String>,
    pub(crate) callback_timeout_ms: u64,
    pub(crate) callback_lease_ms: u64,
    pub(crate) callback_host_concurrency: usize,
    pub(crate) callback_breaker_failures: usize,
    pub(crate) callback_breaker_ms: u64,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Journal {
    pub(crate) queue_bytes: usize,
    pub(crate) tail_bytes: usize,
    pub(crate) linger_ms: u64,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Views {
    pub(crate) least_pause_ms: u64,
    pub(crate) longest_pause_ms: u64,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Retention {
    pub(crate) reports: String,
    pub(crate) tickets: String,
    pub(crate) audit: String,
    pub(crate) rejections: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Postgres {
    pub(crate) connections: usize,
    pub(crate) lease_ms: u64,
}
