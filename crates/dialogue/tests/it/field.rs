//! A dispatcher on a store of its own, for tests of callbacks: verdicts are written as the room writes them, and what
//! became of their deliveries is read back.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use reportd_db::{Database, DbError, Desk, Row, Value};
use reportd_dialogue::MIGRATIONS;
use reportd_dialogue::callback::{
    Dispatcher, Network, Options, Parts, Sender, Senders, SystemNetwork, Trust, outbox,
};
use reportd_platform::AppNo;
use reportd_platform::clock::{Clock, SystemClock};
use reportd_platform::random::SeededRandom;
use reportd_protocol::dialogue::CallbackSecret;
use reportd_testbed::{Ground, StoreKind};

pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The apps from 1 on, as they send.
struct Apps(Vec<Arc<Sender>>);

impl Senders for Apps {
    fn sender(&self, app: AppNo) -> Option<Arc<Sender>> {
        let place = usize::try_from(app).ok()?.checked_sub(1)?;
        self.0.get(place).cloned()
    }
}

/// A store and what is sent from it.
pub(crate) struct Field {
    pub(crate) db: Database,
    pub(crate) desk: Arc<Desk>,
    pub(crate) clock: Arc<dyn Clock>,
    kind: StoreKind,
    tickets: AtomicI64,
    _ground: Ground,
}

/// A verdict's delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) ticket: i64,
    pub(crate) id: i64,
}

/// What became of a delivery.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Became {
    pub(crate) state: i64,
    /// State of its ticket.
    pub(crate) ticket: i64,
    pub(crate) attempts: i64,
    pub(crate) status: Option<i64>,
    pub(crate) error: Option<String>,
}

/// Short waits, so that a test sees the end.
pub(crate) fn quick() -> Options {
    Options {
        schedule: vec![Duration::from_millis(40); 2],
        timeout: Duration::from_millis(400),
        lease: Duration::from_secs(20),
        look: Duration::from_millis(20),
        ..Options::default()
    }
}

impl Field {
    pub(crate) fn new(kind: StoreKind) -> Self {
        let ground = Ground::new(kind);
        let db = ground.open("state");
        MIGRATIONS.apply(&db).unwrap();
        let lanes = if kind == StoreKind::Postgres { 3 } else { 1 };
        Self {
            desk: Arc::new(Desk::new(db.clone(), lanes).unwrap()),
            db,
            clock: Arc::new(SystemClock::start()),
            kind,
            tickets: AtomicI64::new(1),
            _ground: ground,
        }
    }

    /// What a node works with, for these apps.
    pub(crate) fn parts(&self, name: &str, apps: Vec<Sender>, network: Arc<dyn Network>) -> Parts {
        Parts {
            state: self.db.clone(),
            desk: Arc::clone(&self.desk),
            senders: Arc::new(Apps(apps.into_iter().map(Arc::new).collect())),
            network,
            trust: Trust::System,
            clock: Arc::clone(&self.clock),
            random: Arc::new(SeededRandom::new(7)),
            node: name.into(),
            is_alone: self.kind == StoreKind::Embedded,
            metrics: Arc::default(),
        }
    }

    /// A node that may send to loopback.
    pub(crate) async fn node(&self, name: &str, options: Options) -> Arc<Dispatcher> {
        let sender = Sender {
            secrets: vec![CallbackSecret::parse(SECRET).unwrap().into()],
            allow_private: true,
            hosts: Vec::new(),
        };
        let network = Arc::new(SystemNetwork::default());
        self.node_with(name, options, sender, network).await
    }

    pub(crate) async fn node_with(
        &self,
        name: &str,
        options: Options,
        sender: Sender,
        network: Arc<dyn Network>,
    ) -> Arc<Dispatcher> {
        let parts = self.parts(name, vec![sender], network);
        Dispatcher::start(parts, options).await.unwrap()
    }

    /// A new delivery of a new ticket's verdict.
    pub(crate) fn new_delivery(&self, url: &str, send_at_ms: i64) -> outbox::NewDelivery {
        let ticket = self.tickets.fetch_add(1, Ordering::Relaxed);
        outbox::NewDelivery {
            app: 1,
            ticket,
            verdict: ticket + 1_000,
            revision: 1,
            url: url.to_owned(),
            uniqid: String::new(),
            webhook_id: format!("msg_{ticket}"),
            body: format!("appid=app&content={ticket}").into(),
            created_at_ms: self.clock.now_ms(),
            send_at_ms,
        }
    }

    /// Writes verdicts in one transaction, under a lease where there is one.
    pub(crate) async fn write(
        &self,
        deliveries: Vec<outbox::NewDelivery>,
        lease: Option<outbox::Lease>,
    ) -> (Vec<Sent>, Vec<outbox::HandOver>) {
        let written = self.desk.write(move |tx| {
            let (mut sent, mut handed) = (Vec::new(), Vec::new());
            for new in deliveries {
                let (ticket, verdict) = (new.ticket, new.verdict);
                tx.execute(
                    "INSERT INTO dialogue_ticket (id, app, category, state, group_id, received_at, reports, users, \
                     infos, report_id, revision, moved_at, verdict) VALUES ($1, 1, 'c', 2, 1, 1, 1, 1, 1, 'r', 1, 1, $2) \
                     ON CONFLICT (id) DO UPDATE SET verdict = $2, state = 2",
                    &[ticket.into(), verdict.into()],
                )?;
                handed.extend(outbox::enqueue(tx, new, lease.as_ref())?);
                let newest = "SELECT MAX(id) FROM dialogue_delivery WHERE ticket = $1";
                let id = tx.query_int(newest, &[ticket.into()])?;
                sent.push(Sent { ticket, id });
            }
            Ok::<_, DbError>((sent, handed))
        });
        written.await.unwrap()
    }

    /// A verdict that is handed over in memory.
    pub(crate) async fn send(&self, on: &Arc<Dispatcher>, url: &str) -> Sent {
        let new = self.new_delivery(url, 0);
        let (sent, handed) = self.write(vec![new], on.lease()).await;
        on.hand_over(handed);
        sent[0]
    }

    pub(crate) fn rows(&self, sql: &str, values: &[Value<'_>]) -> Vec<Row> {
        self.db.read(|tx| tx.query(sql, values)).unwrap()
    }

    pub(crate) fn int(&self, sql: &str) -> i64 {
        self.db.read(|tx| tx.query_int(sql, &[])).unwrap()
    }

    pub(crate) fn became(&self, sent: Sent) -> Became {
        let sql = "SELECT d.state, t.state, (SELECT COUNT(*) FROM dialogue_attempt a WHERE a.delivery = d.id), \
                   d.last_status, d.last_error FROM dialogue_delivery d JOIN dialogue_ticket t ON t.id = d.ticket \
                   WHERE d.id = $1";
        let mut rows = self.rows(sql, &[sent.id.into()]);
        let row = &mut rows[0];
        Became {
            state: row.int(0).unwrap(),
            ticket: row.int(1).unwrap(),
            attempts: row.int(2).unwrap(),
            status: row.opt_int(3).unwrap(),
            error: row.take_opt_text(4).unwrap(),
        }
    }

    /// Waits until a delivery is in this state.
    pub(crate) async fn until(&self, sent: Sent, state: i64) -> Became {
        for _ in 0..2_000 {
            let became = self.became(sent);
            if became.state == state {
                return became;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("not in state {state} after 10 s: {:?}", self.became(sent));
    }

    /// Waits until it holds.
    pub(crate) async fn until_it(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        for _ in 0..2_000 {
            if holds(self) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{what}: not in 10 s");
    }
}
