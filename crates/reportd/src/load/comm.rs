//! `reportd load comm`: bot event reports.

use reportd_client::{Bytes, ClientError, Connection};
use reportd_platform::secret::Secret;

use super::Plan;
use super::sender::{Acknowledged, Exchange, send_all};
use super::summary::LoadResult;
use crate::cli::LoadComm;
use crate::traffic::{Templates, Traffic};

/// Requests that a connection writes beforehand.
const TEMPLATES: usize = 32;

/// Sends bot event reports as asked, and prints what came of it.
pub(super) async fn load_comm(asked: &LoadComm) -> anyhow::Result<()> {
    let plan = Plan::new(&asked.run, false)?;
    let seen = send_all(&plan, |number| Reports::new(asked, number)).await?;
    LoadResult::new(seen, plan.clock.monotonic()).print(asked.run.json)
}

/// The reports of a connection.
struct Reports {
    token: Secret,
    items: u32,
    traffic: Traffic,
    templates: Templates,
    body: Bytes,
}

impl Reports {
    fn new(asked: &LoadComm, number: u32) -> Self {
        let seed = (asked.run)
            .seed
            .wrapping_mul(1_000_003)
            .wrapping_add(u64::from(number));
        let mut traffic = Traffic::new(seed);
        Self {
            token: asked.token.clone(),
            items: asked.items,
            templates: Templates::new(&mut traffic, TEMPLATES, asked.items),
            traffic,
            body: Bytes::new(),
        }
    }
}

impl Exchange for Reports {
    fn prepare(&mut self, now_ms: i64) -> bool {
        self.body = Bytes::from(self.templates.next(&mut self.traffic, now_ms / 1000));
        true
    }

    async fn send(&mut self, connection: &mut Connection) -> Result<Acknowledged, ClientError> {
        let reports = u64::from(self.items);
        connection
            .post_comm(self.token.reveal(), self.body.clone())
            .await
            .map(|_| Acknowledged {
                reports,
                distinct: reports,
            })
    }
}
