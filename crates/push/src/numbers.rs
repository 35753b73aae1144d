//! Numbers of names: the store gives each device and each word of an app a number, once. Those that were met lately are
//! remembered.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use reportd_db::{DbError, Table, Tx, Value};
use reportd_platform::AppNo;

type Known = HashMap<AppNo, HashMap<Box<str>, i64, RandomState>, RandomState>;

/// The numbers of names of one sort.
pub(crate) struct Numbers {
    /// Where a new name goes in.
    new: &'static Table,
    /// Where its number is found.
    found: &'static Table,
    /// Names that are remembered, at most twice as many.
    most: usize,
    young: Known,
    young_len: usize,
    old: Known,
    /// Learnt in a transaction that is not committed yet.
    learnt: Vec<(AppNo, Box<str>, i64)>,
}

impl Numbers {
    /// Numbers of the rows of a table, as it takes new ones and tells their number.
    pub(crate) fn new(new: &'static Table, found: &'static Table, most: usize) -> Self {
        Self {
            new,
            found,
            most,
            young: Known::default(),
            young_len: 0,
            old: Known::default(),
            learnt: Vec::new(),
        }
    }

    /// Forgets what the last transaction taught: it may not have been committed. What was learnt before is of commits that
    /// were told.
    pub(crate) fn forget(&mut self) {
        self.learnt.clear();
    }

    /// The transaction was committed.
    pub(crate) fn committed(&mut self) {
        for (app, name, number) in std::mem::take(&mut self.learnt) {
            if self.young_len >= self.most {
                self.old = std::mem::take(&mut self.young);
                self.young_len = 0;
            }
            self.young.entry(app).or_default().insert(name, number);
            self.young_len += 1;
        }
    }

    /// The numbers of names, none of which comes twice; new ones are made.
    pub(crate) fn resolve(
        &mut self,
        tx: &mut Tx<'_>,
        names: &[(AppNo, &str)],
    ) -> Result<Vec<i64>, DbError> {
        self.learnt.clear();
        let mut numbers = vec![0; names.len()];
        let mut unknown = Vec::new();
        for (place, &(app, name)) in names.iter().enumerate() {
            let known =
                |known: &Known| known.get(&app).and_then(|of_app| of_app.get(name)).copied();
            if let Some(number) = known(&self.young) {
                numbers[place] = number;
            } else if let Some(number) = known(&self.old) {
                numbers[place] = number;
                self.learnt.push((app, name.into(), number));
            } else {
                unknown.push(place);
            }
        }
        // Looked for first: on PostgreSQL a number is drawn for each row that is offered, taken or not, and devices whose
        // numbers are far apart share no part.
        let missing = self.look_up(tx, names, &unknown, &mut numbers)?;
        if !missing.is_empty() {
            let rows: Vec<[Value<'_>; 2]> =
                missing.iter().map(|&place| key(names[place])).collect();
            tx.insert_new(self.new, &rows)?;
            let lost = self.look_up(tx, names, &missing, &mut numbers)?;
            if !lost.is_empty() {
                return Err(unnumbered());
            }
        }
        Ok(numbers)
    }

    /// Fills in the numbers of the names at these places; returns the places of those that have none.
    fn look_up(
        &mut self,
        tx: &mut Tx<'_>,
        names: &[(AppNo, &str)],
        places: &[usize],
        numbers: &mut [i64],
    ) -> Result<Vec<usize>, DbError> {
        let keys: Vec<[Value<'_>; 2]> = places.iter().map(|&place| key(names[place])).collect();
        let mut missing = Vec::new();
        for (&place, row) in places.iter().zip(tx.find(self.found, &keys)?) {
            let Some(row) = row else {
                missing.push(place);
                continue;
            };
            let ((app, name), number) = (names[place], row.int(0)?);
            numbers[place] = number;
            self.learnt.push((app, name.into(), number));
        }
        Ok(missing)
    }
}

/// The number of the name at a place.
pub(crate) fn number(numbers: &[i64], place: u32) -> Result<i64, DbError> {
    numbers.get(place as usize).copied().ok_or_else(unnumbered)
}

/// A name without a number: a fault of this program or of the store, never of what was sent.
pub(crate) fn unnumbered() -> DbError {
    DbError::Statement("push reports: a task, device or word has no number".to_owned())
}

fn key((app, name): (AppNo, &str)) -> [Value<'_>; 2] {
    [app.into(), name.into()]
}
