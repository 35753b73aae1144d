//! The demo has what it promises: it is what people see first. It has an embedded store of its own.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use reportd_platform::clock::{Clock, SystemClock};
use reportd_platform::zones::{Zone, day_text};
use serde_json::Value;

use crate::harness::{Data, Http, signal, wait_until};

/// The process; it is killed when it is dropped.
struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        // It has ended already where all went well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_history_of_all_kinds_comes_in() {
    let data = Data::nowhere();
    let mut command = data.command(&["demo", "--listen", "127.0.0.1:0"]);
    let command = command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut demo = Demo(command.spawn().unwrap());
    let mut lines = BufReader::new(demo.0.stdout.take().unwrap()).lines();
    let mut told = Vec::new();
    while told.last().is_none_or(|line| line != "Ctrl-C ends it.") {
        told.push(lines.next().unwrap().unwrap());
    }
    let address = told[0].strip_prefix("reportd listens on http://").unwrap();

    let mark = fs::read(data.path().join("demo.json")).unwrap();
    let credentials: Value = serde_json::from_slice(&mark).unwrap();
    let bearer = format!("Bearer {}", credentials["api_key"].as_str().unwrap());
    let read = |path: &str| {
        let path = format!("/api/apps/demo/{path}");
        let headers = [("authorization", bearer.as_str())];
        let reply = Http::connect(address).call("GET", &path, &headers, b"");
        let reply = reply.unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()
    };
    let today = Zone::named("Asia/Shanghai")
        .unwrap()
        .day(SystemClock::start().now_ms());
    let days = format!("from={}&to={}", day_text(today - 31), day_text(today + 1));
    wait_until("thirty days of tasks are there", || {
        let page = read(&format!("push/tasks?{days}&limit=100"));
        let tasks = page["tasks"].as_array().unwrap();
        let is_clicked = |task: &Value| task["total"]["click_num"] != 0;
        tasks.iter().filter(|task| is_clicked(task)).count() >= 60
    });
    wait_until("thirty days of messages are there", || {
        let page = read(&format!("comm/messages?{days}"));
        let rows = page["rows"].as_array().unwrap();
        rows.iter().filter(|row| row["active"] != 0).count() >= 30
    });
    wait_until(
        "thirty days of plays are there, and somebody is viewing",
        || {
            let video = read(&format!("playback/videos/170001?{days}"));
            let played = video["days"].as_array().unwrap().iter();
            let is_played = |day: &&Value| day["plays"] != 0;
            let viewers = &read("playback/now")["viewers"];
            played.filter(is_played).count() >= 25 && *viewers != 0
        },
    );
    wait_until("conversations are reported", || {
        read("dialogue/monitor")["received"].as_i64() >= Some(15)
    });
    signal(demo.0.id(), "TERM");
    assert_eq!(demo.0.wait().unwrap().code(), Some(0));
}
