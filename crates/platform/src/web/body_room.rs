//! Room for large bodies: so many bytes in all, and of one address a part of them. There is one room for bodies that come,
//! and another for those that are there and are worked on. A body comes as slowly as its sender likes, and who sends it is
//! not known before its end: one sender must not take the room of all, nor any that works.
//!
//! Who finds no room waits a short while in turn: many requests that come at once are no reason to refuse some of them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::body::{BodyError, BodyLimits, Collected, read_body};
use super::limit_key;

/// A body of more bytes than this is a large one: it needs room, and is worked on off the async threads, since it would hold
/// up others for milliseconds.
pub const LARGE_BYTES: usize = 64 << 10;

/// Longest time that a request waits for room.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// What room is counted in.
const UNIT_BYTES: usize = 1 << 10;

/// A body that is worked on takes no less than this, however small it is: it takes a thread too.
const LEAST_WORK_BYTES: usize = 1 << 20;

/// How much room there is.
#[derive(Debug, Clone, Copy)]
pub struct RoomSize {
    /// Bytes in all.
    pub bytes: usize,
    /// Bytes of them that one address may have, as limits count addresses.
    pub of_address_bytes: usize,
}

impl RoomSize {
    /// The same, or as much as a body of so many bytes needs.
    #[must_use]
    pub fn for_body(self, most_bytes: usize) -> Self {
        Self {
            bytes: self.bytes.max(most_bytes),
            of_address_bytes: self.of_address_bytes.max(most_bytes),
        }
    }
}

/// Room for large bodies while they come, and while they are worked on.
#[derive(Debug)]
pub struct BodyRoom {
    coming: Arc<Room>,
    in_work: Arc<Room>,
}

/// A body that is there, and the room that it takes where it is large.
#[derive(Debug)]
pub struct RoomedBody {
    /// What came.
    pub bytes: Bytes,
    /// Its room, until it is dropped.
    pub place: Option<Place>,
}

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotRead {
    /// There was no room for it: try later.
    NoRoom,
    /// It was not taken.
    Body(BodyError),
}

impl From<BodyError> for NotRead {
    fn from(error: BodyError) -> Self {
        Self::Body(error)
    }
}

impl BodyRoom {
    /// So much room for bodies that come, and so much for those that are worked on.
    #[must_use]
    pub fn new(coming: RoomSize, in_work: RoomSize) -> Self {
        Self {
            coming: Arc::new(Room::new(coming)),
            in_work: Arc::new(Room::new(in_work)),
        }
    }

    /// Reads a whole body that comes from an address. One of unknown length takes room once it turns out to be large, and
    /// then for as much as it may become.
    ///
    /// # Errors
    /// Where there is no room, or the body is not taken.
    pub async fn read(
        &self,
        body: Body,
        limits: BodyLimits,
        address: IpAddr,
    ) -> Result<RoomedBody, NotRead> {
        let Some(most) = body.size_hint().upper() else {
            return self.read_unannounced(body, limits, address).await;
        };
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let place = if most > LARGE_BYTES && most <= limits.max_bytes {
            let place = self.coming.take(address, most).await;
            Some(place.ok_or(NotRead::NoRoom)?)
        } else {
            None
        };
        let bytes = read_body(body, limits).await?;
        Ok(RoomedBody { bytes, place })
    }

    async fn read_unannounced(
        &self,
        mut body: Body,
        limits: BodyLimits,
        address: IpAddr,
    ) -> Result<RoomedBody, NotRead> {
        let read = self.collect_unannounced(&mut body, limits.max_bytes, address);
        let read = tokio::time::timeout(limits.timeout, read).await;
        read.unwrap_or(Err(BodyError::Incomplete.into()))
    }

