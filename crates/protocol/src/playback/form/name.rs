//! The names of fields that the protocol knows.

macro_rules! names {
    ($($variant:ident $text:literal),+ $(,)?) => {
        /// A known field. Others are ignored.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(in crate::playback) enum Name {
            $($variant),+
        }

        impl Name {
            /// How many there are.
            pub(super) const COUNT: usize = [$($text),+].len();

            /// The one of that name, to the letter: a misspelt field is a missing field.
            pub(super) fn find(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$variant),)+
                    _ => None,
                }
            }

            /// As clients write it.
            pub(in crate::playback) const fn text(self) -> &'static str {
                match self {
                    $(Self::$variant => $text),+
                }
            }
        }
    };
}
names! {
    AccessKey "access_key",
    Csrf "csrf",
    CsrfToken "csrf_token",
    Aid "aid",
    Bvid "bvid",
    Cid "cid",
    Epid "epid",
    Sid "sid",
    Progress "progress",
    Platform "platform",
    Duration "duration",
    PlayedTime "played_time",
    Realtime "realtime",
    RealPlayedTime "real_played_time",
    StartTs "start_ts",
    Type "type",
    SubType "sub_type",
    Dt "dt",
    PlayType "play_type",
    VideoDuration "video_duration",
    LastProgress "last_play_progress_time",
    MaxProgress "max_play_progress_time",
    Session "session",
    Max "max",
    Business "business",
    ViewAt "view_at",
    Ps "ps",
    Pn "pn",
    Kid "kid",
    Switch "switch",
}
