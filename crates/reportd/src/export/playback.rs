//! Playback reports as rows.

use std::io::{self, Write};

use reportd_playback::RawBeat;
use reportd_playback::export::{exported, visit_beats};

use super::ExportedKind;
use super::row::{Cell, Column, Form, Row};

pub(super) const PLAYBACK: ExportedKind = ExportedKind {
    columns: COLUMNS,
    exported,
    write_block: |stores, found, rows| {
        visit_beats(&stores.state, found, &mut |beat| rows.write(beat))
    },
};

const COLUMNS: &[Column] = &[
    Column::required("received_at", Form::Time),
    Column::required("at", Form::Time),
    Column::optional("mid", Form::Number),
    Column::required("aid", Form::Number),
    Column::optional("bvid", Form::Text),
    Column::required("cid", Form::Number),
    Column::required("progress", Form::Number),
    Column::required("play_type", Form::Number),
    Column::optional("session", Form::Text),
    Column::optional("platform", Form::Text),
    Column::optional("type", Form::Number),
    Column::optional("sub_type", Form::Number),
    Column::optional("dt", Form::Number),
    Column::optional("epid", Form::Number),
    Column::optional("sid", Form::Number),
    Column::optional("duration", Form::Number),
    Column::optional("realtime", Form::Number),
    Column::optional("real_played_time", Form::Number),
    Column::optional("start_ts", Form::Number),
    Column::optional("last_play_progress_time", Form::Number),
    Column::optional("max_play_progress_time", Form::Number),
];

impl Row for RawBeat<'_> {
    fn visit_cells(&self, visit: &mut dyn FnMut(Cell<'_>)) {
        visit(Cell::Number(Some(self.received_at_ms)));
        visit(Cell::Number(Some(self.at_ms)));
        visit(Cell::Number(self.mid));
        visit(Cell::Number(Some(self.aid)));
        visit(Cell::Text(self.bvid.as_deref()));
        visit(Cell::Number(Some(self.cid)));
        visit(Cell::Number(Some(self.progress)));
        visit(Cell::Number(Some(self.play_type)));
        visit(Cell::Text(self.session));
        visit(Cell::Text(self.platform));
        for number in [
            self.video_type,
            self.season_type,
            self.device,
            self.episode_id,
            self.season_id,
            self.duration_s,
            self.realtime_s,
            self.real_played_s,
            self.start_ts,
            self.last_progress,
            self.max_progress,
        ] {
            visit(Cell::Number(number));
        }
    }

    fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        Ok(serde_json::to_writer(out, self)?)
    }
}
