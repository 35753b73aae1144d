//! The demo has what it promises: it is what people see first. It has an embedded store of its own.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::Duration;

use reportd_platform::clock::{Clock, SystemClock};
use reportd_platform::zones::{Zone, day_text};
use serde_json::{Value, json};

use crate::harness::{Data, Http, signal, wait_until};

/// The process; it is killed when it is dropped.
pub(crate) struct Demo {
    process: Child,
    /// What it printed up to where it is ready.
    told: Vec<String>,
    bearer: String,
}

impl Drop for Demo {
    fn drop(&mut self) {
        // It has ended already where all went well.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Demo {
    pub(crate) fn start(data: &Data) -> Self {
        let mut command = data.command(&["demo", "--listen", "127.0.0.1:0"]);
        let command = command.stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut told = Vec::new();
        while told.last().is_none_or(|line| line != "Ctrl-C ends it.") {
            told.push(lines.next().expect("it ended before it was ready").unwrap());
        }
        let mark = fs::read(data.path().join("demo.json")).unwrap();
        let credentials: Value = serde_json::from_slice(&mark).unwrap();
        let bearer = format!("Bearer {}", credentials["api_key"].as_str().unwrap());
        Self {
            process,
            told,
            bearer,
        }
    }

    pub(crate) fn line(&self, with: &str) -> &str {
        let found = self.told.iter().find(|line| line.contains(with));
        found.unwrap_or_else(|| panic!("no line with {with}"))
    }

    pub(crate) fn address(&self) -> &str {
        let line = self.line("reportd listens on http://");
        line.split_once("http://").unwrap().1
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let headers = [
            ("authorization", self.bearer.as_str()),
            ("content-type", "application/json"),
        ];
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let mut http = Http::connect(self.address());
        let reply = http.call(method, path, &headers, body.as_bytes()).unwrap();
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        reply.json()
    }

    fn read(&self, path: &str) -> Value {
        self.call("GET", path, &Value::Null)
    }

    fn of_app(&self, path: &str) -> Value {
        self.read(&format!("/api/apps/demo/{path}"))
    }

    /// Reports of the bot, by operation.
    fn bot_reports(&self, days: &str) -> BTreeMap<i64, i64> {
        let registry = self.of_app("comm/operations");
        let operations = registry["operations"].as_array().unwrap().iter();
        let numbers = operations.map(|operation| operation["oper_id"].as_i64().unwrap());
        let counted = numbers.map(|number| {
            let path = format!("comm/series?oper_id={number}&{days}");
            (number, self.of_app(&path)["total"].as_i64().unwrap())
        });
        counted.collect()
    }

    fn tasks(&self, days: &str) -> Vec<Value> {
        let mut tasks = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.of_app(&format!("push/tasks?{days}&limit=100{cursor}"));
            tasks.extend(page["tasks"].as_array().unwrap().iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return tasks,
            }
        }
    }

    fn tickets(&self, states: &str) -> usize {
        let page = self.read(&format!("/api/tickets?app=demo&state={states}&limit=200"));
        page["tickets"].as_array().unwrap().len()
    }

    fn stop(mut self) {
        signal(self.process.id(), "TERM");
        assert_eq!(self.process.wait().unwrap().code(), Some(0));
    }
}

/// A signal that comes behind the history, while the server is being opened, ends the demo as any other does.
#[test]
fn a_signal_before_it_is_ready_ends_the_demo() {
    let data = Data::nowhere();
    let mut command = data.command(&["demo", "--listen", "127.0.0.1:0"]);
    let command = command.stdout(Stdio::null()).stderr(Stdio::inherit());
    let mut demo = Demo {
        process: command.spawn().unwrap(),
        told: Vec::new(),
        bearer: String::new(),
    };
    let mark = data.path().join("demo.json");
    let is_whole = || {
        let text = fs::read(&mark).unwrap_or_default();
        let mark: Value = serde_json::from_slice(&text).unwrap_or_default();
        mark["is_whole"] == true
    };
    while !is_whole() {
        assert_eq!(demo.process.try_wait().unwrap(), None, "it ended too soon");
        std::thread::sleep(Duration::from_millis(1));
    }
    signal(demo.process.id(), "TERM");
    let mut code = None;
    wait_until("it ends", || {
        code = demo.process.try_wait().unwrap();
        code.is_some()
    });
    assert_eq!(code.and_then(|status| status.code()), Some(0));
}

/// The days of the history, and one more where midnight has passed.
fn days() -> (i64, String) {
    let zone = Zone::named("Asia/Shanghai").unwrap();
    let today = zone.day(SystemClock::start().now_ms());
    let days = format!("from={}&to={}", day_text(today - 30), day_text(today));
    (today, days)
}

