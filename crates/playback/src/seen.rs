//! What is known of a viewer as a whole: deletes, erasure, and when they were viewing.
