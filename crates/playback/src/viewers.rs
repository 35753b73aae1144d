//! Numbers of viewers: which number stands for which mid, in the state store alone.
