//! What folds hand on to all nodes.
