//! The clock of a client.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the milliseconds since 1970.
pub(crate) type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Milliseconds since 1970 by the system's clock.
#[expect(
    clippy::disallowed_methods,
    reason = "programs of users have no clock to give; ours and tests give theirs"
)]
pub(crate) fn system_now_ms() -> i64 {
    let since_1970 = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX)
}
