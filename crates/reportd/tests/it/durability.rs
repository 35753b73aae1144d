//! An acknowledgement comes after its sync: seen from outside, in the calls that the process makes.
//! With the embedded store: PostgreSQL syncs in a process of its own.

use std::collections::HashMap;

use reportd_testbed::StoreKind;

use crate::harness::{Data, Http, Server, TOKEN, reportd};
use crate::requests::active_message;

const REQUESTS: usize = 40;

/// Walks through a trace; returns acknowledgements seen, and syncs of the journal that came back before each.
fn syncs_before_each_reply(trace: &str) -> Vec<usize> {
    let mut syncing: HashMap<&str, bool> = HashMap::new();
    let (mut syncs, mut seen) = (0, Vec::new());
    for line in trace.lines() {
        let Some((thread, call)) = line.split_once(' ') else {
            continue;
        };
        let call = call.trim_start();
        let of_journal = call.contains("/journal/");
        if call.starts_with("fdatasync(") || call.starts_with("fsync(") {
            if call.contains("<unfinished") {
                syncing.insert(thread, of_journal);
            } else if of_journal && call.ends_with("= 0") {
                syncs += 1;
            }
        } else if call.contains("sync resumed>") {
            syncs += usize::from(syncing.remove(thread) == Some(true) && call.ends_with("= 0"));
        } else if call.contains(r#"{\"ret\":0"#) && !call.contains("resumed>") {
            seen.push(std::mem::take(&mut syncs));
        }
    }
    seen
}

#[test]
fn an_acknowledgement_comes_after_its_sync() {
    let data = Data::with_app(StoreKind::Embedded);
    let trace = data.path().with_file_name("trace");
    let mut command = std::process::Command::new("strace");
    // Only what was asked of the system, each with the name behind its handle, and enough of a reply to know it.
    command.args([
        "-D",
        "-f",
        "-y",
        "-s",
        "400",
        "-e",
        "trace=fsync,fdatasync,write,writev,sendto,sendmsg",
        "-o",
    ]);
    command.arg(&trace).arg(reportd().get_program());
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(data.path());
    let server = Server::start(command);
    let mut http = Http::connect(server.address());
    for number in 0..REQUESTS {
        let reply = http
            .report(TOKEN, active_message(&number.to_string(), 1).as_bytes())
            .unwrap();
        assert_eq!(reply.status, 200);
    }
    let (code, _) = server.stop();
    assert_eq!(code, Some(0));
    let syncs = syncs_before_each_reply(&std::fs::read_to_string(&trace).unwrap());
    assert_eq!(
        syncs.len(),
        REQUESTS,
        "every acknowledgement was seen in the trace"
    );
    assert!(
        syncs.iter().all(|&syncs| syncs >= 1),
        "syncs before each acknowledgement: {syncs:?}"
    );
}

#[test]
fn a_reply_without_a_sync_would_be_noticed() {
    let trace = "7 fdatasync(9</d/journal/a.db-wal>) = 0\n\
                 8 writev(12<socket>, [{\"..., iov_base=\"{\\\"ret\\\":0,\"...\n\
                 7 fdatasync(9</d/reportd.db-wal>) = 0\n\
                 7 fdatasync(9</d/journal/a.db-wal> <unfinished ...>\n\
                 8 writev(12<socket>, [{\"..., iov_base=\"{\\\"ret\\\":0,\"...\n\
                 7 <... fdatasync resumed>) = 0\n\
                 8 writev(12<socket>, [{\"..., iov_base=\"{\\\"ret\\\":0,\"...\n";
    assert_eq!(syncs_before_each_reply(trace), [1, 0, 1]);
}
