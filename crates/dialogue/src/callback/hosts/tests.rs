mod beside_ill;

use reportd_platform::AppNo;

use super::*;

const S: fn(u64) -> Duration = Duration::from_secs;

fn hosts() -> Hosts {
    Hosts::new(Bounds {
        per_host: 2,
        in_all: 5,
        trials: 5,
        trials_of_app: 5,
        queue_per_host: 4,
        queue_in_all: 100,
        breaker: BreakerOptions {
            failures: 2,
            open: S(30),
        },
    })
}

fn delivery(id: i64, host: &str) -> Leased {
    Leased {
        id,
        app: 1,
        ticket: 1,
        verdict: 1,
        revision: 1,
        webhook_id: String::new(),
        url: String::new(),
        host: host.into(),
        body: bytes::Bytes::new(),
        attempts: 0,
        created_at_ms: 0,
        until_ms: 1_000,
        is_trial: false,
    }
}

/// A delivery that was attempted while its host had not taken anything yet.
fn ended(id: i64, host: &str) -> Leased {
    Leased {
        is_trial: true,
        ..delivery(id, host)
    }
}

fn ids(deliveries: &[Leased]) -> Vec<i64> {
    deliveries.iter().map(|leased| leased.id).collect()
}

#[test]
fn hosts_are_served_in_turn_and_each_within_its_bound() {
    let mut hosts = hosts();
    for id in 1..=4 {
        assert!(hosts.push(delivery(id, "a"), S(0)).is_none());
    }
    assert!(hosts.push(delivery(5, "a"), S(0)).is_some());
    for (id, host) in [(10, "b"), (20, "c"), (21, "c"), (22, "c")] {
        assert!(hosts.push(delivery(id, host), S(0)).is_none());
    }
    assert_eq!(ids(&hosts.start(S(0), 0).attempts), [1, 10, 20, 2, 21]);
    assert_eq!((hosts.running(), hosts.waiting()), (5, 3));
    hosts.finish(&ended(10, "b"), Health::Well, S(0));
    assert_eq!(ids(&hosts.start(S(0), 0).attempts), [0; 0]);
    hosts.finish(&ended(20, "c"), Health::Well, S(0));
    assert_eq!(ids(&hosts.start(S(0), 0).attempts), [22]);
}

#[test]
fn an_open_breaker_gives_back_what_waits_and_a_probe_lets_it_in_again() {
    let mut hosts = hosts();
    for id in 1..=4 {
        hosts.push(delivery(id, "a"), S(0));
    }
    assert_eq!(ids(&hosts.start(S(0), 0).attempts), [1, 2]);
    let first = hosts.finish(&ended(1, "a"), Health::Failed, S(0));
    assert!(!first.opens_breaker && first.given_back.is_empty());
    let second = hosts.finish(&ended(2, "a"), Health::Failed, S(0));
    assert!(second.opens_breaker);
    assert_eq!(ids(&second.given_back), [3, 4]);
    assert!(hosts.push(delivery(5, "a"), S(29)).is_some());
    assert_eq!(hosts.room("a", 10, S(29)), 0);
    assert_eq!(hosts.open_breakers(S(29), 9), ["a"]);
    assert_eq!(hosts.room("a", 10, S(30)), 1);
    for id in 6..=8 {
        hosts.push(delivery(id, "a"), S(30));
    }
    assert_eq!(ids(&hosts.start(S(30), 0).attempts), [6]);
    assert!(hosts.finish(&ended(6, "a"), Health::Well, S(30)).wants_more);
    assert_eq!(ids(&hosts.start(S(30), 0).attempts), [7, 8]);
}

#[test]
fn a_breaker_also_opens_where_nothing_waits() {
    let mut hosts = hosts();
    let mut fail = |id, at| {
        hosts.push(delivery(id, "a"), at);
        hosts.start(at, 0);
        hosts
            .finish(&ended(id, "a"), Health::Failed, at)
            .opens_breaker
    };
    assert_eq!([fail(1, S(0)), fail(2, S(1))], [false, true]);
    // The probe.
    assert!(fail(3, S(31)));
}

