//! Contents as PHP and OpenSSL encrypt them (`data/dialogue/contents.jsonl`; those of PHP are the
//! vectors of `spec dialogue-report`), and what is refused.

use proptest::prelude::*;
use proptest::sample::select;
use reportd_protocol::dialogue::{
    AesMode, BadCipher, CannotDecrypt, Cipher, CipherSettings, IvSetting,
};
use serde::Deserialize;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const CONTENTS: &str = include_str!("data/dialogue/contents.jsonl");

#[derive(Deserialize)]
struct Content {
    name: String,
    mode: String,
    iv: String,
    key: String,
    #[serde(default)]
    php_key: bool,
    #[serde(default)]
    zero_padding: bool,
    content: String,
    text: String,
}

impl Content {
    fn cipher(&self) -> Cipher {
        Cipher::new(&CipherSettings {
            mode: AesMode::from_name(&self.mode).expect("a mode"),
            iv: IvSetting::parse(&self.iv).expect("an iv"),
            key: self.key.as_bytes(),
            php_key: self.php_key,
            zero_padding: self.zero_padding,
        })
        .expect("a cipher")
    }

    fn bytes(&self) -> Vec<u8> {
        STANDARD.decode(&self.content).expect("base64")
    }
}

fn contents() -> Vec<Content> {
    let lines = CONTENTS.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("a content"))
        .collect()
}

fn settings(mode: AesMode, iv: IvSetting, key: &[u8]) -> CipherSettings<'_> {
    CipherSettings {
        mode,
        iv,
        key,
        php_key: false,
        zero_padding: false,
    }
}

fn default_cipher() -> Cipher {
    let settings = settings(AesMode::default(), IvSetting::Zero, b"0123456789abcdef");
    Cipher::new(&settings).expect("a cipher")
}

#[test]
fn every_content_decrypts_and_encrypts_to_the_same_bytes() {
    for content in contents() {
        let cipher = content.cipher();
        let bytes = content.bytes();
        let random_iv = *bytes.first_chunk().expect("a block");
        assert!(
            cipher.encrypt(content.text.as_bytes(), random_iv) == bytes,
            "{}",
            content.name
        );
        let text = cipher.decrypt(bytes);
        assert_eq!(text.as_ref(), Ok(&content.text), "{}", content.name);
    }
}

#[test]
fn another_key_mode_or_iv_is_one_error() {
    for content in contents() {
        let bytes = content.bytes();
        let other_key = Content {
            key: content.key.replace(['0', 's'], "x"),
            ..content
        };
        let text = other_key.cipher().decrypt(bytes.clone());
        assert_eq!(text, Err(CannotDecrypt), "{}", other_key.name);
        for cut in [0, 1, 15, 16, bytes.len() - 16, bytes.len() - 1] {
            let text = other_key.cipher().decrypt(bytes[..cut].to_vec());
            assert_eq!(text, Err(CannotDecrypt), "{} cut at {cut}", other_key.name);
        }
    }
    let text = br#"{"report_id":"a text of two blocks"}"#;
    let zero = default_cipher();
    for (mode, iv) in [
        (AesMode::Aes128Cbc, IvSetting::Key),
        (AesMode::Aes128Cbc, IvSetting::Prepended),
        (AesMode::Aes128Ecb, IvSetting::Zero),
    ] {
        let other = Cipher::new(&settings(mode, iv, b"0123456789abcdef")).expect("a cipher");
        assert_eq!(
            zero.decrypt(other.encrypt(text, [7; 16])),
            Err(CannotDecrypt)
        );
    }
}

