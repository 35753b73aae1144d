//! Login sessions of viewers.
