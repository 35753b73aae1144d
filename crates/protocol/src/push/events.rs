//! Reads the feed `push/events`: NDJSON or a JSON array of events, told by the first byte.

use std::borrow::Cow;

use super::channel::Channel;
use super::cids::{CidList, Cids};
use super::event::Event;
use super::feed::{
    self, Accepted, FeedError, MAX_EVENTS, Place, read_integer_or_text, read_name, read_text,
};
use super::phase::Phase;
use super::quota::Quota;
use super::reason::Reason;
use super::stage::Stage;
use super::task_kind::TaskKind;
use super::{MAX_BRAND_CHARS, MAX_CID_CHARS, MAX_GROUP_NAME_CHARS};
use crate::fields::{FieldError, Fields};
use crate::values::{self, Problem};

const NAMES: [&str; 14] = [
    "type",
    "taskid",
    "cid",
    "cids",
    "channel",
    "brand",
    "quota",
    "phase",
    "reason",
    "action_id",
    "kind",
    "group_name",
    "created_at",
    "at",
];
const TYPE: usize = 0;
const TASK_ID: usize = 1;
const CID: usize = 2;
const CIDS: usize = 3;
const CHANNEL: usize = 4;
const BRAND: usize = 5;
const QUOTA: usize = 6;
const PHASE: usize = 7;
const REASON: usize = 8;
const ACTION_ID: usize = 9;
const KIND: usize = 10;
const GROUP_NAME: usize = 11;
const CREATED_AT: usize = 12;
const AT: usize = 13;

/// Reads a body and hands each event to `take`, in order, borrowing from the body. Nothing counts
/// unless the whole is right: what `take` gathered is to be dropped on an error.
///
/// The body is NDJSON or an array, told by its first byte that is not white space. Empty lines are
/// skipped; an empty body holds no events. Fields that a type does not have are not looked at; those
/// that no type has are counted. A `null` is an absent field.
///
/// # Errors
/// The first place that is wrong, and what: not JSON, not an object, a field missing, of another
/// type, unknown or too long; a time more than 10 minutes after `now_ms`; more than
/// [`MAX_EVENTS`], each cid of `cids` being one.
///
/// ```
/// use reportd_protocol::push::{Event, read_events};
///
/// let body = br#"[{"type":"online","cid":"c1","at":1763700000000}]"#;
/// let mut cids = Vec::new();
/// let accepted = read_events(body, 1_763_700_000_000, |event| {
///     if let Event::Presence { cid, .. } = event {
///         cids.push(cid);
///     }
/// });
/// assert_eq!(accepted.unwrap().events, 1);
/// assert_eq!(cids, ["c1"]);
///
/// let error = read_events(b"\n{\"type\":\"gone\"}", 0, |_| {}).unwrap_err();
/// assert!(error.to_string().starts_with("line 2: type: expected "));
/// ```
pub fn read_events<'a>(
    body: &'a [u8],
    now_ms: i64,
    mut take: impl FnMut(Event<'a>),
) -> Result<Accepted, FeedError> {
    let text = feed::text(body)?;
    let mut accepted = Accepted::default();
    let each = |place: Place, fields: &Fields<'a, { NAMES.len() }>| {
        let event = Reader { fields, now_ms }.event();
        let event = event.map_err(|at_fault| at_fault.at(place))?;
        accepted.events = accepted.events.saturating_add(event.count());
        if accepted.events > MAX_EVENTS {
            let problem = format!("more than {MAX_EVENTS} events in one request");
            return Err(place.object(problem));
        }
        accepted.unknown_fields = accepted.unknown_fields.saturating_add(fields.unknown());
        take(event);
        Ok(())
    };
    if feed::is_array(text) {
        feed::read_array(text, &NAMES, each)?;
    } else {
        feed::read_lines(text, &NAMES, each)?;
    }
    Ok(accepted)
}

/// What is wrong with an event.
enum AtFault {
    Field(FieldError),
    Cid(u32, Problem),
}

impl From<FieldError> for AtFault {
    fn from(error: FieldError) -> Self {
        Self::Field(error)
    }
}

impl AtFault {
    fn at(self, place: Place) -> FeedError {
        match self {
            Self::Field(error) => place.field(error),
            Self::Cid(index, problem) => place.field(format_args!("cids[{index}]: {problem}")),
        }
    }
}

/// The types of events on the wire.
enum Type {
    Task,
    Sendable,
    Reached(Stage),
    Action,
    Lost,
    Device,
    Presence(bool),
}

impl Type {
    fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "task" => Self::Task,
            "sendable" => Self::Sendable,
            "sent" => Self::Reached(Stage::Sent),
            "received" => Self::Reached(Stage::Received),
            "displayed" => Self::Reached(Stage::Displayed),
            "clicked" => Self::Reached(Stage::Clicked),
            "action" => Self::Action,
            "lost" => Self::Lost,
            "device" => Self::Device,
            "online" => Self::Presence(true),
            "offline" => Self::Presence(false),
            _ => return None,
        })
    }

    /// Whether `cids` may stand in place of `cid`.
    const fn is_bulk(&self) -> bool {
        matches!(
            self,
            Self::Sendable | Self::Reached(Stage::Sent) | Self::Lost
        )
    }
}

struct Reader<'f, 'a> {
    fields: &'f Fields<'a, { NAMES.len() }>,
    now_ms: i64,
}

