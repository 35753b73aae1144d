//! Settings of an app for playback.
