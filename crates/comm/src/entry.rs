//! The entry of one request in the journal. It carries all that its fold needs, so that folding it again years later,
//! whatever has become of the app's zone and registry, gives the same counts (design, invariant 2).

use std::borrow::Cow;

use reportd_journal::{Reader, put_bytes, put_signed, put_unsigned};
use reportd_platform::zones::local_hour;
use reportd_protocol::comm::{Field, Item, Kind, Operation, Report, Scope};

const VERSION: u8 = 1;
const DEDUPE: u8 = 1;
/// Bit of the presence mask for scope `private`; the bits below are fields by their index.
const PRIVATE: u64 = 1 << Field::COUNT;

/// Identity of a request: the first 128 bits of the SHA-256 of its body. The body holds ts and nonce, so with the app
/// this is the identity of the spec; 2^64 tries would be needed for a pair that collides, and it would only cheat its
/// own sender.
pub(crate) const HASH_BYTES: usize = 16;

/// How an item's operation is counted: as it was registered when the report was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OperationForm {
    pub(crate) oper_id: i64,
    pub(crate) kind: Kind,
    /// Bit n is set where the field of index n is a dimension.
    pub(crate) dimensions: u64,
}

impl OperationForm {
    /// How reports of `operation` are counted from now on.
    pub(crate) fn of(operation: &Operation) -> Self {
        let dimensions = operation.dimensions.iter();
        Self {
            oper_id: operation.oper_id,
            kind: operation.kind,
            dimensions: dimensions.fold(0, |mask, field| mask | 1 << field.index()),
        }
    }
}

/// The head of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head<'a> {
    pub(crate) ts_ms: i64,
    pub(crate) offset_seconds: i32,
    /// Repeats of this request are dropped.
    pub(crate) dedupe: bool,
    /// Until when its identity is kept, in ms.
    pub(crate) keep_until_ms: i64,
    pub(crate) hash: &'a [u8],
}

impl Head<'_> {
    pub(crate) fn local_hour(&self) -> i64 {
        local_hour(self.ts_ms, self.offset_seconds)
    }

    pub(crate) fn day(&self) -> i64 {
        self.local_hour().div_euclid(24)
    }
}

/// Writes an entry; `forms` has one for each item.
pub(crate) fn encode(head: &Head<'_>, report: &Report<'_>, forms: &[OperationForm]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(64 + report.items.len() * 64);
    bytes.push(VERSION);
    bytes.push(if head.dedupe { DEDUPE } else { 0 });
    put_signed(&mut bytes, head.ts_ms);
    put_signed(&mut bytes, i64::from(head.offset_seconds));
    put_signed(&mut bytes, head.keep_until_ms - head.ts_ms);
    bytes.extend_from_slice(head.hash);
    // Most requests report one or two operations in ten items: each form is written once.
    let mut distinct: Vec<OperationForm> = Vec::with_capacity(2);
    let places: Vec<usize> = forms
        .iter()
        .map(|form| {
            distinct
                .iter()
                .position(|known| known == form)
                .unwrap_or_else(|| {
                    distinct.push(*form);
                    distinct.len() - 1
                })
        })
        .collect();
    put_unsigned(&mut bytes, distinct.len() as u64);
    for form in &distinct {
        put_signed(&mut bytes, form.oper_id);
        bytes.push(u8::from(form.kind == Kind::Snapshot));
        put_unsigned(&mut bytes, form.dimensions);
    }
    put_unsigned(&mut bytes, report.items.len() as u64);
    for (item, place) in report.items.iter().zip(places) {
        put_unsigned(&mut bytes, place as u64);
        put_item(&mut bytes, item);
    }
    bytes
}

fn put_item(bytes: &mut Vec<u8>, item: &Item<'_>) {
    let texts = texts(item);
    let mut mask = if item.scope == Scope::Private {
        PRIVATE
    } else {
        0
    };
    if item.gid.is_some() {
        mask |= 1 << Field::Gid.index();
    }
    for (field, text) in &texts {
        if text.is_some() {
            mask |= 1 << field.index();
        }
    }
    put_unsigned(bytes, mask);
    if let Some(gid) = item.gid {
        put_signed(bytes, gid);
    }
    for (_, text) in texts {
        if let Some(text) = text {
            put_bytes(bytes, text.as_bytes());
        }
    }
}

/// The fields that are kept as text, in the order in which they are written.
fn texts<'a>(item: &'a Item<'_>) -> [(Field, Option<&'a str>); 12] {
    std::array::from_fn(|at| match at {
        0 => (Field::TargetId, item.target_id.as_deref()),
        1 => (Field::ToUid, item.to_uid.as_deref()),
        _ => (EXT[at - 2], item.ext[at - 2].as_deref()),
    })
}

