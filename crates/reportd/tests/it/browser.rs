//! A real browser, headless, driven over WebDriver: each has a driver, a profile and a port of its own.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use axum::http::Method;
use fantoccini::actions::{InputSource, MOUSE_BUTTON_LEFT, MouseActions, PointerAction};
use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand, WindowHandle};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use url::{ParseError, Url};

use crate::harness::{Server, wait_until};

/// A browser with one window.
pub(crate) struct Browser {
    runtime: Runtime,
    client: Client,
    driver: Child,
    base: String,
}

/// What the browser has logged since it was asked last: the console of pages, or all traffic.
#[derive(Debug)]
struct GetLog(&'static str);

impl WebDriverCompatibleCommand for GetLog {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(json!({"type": self.0}).to_string()))
    }
}

/// A command of the browser's own protocol, for what WebDriver has no word for.
#[derive(Debug)]
struct Devtools(&'static str, Value);

impl WebDriverCompatibleCommand for Devtools {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!(
            "session/{}/goog/cdp/execute",
            session.unwrap_or_default()
        ))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (
            Method::POST,
            Some(json!({"cmd": self.0, "params": self.1}).to_string()),
        )
    }
}

impl Browser {
    /// A browser whose pages are those of `server`, and that asks for pages in `language`.
    pub(crate) fn start(server: &Server, language: &str) -> Self {
        Self::at(&server.url(), language)
    }

