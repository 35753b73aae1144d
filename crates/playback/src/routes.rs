//! The wire protocol: both reports, and reading them back.
