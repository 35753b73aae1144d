//! Receivers of callbacks, well and badly behaved, each on a port of its own.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reportd_platform::clock::{Clock, SystemClock};

/// What a receiver does with a callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Takes it.
    Takes,
    /// Takes it after a while, of up to so many ms.
    TakesSlowly(u64),
    /// Reads it and says nothing.
    Hangs,
    /// Answers with this status.
    Answers(u16),
    /// Answers 429, to be asked again after so many seconds.
    TriesLater(u32),
    /// Answers 302, to an address of this machine.
    Redirects,
    /// Answers with a body without an end.
    IsEndless,
    /// Answers with a byte now and then.
    Drips,
    /// Listens no more.
    IsClosed,
}

/// A callback as it came.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
    /// When it was here, on the clock of the receiver.
    pub(crate) at: Duration,
}

impl Arrival {
    pub(crate) fn header(&self, name: &str) -> &str {
        &self.headers[name]
    }

    pub(crate) fn webhook_id(&self) -> &str {
        self.header("webhook-id")
    }
}

/// A receiver; its threads end with the process, its port when it is dropped.
pub(crate) struct Receiver {
    address: String,
    shared: Arc<Shared>,
}

struct Shared {
    manner: Manner,
    clock: Arc<SystemClock>,
    arrivals: Mutex<Vec<Arrival>>,
    stop: AtomicBool,
}

impl Receiver {
    pub(crate) fn start(manner: Manner) -> Self {
        Self::with_clock(manner, &Arc::new(SystemClock::start()))
    }

    /// A receiver that takes the time from a clock that it shares.
    pub(crate) fn with_clock(manner: Manner, clock: &Arc<SystemClock>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shared = Arc::new(Shared {
            manner,
            clock: Arc::clone(clock),
            arrivals: Mutex::default(),
            stop: AtomicBool::new(false),
        });
        let of_thread = Arc::clone(&shared);
        if manner != Manner::IsClosed {
            std::thread::spawn(move || accept(&listener, &of_thread));
        }
        Self { address, shared }
    }

    /// The address for callbacks.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// What has come so far.
    pub(crate) fn arrivals(&self) -> Vec<Arrival> {
        self.shared.arrivals.lock().unwrap().clone()
    }

    /// How much has come so far.
    pub(crate) fn count(&self) -> usize {
        self.shared.arrivals.lock().unwrap().len()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(&self.address);
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stop.load(Ordering::SeqCst) {
            return;
        }
        let (Ok(stream), shared) = (stream, Arc::clone(shared)) else {
            continue;
        };
        // However it ends: what has come is noted.
        std::thread::spawn(move || serve(stream, &shared));
    }
}

fn serve(stream: TcpStream, shared: &Shared) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    while let Some(mut arrival) = read(&mut stream)? {
        arrival.at = shared.clock.monotonic();
        let number = {
            let mut arrivals = shared.arrivals.lock().unwrap();
            arrivals.push(arrival);
            arrivals.len() as u64
        };
        if let Manner::TakesSlowly(most_ms) = shared.manner {
            std::thread::sleep(Duration::from_millis(number * 7_919 % most_ms));
        }
        answer(stream.get_mut(), shared)?;
    }
    Ok(())
}

fn read(stream: &mut impl BufRead) -> Result<Option<Arrival>> {
    let mut first = String::new();
    if stream.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length");
    let length = length.and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(Some(Arrival {
        headers,
        body,
        at: Duration::ZERO,
    }))
}

fn answer(stream: &mut TcpStream, shared: &Shared) -> Result<()> {
    let empty = "content-length: 0\r\n\r\n";
    match shared.manner {
        Manner::Takes | Manner::TakesSlowly(_) | Manner::IsClosed => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        }
        Manner::Answers(status) => write!(stream, "HTTP/1.1 {status} So\r\n{empty}"),
        Manner::TriesLater(seconds) => {
            write!(
                stream,
                "HTTP/1.1 429 Later\r\nretry-after: {seconds}\r\n{empty}"
            )
        }
        Manner::Redirects => {
            write!(
                stream,
                "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:9/\r\n{empty}"
            )
        }
        Manner::Hangs => while_wanted(shared, || Ok(())),
        Manner::IsEndless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
            let chunk = [b"1000\r\n", &[b'x'; 4096][..], b"\r\n"].concat();
            while_wanted(shared, || stream.write_all(&chunk))
        }
        Manner::Drips => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")?;
            while_wanted(shared, || stream.write_all(b"x"))
        }
    }
}

/// Goes on, some times a second, until the other side is gone or the test is over.
fn while_wanted(shared: &Shared, mut go_on: impl FnMut() -> Result<()>) -> Result<()> {
    while !shared.stop.load(Ordering::SeqCst) {
        go_on()?;
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
