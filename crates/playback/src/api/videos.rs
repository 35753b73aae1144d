//! Figures of videos: the greatest of some days, and one by day.

mod joined;

use std::collections::{BTreeSet, HashMap};

use axum::extract::{Path, State};
use reportd_platform::access::Permission;
use reportd_platform::web::openapi::{AppInPath, CallProblems, ParameterProblem};
use reportd_platform::web::{Caller, Fresh, Json, Problem, Query, within};
use reportd_platform::zones::day_text;
use reportd_protocol::playback::bvid_of;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use self::joined::{Finished, ShownPlayedPart};
use super::{MOST_DAYS, TAG, range, video_in_path};
use crate::Playback;
use crate::query::{self, DayFigures, VideoFigures};

const DEFAULT_VIDEOS: i64 = 20;
const MOST_VIDEOS: i64 = 100;

/// By what videos are put in order.
#[derive(Deserialize, ToSchema, Clone, Copy, Default)]
#[serde(rename_all = "snake_case")]
enum SortName {
    #[default]
    Plays,
    Viewers,
    Watched,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct VideosParameters {
    /// The first day, in the app's zone; the last 30 days where it is not given.
    #[param(format = Date, example = "2026-11-01")]
    from: Option<String>,
    /// The last day, included; today where it is not given. At most 366 days.
    #[param(format = Date, example = "2026-11-21")]
    to: Option<String>,
    /// By what they are put in order, the greatest first.
    #[param(inline, value_type = SortName, required = false)]
    #[serde(default)]
    sort: SortName,
    /// How many at most.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<i64>,
    /// Go on where an earlier reply ended: its `next_cursor`.
    #[param(pattern = r"^\d{1,9}$", example = "20")]
    cursor: Option<String>,
}

/// The most watched videos of some days
///
/// Plays are play sessions by the day of their first beat. For roles viewer, moderator, lead and admin.
#[utoipa::path(
    get, path = "/api/apps/{app}/playback/videos", operation_id = "playback_videos", tag = TAG,
    params(AppInPath, VideosParameters), security(("ApiKey" = [])),
    responses(
        (status = 200, description = "The videos.", body = ShownVideos, headers(("reportd-lag-ms" = u64))),
        ParameterProblem, CallProblems,
    ),
)]
pub(super) async fn get_videos(
    State(playback): State<Playback>,
    caller: Caller,
    Query(asked): Query<VideosParameters>,
) -> Result<Fresh<ShownVideos>, Problem> {
    let app = caller.needs(Permission::Figures)?;
    let now_ms = playback.clock.now_ms();
    let days = range(&app, now_ms, asked.from, asked.to, MOST_DAYS)?;
    let limit = within("limit", asked.limit, DEFAULT_VIDEOS, MOST_VIDEOS)?;
    let before = asked.cursor.as_deref().map_or(Ok(0), read_cursor)?;
    let sort = match asked.sort {
        SortName::Plays => query::Sort::Plays,
        SortName::Viewers => query::Sort::Viewers,
        SortName::Watched => query::Sort::Watched,
    };
    let (no, rule) = (app.no, playback.known(&app)?.settings.finish);
    let (lag_ms, (videos, reached, has_more)) = playback
        .views
        .read(app.no, move |tx| {
            // One more than is shown tells whether there are more.
            let mut videos = query::top_videos(tx, no, days, sort, (before, limit + 1))?;
            let shown = usize::try_from(limit).unwrap_or(0);
            let has_more = videos.len() > shown;
            videos.truncate(shown);
            let aids: Vec<i64> = videos.iter().map(|video| video.aid).collect();
            let reached = query::reached(tx, no, &aids, days)?;
            Ok((videos, reached, has_more))
        })
        .await?;
    let aids = videos.iter().map(|video| video.aid).collect();
    let listed = playback.listed(no, aids, &reached).await?;
    let mut finished = HashMap::<i64, Finished>::new();
    for reached in &reached {
        let of_video = finished.entry(reached.aid).or_default();
        of_video.add(reached, listed.duration_s(reached), &rule);
    }
    let shown = |video: &VideoFigures| {
        let finished = finished.get(&video.aid).copied().unwrap_or_default();
        ShownVideo::new(video, listed.title(video.aid), finished)
    };
    Ok(Fresh {
        lag_ms,
        body: Json(ShownVideos {
            videos: videos.iter().map(shown).collect(),
            next_cursor: has_more.then(|| (before + limit).to_string()),
        }),
    })
}

/// How many videos stand before the page.
fn read_cursor(text: &str) -> Result<i64, Problem> {
    let is_number = text.len() <= 9 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|_| is_number)
        .ok_or_else(|| Problem::invalid("cursor", "expected the next_cursor of an earlier reply"))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct VideoParameters {
    /// The first day, in the app's zone; the last 30 days where it is not given.
    #[param(format = Date, example = "2026-11-01")]
    from: Option<String>,
    /// The last day, included; today where it is not given. At most 366 days.
    #[param(format = Date, example = "2026-11-21")]
    to: Option<String>,
}

