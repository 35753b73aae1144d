//! A server that answers from a script, or by what it is asked, and remembers what it was sent.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What the server does with a request, on whichever connection it comes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    /// Answers with this status line's rest (`503 x\r\nRetry-After: 1`, say) and body.
    Reply(&'static str, &'static str),
    /// Says nothing and keeps the connection.
    Silence,
    /// Closes the connection.
    HangUp,
}

pub(crate) const OK: Step = Step::Reply("200 OK", r#"{"ret":0,"msg":"ok"}"#);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Received {
    /// Request line and headers, names in lower case.
    pub(crate) head: Vec<String>,
    pub(crate) body: Vec<u8>,
}

impl Received {
    /// Method and path.
    pub(crate) fn call(&self) -> &str {
        self.head[0].trim_end_matches(" HTTP/1.1")
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.iter().filter_map(|line| line.split_once(": "));
        headers
            .find(|(found, _)| *found == name)
            .map(|(_, value)| value)
    }
}

type Answer = dyn Fn(&Received) -> Step + Send + Sync;

pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    script: Arc<Mutex<Vec<Step>>>,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Server {
    pub(crate) async fn start(script: impl IntoIterator<Item = Step>) -> Self {
        let mut script: Vec<Step> = script.into_iter().collect();
        script.reverse();
        let script = Arc::new(Mutex::new(script));
        let next = Arc::clone(&script);
        let next = move |_: &Received| {
            let step = next.lock().unwrap().pop();
            step.expect("a request beyond the script")
        };
        Self {
            script,
            ..Self::answering(next).await
        }
    }

    /// A server that answers each request by what it is.
    pub(crate) async fn answering(
        answer: impl Fn(&Received) -> Step + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let answer: Arc<Answer> = Arc::new(answer);
        let received = Arc::default();
        let server = Self {
            addr,
            script: Arc::default(),
            received: Arc::clone(&received),
        };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&answer), Arc::clone(&received)));
            }
        });
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// How many requests have come so far.
    pub(crate) fn count(&self) -> usize {
        self.received.lock().unwrap().len()
    }

    /// All requests so far. Fails the test if some of the script was not used.
    pub(crate) fn received(&self) -> Vec<Received> {
        let left = self
            .script
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len();
        assert_eq!(left, 0, "steps of the script that were not used");
        self.received
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

async fn serve(stream: TcpStream, answer: Arc<Answer>, received: Arc<Mutex<Vec<Received>>>) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read_request(&mut stream).await {
        let step = answer(&request);
        received.lock().unwrap().push(request);
        match step {
            Step::Reply(status, body) => {
                let length = body.len();
                let reply = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}");
                stream.write_all(reply.as_bytes()).await.unwrap();
            }
            Step::Silence => {}
            Step::HangUp => return,
        }
    }
}

async fn read_request(stream: &mut BufReader<TcpStream>) -> Option<Received> {
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => head.push(match line.split_once(": ") {
                Some((name, value)) => format!("{}: {value}", name.to_lowercase()),
                None => line.to_owned(),
            }),
        }
    }
    let length = head
        .iter()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).await.ok()?;
    Some(Received { head, body })
}
