//! The address of a client, also behind proxies that are trusted.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use axum::http::{Extensions, HeaderMap};

/// Address that a request came from, put into its extensions by the server loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// The address of a request; the unspecified one where no server loop has put any.
    #[must_use]
    pub fn of(request: &Extensions) -> IpAddr {
        let unknown = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        request.get().map_or(unknown, |&Self(ip)| ip)
    }
}

/// What a limit by address counts: an IPv6 client holds a whole /64, so all addresses in it are one key.
#[must_use]
pub fn limit_key(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << 64)).into(),
        ip @ IpAddr::V4(_) => ip,
    }
}

/// Networks whose `X-Forwarded-For` is believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<(IpAddr, u8)>);

impl TrustedProxies {
    /// Reads networks such as `10.0.0.0/8` or single addresses.
    ///
    /// # Errors
    /// A text that says what was expected.
    pub fn parse(networks: &[String]) -> Result<Self, String> {
        let network = |text: &String| {
            let expected =
                || format!("«{text}» is no network: expected an address or one such as 10.0.0.0/8");
            let (address, bits) = text
                .split_once('/')
                .map_or((text.as_str(), None), |(a, b)| (a, Some(b)));
            let address: IpAddr = address.parse().map_err(|_| expected())?;
            let most = if address.is_ipv4() { 32 } else { 128 };
            let bits = bits.map_or(Ok(most), |bits| bits.parse::<u8>().map_err(|_| expected()))?;
            if bits <= most {
                Ok((address, bits))
            } else {
                Err(expected())
            }
        };
        networks
            .iter()
            .map(network)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The client's address: the peer, or where it is trusted the nearest hop before it that is not.
    ///
    /// Only what a trusted proxy wrote counts: hops are read from the right, and what stands left of an untrusted or
    /// unreadable one is the client's own tale.
    #[must_use]
    pub fn client_of(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let mut hops = hops_from_the_right(headers);
        while self.trusts(client) {
            let Some(hop) = hops.next() else { break };
            client = hop;
        }
        client
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0
            .iter()
            .any(|&(network, bits)| match (network, address) {
                (IpAddr::V4(network), IpAddr::V4(address)) => {
                    u32::from(network)
                        .checked_shr(32 - u32::from(bits))
                        .unwrap_or(0)
                        == u32::from(address)
                            .checked_shr(32 - u32::from(bits))
                            .unwrap_or(0)
                }
                (IpAddr::V6(network), IpAddr::V6(address)) => {
                    u128::from(network)
                        .checked_shr(128 - u32::from(bits))
                        .unwrap_or(0)
                        == u128::from(address)
                            .checked_shr(128 - u32::from(bits))
                            .unwrap_or(0)
                }
                _ => false,
            })
    }
}

/// The hops of `X-Forwarded-For`, nearest first, up to the first that is no address.
fn hops_from_the_right(headers: &HeaderMap) -> impl Iterator<Item = IpAddr> {
    headers
        .get_all("x-forwarded-for")
        .iter()
        .rev()
        .flat_map(|value| value.to_str().unwrap_or("unreadable").rsplit(','))
        .map_while(|hop| hop.trim().parse().ok())
        .map(|hop: IpAddr| hop.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forwarded_addresses_count_behind_trusted_proxies_alone() {
        let trusted = TrustedProxies::parse(&["10.0.0.0/8".into(), "::1".into()]).unwrap();
        let headers = |value: &str| {
            HeaderMap::from_iter([("x-forwarded-for".parse().unwrap(), value.parse().unwrap())])
        };
        for (peer, forwarded, client) in [
            ("10.1.2.3", "203.0.113.9", "203.0.113.9"),
            (
                "10.1.2.3",
                "198.51.100.1, 203.0.113.9, 10.9.9.9",
                "203.0.113.9",
            ),
            ("10.1.2.3", "6.6.6.6, x, 203.0.113.9", "203.0.113.9"),
            ("10.1.2.3", "x, 10.9.9.9", "10.9.9.9"),
            ("10.1.2.3", "10.8.8.8, 10.9.9.9", "10.8.8.8"),
            ("10.1.2.3", "6.6.6.6, x", "10.1.2.3"),
            ("10.1.2.3", "nonsense", "10.1.2.3"),
            ("::1", "203.0.113.9", "203.0.113.9"),
            ("192.0.2.1", "203.0.113.9", "192.0.2.1"),
            ("::ffff:192.0.2.1", "203.0.113.9", "192.0.2.1"),
        ] {
            let found = trusted.client_of(peer.parse().unwrap(), &headers(forwarded));
            assert_eq!(
                found,
                client.parse::<IpAddr>().unwrap(),
                "{peer} {forwarded}"
            );
        }
        for bad in ["10.0.0.0/33", "ten", "::1/129"] {
            assert!(TrustedProxies::parse(&[bad.into()]).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_last_of_several_headers_is_the_nearest() {
        let trusted = TrustedProxies::parse(&["10.0.0.0/8".into()]).unwrap();
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", "6.6.6.6".parse().unwrap());
        headers.append("x-forwarded-for", "203.0.113.9, 10.9.9.9".parse().unwrap());
        let found = trusted.client_of("10.1.2.3".parse().unwrap(), &headers);
        assert_eq!(found, "203.0.113.9".parse::<IpAddr>().unwrap());
    }

    #[test]
    fn limits_count_a_64_as_one() {
        for (address, key) in [
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2::9", "2001:db8:1:2::"),
            ("2001:db8:1:3::9", "2001:db8:1:3::"),
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
        ] {
            let found = limit_key(address.parse().unwrap());
            assert_eq!(found, key.parse::<IpAddr>().unwrap(), "{address}");
        }
    }
}
