//! What was lost on the way (折损), by phase, channel and reason.

use std::collections::BTreeMap;

use super::models::Loss;
use super::names;
use super::texts::PushTexts;
use crate::format;
use crate::table::{Cell, Table};
use crate::visit::Visit;

/// The phases in their order.
const PHASES: [&str; 4] = ["ts", "rs", "sf", "fd"];

/// Losses by channel and phase, and by reason.
pub(super) fn tables(visit: &Visit, losses: &[Loss]) -> (Table, Table) {
    (by_channel(visit, losses), by_reason(visit, losses))
}

fn by_channel(visit: &Visit, losses: &[Loss]) -> Table {
    let t = PushTexts::of(visit.locale);
    let mut heads = vec![t.channel.to_owned()];
    let phases = PHASES.map(|phase| format!("#{}", names::phase(t, phase)));
    heads.extend(phases);
    heads.push(format!("#{}", t.all));
    let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
    let mut table = Table::new(
        visit.locale,
        "losses_by_channel",
        t.losses_by_channel,
        &heads,
    );
    let mut sums = BTreeMap::<&str, [i64; 5]>::new();
    let mut order = Vec::new();
    for loss in losses {
        let sums = sums.entry(&loss.channel).or_insert_with(|| {
            order.push(loss.channel.as_str());
            [0; 5]
        });
        let place = PHASES.iter().position(|phase| *phase == loss.phase);
        for place in place.into_iter().chain([4]) {
            sums[place] = sums[place].saturating_add(loss.count);
        }
    }
    let all = sums
        .values()
        .map(|sums| sums[4])
        .fold(0, i64::saturating_add);
    order.sort_by_key(|channel| std::cmp::Reverse(sums[channel][4]));
    for channel in order {
        let [phases @ .., sum] = sums[channel];
        let mut row = vec![names::channel_cell(visit.locale, channel)];
        row.extend(phases.map(Cell::number));
        row.push(Cell::number(sum).share(sum, all));
        table.push(row);
    }
    table.with_csv(&visit.address)
}

fn by_reason(visit: &Visit, losses: &[Loss]) -> Table {
    let (t, locale) = (PushTexts::of(visit.locale), visit.locale);
    let (lost, share) = (format!("#{}", t.lost), format!("#{}", t.part));
    let heads = [t.phase, t.channel, t.class, t.reason, &lost, &share];
    let mut table = Table::new(locale, "losses", t.losses, &heads);
    let all = losses.iter().map(|loss| loss.count);
    let all = all.fold(0, i64::saturating_add);
    let coded = |text: &str, code: i64| Cell {
        raw: Some(format!("{text} ({code})")),
        ..Cell::text(text).noted(code.to_string())
    };
    for loss in losses {
        let reason = match loss.reason == loss.class {
            // Nothing closer was reported.
            true => Cell::text("–"),
            false => coded(loss.reason_text.of(locale), loss.reason),
        };
        table.push(vec![
            Cell::text(loss.phase_text.of(locale)).noted(&*loss.phase),
            names::channel_cell(locale, &loss.channel),
            coded(loss.class_text.of(locale), loss.class),
            reason,
            Cell::number(loss.count),
            Cell::text(format::share(loss.count, all)).share(loss.count, all),
        ]);
    }
    table.with_csv(&visit.address)
}
