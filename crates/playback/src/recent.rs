//! The newest beats of viewers, as folds hand them to all nodes.
