//! A full disk: «try later», reads go on, and when there is room again the server goes on by itself. With the
//! embedded store: PostgreSQL's disk is no concern of this process.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use reportd_testbed::StoreKind;

use crate::harness::{Data, Http, Server, TOKEN, days_around_now, wait_until};
use crate::requests::{ACTIVE, active_messages};

const DISK_BYTES: usize = 12 << 20;
const BALLAST_BYTES: usize = 6 << 20;

/// A server whose data folder is a small disk of its own, in a mount namespace of its own.
struct SmallDisk {
    server: Server,
    folder: PathBuf,
    _data: Data,
    key: String,
}

impl SmallDisk {
    fn start() -> Self {
        let data = Data::with_app(StoreKind::Embedded);
        let key = data.key("k", "lead");
        let (prepared, disk) = (data.path(), data.path().with_file_name("disk"));
        std::fs::create_dir(&disk).unwrap();
        let script = "mount -t tmpfs -o size=$1 tmpfs $2 && cp -r $3/. $2/ && head -c $4 /dev/zero > $2/ballast && \
                      exec $5 serve --listen 127.0.0.1:0 --data $2";
        let is_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
        let mut command = Command::new("unshare");
        command.args(if is_root { &["-m"][..] } else { &["-Urm"][..] });
        command.args(["sh", "-c", script, "sh", &DISK_BYTES.to_string()]);
        command
            .arg(&disk)
            .arg(&prepared)
            .arg(BALLAST_BYTES.to_string())
            .arg(env!("CARGO_BIN_EXE_reportd"));
        Self {
            server: Server::start(command),
            folder: disk,
            _data: data,
            key,
        }
    }

    /// The disk as the server sees it.
    fn inside(&self, name: &str) -> PathBuf {
        let below = self.folder.strip_prefix("/").unwrap();
        Path::new("/proc")
            .join(self.server.pid().to_string())
            .join("root")
            .join(below)
            .join(name)
    }
}

/// A request that does not compress well.
fn bulky(number: usize) -> String {
    let noise: String = (0..900)
        .map(|at| char::from(33 + u8::try_from((at * number * 7919 + at * at * 31) % 90).unwrap()))
        .collect();
    let noise = noise.replace(['"', '\\'], "x");
    active_messages(&format!("n{number}"), 1, 3)
        .replace("\"UP\"", &format!("\"UP\",\"ext3\":\"{noise}\""))
}

#[test]
fn a_full_disk_refuses_and_recovers() {
    let disk = SmallDisk::start();
    let mut http = Http::connect(disk.server.address());
    let mut acknowledged = 0;
    let refused = (0..20_000).find_map(|number| {
        let body = bulky(number);
        let reply = http.report(TOKEN, body.as_bytes()).unwrap();
        acknowledged += usize::from(reply.status == 200);
        (reply.status != 200).then_some((body, reply))
    });
    let (body, reply) = refused.expect("the disk was never full");
    assert_eq!(
        (reply.status, reply.json()["ret"].as_i64()),
        (503, Some(50301)),
        "{}",
        reply.text()
    );
    assert_eq!(reply.header("retry-after"), Some("1"));

    // Reads go on, and show all that was acknowledged as far as it could be folded; readiness tells.
    let (from, to) = days_around_now();
    let series = format!("/api/apps/bots/comm/series?oper_id={ACTIVE}&from={from}&to={to}");
    assert_eq!(disk.server.get(&series, &disk.key).status, 200);
    assert_eq!(disk.server.get("/healthz", &disk.key).status, 200);
    // A few bytes may be left: ready is who can take a small report.
    let mut small = 0;
    wait_until("readiness tells what happens to a small report", || {
        let is_ready = disk.server.get("/readyz", &disk.key).status == 200;
        let body = active_messages(&format!("small{small}"), 2, 1);
        let is_taken = http.report(TOKEN, body.as_bytes()).unwrap().status == 200;
        small += i64::from(is_taken);
        is_ready == is_taken
    });

    // Room again: the same server takes the same request.
    std::fs::remove_file(disk.inside("ballast")).unwrap();
    wait_until("the refused request is taken", || {
        http.report(TOKEN, body.as_bytes()).unwrap().status == 200
    });
    assert_eq!(disk.server.get("/readyz", &disk.key).status, 200);
    let expected = i64::try_from((acknowledged + 1) * 3).unwrap() + small;
    wait_until("all that was acknowledged is counted once", || {
        disk.server.counted(&disk.key, ACTIVE) == expected
    });
}
