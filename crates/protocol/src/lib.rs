//! The wire protocols as pure code: bytes in, typed values or the protocol's own error out.
//!
//! One module per protocol. Nothing here reads a clock, does I/O or draws a random number, so every
//! rule of a protocol can be tried with a table of inputs, and servers and clients share one
//! definition of it.
//!
//! `fields` and `values` are shared by the protocols: together they read a JSON object from
//! untrusted bytes without copying, and say exactly which field is wrong. `percent` decodes the codes of
//! paths, queries, forms and cookies; `multipart` takes the other kind of form apart; `hex` is what it says.

pub mod comm;
pub mod dialogue;
pub mod playback;
pub mod push;

mod fields;
mod hex;
mod multipart;
mod percent;
mod values;
