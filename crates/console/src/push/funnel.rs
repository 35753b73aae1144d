//! What became of pushes, as tables and as a chart: the same for a task, a group and a day.

use std::collections::BTreeMap;

use super::cards::{share_of_step, steps};
use super::models::{Action, Brand, Channel, Day, Figures, Funnel};
use super::names;
use super::texts::PushTexts;
use crate::chart::{Chart, Line, Shape};
use crate::format;
use crate::table::{Cell, Table};
use crate::texts::{Locale, fill};
use crate::visit::Visit;

/// How many channels a chart tells apart; the rest are one.
const MOST_LINES: usize = 5;

/// A funnel's tables.
pub(super) struct FunnelTables {
    pub(super) channels: Table,
    pub(super) brands: Table,
    /// Which channels give no display counts, in a sentence.
    pub(super) note: Option<String>,
}

impl FunnelTables {
    pub(super) fn new(visit: &Visit, funnel: &Funnel) -> Self {
        let without = funnel.channels.iter();
        let without = without.filter(|channel| !channel.has_display);
        let without: Vec<&str> = without.map(|channel| channel.channel.as_str()).collect();
        Self {
            channels: channels(visit, &funnel.channels),
            brands: brands(visit, funnel),
            note: note(visit.locale, &without),
        }
    }
}

/// That channels give no display counts, where there are some.
pub(super) fn note(locale: Locale, codes: &[&str]) -> Option<String> {
    let names: Vec<_> = codes
        .iter()
        .map(|code| names::channel(locale, code))
        .collect();
    let names = names.join(locale.pick(", ", "、"));
    let text = PushTexts::of(locale).no_display_of;
    (!codes.is_empty()).then(|| fill(text, &[("channels", &names)]))
}

/// The figures of a row: each with its share of the step before.
pub(super) fn figure_cells(t: &PushTexts, figures: &Figures, has_display: bool) -> [Cell; 4] {
    let rated = |part: i64, whole: i64| {
        let cell = Cell::number(part);
        match share_of_step(part, whole) {
            None => cell,
            Some(share) => cell.noted(share),
        }
    };
    let received = rated(figures.receive_num, figures.target_num);
    let sent = Cell::number(figures.target_num);
    if has_display {
        let displayed = rated(figures.display_num, figures.receive_num);
        let clicked = rated(figures.click_num, figures.display_num);
        return [sent, received, displayed, clicked];
    }
    let displayed = Cell::text("–").noted(t.no_display);
    [sent, received, displayed, Cell::number(figures.click_num)]
}

/// The heads of [`figure_cells`].
pub(super) fn figure_heads(t: &PushTexts) -> [String; 4] {
    [t.sent, t.received, t.displayed, t.clicked].map(|head| format!("#{head}"))
}

/// The steps of a task, from the first to the last.
pub(super) fn steps_table(visit: &Visit, funnel: &Funnel) -> Table {
    let t = PushTexts::of(visit.locale);
    let of_first = format!("#{}", t.of_first_step);
    let heads = [
        t.step,
        &format!("#{}", t.devices),
        &format!("#{}", t.of_step_before),
        &of_first,
    ];
    let mut table = Table::new(visit.locale, "funnel", t.funnel, &heads);
    let channels = &funnel.channels;
    let has_display = channels.is_empty() || channels.iter().any(|channel| channel.has_display);
    let steps = steps(t, &funnel.total);
    let first = steps.iter().find(|(.., number)| *number > 0);
    let first = first.map_or(0, |(.., number)| *number);
    let mut previous = 0;
    for (head, _, number) in steps {
        if head == t.displayed && !has_display {
            let dash = || Cell::text("–");
            table.push(vec![
                Cell::text(head).noted(t.no_display),
                dash(),
                dash(),
                dash(),
            ]);
            previous = 0;
            continue;
        }
        table.push(vec![
            Cell::text(head),
            Cell::number(number),
            Cell::text(share_of_step(number, previous).unwrap_or_else(|| "–".to_owned())),
            Cell::text(format::share(number, first)).share(number, first),
        ]);
        previous = number;
    }
    table.with_csv(&visit.address)
}

fn channels(visit: &Visit, channels: &[Channel]) -> Table {
    let t = PushTexts::of(visit.locale);
    let mut table = shares_table(visit, "channels", t.channels, t.channel);
    // A device may be reached by several channels, so the whole is their sum.
    let whole = channels.iter().map(|channel| channel.figures.target_num);
    let whole = whole.fold(0, i64::saturating_add);
    for channel in channels {
        let name = names::channel_cell(visit.locale, &channel.channel);
        let cells = figure_cells(t, &channel.figures, channel.has_display);
        table.push(shared_row(name, channel.figures.target_num, whole, cells));
    }
    table
}

fn brands(visit: &Visit, funnel: &Funnel) -> Table {
    let t = PushTexts::of(visit.locale);
    let mut table = shares_table(visit, "brands", t.brands, t.brand);
    let gt = funnel
        .channels
        .iter()
        .find(|channel| channel.channel == "gt");
    let has_display = gt.is_none_or(|channel| channel.has_display);
    let target = |brand: &Brand| brand.figures.target_num;
    let whole = funnel.brands.iter().map(target);
    let whole = whole.fold(0, i64::saturating_add);
    for brand in &funnel.brands {
        let name = names::brand_cell(visit.locale, &brand.brand);
        let cells = figure_cells(t, &brand.figures, has_display);
        table.push(shared_row(name, target(brand), whole, cells));
    }
    table
}

