//! What fills the last block: PKCS#7, or zeros in the older form.

use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _, ConstantTimeLess as _};

use super::BLOCK_BYTES;

const BLOCK: u8 = 16;

/// Fills the last block as PKCS#7 does: each byte says how many were added, one at least.
pub(super) fn pad(text: &mut Vec<u8>) {
    let added = BLOCK_BYTES - text.len() % BLOCK_BYTES;
    let byte = u8::try_from(added).unwrap_or(BLOCK);
    text.resize(text.len() + added, byte);
}

/// Fills the last block with zeros, none if it is full.
pub(super) fn pad_with_zeros(text: &mut Vec<u8>) {
    text.resize(text.len().next_multiple_of(BLOCK_BYTES), 0);
}

/// How many bytes of padding the last block has, and whether it is PKCS#7; 0 if it is not. How long
/// that takes says nothing about the block.
pub(super) fn padding_of(block: &[u8; BLOCK_BYTES]) -> (u8, Choice) {
    let added = block[BLOCK_BYTES - 1];
    let mut is_padding = !added.ct_eq(&0) & added.ct_lt(&(BLOCK + 1));
    for (byte, from_end) in block.iter().rev().zip(0..BLOCK) {
        let is_text = !from_end.ct_lt(&added);
        is_padding &= is_text | byte.ct_eq(&added);
    }
    (u8::conditional_select(&0, &added, is_padding), is_padding)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_exactly_what_pad_writes() {
        for length in 0..33 {
            let mut text = vec![0xaa; length];
            pad(&mut text);
            let last = text.last_chunk().unwrap();
            let (added, is_padding) = padding_of(last);
            assert!(bool::from(is_padding), "{length}");
            assert_eq!(text.len() - usize::from(added), length);
        }
    }

    #[test]
    fn refuses_every_other_block() {
        for added in 1..=16_u8 {
            let mut block = [0xaa; 16];
            block[16 - usize::from(added)..].fill(added);
            for place in 16 - usize::from(added)..15 {
                let mut wrong = block;
                wrong[place] ^= 1;
                let (length, is_padding) = padding_of(&wrong);
                assert_eq!((length, bool::from(is_padding)), (0, false), "{wrong:?}");
            }
        }
        for last in [0, 17, 0x80, 0xff] {
            let (length, is_padding) = padding_of(&[last; 16]);
            assert_eq!((length, bool::from(is_padding)), (0, false));
        }
    }
}
