//! Receivers that are ill beside those that are well: nobody waits for the end of another's attempt.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reportd_dialogue::callback::{Network, Options, Pending, Sender, SystemNetwork, outbox};
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use reportd_testbed::run;
use rstest::rstest;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::field::{Field, quick};
use crate::receivers::{Manner, Receiver};

/// Longer than any test: no attempt ends by it.
const NEVER: Duration = Duration::from_secs(3_600);
const ILL: usize = 21;
const TO_EACH: usize = 40;
const TO_WELL: usize = 200;

/// A network in which hosts hang until they are let go: at the look-up of their name, at connecting, or at the reply.
struct Hanging {
    system: SystemNetwork,
    silent: SocketAddr,
    is_over: watch::Receiver<bool>,
}

/// Where a connection attempt hangs.
const UNREACHABLE: u16 = 9;

impl Hanging {
    async fn hang<T>(&self) -> io::Result<T> {
        let _ = self.is_over.clone().wait_for(|is_over| *is_over).await;
        Err(io::Error::other("it is over"))
    }
}

impl Network for Hanging {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Pending<'a, Vec<SocketAddr>> {
        Box::pin(async move {
            match host.split('-').next() {
                Some("name") => self.hang().await,
                Some("connect") => Ok(vec![([127, 0, 0, 1], UNREACHABLE).into()]),
                Some("reply") => Ok(vec![self.silent]),
                _ => self.system.resolve(host, port).await,
            }
        })
    }

    fn connect(&self, to: SocketAddr) -> Pending<'_, TcpStream> {
        match to.port() {
            UNREACHABLE => Box::pin(self.hang()),
            _ => self.system.connect(to),
        }
    }
}

/// Takes connections, reads nothing and says nothing; they end when what it returns is cleared.
async fn silent() -> (SocketAddr, Arc<Mutex<Vec<TcpStream>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, kept) = (listener.local_addr().unwrap(), Arc::new(Mutex::default()));
    let keeps: Arc<Mutex<Vec<TcpStream>>> = Arc::clone(&kept);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            keeps.lock().unwrap().push(stream);
        }
    });
    (address, kept)
}

/// Not one attempt of the ill ones ends while the well one is sent all it is to be sent, and that is written down.
#[rstest]
fn deliveries_to_one_that_is_well_need_no_end_of_an_ill_attempt(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    run(async {
        let (field, well) = (Field::new(kind), Receiver::start(Manner::Well).await);
        let (silent, kept) = silent().await;
        let (over, is_over) = watch::channel(false);
        let network = Hanging {
            system: SystemNetwork::default(),
            silent,
            is_over,
        };
        let options = Options {
            timeout: NEVER,
            lease: 3 * NEVER,
            ..quick()
        };
        let per_ill = options.per_host.min(options.breaker.failures);
        let sender = Sender {
            allow_private: true,
            ..Sender::default()
        };
        let node = field
            .node_with("a", options, sender, Arc::new(network))
            .await;
        let ill_url = |count: usize| {
            let at = ["name", "connect", "reply"][count % 3];
            format!("http://{at}-{}.test:8080/", count % ILL)
        };
        let of_ill = |count| field.new_delivery(&ill_url(count), 0);
        let to_ill = (0..ILL * TO_EACH).map(of_ill).collect();
        let (_, handed) = field.write(to_ill, node.lease()).await;
        node.hand_over(handed);
        assert_eq!(
            node.figures().0,
            ILL * per_ill,
            "all their places are taken"
        );
        let news = (0..TO_WELL / 2).map(|_| field.new_delivery(&well.url(), 0));
        // Half of them in memory from their verdicts, half from the store.
        let (_, handed) = field.write(news.collect(), node.lease()).await;
        node.hand_over(handed);
        let news = (0..TO_WELL / 2).map(|_| field.new_delivery(&well.url(), 0));
        field.write(news.collect(), None).await;
        let delivered = format!(
            "SELECT COUNT(*) FROM dialogue_delivery WHERE state = {}",
            outbox::DELIVERED
        );
        let all = i64::try_from(TO_WELL).unwrap();
        field
            .until_it("all", |field| field.int(&delivered) == all)
            .await;
        assert_eq!(well.count(), TO_WELL);
        let attempts = "SELECT COUNT(*) FROM dialogue_attempt";
        assert_eq!(field.int(attempts), all, "none of the ill ones has ended");
        let (running, waiting, open) = node.figures();
        assert_eq!(
            (running, waiting),
            (ILL * per_ill, ILL * (TO_EACH - per_ill))
        );
        assert_eq!(open, [""; 0]);
        over.send_replace(true);
        let node_closes = node.close();
        kept.lock().unwrap().clear();
        node_closes.await;
    });
}
