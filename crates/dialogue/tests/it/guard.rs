//! The address guard: what is refused at intake, and what at connect.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use reportd_dialogue::callback::guard::{Policy, Refused, check_addr, check_url};
use reportd_dialogue::callback::{Dispatcher, Network, Options, Pending, Sender, outbox};
use reportd_testbed::StoreKind::Embedded;
use reportd_testbed::run;
use rstest::rstest;
use tokio::net::TcpStream;

use crate::field::{Field, quick};
use crate::receivers::{Manner, Receiver};

fn check(url: &str) -> Result<(), Refused> {
    check_url(url, &Policy::default()).map(|_| ())
}

#[test]
fn public_addresses_are_let_in() {
    for url in [
        "http://example.com/cb",
        "https://example.com:443/cb?x=1#part",
        "HTTP://EXAMPLE.COM:8080",
        "https://例子.测试:8443/回调",
        "http://8.8.8.8/",
        "http://[2606:4700:4700::1111]:80/",
        "http://example.com./",
        "http://100.63.255.255/",
        "http://172.32.0.1/",
        "http://local.example.com/",
        "http://localhost.example.com/",
        "http://example.com/@user",
    ] {
        assert_eq!(check(url), Ok(()), "{url}");
    }
}

#[rstest]
#[case::syntax(Refused::Syntax, &[
    "", "example.com", "//example.com", "http://", "http://exa mple.com", " http://example.com", "http://example.com\n",
    "http://exam\tple.com", "http:\\\\example.com", "http://example.com\\@evil.com/", "http://[::1", "http://example.com:99999/",
    "http://1.2.3.4.5/", "http://256.256.256.256/", "http://example.com:port/", "http://exa%00mple.com/",
])]
#[case::scheme(Refused::Scheme, &["ftp://example.com", "file:///etc/passwd", "javascript:alert(1)", "gopher://example.com"])]
#[case::userinfo(Refused::Userinfo, &[
    "http://user@example.com/", "http://user:pass@example.com/", "http://:pass@example.com/", "http://@example.com/",
    "http://example.com@10.0.0.1/", "http:user@example.com",
])]
#[case::port(Refused::Port, &["http://example.com:22/", "https://example.com:8444/", "http://8.8.8.8:25/", "http://example.com:0/"])]
#[case::name(Refused::Name, &[
    "http://localhost/", "http://LOCALHOST:8080/", "http://localhost./", "http://a.localhost/", "http://printer.local/",
    "http://printer.LOCAL./", "http://metadata.google.internal/", "http://internal/", "http://local/",
    "http://l%6Fcalhost/", "http://ｌｏｃａｌｈｏｓｔ/", "http://ⓛocalhost/", "http://localhost。/",
])]
#[case::v4(Refused::Address, &[
    "http://127.0.0.1/", "http://127.1/", "http://127.0.1/", "http://2130706433/", "http://0x7f000001/", "http://0x7f.1/",
    "http://017700000001/", "http://0177.0.0.1/", "http://127.0.0.1./", "http://%31%32%37.0.0.1/", "http://１２７.0.0.1/",
    "http://0/", "http://0.0.0.0/", "http://0.1.2.3/", "http://10.1.2.3/", "http://100.64.0.1/", "http://100.127.255.255/",
    "http://169.254.169.254/", "http://0xa9fea9fe/", "http://172.16.0.1/", "http://172.31.255.255/", "http://192.0.0.8/",
    "http://192.0.2.1/", "http://192.88.99.1/", "http://192.168.0.1/", "http://198.18.0.1/", "http://198.19.255.255/",
    "http://198.51.100.7/", "http://203.0.113.7/", "http://224.0.0.1/", "http://239.255.255.255/", "http://240.0.0.1/",
    "http://255.255.255.255/", "http://4294967295/",
])]
#[case::v6(Refused::Address, &[
    "http://[::1]/", "http://[::]/", "http://[0:0:0:0:0:0:0:1]/", "http://[::ffff:127.0.0.1]/", "http://[::ffff:8.8.8.8]/",
    "http://[::ffff:7f00:1]/", "http://[::127.0.0.1]/", "http://[::ffff:0:127.0.0.1]/", "http://[64:ff9b::10.0.0.1]/",
    "http://[64:ff9b::8.8.8.8]/", "http://[64:ff9b:1::1]/", "http://[100::1]/", "http://[2001::1]/",
    "http://[2001:0:53aa:64c:0:5:a9fe:a9fe]/", "http://[2001:2::1]/", "http://[2001:10::1]/", "http://[2001:20::1]/",
    "http://[2001:db8::1]/", "http://[2002:7f00:1::]/", "http://[2002:808:808::1]/", "http://[3fff::1]/", "http://[5f00::1]/",
    "http://[fc00::1]/", "http://[fd12:3456::1]/", "http://[fe80::1]/", "http://[fec0::1]/", "http://[ff02::1]/",
])]
fn everything_else_is_refused(#[case] why: Refused, #[case] urls: &[&str]) {
    for url in urls {
        assert_eq!(check(url), Err(why), "{url}");
    }
    let long = format!("http://example.com/{}", "a".repeat(2048));
    assert_eq!(check(&long), Err(Refused::Syntax));
}

