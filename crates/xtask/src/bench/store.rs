//! A store with one app and one key, and what is counted in it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use reportd_testbed::{Options, Postgres};
use serde_json::Value;
use tempfile::TempDir;

use crate::bench::ITEMS;
use crate::bench::http::Connection;
use crate::bench::load::{Asked, Load, load};
use crate::bench::reportd::{Place, Reportd};
use crate::bench::server::Server;
use crate::bench::traffic::Traffic;

/// The operations of the load: active and passive messages.
pub(super) const MESSAGES: [u64; 2] = [1_503_000_120_601, 1_503_000_120_602];
/// Connections of a load that only fills.
const FILL_CONNECTIONS: u64 = 64;
/// Longest load of a filling at a time.
const MOST_FILL_SECONDS: u64 = 60;

/// Which store is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoreKind {
    Embedded,
    /// A PostgreSQL of its own for each store, on this machine, whose commits reach the disk.
    Postgres,
}

/// A fresh store; its folder is removed when it is dropped.
pub(super) struct Store<'a> {
    pub(super) reportd: &'a Reportd,
    /// Holds the data folders and the servers' logs.
    folder: TempDir,
    pub(super) postgres: Option<Postgres>,
    pub(super) token: String,
    pub(super) appkey: String,
    pub(super) master_secret: String,
    pub(super) aes_key: String,
    pub(super) key: String,
}

impl<'a> Store<'a> {
    /// Makes the folder, the app `bench` and a key.
    pub(super) fn create(reportd: &'a Reportd, kind: StoreKind) -> anyhow::Result<Self> {
        let folder = TempDir::new_in(reportd.bench_folder()?)?;
        let start = || {
            Postgres::start(Options {
                fsync: true,
                ..Options::default()
            })
        };
        let postgres = (kind == StoreKind::Postgres).then(start).transpose()?;
        let place = place(&folder, postgres.as_ref(), 1);
        let text = |answer: &Value, name: &str| {
            let found = answer[name].as_str().map(str::to_owned);
            found.with_context(|| format!("no {name} in the answer of reportd"))
        };
        let app = reportd.ask(&place, "app create bench --json")?;
        let key = reportd.ask(&place, "key create bench --role admin --json")?;
        Ok(Self {
            reportd,
            folder,
            postgres,
            token: text(&app, "comm_token")?,
            appkey: text(&app, "appkey")?,
            master_secret: text(&app, "master_secret")?,
            aes_key: text(&app, "aes_key")?,
            key: text(&key, "key")?,
        })
    }

    /// The store as the first node has it.
    pub(super) fn place(&self) -> Place {
        place(&self.folder, self.postgres.as_ref(), 1)
    }

    /// Starts a server on it; `flags` go behind `serve`.
    pub(super) fn serve(&self, flags: &str) -> anyhow::Result<Server> {
        Server::start(self.reportd, &self.place(), flags)
    }

    /// Starts that many servers on it.
    pub(super) fn serve_nodes(&self, nodes: u64, flags: &str) -> anyhow::Result<Vec<Server>> {
        let start = |number| {
            let place = place(&self.folder, self.postgres.as_ref(), number);
            Server::start(self.reportd, &place, flags)
        };
        (1..=nodes).map(start).collect()
    }

    pub(super) fn connect(&self, server: &Server) -> anyhow::Result<Connection> {
        Connection::open(&server.address, &self.key)
    }

    /// Loads bot event reports until at least `reports` are acknowledged, as fast as the server answers; tells how many there are.
    pub(super) fn fill(&self, server: &Server, reports: u64) -> anyhow::Result<Load> {
        let mut all = Load::default();
        while all.reports < reports {
            let missing = (reports - all.reports) as f64;
            let asked = Asked {
                traffic: Traffic::Comm,
                items: ITEMS,
                connections: FILL_CONNECTIONS,
                rate: 0,
                seconds: seconds_for(missing, all.reports_per_second),
                seed: all.requests + 1,
            };
            all.add(&load(self, server, &asked)?);
        }
        Ok(all)
    }

    /// Bytes of the journal and of the views on disk.
    pub(super) fn disk_bytes(&self) -> anyhow::Result<(u64, u64)> {
        let status = self.reportd.ask(&self.place(), "status --json")?;
        let bytes = |name: &str| status[name].as_u64().with_context(|| name.to_owned());
        Ok((bytes("journal_bytes")?, bytes("views_bytes")?))
    }

    /// Bytes of the state on disk.
    pub(super) fn state_bytes(&self) -> anyhow::Result<u64> {
        let status = self.reportd.ask(&self.place(), "status --json")?;
        status["state_bytes"].as_u64().context("state_bytes")
    }

    /// Deletes the views, which can be made again from the journal.
    pub(super) fn delete_views(&self) -> anyhow::Result<()> {
        for path in files_named(&self.place().data, "views.db")? {
            fs::remove_file(&path).with_context(|| path.display().to_string())?;
        }
        Ok(())
    }
}

/// The path of a series by day.
pub(super) fn series_path(oper_id: u64, from: &str, to: &str) -> String {
    format!("/api/apps/bench/comm/series?oper_id={oper_id}&from={from}&to={to}")
}

fn place(folder: &TempDir, postgres: Option<&Postgres>, node: u64) -> Place {
    Place {
        data: folder.path().join(format!("data-{node}")),
        database_url: postgres.map(Postgres::url),
    }
}

/// How long to load for what is missing, at the rate of the last load; a first second tells the rate.
fn seconds_for(missing: f64, per_second: f64) -> u64 {
    if per_second == 0.0 {
        return 1;
    }
    let mut lengths = 1..MOST_FILL_SECONDS;
    lengths
        .find(|&seconds| per_second * seconds as f64 >= missing)
        .unwrap_or(MOST_FILL_SECONDS)
}

/// Files right in the folder whose names begin so.
fn files_named(folder: &Path, prefix: &str) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let is_so = entry.file_name().to_string_lossy().starts_with(prefix);
        if is_so && entry.file_type()?.is_file() {
            found.push(entry.path());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_is_loaded_in_as_long_as_it_takes() {
        assert_eq!(seconds_for(2_000_000.0, 0.0), 1);
        assert_eq!(seconds_for(1_000.0, 300.0), 4);
        assert_eq!(seconds_for(1e9, 300.0), 60);
    }
}
