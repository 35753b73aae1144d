//! Play sessions of a viewer at a part.

use reportd_journal::{Reader, put_bytes, put_signed, put_unsigned};
use reportd_protocol::playback::meaning::{
    FirstBeat, JoinedSessions, Newest, OrderKey, PlaySession, PlayedClaim, QUARTER_MS, QuarterSet,
};

use crate::seen::code::{NO_KEY, put_key, put_position, read_flags, read_key, read_position};

/// The play sessions of one name at a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Plays {
    /// Those without a name.
    Joined(JoinedSessions),
    /// The one of a name; `None` before its first beat is known.
    Named(Option<PlaySession>),
}

impl Plays {
    /// None yet, of this `session`: 0 is without a name.
    pub(crate) fn none(session: i64) -> Self {
        match session {
            UNNAMED => Self::Joined(JoinedSessions::default()),
            _ => Self::Named(None),
        }
    }

    /// Adds what beats say, each a session of one beat.
    pub(crate) fn add<'b>(&mut self, beats: impl Iterator<Item = &'b PlaySession>) {
        match self {
            Self::Joined(sessions) => sessions.merge(JoinedSessions::join(beats.cloned())),
            Self::Named(session) => {
                for beat in beats {
                    match session {
                        Some(session) => session.merge(beat),
                        None => *session = Some(beat.clone()),
                    }
                }
            }
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &PlaySession> {
        let (joined, named) = match self {
            Self::Joined(sessions) => (Some(sessions), None),
            Self::Named(session) => (None, session.as_ref()),
        };
        joined
            .into_iter()
            .flat_map(JoinedSessions::iter)
            .chain(named)
    }

    /// The newest beat of all of them.
    pub(crate) fn newest(&self) -> Option<OrderKey> {
        self.iter().map(|session| session.last.key).max()
    }

    /// Their bytes in a row of their own.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(32);
        self.put(&mut bytes, NO_KEY);
        bytes
    }

    /// Reads what [`Self::encode`] wrote; `None` if it is nothing of that.
    pub(crate) fn decode(bytes: &[u8], session: i64) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let plays = Self::read(&mut reader, session, NO_KEY)?;
        reader.is_empty().then_some(plays)
    }

    /// Writes them; `from` is a key that the reader knows and is near to theirs.
    pub(crate) fn put(&self, bytes: &mut Vec<u8>, mut from: OrderKey) {
        if let Self::Joined(_) = self {
            put_unsigned(bytes, self.iter().count() as u64);
        }
        // The newest first: it is the one that is near.
        let sessions: Vec<_> = self.iter().collect();
        for session in sessions.into_iter().rev() {
            put_session(bytes, from, session);
            from = session.last.key;
        }
    }

    /// Reads what [`Self::put`] wrote of this `session`.
    pub(crate) fn read(reader: &mut Reader<'_>, session: i64, mut from: OrderKey) -> Option<Self> {
        if session != UNNAMED {
            return read_session(reader, from).map(|session| Self::Named(Some(session)));
        }
        let count = reader.unsigned()?;
        let mut sessions = Vec::new();
        for _ in 0..count {
            let session = read_session(reader, from)?;
            from = session.last.key;
            sessions.push(session);
        }
        Some(Self::Joined(JoinedSessions::join(sessions)))
    }
}

/// In the place of a session's name where it has none.
pub(crate) const UNNAMED: i64 = 0;

/// The last beat is the one that the key is told from.
const LAST_IS_FROM: u8 = 1;
/// The first beat is the last one.
const FIRST_IS_LAST: u8 = 1 << 1;
/// The last position is the furthest.
const LAST_IS_FURTHEST: u8 = 1 << 2;
const HAS_REALTIME: u8 = 1 << 3;
const HAS_REAL_PLAYED: u8 = 1 << 4;
/// The quarter-minutes are all from the first beat to the last.
const QUARTERS_ARE_ALL: u8 = 1 << 5;
const HAS_QUARTERS: u8 = 1 << 6;
const KNOWN_FLAGS: u8 = (1 << 7) - 1;

