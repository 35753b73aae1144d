//! AES over whole blocks, chained (CBC) or not (ECB).

use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Aes192, Aes256, Block};

use super::BLOCK_BYTES;

/// A key made ready.
#[derive(Clone)]
pub(super) enum BlockCipher {
    Aes128(Box<Aes128>),
    Aes192(Box<Aes192>),
    Aes256(Box<Aes256>),
}

impl BlockCipher {
    /// `None` unless the key has 16, 24 or 32 bytes.
    pub(super) fn new(key: &[u8]) -> Option<Self> {
        match key.len() {
            16 => Some(Self::Aes128(Box::new(Aes128::new_from_slice(key).ok()?))),
            24 => Some(Self::Aes192(Box::new(Aes192::new_from_slice(key).ok()?))),
            32 => Some(Self::Aes256(Box::new(Aes256::new_from_slice(key).ok()?))),
            _ => None,
        }
    }

    /// Encrypts each block; with an iv each is mixed with the one before it first.
    pub(super) fn encrypt(&self, blocks: &mut [[u8; BLOCK_BYTES]], iv: Option<[u8; BLOCK_BYTES]>) {
        let mut previous = iv;
        for block in blocks {
            if let Some(previous) = &previous {
                mix(block, previous);
            }
            let block: &mut Block = block.into();
            match self {
                Self::Aes128(cipher) => cipher.encrypt_block(block),
                Self::Aes192(cipher) => cipher.encrypt_block(block),
                Self::Aes256(cipher) => cipher.encrypt_block(block),
            }
            previous = previous.map(|_| (*block).into());
        }
    }

    /// The reverse of [`encrypt`](Self::encrypt); blocks are decrypted several at a time.
    pub(super) fn decrypt(&self, blocks: &mut [[u8; BLOCK_BYTES]], iv: Option<[u8; BLOCK_BYTES]>) {
        let encrypted = iv.map(|iv| (iv, blocks.to_vec()));
        let all = Block::cast_slice_from_core_mut(blocks);
        match self {
            Self::Aes128(cipher) => cipher.decrypt_blocks(all),
            Self::Aes192(cipher) => cipher.decrypt_blocks(all),
            Self::Aes256(cipher) => cipher.decrypt_blocks(all),
        }
        if let Some((iv, encrypted)) = encrypted {
            let previous = std::iter::once(&iv).chain(&encrypted);
            for (block, previous) in blocks.iter_mut().zip(previous) {
                mix(block, previous);
            }
        }
    }
}

fn mix(block: &mut [u8; BLOCK_BYTES], other: &[u8; BLOCK_BYTES]) {
    for (byte, other) in block.iter_mut().zip(other) {
        *byte ^= other;
    }
}
