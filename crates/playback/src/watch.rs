//! Where a viewer is in a video.
