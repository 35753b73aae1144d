//! Reads of one report, again and again.

use std::sync::Arc;

use anyhow::{Context, bail};
use reportd_client::{ClientError, Connection};

use super::campaign::Campaign;
use crate::cli::{LoadPush, PushReport};
use crate::load::Plan;
use crate::load::sender::{Acknowledged, Exchange};

/// Reads a report with a token that all connections share.
#[derive(Clone)]
pub(super) struct Reader {
    app: String,
    token: Arc<str>,
    path: Arc<str>,
}

/// Obtains a token, and reads the report once to see that it is there.
pub(super) async fn open(
    plan: &Plan,
    report: PushReport,
    asked: &LoadPush,
) -> anyhow::Result<Reader> {
    let needed = "--appkey and --master-secret: a token is obtained with them";
    let appkey = asked.appkey.as_ref().context(needed)?;
    let master_secret = asked.master_secret.as_ref().context(needed)?;
    let mut connection = Connection::connect(&plan.address).await?;
    let now_ms = plan.clock.now_ms();
    let token = connection
        .authenticate(&asked.app, appkey.reveal(), master_secret.reveal(), now_ms)
        .await?
        .token;
    let path = path(report, asked)?;
    let reply = connection.get_report(&asked.app, &token, &path).await?;
    if matches!(report, PushReport::Task | PushReport::Detail) {
        let reply = String::from_utf8_lossy(&reply);
        let known = reply.matches("\"RASL_").count();
        let asked = asked.ids.min(asked.tasks);
        if known < usize::try_from(asked)? {
            bail!("{known} of {asked} tasks are known: feed them first, with the same --seed");
        }
    }
    Ok(Reader {
        app: asked.app.clone(),
        token: token.into(),
        path: path.into(),
    })
}

fn path(report: PushReport, asked: &LoadPush) -> anyhow::Result<String> {
    let day = || asked.day.as_deref().context("--day: which day to read");
    let ids = || {
        let campaign = Campaign::new(asked);
        let ids = (0..asked.ids.min(asked.tasks)).map(|task| campaign.task_id(u64::from(task)));
        ids.collect::<Vec<_>>().join(",")
    };
    Ok(match report {
        PushReport::Task => format!("/report/push/task/{}", ids()),
        PushReport::Detail => format!("/report/push/task/{}/detail", ids()),
        PushReport::Day => format!("/report/push/date/{}", day()?),
        PushReport::Count => "/report/push/count".to_owned(),
        PushReport::User => format!("/report/user/date/{}", day()?),
        PushReport::Online => "/report/online_user".to_owned(),
    })
}

impl Exchange for Reader {
    fn prepare(&mut self, _now_ms: i64) -> bool {
        true
    }

    async fn send(&mut self, connection: &mut Connection) -> Result<Acknowledged, ClientError> {
        connection
            .get_report(&self.app, &self.token, &self.path)
            .await?;
        Ok(Acknowledged {
            reports: 1,
            distinct: 1,
        })
    }
}
