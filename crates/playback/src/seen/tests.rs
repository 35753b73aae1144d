//! Deletes and their bytes.
