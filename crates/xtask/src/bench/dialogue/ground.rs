//! A store and a server on it, whose app lets verdicts out at once, to this machine too.

use anyhow::Context;
use serde_json::{Value, json};

use crate::bench::load::{Load, run};
use crate::bench::reportd::Reportd;
use crate::bench::server::Server;
use crate::bench::store::{Store, StoreKind};

/// Where verdicts go that nobody waits for: nothing listens there, and nothing is judged.
const NOWHERE: &str = "http://127.0.0.1:9/";
const CONNECTIONS: u64 = 64;
/// No load may take longer.
const MOST_SECONDS: u64 = 3_600;
const SETTINGS: &str = "/api/apps/bench/dialogue/settings";

/// A store that is served.
pub(super) struct Ground<'a> {
    pub(super) store: Store<'a>,
    pub(super) server: Server,
}

impl<'a> Ground<'a> {
    /// A fresh store; `flags` go behind `serve`.
    pub(super) fn start(
        reportd: &'a Reportd,
        kind: StoreKind,
        flags: &str,
    ) -> anyhow::Result<Self> {
        let store = Store::create(reportd, kind)?;
        let server = store.serve(flags)?;
        let ground = Self { store, server };
        ground.set_up()?;
        Ok(ground)
    }

    /// The same on an address of one's choice, to come back to it.
    pub(super) fn start_at(
        reportd: &'a Reportd,
        kind: StoreKind,
        address: &str,
    ) -> anyhow::Result<Self> {
        let store = Store::create(reportd, kind)?;
        let flags = format!("--listen {address}");
        let server = Server::start_at(reportd, &store.place(), &flags, &[])?;
        let ground = Self { store, server };
        ground.set_up()?;
        Ok(ground)
    }

    fn set_up(&self) -> anyhow::Result<()> {
        let mut connection = self.store.connect(&self.server)?;
        let settings = json!({"undo_seconds": 0, "allow_private_callbacks": true});
        connection.put(SETTINGS, &settings.to_string())?;
        Ok(())
    }

    /// The command that loads, with what every load of this app needs.
    pub(super) fn command(&self, flags: &str) -> String {
        format!(
            "load dialogue --url http://{} --app bench --aes-key {} --key {} {flags} --json",
            self.server.address, self.store.aes_key, self.store.key
        )
    }

    /// Files reports for so long, as fast as the server takes them.
    pub(super) fn file_for(&self, seconds: u64, seed: u64) -> anyhow::Result<Load> {
        self.file(&format!("--seconds {seconds} --seed {seed}"))
    }

    /// Files so many reports.
    pub(super) fn file_many(&self, reports: u64, seed: u64) -> anyhow::Result<Load> {
        let flags = format!("--requests {reports} --seconds {MOST_SECONDS} --seed {seed}");
        self.file(&flags)
    }

    fn file(&self, flags: &str) -> anyhow::Result<Load> {
        let flags = format!("--redirect {NOWHERE} --connections {CONNECTIONS} {flags}");
        run(&self.store, &self.command(&flags))
    }

    /// Judges at a rate, and measures how soon callbacks come.
    pub(super) fn judge(&self, rate: u64, seconds: u64, flags: &str) -> anyhow::Result<Judged> {
        let flags = format!("--verdicts --rate {rate} --seconds {seconds} {flags}");
        let told = self
            .store
            .reportd
            .ask(&self.store.place(), &self.command(flags.trim_end()))?;
        Judged::from_json(&told).context("the answer of reportd load lacks a figure")
    }
}

/// What a run of verdicts came to.
#[derive(Debug, Clone)]
pub(super) struct Judged {
    pub(super) verdicts: u64,
    pub(super) per_second: f64,
    pub(super) delivered: u64,
    pub(super) lost: u64,
    pub(super) repeated: u64,
    pub(super) strange: u64,
    /// Verdict to delivered: p50, p95, p99, longest.
    pub(super) delivered_ms: [f64; 4],
    /// Verdict to taken: p50, p95, p99.
    pub(super) taken_ms: [f64; 3],
    /// The next ticket, where tickets were taken: p50, p95, p99.
    pub(super) next_ms: Option<[f64; 3]>,
    pub(super) errors: u64,
}

impl Judged {
    fn from_json(told: &Value) -> Option<Self> {
        let percentiles = |of: &Value| -> Option<[f64; 3]> {
            let [p50, p95, p99] = ["p50_ms", "p95_ms", "p99_ms"].map(|name| of[name].as_f64());
            Some([p50?, p95?, p99?])
        };
        let [p50, p95, p99] = percentiles(told)?;
        let errors = told["errors"].as_object()?;
        Some(Self {
            verdicts: told["verdicts"].as_u64()?,
            per_second: told["verdicts_per_second"].as_f64()?,
            delivered: told["delivered"].as_u64()?,
            lost: told["lost"].as_u64()?,
            repeated: told["repeated"].as_u64()?,
            strange: told["strange"].as_u64()?,
            delivered_ms: [p50, p95, p99, told["max_ms"].as_f64()?],
            taken_ms: percentiles(&told["taken"])?,
            next_ms: percentiles(&told["next"]),
            errors: errors.values().filter_map(Value::as_u64).sum(),
        })
    }

    /// True where the server did what was asked, and was not behind at the end.
    pub(super) fn kept_up(&self, rate: u64) -> bool {
        let [_, p95, ..] = self.delivered_ms;
        self.per_second >= 0.97 * rate as f64 && self.lost == 0 && p95 < MOST_P95_MS
    }
}

/// What takes longer waits in a queue that grows.
const MOST_P95_MS: f64 = 100.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_read() {
        let told = json!({
            "verdicts": 10, "verdicts_per_second": 98.0, "delivered": 10, "lost": 0, "repeated": 1, "strange": 0,
            "p50_ms": 1.0, "p95_ms": 2.0, "p99_ms": 3.0, "max_ms": 4.0, "errors": {"a": 2},
            "taken": {"p50_ms": 0.5, "p95_ms": 0.75, "p99_ms": 1.0},
        });
        let judged = Judged::from_json(&told).unwrap();
        assert_eq!((judged.repeated, judged.errors), (1, 2));
        assert!(judged.kept_up(100) && !judged.kept_up(110));
        assert!(judged.next_ms.is_none());
    }
}
