//! Room for large bodies that are being read: so many bytes in all, and of one address a part of them. A body comes as
//! slowly as its sender likes, and who sends it is not known before its end: one sender must not take the room of all.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of large bodies that are read at once.
const MOST_BYTES: usize = 256 << 20;
/// Bytes of them that come from one address, as limits count addresses.
const MOST_BYTES_OF_ADDRESS: usize = 16 << 20;

/// Room for large bodies that are being read.
#[derive(Debug, Default)]
pub struct BodyRoom(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    bytes: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// The room of one body, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    room: Arc<BodyRoom>,
    address: IpAddr,
    bytes: usize,
}

impl BodyRoom {
    /// Room for a body of at most so many bytes from an address, as [`limit_key`](reportd_platform::web::limit_key) has it;
    /// `None` where there is none now.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr, bytes: usize) -> Option<Place> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_address = taken.by_address.get(&address).copied().unwrap_or(0) + bytes;
        if taken.bytes + bytes > MOST_BYTES || of_address > MOST_BYTES_OF_ADDRESS {
            return None;
        }
        taken.bytes += bytes;
        taken.by_address.insert(address, of_address);
        let room = Arc::clone(self);
        Some(Place {
            room,
            address,
            bytes,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.room.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.bytes -= self.bytes;
        if let Some(of_address) = taken.by_address.get_mut(&self.address) {
            *of_address -= self.bytes;
            if *of_address == 0 {
                taken.by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn an_address_has_a_part_of_the_room_and_what_is_dropped_is_free() {
        let room = Arc::new(BodyRoom::default());
        let take = |address: u32| room.take(Ipv4Addr::from_bits(address).into(), 2 << 20);
        let mut places: Vec<Place> = (0..8).map_while(|_| take(1)).collect();
        assert_eq!(places.len(), 8);
        assert!(take(1).is_none());
        for address in 2..=16 {
            places.extend((0..8).map_while(|_| take(address)));
        }
        assert_eq!(places.len(), 128);
        assert!(take(17).is_none(), "there is no more in all");
        places.pop();
        assert!(take(17).is_some() && take(1).is_none());
        places.clear();
        assert!(room.0.lock().unwrap().by_address.is_empty());
        assert!(take(1).is_some());
    }
}
