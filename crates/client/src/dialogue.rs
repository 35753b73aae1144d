//! The client of the dialogue reports, and the other end: who receives their verdicts.

mod client;
mod receiver;
mod reply;
mod seen;
mod settings;

pub use client::DialogueClient;
pub use receiver::{Callback, CallbackError, CallbackReceiver, CallbackReceiverBuilder, Received};
pub use settings::DialogueClientBuilder;

pub(crate) use reply::{decode_filed, form_headers};
