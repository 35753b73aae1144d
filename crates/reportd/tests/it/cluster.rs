//! Several nodes on one PostgreSQL, and load on them that notes what was acknowledged.

use std::io::{BufReader, Error, Result};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Output;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reportd_db::{Database, postgres};
use reportd_platform::clock::{Clock, SystemClock};
use reportd_testbed::{TestDatabase, fresh_database};
use serde_json::Value;

use crate::harness::{Http, Numbers, Reply, Server, TOKEN, reportd, wait_until};
use crate::requests::active_messages;

/// All nodes must have one.
const MASTER_KEY: &str = "hex:0101010101010101010101010101010101010101010101010101010101010101";

/// How long a node of the tests keeps its stream when it is not heard of.
pub(crate) const LEASE: Duration = Duration::from_millis(1_500);
/// Reports in a request of the load.
pub(crate) const ITEMS: usize = 3;
/// How long a sender waits for a reply before it asks another node.
const PATIENCE: Duration = Duration::from_secs(8);

/// A database, and the folders of nodes that share it.
pub(crate) struct Cluster {
    url: String,
    folder: tempfile::TempDir,
    _database: Option<TestDatabase>,
}

impl Cluster {
    /// A database of its own with the app `bots`, on the server of the tests.
    pub(crate) fn new() -> Self {
        let database = fresh_database();
        let url = database.url.clone();
        Self {
            _database: Some(database),
            ..Self::on(url)
        }
        .with_app()
    }

    /// The database of that URL, with the app `bots`.
    pub(crate) fn at(url: String) -> Self {
        Self::on(url).with_app()
    }

    fn on(url: String) -> Self {
        Self {
            url,
            folder: tempfile::tempdir().unwrap(),
            _database: None,
        }
    }

    fn with_app(self) -> Self {
        self.run(&["app", "create", "bots", "--comm-token", TOKEN]);
        self
    }

    fn path(&self, node: &str) -> PathBuf {
        self.folder.path().join(node)
    }

    /// Runs a command on the database, from a folder that is no node's.
    pub(crate) fn output(&self, arguments: &[&str]) -> Output {
        let mut command = reportd();
        command.args(arguments).arg("--data").arg(self.path("cli"));
        command.env("REPORTD_MASTER_KEY", MASTER_KEY);
        let database = ["--database-url", &self.url];
        command.args(database).output().unwrap()
    }

    /// Runs a command that must succeed, and returns what it printed.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {stderr}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// A new API key.
    pub(crate) fn key(&self, role: &str) -> String {
        let told = self.run(&["key", "create", role, "--role", role, "--json"]);
        let told: Value = serde_json::from_str(&told).unwrap();
        told["key"].as_str().unwrap().to_owned()
    }

    /// Starts the node of that name: the same folder each time.
    pub(crate) fn node(&self, name: &str) -> Server {
        self.node_with(name, &[])
    }

    /// [`Self::node`] with settings in its environment.
    pub(crate) fn node_with(&self, name: &str, environment: &[(&str, &str)]) -> Server {
        let mut command = reportd();
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]);
        command.arg(self.path(name));
        command.env("REPORTD_MASTER_KEY", MASTER_KEY);
        command.args(["--database-url", &self.url]);
        command.env("REPORTD_POSTGRES_LEASE_MS", LEASE.as_millis().to_string());
        command.env("REPORTD_POSTGRES_CONNECTIONS", "10");
        command.envs(environment.iter().copied());
        Server::start(command)
    }

    /// Starts a node that folds rarely unless a read waits: what it is told after its first report is left unfolded.
    pub(crate) fn lazy_node(&self, name: &str) -> Server {
        let pauses = [
            ("REPORTD_VIEWS_LEAST_PAUSE_MS", "120000"),
            ("REPORTD_VIEWS_LONGEST_PAUSE_MS", "120000"),
        ];
        self.node_with(name, &pauses)
    }

    /// The database, for what no command tells.
    pub(crate) fn db(&self, schema: Option<&str>) -> Database {
        let mut options = postgres::Options::new(&self.url);
        options.connections = 2;
        options.schema = schema.map(str::to_owned);
        postgres::open(options).unwrap()
    }

    /// What `reportd verify` says where all is well; fails where it is not.
    pub(crate) fn verify(&self) {
        let told = self.run(&["verify"]);
        assert!(told.contains("the views say the same"), "{told}");
    }
}

/// Where nodes listen, as they come and go.
pub(crate) struct Addresses(Vec<Mutex<String>>);

impl Addresses {
    pub(crate) fn of(nodes: &[&Server]) -> Self {
        let address = |node: &&Server| Mutex::new(node.address().to_owned());
        Self(nodes.iter().map(address).collect())
    }

    /// A node was started again.
    pub(crate) fn set(&self, index: usize, node: &Server) {
        *self.lock(index) = node.address().to_owned();
    }

    pub(crate) fn get(&self, index: usize) -> String {
        self.lock(index).clone()
    }

