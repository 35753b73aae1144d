//! Comparing two stores of views, by meaning: stores number tasks, words and devices as they come.

mod parts;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use reportd_db::{DbError, Tx, Value};
use reportd_journal::{Difference, Rows};

use self::parts::compare_parts;
use crate::deed::What;
use crate::marks::{Deed, Marks};
use crate::numbers::unnumbered;
use crate::schema::TASK_FOUND;

/// The number of no task.
const NONE: i64 = -1;
/// Tasks, and rows of marks, that are in memory at once.
const PAGE: i64 = 500;
const COUNTERS: &[&str] = &["sendable", "sent", "received", "displayed", "clicked"];

/// Tells each difference between what is stored and what was folded anew.
pub(crate) fn compare(
    stored: &mut Tx<'_>,
    folded: &mut Tx<'_>,
    tell: &mut dyn FnMut(Difference),
) -> Result<(), DbError> {
    for rows in [
        tasks(),
        registered(),
        losses(),
        quotas(),
        user_days(),
        online(),
    ] {
        rows.compare((&mut *stored, &[]), (&mut *folded, &[]), tell)?;
    }
    compare_parts(stored, folded, tell)?;
    let mut days = days(stored)?;
    days.append(&mut self::days(folded)?);
    for (app, day) in days {
        let bound = [app.into(), day.into()];
        let rows = day_counts(app);
        rows.compare((&mut *stored, &bound), (&mut *folded, &bound), tell)?;
    }
    compare_tasks(stored, folded, tell)
}

fn rows(
    what: &str,
    table: &'static str,
    condition: &'static str,
    keys: &'static [&'static str],
    values: &'static [&'static str],
) -> Rows {
    Rows {
        what: format!("push {what}:"),
        table,
        condition,
        keys,
        values,
    }
}

fn tasks() -> Rows {
    let values = &[
        "created_at",
        "kind",
        "group_name",
        "prefix_kind",
        "first_at",
        "figures",
    ];
    rows("tasks", "push_task", "", &["app", "task"], values)
}

fn registered() -> Rows {
    // Devices stand first, so that their index gives the order.
    let table = "(SELECT d.app, d.cid, r.at, r.day FROM push_device d CROSS JOIN push_registered r \
                 WHERE r.device = d.id) AS registered";
    rows(
        "registered devices",
        table,
        "",
        &["app", "cid"],
        &["at", "day"],
    )
}

fn losses() -> Rows {
    let keys = &["app", "day", "phase", "channel", "reason"];
    rows("losses by day", "push_day_loss", "", keys, &["n"])
}

fn quotas() -> Rows {
    let keys = &["app", "day", "channel", "quota"];
    rows(
        "quotas",
        "push_quota_count",
        "",
        keys,
        &["sent", "received"],
    )
}

/// A device that was moved to an earlier day leaves a row of nothing behind, in one order of events and not in another.
fn user_days() -> Rows {
    let condition = "(registered <> 0 OR active <> 0)";
    let values = &["registered", "active"];
    rows(
        "users by day",
        "push_user_day",
        condition,
        &["app", "day"],
        values,
    )
}

fn online() -> Rows {
    rows(
        "users online",
        "push_online",
        "users <> 0",
        &["app", "point"],
        &["users"],
    )
}

fn days(tx: &mut Tx<'_>) -> Result<BTreeSet<(i64, i64)>, DbError> {
    let rows = tx.query("SELECT DISTINCT app, day FROM push_day_count", &[])?;
    rows.iter()
        .map(|row| Ok((row.int(0)?, row.int(1)?)))
        .collect()
}

fn day_counts(app: i64) -> Rows {
    let table = "(SELECT c.app, c.day, COALESCE(w.word, '') AS brand, c.channel, c.sendable, c.sent, c.received, \
                 c.displayed, c.clicked FROM push_day_count c LEFT JOIN push_word w ON w.id = c.brand) AS counts";
    let condition = "app = $1 AND day = $2";
    rows(
        &format!("counts of app {app} by day"),
        table,
        condition,
        &["day", "brand", "channel"],
        COUNTERS,
    )
}

