//! Generated viewers: each watches one video after the other, a beat every 15 seconds of it. Everything follows from
//! numbers: the same viewers see the same videos in each run, and have the same sessions.

use anyhow::{Context, bail};
use reportd_client::PlaybackLogin;
use reportd_client::protocol::playback::{
    Beat, Device, JwtClaims, PlayType, Position, SigningKey, VideoType,
};
use reportd_platform::clock::SECOND_MS;

use crate::cli::LoadPlayback;
use crate::traffic::mix;

/// Seconds of a video between two beats.
const CADENCE_S: u32 = 15;
/// How long sessions live that are signed here.
const LIFE_S: i64 = 86_400;
const FIRST_AID: i64 = 170_000_000;
const FIRST_CID: i64 = 1_260_000_000;

/// Who watches what.
pub(super) struct Viewers {
    sessions: Sessions,
    count: u64,
    first_mid: i64,
    videos: u64,
    /// Beats of a sitting, which is one video from its beginning to its end.
    beats: u64,
    /// Viewers of a hundred whose players name their sittings.
    named: u64,
    seed: u64,
}

/// How viewers prove who they are.
enum Sessions {
    /// By JWTs, signed anew for each request: they are the same each time, and none is kept.
    Signed {
        key: SigningKey,
        key_id: Option<String>,
        expires_at_s: i64,
    },
    /// All by the same session, so that they are one viewer.
    Given(PlaybackLogin),
}

impl Viewers {
    pub(super) fn new(asked: &LoadPlayback, now_ms: i64) -> anyhow::Result<Self> {
        Ok(Self {
            sessions: Sessions::new(asked, now_ms)?,
            count: u64::from(asked.viewers),
            first_mid: asked.first_mid,
            videos: u64::from(asked.videos),
            beats: u64::from(asked.beats),
            named: u64::from(asked.named),
            seed: asked.run.seed,
        })
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The session of a viewer.
    pub(super) fn login(&self, viewer: u64) -> PlaybackLogin {
        match &self.sessions {
            Sessions::Given(login) => login.clone(),
            Sessions::Signed {
                key,
                key_id,
                expires_at_s,
            } => {
                let csrf = csrf(viewer);
                let claims = JwtClaims {
                    mid: self.first_mid + viewer.cast_signed(),
                    csrf: csrf.clone(),
                    expires_at_s: *expires_at_s,
                    id: Some(format!("login-{viewer}")),
                };
                PlaybackLogin::Cookie {
                    sessdata: key.sign(&claims, key_id.as_deref()),
                    csrf,
                }
            }
        }
    }

    /// The csrf token of a viewer's session.
    pub(super) fn csrf(&self, viewer: u64) -> String {
        match &self.sessions {
            Sessions::Given(PlaybackLogin::Cookie { csrf, .. }) => csrf.clone(),
            _ => csrf(viewer),
        }
    }

    /// What the player of a viewer sends in a turn.
    pub(super) fn beat(&self, viewer: u64, turn: u64, now_ms: i64) -> Beat<'static> {
        let (sitting, step) = (turn / self.beats, turn % self.beats);
        let step = u32::try_from(step).unwrap_or(u32::MAX);
        let played_s = (step + 1) * CADENCE_S;
        let duration_s = u32::try_from(self.beats).unwrap_or(u32::MAX) * CADENCE_S + 7;
        let is_last = self.beats > 1 && u64::from(step) + 1 == self.beats;
        let position = match is_last {
            true => Position::End,
            false => Position::At(played_s),
        };
        let (aid, cid) = self.video(viewer, sitting);
        let is_named = mix(viewer) % 100 < self.named;
        Beat {
            aid,
            cid,
            position,
            play_type: match step {
                _ if is_last => PlayType::End,
                0 if self.beats > 1 => PlayType::Start,
                _ => PlayType::Playing,
            },
            session: is_named.then(|| self.session(viewer, sitting).into()),
            video_type: Some(VideoType::Upload),
            device: Some(Device::WEB),
            duration_s: Some(duration_s),
            realtime_s: Some(played_s),
            real_played_s: Some(played_s),
            start_ts: Some(now_ms / SECOND_MS - i64::from(played_s)),
            last_progress: Some(position),
            max_progress: Some(position),
            ..Beat::default()
        }
    }