/// A video by day
///
/// Each day of the range, all of them together (viewers are distinct over the range there), and the parts that were played.
/// For roles viewer, moderator, lead and admin.
#[utoipa::path(
    get, path = "/api/apps/{app}/playback/videos/{aid}", operation_id = "playback_video", tag = TAG,
    params(AppInPath, ("aid" = String, Path, description = "The video, by its aid or bvid.", example = "170001"), VideoParameters),
    security(("ApiKey" = [])),
    responses(
        (status = 200, description = "The video.", body = ShownVideoDays, headers(("reportd-lag-ms" = u64))),
        ParameterProblem, CallProblems,
    ),
)]
pub(super) async fn get_video(
    State(playback): State<Playback>,
    caller: Caller,
    Path((_, aid)): Path<(String, String)>,
    Query(asked): Query<VideoParameters>,
) -> Result<Fresh<ShownVideoDays>, Problem> {
    let app = caller.needs(Permission::Figures)?;
    let aid = video_in_path(&aid)?;
    let now_ms = playback.clock.now_ms();
    let days = range(&app, now_ms, asked.from, asked.to, MOST_DAYS)?;
    let (no, rule) = (app.no, playback.known(&app)?.settings.finish);
    let (lag_ms, (by_day, viewers, reached)) = playback
        .views
        .read(app.no, move |tx| {
            let by_day = query::video_days(tx, no, aid, days)?;
            let viewers = query::video_viewers(tx, no, aid, days)?;
            Ok((by_day, viewers, query::reached(tx, no, &[aid], days)?))
        })
        .await?;
    let listed = playback.listed(no, BTreeSet::from([aid]), &reached).await?;
    let mut finished = HashMap::<i64, Finished>::new();
    let mut of_all = Finished::default();
    for reached in &reached {
        let duration_s = listed.duration_s(reached);
        let of_day = finished.entry(reached.day).or_default();
        of_day.add(reached, duration_s, &rule);
        of_all.add(reached, duration_s, &rule);
    }
    let all = VideoFigures {
        aid,
        plays: by_day.iter().map(|day| day.plays).sum(),
        viewers,
        watched_s: by_day.iter().map(|day| day.watched_s).sum(),
    };
    let shown_day = |day: &DayFigures| ShownDay {
        day: day_text(day.day),
        plays: day.plays,
        viewers: day.viewers,
        watched_seconds: day.watched_s,
        finish_rate: finished.get(&day.day).copied().unwrap_or_default().rate(),
    };
    Ok(Fresh {
        lag_ms,
        body: Json(ShownVideoDays {
            video: ShownVideo::new(&all, listed.title(aid), of_all),
            days: by_day.iter().map(shown_day).collect(),
            parts: listed.parts(&reached, &rule),
        }),
    })
}

/// The most watched videos.
#[derive(Serialize, ToSchema)]
#[schema(as = playback::Videos)]
pub(super) struct ShownVideos {
    /// The greatest first.
    videos: Vec<ShownVideo>,
    /// The `cursor` of the next page; null where there is none.
    #[schema(required, example = "20")]
    next_cursor: Option<String>,
}

/// A video with its figures.
#[derive(Serialize, ToSchema)]
#[schema(as = playback::Video)]
struct ShownVideo {
    /// Its number.
    #[schema(minimum = 1, example = 170_001)]
    aid: i64,
    /// The same as a text; empty where there is none.
    #[schema(example = "BV17x411w7KC")]
    bvid: String,
    /// As the catalogue has it, else `av<aid>`.
    #[schema(example = "av170001")]
    title: String,
    /// Play sessions that began on these days.
    #[schema(minimum = 0, example = 12)]
    plays: i64,
    /// Distinct viewers over all these days.
    #[schema(minimum = 0, example = 9)]
    viewers: i64,
    /// How long the play sessions watched.
    #[schema(minimum = 0, example = 4321)]
    watched_seconds: i64,
    /// The share of the play sessions, 0 to 1, that came to the end, by the duration that is known now. Of the 200 most played
    /// parts.
    #[schema(minimum = 0, maximum = 1, example = 0.5)]
    finish_rate: f64,
}

impl ShownVideo {
    fn new(figures: &VideoFigures, title: String, finished: Finished) -> Self {
        Self {
            aid: figures.aid,
            bvid: bvid_of(figures.aid).unwrap_or_default(),
            title,
            plays: figures.plays,
            viewers: figures.viewers,
            watched_seconds: figures.watched_s,
            finish_rate: finished.rate(),
        }
    }
}

/// A video by day.
#[derive(Serialize, ToSchema)]
#[schema(as = playback::VideoDays)]
pub(super) struct ShownVideoDays {
    #[serde(flatten)]
    video: ShownVideo,
    /// Each day of the range.
    days: Vec<ShownDay>,
    /// The parts that were played on these days, the most played first: of the 200 parts that were played most of all days.
    parts: Vec<ShownPlayedPart>,
}

/// A video on a day.
#[derive(Serialize, ToSchema)]
#[schema(as = playback::Day)]
struct ShownDay {
    /// The day, in the app's zone.
    #[schema(format = Date, example = "2026-11-21")]
    day: String,
    /// Play sessions that began on it.
    #[schema(minimum = 0, example = 3)]
    plays: i64,
    /// Distinct viewers who watched on it.
    #[schema(minimum = 0, example = 3)]
    viewers: i64,
    /// How long the play sessions that began on it watched.
    #[schema(minimum = 0, example = 432)]
    watched_seconds: i64,
    /// The share of them, 0 to 1, that came to the end.
    #[schema(minimum = 0, maximum = 1, example = 0.5)]
    finish_rate: f64,
}