const DAY_MS: i64 = 86_400_000;

fn put_session(bytes: &mut Vec<u8>, from: OrderKey, session: &PlaySession) {
    let (first, last) = (session.first, session.last);
    let mut flags = 0;
    let mut flag = |holds: bool, bit: u8| {
        if holds {
            flags |= bit;
        }
        holds
    };
    let last_is_from = flag(last.key == from, LAST_IS_FROM);
    let first_is_last = flag(first.key == last.key, FIRST_IS_LAST);
    let last_is_furthest = flag(last.value == session.furthest, LAST_IS_FURTHEST);
    match session.claim {
        Some(PlayedClaim::Realtime(_)) => flag(true, HAS_REALTIME),
        Some(PlayedClaim::RealPlayed(_)) => flag(true, HAS_REAL_PLAYED),
        None => false,
    };
    let has_quarters = !session.quarters.is_empty();
    let quarters = session.quarters.to_bytes();
    let are_all = has_quarters && quarters == all_quarters(session.first_ms(), session.last_ms());
    flag(are_all, QUARTERS_ARE_ALL);
    flag(has_quarters && !are_all, HAS_QUARTERS);
    bytes.push(flags);
    if !last_is_from {
        put_key(bytes, from, last.key);
    }
    if !first_is_last {
        put_key(bytes, last.key, first.key);
    }
    put_signed(bytes, first.day - session.first_ms().div_euclid(DAY_MS));
    put_position(bytes, last.value);
    if !last_is_furthest {
        put_position(bytes, session.furthest);
    }
    if let Some(claim) = session.claim {
        put_unsigned(bytes, u64::from(claim.seconds()));
    }
    if has_quarters && !are_all {
        put_bytes(bytes, &quarters);
    }
}

fn read_session(reader: &mut Reader<'_>, from: OrderKey) -> Option<PlaySession> {
    let flags = read_flags(reader, KNOWN_FLAGS)?;
    let has = |bit: u8| flags & bit != 0;
    let key = if has(LAST_IS_FROM) {
        from
    } else {
        read_key(reader, from)?
    };
    let first = if has(FIRST_IS_LAST) {
        key
    } else {
        read_key(reader, key)?
    };
    let day = first.received_at_ms.div_euclid(DAY_MS);
    let day = day.checked_add(reader.signed()?)?;
    let value = read_position(reader)?;
    let furthest = if has(LAST_IS_FURTHEST) {
        value
    } else {
        read_position(reader)?
    };
    let mut seconds = || reader.unsigned().and_then(|s| u32::try_from(s).ok());
    let claim = match (has(HAS_REALTIME), has(HAS_REAL_PLAYED)) {
        (false, false) => None,
        (true, false) => Some(PlayedClaim::Realtime(seconds()?)),
        (false, true) => Some(PlayedClaim::RealPlayed(seconds()?)),
        (true, true) => return None,
    };
    let quarters = if has(QUARTERS_ARE_ALL) {
        QuarterSet::from_bytes(&all_quarters(first.received_at_ms, key.received_at_ms))?
    } else if has(HAS_QUARTERS) {
        QuarterSet::from_bytes(reader.bytes()?)?
    } else {
        QuarterSet::default()
    };
    Some(PlaySession {
        first: FirstBeat { key: first, day },
        last: Newest { key, value },
        furthest,
        claim,
        quarters,
    })
}

/// The bytes of the set of all quarter-minutes from one time to another.
fn all_quarters(first_ms: i64, last_ms: i64) -> Vec<u8> {
    let quarter = |time_ms: i64| u64::try_from(time_ms / QUARTER_MS).unwrap_or(0);
    let (first, last) = (quarter(first_ms), quarter(last_ms));
    let mut bytes = Vec::with_capacity(8);
    put_unsigned(&mut bytes, first);
    put_unsigned(&mut bytes, last.saturating_sub(first));
    bytes
}
