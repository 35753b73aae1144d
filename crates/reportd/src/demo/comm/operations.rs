//! What the bot reports beside what every app has: operations that the app has registered, and one that it has not yet.

use axum::http::Method;
use reportd_client::protocol::comm::{
    Field, Kind, Operation, OutgoingItem, OutgoingReport, Requirement,
};

use reportd_platform::clock::SECOND_MS;

use super::groups::Groups;
use super::uploaders::uploader;
use crate::demo::APP;
use crate::demo::draw::{Draw, place};
use crate::demo::past::Caller;

const COMMAND_USED: i64 = 1_503_000_120_603;
const VIDEO_OPENED: i64 = 1_503_000_120_604;
/// What a newer bot reports, and nobody has registered.
pub(in crate::demo) const NEW_OPERATION: i64 = 1_503_000_120_611;
/// Beside a thousand reports of the others, so many are the newer bot's.
const NEW_BOT_PER_MILLE: u64 = 8;
/// Members know the first ones best.
const COMMANDS: [&str; 6] = ["/latest", "/订阅", "/search", "/热门", "/help", "/取消订阅"];

/// Those that the app registers when the history begins.
fn own_operations() -> [Operation; 2] {
    let operation = |oper_id, name: &str, last, dimensions| Operation {
        oper_id,
        name: name.to_owned(),
        kind: Kind::Event,
        required: [Field::Gid, Field::TargetId, last]
            .map(Requirement::present)
            .to_vec(),
        dimensions,
    };
    let (by_command, by_uploader) = (Field::Ext1, Field::Ext2);
    [
        operation(
            COMMAND_USED,
            "使用指令 (command used)",
            by_command,
            vec![Field::Gid, by_command],
        ),
        operation(
            VIDEO_OPENED,
            "打开视频 (video opened)",
            by_uploader,
            vec![Field::Gid, Field::TargetId, by_uploader],
        ),
    ]
}

/// Registers them as an admin does.
pub(in crate::demo) async fn register(caller: &Caller, authorization: &str) -> anyhow::Result<()> {
    for operation in own_operations() {
        let path = format!("/api/apps/{APP}/comm/operations/{}", operation.oper_id);
        let body = serde_json::to_vec(&operation)?;
        caller
            .ask((Method::PUT, &path), (authorization, ""), body)
            .await?;
    }
    Ok(())
}

/// One of them: somebody asks the bot for something, or opens a video that it told of.
pub(super) fn own_item(groups: &Groups, draw: &mut Draw, at_ms: i64) -> OutgoingItem {
    let group = groups.pick(draw, at_ms);
    let item = |oper_id, channel| OutgoingItem::new(oper_id).gid(group.gid).target_id(channel);
    let channel = group.channel(draw);
    if draw.happens(600) {
        let command = COMMANDS[place(draw.skewed(6))];
        return item(COMMAND_USED, channel).ext::<1>(command);
    }
    item(VIDEO_OPENED, channel).ext::<2>(uploader(group.uploader(draw)))
}

/// What the newer bot reports, now and then, beside so many reports of the others: refused until it is registered.
pub(super) fn newer_report(
    groups: &Groups,
    draw: &mut Draw,
    (at_ms, reports): (i64, u64),
) -> Option<OutgoingReport> {
    if !draw.happens(reports * NEW_BOT_PER_MILLE) {
        return None;
    }
    let group = groups.pick(draw, at_ms);
    let item = OutgoingItem::new(NEW_OPERATION)
        .gid(group.gid)
        .target_id(group.channel(draw))
        .ext::<1>(*draw.pick(&["subscribe", "unsubscribe", "mute"]))
        .ext::<2>(uploader(draw.below(20)));
    let report = OutgoingReport::new(at_ms / SECOND_MS, format!("{:016x}", draw.next()));
    Some(report.item(item))
}

#[cfg(test)]
mod tests {
    use reportd_client::protocol::comm::standard_operations;

    use super::*;

    #[test]
    fn what_the_demo_registers_is_valid_and_its_own() {
        for own in own_operations() {
            assert_eq!(own.validate(), Ok(()));
            assert_ne!(own.oper_id, NEW_OPERATION);
            let standard = standard_operations();
            assert!(standard.iter().all(|known| known.oper_id != own.oper_id));
        }
    }
}
