//! What the read endpoints answer.