fn check_bot(demo: &Demo, (today, days): (i64, &str)) {
    let reports = demo.bot_reports(days);
    let all: i64 = reports.values().sum();
    assert!((150_000..153_000).contains(&all), "{all}");
    assert!(reports.len() > 3, "it registers none of its own");
    assert!(reports.values().all(|&count| count > 500), "{reports:?}");
    for day in [today - 1, today] {
        let census = demo.of_app(&format!("comm/census/{}", day_text(day)));
        let groups = census["groups"].as_i64().unwrap();
        assert!((380..=420).contains(&groups), "{groups}");
        assert!(census["gained"].is_array() && census["lost"].is_array());
    }
    let week: i64 = (0..7)
        .map(|ago| demo.of_app(&format!("comm/census/{}", day_text(today - ago))))
        .map(|census| census["gained"].as_array().unwrap().len() as i64)
        .sum();
    assert!(week >= 6, "{week} groups in seven days");
    let refused = demo.of_app("comm/rejections?limit=200");
    let refused = refused["rejections"].as_array().unwrap();
    assert!(refused.iter().any(|one| one["ret"] == 40002));
    check_replay(demo, days);
}

/// What a newer bot reports is refused until it is registered, and counts then.
fn check_replay(demo: &Demo, days: &str) {
    let register = demo.line("/comm/operations/");
    let (_, number) = register.split_once("/comm/operations/").unwrap();
    let number = number.split(' ').next().unwrap();
    let operation = json!({"name": "new", "kind": "event", "dimensions": ["ext1"]});
    let api = "/api/apps/demo/comm";
    demo.call("PUT", &format!("{api}/operations/{number}"), &operation);
    let replay = format!("{api}/rejections/replay?ret=40005");
    let replayed = demo.call("POST", &replay, &Value::Null);
    assert_eq!(replayed["refused"], 0);
    let replayed = replayed["replayed"].as_i64().unwrap();
    assert!(replayed > 10, "{replayed}");
    let counted = demo.bot_reports(days)[&number.parse().unwrap()];
    assert!(counted >= replayed, "{counted} of {replayed}");
}

fn check_pushes(demo: &Demo, days: &str) {
    let tasks = demo.tasks(days);
    assert!((120..=122).contains(&tasks.len()), "{}", tasks.len());
    let names = [
        "msg_num",
        "target_num",
        "receive_num",
        "display_num",
        "click_num",
    ];
    let sum = |name: &str| -> i64 {
        let of = |task: &Value| task["total"][name].as_i64().unwrap();
        tasks.iter().map(of).sum()
    };
    let sums = names.map(sum);
    assert!(sums.is_sorted_by(|more, less| more > less), "{sums:?}");
    assert!(sums.iter().sum::<i64>() > 850_000, "{sums:?}");
}

fn check_site(demo: &Demo, days: &str) {
    let video = demo.of_app(&format!("playback/videos/170001?{days}"));
    let played = video["days"].as_array().unwrap().iter();
    let played = played.filter(|day| day["plays"] != 0).count();
    assert!(played >= 20, "on {played} days");
    let videos = demo.of_app(&format!("playback/videos?{days}&limit=100"));
    let videos = videos["videos"].as_array().unwrap();
    let plays: i64 = videos
        .iter()
        .map(|one| one["plays"].as_i64().unwrap())
        .sum();
    assert!(videos.len() == 100 && plays > 1_500, "{plays}");
    demo.of_app("playback/catalogue/172000");
    wait_until("somebody is viewing", || {
        demo.of_app("playback/now")["viewers"] != 0
    });
}

fn check_chat(demo: &Demo) {
    let all = demo.tickets("open,claimed,judged,delivered,failed");
    assert!((150..200).contains(&all), "{all}");
    assert!(demo.tickets("open,claimed") >= 15);
    assert!(demo.tickets("failed") > 0, "some receivers are gone");
    let monitor = demo.of_app("dialogue/monitor");
    for figure in ["judged", "undone", "reopened", "delivered", "failed"] {
        assert!(
            monitor[figure].as_i64() > Some(0),
            "{figure}: {}",
            monitor[figure]
        );
    }
    let receiver = demo.line("the demo's own receiver").trim_end_matches('/');
    let receiver = receiver.rsplit_once("http://").unwrap().1;
    let page = Http::connect(receiver).call("GET", "/?lang=zh", &[], b"");
    let page = page.unwrap().text();
    assert!(page.matches("<article>").count() > 50, "{page}");
}

#[test]
fn the_history_is_whole_and_a_second_start_adds_nothing() {
    let data = Data::nowhere();
    let demo = Demo::start(&data);
    let (today, days) = days();
    check_bot(&demo, (today, &days));
    check_pushes(&demo, &days);
    check_site(&demo, &days);
    check_chat(&demo);
    let ready = demo.line("Ready in ").to_owned();
    demo.stop();
    // What arrived in the past stands in the files of those days, so that retention finds it there.
    let files = fs::read_dir(data.path().join("journal")).unwrap();
    assert!(files.count() >= 30);
    let verified = data.run(&["verify"]);
    assert!(verified.contains("the views say the same"), "{verified}");

    let again = Demo::start(&data);
    // It is printed for who measures, and asserted nowhere.
    println!("{ready} Then: {}", again.line("Ready in "));
    let reports: i64 = again.bot_reports(&days).values().sum();
    assert!((150_000..155_000).contains(&reports), "{reports}");
    assert!(again.tasks(&days).len() <= 124);
    let all = again.tickets("open,claimed,judged,delivered,failed");
    assert!((150..200).contains(&all), "{all}");
    again.stop();
}
