//! TLS by certificate files.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reportd_testbed::StoreKind::Embedded;
use rstest::rstest;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::harness::Data;

const NAME: &str = "reports.test";

/// A certificate that vouches for itself, and its key, in files.
struct Pair {
    certificate: PathBuf,
    key: PathBuf,
    der: CertificateDer<'static>,
}

impl Pair {
    fn new(data: &Data, file: &str) -> Self {
        let made = rcgen::generate_simple_self_signed(vec![NAME.to_owned()]).unwrap();
        let folder = data.path();
        let put = |ending: &str, kind: &str, der: &[u8]| {
            let path = folder.join(format!("{file}.{ending}"));
            fs::write(&path, pem(kind, der)).unwrap();
            path
        };
        Self {
            certificate: put("crt", "CERTIFICATE", made.cert.der()),
            key: put("key", "PRIVATE KEY", &made.signing_key.serialize_der()),
            der: made.cert.der().clone(),
        }
    }
}

fn pem(kind: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    format!("-----BEGIN {kind}-----\n{text}\n-----END {kind}-----\n")
}

/// Asks over TLS, trusting this certificate alone; tells what came, or why nothing did.
fn ask(address: &str, name: &str, trusted: &Pair, request: &str) -> std::io::Result<String> {
    let mut authorities = RootCertStore::empty();
    authorities.add(trusted.der.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(authorities)
        .with_no_client_auth();
    let name = name.to_owned().try_into().unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut stream = StreamOwned::new(connection, socket);
    stream.write_all(request.as_bytes())?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    Ok(reply)
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: {NAME}\r\nconnection: close\r\n\r\n")
}

#[test]
fn a_server_with_a_certificate_speaks_tls_alone() {
    let data = Data::with_app(Embedded);
    let (ours, strange) = (Pair::new(&data, "ours"), Pair::new(&data, "strange"));
    let server = data.serve_with(&[
        (
            "REPORTD_SERVER_TLS_CERTIFICATE",
            ours.certificate.to_str().unwrap(),
        ),
        ("REPORTD_SERVER_TLS_KEY", ours.key.to_str().unwrap()),
    ]);
    let address = server.address().to_owned();
    let reply = ask(&address, NAME, &ours, &get("/healthz")).unwrap();
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    // Whoever logs out is given a cookie that says nothing.
    let log_out = get("/console/logout").replace("GET", "POST");
    let log_out = ask(&address, NAME, &ours, &log_out).unwrap();
    let mut lines = log_out.lines();
    let cookie = lines.find(|line| line.to_lowercase().starts_with("set-cookie"));
    assert!(cookie.unwrap().contains("Secure"), "{log_out}");
    for (name, trusted) in [("other.test", &ours), (NAME, &strange)] {
        let refused = ask(&address, name, trusted, &get("/healthz")).unwrap_err();
        assert!(refused.to_string().contains("certificate"), "{refused}");
    }
    // Plain HTTP is told nothing, and one that says nothing holds up nobody.
    let _silent = TcpStream::connect(&address).unwrap();
    let mut plain = TcpStream::connect(&address).unwrap();
    plain
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    plain.write_all(get("/healthz").as_bytes()).unwrap();
    let mut told = Vec::new();
    let _ = plain.read_to_end(&mut told);
    assert!(!String::from_utf8_lossy(&told).contains("HTTP"), "{told:?}");
    assert!(ask(&address, NAME, &ours, &get("/healthz")).is_ok());
    assert_eq!(server.stop().0, Some(0));
}

#[rstest]
#[case::no_key("ours.crt", "", "expected both, or neither")]
#[case::no_certificate("", "ours.key", "expected both, or neither")]
#[case::no_file("nowhere.crt", "ours.key", "nowhere.crt")]
#[case::no_pem("ours.key", "ours.key", "ours.key")]
#[case::another_key("ours.crt", "strange.key", "the certificate and its key")]
fn files_that_do_not_fit_are_told(
    #[case] certificate: &str,
    #[case] key: &str,
    #[case] cause: &str,
) {
    let data = Data::with_app(Embedded);
    for file in ["ours", "strange"] {
        Pair::new(&data, file);
    }
    let path = |file: &str| match file {
        "" => String::new(),
        file => data.path().join(file).to_str().unwrap().to_owned(),
    };
    let (certificate, key) = (path(certificate), path(key));
    let environment = [
        ("REPORTD_SERVER_TLS_CERTIFICATE", certificate.as_str()),
        ("REPORTD_SERVER_TLS_KEY", key.as_str()),
    ];
    let refused = data.output_with(&["serve", "--listen", "127.0.0.1:0"], &environment);
    let told = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{told}");
    assert!(
        told.contains("server.tls_certificate") && told.contains(cause),
        "{told}"
    );
}
