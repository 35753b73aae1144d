//! Entries, and the compact numbers they are written with.
//!
//! In a block an entry is: kind (one byte), app (varint), length of the payload (varint), payload. The payload belongs
//! to the kind. Varints are little-endian base 128; signed ones are zigzag.

use reportd_platform::AppNo;

/// What an entry is about: each room of reports has its own number, for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kind(pub u8);

/// An entry on its way into the journal.
#[derive(Debug, Clone)]
pub struct NewEntry {
    /// Whose payload it is.
    pub kind: Kind,
    /// The app that it belongs to.
    pub app: AppNo,
    /// Whose reads must show it once it is acknowledged ([`crate::Journal::fresh`]): numbers that the kind chooses, as
    /// that of the app. Two that are equal count once.
    pub owners: [u64; 2],
    /// The least and the greatest time of the reports in it, in ms: raw reads look for them.
    pub span_ms: (i64, i64),
    /// Keys by which raw reads can pass a block over, from [`crate::filter_key`].
    pub filter_keys: Vec<u64>,
    /// The report, as its kind writes it. No secrets.
    pub payload: Vec<u8>,
}

/// An entry in the journal.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Whose payload it is.
    pub kind: Kind,
    /// The app that it belongs to.
    pub app: AppNo,
    /// Its place in its stream, from 1, without gaps.
    pub sequence: u64,
    /// When its block was made, in ms; never less than that of an entry before it.
    pub received_at_ms: i64,
    /// The report, as its kind wrote it.
    pub payload: &'a [u8],
}

/// Appends an unsigned varint.
pub fn put_unsigned(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    bytes.push(value.to_le_bytes()[0]);
}

/// Appends a signed varint.
pub fn put_signed(bytes: &mut Vec<u8>, value: i64) {
    put_unsigned(bytes, ((value << 1) ^ (value >> 63)).cast_unsigned());
}

/// Appends a length and the bytes.
pub fn put_bytes(bytes: &mut Vec<u8>, value: &[u8]) {
    put_unsigned(bytes, value.len() as u64);
    bytes.extend_from_slice(value);
}

/// Reads what the `put_` functions wrote; `None` where the bytes end too soon.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// True where nothing is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// One byte.
    pub fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    /// `count` bytes as they are.
    pub fn exact(&mut self, count: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(bytes)
    }

    /// An unsigned varint.
    pub fn unsigned(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    /// A signed varint.
    pub fn signed(&mut self) -> Option<i64> {
        let value = self.unsigned()?;
        Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// Bytes with their length in front.
    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let count = usize::try_from(self.unsigned()?).ok()?;
        self.exact(count)
    }

    /// Text with its length in front.
    pub fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }
}

/// Most bytes that an entry has in a block beside its payload.
pub(crate) const ENTRY_HEAD_BYTES: usize = 1 + 5 + 10;

/// Appends an entry as it stands in a block.
pub(crate) fn put_entry(bytes: &mut Vec<u8>, entry: &NewEntry) {
    bytes.push(entry.kind.0);
    put_unsigned(bytes, u64::from(entry.app));
    put_bytes(bytes, &entry.payload);
}

/// Reads the next entry of a block.
pub(crate) fn next_entry<'a>(
    reader: &mut Reader<'a>,
    sequence: u64,
    received_at_ms: i64,
) -> Option<Entry<'a>> {
    let kind = Kind(reader.byte()?);
    let app = AppNo::try_from(reader.unsigned()?).ok()?;
    let payload = reader.bytes()?;
    Some(Entry {
        kind,
        app,
        sequence,
        received_at_ms,
        payload,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_in_and_come_out() {
        let signed = [0, 1, -1, 63, -64, 64, i64::MAX, i64::MIN, 1_503_000_120_601];
        let mut bytes = Vec::new();
        for value in signed {
            put_signed(&mut bytes, value);
            put_unsigned(&mut bytes, value.cast_unsigned());
        }
        put_bytes(&mut bytes, "群".as_bytes());
        let mut reader = Reader::new(&bytes);
        for value in signed {
            assert_eq!(reader.signed(), Some(value));
            assert_eq!(reader.unsigned(), Some(value.cast_unsigned()));
        }
        assert_eq!(reader.text(), Some("群"));
        assert!(reader.is_empty());
        assert_eq!(Reader::new(&[0x80; 11]).unsigned(), None, "never ends");
        assert_eq!(Reader::new(&[5, 1]).bytes(), None, "ends too soon");
    }
}
