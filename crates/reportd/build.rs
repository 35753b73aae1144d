//! Takes the files of Swagger UI that `/api/docs` shows out of the archive that a crate brings: nothing is downloaded.
//!
//! An entry of a zip archive is a deflate stream whose checksum and length stand in the archive's directory, and a gzip
//! file is a deflate stream with both behind it. So the streams are wrapped and never unpacked, and no crate for
//! archives is needed.

use std::error::Error;
use std::path::Path;

use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED as ARCHIVE;

const FILES: [&str; 2] = ["swagger-ui-bundle.js", "swagger-ui.css"];

const END_OF_DIRECTORY: &[u8] = b"PK\x05\x06";
const DIRECTORY_ENTRY: &[u8] = b"PK\x01\x02";
const DEFLATE: usize = 8;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let folder = std::env::var("OUT_DIR")?;
    for file in FILES {
        let name = format!("/dist/{file}");
        let gzipped = entries()
            .find(|entry| entry.name.ends_with(name.as_bytes()))
            .and_then(|entry| entry.gzipped())
            .ok_or_else(|| format!("{file} cannot be read from the archive of Swagger UI"))?;
        std::fs::write(Path::new(&folder).join(format!("{file}.gz")), gzipped)?;
    }
    Ok(())
}

/// An entry of the archive's directory.
struct Entry {
    method: usize,
    checksum: &'static [u8],
    packed_bytes: usize,
    unpacked_bytes: &'static [u8],
    name: &'static [u8],
    /// Where the entry itself stands.
    place: usize,
}

fn entries() -> impl Iterator<Item = Entry> {
    let end = ARCHIVE
        .windows(4)
        .rposition(|bytes| bytes == END_OF_DIRECTORY);
    let mut next = end.and_then(|end| number(end + 16, 4));
    std::iter::from_fn(move || {
        let at = next?;
        if slice(at, 4)? != DIRECTORY_ENTRY {
            return None;
        }
        let name_bytes = number(at + 28, 2)?;
        next = Some(at + 46 + name_bytes + number(at + 30, 2)? + number(at + 32, 2)?);
        Some(Entry {
            method: number(at + 10, 2)?,
            checksum: slice(at + 16, 4)?,
            packed_bytes: number(at + 20, 4)?,
            unpacked_bytes: slice(at + 24, 4)?,
            name: slice(at + 46, name_bytes)?,
            place: number(at + 42, 4)?,
        })
    })
}

impl Entry {
    /// The entry as a gzip file (RFC 1952): a plain head, the stream, its checksum, its length.
    fn gzipped(&self) -> Option<Vec<u8>> {
        const HEAD: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
        if self.method != DEFLATE {
            return None;
        }
        let before = 30 + number(self.place + 26, 2)? + number(self.place + 28, 2)?;
        let packed = slice(self.place + before, self.packed_bytes)?;
        Some([HEAD, packed, self.checksum, self.unpacked_bytes].concat())
    }
}

fn slice(at: usize, bytes: usize) -> Option<&'static [u8]> {
    ARCHIVE.get(at..at + bytes)
}

/// A number in little-endian bytes.
fn number(at: usize, bytes: usize) -> Option<usize> {
    let digits = slice(at, bytes)?.iter().rev();
    Some(digits.fold(0, |sum, &digit| sum << 8 | usize::from(digit)))
}