#[test]
fn an_app_lists_hosts_with_other_ports_and_may_allow_all() {
    let hosts = [
        "Callback.example.com:9000".to_owned(),
        "any.example.com".to_owned(),
    ];
    let listed = Policy {
        hosts: &hosts,
        allow_private: false,
    };
    let check = |url: &str, policy: &Policy<'_>| check_url(url, policy).map(|_| ());
    for url in [
        "http://callback.example.com:9000/",
        "http://callback.example.com.:9000/",
        "http://any.example.com:1234/",
    ] {
        assert_eq!(check(url, &listed), Ok(()), "{url}");
    }
    for url in [
        "http://callback.example.com:9001/",
        "http://other.example.com:9000/",
    ] {
        assert_eq!(check(url, &listed), Err(Refused::Port), "{url}");
    }
    let any = Policy {
        hosts: &[],
        allow_private: true,
    };
    for url in [
        "http://127.0.0.1:9/",
        "http://localhost:12345/",
        "https://[::1]:1/",
        "http://intranet.local/",
    ] {
        assert_eq!(check(url, &any), Ok(()), "{url}");
    }
    for (url, why) in [
        ("http://a@127.0.0.1/", Refused::Userinfo),
        ("ftp://127.0.0.1/", Refused::Scheme),
        ("127.0.0.1", Refused::Syntax),
    ] {
        assert_eq!(check(url, &any), Err(why), "{url}");
    }
}

#[test]
fn a_url_tells_its_host_and_port() {
    for (url, authority) in [
        ("http://Example.com/a", "example.com:80"),
        ("https://example.com/a", "example.com:443"),
        ("http://[2606:4700::1]:8080/", "[2606:4700::1]:8080"),
    ] {
        let read = check_url(url, &Policy::default()).unwrap();
        assert_eq!(read.authority(), authority);
    }
    assert!(check_addr("1.1.1.1".parse().unwrap()).is_ok());
}

/// A network whose names say what they like: each look-up gets the next answer, and the last one again and again. All
/// addresses lead to one receiver.
struct Liar {
    answers: Mutex<Vec<Vec<&'static str>>>,
    leads_to: SocketAddr,
    looked_up: Mutex<Vec<String>>,
    connected: Mutex<Vec<SocketAddr>>,
}

impl Liar {
    fn new(answers: &[&[&'static str]], leads_to: SocketAddr) -> Arc<Self> {
        Arc::new(Self {
            answers: Mutex::new(answers.iter().rev().map(|answer| answer.to_vec()).collect()),
            leads_to,
            looked_up: Mutex::default(),
            connected: Mutex::default(),
        })
    }
}

impl Network for Liar {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Pending<'a, Vec<SocketAddr>> {
        self.looked_up.lock().unwrap().push(host.to_owned());
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 {
            answers.pop().unwrap()
        } else {
            answers[0].clone()
        };
        let address = |text: &&str| SocketAddr::new(text.parse::<IpAddr>().unwrap(), port);
        let found: Vec<_> = answer.iter().map(address).collect();
        Box::pin(async move { Ok::<_, io::Error>(found) })
    }

    fn connect(&self, to: SocketAddr) -> Pending<'_, TcpStream> {
        self.connected.lock().unwrap().push(to);
        Box::pin(TcpStream::connect(self.leads_to))
    }
}

