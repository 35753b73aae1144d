//! A store whose app takes the sessions that the load signs, and what is sent to it.

use std::time::Duration;

use anyhow::bail;

use crate::bench::level::{wait_until_level, watch_lag};
use crate::bench::load::{Load, run};
use crate::bench::reportd::Reportd;
use crate::bench::server::Server;
use crate::bench::store::{Store, StoreKind};
use crate::clock::Stopwatch;
use crate::text_table::grouped;

/// Connections of players.
pub(super) const CONNECTIONS: u64 = 256;
/// Signs sessions; it protects nothing.
const SECRET: &str = "the-session-key-of-the-bench-is-long-enough";
const KEY_ID: &str = "bench";
/// No load of a set number of beats may take longer.
const MOST_SECONDS: u64 = 6 * 3_600;

/// A store with the app `bench` and its session key.
pub(super) struct Ground<'a> {
    pub(super) store: Store<'a>,
    /// All heartbeats that were acknowledged and stored.
    all: Load,
}

/// Heartbeats to send; 0 requests is as many as fit into the seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beats {
    pub(super) connections: u64,
    pub(super) viewers: u64,
    pub(super) first_mid: u64,
    pub(super) videos: u64,
    /// Beats of a video.
    pub(super) beats: u64,
    /// Beats that each viewer has sent before.
    pub(super) turn: u64,
    pub(super) rate: u64,
    pub(super) seconds: u64,
    pub(super) requests: u64,
}

impl Default for Beats {
    fn default() -> Self {
        Self {
            connections: CONNECTIONS,
            viewers: 1,
            first_mid: 1_000_001,
            videos: 10_000,
            beats: 80,
            turn: 0,
            rate: 0,
            seconds: MOST_SECONDS,
            requests: 0,
        }
    }
}

impl<'a> Ground<'a> {
    /// Makes the store.
    pub(super) fn create(reportd: &'a Reportd, kind: StoreKind) -> anyhow::Result<Self> {
        let store = Store::create(reportd, kind)?;
        let server = store.serve("")?;
        let keys =
            format!(r#"{{"keys":[{{"kid":"{KEY_ID}","algorithm":"HS256","secret":"{SECRET}"}}]}}"#);
        let mut connection = store.connect(&server)?;
        connection.put("/api/apps/bench/session-keys", &keys)?;
        server.stop()?;
        Ok(Self {
            store,
            all: Load::default(),
        })
    }

    /// Sends heartbeats; what was acknowledged is not counted as stored.
    pub(super) fn send(&self, server: &Server, beats: &Beats) -> anyhow::Result<Load> {
        let mut more = format!(
            "--connections {} --viewers {} --first-mid {} --videos {} --beats {} --turn {} --rate {} --seconds {}",
            beats.connections,
            beats.viewers,
            beats.first_mid,
            beats.videos,
            beats.beats,
            beats.turn,
            beats.rate,
            beats.seconds
        );
        if beats.requests > 0 {
            more += &format!(" --requests {}", beats.requests);
        }
        run(&self.store, &line(server, &more))
    }

    /// Reads as `flags` say.
    pub(super) fn read(&self, server: &Server, flags: &str) -> anyhow::Result<Load> {
        run(&self.store, &line(server, flags))
    }

    /// Sends heartbeats that are stored, waits until they are folded, and checks that the journal holds them all. Tells
    /// the most lag of a view, and how long the fold took behind the load.
    pub(super) fn store_beats(
        &mut self,
        server: &Server,
        beats: &Beats,
    ) -> anyhow::Result<(Load, u64, Duration)> {
        let (load, most_lag_ms) = watch_lag(&self.store, server, || self.send(server, beats))?;
        let level_after = wait_until_level(&self.store, server)?;
        self.all.add(&load);
        self.check_count()?;
        Ok((load, most_lag_ms, level_after))
    }

    /// Sends so many beats as fast as the server answers, and says how that went.
    pub(super) fn fill(
        &mut self,
        server: &Server,
        beats: &Beats,
        what: &str,
    ) -> anyhow::Result<()> {
        let watch = Stopwatch::start();
        let (load, most_lag_ms, level_after) = self.store_beats(server, beats)?;
        println!(
            "  {what}: {} beats in {:.1} s, {:.0} a second; most lag {:.1} s, level {:.1} s after",
            grouped(load.requests),
            watch.elapsed().saturating_sub(level_after).as_secs_f64(),
            load.requests_per_second,
            most_lag_ms as f64 / 1_000.0,
            level_after.as_secs_f64(),
        );
        Ok(())
    }

    /// Nothing else is in the journal.
    fn check_count(&self) -> anyhow::Result<()> {
        let status = self
            .store
            .reportd
            .ask(&self.store.place(), "status --json")?;
        let stored = status["journal_entries"].as_u64().unwrap_or(0);
        let told = self.all.requests;
        // A request that failed for its sender may be stored as well.
        if stored < told || (stored > told && self.all.errors == 0) {
            bail!("{stored} beats are in the journal, and {told} were acknowledged");
        }
        Ok(())
    }
}

fn line(server: &Server, flags: &str) -> String {
    format!(
        "load playback --url http://{} --session-key-secret {SECRET} --key-id {KEY_ID} {flags} --json",
        server.address
    )
}
