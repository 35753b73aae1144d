//! The address of a client, also behind proxies that are trusted.

use std::net::IpAddr;

use axum::http::HeaderMap;

/// Address that a request came from, put into its extensions by the server loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

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

    /// The client's address: the peer, or where it is trusted the nearest address before it that is not.
    #[must_use]
    pub fn client_of(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if self.0.is_empty() || !self.trusts(peer) {
            return peer;
        }
        let forwarded = headers
            .get_all("x-forwarded-for")
            .into_iter()
            .filter_map(|value| value.to_str().ok());
        let hops: Vec<IpAddr> = forwarded
            .flat_map(|value| value.split(','))
            .map_while(|hop| hop.trim().parse().ok())
            .collect();
        hops.into_iter()
            .rev()
            .map(|hop| hop.to_canonical())
            .find(|&hop| !self.trusts(hop))
            .unwrap_or(peer)
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
}
