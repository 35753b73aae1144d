//! The catalogue of a site: titles, covers and durations of videos, in the state store.
