//! The fold is commutative and idempotent: whatever the order, the split and the repeats, the tables are the same.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use reportd_db::Tx;
use reportd_testbed::Ground;
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use sha2::{Digest, Sha256};

use crate::world::{ACTIVE, CENSUS, NOON_MS, World, census, message};

/// What a request says, small enough that things meet.
#[derive(Debug, Clone)]
enum Said {
    Message {
        hours_ago: i64,
        nonce: u8,
        gid: i64,
        uploader: u8,
    },
    Census {
        hours_ago: i64,
        nonce: u8,
        groups: Vec<(i64, i64)>,
    },
}

impl Said {
    fn ts(&self) -> i64 {
        let (Self::Message { hours_ago, .. } | Self::Census { hours_ago, .. }) = self;
        NOON_MS / 1000 - hours_ago * 3600
    }

    fn body(&self) -> String {
        match self {
            Self::Message {
                nonce,
                gid,
                uploader,
                ..
            } => message(
                self.ts(),
                &nonce.to_string(),
                ACTIVE,
                *gid,
                &format!("U{uploader}"),
            ),
            Self::Census { nonce, groups, .. } => census(self.ts(), &nonce.to_string(), groups),
        }
    }
}

fn said() -> impl Strategy<Value = Said> {
    prop_oneof![
        (0..20_i64, 0..3_u8, 1..4_i64, 0..2_u8).prop_map(|(hours_ago, nonce, gid, uploader)| {
            Said::Message {
                hours_ago,
                nonce,
                gid,
                uploader,
            }
        }),
        (
            0..20_i64,
            0..3_u8,
            proptest::collection::vec((1..5_i64, 0..9_i64), 1..4)
        )
            .prop_map(|(hours_ago, nonce, groups)| Said::Census {
                hours_ago,
                nonce,
                groups
            }),
    ]
}

/// (operation, field name's number, day, value) → (count of the day, counts by hour).
type CountTable = BTreeMap<(i64, i64, i64, String), (i64, Vec<i64>)>;
/// (day, group) → (ts, hash, item, subscriptions).
type CensusTable = BTreeMap<(i64, i64), (i64, Vec<u8>, i64, i64)>;

/// The rules, told naively over the set of distinct requests.
#[derive(Debug, Default, PartialEq)]
struct Tables {
    counts: CountTable,
    census: CensusTable,
}

impl Tables {
    fn of(requests: &[Said]) -> Self {
        let mut tables = Self::default();
        let distinct: BTreeMap<String, &Said> =
            requests.iter().map(|said| (said.body(), said)).collect();
        for (body, said) in distinct {
            // Shanghai is eight hours ahead.
            let local_hour = (said.ts() + 8 * 3600).div_euclid(3600);
            match said {
                Said::Message { gid, uploader, .. } => {
                    let values = [
                        (0, String::new()),
                        (1, gid.to_string()),
                        (2, format!("c{gid}")),
                        (6, format!("U{uploader}")),
                    ];
                    values
                        .into_iter()
                        .for_each(|(field, value)| tables.count(ACTIVE, field, local_hour, value));
                }
                Said::Census { groups, .. } => {
                    for (item, (gid, subscriptions)) in (0..).zip(groups) {
                        tables.count(CENSUS, 0, local_hour, String::new());
                        tables.count(CENSUS, 1, local_hour, gid.to_string());
                        let hash = Sha256::digest(body.as_bytes())[..16].to_vec();
                        let new = (said.ts() * 1000, hash, item, *subscriptions);
                        let row = tables
                            .census
                            .entry((local_hour.div_euclid(24), *gid))
                            .or_insert_with(|| new.clone());
                        *row = row.clone().max(new);
                    }
                }
            }
        }
        tables
    }

    fn count(&mut self, oper_id: i64, field: i64, local_hour: i64, value: String) {
        let key = (oper_id, field, local_hour.div_euclid(24), value);
        let (n, hours) = self.counts.entry(key).or_insert_with(|| (0, vec![0; 24]));
        *n += 1;
        hours[usize::try_from(local_hour.rem_euclid(24)).unwrap()] += 1;
    }

