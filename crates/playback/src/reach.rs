//! How far play sessions got: sparse histograms in few bytes.
