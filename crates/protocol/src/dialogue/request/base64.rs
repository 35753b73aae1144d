//! Base64 as clients send it: of either alphabet, with or without padding, with line breaks, and
//! twice (`spec dialogue-report`, Tolerate).

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::dialogue::cipher::BLOCK_BYTES;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Decodes once, and once more what is base64 of whole blocks again: that encrypted bytes look so by
/// chance does not happen (less than once in 10⁹ for a single block, and a report has several).
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let once = decode_once(text.as_bytes())?;
    let twice = decode_once(&once).filter(|bytes| is_whole_blocks(bytes));
    Some(twice.unwrap_or(once))
}

fn is_whole_blocks(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.len().is_multiple_of(BLOCK_BYTES)
}

fn decode_once(text: &[u8]) -> Option<Vec<u8>> {
    let is_break = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let standard: Vec<u8> = text
        .iter()
        .filter(|byte| !is_break(byte))
        .map(|byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            byte => *byte,
        })
        .collect();
    BASE64.decode(standard).ok()
}
