//! A receiver that is ill does not delay another that is well.
//!
//! Two servers run side by side, and verdicts for a healthy receiver are sent to them in turns. Beside these, the one
//! sends the same traffic to a receiver that is ill, the other to one that is well. So whatever else the machine does, it
//! does to both, and what is left is what the illness costs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reportd_platform::clock::{Clock, SystemClock};
use reportd_testbed::StoreKind::Embedded;
use rstest::rstest;

use crate::harness::{Data, Numbers, Server, wait_until};
use crate::receiver::{Manner, Receiver};
use crate::reporter::{CREATE, Moderator, allow_loopback, file_many};

/// Verdicts that are measured on each server before it is looked whether they say enough.
const BATCH: usize = 150;
const MOST_BATCHES: usize = 4;
/// Tickets whose verdicts go to the receiver beside, more than go to one host at once.
const BESIDE: usize = 120;
/// Neighbours are alike, since a disturbance lasts: they are drawn together.
const BLOCK: usize = 10;
const DRAWS: usize = 2_000;
/// By how much the p95 may move.
const MOST_RATIO: f64 = 1.1;
/// Failures are tried again soon, and given up before long, so that an ill receiver is ill all the time.
const SETTINGS: [(&str, &str); 2] = [
    (
        "REPORTD_DIALOGUE_CALLBACK_RETRIES",
        "1s,1s,1s,1s,1s,1s,1s,1s",
    ),
    ("REPORTD_DIALOGUE_CALLBACK_TIMEOUT_MS", "3000"),
];

/// A server, a healthy receiver, and another one beside it.
struct Side {
    _data: Data,
    server: Server,
    key: String,
    healthy: Receiver,
    beside: Receiver,
}

impl Side {
    fn start(manner: Manner, clock: &Arc<SystemClock>) -> Self {
        let data = Data::empty(Embedded);
        data.run(&CREATE);
        let key = data.key("admin", "admin");
        let server = data.serve_with(&SETTINGS);
        allow_loopback(&server, &key);
        Self {
            _data: data,
            server,
            key,
            healthy: Receiver::with_clock(Manner::Takes, clock),
            beside: Receiver::with_clock(manner, clock),
        }
    }

    fn moderator(&self) -> Moderator {
        Moderator::new(&self.server, &self.key, "someone")
    }

    /// Judges tickets of the other receiver, some times a second, until it is told to stop.
    fn judge_beside(&self, stop: &AtomicBool) {
        let tickets = file_many(&self.server, "beside", BESIDE, |_| self.beside.url());
        let mut moderator = self.moderator();
        for ticket in &tickets[..BESIDE / 2] {
            assert_eq!(moderator.judge(ticket, "ad").unwrap(), 200);
        }
        for ticket in tickets[BESIDE / 2..].iter().cycle() {
            if stop.load(Ordering::SeqCst) {
                return;
            }
            // In the second round they are judged already.
            let _ = moderator.judge(ticket, "ad").unwrap();
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Judges a ticket: from the moment the verdict is sent to the moment its callback is there, in ms.
fn verdict_to_delivered(
    side: &Side,
    moderator: &mut Moderator,
    ticket: &str,
    clock: &SystemClock,
) -> f64 {
    let before = side.healthy.count();
    let sent = clock.monotonic();
    assert_eq!(moderator.judge(ticket, "ad").unwrap(), 200);
    wait_until("the healthy receiver has it", || {
        side.healthy.count() > before
    });
    let arrived = side.healthy.arrivals()[before].at;
    (arrived - sent).as_secs_f64() * 1_000.0
}

fn p95(times: impl Iterator<Item = f64>) -> f64 {
    let mut times: Vec<_> = times.collect();
    times.sort_by(f64::total_cmp);
    times[times.len() * 95 / 100]
}

/// The ratio of the p95 of the second to the first of each pair, and the range in which it lies 998 times of 1,000, by
/// drawing blocks of neighbours again and again.
fn ratio(pairs: &[[f64; 2]], numbers: &mut Numbers) -> (f64, f64, f64) {
    let of = |pairs: &[[f64; 2]]| {
        let [well, ill] = [0, 1].map(|side| p95(pairs.iter().map(|pair| pair[side])));
        ill / well
    };
    let blocks: Vec<_> = pairs.chunks(BLOCK).collect();
    let mut drawn: Vec<_> = (0..DRAWS)
        .map(|_| {
            let draw = |_| blocks[numbers.below(blocks.len())];
            of(&(0..blocks.len()).map(draw).collect::<Vec<_>>().concat())
        })
        .collect();
    drawn.sort_by(f64::total_cmp);
    (
        of(pairs),
        drawn[DRAWS / 1000],
        drawn[DRAWS - 1 - DRAWS / 1000],
    )
}

#[rstest]
#[case::hangs(Manner::Hangs)]
#[case::answers_500(Manner::Answers(500))]
#[case::answers_429(Manner::TriesLater(1))]
#[case::redirects(Manner::Redirects)]
#[case::answers_410(Manner::Answers(410))]
#[case::is_endless(Manner::IsEndless)]
#[case::drips(Manner::Drips)]
#[case::is_closed(Manner::IsClosed)]
fn an_ill_receiver_delays_no_other(#[case] manner: Manner) {
    let clock = Arc::new(SystemClock::start());
    let sides = [Manner::Takes, manner].map(|manner| Side::start(manner, &clock));
    let stop = AtomicBool::new(false);
    let mut numbers = Numbers(20_261_122);
    let (told, pairs) = std::thread::scope(|scope| {
        let stop = StopOnDrop(&stop);
        for side in &sides {
            let stop = stop.0;
            scope.spawn(move || side.judge_beside(stop));
        }
        let mut pairs = Vec::new();
        for batch in 0..MOST_BATCHES {
            pairs.extend(measure(&sides, batch, &clock));
            let told = ratio(&pairs, &mut numbers);
            let (_, least, most) = told;
            if most <= MOST_RATIO || least > MOST_RATIO {
                return (told, pairs);
            }
        }
        (ratio(&pairs, &mut numbers), pairs)
    });
    let (ratio, least, most) = told;
    let [well, ill] = [0, 1].map(|side| p95(pairs.iter().map(|pair| pair[side])));
    println!(
        "{manner:?}: p95 {well:.2} ms, {ill:.2} ms; {ratio:.3}, {least:.3} to {most:.3}, {} pairs",
        pairs.len()
    );
    assert!(
        least <= MOST_RATIO,
        "{manner:?}: p95 {well:.2} ms became {ill:.2} ms"
    );
}

struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Verdicts on both servers in turns; which is first changes.
fn measure(sides: &[Side; 2], batch: usize, clock: &SystemClock) -> Vec<[f64; 2]> {
    let label = format!("healthy-{batch}");
    let tickets = sides
        .each_ref()
        .map(|side| file_many(&side.server, &label, BATCH, |_| side.healthy.url()));
    let mut moderators = sides.each_ref().map(Side::moderator);
    let pair = |number: usize| {
        let mut times = [0.0; 2];
        for side in [number % 2, 1 - number % 2] {
            let (moderator, ticket) = (&mut moderators[side], &tickets[side][number]);
            times[side] = verdict_to_delivered(&sides[side], moderator, ticket, clock);
        }
        times
    };
    (0..BATCH).map(pair).collect()
}