    /// What a viewer watches in a sitting: a video that many watch first, then the ones behind it.
    pub(super) fn video(&self, viewer: u64, sitting: u64) -> (i64, i64) {
        let wild = mix(self.seed ^ mix(viewer));
        let first = (wild % self.videos).min((wild >> 32) % self.videos);
        let number = ((first + sitting) % self.videos).cast_signed();
        (FIRST_AID + number, FIRST_CID + number)
    }

    /// The player's name of a sitting, as long as real ones.
    fn session(&self, viewer: u64, sitting: u64) -> String {
        let wild = mix(self.seed ^ mix(viewer ^ mix(sitting)));
        format!("{:016x}{wild:016x}", mix(!wild))
    }
}

impl Sessions {
    fn new(asked: &LoadPlayback, now_ms: i64) -> anyhow::Result<Self> {
        let text = |secret: &reportd_platform::secret::Secret| secret.reveal().to_owned();
        match (&asked.session_key_secret, &asked.sessdata, &asked.csrf) {
            (Some(secret), None, None) => Ok(Self::Signed {
                key: SigningKey::hs256(secret.reveal().as_bytes())
                    .context("--session-key-secret")?,
                key_id: asked.key_id.clone(),
                expires_at_s: now_ms / SECOND_MS + LIFE_S,
            }),
            (None, Some(sessdata), Some(csrf)) => Ok(Self::Given(PlaybackLogin::Cookie {
                sessdata: text(sessdata),
                csrf: text(csrf),
            })),
            _ => bail!(
                "expected --session-key-secret, the secret of a key that the app has registered, or --sessdata and --csrf \
                 of one session (reportd viewer create)"
            ),
        }
    }
}

/// As long as real ones.
fn csrf(viewer: u64) -> String {
    format!("{:016x}{:016x}", mix(viewer), mix(!viewer))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn viewers(videos: u64, beats: u64, named: u64) -> Viewers {
        let login = PlaybackLogin::Anonymous;
        Viewers {
            sessions: Sessions::Given(login),
            count: 10,
            first_mid: 1,
            videos,
            beats,
            named,
            seed: 1,
        }
    }

    #[test]
    fn a_sitting_is_a_video_from_its_beginning_to_its_end() {
        let viewers = viewers(100, 4, 100);
        let beats: Vec<_> = (0..8)
            .map(|turn| viewers.beat(3, turn, 9_000_000))
            .collect();
        let places = beats.iter().map(|beat| beat.position.wire());
        assert_eq!(places.collect::<Vec<_>>(), [15, 30, 45, -1, 15, 30, 45, -1]);
        let types = beats.iter().map(|beat| beat.play_type.number());
        assert_eq!(types.collect::<Vec<_>>(), [1, 0, 0, 4, 1, 0, 0, 4]);
        assert_eq!(beats[0].session, beats[3].session);
        assert_ne!(beats[3].session, beats[4].session);
        assert_eq!(beats[0].aid, beats[3].aid);
        assert_ne!(beats[3].aid, beats[4].aid);
        assert_eq!(beats[2].realtime_s, Some(45));
    }

    #[test]
    fn a_viewer_meets_all_videos_before_one_comes_again() {
        let viewers = viewers(50, 1, 0);
        let aids: HashSet<_> = (0..50).map(|turn| viewers.beat(7, turn, 0).aid).collect();
        assert_eq!(aids.len(), 50);
        assert_eq!(viewers.beat(7, 50, 0).session, None);
    }
}
