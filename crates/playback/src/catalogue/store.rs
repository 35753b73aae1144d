//! The catalogue in the state store.

use std::collections::{HashMap, HashSet};

use reportd_db::{Column, DbError, Merge, Row, Table, Tx, Value};
use reportd_platform::AppNo;
use reportd_protocol::playback::Listed;

use super::{CataloguePart, Upload};

const fn column(name: &'static str, merge: Merge) -> Column {
    Column { name, merge }
}

/// An upload takes the place of what was there.
const CATALOGUE: Table = Table {
    name: "playback_catalogue",
    columns: &[
        column("app", Merge::Key),
        column("aid", Merge::Key),
        column("cid", Merge::Key),
        column("title", Merge::Replace),
        column("cover", Merge::Replace),
        column("duration_s", Merge::Replace),
        column("author_name", Merge::Replace),
        column("author_mid", Merge::Replace),
        column("page", Merge::Replace),
        column("part_title", Merge::Replace),
    ],
};

/// Its columns beside the key, from `column` on.
fn part(row: &mut Row, column: usize) -> Result<CataloguePart, DbError> {
    let duration_s = row.opt_int(column + 2)?;
    Ok(CataloguePart {
        title: row.take_text(column)?,
        cover: row.take_text(column + 1)?,
        duration_s: duration_s.and_then(|duration_s| u32::try_from(duration_s).ok()),
        author_name: row.take_text(column + 3)?,
        author_mid: row.int(column + 4)?,
        page: row.int(column + 5)?,
        part_title: row.take_text(column + 6)?,
    })
}

/// Parts that one statement stores or removes.
const AT_ONCE: usize = 1_000;

/// Stores an upload.
pub(crate) fn put(tx: &mut Tx<'_>, app: AppNo, upload: &Upload) -> Result<(), DbError> {
    let video = "DELETE FROM playback_catalogue WHERE app = $1 AND aid = $2";
    for aid in &upload.removed {
        tx.execute(video, &[app.into(), (*aid).into()])?;
    }
    let one = "DELETE FROM playback_catalogue WHERE app = $1 AND aid = $2 AND cid = $3";
    let mut rows: Vec<[Value<'_>; 10]> = Vec::with_capacity(upload.parts.len());
    for (&(aid, cid), part) in &upload.parts {
        let Some(part) = part else {
            tx.execute(one, &[app.into(), aid.into(), cid.into()])?;
            continue;
        };
        rows.push([
            app.into(),
            aid.into(),
            cid.into(),
            (&part.title).into(),
            (&part.cover).into(),
            part.duration_s.into(),
            (&part.author_name).into(),
            part.author_mid.into(),
            part.page.into(),
            (&part.part_title).into(),
        ]);
    }
    for rows in rows.chunks_mut(AT_ONCE) {
        tx.upsert(&CATALOGUE, rows)?;
    }
    Ok(())
}

/// All parts of a video, by cid.
pub(crate) fn parts_of(
    tx: &mut Tx<'_>,
    app: AppNo,
    aid: i64,
    limit: i64,
) -> Result<Vec<(i64, CataloguePart)>, DbError> {
    let sql = "SELECT cid, title, cover, duration_s, author_name, author_mid, page, part_title \
               FROM playback_catalogue WHERE app = $1 AND aid = $2 ORDER BY cid LIMIT $3";
    let rows = tx.query(sql, &[app.into(), aid.into(), limit.into()])?;
    rows.into_iter()
        .map(|mut row| Ok((row.int(0)?, part(&mut row, 1)?)))
        .collect()
}

/// What the catalogue says of a part that somebody watched.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ListedPart {
    pub(crate) listed: Listed,
    /// How long it is, in seconds.
    pub(crate) duration_s: Option<u32>,
}

