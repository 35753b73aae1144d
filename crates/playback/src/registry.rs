//! Settings and session keys of each app, in memory for every request.