const EXT: [Field; 10] = [
    Field::Ext1,
    Field::Ext2,
    Field::Ext3,
    Field::Ext4,
    Field::Ext5,
    Field::Ext6,
    Field::Ext7,
    Field::Ext8,
    Field::Ext9,
    Field::Ext10,
];

/// An entry that is being read.
#[derive(Debug, Clone)]
pub(crate) struct Decoder<'a> {
    pub(crate) head: Head<'a>,
    body: Reader<'a>,
}

impl<'a> Decoder<'a> {
    /// Reads the head; `None` where the bytes are no entry of this room.
    pub(crate) fn new(payload: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(payload);
        if reader.byte()? != VERSION {
            return None;
        }
        let dedupe = reader.byte()? & DEDUPE != 0;
        let ts_ms = reader.signed()?;
        let offset_seconds = i32::try_from(reader.signed()?).ok()?;
        let keep_until_ms = ts_ms.checked_add(reader.signed()?)?;
        let hash = reader.exact(HASH_BYTES)?;
        Some(Self {
            head: Head {
                ts_ms,
                offset_seconds,
                dedupe,
                keep_until_ms,
                hash,
            },
            body: reader,
        })
    }

    /// Shows each item with the form of its operation; `None` where the bytes end too soon.
    pub(crate) fn items(&self, mut visit: impl FnMut(&OperationForm, Item<'a>)) -> Option<()> {
        let mut reader = self.body;
        let mut forms = Vec::with_capacity(2);
        for _ in 0..reader.unsigned()? {
            let oper_id = reader.signed()?;
            let kind = if reader.byte()? == 1 {
                Kind::Snapshot
            } else {
                Kind::Event
            };
            forms.push(OperationForm {
                oper_id,
                kind,
                dimensions: reader.unsigned()?,
            });
        }
        for _ in 0..reader.unsigned()? {
            let form = forms.get(usize::try_from(reader.unsigned()?).ok()?)?;
            visit(form, read_item(&mut reader, form.oper_id)?);
        }
        Some(())
    }
}

fn read_item<'a>(reader: &mut Reader<'a>, oper_id: i64) -> Option<Item<'a>> {
    let mask = reader.unsigned()?;
    let has = |field: Field| mask & 1 << field.index() != 0;
    let gid = if has(Field::Gid) {
        Some(reader.signed()?)
    } else {
        None
    };
    let mut text = |field: Field| -> Option<Option<Cow<'a, str>>> {
        Some(if has(field) {
            Some(Cow::Borrowed(reader.text()?))
        } else {
            None
        })
    };
    let (target_id, to_uid) = (text(Field::TargetId)?, text(Field::ToUid)?);
    let mut ext = [const { None }; Field::EXT_COUNT];
    for (field, value) in EXT.into_iter().zip(&mut ext) {
        *value = text(field)?;
    }
    let scope = if mask & PRIVATE != 0 {
        Scope::Private
    } else {
        Scope::Channel
    };
    Some(Item {
        oper_id,
        gid,
        target_id,
        to_uid,
        scope,
        ext,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_reads_back_as_it_was_written() {
        let body = r#"{"ts":1795190400,"nonce":"0","data_list":[
            {"oper_id":7,"gid":-5,"target_id":"频道","to_uid":{"a":[1]},"scope":"private","ext1":"x","ext10":1.50},
            {"oper_id":8},{"oper_id":7,"ext2":""}]}"#;
        let report = reportd_protocol::comm::parse(body.as_bytes()).unwrap();
        let form = |oper_id, kind| OperationForm {
            oper_id,
            kind,
            dimensions: 0b101,
        };
        let forms = [
            form(7, Kind::Event),
            form(8, Kind::Snapshot),
            form(7, Kind::Event),
        ];
        let hash = [9; HASH_BYTES];
        let head = Head {
            ts_ms: report.ts_ms,
            offset_seconds: -16_200,
            dedupe: true,
            keep_until_ms: report.ts_ms + 5,
            hash: &hash,
        };
        let bytes = encode(&head, &report, &forms);

        let decoder = Decoder::new(&bytes).unwrap();
        assert_eq!(decoder.head, head);
        let mut read = Vec::new();
        decoder
            .items(|form, item| read.push((*form, item)))
            .unwrap();
        let written: Vec<_> = forms.into_iter().zip(report.items.clone()).collect();
        assert_eq!(read, written);

        // A cut anywhere is noticed, and nothing is read past it.
        for end in 0..bytes.len() {
            let cut = Decoder::new(&bytes[..end]).and_then(|decoder| decoder.items(|_, _| {}));
            assert_eq!(cut, None, "cut at {end}");
        }
    }
}
