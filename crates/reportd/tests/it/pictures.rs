//! The pictures of the README, taken from the demo: `cargo xtask pictures`.

use std::fs;
use std::path::Path;

use crate::browser::Browser;
use crate::demo::Demo;
use crate::harness::{Data, wait_until};

/// Name, language, path, and the size of the window.
const PICTURES: &[(&str, &str, &str, (u32, u32))] = &[
    ("overview.en", "en", "/console", (1280, 900)),
    ("overview.zh", "zh-CN", "/console", (1280, 900)),
    ("push.en", "en", "/console/apps/demo/push", (1280, 900)),
    ("push.zh", "zh-CN", "/console/apps/demo/push", (1280, 900)),
    (
        "playback.en",
        "en",
        "/console/apps/demo/playback",
        (1280, 900),
    ),
    (
        "playback.zh",
        "zh-CN",
        "/console/apps/demo/playback",
        (1280, 900),
    ),
    ("queue.en", "en", "/console/tickets", (1280, 900)),
    ("queue.zh", "zh-CN", "/console/tickets", (1280, 900)),
    ("ticket.en", "en", "", (1280, 1000)),
    ("ticket.zh", "zh-CN", "", (1280, 1000)),
];

#[test]
#[ignore = "writes files of the tree: cargo xtask pictures"]
fn pictures_of_the_demo() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/pictures");
    fs::create_dir_all(&folder).unwrap();
    let data = Data::nowhere();
    let demo = Demo::start(&data);
    let password = demo.line("password: ").trim_start_matches("password: ");
    for language in ["en", "zh-CN"] {
        let browser = Browser::at(&format!("http://{}", demo.address()), language);
        browser.log_in("demo", password);
        for (name, _, path, (width, height)) in PICTURES.iter().filter(|row| row.1 == language) {
            if path.is_empty() {
                browser.open("/console/tickets");
                browser.press("n");
                wait_until("a ticket is open", || {
                    browser.script("return !!document.querySelector('#verdict')") == true
                });
            } else {
                browser.open(path);
            }
            let png = browser.picture(*width, *height);
            fs::write(folder.join(format!("{name}.png")), png).unwrap();
        }
    }
}