    async fn collect_unannounced(
        &self,
        body: &mut Body,
        max_bytes: usize,
        address: IpAddr,
    ) -> Result<RoomedBody, NotRead> {
        let mut collected = Collected::default();
        let Some(more) = collected.take(body, LARGE_BYTES.min(max_bytes)).await? else {
            let (bytes, place) = (collected.finish(), None);
            return Ok(RoomedBody { bytes, place });
        };
        if collected.len() + more.len() > max_bytes {
            return Err(BodyError::TooLarge.into());
        }
        let place = self.coming.take(address, max_bytes).await;
        let place = Some(place.ok_or(NotRead::NoRoom)?);
        collected.push(more);
        let bytes = collected.complete(body, max_bytes).await?;
        Ok(RoomedBody { bytes, place })
    }

    /// Room to work on so many bytes that an address has sent; `None` where there is none, and there will not be any soon.
    pub async fn work_on(&self, address: IpAddr, bytes: usize) -> Option<Place> {
        self.in_work
            .take(address, bytes.max(LEAST_WORK_BYTES))
            .await
    }
}

/// Room that is taken in turn.
#[derive(Debug)]
struct Room {
    all: Arc<Semaphore>,
    size: RoomSize,
    by_address: Mutex<HashMap<IpAddr, Part>>,
}

/// What an address may have of a room, as long as somebody has or wants some of it.
#[derive(Debug)]
struct Part {
    units: Arc<Semaphore>,
    users: usize,
}

/// Room that is taken, until it is dropped.
#[derive(Debug)]
pub struct Place {
    _of_all: OwnedSemaphorePermit,
    _of_address: OwnedSemaphorePermit,
    // Behind them: who takes from the part next finds in it what these have given back.
    _part: PartInUse,
}

impl Room {
    fn new(size: RoomSize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(units(size.bytes))),
            size,
            by_address: Mutex::default(),
        }
    }

    /// Takes so many bytes, in turn with others; `None` where they are not free within [`LONGEST_WAIT`].
    async fn take(self: &Arc<Self>, address: IpAddr, bytes: usize) -> Option<Place> {
        if bytes > self.size.bytes || bytes > self.size.of_address_bytes {
            return None;
        }
        let wanted = u32::try_from(bytes.div_ceil(UNIT_BYTES)).ok()?;
        let take = async {
            let (part, units) = PartInUse::of(self, limit_key(address));
            // First what the address may have: who waits for that holds nothing that others wait for.
            let of_address = units.acquire_many_owned(wanted).await.ok()?;
            let of_all = Arc::clone(&self.all)
                .acquire_many_owned(wanted)
                .await
                .ok()?;
            Some(Place {
                _of_all: of_all,
                _of_address: of_address,
                _part: part,
            })
        };
        tokio::time::timeout(LONGEST_WAIT, take).await.ok()?
    }
}

fn units(bytes: usize) -> usize {
    bytes.div_ceil(UNIT_BYTES).min(Semaphore::MAX_PERMITS)
}

/// Keeps the part of an address, which goes with the last who uses it.
#[derive(Debug)]
struct PartInUse {
    room: Arc<Room>,
    address: IpAddr,
}

impl PartInUse {
    fn of(room: &Arc<Room>, address: IpAddr) -> (Self, Arc<Semaphore>) {
        let mut parts = room
            .by_address
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let part = parts.entry(address).or_insert_with(|| Part {
            units: Arc::new(Semaphore::new(units(room.size.of_address_bytes))),
            users: 0,
        });
        part.users += 1;
        let used = Self {
            room: Arc::clone(room),
            address,
        };
        (used, Arc::clone(&part.units))
    }
}

