//! A bot in miniature: tells the server that it has sent one message.
//!
//! `cargo run -p reportd-client --example report -- http://127.0.0.1:8300 <token>`, or with
//! `REPORTD_URL` and `REPORTD_TOKEN` in the environment.

use std::time::{SystemTime, UNIX_EPOCH};

use reportd_client::protocol::comm::{OutgoingItem, OutgoingReport};
use reportd_client::{ClientError, CommClient};

type AnyError = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), AnyError> {
    let base_url = setting(1, "REPORTD_URL")?;
    let token = setting(2, "REPORTD_TOKEN")?;
    let (now_ms, nonce) = moment()?;

    let message = OutgoingItem::active_message(106_201, "553021", "an uploader");
    let report = OutgoingReport::new(now_ms, nonce).item(message);
    match CommClient::new(&base_url, &token)?.send(&report).await {
        Ok(()) => println!("accepted"),
        Err(ClientError::Refused { code, msg, .. }) => println!("refused: {code} {msg}"),
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// The argument at `position`, or the environment variable `name`.
fn setting(position: usize, name: &str) -> Result<String, AnyError> {
    let value = std::env::args()
        .nth(position)
        .or_else(|| std::env::var(name).ok());
    value.ok_or_else(|| format!("give an argument or set {name}").into())
}

/// Now in milliseconds, and a nonce that no other report of this bot has.
#[expect(
    clippy::disallowed_methods,
    reason = "this is a whole program, and a program has a clock"
)]
fn moment() -> Result<(i64, String), AnyError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok((
        i64::try_from(now.as_millis())?,
        format!("{:x}", now.as_nanos()),
    ))
}