/// What the catalogue says of some parts, in the order given.
///
/// The only part is as long as its video: sites of single videos do not know the parts that clients name.
pub(crate) fn listed(
    tx: &mut Tx<'_>,
    app: AppNo,
    parts: &[(i64, i64)],
) -> Result<Vec<ListedPart>, DbError> {
    let of_part = parts.iter().copied();
    let of_video = parts.iter().map(|&(aid, _)| (aid, 0));
    let keys: Vec<[Value<'_>; 3]> = of_part
        .chain(of_video)
        .map(|(aid, cid)| [app.into(), aid.into(), cid.into()])
        .collect();
    let found = tx.find(&CATALOGUE, &keys)?.into_iter();
    let found = found.map(|row| row.map(|mut row| part(&mut row, 0)).transpose());
    let mut own = found.collect::<Result<Vec<_>, _>>()?;
    let videos = own.split_off(parts.len());
    let is_listed = |(own, video): (&Option<CataloguePart>, &Option<CataloguePart>)| {
        own.is_some() || video.is_some()
    };
    let aids: HashSet<i64> = parts
        .iter()
        .zip(own.iter().zip(&videos))
        .filter(|(_, rows)| is_listed(*rows))
        .map(|((aid, _), _)| *aid)
        .collect();
    let counts = count_parts(tx, app, aids)?;
    let joined = parts.iter().zip(own.into_iter().zip(videos));
    Ok(joined
        .map(|(&(aid, cid), (own, video))| {
            let count = counts.get(&aid).copied().unwrap_or(0);
            let duration_s = length(cid, own.as_ref(), video.as_ref(), count);
            let listed = join(own, video, count);
            ListedPart { listed, duration_s }
        })
        .collect())
}

/// How many parts of videos are listed, besides the videos themselves.
fn count_parts(
    tx: &mut Tx<'_>,
    app: AppNo,
    aids: HashSet<i64>,
) -> Result<HashMap<i64, i64>, DbError> {
    if aids.is_empty() {
        return Ok(HashMap::new());
    }
    let aids: Vec<i64> = aids.into_iter().collect();
    let (places, of_aids) = crate::query::list(&aids, 1);
    let mut values: Vec<Value<'_>> = vec![app.into()];
    values.extend(of_aids);
    let sql = format!(
        "SELECT aid, COUNT(*) FROM playback_catalogue WHERE app = $1 AND aid IN ({places}) AND cid > 0 GROUP BY aid"
    );
    let rows = tx.query(&sql, &values)?;
    rows.iter()
        .map(|row| Ok((row.int(0)?, row.int(1)?)))
        .collect()
}

/// How long a part is; `count` parts of its video are listed. Of a report that names no part it is the whole video.
fn length(
    cid: i64,
    own: Option<&CataloguePart>,
    video: Option<&CataloguePart>,
    count: i64,
) -> Option<u32> {
    let is_only = cid == 0 || count == i64::from(own.is_some());
    own.and_then(|own| own.duration_s)
        .or_else(|| video.filter(|_| is_only)?.duration_s)
}

/// A part with what it leaves out taken from its video; `count` parts of that are listed.
fn join(own: Option<CataloguePart>, video: Option<CataloguePart>, count: i64) -> Listed {
    let is_listed = own.is_some() || video.is_some();
    let (own, video) = (own.unwrap_or_default(), video.unwrap_or_default());
    let filled = |own: String, other: String| if own.is_empty() { other } else { own };
    let known = |own, other| if own == 0 { other } else { own };
    Listed {
        title: filled(video.title, own.title),
        cover: filled(own.cover, video.cover),
        author_name: filled(own.author_name, video.author_name),
        author_mid: known(own.author_mid, video.author_mid),
        parts: count.max(i64::from(is_listed)),
        page: known(own.page, video.page),
        part_title: filled(own.part_title, video.part_title),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lasting(title: &str, duration_s: Option<u32>) -> CataloguePart {
        CataloguePart {
            title: title.to_owned(),
            duration_s,
            ..CataloguePart::default()
        }
    }

    #[test]
    fn a_part_takes_from_its_video_what_it_leaves_out() {
        let part = join(Some(lasting("part", None)), Some(lasting("video", None)), 2);
        assert_eq!((part.title.as_str(), part.parts), ("video", 2));
        let alone = join(Some(lasting("part", None)), None, 0);
        assert_eq!((alone.title.as_str(), alone.parts), ("part", 1));
        assert_eq!(join(None, None, 0), Listed::default());
    }

    #[test]
    fn the_only_part_is_as_long_as_its_video() {
        let (part, video) = (lasting("", None), lasting("", Some(600)));
        let length = |cid, own, count| length(cid, own, Some(&video), count);
        assert_eq!(length(7, None, 0), Some(600));
        assert_eq!(length(7, Some(&part), 1), Some(600));
        assert_eq!(length(7, Some(&part), 2), None);
        assert_eq!(length(7, None, 1), None);
        assert_eq!(length(0, None, 2), Some(600));
        assert_eq!(length(7, Some(&lasting("", Some(60))), 1), Some(60));
    }
}