    fn lock(&self, index: usize) -> std::sync::MutexGuard<'_, String> {
        self.0[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Connects to a node that may be gone, and waits at most so long for each reply.
pub(crate) fn try_connect(address: &str, patience: Duration) -> Result<Http> {
    let address = address.parse().map_err(Error::other)?;
    let stream = TcpStream::connect_timeout(&address, patience)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    Ok(Http {
        stream: BufReader::new(stream),
    })
}

/// What load came to.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Sent {
    /// Distinct reports; each was acknowledged in the end.
    pub(crate) reports: i64,
    /// Answers «try later».
    pub(crate) refused: i64,
    /// Requests that got no answer.
    pub(crate) unanswered: i64,
    /// The longest time that an answer took.
    pub(crate) slowest: Duration,
}

/// Load on nodes: each request goes to one of them, and to any of them again until it is acknowledged. Some go to
/// another one as well although they were.
pub(crate) struct Load {
    pub(crate) addresses: Addresses,
    /// No request that was begun before is left when the senders end.
    stop: AtomicBool,
    /// Reports that were acknowledged up to now.
    acknowledged: AtomicI64,
    patience: Duration,
}

impl Load {
    pub(crate) fn on(nodes: &[&Server]) -> Self {
        Self {
            addresses: Addresses::of(nodes),
            stop: AtomicBool::new(false),
            acknowledged: AtomicI64::new(0),
            patience: PATIENCE,
        }
    }

    /// Load whose senders wait less long for a reply.
    pub(crate) fn hasty(nodes: &[&Server], patience: Duration) -> Self {
        Self {
            patience,
            ..Self::on(nodes)
        }
    }

    /// Sends from so many threads while `work` is done, and sums up what they did.
    pub(crate) fn during(&self, senders: usize, work: impl FnOnce()) -> Sent {
        std::thread::scope(|scope| {
            let over = StopOnDrop(&self.stop);
            let sender = |number| scope.spawn(move || self.send(number));
            let senders: Vec<_> = (0..senders).map(sender).collect();
            work();
            drop(over);
            let sent = senders.into_iter().map(|sender| sender.join().unwrap());
            sent.fold(Sent::default(), |all, one| Sent {
                reports: all.reports + one.reports,
                refused: all.refused + one.refused,
                unanswered: all.unanswered + one.unanswered,
                slowest: all.slowest.max(one.slowest),
            })
        })
    }

    /// True when senders are told to end.
    pub(crate) fn is_over(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    /// Waits until so many more reports are acknowledged.
    pub(crate) fn wait_for_more(&self, more: usize) {
        let goal = self.acknowledged() + i64::try_from(more).unwrap();
        wait_until("reports go on", || self.acknowledged() >= goal);
    }

    /// Reports that were acknowledged up to now.
    pub(crate) fn acknowledged(&self) -> i64 {
        self.acknowledged.load(Ordering::SeqCst)
    }

    fn send(&self, number: usize) -> Sent {
        let mut sender = Sender {
            load: self,
            numbers: Numbers(number as u64 + 77),
            wires: self.addresses.0.iter().map(|_| None).collect(),
            sent: Sent::default(),
        };
        for round in 0.. {
            let body = active_messages(&format!("{number}-{round}"), 1 + round % 5, ITEMS);
            sender.deliver(&body);
            if round % 8 == 0 {
                let other = sender.any();
                // Whatever comes of it: it counts already.
                let _ = sender.try_send(other, &body);
            }
            if self.is_over() {
                break;
            }
        }
        sender.sent
    }
}

/// Ends the senders also where a test fails: else it would wait for them.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// One sender, with a connection to each node.
struct Sender<'a> {
    load: &'a Load,
    numbers: Numbers,
    wires: Vec<Option<(String, Http)>>,
    sent: Sent,
}

impl Sender<'_> {
    fn any(&mut self) -> usize {
        self.numbers.below(self.wires.len())
    }

    /// Sends a request until it is acknowledged.
    fn deliver(&mut self, body: &str) {
        let clock = SystemClock::start();
        loop {
            let node = self.any();
            match self.try_send(node, body) {
                Ok(reply) if reply.status == 200 => {
                    let items = i64::try_from(ITEMS).unwrap();
                    self.sent.reports += items;
                    self.load.acknowledged.fetch_add(items, Ordering::SeqCst);
                    return;
                }
                Ok(reply) => {
                    assert_try_later(&reply);
                    self.sent.refused += 1;
                }
                Err(_) => self.sent.unanswered += 1,
            }
            assert!(
                clock.monotonic() < Duration::from_secs(30),
                "no node takes it"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn try_send(&mut self, node: usize, body: &str) -> Result<Reply> {
        let clock = SystemClock::start();
        let address = self.load.addresses.get(node);
        let wire = self.wires[node].take().filter(|(at, _)| *at == address);
        let (_, mut http) = match wire {
            Some(wire) => wire,
            None => (address.clone(), try_connect(&address, self.load.patience)?),
        };
        let reply = http.report(TOKEN, body.as_bytes())?;
        self.sent.slowest = self.sent.slowest.max(clock.monotonic());
        self.wires[node] = Some((address, http));
        Ok(reply)
    }
}

/// The protocol's «try later».
pub(crate) fn assert_try_later(reply: &Reply) {
    let told = (reply.status, reply.json()["ret"].as_i64());
    assert_eq!(told, (503, Some(50_301)), "{}", reply.text());
    assert!(reply.header("retry-after").is_some());
}

/// The status of `/readyz`.
pub(crate) fn readiness(node: &Server) -> u16 {
    Http::connect(node.address())
        .call("GET", "/readyz", &[], b"")
        .unwrap()
        .status
}

/// A GET of the API, whose reply must say that it is fresh.
pub(crate) fn fresh_json(node: &Server, path: &str, key: &str) -> Value {
    let reply = node.get(path, key);
    assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    assert_eq!(reply.header("reportd-lag-ms"), None, "{path}");
    reply.json()
}
