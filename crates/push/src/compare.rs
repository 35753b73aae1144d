//! Comparing two stores of views.

use reportd_db::{DbError, Tx};
use reportd_journal::Difference;

/// Tells each difference between what is stored and what was folded anew.
pub(crate) fn compare(
    _stored: &mut Tx<'_>,
    _folded: &mut Tx<'_>,
    _tell: &mut dyn FnMut(Difference),
) -> Result<(), DbError> {
    Ok(())
}
