//! The catalogue: uploaded by a site, and read back.

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use reportd_db::{DbError, Tx};
use reportd_platform::access::Permission;
use reportd_platform::web::openapi::{AppInPath, BodyProblems, CallProblems, ParameterProblem};
use reportd_platform::web::{BodyError, Caller, Json, Problem, read_body};
use reportd_protocol::playback::bvid_of;
use serde::Serialize;
use utoipa::ToSchema;

use super::{TAG, video_in_path};
use crate::Playback;
use crate::catalogue::{self, BadLine, CataloguePart, Upload};

/// Most parts of a video that are shown.
const MOST_PARTS: i64 = 10_000;

/// Upload titles, covers and durations
///
/// NDJSON: a line a part, with `aid` or `bvid`, `cid` (0, the video itself, where it is left out), `title`, `cover`,
/// `duration` in seconds, `author` (`mid`, `name`) or `author_mid` and `author_name`, `page` and `part_title`. A line takes
/// the place of what is known of its part; with `"removed": true` it takes the part away, or without `cid` the video with
/// all its parts. All lines are taken, or none: a problem names the line and the field. For roles ingest and admin.
#[utoipa::path(
    put, path = "/api/apps/{app}/playback/catalogue", operation_id = "playback_put_catalogue", tag = TAG,
    params(AppInPath), security(("ApiKey" = [])),
    request_body(
        content = String, content_type = "application/x-ndjson",
        example = "{\"aid\":170001,\"title\":\"A title\",\"duration\":600,\"author\":{\"mid\":7,\"name\":\"somebody\"}}\n",
    ),
    responses(
        (status = 200, description = "They were taken.", body = Uploaded), ParameterProblem, BodyProblems, CallProblems,
    ),
)]
pub(super) async fn put_catalogue(
    State(playback): State<Playback>,
    caller: Caller,
    request: Request,
) -> Result<Json<Uploaded>, Problem> {
    let app = caller.needs(Permission::Feed)?;
    let limits = playback.api.body_limits;
    let body = read_body(request.into_body(), limits)
        .await
        .map_err(|error| match error {
            BodyError::TooLarge => Problem::too_large(format!(
                "expected a body of at most {} bytes: send the catalogue in parts",
                limits.max_bytes
            )),
            BodyError::Incomplete => {
                Problem::new(StatusCode::REQUEST_TIMEOUT, "the body did not come in time")
            }
        })?;
    let upload = reportd_db::off_async_threads(move || {
        Upload::read(&body)
            .map_err(|BadLine { field, expected }| Problem::invalid(&field, expected))
    });
    let upload = upload.await?;
    let stored = upload.parts.values().filter(|part| part.is_some()).count();
    let removed = upload.parts.len() - stored + upload.removed.len();
    let no = app.no;
    let put = move |tx: &mut Tx<'_>| catalogue::put(tx, no, &upload);
    let put: Result<(), DbError> = playback.directory.db().write_async(put).await;
    put?;
    Ok(Json(Uploaded { stored, removed }))
}

/// What was uploaded.
#[derive(Serialize, ToSchema)]
#[schema(as = playback::Uploaded)]
pub(super) struct Uploaded {
    /// Parts that stand in the catalogue as they were sent.
    #[schema(example = 1)]
    stored: usize,
    /// Parts and videos that do not stand there any more.
    #[schema(example = 0)]
    removed: usize,
}

/// A video in the catalogue
///
/// For roles viewer, moderator, lead and admin.
#[utoipa::path(
    get, path = "/api/apps/{app}/playback/catalogue/{aid}", operation_id = "playback_catalogue", tag = TAG,
    params(AppInPath, ("aid" = String, Path, description = "The video, by its aid or bvid.", example = "170001")),
    security(("ApiKey" = [])),
    responses((status = 200, description = "The video.", body = ShownListing), ParameterProblem, CallProblems),
)]
pub(super) async fn get_parts(
    State(playback): State<Playback>,
    caller: Caller,
    Path((_, aid)): Path<(String, String)>,
) -> Result<Json<ShownListing>, Problem> {
    let app = caller.needs(Permission::Figures)?;
    let aid = video_in_path(&aid)?;
    let no = app.no;
    let read = move |tx: &mut Tx<'_>| catalogue::parts_of(tx, no, aid, MOST_PARTS);
    let parts: Result<_, DbError> = playback.directory.db().read_async(read).await;
    let parts: Vec<(i64, CataloguePart)> = parts?;
    if parts.is_empty() {
        return Err(Problem::not_found(format!(
            "the video {aid} is not in the catalogue"
        )));
    }
    Ok(Json(ShownListing {
        aid,
        bvid: bvid_of(aid).unwrap_or_default(),
        parts: parts.into_iter().map(ShownListedPart::from).collect(),
    }))
}

/// A video in the catalogue.
#[derive(Serialize, ToSchema)]
#[schema(as = playback::Listing)]
pub(super) struct ShownListing {
    /// Its number.
    #[schema(minimum = 1, example = 170_001)]
    aid: i64,
    /// The same as a text; empty where there is none.
    #[schema(example = "BV17x411w7KC")]
    bvid: String,
    /// The video itself and its parts, by cid.
    parts: Vec<ShownListedPart>,
}

/// A part in the catalogue.
#[derive(Serialize, ToSchema)]
#[schema(as = playback::ListedPart)]
struct ShownListedPart {
    /// The part; 0 is the video itself.
    #[schema(minimum = 0, example = 0)]
    cid: i64,
    /// The title.
    title: String,
    /// The address of the cover.
    cover: String,
    /// How long it is, in seconds.
    #[schema(required, example = 600)]
    duration: Option<u32>,
    /// Who made it.
    author: ShownAuthor,
    /// Which part of the video it is, from 1; 0 where that is not known.
    #[schema(minimum = 0, example = 1)]
    page: i64,
    /// The title of the part.
    part_title: String,
}

/// Who made a video.
#[derive(Serialize, ToSchema)]
#[schema(as = playback::Author)]
struct ShownAuthor {
    /// Their number; 0 where it is not known.
    #[schema(minimum = 0, example = 7)]
    mid: i64,
    /// Their name.
    name: String,
}

impl From<(i64, CataloguePart)> for ShownListedPart {
    fn from((cid, part): (i64, CataloguePart)) -> Self {
        Self {
            cid,
            title: part.title,
            cover: part.cover,
            duration: part.duration_s,
            author: ShownAuthor {
                mid: part.author_mid,
                name: part.author_name,
            },
            page: part.page,
            part_title: part.part_title,
        }
    }
}
