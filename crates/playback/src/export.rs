//! Raw reports, a row each.
