//! From a report that is in order to an entry that is durable.
