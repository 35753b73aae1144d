//! Texts of the first page.

use crate::texts::texts;

texts! {
    /// Texts of the first page.
    OverviewTexts {
        title: "Overview" / "概览",
        today: "Today" / "今日",
        app: "App" / "应用",
        by_app: "Today by app" / "今日各应用",
        messages: "Bot messages" / "机器人消息",
        pushes: "Pushes sent" / "推送下发",
        plays: "Plays" / "播放次数",
        reports: "Dialogue reports" / "对话举报",
        yesterday: "yesterday {n}" / "昨日 {n}",
        yesterday_by_now: "{n} yesterday by now" / "昨日同期 {n}",
        online_now: "{n} online now" / "当前在线 {n}",
        viewers_now: "{n} viewing now" / "正在观看 {n}",
        waiting_now: "{n} tickets wait" / "{n} 张工单待审",
        curve_hours: "By hour, yesterday and today: from {least} to {most}, last {last}" / "昨日与今日逐小时：最低 {least}，最高 {most}，最近 {last}",
        curve_days: "By day, two weeks: from {least} to {most}, today {last}" / "近两周逐日：最低 {least}，最高 {most}，今日 {last}",
        partial: "Some figures could not be read just now." / "部分数据暂时无法读取。",
        only_some: "The first {n} of {m} apps are shown." / "共 {m} 个应用，仅显示前 {n} 个。",
        no_apps: "There is no app yet." / "还没有应用。",
        create_app: "Create the first one" / "创建第一个应用",
        needs: "Needs a person" / "待处理",
        nothing_needed: "Nothing waits for you." / "没有待处理事项。",
        open_tickets: "{n} tickets wait, the oldest for {time}" / "{n} 张工单待审，最早的已等待 {time}",
        dead_callbacks: "{n} callbacks were given up" / "{n} 个回调投递失败已放弃",
        rejected: "{app}: a request was rejected at {time}: " / "{app}：{time} 有请求被拒绝：",
        quota_used: "{app}: the quota of {channel} {kind} is used up" / "{app}：{channel} {kind} 配额已用完",
        view_stuck: "The view {name} is stuck: " / "视图 {name} 已停止：",
        view_lags: "The view {name} is {time} behind" / "视图 {name} 落后 {time}",
        journal_closed: "The journal takes no entries: reports are told to try later" / "日志无法写入，上报将被要求稍后重试",
        health: "Health" / "运行状况",
        requests_rate: "Requests per second" / "每秒请求数",
        reports_rate: "Reports per second" / "每秒上报数",
        journal: "Journal" / "日志",
        writable: "takes entries" / "可写入",
        closed: "takes no entries" / "无法写入",
        entries: "{n} entries" / "{n} 条",
        callbacks: "Callbacks" / "回调",
        callbacks_state: "{waiting} waiting, {dead} given up" / "{waiting} 个待投递，{dead} 个已放弃",
        disk: "Disk" / "磁盘",
        disk_state: "journal {journal}, views {views}, state {state}" / "日志 {journal}，视图 {views}，状态 {state}",
        memory: "Memory" / "内存",
        uptime: "Runs for" / "已运行",
        views: "Views" / "视图",
        view: "View" / "视图",
        behind: "Entries behind" / "落后条数",
        lag: "Lag" / "延迟",
        state: "State" / "状态",
        well: "well" / "正常",
        stuck: "stuck" / "已停止",
        protocol: "Protocol" / "协议",
        requests: "Requests" / "请求数",
        all_reports: "Reports" / "上报数",
        since_start: "Protocols since the start" / "启动以来各协议",
        seconds: "{n} s" / "{n} 秒",
        minutes: "{n} min" / "{n} 分钟",
        hours: "{n} h" / "{n} 小时",
        days: "{n} days" / "{n} 天",
    }
}

/// A length of time in one unit, as people say it.
pub(super) fn span(t: &OverviewTexts, seconds: i64) -> String {
    let (text, number) = match seconds {
        ..120 => (t.seconds, seconds),
        120..7_200 => (t.minutes, seconds / 60),
        7_200..172_800 => (t.hours, seconds / 3600),
        _ => (t.days, seconds / 86_400),
    };
    crate::texts::fill(text, &[("n", &number.to_string())])
}
