//! Counting by hand: what each report says of a few events.
