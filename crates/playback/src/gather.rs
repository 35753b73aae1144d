//! What a batch tells, taken apart.