#[test]
fn one_that_has_taken_nothing_yet_gets_no_more_than_open_the_breaker() {
    let mut hosts = Hosts::new(Bounds {
        per_host: 8,
        in_all: 100,
        ..hosts().bounds
    });
    let push = |hosts: &mut Hosts, ids: std::ops::Range<i64>| {
        ids.for_each(|id| assert!(hosts.push(delivery(id, "a"), S(0)).is_none()));
        ids_of_start(hosts)
    };
    fn ids_of_start(hosts: &mut Hosts) -> Vec<i64> {
        ids(&hosts.start(S(0), 0).attempts)
    }
    assert_eq!(push(&mut hosts, 1..5), [1, 2]);
    // It refuses one: that is no failure, and no success.
    hosts.finish(&ended(1, "a"), Health::Alive, S(0));
    assert_eq!(ids_of_start(&mut hosts), [3]);
    hosts.finish(&ended(2, "a"), Health::Well, S(0));
    assert_eq!(ids_of_start(&mut hosts), [4]);
    assert_eq!(push(&mut hosts, 5..9), [5, 6, 7, 8]);
}

#[test]
fn hosts_that_have_taken_nothing_yet_get_a_part_of_the_places_and_an_app_a_part_of_that() {
    let mut hosts = Hosts::new(Bounds {
        in_all: 8,
        trials: 4,
        trials_of_app: 3,
        ..hosts().bounds
    });
    let of_app = |app, id, host: &str| Leased {
        app,
        ..delivery(id, host)
    };
    for (id, host) in [(1, "a"), (2, "b"), (3, "c"), (4, "d"), (5, "a")] {
        assert!(hosts.push(of_app(1, id, host), S(0)).is_none());
    }
    assert_eq!(ids(&hosts.start(S(0), 0).attempts), [1, 2, 3]);
    // Another app's new host does not wait for those, and then the part of all trials is taken.
    for (id, host) in [(11, "e"), (12, "f")] {
        hosts.push(of_app(2, id, host), S(0));
    }
    assert_eq!(ids(&hosts.start(S(0), 0).attempts), [11]);
    // One that takes deliveries needs no such place, and leaves its own to the next in line.
    let well = of_app(2, 11, "e");
    let well = Leased {
        is_trial: true,
        ..well
    };
    hosts.finish(&well, Health::Well, S(0));
    hosts.push(of_app(1, 6, "e"), S(0));
    assert_eq!(ids(&hosts.start(S(0), 0).attempts), [12, 6]);
    hosts.finish(&ended(1, "a"), Health::Failed, S(0));
    assert_eq!(ids(&hosts.start(S(0), 0).attempts), [4]);
    assert_eq!((hosts.running(), hosts.waiting()), (5, 1));
}

#[test]
fn what_waits_for_hosts_that_have_taken_nothing_yet_leaves_room_for_others() {
    let mut hosts = Hosts::new(Bounds {
        queue_in_all: 8,
        ..hosts().bounds
    });
    hosts.push(delivery(1, "good"), S(0));
    hosts.start(S(0), 0);
    hosts.finish(&ended(1, "good"), Health::Well, S(0));
    assert_eq!(
        (hosts.room("new", 9, S(0)), hosts.room("good", 9, S(0))),
        (2, 8)
    );
    for (id, host) in [(2, "a"), (3, "b"), (4, "c"), (5, "d")] {
        assert!(hosts.push(delivery(id, host), S(0)).is_none());
    }
    assert!(hosts.push(delivery(6, "e"), S(0)).is_some());
    assert!(hosts.push(delivery(7, "good"), S(0)).is_none());
    assert_eq!(
        (hosts.room("new", 9, S(0)), hosts.room("good", 9, S(0))),
        (0, 3)
    );
}

#[test]
fn what_waits_of_an_older_verdict_of_the_ticket_is_given_back() {
    let mut hosts = hosts();
    let of = |id, ticket, verdict| Leased {
        ticket,
        verdict,
        ..delivery(id, "a")
    };
    for (id, ticket, verdict) in [(1, 7, 1), (2, 7, 1), (3, 8, 2), (4, 7, 3)] {
        assert!(hosts.push(of(id, ticket, verdict), S(0)).is_none());
    }
    assert_eq!(ids(&hosts.take_replaced(7, 3)), [1, 2]);
    assert_eq!(hosts.waiting(), 2);
    assert_eq!(ids(&hosts.start(S(0), 0).attempts), [3, 4]);
}

#[test]
fn what_waited_for_too_long_is_not_begun_and_hosts_are_forgotten() {
    let mut hosts = hosts();
    hosts.push(delivery(1, "a"), S(0));
    let told = hosts.start(S(0), 1_001);
    assert_eq!((ids(&told.stale), ids(&told.attempts)), (vec![1], vec![]));
    hosts.prune(S(1));
    assert!(hosts.by_name.is_empty());
}

