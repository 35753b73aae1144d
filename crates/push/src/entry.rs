//! The entry of one request in the journal: its events in the order in which they came.

use reportd_platform::zones::Zone;
use reportd_protocol::push::{Event, Receipt};

/// Writes the entry of a request, event by event.
pub(crate) struct Encoder<'z> {
    zone: &'z Zone,
    bytes: Vec<u8>,
}

impl<'z> Encoder<'z> {
    /// An entry without events; days are those of `zone`.
    pub(crate) fn new(zone: &'z Zone) -> Self {
        Self {
            zone,
            bytes: Vec::new(),
        }
    }

    /// True where nothing was added.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Adds an event.
    pub(crate) fn event(&mut self, _event: &Event<'_>) {
        let _ = self.zone;
    }

    /// Adds a receipt.
    pub(crate) fn receipt(&mut self, _receipt: &Receipt<'_>) {}
}
