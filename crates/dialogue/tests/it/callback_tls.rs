//! Callbacks over TLS: a receiver is believed only where an authority says that it is who it says.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use reportd_dialogue::callback::{
    Dispatcher, Network, Options, Parts, Pending, Sender, SystemNetwork, Trust, outbox,
};
use reportd_testbed::StoreKind::Embedded;
use reportd_testbed::run;
use rstest::rstest;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto};

use crate::field::{Became, Field, quick};
use crate::receivers::{Manner, Receiver};

const NAME: &str = "receiver.test";

/// All names are loopback.
struct Loopback(SystemNetwork);

impl Network for Loopback {
    fn resolve<'a>(&'a self, _: &'a str, port: u16) -> Pending<'a, Vec<SocketAddr>> {
        Box::pin(async move { Ok(vec![(Ipv4Addr::LOCALHOST, port).into()]) })
    }

    fn connect(&self, to: SocketAddr) -> Pending<'_, tokio::net::TcpStream> {
        self.0.connect(to)
    }
}

/// An authority of this test alone.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    fn trust(&self) -> Trust {
        let mut authorities = RootCertStore::empty();
        authorities.add(self.0.der().clone()).unwrap();
        Trust::Only(Arc::new(authorities))
    }

    /// What a receiver shows whose certificate names `name` and holds until the end of that year.
    fn certify(&self, name: &str, year: i32) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(year, 12, 31);
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key);
        Arc::new(config.unwrap())
    }
}

async fn node(field: &Field, trust: Trust, options: Options) -> Arc<Dispatcher> {
    let sender = Sender {
        allow_private: true,
        ..Sender::default()
    };
    let network = Arc::new(Loopback(SystemNetwork::default()));
    let parts = Parts {
        trust,
        ..field.parts("a", vec![sender], network)
    };
    Dispatcher::start(parts, options).await.unwrap()
}

fn url(receiver: &Receiver) -> String {
    format!("https://{NAME}:{}/call", receiver.address.port())
}

/// Time enough for handshakes on a busy machine.
fn patient() -> Options {
    Options {
        timeout: Duration::from_secs(9),
        ..quick()
    }
}

#[test]
fn a_receiver_whom_an_authority_vouches_for_is_sent_to() {
    run(async {
        let (field, authority) = (Field::new(Embedded), Authority::new("ours"));
        let shown = Arc::new(Mutex::new(Some(authority.certify(NAME, 2999))));
        let receiver = Receiver::start_with(Manner::Well, shown).await;
        let node = node(&field, authority.trust(), patient()).await;
        for _ in 0..2 {
            let sent = field.send(&node, &url(&receiver)).await;
            assert_eq!(field.until(sent, outbox::DELIVERED).await.attempts, 1);
        }
        let came = receiver.came();
        assert_eq!(
            came[0].header("host"),
            format!("{NAME}:{}", receiver.address.port())
        );
        assert_eq!(
            (came.len(), receiver.connections()),
            (2, 1),
            "one handshake"
        );
        node.close().await;
    });
}

/// What a receiver shows instead of a good certificate.
#[derive(Debug, Clone, Copy)]
enum Shows {
    UnknownAuthority,
    OtherName,
    Expired,
}

impl Shows {
    fn config(self, ours: &Authority) -> Arc<ServerConfig> {
        match self {
            // Of the same name, as a forger would choose it.
            Self::UnknownAuthority => Authority::new("ours").certify(NAME, 2999),
            Self::OtherName => ours.certify("other.test", 2999),
            Self::Expired => ours.certify(NAME, 2020),
        }
    }
}

#[rstest]
#[case(Shows::UnknownAuthority, "invalid peer certificate: ")]
#[case(Shows::OtherName, "receiver.test")]
#[case(Shows::Expired, "expired")]
fn another_is_told_nothing_and_tried_again(#[case] shows: Shows, #[case] cause: &str) {
    run(async {
        let (field, ours) = (Field::new(Embedded), Authority::new("ours"));
        let shown = Arc::new(Mutex::new(Some(shows.config(&ours))));
        let receiver = Receiver::start_with(Manner::Well, Arc::clone(&shown)).await;
        let node = node(&field, ours.trust(), patient()).await;
        let sent = field.send(&node, &url(&receiver)).await;
        let became = field.until(sent, outbox::DEAD).await;
        let error = became.error.clone().unwrap();
        assert!(
            error.starts_with("TLS: ") && error.contains(cause),
            "{error}"
        );
        let expected = Became {
            state: outbox::DEAD,
            ticket: 4,
            attempts: 3,
            status: None,
            error: Some(error),
        };
        assert_eq!(became, expected);
        assert_eq!((receiver.count(), receiver.connections()), (0, 3));
        // It has a good certificate before the last attempt of another delivery.
        let options = Options {
            schedule: vec![Duration::from_millis(100); 50],
            ..patient()
        };
        node.close().await;
        let node = self::node(&field, ours.trust(), options).await;
        let sent = field.send(&node, &url(&receiver)).await;
        let tried = |field: &Field| field.became(sent).attempts >= 1;
        field.until_it("a failure", tried).await;
        *shown.lock().unwrap() = Some(ours.certify(NAME, 2999));
        let became = field.until(sent, outbox::DELIVERED).await;
        assert!(became.attempts >= 2 && became.error.is_none(), "{became:?}");
        assert_eq!(receiver.count(), 1);
        node.close().await;
    });
}

/// As servers run: with the authorities of the system, which do not know those of this test.
#[test]
fn the_system_does_not_trust_an_authority_of_our_own_making() {
    run(async {
        let (field, authority) = (Field::new(Embedded), Authority::new("ours"));
        let shown = Arc::new(Mutex::new(Some(authority.certify(NAME, 2999))));
        let receiver = Receiver::start_with(Manner::Well, shown).await;
        let node = node(&field, Trust::System, patient()).await;
        let sent = field.send(&node, &url(&receiver)).await;
        let error = field.until(sent, outbox::DEAD).await.error.unwrap();
        assert!(
            error.starts_with("TLS: invalid peer certificate: "),
            "{error}"
        );
        assert_eq!(receiver.count(), 0);
        node.close().await;
    });
}
