//! The bytes of rows.
