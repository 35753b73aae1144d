//! GET and PUT over HTTP/1.1 on a kept connection: all that a measurement needs, without the cost of a client library.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, bail};

/// Nothing that is measured may take longer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A connection to a server.
pub(super) struct Connection {
    stream: BufReader<TcpStream>,
    /// What every request carries besides its path.
    headers: String,
}

impl Connection {
    /// Connects; `key` is an API key.
    pub(super) fn open(address: &str, key: &str) -> anyhow::Result<Self> {
        let stream =
            TcpStream::connect(address).with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        Ok(Self {
            stream: BufReader::new(stream),
            headers: format!("Host: {address}\r\nAuthorization: Bearer {key}\r\n"),
        })
    }

    /// The body of a success.
    pub(super) fn get(&mut self, path: &str) -> anyhow::Result<String> {
        let request = format!("GET {path} HTTP/1.1\r\n{}\r\n", self.headers);
        self.exchange(&format!("GET {path}"), &request)
    }

    /// Puts something there.
    pub(super) fn put(&mut self, path: &str, body: &str) -> anyhow::Result<String> {
        let length = format!("Content-Length: {}\r\n\r\n", body.len());
        let request = format!("PUT {path} HTTP/1.1\r\n{}{length}{body}", self.headers);
        self.exchange(&format!("PUT {path}"), &request)
    }

    fn exchange(&mut self, what: &str, request: &str) -> anyhow::Result<String> {
        self.stream.get_mut().write_all(request.as_bytes())?;
        let (status, length) = read_head(&mut self.stream).with_context(|| what.to_owned())?;
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        let body = String::from_utf8(body)?;
        if !status.starts_with('2') {
            bail!("{what}: {status}: {body}");
        }
        Ok(body)
    }
}

/// The status and the length of the body.
fn read_head(stream: &mut impl BufRead) -> anyhow::Result<(String, usize)> {
    let first = read_line(stream)?;
    let status = first
        .split(' ')
        .nth(1)
        .context("no status line")?
        .to_owned();
    let mut length = None;
    loop {
        let line = read_line(stream)?;
        let Some((name, value)) = line.split_once(':') else {
            return Ok((status, length.context("no Content-Length")?));
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = Some(value.trim().parse()?);
        }
    }
}

fn read_line(stream: &mut impl BufRead) -> anyhow::Result<String> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        bail!("the server closed the connection");
    }
    Ok(line.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_to_its_end() {
        let mut reply: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx: y\r\n\r\nok";
        assert_eq!(read_head(&mut reply).unwrap(), ("200".to_owned(), 2));
        assert_eq!(reply, b"ok");
        assert!(read_head(&mut &b"HTTP/1.1 200 OK\r\n"[..]).is_err());
    }
}
