//! What the rows of several reads have in common.

use reportd_db::{DbError, Row, Value};
use reportd_protocol::playback::{Business, EntryPlace};

use crate::watch::facts::{business_code, business_of};

/// Placeholders for `numbers` behind `$before`, and their values. Their count is a power of two, so that there are few
/// different statements: the last one stands for those that are missing.
pub(crate) fn list(numbers: &[i64], before: usize) -> (String, Vec<Value<'static>>) {
    let count = numbers.len().max(1).next_power_of_two();
    let last = numbers.last().copied().unwrap_or(0);
    let places: Vec<String> = (1..=count)
        .map(|place| format!("${}", before + place))
        .collect();
    let padded = numbers.iter().copied().chain(std::iter::repeat(last));
    (
        places.join(", "),
        padded.take(count).map(Value::from).collect(),
    )
}

/// The place of an entry: view_at, number and business from `column` on.
pub(super) fn place(row: &Row, column: usize) -> Result<EntryPlace, DbError> {
    let business = u8::try_from(row.int(column + 2)?).ok();
    let business = business.and_then(business_of);
    Ok(EntryPlace {
        view_at_s: row.int(column)?,
        number: row.int(column + 1)?,
        business: business.ok_or_else(|| unknown("business"))?,
    })
}

/// A business as it stands in the column.
pub(super) fn business_number(business: Business) -> i64 {
    business_code(business).into()
}

pub(super) fn unknown(what: &str) -> DbError {
    DbError::Corrupt(format!("playback views: an unknown {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_business_is_stored_as_its_place() {
        for (place, business) in (0..).zip(Business::ALL) {
            assert_eq!(business_number(business), place);
        }
    }

    #[test]
    fn lists_have_few_lengths() {
        assert_eq!(list(&[], 1), ("$2".to_owned(), vec![0_i64.into()]));
        let (places, values) = list(&[5, 6, 7], 0);
        assert_eq!(places, "$1, $2, $3, $4");
        assert_eq!(values, [5_i64, 6, 7, 7].map(Value::from));
    }
}
