//! Dialogue reports (多人对话举报): encrypted abuse reports of a conversation become tickets, moderators judge them, and
//! the verdicts go back to who reported, for certain.

pub mod callback;
