//! Dialogue reports (多人对话举报): encrypted abuse reports of a conversation, and the verdicts that go
//! back.
//!
//! Source: `seed dialogue-report`; what it leaves open is fixed by `spec dialogue-report`.

mod cipher;

pub use cipher::{
    AesMode, BLOCK_BYTES, BadCipher, CannotDecrypt, Cipher, CipherSettings, IvSetting,
};
