//! The endpoints: their paths, and what proves who calls.

/// An endpoint of the protocol (`spec playback-report`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// Reports progress.
    HistoryReport,
    /// Reports a heartbeat.
    Heartbeat,
    /// Reads the history by a cursor.
    HistoryCursor,
    /// Reads the history by pages.
    History,
    /// Deletes an entry.
    Delete,
    /// Deletes all.
    Clear,
    /// Pauses the history, or resumes it.
    SetShadow,
    /// Reads whether it is paused.
    Shadow,
    /// Reads the resume point.
    Player,
    /// Reads how many are viewing.
    OnlineTotal,
}

/// What proves the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Proof {
    /// An `access_key`, without csrf, or else a cookie, with csrf.
    KeyOrCookie,
    /// A cookie alone.
    Cookie,
    /// As [`Self::KeyOrCookie`]; without any the call is answered all the same.
    Optional,
}

/// What a cookie session has to show beside the cookie. An `access_key` needs no csrf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CsrfRule {
    /// The session's token must be sent.
    Required,
    /// What is sent must be the session's token.
    WhenSent,
    /// Nothing: the call changes nothing.
    None,
}

impl Endpoint {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::HistoryReport,
        Self::Heartbeat,
        Self::HistoryCursor,
        Self::History,
        Self::Delete,
        Self::Clear,
        Self::SetShadow,
        Self::Shadow,
        Self::Player,
        Self::OnlineTotal,
    ];

    /// Its paths, the usual one first.
    #[must_use]
    pub const fn paths(self) -> &'static [&'static str] {
        match self {
            Self::HistoryReport => &["/x/v2/history/report"],
            Self::Heartbeat => &[
                "/x/click-interface/web/heartbeat",
                "/x/report/web/heartbeat",
            ],
            Self::HistoryCursor => &["/x/web-interface/history/cursor"],
            Self::History => &["/x/v2/history"],
            Self::Delete => &["/x/v2/history/delete"],
            Self::Clear => &["/x/v2/history/clear"],
            Self::SetShadow => &["/x/v2/history/shadow/set"],
            Self::Shadow => &["/x/v2/history/shadow"],
            Self::Player => &["/x/player/v2", "/x/player/wbi/v2"],
            Self::OnlineTotal => &["/x/player/online/total"],
        }
    }

    /// Whether it is called by POST; else by GET.
    #[must_use]
    pub const fn is_post(self) -> bool {
        matches!(
            self,
            Self::HistoryReport | Self::Heartbeat | Self::Delete | Self::Clear | Self::SetShadow
        )
    }

    /// What proves the session.
    #[must_use]
    pub const fn proof(self) -> Proof {
        match self {
            Self::Heartbeat => Proof::Cookie,
            Self::Player | Self::OnlineTotal => Proof::Optional,
            _ => Proof::KeyOrCookie,
        }
    }

    /// What csrf a cookie session has to send.
    #[must_use]
    pub const fn csrf_rule(self) -> CsrfRule {
        match self {
            Self::Heartbeat => CsrfRule::WhenSent,
            Self::HistoryReport | Self::Delete | Self::Clear | Self::SetShadow => {
                CsrfRule::Required
            }
            _ => CsrfRule::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_is_named_twice() {
        let paths = Endpoint::ALL.map(Endpoint::paths).concat();
        assert_eq!(paths.len(), 12);
        for (place, path) in paths.iter().enumerate() {
            assert!(path.starts_with("/x/") && !paths[..place].contains(path));
        }
    }

    #[test]
    fn what_changes_something_by_a_cookie_asks_for_csrf() {
        for endpoint in Endpoint::ALL {
            let asks = endpoint.csrf_rule() != CsrfRule::None;
            assert_eq!(asks, endpoint.is_post(), "{endpoint:?}");
        }
    }
}
