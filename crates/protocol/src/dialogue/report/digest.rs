//! What tells a report that was sent again from another with the same id.

use sha2::{Digest as _, Sha256};

use super::entries::Entries;

/// A digest of a report's text without its `timestamp` (`spec dialogue-report`, Idempotency). Fields
/// are taken by name, in whatever order they came; each value counts as it was written. `None` of a
/// text that is no object.
#[must_use]
pub fn content_digest(json: &str) -> Option<[u8; 32]> {
    let json = json.trim_ascii();
    if !json.starts_with('{') {
        return None;
    }
    let mut fields = Entries::read(json, usize::MAX).ok()?.list;
    fields.retain(|(name, _)| name != "timestamp");
    fields.sort_by(|(name, _), (other, _)| name.cmp(other));
    let mut hash = Sha256::new();
    for (name, value) in &fields {
        for part in [name.as_str(), value.get()] {
            hash.update(part.len().to_be_bytes());
            hash.update(part.as_bytes());
        }
    }
    Some(hash.finalize().into())
}
