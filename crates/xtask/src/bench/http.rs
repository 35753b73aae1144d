//! GET, PUT and POST over HTTP/1.1 on a kept connection: all that a measurement needs, without the cost of a client library.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, bail};

/// Nothing that is measured may take longer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A reply, whatever it says.
pub(super) struct Reply {
    pub(super) status: String,
    /// Names in small letters.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
    /// All that was transferred.
    pub(super) bytes: usize,
}

impl Reply {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

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

    /// Connects as a browser does, with no cookie yet.
    pub(super) fn browse(address: &str) -> anyhow::Result<Self> {
        let mut connection = Self::open(address, "")?;
        connection.headers = format!("Host: {address}\r\n");
        Ok(connection)
    }

    /// Sends a cookie from now on.
    pub(super) fn keep_cookie(&mut self, cookie: &str) {
        self.headers += &format!("Cookie: {cookie}\r\n");
    }

    /// Sends a form.
    pub(super) fn post_form(&mut self, path: &str, form: &str) -> anyhow::Result<Reply> {
        let head = "Content-Type: application/x-www-form-urlencoded\r\n";
        let length = form.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\n{}{head}Content-Length: {length}\r\n\r\n{form}",
            self.headers
        );
        self.call(&format!("POST {path}"), &request)
    }

    /// A page or a file of one, which must be there.
    pub(super) fn load(&mut self, path: &str) -> anyhow::Result<Reply> {
        let reply = self.ask(path)?;
        if reply.status != "200" {
            bail!("GET {path}: {}: {}", reply.status, reply.body);
        }
        Ok(reply)
    }

    /// What stands there, or where else to look.
    pub(super) fn ask(&mut self, path: &str) -> anyhow::Result<Reply> {
        let what = format!("GET {path}");
        let request = format!("{what} HTTP/1.1\r\n{}\r\n", self.headers);
        self.call(&what, &request)
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
        let Reply { status, body, .. } = self.call(what, request)?;
        if !status.starts_with('2') {
            bail!("{what}: {status}: {body}");
        }
        Ok(body)
    }

    fn call(&mut self, what: &str, request: &str) -> anyhow::Result<Reply> {
        self.stream.get_mut().write_all(request.as_bytes())?;
        let mut reply = read_head(&mut self.stream).with_context(|| what.to_owned())?;
        let length = reply.header("content-length");
        let length: usize = length.context("no Content-Length")?.parse()?;
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        reply.bytes += length;
        reply.body = String::from_utf8(body)?;
        Ok(reply)
    }
}

/// The reply up to its body.
fn read_head(stream: &mut impl BufRead) -> anyhow::Result<Reply> {
    let first = read_line(stream)?;
    let mut reply = Reply {
        status: first
            .split(' ')
            .nth(1)
            .context("no status line")?
            .to_owned(),
        headers: Vec::new(),
        body: String::new(),
        bytes: first.len(),
    };
    loop {
        let line = read_line(stream)?;
        reply.bytes += line.len();
        let Some((name, value)) = line.split_once(':') else {
            return Ok(reply);
        };
        let header = (name.to_ascii_lowercase(), value.trim().to_owned());
        reply.headers.push(header);
    }
}

/// A line with its end.
fn read_line(stream: &mut impl BufRead) -> anyhow::Result<String> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        bail!("the server closed the connection");
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_to_its_end() {
        let mut text: &[u8] = b"HTTP/1.1 200 OK\r\nContent-length: 2\r\nx: y\r\n\r\nok";
        let length = text.len();
        let reply = read_head(&mut text).unwrap();
        assert_eq!((&*reply.status, text), ("200", &b"ok"[..]));
        assert_eq!(reply.header("content-length"), Some("2"));
        assert_eq!(reply.bytes, length - 2);
        assert!(read_head(&mut &b"HTTP/1.1 200 OK\r\n"[..]).is_err());
    }
}
