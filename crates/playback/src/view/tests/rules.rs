//! Single rules, each with the trace that shows it.