/// Compares what is counted and marked of each task. Tasks that only one store has were told before.
fn compare_tasks(
    stored: &mut Tx<'_>,
    folded: &mut Tx<'_>,
    tell: &mut dyn FnMut(Difference),
) -> Result<(), DbError> {
    let mut after = (NONE, String::new());
    loop {
        let sql = "SELECT app, task, id FROM push_task WHERE (app, task) > ($1, $2) ORDER BY app, task LIMIT $3";
        let page = stored.query(sql, &[after.0.into(), (&after.1).into(), PAGE.into()])?;
        let page: Result<Vec<_>, DbError> = (page.into_iter())
            .map(|mut row| Ok((row.int(0)?, row.take_text(1)?, row.int(2)?)))
            .collect();
        let page = page?;
        let keys: Vec<[Value<'_>; 2]> = (page.iter())
            .map(|(app, task, _)| [(*app).into(), task.into()])
            .collect();
        for ((_, task, left), row) in page.iter().zip(folded.find(&TASK_FOUND, &keys)?) {
            let right = row.map_or(Ok(NONE), |row| row.int(0))?;
            compare_task(task, (stored, *left), (folded, right), tell)?;
        }
        match page.into_iter().next_back() {
            Some((app, task, _)) => after = (app, task),
            None => return Ok(()),
        }
    }
}

fn compare_task(
    task: &str,
    (stored, left): (&mut Tx<'_>, i64),
    (folded, right): (&mut Tx<'_>, i64),
    tell: &mut dyn FnMut(Difference),
) -> Result<(), DbError> {
    let what = |what: &str| format!("{what} of task {task}");
    let counts = "(SELECT c.task, COALESCE(w.word, '') AS brand, c.channel, c.sendable, c.sent, c.received, c.displayed, \
                  c.clicked FROM push_task_count c LEFT JOIN push_word w ON w.id = c.brand) AS counts";
    let actions = "(SELECT a.task, w.word AS action, a.n FROM push_task_action a JOIN push_word w ON w.id = a.action) AS actions";
    let losses = &["phase", "channel", "reason"];
    for rows in [
        rows(
            &what("counts"),
            counts,
            "task = $1",
            &["brand", "channel"],
            COUNTERS,
        ),
        rows(
            &what("days"),
            "push_task_day",
            "task = $1",
            &["day"],
            COUNTERS,
        ),
        rows(&what("actions"), actions, "task = $1", &["action"], &["n"]),
        rows(
            &what("losses"),
            "push_task_loss",
            "task = $1",
            losses,
            &["n"],
        ),
    ] {
        let (left, right) = ([left.into()], [right.into()]);
        rows.compare((&mut *stored, &left), (&mut *folded, &right), tell)?;
    }
    let (left, right) = (marked(stored, left)?, marked(folded, right)?);
    if left != right {
        let count = |marked: &Marked| Some(marked.values().sum::<i64>().to_string());
        tell(Difference {
            what: format!("push {}:", what("marks")),
            stored: count(&left),
            folded: count(&right),
        });
    }
    Ok(())
}

/// How many devices did each deed of a task: by row, day and code, without its word, and that.
type Marked = BTreeMap<(i64, i64, u64, String), i64>;

fn marked(tx: &mut Tx<'_>, task: i64) -> Result<Marked, DbError> {
    let mut deeds = BTreeMap::<(i64, Deed), i64>::new();
    let mut after = (NONE, NONE);
    loop {
        let sql = "SELECT stage, part, marks FROM push_mark WHERE task = $1 AND (stage, part) > ($2, $3) \
                   ORDER BY stage, part LIMIT $4";
        let page = tx.query(
            sql,
            &[task.into(), after.0.into(), after.1.into(), PAGE.into()],
        )?;
        if page.is_empty() {
            break;
        }
        for mut row in page {
            let bytes = row.take_bytes(2)?;
            after = (row.int(0)?, row.int(1)?);
            let marks = Marks::decode(&bytes)
                .ok_or_else(|| DbError::Corrupt("marks that cannot be read".to_owned()))?;
            for (deed, devices) in marks.iter() {
                *deeds.entry((after.0, deed)).or_default() += devices.count();
            }
        }
    }
    let named = deeds.into_iter().map(|((stage, deed), count)| {
        let what = What::read(stage, deed.what).ok_or_else(unnumbered)?;
        let word = match what.word() {
            None => String::new(),
            Some(word) => {
                let sql = "SELECT word FROM push_word WHERE id = $1";
                let row = tx.query_first(sql, &[word.into()])?;
                row.map_or(Ok(String::new()), |mut row| row.take_text(0))?
            }
        };
        let what = what.with_word(0);
        Ok(((what.row(), deed.day, what.code(), word), count))
    });
    named.collect()
}
