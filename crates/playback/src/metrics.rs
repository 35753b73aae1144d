//! What this room counts.
