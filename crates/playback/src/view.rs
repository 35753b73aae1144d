//! The fold of playback reports.