/// Hosts beside each other, of whom one may be tried at a time.
fn one_trial_at_a_time() -> Hosts {
    Hosts::new(Bounds {
        trials: 2,
        trials_of_app: 1,
        queue_in_all: 10_000,
        ..hosts().bounds
    })
}

#[test]
fn the_end_of_a_trial_costs_the_same_however_many_wait_for_a_place() {
    const MANY: i64 = 1_000;
    let mut hosts = one_trial_at_a_time();
    for id in 0..MANY {
        assert!(hosts.push(delivery(id, &id.to_string()), S(0)).is_none());
    }
    let mut order = Vec::new();
    let mut running = hosts.start(S(0), 0).attempts;
    while let Some(leased) = running.pop() {
        hosts.finish(&leased, Health::Failed, S(0));
        order.push(leased.id);
        running.extend(hosts.start(S(0), 0).attempts);
    }
    assert_eq!(order, (0..MANY).collect::<Vec<_>>());
    let turns = hosts.turns;
    assert!(turns <= 3 * order.len(), "{turns} turns");
}

#[test]
fn a_host_beside_the_line_comes_back_when_it_needs_no_place_of_that_app_any_more() {
    let of_app = |app, id, host: &str| Leased {
        app,
        ticket: id,
        ..delivery(id, host)
    };
    let mut hosts = one_trial_at_a_time();
    for (id, host) in [(1, "a"), (2, "a"), (3, "b")] {
        hosts.push(of_app(1, id, host), S(0));
    }
    let begun = hosts.start(S(0), 0).attempts;
    assert_eq!(ids(&begun), [1]);
    // What waited for app 1 is replaced: the next delivery of that host is another app's.
    assert_eq!(ids(&hosts.take_replaced(3, 2)), [3]);
    hosts.push(of_app(2, 4, "b"), S(0));
    assert_eq!(ids(&hosts.start(S(0), 0).attempts), [4]);
    // The first host is proven, while the place it waits for is another's.
    hosts.push(of_app(1, 5, "c"), S(0));
    hosts.finish(&begun[0], Health::Well, S(0));
    assert_eq!(ids(&hosts.start(S(0), 0).attempts), [5, 2]);
}

/// Whatever happens in whatever order: what may begin has begun, and what was put in comes out.
#[test]
fn nothing_waits_that_could_begin() {
    for seed in 0..200 {
        let mut chance = chances(seed);
        let mut hosts = Hosts::new(Bounds {
            in_all: 6,
            trials: 4,
            trials_of_app: 2,
            ..hosts().bounds
        });
        let (mut running, mut put, mut out) = (Vec::new(), 0, 0);
        for step in 0..300 {
            let now = S(step);
            match chance(4) {
                0 | 1 => {
                    let leased = Leased {
                        app: AppNo::try_from(chance(3)).unwrap(),
                        ticket: chance(9),
                        ..delivery(step.cast_signed(), &chance(7).to_string())
                    };
                    put += usize::from(hosts.push(leased, now).is_none());
                }
                2 if !running.is_empty() => {
                    let at = usize::try_from(chance(running.len() as i64)).unwrap();
                    let tells = [Health::Well, Health::Alive, Health::Unknown, Health::Failed];
                    let health = tells[usize::try_from(chance(4)).unwrap()];
                    let leased: Leased = running.swap_remove(at);
                    out += 1 + hosts.finish(&leased, health, now).given_back.len();
                }
                _ if chance(5) == 0 => out += hosts.take_replaced(chance(9), 2).len(),
                _ => {}
            }
            running.extend(hosts.start(now, 0).attempts);
            assert_eq!(hosts.waiting(), put - out - running.len());
            let idle = could_begin(&hosts, now);
            assert_eq!(idle, None, "seed {seed}, step {step}");
        }
    }
}

/// Numbers below a bound, the same for the same seed.
fn chances(seed: u64) -> impl FnMut(i64) -> i64 {
    let mut state = seed;
    move |below| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(state >> 33).unwrap() % below
    }
}

/// A host with something to send that might begin and has not.
fn could_begin(hosts: &Hosts, now: Duration) -> Option<String> {
    if hosts.running >= hosts.bounds.in_all {
        return None;
    }
    let idle = hosts.by_name.iter().find(|(_, host)| {
        let finds_place = |next: &Leased| host.is_proven || hosts.trials.have_room(next.app);
        host.can_begin(&hosts.bounds, now) && host.queue.front().is_some_and(finds_place)
    });
    idle.map(|(name, _)| name.to_string())
}
