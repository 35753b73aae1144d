//! The API of a site: figures, one viewer, the catalogue, sessions and keys.
