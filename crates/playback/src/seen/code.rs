//! How keys and positions stand in rows.

use reportd_journal::{Reader, put_signed, put_unsigned};
use reportd_protocol::playback::meaning::OrderKey;
use reportd_protocol::playback::{Device, Position};

/// The key before all others: against it a key is written whole.
pub(crate) const NO_KEY: OrderKey = OrderKey {
    received_at_ms: 0,
    stream: 0,
    sequence: 0,
};

/// Writes a key as how far it is from another one that the reader knows.
pub(crate) fn put_key(bytes: &mut Vec<u8>, from: OrderKey, key: OrderKey) {
    put_signed(bytes, key.received_at_ms.wrapping_sub(from.received_at_ms));
    put_signed(bytes, key.stream.wrapping_sub(from.stream).cast_signed());
    let ahead = key.sequence.wrapping_sub(from.sequence);
    put_signed(bytes, ahead.cast_signed());
}

/// Reads what [`put_key`] wrote.
pub(crate) fn read_key(reader: &mut Reader<'_>, from: OrderKey) -> Option<OrderKey> {
    let ahead_ms = reader.signed()?;
    let stream = reader.signed()?.cast_unsigned();
    let sequence = reader.signed()?.cast_unsigned();
    Some(OrderKey {
        received_at_ms: from.received_at_ms.wrapping_add(ahead_ms),
        stream: from.stream.wrapping_add(stream),
        sequence: from.sequence.wrapping_add(sequence),
    })
}

/// Writes a position: 0 is the end.
pub(crate) fn put_position(bytes: &mut Vec<u8>, position: Position) {
    let seconds = match position {
        Position::End => None,
        Position::At(seconds) => Some(seconds),
    };
    put_seconds(bytes, seconds);
}

/// Reads what [`put_position`] wrote.
pub(crate) fn read_position(reader: &mut Reader<'_>) -> Option<Position> {
    let seconds = read_seconds(reader)?;
    Some(seconds.map_or(Position::End, Position::At))
}

/// Writes an optional number of seconds: 0 is none.
pub(crate) fn put_seconds(bytes: &mut Vec<u8>, seconds: Option<u32>) {
    put_unsigned(bytes, seconds.map_or(0, |seconds| u64::from(seconds) + 1));
}

/// Reads what [`put_seconds`] wrote.
pub(crate) fn read_seconds(reader: &mut Reader<'_>) -> Option<Option<u32>> {
    match reader.unsigned()? {
        0 => Some(None),
        after => u32::try_from(after - 1).ok().map(Some),
    }
}

/// Reads a flag byte that knows no other bits than `known`.
pub(crate) fn read_flags(reader: &mut Reader<'_>, known: u8) -> Option<u8> {
    reader.byte().filter(|flags| flags & !known == 0)
}

/// A device as four bits; 0 is none.
pub(crate) fn device_code(device: Option<Device>) -> u8 {
    match device.map(Device::number) {
        None => 0,
        Some(TELEVISION) => TELEVISION_CODE,
        Some(number) => number,
    }
}

/// The device of a code.
pub(crate) fn device_of(code: u8) -> Option<Option<Device>> {
    let number = match code {
        0 => return Some(None),
        TELEVISION_CODE => TELEVISION,
        1..TELEVISION_CODE => code,
        _ => return None,
    };
    Device::from_number(number.into()).map(Some)
}

const TELEVISION: u8 = 33;
const TELEVISION_CODE: u8 = 8;
