//! The demo has what it promises: it is what people see first. It has an embedded store of its own.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::Duration;

use reportd_platform::clock::{Clock, SystemClock};
use reportd_platform::zones::{Zone, day_text};
use serde_json::Value;

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

    fn read(&self, path: &str) -> Value {
        let headers = [("authorization", self.bearer.as_str())];
        let reply = Http::connect(self.address()).call("GET", path, &headers, b"");
        let reply = reply.unwrap();
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        reply.json()
    }

    fn of_app(&self, path: &str) -> Value {
        self.read(&format!("/api/apps/demo/{path}"))
    }

    /// Reports of the bot, of all its operations.
    fn bot_reports(&self, days: &str) -> i64 {
        let total = |operation: i64| {
            let path = format!("comm/series?oper_id={operation}&{days}");
            self.of_app(&path)["total"].as_i64().unwrap()
        };
        [1_502_007_320_601, 1_503_000_120_601, 1_503_000_120_602]
            .map(total)
            .iter()
            .sum()
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
    assert!((150_000..153_000).contains(&reports), "{reports}");
    let census = demo.of_app(&format!("comm/census/{}", day_text(today - 1)));
    assert!(
        (380..=420).contains(&census["groups"].as_i64().unwrap()),
        "{}",
        census["groups"]
    );
    assert!(
        census["gained"]
            .as_array()
            .is_some_and(|gained| !gained.is_empty())
    );
    let refused = demo.of_app("comm/rejections?limit=100");
    let refused = refused["rejections"].as_array().unwrap();
    assert!(refused.iter().any(|one| one["ret"] == 40005));
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
    let reports = again.bot_reports(&days);
    assert!((150_000..155_000).contains(&reports), "{reports}");
    assert!(again.tasks(&days).len() <= 124);
    let all = again.tickets("open,claimed,judged,delivered,failed");
    assert!((150..200).contains(&all), "{all}");
    again.stop();
}
