//! What play sessions add to the figures of a video: plays, seconds and viewers by day.
