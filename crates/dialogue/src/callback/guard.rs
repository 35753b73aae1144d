//! The address guard: where callbacks may go.
//!
//! A URL is read by one parser, at intake and when it is sent to, so that both see the same host in every spelling. A
//! name is let through here and judged by the addresses that it has when it is connected to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use thiserror::Error;
use url::{Host, Url};

/// Ports that every host may have.
const PORTS: [u16; 4] = [80, 443, 8080, 8443];
/// Longest URL, in bytes.
const LONGEST: usize = 2048;
/// Names that are never those of a public host, and all names below them.
const PRIVATE_NAMES: [&str; 3] = ["localhost", "local", "internal"];

/// What an app lets through.
#[derive(Debug, Clone, Copy, Default)]
pub struct Policy<'a> {
    /// Hosts with other ports than the four: `name` with any, `name:port` with this one.
    pub hosts: &'a [String],
    /// Addresses that are not public, and all ports: for tests and intranets.
    pub allow_private: bool,
}

/// Why a URL is no callback address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refused {
    /// It is no URL, or one with blanks or control characters, or longer than 2048 bytes.
    #[error("no URL")]
    Syntax,
    /// Neither http nor https.
    #[error("neither http nor https")]
    Scheme,
    /// It holds a user or a password.
    #[error("user or password in it")]
    Userinfo,
    /// A port that is not allowed.
    #[error("port not allowed")]
    Port,
    /// An address that is not public.
    #[error("address not public")]
    Address,
    /// A name that is not public.
    #[error("name not public")]
    Name,
}

/// An address that callbacks may go to, as far as the URL tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackUrl(Url);

impl CallbackUrl {
    /// Host and port: what attempts are bounded by.
    #[must_use]
    pub fn authority(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        format!("{host}:{}", self.port())
    }

    /// The port, also where it is not written.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or(80)
    }

    /// True for https.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// The host as it is resolved and named in a certificate: an IPv6 address without its brackets.
    pub(super) fn host(&self) -> &str {
        let host = self.0.host_str().unwrap_or_default();
        host.strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host)
    }

    pub(super) fn url(&self) -> &Url {
        &self.0
    }
}

/// Checks an address as it was sent.
///
/// # Errors
/// What is wrong with it first.
pub fn check_url(text: &str, policy: &Policy<'_>) -> Result<CallbackUrl, Refused> {
    let url = read(text)?;
    let Some(host) = url.host() else {
        return Err(Refused::Syntax);
    };
    if policy.allow_private {
        return Ok(CallbackUrl(url));
    }
    match host {
        Host::Ipv4(address) => check_addr(IpAddr::V4(address))?,
        Host::Ipv6(address) => check_addr(IpAddr::V6(address))?,
        Host::Domain(name) => check_name(name)?,
    }
    let port = url.port_or_known_default().unwrap_or(0);
    if !PORTS.contains(&port) && !is_listed(&url, port, policy.hosts) {
        return Err(Refused::Port);
    }
    Ok(CallbackUrl(url))
}

/// Reads the URL: what is wrong whatever the app allows.
fn read(text: &str) -> Result<Url, Refused> {
    // The parser drops line ends and trims blanks, silently: whoever writes such a URL means to be read in two ways.
    let is_odd = |c: char| c.is_control() || c.is_whitespace() || c == '\\';
    if text.len() > LONGEST || text.contains(is_odd) {
        return Err(Refused::Syntax);
    }
    let url = Url::parse(text).map_err(|_| Refused::Syntax)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Refused::Scheme);
    }
    let rest = text.split_once(':').map_or("", |(_, rest)| rest);
    let authority = rest.trim_start_matches('/').split(['/', '?', '#']).next();
    if !url.username().is_empty()
        || url.password().is_some()
        || authority.unwrap_or_default().contains('@')
    {
        return Err(Refused::Userinfo);
    }
    Ok(url)
}

fn check_name(name: &str) -> Result<(), Refused> {
    let name = name.trim_end_matches('.');
    let last = name.rsplit('.').next().unwrap_or_default();
    if name.is_empty() || PRIVATE_NAMES.contains(&last) {
        return Err(Refused::Name);
    }
    Ok(())
}

/// Whether the app lists this host with this port, or with all.
fn is_listed(url: &Url, port: u16, hosts: &[String]) -> bool {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    hosts.iter().any(|listed| {
        if listed.eq_ignore_ascii_case(host) {
            return true;
        }
        let parts = listed.rsplit_once(':');
        parts.is_some_and(|(name, listed)| {
            name.eq_ignore_ascii_case(host) && listed.parse() == Ok(port)
        })
    })
}

/// Lets only addresses through that are public: those of the internet, for hosts.
///
/// # Errors
/// [`Refused::Address`].
pub fn check_addr(address: IpAddr) -> Result<(), Refused> {
    let is_public = match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    };
    is_public.then_some(()).ok_or(Refused::Address)
}

/// All but the blocks of IANA's registry of special addresses.
fn is_public_v4(address: Ipv4Addr) -> bool {
    !matches!(
        address.octets(),
        [0 | 10 | 127 | 224..=255, ..] // this network, private, loopback; multicast, reserved, broadcast
            | [100, 64..=127, ..] // carrier-grade NAT
            | [169, 254, ..] // link-local
            | [172, 16..=31, ..] // private
            | [192, 0, 0 | 2, _] // protocol assignments, documentation
            | [192, 88, 99, _] // 6to4 relays
            | [192, 168, ..] // private
            | [198, 18..=19, ..] // benchmarking
            | [198, 51, 100, _] // documentation
            | [203, 0, 113, _] // documentation
    )
}

/// Only global unicast (2000::/3), and of that nothing which stands for another address or for none. All that maps IPv4
/// into IPv6 lies outside or is named here, also where the IPv4 address is public: it may be written as such.
fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        [0x2001, 0..=0x1ff, ..] // protocol assignments: Teredo, benchmarking, ORCHID
        | [0x2001, 0xdb8, ..] // documentation
        | [0x2002, ..] // 6to4
        | [0x3fff, 0..=0xfff, ..] // documentation
            => false,
        [first, ..] => (0x2000..=0x3fff).contains(&first),
    }
}
