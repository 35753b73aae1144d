//! Where in a video somebody is.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A position; the end is greater than any second (`spec playback-report`, Plays and retention).
///
/// In JSON and forms it is the number of seconds, or -1 for the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Position {
    /// So many seconds from the beginning, at most [`MAX_SECONDS`](super::MAX_SECONDS).
    At(u32),
    /// The end: the video was seen to its end.
    End,
}

impl Position {
    /// The number on the wire: seconds, or -1.
    #[must_use]
    pub fn wire(self) -> i64 {
        match self {
            Self::At(seconds) => i64::from(seconds),
            Self::End => -1,
        }
    }

    /// The position of that number on the wire or in a table; `None` if it is none.
    #[must_use]
    pub fn from_wire(number: i64) -> Option<Self> {
        match number {
            -1 => Some(Self::End),
            _ => u32::try_from(number)
                .ok()
                .filter(|seconds| *seconds <= super::MAX_SECONDS)
                .map(Self::At),
        }
    }

    /// The same, or the end if it lies past the end of a video of so many seconds (`spec
    /// playback-report`, Tolerance). The last second itself is not past it.
    #[must_use]
    pub fn within(self, duration_s: Option<u32>) -> Self {
        match (self, duration_s) {
            (Self::At(seconds), Some(duration_s)) if seconds > duration_s => Self::End,
            _ => self,
        }
    }
}

impl Default for Position {
    fn default() -> Self {
        Self::At(0)
    }
}

impl Serialize for Position {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.wire())
    }
}

impl<'de> Deserialize<'de> for Position {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = i64::deserialize(deserializer)?;
        Self::from_wire(number).ok_or_else(|| serde::de::Error::custom("not a position in seconds"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_the_greatest_and_minus_one_on_the_wire() {
        assert!(Position::End > Position::At(super::super::MAX_SECONDS));
        for number in [-1, 0, 1 << 31] {
            assert_eq!(Position::from_wire(number).unwrap().wire(), number);
        }
        for number in [i64::MIN, -2, (1 << 31) + 1, i64::MAX] {
            assert_eq!(Position::from_wire(number), None);
        }
    }

    #[test]
    fn past_a_known_duration_is_the_end() {
        assert_eq!(Position::At(61).within(Some(60)), Position::End);
        assert_eq!(Position::At(60).within(Some(60)), Position::At(60));
        assert_eq!(Position::At(61).within(None), Position::At(61));
        assert_eq!(Position::End.within(None), Position::End);
    }
}
