//! `reportd demo`: a server with a sample app, 30 days of history and live traffic.
//!
//! The history goes through the same routes, journal and views as everything else, on a clock that passes through those
//! days ([`history`]); then a server is opened as usual, and the live traffic goes through its real endpoints.

mod clock;
mod comm;
mod dialogue;
mod draw;
mod history;
mod past;
mod playback;
mod push;
mod receiver;
mod rhythm;
mod steps;
mod welcome;

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use reportd_client::{CommClient, PushFeedClient};
use reportd_platform::access::{Role, create_key};
use reportd_platform::apps::{DEFAULT_ZONE, NewApp};
use reportd_platform::clock::{Clock, SystemClock};
use reportd_platform::credentials::CredentialKind;
use reportd_platform::people::{HashedPassword, Limits, create_person, draw_password};
use reportd_platform::random::SystemRandom;
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use self::clock::PastClock;
use self::receiver::Receiver;
use crate::app_commands;
use crate::data_folder::DataFolder;
use crate::logging;
use crate::serve::stop_signal;
use crate::server::Server;
use crate::settings::Settings;
use crate::stores::Stores;

const DEFAULT_FOLDER: &str = "./reportd-demo";
/// Says that a folder is a demo's, and holds its credentials, one of them an admin key: for its owner alone.
const MARK: &str = "demo.json";
const APP: &str = "demo";
/// Who may use the console.
const PERSON: &str = "demo";
const HISTORY_DAYS: i64 = 30;

#[derive(Serialize, Deserialize)]
struct Credentials {
    comm_token: String,
    appkey: String,
    master_secret: String,
    aes_key: String,
    callback_secret: String,
    api_key: String,
    /// Of the person [`PERSON`], in the console.
    password: String,
    /// The moderators' desk.
    desk_key: String,
    /// The session of a viewer who has a history.
    sessdata: String,
    csrf: String,
    access_key: String,
    /// Where the receiver was the last time; 0 before that.
    receiver_port: u16,
    /// When the demo was made: its history ends there.
    made_at_ms: i64,
    /// The history is there, to its end.
    is_whole: bool,
}

/// Runs the demo until it is told to stop.
pub(crate) async fn demo(settings: &Settings, data_is_set: bool) -> anyhow::Result<()> {
    logging::start(&settings.log)?;
    // One for all that follows: a signal that comes while the server is opened is not lost between two.
    let mut stop = Box::pin(stop_signal()?);
    let clock = Arc::new(SystemClock::start());
    let data = if data_is_set {
        settings.data.clone()
    } else {
        PathBuf::from(DEFAULT_FOLDER)
    };
    let settings = Settings {
        data,
        ..settings.clone()
    };
    if settings.postgres().is_some() {
        bail!("the demo has an embedded store of its own: leave --database-url out");
    }
    let mut credentials = prepare(&settings, clock.now_ms())?;
    // Callbacks of the history come at the times of the history.
    let desk_clock = Arc::new(PastClock::present());
    let secrets = (
        credentials.callback_secret.as_str(),
        credentials.aes_key.as_str(),
    );
    let port = credentials.receiver_port;
    let receiver = Receiver::start(secrets, port, Arc::clone(&desk_clock)).await?;
    if !credentials.is_whole {
        tokio::select! {
            made = history::make(&settings, &credentials, &receiver, Arc::clone(&desk_clock)) => made?,
            () = &mut stop => bail!("the history is not whole: the next start begins anew"),
        }
    }
    desk_clock.let_go();
    credentials.is_whole = true;
    credentials.receiver_port = receiver.port();
    write_mark(&settings.data, &credentials)?;
    let server = Server::open(&settings, false).await?;
    let traffic = send_live(&server, &credentials, &receiver, &clock)?;
    let now = (clock.now_ms(), clock.monotonic());
    welcome::print(&server.url()?, receiver.url(), &credentials, now)?;
    server.run(stop).await?;
    traffic.iter().for_each(JoinHandle::abort);
    Ok(())
}