#[test]
fn wrong_padding_and_broken_json_are_one_error() {
    let cipher = default_cipher();
    let zeros = Cipher::new(&CipherSettings {
        zero_padding: true,
        ..settings(AesMode::default(), IvSetting::Zero, b"0123456789abcdef")
    })
    .expect("a cipher");
    let content = zeros.encrypt(br#"{"report_id":"zeros at the end"}  "#, [0; 16]);
    assert_eq!(cipher.decrypt(content), Err(CannotDecrypt));
    let nested = "[".repeat(100_000);
    for text in [
        "",
        "[]",
        "1",
        "null",
        "\"text\"",
        "{",
        "{}{}",
        "{\"a\":1,}",
        "{\"a\":nan}",
        &nested,
        "\u{feff}{}",
    ] {
        let content = cipher.encrypt(text.as_bytes(), [0; 16]);
        assert_eq!(cipher.decrypt(content), Err(CannotDecrypt), "{text:.20}");
    }
    let content = cipher.encrypt(b"{\"a\":\"\xff\xfe\"}", [0; 16]);
    assert_eq!(cipher.decrypt(content), Err(CannotDecrypt), "not UTF-8");
}

#[test]
fn nesting_costs_no_stack() {
    let depth = 200_000;
    let text = format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    let cipher = default_cipher();
    let content = cipher.encrypt(text.as_bytes(), [0; 16]);
    assert_eq!(cipher.decrypt(content), Ok(text));
}

#[test]
fn zero_padding_takes_pkcs7_as_well() {
    let zeros = Cipher::new(&CipherSettings {
        zero_padding: true,
        ..settings(AesMode::default(), IvSetting::Zero, b"0123456789abcdef")
    })
    .expect("a cipher");
    for text in ["{}", "{\"a\":\"0123456\"}", "{\"a\":\"01234567890123456\"}"] {
        let pkcs7 = default_cipher().encrypt(text.as_bytes(), [0; 16]);
        assert_eq!(zeros.decrypt(pkcs7).as_deref(), Ok(text));
        let padded = zeros.encrypt(text.as_bytes(), [0; 16]);
        assert_eq!(zeros.decrypt(padded).as_deref(), Ok(text));
    }
}

#[test]
fn a_key_must_fit_the_mode() {
    for mode in AesMode::ALL {
        assert_eq!(AesMode::from_name(mode.name()), Some(mode));
        for length in 0..40 {
            let key = vec![b'k'; length];
            let strict = settings(mode, IvSetting::Key, &key);
            let expected = match length {
                0 => Some(BadCipher::NoKey),
                _ if length == mode.key_bytes() => None,
                _ => Some(BadCipher::KeyLength(mode.key_bytes())),
            };
            assert_eq!(Cipher::new(&strict).err(), expected);
            let php_key = CipherSettings {
                php_key: true,
                ..strict
            };
            assert_eq!(Cipher::new(&php_key).is_ok(), length > 0);
        }
    }
    assert_eq!(AesMode::from_name("AES-128-CBC"), Some(AesMode::Aes128Cbc));
    assert_eq!(AesMode::from_name("aes-128-gcm"), None);
}

#[test]
fn an_iv_setting_reads_what_it_writes() {
    let iv = "000102030405060708090a0b0c0d0e0f";
    for text in ["prepended", "zero", "key", iv] {
        let setting = IvSetting::parse(text).expect("a setting");
        assert_eq!(setting.text(), text);
    }
    for bad in [
        "",
        "Zero",
        "random",
        &iv[2..],
        &iv.replace('0', "g"),
        "0x00",
    ] {
        assert_eq!(IvSetting::parse(bad), None, "{bad}");
    }
}

#[test]
fn a_cipher_is_printed_without_its_key() {
    assert_eq!(format!("{:?}", default_cipher()), "Cipher { .. }");
}

proptest! {
    #[test]
    fn what_is_encrypted_decrypts(
        mode in select(&AesMode::ALL[..]),
        iv in prop_oneof![
            Just(IvSetting::Prepended), Just(IvSetting::Zero), Just(IvSetting::Key),
            any::<[u8; 16]>().prop_map(IvSetting::Fixed),
        ],
        key in proptest::collection::vec(any::<u8>(), 1..40),
        zero_padding in any::<bool>(),
        value in ".{0,80}",
        random_iv in any::<[u8; 16]>(),
    ) {
        let settings = CipherSettings { mode, iv, key: &key, php_key: true, zero_padding };
        let cipher = Cipher::new(&settings).expect("a cipher");
        let text = serde_json::json!({"value": value}).to_string();
        let content = cipher.encrypt(text.as_bytes(), random_iv);
        prop_assert_eq!(content.len() % 16, 0);
        prop_assert_eq!(cipher.decrypt(content), Ok(text));
    }

    #[test]
    fn no_content_is_a_panic(content in proptest::collection::vec(any::<u8>(), 0..100)) {
        let text = default_cipher().decrypt(content);
        prop_assert_eq!(text, Err(CannotDecrypt));
    }
}
