//! Dialogue reports (多人对话举报): encrypted abuse reports of a conversation, and the verdicts that go
//! back.
//!
//! Source: `seed dialogue-report`; what it leaves open is fixed by `spec dialogue-report`.

mod cipher;
mod code;
mod refusal;
mod report;
mod request;

pub use cipher::{
    AesMode, BLOCK_BYTES, BadCipher, CannotDecrypt, Cipher, CipherSettings, IvSetting,
};
pub use code::Code;
pub use refusal::Refusal;
pub use report::{
    Evidence, Info, InfoKind, MAX_IMAGES, MAX_INFOS, MAX_USERS, Report, User, content_digest,
};
pub use request::{
    MAX_APP_ID_CHARS, MAX_BODY_BYTES, Request, content_text, open_content, report_form, sign,
};

/// Where reports are posted (`seed dialogue-report`).
pub const PATH: &str = "/api/report/multiDialogue";
