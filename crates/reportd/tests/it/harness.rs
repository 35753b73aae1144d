//! A server process on a store of its own, and a plain HTTP client without manners.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reportd_db::{Database, postgres};
use reportd_platform::clock::{Clock, SystemClock};
use reportd_testbed::{Ground, StoreKind};
use serde_json::Value;

/// Longest wait for anything.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);
pub(crate) const TOKEN: &str = "comm-token-of-the-tests";

/// The binary under test.
pub(crate) fn reportd() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reportd"));
    // Settings of whoever runs the tests must not reach the server.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("REPORTD_")) {
        command.env_remove(name);
    }
    command
}

/// A data folder and, on PostgreSQL, a database. They go when this is dropped.
pub(crate) struct Data {
    ground: Ground,
}

impl Data {
    /// A place for the data folder of an embedded store, which is not there yet.
    pub(crate) fn nowhere() -> Self {
        Self::empty(StoreKind::Embedded)
    }

    /// A store that is not there yet.
    pub(crate) fn empty(kind: StoreKind) -> Self {
        Self {
            ground: Ground::new(kind),
        }
    }

    /// A store with the app `bots` and its token.
    pub(crate) fn with_app(kind: StoreKind) -> Self {
        let data = Self::empty(kind);
        data.run(&["app", "create", "bots", "--comm-token", TOKEN]);
        data
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.ground.path().join("data")
    }

    /// The URL of the database; `None` where the store is embedded.
    pub(crate) fn database_url(&self) -> Option<&str> {
        self.ground.url()
    }

    /// The database, where the store is one.
    pub(crate) fn database(&self) -> Database {
        postgres::open(postgres::Options::new(self.database_url().unwrap())).unwrap()
    }

    /// A command on this store.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = reportd();
        command.args(arguments).arg("--data").arg(self.path());
        if let Some(url) = self.database_url() {
            command.args(["--database-url", url]);
        }
        command
    }

    pub(crate) fn output(&self, arguments: &[&str]) -> Output {
        self.output_with(arguments, &[])
    }

    /// Runs a command with variables in its environment.
    pub(crate) fn output_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
        let mut command = self.command(arguments);
        command.envs(environment.iter().copied()).output().unwrap()
    }

    /// Runs a command that must succeed, and returns what it printed.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// A new API key.
    pub(crate) fn key(&self, name: &str, role: &str) -> String {
        let told: Value =
            serde_json::from_str(&self.run(&["key", "create", name, "--role", role, "--json"]))
                .unwrap();
        told["key"].as_str().unwrap().to_owned()
    }

    pub(crate) fn serve(&self) -> Server {
        self.serve_with(&[])
    }

    /// Starts one more node of this store, with a folder of its own.
    pub(crate) fn serve_beside(&self, folder: &Path) -> Server {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::copy(self.path().join("master.key"), folder.join("master.key")).unwrap();
        let mut command = reportd();
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]);
        command.arg(folder);
        command.args(["--database-url", self.database_url().unwrap()]);
        Server::start(command)
    }

    /// Starts a server with settings in its environment.
    pub(crate) fn serve_with(&self, environment: &[(&str, &str)]) -> Server {
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0"]);
        command.envs(environment.iter().copied());
        Server::start(command)
    }
}

/// A server process; it is killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    address: String,
    /// What it printed before it listened.
    told: Vec<String>,
    log: Arc<Mutex<String>>,
}

