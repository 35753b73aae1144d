//! Dialogue reports (多人对话举报): encrypted abuse reports of a conversation, and the verdicts that go
//! back.
//!
//! Source: `seed dialogue-report`; what it leaves open is fixed by `spec dialogue-report`. A server
//! reads a [`Request`], checks its sign, opens it with the app's [`Cipher`] and reads the [`Report`];
//! each says no by a [`Refusal`], which is the reply. A [`Verdict`] goes back, signed by a
//! [`CallbackSecret`]. A client writes with [`Report::write`], [`content_text`] and [`report_form`],
//! reads a [`Reply`], and receives with [`CallbackSecret::verify`] and [`Verdict::read`].

mod callback;
mod cipher;
mod code;
mod refusal;
mod reply;
mod report;
mod request;

pub use callback::{
    CallbackSecret, ID_HEADER, MIN_SECRET_BYTES, REVISION_HEADER, SIGNATURE_HEADER,
    TIMESTAMP_HEADER, Verdict,
};
pub use cipher::{
    AesMode, BLOCK_BYTES, BadCipher, CannotDecrypt, Cipher, CipherSettings, IvSetting,
};
pub use code::Code;
pub use refusal::Refusal;
pub use reply::{OTHER_SUCCESS_EC, Reply, ReplyTime, SUCCESS_EC, success_reply};
pub use report::{
    Evidence, Info, InfoKind, MAX_IMAGES, MAX_INFOS, MAX_USERS, Report, User, content_digest,
};
pub use request::{
    MAX_APP_ID_CHARS, MAX_BODY_BYTES, Request, content_text, open_content, report_form, sign,
};

/// Where reports are posted (`seed dialogue-report`).
pub const PATH: &str = "/api/report/multiDialogue";

/// How far a report's `timestamp` may be from now, unless the app sets another window (`spec
/// dialogue-report`: 10 minutes).
pub const DEFAULT_WINDOW_MS: u64 = 600_000;
