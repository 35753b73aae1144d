//! Packing and unpacking of blocks: compression and checksum.

use sha2::{Digest, Sha256};
use zstd::bulk::{Compressor, decompress};

use crate::store::{Block, BlockReader, JournalError, RawBlock};

/// The format written today: zstd over entries.
const VERSION: i64 = 1;
/// Measured: level 1 costs least processor time for most of the gain.
const COMPRESSION_LEVEL: i32 = 1;
const CHECKSUM_BYTES: usize = 8;
/// No block is larger than this when unpacked: a damaged length must not take all memory.
pub(crate) const LARGEST_RAW_BYTES: u64 = 256 << 20;

/// Packs blocks; it keeps the compressor between them.
pub(crate) struct Packer {
    compressor: Compressor<'static>,
}

impl Packer {
    pub(crate) fn new() -> Result<Self, JournalError> {
        let compressor =
            Compressor::new(COMPRESSION_LEVEL).map_err(|error| JournalError::File {
                place: "compressor".to_owned(),
                cause: error.to_string(),
            })?;
        Ok(Self { compressor })
    }

    /// Compresses `block` and computes its checksum.
    pub(crate) fn pack(
        &mut self,
        block: &Block,
        (min_ts_ms, max_ts_ms): (i64, i64),
        filter: Vec<u8>,
    ) -> Result<RawBlock, JournalError> {
        let data = self
            .compressor
            .compress(&block.bytes)
            .map_err(|error| JournalError::File {
                place: "compressor".to_owned(),
                cause: error.to_string(),
            })?;
        let mut raw = RawBlock {
            stream: block.stream,
            first: block.first,
            count: block.count,
            received_at_ms: block.received_at_ms,
            min_ts_ms,
            max_ts_ms,
            version: VERSION,
            raw_bytes: block.bytes.len() as u64,
            checksum: Vec::new(),
            filter,
            data,
        };
        raw.checksum = checksum(&raw);
        Ok(raw)
    }
}

fn checksum(block: &RawBlock) -> Vec<u8> {
    let mut hasher = Sha256::new();
    for number in [
        i64::from(block.stream),
        block.first.cast_signed(),
        block.count.cast_signed(),
        block.received_at_ms,
        block.min_ts_ms,
        block.max_ts_ms,
        block.version,
        block.raw_bytes.cast_signed(),
    ] {
        hasher.update(number.to_le_bytes());
    }
    hasher.update((block.filter.len() as u64).to_le_bytes());
    hasher.update(&block.filter);
    hasher.update(&block.data);
    hasher.finalize()[..CHECKSUM_BYTES].to_vec()
}

/// Checks a block and unpacks it; `store` names its place where it is damaged.
pub(crate) fn unpack(raw: &RawBlock, store: &dyn BlockReader) -> Result<Block, JournalError> {
    let damaged = |cause| JournalError::Damaged {
        place: store.place_of(raw),
        stream: raw.stream,
        first: raw.first,
        cause,
    };
    if checksum(raw) != raw.checksum {
        return Err(damaged("its checksum does not match"));
    }
    if raw.version != VERSION {
        return Err(damaged("its format is not known to this reportd"));
    }
    if raw.raw_bytes > LARGEST_RAW_BYTES {
        return Err(damaged("it is too large"));
    }
    let capacity = usize::try_from(raw.raw_bytes).map_err(|_| damaged("it is too large"))?;
    let bytes = decompress(&raw.data, capacity).map_err(|_| damaged("it cannot be unpacked"))?;
    let block = Block {
        stream: raw.stream,
        first: raw.first,
        count: raw.count,
        received_at_ms: raw.received_at_ms,
        bytes,
    };
    if block.bytes.len() != capacity || block.entries().count() as u64 != raw.count {
        return Err(damaged("it does not hold the entries that it should"));
    }
    Ok(block)
}
