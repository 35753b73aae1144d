//! The moderators' desk in the history: files reports and does what was planned with them, each at its time, by the same
//! calls as people and programs make. Between two deeds callbacks leave when they are due.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, ensure};
use axum::http::{Method, StatusCode};
use reportd_client::protocol::dialogue::{Cipher, content_text, sign};
use reportd_platform::clock::{Clock, HOUR_MS, SECOND_MS};
use serde_json::{Value, json};

use super::cases::{Action, Case, Deed, LEAD, cases, judgement, lines_at_first, outage};
use super::{SEED, Told, cipher, settings};
use crate::demo::APP;
use crate::demo::draw::Draw;
use crate::demo::past::Past;
use crate::demo::receiver::Receiver;
use crate::demo::steps::Steps;

const FILE: &str = "/api/report/multiDialogue";
/// How often it is looked whether a callback has arrived, and how long at most.
const LOOK_INTERVAL: Duration = Duration::from_millis(2);
const LONGEST_LOOK: Duration = Duration::from_secs(3);
/// One report in so many that are filed is wrong.
const MISTAKES: u64 = 9;

/// The desk.
pub(in crate::demo) struct Desk {
    past: Past,
    /// The admin's, and that of the moderators' desk.
    admin: String,
    authorization: String,
    receiver_url: String,
    cipher: Cipher,
    cases: Vec<Case>,
    actions: Vec<Action>,
    tickets: HashMap<usize, String>,
    draw: Draw,
    ends_ms: i64,
}

impl Desk {
    /// The desk of an app whose receiver is up.
    pub(in crate::demo) fn new(
        past: Past,
        (admin, authorization, aes_key): (&str, &str, &str),
        receiver: &Receiver,
        steps: &Steps,
    ) -> anyhow::Result<Self> {
        let (cases, actions) = cases(steps);
        receiver.be_down(outage(steps));
        Ok(Self {
            past,
            admin: admin.to_owned(),
            authorization: authorization.to_owned(),
            receiver_url: receiver.url().to_owned(),
            cipher: Cipher::new(&cipher(aes_key))?,
            cases,
            actions,
            tickets: HashMap::new(),
            draw: Draw::of(SEED, 9),
            ends_ms: steps.ends_ms(),
        })
    }

    /// Does all that was planned, and ends.
    pub(in crate::demo) async fn run(mut self) -> anyhow::Result<()> {
        let path = format!("/api/apps/{APP}/dialogue/settings");
        let (body, caller) = (settings(&self.receiver_url), self.past.caller());
        caller
            .ask((Method::PUT, &path), (&self.admin, LEAD), body)
            .await?;
        for action in std::mem::take(&mut self.actions) {
            self.deliver_until(action.at_ms).await?;
            self.past.clock.advance_to(action.at_ms);
            self.act(&action)
                .await
                .with_context(|| format!("{action:?}"))?;
        }
        self.deliver_until(self.ends_ms).await?;
        self.past.clock.advance_to(self.ends_ms);
        self.past.close().await
    }

    async fn act(&mut self, action: &Action) -> anyhow::Result<()> {
        let ticket = self.tickets.get(&action.case).cloned().unwrap_or_default();
        let path = |deed: &str| format!("/api/tickets/{ticket}/{deed}");
        let who = action.who;
        match action.deed {
            Deed::File => {
                if self.draw.below(MISTAKES) == 0 {
                    self.file_wrong(action).await?;
                }
                let lines = lines_at_first(&self.cases[action.case].conversation);
                let ticket = self.file(action, lines, "").await?;
                self.tickets.insert(action.case, ticket);
            }
            Deed::FileMore => {
                self.file(action, usize::MAX, "-b").await?;
            }
            Deed::Look => {
                self.ask((Method::GET, &format!("/api/tickets/{ticket}")), who, "")
                    .await?;
            }
            Deed::Claim => {
                self.ask((Method::POST, &path("claim")), who, "").await?;
            }
            Deed::Release => {
                self.ask((Method::POST, &path("release")), who, "").await?;
            }
            Deed::Judge { hasty } => {
                let verdict = judgement(&self.cases[action.case], hasty, &mut self.draw);
                self.ask((Method::POST, &path("verdict")), who, verdict.to_string())
                    .await?;
            }
            Deed::Undo => {
                self.ask((Method::POST, &path("undo")), who, "").await?;
            }
            Deed::Reopen(reason) => {
                let body = json!({ "reason": reason }).to_string();
                self.ask((Method::POST, &path("reopen")), who, body).await?;
            }
        }
        Ok(())
    }

    async fn ask(
        &self,
        call: (Method, &str),
        who: &str,
        body: impl Into<reportd_client::Bytes>,
    ) -> anyhow::Result<Value> {
        let caller = self.past.caller();
        caller.ask(call, (&self.authorization, who), body).await
    }

