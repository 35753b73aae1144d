//! Tables of this room.
