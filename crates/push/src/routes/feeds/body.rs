//! Bodies of feeds: read and unpacked within limits.

use std::io::Read;
use std::net::IpAddr;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use reportd_platform::web::{
    BodyError, BodyRoom, LARGE_BYTES, NotRead, Place, Problem, RoomedBody,
};

use crate::Push;
use crate::feed_room::Feed;

/// How a body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    None,
    Gzip,
}

impl Packing {
    /// What the header `content-encoding` says.
    ///
    /// # Errors
    /// 415 where it is neither gzip nor none.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter();
        let (first, more) = (encodings.next(), encodings.next());
        let name = first.map_or(Some(""), |value| value.to_str().ok().map(str::trim));
        match name {
            Some(name) if more.is_none() && is_one_of(name, &["", "identity"]) => Ok(Self::None),
            Some(name) if more.is_none() && is_one_of(name, &["gzip", "x-gzip"]) => Ok(Self::Gzip),
            _ => Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "content-encoding: expected gzip or none",
            )),
        }
    }
}

fn is_one_of(name: &str, known: &[&str]) -> bool {
    known.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// A body that is there, unpacked, and the room that it takes where it is large. Who has made an entry of it lets go of it:
/// the entry waits in the journal's own queue, which has a limit.
pub(super) struct Whole {
    pub(super) bytes: Bytes,
    /// Of a body that is not packed, from when it came.
    _came: Option<Place>,
    _worked_on: Option<Place>,
}

/// Reads a whole body and unpacks it. Room to work on it is taken only now that it is there: how long a body takes to come
/// is for its sender to say, who is not known yet.
pub(super) async fn read(
    push: &Push,
    feed: Feed,
    address: IpAddr,
    body: Body,
    packing: Packing,
) -> Result<Whole, Problem> {
    let limits = push.limits.feed_body;
    let room = push.feed_room.of(feed);
    let sent = room
        .read(body, limits, address)
        .await
        .map_err(|not_read| match not_read {
            NotRead::NoRoom => no_room(),
            NotRead::Body(BodyError::TooLarge) => too_large(limits.max_bytes),
            NotRead::Body(BodyError::Incomplete) => {
                Problem::new(StatusCode::REQUEST_TIMEOUT, "the body did not come in time")
            }
        })?;
    match packing {
        Packing::None => Ok(Whole {
            _worked_on: match sent.bytes.len() > LARGE_BYTES {
                true => Some(work_on(room, address, sent.bytes.len()).await?),
                false => None,
            },
            bytes: sent.bytes,
            _came: sent.place,
        }),
        Packing::Gzip => unpack_sent(room, address, sent, limits.max_bytes).await,
    }
}

async fn work_on(room: &BodyRoom, address: IpAddr, bytes: usize) -> Result<Place, Problem> {
    room.work_on(address, bytes).await.ok_or_else(no_room)
}

fn no_room() -> Problem {
    Problem::busy("too many large requests are being worked on: try again later")
}

/// Unpacks a body. It takes room for as much as it says that it is, and where it says too little, for as much as it may be.
async fn unpack_sent(
    room: &BodyRoom,
    address: IpAddr,
    packed: RoomedBody,
    max_bytes: usize,
) -> Result<Whole, Problem> {
    let small = LARGE_BYTES.min(max_bytes);
    if packed.bytes.len() <= LARGE_BYTES
        && let Some(bytes) = unpack(&packed.bytes, small)?
    {
        return Ok(Whole {
            bytes,
            _came: None,
            _worked_on: None,
        });
    }
    for most in [told_bytes(&packed.bytes).clamp(small, max_bytes), max_bytes] {
        let place = work_on(room, address, most).await?;
        let sent = packed.bytes.clone();
        // The place goes along: the work goes on where nobody waits for it any more.
        let unpack = move || (unpack(&sent, most), place);
        let (unpacked, place) = tokio::task::spawn_blocking(unpack)
            .await
            .map_err(|_| Problem::try_later())?;
        if let Some(bytes) = unpacked? {
            return Ok(Whole {
                bytes,
                _came: None,
                _worked_on: Some(place),
            });
        }
    }
    Err(too_large(max_bytes))
}

/// How many bytes a packed body says that come out of it: its last four say that of its last member.
fn told_bytes(packed: &[u8]) -> usize {
    let told = packed.last_chunk().copied().map_or(0, u32::from_le_bytes);
    usize::try_from(told).unwrap_or(usize::MAX)
}

/// What comes out of a packed body; `None` where it is more than `max_bytes`.
fn unpack(packed: &[u8], max_bytes: usize) -> Result<Option<Bytes>, Problem> {
    let most = u64::try_from(max_bytes).unwrap_or(u64::MAX);
    let mut unpacked = Vec::new();
    // One byte more than is allowed tells a body that is too large, however much would follow.
    MultiGzDecoder::new(packed)
        .take(most.saturating_add(1))
        .read_to_end(&mut unpacked)
        .map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "body: not gzip, or cut off"))?;
    Ok((unpacked.len() <= max_bytes).then(|| unpacked.into()))
}

fn too_large(max_bytes: usize) -> Problem {
    Problem::too_large(format!(
        "expected a body of at most {max_bytes} bytes, unpacked"
    ))
}

/// Runs what goes through a whole body. For a large one the async thread first hands its other tasks on.
pub(super) fn with_whole<T>(body: &[u8], work: impl FnOnce() -> T) -> T {
    if body.len() > LARGE_BYTES {
        tokio::task::block_in_place(work)
    } else {
        work()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn no_more_is_unpacked_than_is_allowed() {
        let packed = gzip(&[b' '; 1000]);
        assert_eq!(unpack(&packed, 1000).unwrap().unwrap().len(), 1000);
        let is_too_large = |packed: &[u8]| unpack(packed, 999).unwrap().is_none();
        assert!(is_too_large(&packed));
        // Members that stand one behind the other are one body.
        assert!(is_too_large(&[gzip(&[0; 500]), gzip(&[0; 500])].concat()));
        assert!(is_too_large(&gzip(&vec![0; 64 << 20])));
        let small = gzip(b"[]");
        for broken in [&small[..small.len() - 1], b"[]"] {
            assert_eq!(unpack(broken, 999).unwrap_err().status(), 400);
        }
    }

    #[test]
    fn other_packings_are_refused() {
        let packing = |values: &[&'static str]| {
            let name = header::CONTENT_ENCODING;
            let header = |value: &&'static str| (name.clone(), value.parse().unwrap());
            Packing::of(&values.iter().map(header).collect()).ok()
        };
        assert_eq!(packing(&[]), Some(Packing::None));
        assert_eq!(packing(&["identity"]), Some(Packing::None));
        assert_eq!(packing(&["GZIP"]), Some(Packing::Gzip));
        for refused in [
            &["br"][..],
            &["gzip, gzip"],
            &["gzip", "gzip"],
            &["deflate"],
        ] {
            assert_eq!(packing(refused), None, "{refused:?}");
        }
    }
}
