//! Reads the feed `push/receipts`: the vendor's receipts, one JSON object a line.
//!
//! Gateways in the field differ in whether ids and numbers come as texts: `msgid`, `code`,
//! `actionId` and `recvtime` are taken either way, and a sign in any case of letters.

use std::borrow::Cow;

use subtle::ConstantTimeEq;

use super::channel::Channel;
use super::feed::{
    self, Accepted, FeedError, FeedErrorKind, MAX_EVENTS, Place, read_integer_or_text, read_name,
    read_text, read_text_or_integer,
};
use super::receipt::{Receipt, receipt_sign};
use super::{MAX_CID_CHARS, MAX_DESC_CHARS, MAX_MSG_ID_CHARS};
use crate::fields::{FieldError, Fields};
use crate::values::{self, Problem};

const NAMES: [&str; 10] = [
    "appid", "cid", "taskid", "msgid", "code", "desc", "sign", "actionId", "recvtime", "channel",
];
const APP_ID: usize = 0;
const CID: usize = 1;
const TASK_ID: usize = 2;
const MSG_ID: usize = 3;
const CODE: usize = 4;
const DESC: usize = 5;
const SIGN: usize = 6;
const ACTION_ID: usize = 7;
const TIME: usize = 8;
const CHANNEL: usize = 9;

/// The app whose receipts are read.
#[derive(Clone, Copy)]
pub struct ReceiptApp<'s> {
    /// Its id, as in the path.
    pub app_id: &'s str,
    /// Its master secrets: two while one is being rotated.
    pub master_secrets: &'s [&'s str],
}

/// Reads a body and hands each receipt to `take`, in order, borrowing from the body. Nothing counts
/// unless the whole is right. Empty lines are skipped; `desc` and `channel` may be absent.
///
/// # Errors
/// The first line that is wrong, and what: of kind [`FeedErrorKind::BadSign`] if its sign is not by
/// one of the app's secrets; else not JSON, a field missing, of another type, unknown or too long,
/// an `appid` other than the path's, a `recvtime` more than 10 minutes after `now_ms`, more than
/// [`MAX_EVENTS`] lines.
pub fn read_receipts<'a>(
    body: &'a [u8],
    app: ReceiptApp<'_>,
    now_ms: i64,
    mut take: impl FnMut(Receipt<'a>),
) -> Result<Accepted, FeedError> {
    let mut accepted = Accepted::default();
    feed::read_lines(feed::text(body)?, &NAMES, |place, fields| {
        if accepted.events == MAX_EVENTS {
            let problem = format!("more than {MAX_EVENTS} receipts in one request");
            return Err(place.object(problem));
        }
        let receipt = read(fields, app.app_id, now_ms).map_err(|error| place.field(error))?;
        check_sign(fields, &receipt, app, place)?;
        accepted.events += 1;
        accepted.unknown_fields = accepted.unknown_fields.saturating_add(fields.unknown());
        take(receipt);
        Ok(())
    })?;
    Ok(accepted)
}

fn read<'a>(
    fields: &Fields<'a, { NAMES.len() }>,
    app_id: &str,
    now_ms: i64,
) -> Result<Receipt<'a>, FieldError> {
    fields.refuse_repeated()?;
    fields.required(APP_ID, |text| match values::string(text, 64) {
        Ok(found) if found == app_id => Ok(()),
        Ok(_) | Err(Problem::TooLong(_)) => Err(Problem::Refused("not the app of the path")),
        Err(problem) => Err(problem),
    })?;
    Ok(Receipt {
        cid: fields.required(CID, |text| read_text(text, MAX_CID_CHARS))?,
        task_id: fields.required(TASK_ID, feed::read_task_id)?,
        msg_id: fields.required(MSG_ID, |text| read_text_or_integer(text, MAX_MSG_ID_CHARS))?,
        code: fields.required(CODE, read_integer_or_text)?,
        desc: fields
            .optional(DESC, |text| values::scalar_text(text, MAX_DESC_CHARS))?
            .unwrap_or(Cow::Borrowed("")),
        action_id: fields.required(ACTION_ID, feed::read_action_id)?,
        at_ms: fields.required(TIME, |text| {
            feed::check_time(read_integer_or_text(text)?, now_ms)
        })?,
        channel: fields.optional(CHANNEL, |text| {
            read_name(text, Channel::from_name, Channel::EXPECTED)
        })?,
    })
}

/// The sign is over the texts of the ids. How long it takes does not depend on the sign that was
/// sent.
fn check_sign(
    fields: &Fields<'_, { NAMES.len() }>,
    receipt: &Receipt<'_>,
    app: ReceiptApp<'_>,
    place: Place,
) -> Result<(), FeedError> {
    let sent = fields
        .required(SIGN, |text| read_text(text, 64))
        .map_err(|error| place.field(error))?
        .to_ascii_lowercase();
    let (cid, task_id, msg_id) = (&receipt.cid, &receipt.task_id, &receipt.msg_id);
    let is_signed = app.master_secrets.iter().fold(false, |is_signed, secret| {
        let expected = receipt_sign(app.app_id, cid, task_id, msg_id, secret);
        is_signed | bool::from(sent.as_bytes().ct_eq(expected.as_bytes()))
    });
    if is_signed {
        return Ok(());
    }
    let mut error = place.field("sign: not by the app's master secret");
    error.kind = FeedErrorKind::BadSign;
    Err(error)
}