/// A table of who has which share of what was sent, and the figures of each.
fn shares_table(visit: &Visit, name: &'static str, caption: &str, head: &str) -> Table {
    let t = PushTexts::of(visit.locale);
    let figures = figure_heads(t);
    let share = format!("#{}", t.share);
    let mut heads = vec![head, &share];
    heads.extend(figures.iter().map(String::as_str));
    Table::new(visit.locale, name, caption, &heads).with_csv(&visit.address)
}

fn shared_row(name: Cell, part: i64, whole: i64, figures: [Cell; 4]) -> Vec<Cell> {
    let share = Cell::text(format::share(part, whole)).share(part, whole);
    [name, share].into_iter().chain(figures).collect()
}

/// The actions of a task.
pub(super) fn actions(visit: &Visit, actions: &[Action]) -> Table {
    let t = PushTexts::of(visit.locale);
    let heads = [t.action, &format!("#{}", t.count)];
    let mut table = Table::new(visit.locale, "actions", t.actions, &heads);
    for action in actions {
        table.push(vec![
            Cell::text(&*action.action_id),
            Cell::number(action.count),
        ]);
    }
    table.with_csv(&visit.address)
}

/// The days of a funnel, the newest first; `address` tells where one leads.
pub(super) fn days_table(
    visit: &Visit,
    days: &[Day],
    address: impl Fn(&str) -> Option<String>,
) -> Table {
    let t = PushTexts::of(visit.locale);
    let figures = figure_heads(t);
    let sendable = format!("#{}", t.sendable);
    let mut heads = vec![t.day, &sendable];
    heads.extend(figures.iter().map(String::as_str));
    let mut table = Table::new(visit.locale, "days", t.by_day, &heads);
    for day in days.iter().rev() {
        let mut name = Cell::text(&*day.day);
        name.address = address(&day.day);
        let channels = &day.channels;
        let has_display = channels.is_empty() || channels.iter().any(|channel| channel.has_display);
        let figures = figure_cells(t, &day.total, has_display);
        let sendable = Cell::number(day.total.msg_num);
        table.push([name, sendable].into_iter().chain(figures).collect());
    }
    table.with_csv(&visit.address)
}

/// The steps of days as lines.
pub(super) fn days_chart(locale: Locale, days: &[Day]) -> String {
    let t = PushTexts::of(locale);
    let line = |name: &str, of: fn(&Figures) -> i64| {
        Line::new(name, days.iter().map(|day| of(&day.total)))
    };
    let chart = Chart {
        title: t.by_day.to_owned(),
        shape: Shape::Lines,
        labels: days.iter().map(|day| day.day.clone()).collect(),
        lines: vec![
            line(t.sent, |figures| figures.target_num),
            line(t.received, |figures| figures.receive_num),
            line(t.displayed, |figures| figures.display_num),
            line(t.clicked, |figures| figures.click_num),
        ],
    };
    chart.markup(locale)
}

/// What was sent by channel and day, as bars: the largest channels, and the rest as one.
pub(super) fn channels_chart(locale: Locale, days: &[Day]) -> String {
    let t = PushTexts::of(locale);
    let mut sums = BTreeMap::<&str, i64>::new();
    for channel in days.iter().flat_map(|day| &day.channels) {
        let sum = sums.entry(&channel.channel).or_default();
        *sum = sum.saturating_add(channel.figures.target_num);
    }
    let mut ranked: Vec<(&str, i64)> = sums.into_iter().filter(|(_, sum)| *sum > 0).collect();
    ranked.sort_by_key(|(_, sum)| std::cmp::Reverse(*sum));
    // One channel more is told apart where the rest would be that one alone.
    let told = if ranked.len() == MOST_LINES + 1 {
        MOST_LINES + 1
    } else {
        MOST_LINES.min(ranked.len())
    };
    let (told, rest) = ranked.split_at(told);
    let sent = |day: &Day, is_in: &dyn Fn(&str) -> bool| {
        let channels = day.channels.iter();
        let channels = channels.filter(|channel| is_in(&channel.channel));
        channels
            .map(|channel| channel.figures.target_num)
            .sum::<i64>()
    };
    let line = |name: &str, is_in: &dyn Fn(&str) -> bool| {
        Line::new(name, days.iter().map(|day| sent(day, is_in)))
    };
    let mut lines: Vec<Line> = told
        .iter()
        .map(|(code, _)| line(names::channel(locale, code), &|of| of == *code))
        .collect();
    if !rest.is_empty() {
        let is_rest = |of: &str| rest.iter().any(|(code, _)| *code == of);
        lines.push(line(t.other_channels, &is_rest));
    }
    let chart = Chart {
        title: t.sent_by_channel.to_owned(),
        shape: Shape::Bars,
        labels: days.iter().map(|day| day.day.clone()).collect(),
        lines,
    };
    chart.markup(locale)
}

/// The figures of days together.
pub(super) fn sum<'a>(days: impl IntoIterator<Item = &'a Day>) -> Figures {
    days.into_iter()
        .fold(Figures::default(), |sum, day| Figures {
            msg_num: sum.msg_num.saturating_add(day.total.msg_num),
            target_num: sum.target_num.saturating_add(day.total.target_num),
            receive_num: sum.receive_num.saturating_add(day.total.receive_num),
            display_num: sum.display_num.saturating_add(day.total.display_num),
            click_num: sum.click_num.saturating_add(day.total.click_num),
        })
}
