//! Comparing two stores of views, by meaning.