    /// The same, by the address of a server.
    pub(crate) fn at(base: &str, language: &str) -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is missing: cargo xtask test installs it");
        let lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = lines
            .map_while(Result::ok)
            .find_map(|line| {
                line.split_once("successfully on port ")
                    .map(|(_, port)| port.trim_end_matches('.').to_owned())
            })
            .expect("chromedriver did not start");
        let runtime = Runtime::new().unwrap();
        let connector = HttpConnector::new();
        let client = runtime.block_on(
            ClientBuilder::new(connector)
                .capabilities(capabilities(language))
                .connect(&format!("http://127.0.0.1:{port}")),
        );
        Self {
            runtime,
            client: client.unwrap(),
            driver,
            base: base.to_owned(),
        }
    }

    /// Opens a page.
    pub(crate) fn open(&self, path: &str) {
        let address = format!("{}{path}", self.base);
        self.runtime.block_on(self.client.goto(&address)).unwrap();
    }

    /// What a script returns.
    pub(crate) fn script(&self, script: &str) -> Value {
        let run = self.client.execute(script, Vec::new());
        self.runtime.block_on(run).unwrap_or(Value::Null)
    }

    /// The text of the page, as a person sees it.
    pub(crate) fn text(&self) -> String {
        let text = self.script("return document.body.innerText");
        text.as_str().unwrap_or_default().to_owned()
    }

    /// The path of the page.
    pub(crate) fn path(&self) -> String {
        let path = self.script("return location.pathname");
        path.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until a script returns true.
    pub(crate) fn wait(&self, what: &str, condition: &str) {
        wait_until(what, || {
            self.script(&format!("return !!({condition})")) == Value::Bool(true)
        });
    }

    /// Waits until the page says so.
    pub(crate) fn wait_text(&self, text: &str) {
        wait_until(&format!("the page says «{text}»"), || {
            self.text().contains(text)
        });
    }

    /// Clicks on what a selector finds.
    pub(crate) fn click(&self, selector: &str) {
        let clicked = async {
            let element = self.client.find(Locator::Css(selector)).await?;
            element.click().await
        };
        let clicked = self.runtime.block_on(clicked);
        clicked.unwrap_or_else(|error| panic!("{selector}: {error}: {}", self.text()));
    }

    /// Fills a field.
    pub(crate) fn fill(&self, selector: &str, text: &str) {
        let filled = async {
            let element = self.client.find(Locator::Css(selector)).await?;
            element.clear().await?;
            element.send_keys(text).await
        };
        let filled = self.runtime.block_on(filled);
        filled.unwrap_or_else(|error| panic!("{selector}: {error}: {}", self.text()));
    }

    /// Types where the focus is, as a person without a mouse does.
    pub(crate) fn press(&self, keys: &str) {
        let typed = async { self.client.active_element().await?.send_keys(keys).await };
        self.runtime.block_on(typed).unwrap();
    }

    /// Logs in, and waits for the page behind.
    pub(crate) fn log_in(&self, name: &str, password: &str) {
        self.open("/console/login");
        self.fill("[name=name]", name);
        self.fill("[name=password]", password);
        self.click("main button, form button");
        self.wait(
            "somebody is logged in",
            "document.querySelector('form[action=\"/console/logout\"]')",
        );
    }

    /// A picture of the window, as PNG.
    pub(crate) fn picture(&self, width: u32, height: u32) -> Vec<u8> {
        let picture = async {
            self.client.set_window_size(width, height).await?;
            self.client.screenshot().await
        };
        self.runtime.block_on(picture).unwrap()
    }

    /// Makes pages so wide, as narrow as a phone too, which a window cannot be.
    pub(crate) fn set_width(&self, width: u32) {
        let size = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        self.tell("Emulation.setDeviceMetricsOverride", size);
    }

    /// Asks for pages in dark colours, or in light ones.
    pub(crate) fn set_dark(&self, is_dark: bool) {
        let value = if is_dark { "dark" } else { "light" };
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": value}]});
        self.tell("Emulation.setEmulatedMedia", features);
    }

    fn tell(&self, command: &'static str, parameters: Value) {
        let told = self.client.issue_cmd(Devtools(command, parameters));
        self.runtime.block_on(told).unwrap();
    }

    /// Clicks twice on what a selector finds, as quickly as a person does.
    pub(crate) fn double_click(&self, selector: &str) {
        let clicked = async {
            let element = self.client.find(Locator::Css(selector)).await?;
            let click = || {
                [
                    PointerAction::Down {
                        button: MOUSE_BUTTON_LEFT,
                    },
                    PointerAction::Up {
                        button: MOUSE_BUTTON_LEFT,
                    },
                ]
            };
            let to = PointerAction::MoveToElement {
                element,
                duration: None,
                x: 0.0,
                y: 0.0,
            };
            let actions = [to].into_iter().chain(click()).chain(click());
            let mouse = actions.fold(MouseActions::new("mouse".to_owned()), MouseActions::then);
            self.client.perform_actions(mouse).await
        };
        let clicked = self.runtime.block_on(clicked);
        clicked.unwrap_or_else(|error| panic!("{selector}: {error}: {}", self.text()));
    }

    /// Goes back, as by the button.
    pub(crate) fn back(&self) {
        self.runtime.block_on(self.client.back()).unwrap();
    }

    /// Opens a tab and goes there; returns its name.
    pub(crate) fn open_tab(&self) -> WindowHandle {
        let opened = async {
            let tab = self.client.new_window(true).await?.handle;
            self.client.switch_to_window(tab.clone()).await?;
            Ok::<_, fantoccini::error::CmdError>(tab)
        };
        self.runtime.block_on(opened).unwrap()
    }

    /// The tab that is in front.
    pub(crate) fn tab(&self) -> WindowHandle {
        self.runtime.block_on(self.client.window()).unwrap()
    }

    /// Goes to a tab.
    pub(crate) fn go_to_tab(&self, tab: WindowHandle) {
        let gone = self.client.switch_to_window(tab);
        self.runtime.block_on(gone).unwrap();
    }

    /// Forgets all cookies: the session is over.
    pub(crate) fn forget(&self) {
        self.runtime
            .block_on(self.client.delete_all_cookies())
            .unwrap();
    }

    /// The messages of a log, each with its level.
    fn log(&self, of: &'static str) -> Vec<(String, String)> {
        let told = self
            .runtime
            .block_on(self.client.issue_cmd(GetLog(of)))
            .unwrap();
        let text = |entry: &Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        let entries = told.as_array().cloned().unwrap_or_default();
        entries
            .iter()
            .map(|entry| (text(entry, "level"), text(entry, "message")))
            .collect()
    }

    /// What pages have complained about in the console of the browser.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let entries = self.log("browser").into_iter();
        let bad = entries.filter(|(level, _)| matches!(&**level, "SEVERE" | "WARNING"));
        bad.map(|(_, message)| message).collect()
    }

    /// The addresses outside of this server that pages have asked for.
    pub(crate) fn strangers(&self) -> Vec<String> {
        let sent = |(_, message): (String, String)| {
            let message: Value = serde_json::from_str(&message).ok()?;
            let message = &message["message"];
            let is_request = message["method"] == "Network.requestWillBeSent";
            let address = message["params"]["request"]["url"].as_str()?.to_owned();
            let is_strange = address.starts_with("http") && !address.starts_with(&self.base);
            (is_request && is_strange).then_some(address)
        };
        self.log("performance")
            .into_iter()
            .filter_map(sent)
            .collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.runtime.block_on(self.client.clone().close());
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn capabilities(language: &str) -> Capabilities {
    // Tests may run as root and in a container with little shared memory.
    let arguments = [
        "--headless=new".to_owned(),
        "--no-sandbox".to_owned(),
        "--disable-dev-shm-usage".to_owned(),
        "--disable-gpu".to_owned(),
        "--window-size=1280,900".to_owned(),
        format!("--lang={language}"),
    ];
    let wanted = json!({
        "goog:chromeOptions": {"args": arguments, "prefs": {"intl.accept_languages": language}},
        "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
    });
    wanted.as_object().cloned().unwrap_or_default()
}