/// Starts the live traffic of all kinds.
fn send_live(
    server: &Server,
    credentials: &Credentials,
    receiver: &Receiver,
    clock: &Arc<SystemClock>,
) -> anyhow::Result<Vec<JoinHandle<()>>> {
    let url = server.url()?;
    let comm = CommClient::new(&url, &credentials.comm_token)?;
    let push = PushFeedClient::builder(&url, APP)
        .api_key(&credentials.api_key)
        .master_secret(&credentials.master_secret)
        .build()?;
    let players = playback::open_sessions(&server.running().state, &url, clock.now_ms())?;
    let dialogue = dialogue::Live {
        url,
        aes_key: credentials.aes_key.clone(),
        authorization: format!("Bearer {}", credentials.api_key),
        receiver_url: receiver.url().to_owned(),
    };
    Ok(vec![
        tokio::spawn(comm::send_live(
            comm,
            Arc::clone(clock),
            credentials.made_at_ms,
        )),
        tokio::spawn(playback::send_live(players, Arc::clone(clock))),
        tokio::spawn(push::send_live(push, Arc::clone(clock))),
        tokio::spawn(dialogue::send_live(dialogue, Arc::clone(clock))),
    ])
}

/// Takes the folder of an earlier run, or makes one with the sample app.
fn prepare(settings: &Settings, now_ms: i64) -> anyhow::Result<Credentials> {
    let path = &settings.data;
    let mark = path.join(MARK);
    if let Ok(text) = std::fs::read(&mark) {
        let known: Credentials = serde_json::from_slice(&text).with_context(|| {
            let mark = mark.display();
            format!("{mark} is of another version: delete the folder to begin anew")
        })?;
        if known.is_whole {
            return Ok(known);
        }
        // It was interrupted, unless another process is at it.
        drop(DataFolder::at(path).lock()?);
        std::fs::remove_dir_all(path)
            .with_context(|| format!("the history in {} is not whole", path.display()))?;
    }
    if std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some()) {
        bail!(
            "{} is not empty and not a demo's folder: take another --data",
            path.display()
        );
    }
    let credentials = create(settings, history::begins_ms(now_ms), now_ms)?;
    write_mark(path, &credentials)?;
    Ok(credentials)
}

/// Makes the sample app, its keys and the session of a viewer.
fn create(settings: &Settings, begins_ms: i64, now_ms: i64) -> anyhow::Result<Credentials> {
    let stores = Stores::open(settings)?;
    let state = stores.state()?;
    let new = NewApp {
        id: APP.to_owned(),
        name: "示例应用 (sample app)".to_owned(),
        zone: DEFAULT_ZONE.to_owned(),
        given: Vec::new(),
    };
    let issued = app_commands::create(&stores.folder, &state, &new, &[])?;
    let password = draw_password(&SystemRandom)?;
    let hash = HashedPassword::of(&password, &SystemRandom)?;
    let (api_key, desk_key, session) = state.try_write(|tx| {
        let random = SystemRandom;
        let everything = Limits {
            role: Role::Admin,
            app_ids: &[],
            categories: &[],
        };
        create_person(tx, PERSON, everything, &hash, false, begins_ms)?;
        let mut key = |name, role, app| create_key(tx, name, role, app, &random, begins_ms);
        // Of all apps: only such a one lets callbacks go to this machine.
        let api_key = key("demo", Role::Admin, None)?;
        let desk_key = key("moderators' desk", Role::Lead, Some(APP))?;
        anyhow::Ok((api_key, desk_key, playback::first_session(tx, now_ms)?))
    })?;
    let secret_of = |kind| {
        let found = issued.iter().find(|issued| issued.kind == kind);
        found.map_or_else(String::new, |issued| issued.secret.reveal().to_owned())
    };
    Ok(Credentials {
        comm_token: secret_of(CredentialKind::CommToken),
        appkey: secret_of(CredentialKind::Appkey),
        master_secret: secret_of(CredentialKind::MasterSecret),
        aes_key: secret_of(CredentialKind::AesKey),
        callback_secret: secret_of(CredentialKind::CallbackSecret),
        api_key: api_key.reveal().to_owned(),
        password: password.reveal().to_owned(),
        desk_key: desk_key.reveal().to_owned(),
        sessdata: session.sessdata.reveal().to_owned(),
        csrf: session.csrf.reveal().to_owned(),
        access_key: session.access_key.reveal().to_owned(),
        receiver_port: 0,
        made_at_ms: now_ms,
        is_whole: false,
    })
}

/// Writes the mark in one go: a reader finds the one before or this one.
fn write_mark(folder: &Path, credentials: &Credentials) -> anyhow::Result<()> {
    let (mark, next) = (folder.join(MARK), folder.join("demo.json.new"));
    let _ = std::fs::remove_file(&next);
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&next)?
        .write_all(&serde_json::to_vec(credentials)?)?;
    std::fs::rename(&next, &mark).with_context(|| format!("{}", mark.display()))
}
