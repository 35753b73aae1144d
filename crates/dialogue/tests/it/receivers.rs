//! Receivers of callbacks, good and bad, on loopback: plain sockets, so that they can do what no server library does.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

/// How a receiver behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Manner {
    /// 200 and a short text.
    Well,
    /// A status, with header lines that each end in `\r\n`.
    Status(u16, String),
    /// A status and a body of so many bytes.
    Long(u16, usize),
    /// Reads, and never answers.
    Hang,
    /// 200, and a body without end.
    Endless,
    /// 200, and a byte now and then.
    Drip,
    /// Answers well, and closes the connection some time later without a word of it.
    CloseBehind,
}

/// A callback that came.
#[derive(Debug, Clone)]
pub(crate) struct Came {
    pub(crate) path: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Came {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(crate) fn id(&self) -> String {
        self.header("webhook-id").to_owned()
    }
}

/// A receiver, while it is not dropped.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    manner: Mutex<Manner>,
    came: Mutex<Vec<Came>>,
    connections: AtomicUsize,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
}

/// The certificate that a receiver shows, if it has one; may be changed while it runs.
type Shown = Arc<Mutex<Option<Arc<ServerConfig>>>>;

impl Receiver {
    pub(crate) async fn start(manner: Manner) -> Self {
        Self::start_with(manner, Arc::default()).await
    }

    /// One that speaks TLS as long as it has a certificate.
    pub(crate) async fn start_with(manner: Manner, shown: Shown) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            address: listener.local_addr().unwrap(),
            shared: Arc::new(Shared {
                manner: Mutex::new(manner),
                came: Mutex::default(),
                connections: AtomicUsize::new(0),
                at_once: AtomicUsize::new(0),
                most_at_once: AtomicUsize::new(0),
            }),
        };
        let shared = Arc::clone(&receiver.shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                shared.connections.fetch_add(1, Ordering::SeqCst);
                let (shared, shown) = (Arc::clone(&shared), shown.lock().unwrap().clone());
                tokio::spawn(async move {
                    let Some(config) = shown else {
                        return serve(stream, shared).await;
                    };
                    // The other side may not like the certificate.
                    if let Ok(stream) = TlsAcceptor::from(config).accept(stream).await {
                        serve(stream, shared).await;
                    }
                });
            }
        });
        receiver
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/call?back=1", self.address)
    }

    pub(crate) fn set(&self, manner: Manner) {
        *self.shared.manner.lock().unwrap() = manner;
    }

    pub(crate) fn came(&self) -> Vec<Came> {
        self.shared.came.lock().unwrap().clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.shared.came.lock().unwrap().len()
    }

    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn most_at_once(&self) -> usize {
        self.shared.most_at_once.load(Ordering::SeqCst)
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, shared: Arc<Shared>) {
    let mut buffer = Vec::new();
    while let Some(came) = read(&mut stream, &mut buffer).await {
        shared.came.lock().unwrap().push(came);
        let at_once = shared.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        shared.most_at_once.fetch_max(at_once, Ordering::SeqCst);
        let manner = shared.manner.lock().unwrap().clone();
        let is_open = answer(&mut stream, manner).await;
        shared.at_once.fetch_sub(1, Ordering::SeqCst);
        if !is_open {
            return;
        }
    }
}

async fn read(stream: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> Option<Came> {
    loop {
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8(buffer[..end].to_vec()).unwrap();
            let mut lines = head.split("\r\n");
            let path = lines.next()?.split(' ').nth(1)?.to_owned();
            let headers: HashMap<_, _> = lines
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
                .collect();
            let length: usize = headers["content-length"].parse().unwrap();
            if buffer.len() >= end + 4 + length {
                let body = buffer[end + 4..end + 4 + length].to_vec();
                buffer.drain(..end + 4 + length);
                return Some(Came {
                    path,
                    headers,
                    body,
                });
            }
        }
        if stream.read_buf(buffer).await.unwrap_or(0) == 0 {
            return None;
        }
    }
}

/// Answers; false where the connection is closed behind it.
async fn answer(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), manner: Manner) -> bool {
    match manner {
        Manner::Well | Manner::CloseBehind => {
            let reply = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
            let written = stream.write_all(reply).await.is_ok();
            written && manner == Manner::Well
        }
        Manner::Status(status, headers) => {
            let reply = format!("HTTP/1.1 {status} x\r\n{headers}content-length: 3\r\n\r\nno\n");
            stream.write_all(reply.as_bytes()).await.is_ok()
        }
        Manner::Long(status, length) => {
            let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {length}\r\n\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            stream.write_all(&vec![b'a'; length]).await.is_ok()
        }
        Manner::Hang => {
            // Until the other side gives up.
            let _ = stream.read_u8().await;
            false
        }
        Manner::Endless => {
            let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
            let _ = stream.write_all(head.as_bytes()).await;
            let chunk = [b"4000\r\n", &[b'e'; 0x4000][..], b"\r\n"].concat();
            while stream.write_all(&chunk).await.is_ok() {}
            false
        }
        Manner::Drip => {
            let head = "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n";
            let _ = stream.write_all(head.as_bytes()).await;
            while stream.write_all(b".").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            false
        }
    }
}
