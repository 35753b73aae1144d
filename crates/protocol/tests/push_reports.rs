//! The seven reports: each example of the seed as a snapshot in `data/push`, and the rules of `spec
//! push-report` about what is shown.

use reportd_protocol::push::{
    AuthData, Channel, ChannelSet, Date, Detail, Figures, Funnel, FunnelsData, Loss, OnlineData,
    Phase, Quota, QuotaUse, QuotasData, Reason, Reply, Shape, Total, Users, UsersData, auth_reply,
    count_report, day_report, detail_report, empty_reply, group_report, online_report, task_report,
    user_report,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

fn figures(counts: [i64; 4]) -> Figures {
    let [target_num, receive_num, display_num, click_num] = counts;
    Figures {
        target_num,
        receive_num,
        display_num,
        click_num,
    }
}

fn total(msg_num: i64, counts: [i64; 4]) -> Total {
    Total {
        msg_num,
        figures: figures(counts),
    }
}

fn date() -> Date {
    Date::parse("2026-11-21").expect("a day")
}

/// The seed's figures, with these channels.
fn seed_funnel(channels: &[Channel]) -> Funnel {
    let each = |channel: &Channel| (*channel, figures([2, 2, 1, 1]));
    Funnel {
        total: total(4, [4, 4, 2, 2]),
        channels: channels.iter().map(each).collect(),
        actions: vec![("$actionId".to_owned(), 2), ("not asked for".to_owned(), 1)],
        ..Funnel::default()
    }
}

fn only_gt(counts: [i64; 4]) -> Funnel {
    Funnel {
        channels: vec![(Channel::Gt, figures(counts))],
        ..Funnel::default()
    }
}

fn loss(phase: Phase, channel: Channel, reason: i64, count: i64) -> Loss {
    Loss {
        phase,
        channel,
        reason: Reason::from_code(reason).expect("a reason"),
        count,
    }
}

fn quota(channel: Channel, kind: &str, total_num: i64, sent: i64, received: i64) -> QuotaUse {
    QuotaUse {
        channel,
        quota: Quota::from_name(channel, kind).expect("a quota"),
        total_num,
        sent,
        received,
    }
}

/// Compares with the file to the byte, but for white space: keys, their order, types and nesting.
fn assert_snapshot(reply: &[u8], snapshot: &str) {
    let expected: Value = serde_json::from_str(snapshot).expect("JSON");
    assert_eq!(str::from_utf8(reply), Ok(expected.to_string().as_str()));
}

fn data(reply: &[u8]) -> Value {
    read(reply)
}

fn read<T: DeserializeOwned>(reply: &[u8]) -> T {
    let reply = Reply::decode(reply).expect("a reply");
    assert!(reply.is_ok());
    serde_json::from_str(reply.data.expect("data").get()).expect("data of its type")
}

#[test]
fn the_seeds_task_report() {
    let funnel = seed_funnel(&[Channel::Gt]);
    let shape = Shape {
        actions: &["$actionId".to_owned()],
        ..Shape::default()
    };
    let reply = task_report([("$taskid", &funnel)], shape);
    assert_snapshot(&reply, include_str!("data/push/task.json"));
}

#[test]
fn the_seeds_group_report() {
    let funnel = seed_funnel(&[Channel::Ios, Channel::Gt]);
    let shape = Shape {
        actions: &["$actionId".to_owned()],
        ..Shape::default()
    };
    let reply = group_report("$group_name", Some(&funnel), shape);
    assert_snapshot(&reply, include_str!("data/push/task_group.json"));
}

#[test]
fn the_seeds_detail_report() {
    let detail = Detail {
        total: total(320, [14, 3, 3, 0]),
        channels: vec![
            (Channel::Ios, figures([11, 1, 1, 0])),
            (Channel::Gt, figures([3, 2, 2, 0])),
        ],
        losses: vec![
            loss(Phase::Rs, Channel::Gt, 12, 231),
            loss(Phase::Rs, Channel::Ios, 11999, 1),
            loss(Phase::Ts, Channel::Gt, 14001, 3),
            loss(Phase::Ts, Channel::Gt, 13001, 608),
            loss(Phase::Sf, Channel::Gt, 13001, 0),
        ],
    };
    let reply = detail_report([("$taskid", &detail)], ChannelSet::default());
    assert_snapshot(&reply, include_str!("data/push/detail.json"));
}

/// With `msg_num` in `total`, by the spec.
#[test]
fn the_seeds_day_report() {
    let funnel = seed_funnel(&[Channel::Gt, Channel::Hw, Channel::Ho]);
    let reply = day_report(date(), &funnel, Shape::default());
    assert_snapshot(&reply, include_str!("data/push/date.json"));
}

#[test]
fn the_seeds_count_report() {
    let quotas = [
        quota(Channel::Gt, "list", 2_000_000, 0, 0),
        quota(Channel::Gt, "app_with_tag", 1000, 0, 0),
        quota(Channel::Gt, "app", 3000, 0, 0),
        quota(Channel::Xm, "general", 20_000, 0, 0),
        quota(Channel::Op, "general", 100_000, 0, 0),
        quota(Channel::Vv, "grouppush", 1000, 0, 0),
        quota(Channel::Vv, "general", 10_000, 0, 0),
        quota(Channel::Vv, "special", 10_000, 0, 0),
    ];
    assert_snapshot(&count_report(&quotas), include_str!("data/push/count.json"));
}

#[test]
fn the_seeds_user_report() {
    let users = Users {
        accumulative_num: 9,
        register_num: 2,
        active_num: 5,
        online_num: 2,
    };
    let reply = user_report(date(), users);
    assert_snapshot(&reply, include_str!("data/push/user.json"));
    assert_eq!(read::<UsersData>(&reply)["2026-11-21"], users);
}

#[test]
fn the_seeds_online_report() {
    let reply = online_report([(1_763_700_000_000, 5), (1_763_699_400_000, 4)]);
    assert_snapshot(&reply, include_str!("data/push/online_user.json"));
    let online: OnlineData = read(&reply);
    assert_eq!(online.online_statics[&1_763_700_000_000], 5);
}

#[test]
fn the_auth_reply() {
    let reply = auth_reply("6f0d5c1e9bA7", 1_763_786_400_000);
    assert_snapshot(&reply, include_str!("data/push/auth.json"));
    assert_eq!(read::<AuthData>(&reply).token, "6f0d5c1e9bA7");
}

#[test]
fn data_is_an_empty_object_where_there_is_none() {
    let empty = br#"{"code":0,"msg":"success","data":{}}"#;
    assert_eq!(empty_reply(), empty);
    assert_eq!(task_report([], Shape::default()), empty);
    assert_eq!(group_report("g", None, Shape::default()), empty);
    assert_eq!(count_report(&[]), empty);
}

#[test]
fn a_day_without_data_has_a_total_of_zeros() {
    let zeros = json!({
        "msg_num": 0, "target_num": 0, "receive_num": 0, "display_num": 0, "click_num": 0,
    });
    assert_eq!(
        data(&day_report(date(), &Funnel::default(), Shape::default())),
        json!({"2026-11-21": {"total": zeros}})
    );
}

#[test]
fn counters_are_capped_where_they_are_shown() {
    const CAP: i64 = 2_147_483_647;
    let funnel = Funnel {
        total: total(CAP, [CAP + 1, CAP - 1, i64::MAX, -5]),
        ..only_gt([CAP + 1; 4])
    };
    let shown = &data(&task_report([("t", &funnel)], Shape::default()))["t"];
    let expected = json!({
        "msg_num": CAP, "target_num": CAP, "receive_num": CAP - 1, "display_num": CAP,
        "click_num": 0,
    });
    assert_eq!(shown["total"], expected);
    assert_eq!(shown["gt"]["click_num"], CAP);
    let losses = [2001, 2002, 2].map(|reason| loss(Phase::Ts, Channel::Gt, reason, i64::MAX));
    let detail = Detail {
        losses: losses.to_vec(),
        ..Detail::default()
    };
    let shown = data(&detail_report([("t", &detail)], ChannelSet::default()));
    let class = &shown["t"]["failed_detail"]["ts"]["gt"]["2"];
    assert_eq!(class, &json!({"2001": CAP, "2002": CAP, "total": CAP}));
    let op = quota(Channel::Op, "general", i64::MAX, 1, 0);
    let shown = &data(&count_report(&[op]))["op"]["general"];
    assert_eq!(shown["remain_num"], CAP.to_string());
}

#[test]
fn channels_without_data_are_left_out_and_those_without_display_show_minus_one() {
    let funnel = Funnel {
        total: total(0, [9, 9, 9, 9]),
        channels: vec![
            (Channel::Hw, figures([3, 2, 1, 0])),
            (Channel::Xm, figures([0; 4])),
            (Channel::Mz, figures([0, 0, 0, 1])),
        ],
        ..Funnel::default()
    };
    let shape = Shape {
        without_display: ChannelSet::from_iter([Channel::Hw, Channel::Xm]),
        ..Shape::default()
    };
    let shown: FunnelsData = read(&task_report([("t", &funnel)], shape));
    let channels: Vec<_> = shown["t"].channels.iter().collect();
    assert_eq!(channels.len(), 2);
    assert_eq!(channels[0].0, "hw");
    assert_eq!(channels[0].1.figures, figures([3, 2, -1, 0]));
    assert_eq!(channels[1].1.figures, figures([0, 0, 0, 1]));
    assert_eq!(shown["t"].total.figures.display_num, 9);
}

#[test]
fn an_asked_action_without_data_is_zero() {
    let actions = ["b".to_owned(), "a".to_owned()];
    let shape = Shape {
        actions: &actions,
        ..Shape::default()
    };
    let funnel = Funnel {
        actions: vec![("a".to_owned(), 7)],
        ..Funnel::default()
    };
    let shown = data(&task_report([("t", &funnel)], shape));
    assert_eq!(shown["t"]["actionCntMap"].to_string(), r#"{"b":0,"a":7}"#);
    let shown = data(&task_report([("t", &funnel)], Shape::default()));
    assert_eq!(shown["t"].get("actionCntMap"), None);
}

#[test]
fn brands_are_the_ten_with_the_most_sent_and_others() {
    let brand = |name: &str, target| (name.to_owned(), figures([target, 1, 1, 0]));
    let mut brands: Vec<_> = ('c'..='l')
        .map(|name| brand(&name.to_string(), 5))
        .collect();
    brands.extend([
        brand("b", 5),
        brand("a", 4),
        brand("z", 6),
        // Names that would stand twice, or beside counters, in one object.
        brand("others", 100),
        brand("click_num", 100),
        ("none".to_owned(), Figures::default()),
    ]);
    let funnel = Funnel {
        brands,
        ..only_gt([9; 4])
    };
    let shape = Shape {
        by_brand: true,
        without_display: ChannelSet::from_iter([Channel::Gt]),
        ..Shape::default()
    };
    let shown = data(&task_report([("t", &funnel)], shape));
    let gt = shown["t"]["gt"].as_object().unwrap();
    let keys: Vec<&str> = gt.keys().map(String::as_str).collect();
    let counters = ["target_num", "receive_num", "display_num", "click_num"];
    assert_eq!(keys[..4], counters);
    let names = ["z", "b", "c", "d", "e", "f", "g", "h", "i", "j", "others"];
    assert_eq!(keys[4..], names);
    let others = json!({"target_num": 214, "receive_num": 5, "display_num": -1, "click_num": 0});
    assert_eq!(gt["others"], others);
    let read: FunnelsData = read(&task_report([("t", &funnel)], shape));
    assert_eq!(read["t"].channels["gt"].brands["z"].target_num, 6);
    let shown = data(&task_report([("t", &funnel)], Shape::default()));
    assert_eq!(shown["t"]["gt"].as_object().unwrap().len(), 4);
}

#[test]
fn a_class_counts_its_reasons_and_what_has_no_closer_one() {
    let detail = Detail {
        losses: vec![
            loss(Phase::Fd, Channel::Ios, 10, 3),
            loss(Phase::Fd, Channel::Ios, 8001, 1),
            loss(Phase::Fd, Channel::Ios, 8, 2),
        ],
        ..Detail::default()
    };
    let reply = detail_report([("t", &detail)], ChannelSet::default());
    let read: FunnelsData = read(&reply);
    assert_eq!(read["t"].failed_detail["fd"]["apn"]["10"]["total"], 3);
    assert_eq!(
        data(&reply)["t"]["failed_detail"].to_string(),
        r#"{"fd":{"apn":{"8":{"8001":1,"total":3},"10":{"total":3}}}}"#
    );
    let nothing_lost = Detail::default();
    let reply = detail_report([("t", &nothing_lost)], ChannelSet::default());
    assert_eq!(data(&reply)["t"]["failed_detail"], json!({}));
}

#[test]
fn quotas_are_used_up_by_what_was_sent_but_of_vv_by_what_was_received() {
    let quotas = [
        quota(Channel::Gt, "app", 10, 12, 0),
        quota(Channel::Gt, "list", 10, 9, 99),
        quota(Channel::Vv, "general", 10, 50, 9),
        quota(Channel::Vv, "special", 10, 50, 10),
    ];
    let shown: QuotasData = read(&count_report(&quotas));
    assert_eq!(
        (shown["gt"]["app"].limit, shown["gt"]["app"].remain_num),
        (true, Some(0))
    );
    assert_eq!(
        (shown["gt"]["list"].limit, shown["gt"]["list"].remain_num),
        (false, Some(1))
    );
    let vv = &shown["vv"];
    assert_eq!(
        (vv["general"].limit, vv["general"].push_num),
        (false, Some(50))
    );
    assert_eq!(
        (vv["special"].limit, vv["special"].remain_num),
        (true, None)
    );
}

#[test]
fn keys_are_escaped() {
    let funnel = Funnel::default();
    let shown = data(&group_report("a\"\n油", Some(&funnel), Shape::default()));
    assert!(shown.get("a\"\n油").is_some());
}