impl Drop for PartInUse {
    fn drop(&mut self) {
        let mut parts = self
            .room
            .by_address
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(part) = parts.get_mut(&self.address) {
            part.users -= 1;
            if part.users == 0 {
                parts.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::net::Ipv4Addr;
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    use hyper::body::Frame;

    use super::*;

    const SIZE: RoomSize = RoomSize {
        bytes: 6 << 20,
        of_address_bytes: 2 << 20,
    };

    fn address(number: u32) -> IpAddr {
        Ipv4Addr::from_bits(number).into()
    }

    /// What a call has come to that did not have to wait.
    fn at_once<T>(call: impl Future<Output = T>) -> Option<T> {
        let mut context = Context::from_waker(Waker::noop());
        match pin!(call).poll(&mut context) {
            Poll::Ready(outcome) => Some(outcome),
            Poll::Pending => None,
        }
    }

    #[tokio::test]
    async fn an_address_has_a_part_of_the_room_and_what_is_dropped_is_free() {
        let room = Arc::new(Room::new(SIZE));
        let take = |number| at_once(room.take(address(number), 1 << 20)).flatten();
        let mut places: Vec<Place> = (0..3).map_while(|_| take(1)).collect();
        assert_eq!(places.len(), 2, "a part is for one address");
        for number in 2..=3 {
            places.extend((0..3).map_while(|_| take(number)));
        }
        assert_eq!(places.len(), 6);
        assert!(take(4).is_none(), "there is no more in all");
        places.pop();
        assert!(take(1).is_none() && take(4).is_some());
        places.clear();
        assert!(room.by_address.lock().unwrap().is_empty());
        assert!(take(1).is_some());
    }

    #[tokio::test]
    async fn who_finds_no_room_waits_in_turn() {
        let room = Arc::new(Room::new(SIZE));
        let mut context = Context::from_waker(Waker::noop());
        let first = room.take(address(1), 2 << 20).await.unwrap();
        let mut second = pin!(room.take(address(1), 2 << 20));
        let mut third = pin!(room.take(address(1), 1 << 20));
        assert!(second.as_mut().poll(&mut context).is_pending());
        assert!(third.as_mut().poll(&mut context).is_pending());
        drop(first);
        assert!(third.as_mut().poll(&mut context).is_pending());
        let second = second.await.unwrap();
        assert!(third.as_mut().poll(&mut context).is_pending());
        drop(second);
        assert!(third.await.is_some());
        assert!(room.by_address.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn what_never_fits_does_not_wait() {
        let room = Arc::new(Room::new(SIZE));
        let too_much = at_once(room.take(address(1), SIZE.of_address_bytes + 1));
        assert!(matches!(too_much, Some(None)));
        let size = SIZE.for_body(SIZE.of_address_bytes + 1);
        assert_eq!(size.bytes, SIZE.bytes);
        let room = Arc::new(Room::new(size));
        assert!(room.take(address(1), size.of_address_bytes).await.is_some());
    }

    /// A body of unknown length: so many pieces of 1 KiB are left.
    struct Unannounced(usize);

    impl HttpBody for Unannounced {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            let is_left = self.0 > 0;
            self.0 = self.0.saturating_sub(1);
            let piece = || Ok(Frame::data(Bytes::from_static(&[b'x'; 1 << 10])));
            Poll::Ready(is_left.then(piece))
        }
    }

    #[tokio::test]
    async fn a_body_of_unknown_length_takes_room_once_it_is_large() {
        let room = BodyRoom::new(SIZE, SIZE);
        let read = |kib: usize| {
            let limits = BodyLimits {
                max_bytes: 2 << 20,
                timeout: Duration::from_secs(20),
            };
            room.read(Body::new(Unannounced(kib)), limits, address(1))
        };
        let small = read(64).await.unwrap();
        assert!(small.bytes.len() == LARGE_BYTES && small.place.is_none());
        let large = read(65).await.unwrap();
        assert!(large.bytes.len() == 65 << 10 && large.place.is_some());
        assert!(at_once(read(65)).is_none(), "it waits for the other");
        assert!(at_once(read(64)).is_some());
        drop(large);
        assert_eq!(read(2 << 10).await.unwrap().bytes.len(), 2 << 20);
        let too_large = read((2 << 10) + 1).await.unwrap_err();
        assert_eq!(too_large, NotRead::Body(BodyError::TooLarge));
        assert!(room.coming.by_address.lock().unwrap().is_empty());
    }
}