    /// Files a report as a client does, encrypted and signed; returns its ticket.
    async fn file(&mut self, action: &Action, lines: usize, by: &str) -> anyhow::Result<String> {
        let json = self.report(action, lines, by);
        let body = self.sealed(&json);
        let told = self
            .past
            .caller()
            .ask((Method::POST, FILE), ("", ""), body)
            .await?;
        ensure!(told["ec"] == 0, "a report was not taken: {told}");
        let ticket = told["data"]["ticket_id"].as_str();
        Ok(ticket.context("a report has no ticket")?.to_owned())
    }

    fn report(&self, action: &Action, lines: usize, by: &str) -> String {
        let case = &self.cases[action.case];
        let redirect = format!("{}{}", self.receiver_url, case.receiver);
        let uniqid = format!("{}{by}", case.uniqid);
        let told = Told {
            report_id: &case.report_id,
            uniqid: &uniqid,
            redirect: &redirect,
            receiver_url: &self.receiver_url,
            at_ms: action.at_ms,
        };
        case.conversation.report(&told, lines).write()
    }

    fn sealed(&mut self, json: &str) -> String {
        let (first, second) = (self.draw.next(), self.draw.next());
        let iv = (u128::from(first) << 64 | u128::from(second)).to_be_bytes();
        let content = content_text(json.as_bytes(), &self.cipher, iv);
        json!({"appid": APP, "sign": sign(APP, &content), "content": content}).to_string()
    }

    /// What clients do wrong while they are being built.
    async fn file_wrong(&mut self, action: &Action) -> anyhow::Result<()> {
        let json = self.report(action, 1, "-x");
        let body = match self.draw.below(4) {
            0 => self.sealed(&json).replace("\"sign\":\"", "\"sign\":\"0"),
            1 => {
                let late = Action {
                    at_ms: action.at_ms - 2 * HOUR_MS,
                    ..*action
                };
                let json = self.report(&late, 1, "-x");
                self.sealed(&json)
            }
            2 => self.sealed(&json.replace("http://", "ftp://")),
            _ => self.sealed(&json.replace("\"category\"", "\"kategory\"")),
        };
        let caller = self.past.caller();
        let (status, reply) = caller.call((Method::POST, FILE), ("", ""), body).await?;
        let said: Value = serde_json::from_slice(&reply)?;
        ensure!(
            status == StatusCode::OK && said["ec"] != 0,
            "a wrong report was taken: {said}"
        );
        Ok(())
    }

    /// Lets the clock pass to a time; callbacks that are due on the way leave when they are.
    async fn deliver_until(&self, until_ms: i64) -> anyhow::Result<()> {
        loop {
            let pending = self.pending().await?;
            let next_ms = pending.iter().map(|callback| callback.next_ms).min();
            let Some(due_ms) = next_ms.filter(|due_ms| *due_ms <= until_ms) else {
                return Ok(());
            };
            self.past.clock.advance_to(due_ms + SECOND_MS / 4);
            // To ask for others again makes the dispatcher look at once; there are none in the first ms of all.
            let none = json!({"from": 0, "to": 1}).to_string();
            self.ask((Method::POST, "/api/deliveries/replay"), LEAD, none)
                .await?;
            let due = pending.iter().filter(|callback| callback.next_ms <= due_ms);
            for callback in due {
                if !self.has_left(callback).await? {
                    tracing::warn!(id = callback.id, "a callback of the history did not leave");
                    return Ok(());
                }
            }
        }
    }

    /// Callbacks that wait.
    async fn pending(&self) -> anyhow::Result<Vec<Callback>> {
        let path = format!("/api/deliveries?app={APP}&state=pending&limit=200");
        let told = self.ask((Method::GET, &path), LEAD, "").await?;
        let pending = told["deliveries"].as_array().into_iter().flatten();
        Ok(pending.filter_map(Callback::read).collect())
    }

    /// Waits until a callback that is due was attempted.
    async fn has_left(&self, callback: &Callback) -> anyhow::Result<bool> {
        let path = format!("/api/deliveries/{}", callback.id);
        let began = self.past.clock.monotonic();
        loop {
            let told = self.ask((Method::GET, &path), LEAD, "").await?;
            let now = Callback::read(&told["delivery"]);
            if now.is_none_or(|now| now.attempts > callback.attempts) {
                return Ok(true);
            }
            if self.past.clock.monotonic().saturating_sub(began) > LONGEST_LOOK {
                return Ok(false);
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }
}

/// A callback that waits.
struct Callback {
    id: String,
    attempts: i64,
    next_ms: i64,
}

impl Callback {
    /// None where it does not wait any more.
    fn read(told: &Value) -> Option<Self> {
        Some(Self {
            id: told["delivery_id"].as_str()?.to_owned(),
            attempts: told["attempts"].as_i64()?,
            next_ms: told["next_at"].as_i64()?,
        })
    }
}