    fn stored(world: &World) -> Self {
        let hours: Vec<String> = (0..24).map(|hour| format!("h{hour}")).collect();
        let sql = format!(
            "SELECT s.oper_id, s.field, c.day, c.value, c.n, {} FROM comm_count c JOIN comm_series s ON s.id = c.series",
            hours.join(", ")
        );
        let read = |tx: &mut Tx<'_>| {
            let mut tables = Self::default();
            for mut row in tx.query(&sql, &[])? {
                let key = (row.int(0)?, row.int(1)?, row.int(2)?, row.take_text(3)?);
                let hours = (5..29)
                    .map(|column| row.int(column))
                    .collect::<Result<_, _>>()?;
                tables.counts.insert(key, (row.int(4)?, hours));
            }
            for mut row in tx.query(
                "SELECT day, gid, ts, hash, item, subscriptions FROM comm_census",
                &[],
            )? {
                let newest = (row.int(2)?, row.take_bytes(3)?, row.int(4)?, row.int(5)?);
                tables.census.insert((row.int(0)?, row.int(1)?), newest);
            }
            Ok(tables)
        };
        world.views.read(read).unwrap()
    }
}

#[rstest]
fn any_order_split_or_repeat_counts_the_same(#[values(Embedded, Postgres)] kind: StoreKind) {
    let ground = Ground::new(kind);
    let config = ProptestConfig {
        // The tables of a world take PostgreSQL a while.
        cases: if kind == Embedded { 24 } else { 8 },
        max_shrink_iters: 40,
        ..ProptestConfig::default()
    };
    proptest!(config, |(
        requests in proptest::collection::vec(said(), 1..24),
        order in proptest::collection::vec(any::<proptest::sample::Index>(), 24),
        pauses in proptest::collection::btree_set(0..48_usize, 0..8),
        restart_after in 0..48_usize,
    )| {
        // All of them in a drawn order, then some of them once more.
        let mut sent: Vec<&Said> = requests.iter().collect();
        for (at, index) in order.iter().enumerate().take(sent.len()) {
            let other = index.index(sent.len());
            sent.swap(at, other);
        }
        let again: Vec<&Said> = order.iter().map(|index| *index.get(&sent)).collect();
        let mut world = World::on(ground.another());
        for (at, said) in sent.into_iter().chain(again).enumerate() {
            prop_assert_eq!(world.report(&said.body()), 0);
            // A read makes the fold catch up: so batches end here.
            if pauses.contains(&at) {
                world.counted(ACTIVE);
            }
            if at == restart_after {
                world = world.restart();
            }
        }
        world.counted(ACTIVE);
        prop_assert_eq!(Tables::stored(&world), Tables::of(&requests));
    });
}

#[rstest]
fn folding_again_from_nothing_gives_the_same(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let requests: Vec<Said> = (0..40)
        .map(|n: i64| Said::Message {
            hours_ago: n % 19,
            nonce: u8::try_from(n % 5).unwrap(),
            gid: n % 7,
            uploader: 1,
        })
        .collect();
    for said in requests.iter().chain(requests.iter().rev()) {
        assert_eq!(world.report(&said.body()), 0);
    }
    world.counted(ACTIVE);
    let first = Tables::stored(&world);
    for table in [
        "comm_identity",
        "comm_repeat",
        "comm_series",
        "comm_count",
        "comm_census",
        "view_position",
    ] {
        world
            .views
            .write(|tx| tx.execute(&format!("DELETE FROM {table}"), &[]))
            .unwrap();
    }
    let world = world.restart();
    world.counted(ACTIVE);
    assert_eq!(Tables::stored(&world), first);
    let distinct: BTreeSet<String> = requests.iter().map(Said::body).collect();
    assert_eq!(
        world.counted(ACTIVE),
        i64::try_from(distinct.len()).unwrap()
    );
}
