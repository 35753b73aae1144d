//! The receiver of callbacks, on a free port of this machine: it takes all, and costs next to nothing.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::book::Book;

const REPLY: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";
/// Longer heads and bodies are none of reportd's.
const MOST_BYTES: usize = 256 << 10;

/// Listens; tells the address before the number of a report, and goes on until the program ends.
pub(super) async fn listen(book: &Arc<Book>) -> std::io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let base = format!("http://{}/", listener.local_addr()?);
    let book = Arc::clone(book);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let book = Arc::clone(&book);
            tokio::spawn(async move { receive(stream, &book).await });
        }
    });
    Ok(base)
}

/// Takes callbacks until the connection ends.
async fn receive(mut stream: TcpStream, book: &Book) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut buffer = Vec::with_capacity(16 << 10);
    loop {
        let whole = loop {
            if let Some(whole) = Callback::bytes(&buffer) {
                break whole;
            }
            if buffer.len() > MOST_BYTES || stream.read_buf(&mut buffer).await.ok()? == 0 {
                return None;
            }
        };
        let callback = Callback::read(&buffer[..whole])?;
        book.arrived(callback.number, callback.webhook_id);
        buffer.drain(..whole);
        stream.write_all(REPLY).await.ok()?;
    }
}

/// What counts of a request.
struct Callback<'a> {
    number: Option<u64>,
    webhook_id: &'a [u8],
}

impl<'a> Callback<'a> {
    /// How long the request is, once all of it is there.
    fn bytes(buffer: &[u8]) -> Option<usize> {
        let head = buffer.windows(4).position(|end| end == b"\r\n\r\n")?;
        let length = header(&buffer[..head], "content-length");
        let length = length.and_then(|value| str::from_utf8(value).ok()?.parse::<usize>().ok());
        let whole = head + 4 + length.unwrap_or(0);
        (buffer.len() >= whole).then_some(whole)
    }

    fn read(request: &'a [u8]) -> Option<Self> {
        let path = request.split(|&byte| byte == b' ').nth(1)?;
        let number = str::from_utf8(path).ok()?.strip_prefix('/')?.parse().ok();
        let webhook_id = header(request, "webhook-id").unwrap_or_default();
        Some(Self { number, webhook_id })
    }
}

fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a [u8]> {
    head.split(|&byte| byte == b'\n').find_map(|line| {
        let (found, value) = line.split_at_checked(name.len())?;
        let value = value.strip_prefix(b":")?;
        found
            .eq_ignore_ascii_case(name.as_bytes())
            .then(|| value.trim_ascii())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callback_is_read_when_all_of_it_is_there() {
        let request = b"POST /17 HTTP/1.1\r\nWebhook-Id: m_1\r\ncontent-length: 3\r\n\r\na=1POST";
        let whole = request.len() - 4;
        assert_eq!(Callback::bytes(&request[..whole - 1]), None);
        assert_eq!(Callback::bytes(request), Some(whole));
        let callback = Callback::read(&request[..whole]).unwrap();
        assert_eq!(
            (callback.number, callback.webhook_id),
            (Some(17), &b"m_1"[..])
        );
    }
}
