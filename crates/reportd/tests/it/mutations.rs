//! Valid requests with random faults: whatever comes, the server answers with a refusal and goes on.

use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;

use crate::harness::{Data, Http, Numbers, TOKEN};
use crate::requests::{ACTIVE, active_messages};

const MUTATIONS: usize = 10_000;
const CONNECTIONS: usize = 4;
/// Pieces that parsers stumble over.
const PIECES: [&[u8]; 16] = [
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b"null",
    b"-",
    b"1e999",
    b"\\ud800",
    b"\xff\xfe",
    b"\x00",
    b",",
    b":",
    b"9223372036854775808",
    b"\"ts\":0,",
];

fn mutate(body: &mut Vec<u8>, numbers: &mut Numbers) {
    for _ in 0..=numbers.below(3) {
        let at = numbers.below(body.len() + 1);
        match numbers.below(5) {
            0 => body.truncate(at),
            1 if at < body.len() => body[at] = u8::try_from(numbers.below(256)).unwrap(),
            2 => {
                let end = (at + numbers.below(40)).min(body.len());
                body.drain(at..end);
            }
            3 => {
                let end = (at + numbers.below(40)).min(body.len());
                let copy = body[at..end].to_vec();
                body.splice(at..at, copy);
            }
            _ => {
                body.splice(at..at, PIECES[numbers.below(PIECES.len())].iter().copied());
            }
        }
    }
}

/// Sends mutated requests over one connection; returns how many were accepted.
fn send_mutations(address: &str, seed: u64) -> usize {
    let mut numbers = Numbers(seed);
    let mut http = Http::connect(address);
    let mut accepted = 0;
    for number in 0..MUTATIONS / CONNECTIONS {
        let mut body =
            active_messages(&format!("{seed}-{number}"), 5, 1 + numbers.below(3)).into_bytes();
        mutate(&mut body, &mut numbers);
        let reply = http.report(TOKEN, &body).unwrap();
        assert!(
            reply.status < 500,
            "{} for {}",
            reply.text(),
            String::from_utf8_lossy(&body)
        );
        assert!(reply.json()["ret"].is_i64());
        accepted += usize::from(reply.status == 200);
    }
    accepted
}

#[rstest]
fn mutated_requests_never_fail_the_server(#[values(Embedded, Postgres)] kind: StoreKind) {
    let data = Data::with_app(kind);
    let server = data.serve();
    let accepted: usize = std::thread::scope(|scope| {
        let sending: Vec<_> = (0..CONNECTIONS)
            .map(|seed| {
                let address = server.address();
                scope.spawn(move || send_mutations(address, seed as u64))
            })
            .collect();
        sending
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    assert!(
        accepted > 0 && accepted < MUTATIONS,
        "{accepted} of {MUTATIONS} were accepted"
    );
    assert!(!server.log().contains("panicked"), "{}", server.log());
    assert_eq!(server.report(&active_messages("last", 6, 2)).0, 200);
    assert!(server.counted(&data.key("k", "viewer"), ACTIVE) >= i64::try_from(accepted).unwrap());
}
