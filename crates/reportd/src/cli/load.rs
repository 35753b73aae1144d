//! The command line of `reportd load`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use reportd_platform::secret::Secret;

#[derive(Debug, Subcommand)]
pub(crate) enum Load {
    /// Bot event reports
    Comm(LoadComm),
    /// Playback reports: heartbeats of players, or with --report reads
    Playback(LoadPlayback),
    /// Push reports: feeds of gateways, or with --report reads
    Push(LoadPush),
    /// Dialogue reports: encrypted reports, or with --verdicts what moderators do and how soon callbacks come
    Dialogue(LoadDialogue),
}

/// What a load of any kind is told.
#[derive(Debug, Clone, Args)]
pub(crate) struct LoadRun {
    /// Base URL of the server
    #[arg(long, default_value = "http://127.0.0.1:8300")]
    pub(crate) url: String,
    /// Requests a second; 0 sends as fast as the server answers
    #[arg(long, default_value_t = 0)]
    pub(crate) rate: u32,
    /// How long at most
    #[arg(long, default_value_t = 10)]
    pub(crate) seconds: u32,
    /// Connections
    #[arg(long, default_value_t = 64)]
    pub(crate) connections: u32,
    /// First number of the generator: other seeds send other reports
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// One JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct LoadComm {
    #[command(flatten)]
    pub(crate) run: LoadRun,
    /// Token of the app
    #[arg(long)]
    pub(crate) token: Secret,
    /// Reports in a request, 1 to 10
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10))]
    pub(crate) items: u32,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct LoadPush {
    #[command(flatten)]
    pub(crate) run: LoadRun,
    /// The app
    #[arg(long, value_name = "ID")]
    pub(crate) app: String,
    /// API key for events, of role ingest or admin
    #[arg(long)]
    pub(crate) key: Option<Secret>,
    /// Public half of the app's push credentials, to read reports
    #[arg(long)]
    pub(crate) appkey: Option<Secret>,
    /// Secret half of them, to sign receipts and to read reports
    #[arg(long)]
    pub(crate) master_secret: Option<Secret>,
    /// What to send
    #[arg(long, value_enum, default_value_t = PushFeed::Receipts)]
    pub(crate) feed: PushFeed,
    /// Read this report and send nothing
    #[arg(long, value_enum)]
    pub(crate) report: Option<PushReport>,
    /// How many requests at most, those that are sent again apart
    #[arg(long)]
    pub(crate) requests: Option<u64>,
    /// Lines in a request
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) items: u32,
    /// Tasks that are pushed
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) tasks: u32,
    /// Tasks that are under way at a time
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) tasks_at_once: u32,
    /// Devices that each task goes to
    #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) devices: u32,
    /// How many days ago it all happened
    #[arg(long, default_value_t = 0)]
    pub(crate) days_ago: u16,
    /// Tasks of a report of tasks, 1 to 200
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=200))]
    pub(crate) ids: u32,
    /// Day of a report of days, such as 2026-11-21
    #[arg(long)]
    pub(crate) day: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct LoadPlayback {
    #[command(flatten)]
    pub(crate) run: LoadRun,
    /// Secret of an HS256 key that the app has registered: each viewer gets a session that is signed with it
    #[arg(long, value_name = "SECRET")]
    pub(crate) session_key_secret: Option<Secret>,
    /// Id of that key
    #[arg(long, value_name = "ID")]
    pub(crate) key_id: Option<String>,
    /// Cookie of one session, in place of a key: all beats are its viewer's
    #[arg(long)]
    pub(crate) sessdata: Option<Secret>,
    /// Its csrf token
    #[arg(long)]
    pub(crate) csrf: Option<Secret>,
    /// Read this and send nothing
    #[arg(long, value_enum)]
    pub(crate) report: Option<PlaybackRead>,
    /// How many heartbeats at most
    #[arg(long)]
    pub(crate) requests: Option<u64>,
    /// Viewers, who send in turn
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(crate) viewers: u32,
    /// The mid of the first viewer; the others have those behind it
    #[arg(long, default_value_t = 1_000_001, value_parser = clap::value_parser!(i64).range(1..=1_000_000_000_000))]
    pub(crate) first_mid: i64,
    /// Videos that there are
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) videos: u32,
    /// Heartbeats of a viewer until the video is at its end and the next one begins; one is 15 seconds of it
    #[arg(long, default_value_t = 80, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) beats: u32,
    /// Viewers of a hundred whose players send a session with each beat
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub(crate) named: u32,
    /// Heartbeats that each viewer has sent before
    #[arg(long, default_value_t = 0)]
    pub(crate) turn: u32,
}

/// What to read of playback reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlaybackRead {
    /// The history of the first viewer, page by page
    History,
    /// Where viewers resume their videos
    Player,
    /// How many are viewing a video
    Online,
}

/// What gateways send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PushFeed {
    /// Signed receipts: received, then displayed, then clicked
    Receipts,
    /// Events: sendable, then the four stages behind it, with brands
    Events,
    /// Events of devices: they register, then they are online at some time of two days
    Devices,
}

/// A report to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PushReport {
    /// What became of tasks
    Task,
    /// The same with what was lost
    Detail,
    /// What became of the pushes of a day
    Day,
    /// Quotas
    Count,
    /// Users of a day
    User,
    /// Users online
    Online,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct LoadDialogue {
    #[command(flatten)]
    pub(crate) run: LoadRun,
    /// The app
    #[arg(long, value_name = "ID")]
    pub(crate) app: String,
    /// Its key: text as it is, or with hex: or base64: in front
    #[arg(long)]
    pub(crate) aes_key: Secret,
    /// Its cipher
    #[arg(long, default_value = "aes-128-cbc")]
    pub(crate) aes_mode: String,
    /// Its initialisation vector
    #[arg(long, default_value = "prepended")]
    pub(crate) aes_iv: String,
    /// API key of a moderator, to judge or to take tickets
    #[arg(long)]
    pub(crate) key: Option<Secret>,
    /// File reports, judge their tickets at the rate, and receive the callbacks; the app must allow private callbacks
    #[arg(long, requires = "key", conflicts_with = "take")]
    pub(crate) verdicts: bool,
    /// With --verdicts: take each ticket by tickets/next before it is judged
    #[arg(long, requires = "verdicts")]
    pub(crate) next: bool,
    /// With --verdicts: a file for when each verdict was sent, taken and delivered
    #[arg(long, requires = "verdicts", value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,
    /// Take tickets by tickets/next and release them; only the taking is measured
    #[arg(long, requires = "key")]
    pub(crate) take: bool,
    /// Where verdicts on the reports go; without it the app's default
    #[arg(long, value_name = "URL")]
    pub(crate) redirect: Option<String>,
    /// How many reports or verdicts at most; of verdicts at no rate it must be said
    #[arg(long)]
    pub(crate) requests: Option<u32>,
    /// Messages in a report, 1 to 50
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=50))]
    pub(crate) infos: u32,
}
