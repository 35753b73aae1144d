//! A host that is well beside hosts that are ill, with a clock of the test.

use super::*;

/// How an ill host behaves: how long each of its attempts takes, and what it tells.
type Ill = (Duration, Health);

const MS: fn(u64) -> Duration = Duration::from_millis;
const PER_HOST: usize = 4;
const MOST_ILL: usize = 7;

/// How long each delivery to a host that is well waits until it is begun, beside so many hosts that are ill: for two
/// seconds, in steps of a millisecond. Bursts are larger than the host's bound, so that some of them wait for each other.
fn waits(beside: usize, (takes, tells): Ill) -> Vec<Duration> {
    let mut hosts = Hosts::new(Bounds {
        per_host: PER_HOST,
        in_all: PER_HOST * (MOST_ILL + 1),
        trials: PER_HOST * (MOST_ILL + 1),
        trials_of_app: PER_HOST * (MOST_ILL + 1),
        queue_per_host: 10_000,
        queue_in_all: 1_000_000,
        breaker: BreakerOptions {
            failures: 10,
            open: MS(300),
        },
    });
    let ill: Vec<Arc<str>> = (0..beside).map(|no| format!("ill {no}").into()).collect();
    let well: Arc<str> = "well".into();
    let (mut next_id, mut came, mut waits) = (0, HashMap::new(), Vec::new());
    let mut running: Vec<(Duration, Leased, Health)> = Vec::new();
    for now in (0..2_000).map(MS) {
        let (ended, still): (Vec<_>, Vec<_>) =
            running.drain(..).partition(|(ends, ..)| *ends <= now);
        running = still;
        for (_, leased, health) in ended {
            hosts.finish(&leased, health, now);
        }
        let burst = if now.subsec_millis() % 10 == 0 { 6 } else { 0 };
        let to_ill = ill.iter().flat_map(|host| std::iter::repeat_n(host, 2));
        for host in to_ill.chain(std::iter::repeat_n(&well, burst)) {
            next_id += 1;
            came.insert(next_id, now);
            let refused = hosts.push(delivery(next_id, host), now).is_some();
            assert!(!refused || *host != well, "there is always a place for it");
        }
        for leased in hosts.start(now, 0).attempts {
            let (ends, health) = if leased.host == well {
                waits.push(now - came[&leased.id]);
                (now + MS(3), Health::Well)
            } else {
                (now + takes, tells)
            };
            running.push((ends, leased, health));
        }
    }
    waits
}

#[test]
fn a_delivery_waits_as_long_beside_hosts_that_are_ill_as_alone() {
    let alone = waits(0, (MS(1), Health::Well));
    assert_eq!(alone.len(), 1_200);
    assert_eq!(alone.iter().filter(|wait| **wait == MS(3)).count(), 400);
    for ill in [
        (S(15), Health::Failed),
        (MS(100), Health::Failed),
        (MS(1), Health::Failed),
        (MS(100), Health::Alive),
        (MS(400), Health::Well),
    ] {
        assert_eq!(waits(MOST_ILL, ill), alone, "{ill:?}");
    }
    // It is the bound of all that holds them off: beyond it hosts take turns, and the well one waits.
    assert_ne!(waits(3 * MOST_ILL, (MS(400), Health::Well)), alone);
}