impl Server {
    /// Starts `command` and waits until it listens.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (mut stderr, kept) = (child.stderr.take().unwrap(), Arc::clone(&log));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = stderr.read(&mut bytes) {
                kept.lock()
                    .unwrap()
                    .push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        });
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut told = Vec::new();
        let address = loop {
            let Some(line) = lines.next() else {
                let _ = child.wait();
                std::thread::sleep(Duration::from_millis(50));
                panic!("the server did not start: {}", log.lock().unwrap());
            };
            let line = line.unwrap();
            let url = line.split_once("reportd listens on ").map(|(_, url)| url);
            if let Some((_, address)) = url.and_then(|url| url.split_once("://")) {
                break address.to_owned();
            }
            told.push(line);
        };
        Self {
            child,
            address,
            told,
            log,
        }
    }

    /// The lines that it printed before it listened.
    pub(crate) fn told(&self) -> &[String] {
        &self.told
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// `kill -9`, without a word.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; returns the exit code and how long it took.
    pub(crate) fn stop(mut self) -> (Option<i32>, Duration) {
        let clock = SystemClock::start();
        signal(self.pid(), "TERM");
        let status = self.child.wait().unwrap();
        (status.code(), clock.monotonic())
    }

    /// Reports with the token of the tests; returns the status and the reply.
    pub(crate) fn report(&self, body: &str) -> (u16, Value) {
        let reply = Http::connect(&self.address)
            .report(TOKEN, body.as_bytes())
            .unwrap();
        (reply.status, reply.json())
    }

    /// GETs a path of the API with a key.
    pub(crate) fn get(&self, path: &str, key: &str) -> Reply {
        Http::connect(&self.address)
            .call(
                "GET",
                path,
                &[("authorization", &format!("Bearer {key}"))],
                b"",
            )
            .unwrap()
    }

    /// Reports of an operation that are counted, over all days that the tests use.
    pub(crate) fn counted(&self, key: &str, oper_id: i64) -> i64 {
        self.counted_on(key, oper_id, days_around_now())
    }

    /// The same from one day to another, as text, of the app's zone.
    pub(crate) fn counted_on(&self, key: &str, oper_id: i64, (from, to): (String, String)) -> i64 {
        let path = format!("/api/apps/bots/comm/series?oper_id={oper_id}&from={from}&to={to}");
        let mut total = 0;
        // A read that could not wait for all that was acknowledged says so, on a busy machine.
        wait_until("the read is fresh", || {
            let reply = self.get(&path, key);
            assert_eq!(reply.status, 200, "{}", reply.text());
            total = reply.json()["total"].as_i64().unwrap();
            reply.header("reportd-lag-ms").is_none()
        });
        total
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn signal(pid: u32, name: &str) {
    assert!(
        Command::new("kill")
            .args(["-s", name, &pid.to_string()])
            .status()
            .unwrap()
            .success()
    );
}

/// Yesterday and tomorrow, in UTC: every zone's today lies between.
pub(crate) fn days_around_now() -> (String, String) {
    use reportd_platform::{clock::DAY_MS, zones::day_text};
    let day = SystemClock::start().now_ms().div_euclid(DAY_MS);
    (day_text(day - 1), day_text(day + 1))
}

/// The present time in seconds.
pub(crate) fn now_seconds() -> i64 {
    SystemClock::start().now_ms() / 1000
}

/// Waits until `condition` holds; `what` names it where it does not in time.
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let clock = SystemClock::start();
    while !condition() {
        assert!(clock.monotonic() < DEADLINE, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A reply as it came.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

/// One connection, which sends exactly what it is told.
pub(crate) struct Http {
    pub(crate) stream: BufReader<TcpStream>,
}

impl Http {
    pub(crate) fn connect(address: &str) -> Self {
        Self::try_connect(address).unwrap()
    }

    pub(crate) fn try_connect(address: &str) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        Ok(Self {
            stream: BufReader::new(stream),
        })
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// True where the server has ended the connection.
    pub(crate) fn is_cut(&mut self) -> bool {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).is_ok()
    }

    pub(crate) fn call(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> std::io::Result<Reply> {
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nhost: reportd\r\ncontent-length: {}\r\n",
            body.len()
        );
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        self.send(&[format!("{head}\r\n").as_bytes(), body].concat())?;
        self.reply()
    }

    pub(crate) fn report(&mut self, token: &str, body: &[u8]) -> std::io::Result<Reply> {
        let headers = [
            ("authorization", token),
            ("content-type", "application/json"),
        ];
        self.call("POST", "/api/v1/CommReport", &headers, body)
    }

    pub(crate) fn reply(&mut self) -> std::io::Result<Reply> {
        let broken =
            |what: &str| std::io::Error::new(std::io::ErrorKind::UnexpectedEof, what.to_owned());
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let status = line
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .ok_or_else(|| broken("no status"))?;
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                break;
            };
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let length = headers
            .iter()
            .find(|(name, _)| name == "content-length")
            .and_then(|(_, v)| v.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        self.stream.read_exact(&mut body)?;
        Ok(Reply {
            status,
            headers,
            body,
        })
    }
}

/// Numbers that look random and are the same each time.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn below(&mut self, below: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % below.max(1)
    }
}

/// All files below a folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}
