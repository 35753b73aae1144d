//! `reportd demo`: a server with a sample app, 30 days of history and live traffic, all through the real endpoints.

mod comm;
mod dialogue;
mod playback;
mod push;
mod welcome;

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use reportd_client::{CommClient, PushFeedClient};
use reportd_platform::access::{Role, create_key};
use reportd_platform::apps::{self, DEFAULT_ZONE, NewApp};
use reportd_platform::clock::{Clock, DAY_MS, SystemClock};
use reportd_platform::credentials::CredentialKind;
use reportd_platform::people::{HashedPassword, Limits, create_person, draw_password};
use reportd_platform::random::SystemRandom;
use serde::{Deserialize, Serialize};

use crate::app_commands;
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
    api_key: String,
    /// Of the person [`PERSON`], in the console.
    password: String,
    /// The session of a viewer who has a history.
    sessdata: String,
    csrf: String,
    access_key: String,
}

/// Runs the demo until it is told to stop.
pub(crate) async fn demo(settings: &Settings, data_is_set: bool) -> anyhow::Result<()> {
    logging::start(&settings.log)?;
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
    let (credentials, is_new) = prepare(&settings)?;
    let server = Server::open(&settings, false).await?;
    let url = server.url()?;
    let clock = Arc::new(SystemClock::start());
    welcome::print(&url, &credentials, clock.now_ms())?;
    let comm = CommClient::new(&url, &credentials.comm_token)?;
    let push = PushFeedClient::builder(&url, APP)
        .api_key(&credentials.api_key)
        .master_secret(&credentials.master_secret)
        .build()?;
    let playback = playback::Sample::open(&server, &credentials, is_new)?;
    let dialogue = dialogue::client(&url, &credentials.aes_key)?;
    let traffic = [
        tokio::spawn(comm::send(comm, is_new, Arc::clone(&clock))),
        tokio::spawn(playback.send(Arc::clone(&clock))),
        tokio::spawn(push::send(push, is_new, Arc::clone(&clock))),
        tokio::spawn(dialogue::send(dialogue, is_new, clock)),
    ];
    server.run(stop_signal()?).await?;
    for traffic in traffic {
        traffic.abort();
    }
    Ok(())
}

/// Makes the folder and the sample app, or takes those of an earlier run.
fn prepare(settings: &Settings) -> anyhow::Result<(Credentials, bool)> {
    let path = &settings.data;
    let mark = path.join(MARK);
    if let Ok(text) = std::fs::read(&mark) {
        return Ok((
            serde_json::from_slice(&text).with_context(|| {
                let mark = mark.display();
                format!("{mark} is of another version: delete the folder to begin anew")
            })?,
            false,
        ));
    }
    if std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some()) {
        bail!(
            "{} is not empty and not a demo's folder: take another --data",
            path.display()
        );
    }
    let stores = Stores::open(settings)?;
    let state = stores.state()?;
    let new = NewApp {
        id: APP.to_owned(),
        name: "示例应用 (sample app)".to_owned(),
        zone: DEFAULT_ZONE.to_owned(),
        given: Vec::new(),
    };
    // The history goes through the real endpoint: its window must reach back as far.
    let window = [("comm.max_age".to_owned(), format!("{}d", HISTORY_DAYS + 2))];
    let issued = app_commands::create(&stores.folder, &state, &new, &[])?;
    let (now_ms, random) = (SystemClock::start().now_ms(), SystemRandom);
    let password = draw_password(&random)?;
    let hash = HashedPassword::of(&password, &random)?;
    let (key, session) = state.try_write(|tx| {
        // Nothing was ever counted here, so the window may be long from the start.
        apps::set(
            tx,
            APP,
            &window,
            reportd_comm::APP_SETTINGS,
            now_ms - (HISTORY_DAYS + 2) * DAY_MS,
        )?;
        let everything = Limits {
            role: Role::Admin,
            app_ids: &[],
            categories: &[],
        };
        create_person(tx, PERSON, everything, &hash, false, now_ms)?;
        let key = create_key(tx, "demo", Role::Admin, Some(APP), &random, now_ms)?;
        anyhow::Ok((key, playback::first_session(tx, now_ms)?))
    })?;
    let secret_of = |kind| {
        let found = issued.iter().find(|issued| issued.kind == kind);
        found.map_or_else(String::new, |issued| issued.secret.reveal().to_owned())
    };
    let credentials = Credentials {
        comm_token: secret_of(CredentialKind::CommToken),
        appkey: secret_of(CredentialKind::Appkey),
        master_secret: secret_of(CredentialKind::MasterSecret),
        aes_key: secret_of(CredentialKind::AesKey),
        api_key: key.reveal().to_owned(),
        password: password.reveal().to_owned(),
        sessdata: session.sessdata.reveal().to_owned(),
        csrf: session.csrf.reveal().to_owned(),
        access_key: session.access_key.reveal().to_owned(),
    };
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&mark)?
        .write_all(&serde_json::to_vec(&credentials)?)?;
    Ok((credentials, true))
}
