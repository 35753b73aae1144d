//! `reportd demo`: a server with a sample app, 30 days of history and live traffic, all through the real endpoint.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use reportd_client::CommClient;
use reportd_client::protocol::comm::{OutgoingItem, OutgoingReport};
use reportd_platform::access::{Role, create_key};
use reportd_platform::apps::{self, DEFAULT_ZONE, NewApp};
use reportd_platform::clock::{Clock, DAY_MS, HOUR_MS, SECOND_MS, SystemClock};
use reportd_platform::credentials::CredentialKind;
use reportd_platform::random::SystemRandom;
use reportd_platform::secret::Secret;
use reportd_platform::zones::{Zone, day_text};
use serde::{Deserialize, Serialize};

use crate::app_commands;
use crate::logging;
use crate::serve::stop_signal;
use crate::server::Server;
use crate::settings::Settings;
use crate::stores::Stores;
use crate::traffic::{Traffic, gid};

const DEFAULT_FOLDER: &str = "./reportd-demo";
/// Says that a folder is a demo's, and holds its credentials, one of them an admin key: for its owner alone.
const MARK: &str = "demo.json";
const APP: &str = "demo";
const HISTORY_DAYS: i64 = 30;
const CENSUS_GROUPS: u64 = 40;
/// Between two live requests.
const LIVE_INTERVAL: Duration = Duration::from_millis(700);

#[derive(Serialize, Deserialize)]
struct Credentials {
    comm_token: String,
    api_key: String,
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
    let clock = SystemClock::start();
    print_welcome(&url, &credentials, &clock)?;
    let client = CommClient::new(&url, &credentials.comm_token)?;
    let traffic = tokio::spawn(async move {
        let mut traffic = Traffic::new(clock.now_ms().cast_unsigned());
        if is_new && let Err(error) = send_history(&client, &mut traffic, &clock).await {
            tracing::warn!(%error, "the history is not complete");
        }
        send_live(&client, &mut traffic, &clock).await
    });
    server.run(stop_signal()?).await?;
    traffic.abort();
    Ok(())
}

/// Makes the folder and the sample app, or takes those of an earlier run.
fn prepare(settings: &Settings) -> anyhow::Result<(Credentials, bool)> {
    let path = &settings.data;
    let mark = path.join(MARK);
    if let Ok(text) = std::fs::read(&mark) {
        return Ok((
            serde_json::from_slice(&text).context("the demo's credentials")?,
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
        name: "示例机器人 (sample bots)".to_owned(),
        zone: DEFAULT_ZONE.to_owned(),
        given: Vec::new(),
    };
    // The history goes through the real endpoint: its window must reach back as far.
    let window = [("comm.max_age".to_owned(), format!("{}d", HISTORY_DAYS + 2))];
    let issued = app_commands::create(&stores.folder, &state, &new, &[])?;
    let (now_ms, random) = (SystemClock::start().now_ms(), SystemRandom);
    let key = state.try_write(|tx| {
        // Nothing was ever counted here, so the window may be long from the start.
        apps::set(
            tx,
            APP,
            &window,
            reportd_comm::APP_SETTINGS,
            now_ms - (HISTORY_DAYS + 2) * DAY_MS,
        )?;
        create_key(tx, "demo", Role::Admin, Some(APP), &random, now_ms)
    })?;
    let token = issued
        .into_iter()
        .find(|issued| issued.kind == CredentialKind::CommToken)
        .map(|issued| issued.secret);
    let token = token.unwrap_or_else(|| Secret::new(""));
    let credentials = Credentials {
        comm_token: token.reveal().to_owned(),
        api_key: key.reveal().to_owned(),
    };
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&mark)?
        .write_all(&serde_json::to_vec(&credentials)?)?;
    Ok((credentials, true))
}

fn print_welcome(url: &str, credentials: &Credentials, clock: &SystemClock) -> anyhow::Result<()> {
    let Credentials {
        comm_token,
        api_key,
    } = credentials;
    let today = day_text(
        Zone::named(DEFAULT_ZONE)
            .map_err(anyhow::Error::msg)?
            .day(clock.now_ms()),
    );
    let api = format!("{url}/api/apps/{APP}/comm");
    let key = format!("-H 'Authorization: Bearer {api_key}'");
    let mut out = std::io::stdout();
    writeln!(
        out,
        "reportd listens on {url}\n\n# Report a message, as a bot does:"
    )?;
    writeln!(
        out,
        "curl {url}/api/v1/CommReport -H 'Authorization: {comm_token}' -H 'Content-Type: application/json' \\"
    )?;
    writeln!(
        out,
        "  -d '{{\"ts\":'$(date +%s)',\"nonce\":\"'$(date +%N)'\",\"data_list\":[{{\"oper_id\":1503000120601,\"gid\":1,\
         \"target_id\":\"42\",\"scope\":\"channel\",\"ext1\":\"youtube\",\"ext2\":\"UP\"}}]}}'"
    )?;
    writeln!(out, "\n# What it adds up to, at once:")?;
    writeln!(
        out,
        "curl {key} '{api}/series?oper_id=1503000120601&from={today}&to={today}&by=ext2'"
    )?;
    writeln!(out, "curl {key} '{api}/messages?from={today}&to={today}'")?;
    writeln!(out, "curl {key} '{api}/reports?gid=1&limit=5'")?;
    writeln!(out, "curl {key} {api}/census/{today}")?;
    writeln!(out, "curl {url}/metrics\n\nCtrl-C ends it.")?;
    Ok(out.flush()?)
}

/// Thirty days of messages and a census a day.
async fn send_history(
    client: &CommClient,
    traffic: &mut Traffic,
    clock: &SystemClock,
) -> anyhow::Result<()> {
    let now_ms = clock.now_ms();
    for days_ago in (0..HISTORY_DAYS).rev() {
        let day_ms = now_ms - days_ago * DAY_MS;
        send_census(client, traffic, day_ms, days_ago).await?;
        for _ in 0..traffic.below(8) + 8 {
            let ago_ms = traffic.below(DAY_MS.cast_unsigned()).cast_signed();
            let ts = (day_ms - ago_ms).max(now_ms - HISTORY_DAYS * DAY_MS) / SECOND_MS;
            client.send(&traffic.report(ts, 10)).await?;
        }
    }
    Ok(())
}

/// The bot gained a group every other day or so, and loses one now and then.
async fn send_census(
    client: &CommClient,
    traffic: &mut Traffic,
    day_ms: i64,
    days_ago: i64,
) -> anyhow::Result<()> {
    let groups: Vec<u64> = (0..CENSUS_GROUPS - days_ago.cast_unsigned() / 2)
        .filter(|group| !(group + days_ago.cast_unsigned()).is_multiple_of(17))
        .collect();
    for groups in groups.chunks(10) {
        let report = OutgoingReport::new((day_ms - HOUR_MS) / SECOND_MS, traffic.nonce());
        let report = groups.iter().fold(report, |report, &group| {
            report.item(OutgoingItem::group_census(gid(group), 1 + group % 6))
        });
        client.send(&report).await?;
    }
    Ok(())
}

async fn send_live(client: &CommClient, traffic: &mut Traffic, clock: &SystemClock) {
    loop {
        let items = u32::try_from(1 + traffic.below(4)).unwrap_or(1);
        let report = traffic.report(clock.now_ms() / SECOND_MS, items);
        if let Err(error) = client.send(&report).await {
            tracing::warn!(%error, "a live report was not taken");
        }
        tokio::time::sleep(LIVE_INTERVAL).await;
    }
}
