//! Bodies of feeds: read and unpacked within limits.

use std::io::Read;

use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use reportd_platform::web::{BodyError, Problem, drain_body, read_body};
use tokio::sync::SemaphorePermit;

use crate::Push;
use crate::feed_room::Feed;

/// From here on a body is worked on off the async threads: a larger one would hold up others for milliseconds.
const LARGE_BYTES: usize = 64 << 10;

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

/// A body that is there, and the place that it holds where it is large.
pub(super) struct Whole<'r> {
    pub(super) bytes: Bytes,
    _place: Option<SemaphorePermit<'r>>,
}

/// Reads a whole body and unpacks it.
pub(super) async fn read(
    push: &Push,
    feed: Feed,
    body: Body,
    packing: Packing,
) -> Result<Whole<'_>, Problem> {
    let limits = push.limits.feed_body;
    // A packed body may be large when it is unpacked, and one of unknown length in any case.
    let most = body.size_hint().upper().unwrap_or(u64::MAX);
    let is_small = packing == Packing::None && most <= LARGE_BYTES as u64;
    let place = if is_small {
        None
    } else {
        push.feed_room.enter(feed)
    };
    if !is_small && place.is_none() {
        drain_body(body).await;
        return Err(Problem::busy(
            "too many large requests are being worked on: try again later",
        ));
    }
    let sent = read_body(body, limits).await.map_err(|error| match error {
        BodyError::TooLarge => too_large(limits.max_bytes),
        BodyError::Incomplete => {
            Problem::new(StatusCode::REQUEST_TIMEOUT, "the body did not come in time")
        }
    })?;
    let bytes = match packing {
        Packing::None => sent,
        // However small it is, nobody knows what comes out of it.
        Packing::Gzip => tokio::task::spawn_blocking(move || unpack(&sent, limits.max_bytes))
            .await
            .unwrap_or_else(|_| Err(Problem::try_later()))?,
    };
    Ok(Whole {
        bytes,
        _place: place,
    })
}

fn unpack(packed: &[u8], max_bytes: usize) -> Result<Bytes, Problem> {
    let most = u64::try_from(max_bytes).unwrap_or(u64::MAX);
    let mut unpacked = Vec::new();
    // One byte more than is allowed tells a body that is too large, however much would follow.
    MultiGzDecoder::new(packed)
        .take(most.saturating_add(1))
        .read_to_end(&mut unpacked)
        .map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "body: not gzip, or cut off"))?;
    if unpacked.len() > max_bytes {
        return Err(too_large(max_bytes));
    }
    Ok(unpacked.into())
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
        assert_eq!(unpack(&packed, 1000).unwrap().len(), 1000);
        let status = |packed: &[u8]| {
            let problem = unpack(packed, 999).unwrap_err();
            axum::response::IntoResponse::into_response(problem).status()
        };
        assert_eq!(status(&packed), 413);
        // Members that stand one behind the other are one body.
        assert_eq!(status(&[gzip(&[0; 500]), gzip(&[0; 500])].concat()), 413);
        assert_eq!(status(&gzip(&vec![0; 64 << 20])), 413);
        let small = gzip(b"[]");
        assert_eq!(status(&small[..small.len() - 1]), 400);
        assert_eq!(status(b"[]"), 400);
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
