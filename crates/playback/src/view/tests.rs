//! The fold: of any trace it says what a naive model says, in any order, over any split, and with any repeat.

mod model;
mod recent;
mod rules;
mod said;
pub(crate) mod trace;

use std::cell::RefCell;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use reportd_db::Database;
use reportd_journal::Difference;
use reportd_testbed::Ground;
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;

use self::model::Model;
use self::said::Said;
use self::trace::{Event, app_of, batches, trace};
use crate::compare::compare;
use crate::gather::Gathering;
use crate::schema::VIEW_MIGRATIONS;
use crate::view::PlaybackView;

/// A store of views and the fold into it.
pub(crate) struct Folded {
    pub(crate) db: Database,
    view: PlaybackView,
}

impl Folded {
    pub(crate) fn new(ground: &Ground, name: &str) -> Self {
        let db = ground.open(name);
        VIEW_MIGRATIONS.apply(&db).unwrap();
        Self {
            db,
            view: PlaybackView::default(),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.view = PlaybackView::default();
        let tables = self.db.read(|tx| tx.table_names()).unwrap();
        self.db
            .write(|tx| {
                for table in tables.iter().filter(|table| table.starts_with("playback_")) {
                    tx.execute(&format!("DELETE FROM {table}"), &[])?;
                }
                Ok(())
            })
            .unwrap();
    }

    pub(crate) fn fold<'e>(&mut self, events: impl IntoIterator<Item = &'e Event>) {
        let mut gathering = Gathering::default();
        for event in events {
            gathering.add(app_of(event), event.arrived, &event.record);
        }
        let gathered = gathering.finish();
        let view = &mut self.view;
        self.db.write(|tx| view.fold(tx, &gathered)).unwrap();
    }

    pub(crate) fn prune(&mut self, horizon_ms: i64) {
        use reportd_journal::View;
        let view = &mut self.view;
        self.db.write(|tx| view.prune(tx, horizon_ms)).unwrap();
    }
}

pub(crate) fn differences(stored: &Database, folded: &Database) -> Vec<String> {
    let mut told = Vec::new();
    let compared = stored.read(|stored| {
        folded.read(|folded| compare(stored, folded, &mut |found| told.push(said(&found))))
    });
    compared.unwrap();
    told
}

/// What differs, and what the first of the stores says there, as `reportd verify` prints it.
fn said(found: &Difference) -> String {
    let stored = found.stored.as_deref().unwrap_or("-");
    format!("{}: {stored}", found.what)
}

fn runner(kind: StoreKind) -> TestRunner {
    let cases = if kind == Embedded { 200 } else { 25 };
    let cases = std::env::var("FOLD_CASES").map_or(cases, |cases| cases.parse().unwrap());
    TestRunner::new(Config {
        failure_persistence: None,
        max_shrink_iters: 400,
        ..Config::with_cases(cases)
    })
}

#[rstest]
fn a_fold_says_what_the_model_says_in_any_order(#[values(Embedded, Postgres)] kind: StoreKind) {
    let ground = Ground::new(kind);
    let straight = RefCell::new(Folded::new(&ground, "straight"));
    let mixed = RefCell::new(Folded::new(&ground, "mixed"));
    let shuffled = trace(true).prop_flat_map(|events| {
        let indexes: Vec<usize> = (0..events.len()).chain(0..events.len() / 3).collect();
        (Just(events), Just(indexes).prop_shuffle(), batches())
    });
    let told = runner(kind).run(&shuffled, |(events, order, lengths)| {
        let (mut straight, mut mixed) = (straight.borrow_mut(), mixed.borrow_mut());
        straight.clear();
        mixed.clear();
        straight.fold(&events);
        let mut rest = order.as_slice();
        for length in lengths.into_iter().cycle() {
            let (batch, after) = rest.split_at(length.min(rest.len()));
            mixed.fold(batch.iter().map(|&place| &events[place]));
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(differences(&straight.db, &mixed.db), [""; 0]);
        let expected = Model::new(&events).said();
        prop_assert_eq!(Said::read(&straight.db), expected.clone());
        prop_assert_eq!(Said::read(&mixed.db), expected);
        Ok(())
    });
    told.unwrap();
}

/// What can no longer be needed is dropped on the way, and all answers stay.
#[rstest]
fn a_pruned_store_says_the_same(#[values(Embedded, Postgres)] kind: StoreKind) {
    let ground = Ground::new(kind);
    let whole = RefCell::new(Folded::new(&ground, "whole"));
    let pruned = RefCell::new(Folded::new(&ground, "pruned"));
    let told = runner(kind).run(&(trace(false), batches()), |(events, lengths)| {
        let (mut whole, mut pruned) = (whole.borrow_mut(), pruned.borrow_mut());
        whole.clear();
        pruned.clear();
        whole.fold(&events);
        let mut rest = events.as_slice();
        for length in lengths.into_iter().cycle() {
            let (batch, after) = rest.split_at(length.min(rest.len()));
            pruned.fold(batch);
            rest = after;
            let Some(next) = rest.first() else { break };
            pruned.prune(next.arrived.received_at_ms);
        }
        pruned.prune(i64::MAX / 2);
        prop_assert_eq!(differences(&pruned.db, &whole.db), [""; 0]);
        let expected = Model::new(&events).said();
        prop_assert_eq!(Said::read(&pruned.db), expected);
        let left = pruned
            .db
            .read(|tx| tx.query_int("SELECT COUNT(*) FROM playback_seen WHERE due >= 0", &[]));
        prop_assert_eq!(left, Ok(0));
        Ok(())
    });
    told.unwrap();
}