async fn send(
    answers: &[&[&'static str]],
    url: &str,
    state: i64,
) -> (Field, Arc<Liar>, Receiver, Option<String>) {
    let (field, receiver) = (Field::new(Embedded), Receiver::start(Manner::Well).await);
    let liar = Liar::new(answers, receiver.address);
    let options = Options {
        schedule: Vec::new(),
        ..quick()
    };
    let network = Arc::clone(&liar) as Arc<dyn Network>;
    let node = field
        .node_with("a", options, Sender::default(), network)
        .await;
    let sent = field.send(&node, url).await;
    let became = field.until(sent, state).await;
    node.close().await;
    (field, liar, receiver, became.error)
}

#[test]
fn a_name_with_a_public_address_is_connected_to_there_and_asked_once() {
    run(async {
        // The second answer would be private: whoever asked again would get in.
        let answers: &[&[&str]] = &[&["93.184.216.34"], &["127.0.0.1"]];
        let (_field, liar, receiver, error) =
            send(answers, "http://rebind.example.com/cb", outbox::DELIVERED).await;
        assert_eq!(error, None);
        assert_eq!(*liar.looked_up.lock().unwrap(), ["rebind.example.com"]);
        assert_eq!(
            *liar.connected.lock().unwrap(),
            ["93.184.216.34:80".parse().unwrap()]
        );
        assert_eq!(receiver.came()[0].header("host"), "rebind.example.com");
    });
}

#[test]
fn a_name_with_a_private_address_is_not_connected_to() {
    run(async {
        for answer in [
            &["127.0.0.1"][..],
            &["93.184.216.34", "10.0.0.1"],
            &["::1"],
            &["::ffff:93.184.216.34"],
            &["64:ff9b::5db8:d822"],
            &["2002:5db8:d822::1"],
            &["100.64.1.1"],
            &["169.254.169.254"],
        ] {
            let (_field, liar, receiver, error) =
                send(&[answer], "http://private.example.com/", outbox::DEAD).await;
            assert_eq!(
                error.as_deref(),
                Some("the name has an address that is not public"),
                "{answer:?}"
            );
            assert_eq!(liar.connected.lock().unwrap().len(), 0, "{answer:?}");
            assert_eq!(receiver.connections(), 0, "{answer:?}");
        }
    });
}

#[test]
fn a_literal_is_refused_when_it_is_sent_to_as_well() {
    run(async {
        let (_field, liar, _receiver, error) =
            send(&[&["93.184.216.34"]], "http://2130706433/", outbox::DEAD).await;
        assert_eq!(
            error.as_deref(),
            Some("not a callback address: address not public")
        );
        assert_eq!(liar.looked_up.lock().unwrap().len(), 0);
    });
}

/// One app may send to private addresses, another to the same host may not: also not over the first one's connection.
#[test]
fn a_connection_to_a_private_address_is_not_used_by_an_app_that_may_not() {
    run(async {
        let (field, receiver) = (Field::new(Embedded), Receiver::start(Manner::Well).await);
        let liar = Liar::new(&[&["10.0.0.1"]], receiver.address);
        let apps = vec![
            Sender {
                allow_private: true,
                ..Sender::default()
            },
            Sender::default(),
        ];
        let parts = field.parts("a", apps, Arc::clone(&liar) as Arc<dyn Network>);
        let options = Options {
            schedule: Vec::new(),
            ..quick()
        };
        let node = Dispatcher::start(parts, options).await.unwrap();
        let first = field.send(&node, "http://both.example.com/").await;
        field.until(first, outbox::DELIVERED).await;
        let mut other = field.new_delivery("http://both.example.com/", 0);
        other.app = 2;
        let (other, handed) = field.write(vec![other], node.lease()).await;
        node.hand_over(handed);
        let became = field.until(other[0], outbox::DEAD).await;
        assert_eq!(
            became.error.as_deref(),
            Some("the name has an address that is not public")
        );
        assert_eq!(receiver.count(), 1);
        node.close().await;
    });
}