impl<'a> Reader<'_, 'a> {
    fn event(&self) -> Result<Event<'a>, AtFault> {
        self.fields.refuse_repeated()?;
        let kind = self.name(
            TYPE,
            Type::from_name,
            "task, sendable, sent, received, displayed, clicked, action, lost, device, online or \
             offline",
        )?;
        if !kind.is_bulk() && self.fields.raw(CIDS).is_some() {
            return Err(self.refused(CIDS, "only sendable, sent and lost take a list"));
        }
        Ok(match kind {
            Type::Task => self.task()?,
            Type::Sendable => Event::Sendable {
                task_id: self.task_id()?,
                cids: self.cids()?,
                at_ms: self.time(AT)?,
            },
            Type::Reached(stage) => self.reached(stage)?,
            Type::Action => Event::Action {
                task_id: self.task_id()?,
                cid: self.cid()?,
                action_id: self.fields.required(ACTION_ID, feed::read_action_id)?,
                at_ms: self.time(AT)?,
            },
            Type::Lost => self.lost()?,
            Type::Device => Event::Device {
                cid: self.cid()?,
                brand: self.optional_text(BRAND, MAX_BRAND_CHARS)?,
                at_ms: self.time(AT)?,
            },
            Type::Presence(is_online) => Event::Presence {
                is_online,
                cid: self.cid()?,
                at_ms: self.time(AT)?,
            },
        })
    }

    fn task(&self) -> Result<Event<'a>, AtFault> {
        Ok(Event::Task {
            task_id: self.task_id()?,
            kind: self.name(KIND, TaskKind::from_name, "list, app or single")?,
            group_name: self.optional_text(GROUP_NAME, MAX_GROUP_NAME_CHARS)?,
            created_at_ms: self.time(CREATED_AT)?,
        })
    }

    fn reached(&self, stage: Stage) -> Result<Event<'a>, AtFault> {
        let task_id = self.task_id()?;
        let cids = self.cids()?;
        let channel = self.name(CHANNEL, Channel::from_name, Channel::EXPECTED)?;
        // Of the other stages it is a field that is not looked at.
        let quota = match stage {
            Stage::Sent | Stage::Received => self.fields.optional(QUOTA, |text| {
                let find = |name: &str| Quota::from_name(channel, name);
                read_name(text, find, "a quota kind of the channel")
            })?,
            Stage::Displayed | Stage::Clicked => None,
        };
        Ok(Event::Reached {
            stage,
            task_id,
            cids,
            channel,
            brand: self.optional_text(BRAND, MAX_BRAND_CHARS)?,
            quota,
            at_ms: self.time(AT)?,
        })
    }

    fn lost(&self) -> Result<Event<'a>, AtFault> {
        let read_reason = |text| {
            const EXPECTED: Problem = Problem::Expected("a reason of the table");
            let code = read_integer_or_text(text).map_err(|_| EXPECTED)?;
            Reason::from_code(code).ok_or(EXPECTED)
        };
        Ok(Event::Lost {
            task_id: self.task_id()?,
            cids: self.cids()?,
            channel: self.name(CHANNEL, Channel::from_name, Channel::EXPECTED)?,
            phase: self.name(PHASE, Phase::from_name, "ts, rs, sf or fd")?,
            reason: self.fields.required(REASON, read_reason)?,
            at_ms: self.time(AT)?,
        })
    }

    fn task_id(&self) -> Result<Cow<'a, str>, AtFault> {
        Ok(self.fields.required(TASK_ID, feed::read_task_id)?)
    }

    fn cid(&self) -> Result<Cow<'a, str>, AtFault> {
        let read = |text| read_text(text, MAX_CID_CHARS);
        Ok(self.fields.required(CID, read)?)
    }

    /// `cid`, or `cids` of a type that may have them.
    fn cids(&self) -> Result<Cids<'a>, AtFault> {
        let Some(list) = self.fields.raw(CIDS) else {
            return self.cid().map(Cids::One);
        };
        if self.fields.raw(CID).is_some() {
            return Err(self.refused(CIDS, "given together with cid"));
        }
        match CidList::read(list) {
            Ok(list) => Ok(Cids::Many(list)),
            Err((Some(index), problem)) => Err(AtFault::Cid(index, problem)),
            Err((None, problem)) => Err(self.error(CIDS, problem)),
        }
    }

    fn time(&self, slot: usize) -> Result<i64, AtFault> {
        let read = |text| feed::check_time(values::integer(text)?, self.now_ms);
        Ok(self.fields.required(slot, read)?)
    }

    fn name<T>(
        &self,
        slot: usize,
        find: impl FnOnce(&str) -> Option<T>,
        expected: &'static str,
    ) -> Result<T, AtFault> {
        let read = |text| read_name(text, find, expected);
        Ok(self.fields.required(slot, read)?)
    }

    /// A text that may be absent; an empty one is absent.
    fn optional_text(
        &self,
        slot: usize,
        max_chars: usize,
    ) -> Result<Option<Cow<'a, str>>, AtFault> {
        let read = |text| values::string(text, max_chars);
        let text = self.fields.optional(slot, read)?;
        Ok(text.filter(|text| !text.is_empty()))
    }

    fn refused(&self, slot: usize, why: &'static str) -> AtFault {
        self.error(slot, Problem::Refused(why))
    }

    fn error(&self, slot: usize, problem: Problem) -> AtFault {
        AtFault::Field(FieldError {
            name: NAMES[slot],
            problem,
        })
    }
}
