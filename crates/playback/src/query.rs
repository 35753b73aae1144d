//! Reads over the views.
