//! The tickets of the history: who reported what and when, and what moderators did with it.

use reportd_platform::clock::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};

use super::SEED;
use super::scripts::{Conversation, Words};
use super::{chinese, english};
use crate::demo::draw::{Draw, Shares};
use crate::demo::rhythm::{CHATS, day, local, start_of};
use crate::demo::steps::Steps;

/// Tickets of the history, and those of them that came in the last days, most of which wait.
pub(super) const TICKETS: u64 = 150;
const RECENT_TICKETS: u64 = 36;
const RECENT_MS: i64 = 66 * HOUR_MS;
/// People who report: some report much, some report everything.
const REPORTERS: u64 = 46;
/// Those who judge, and the lead among them.
pub(super) const MODERATORS: [&str; 4] = ["mei", "tom", "lin", "ada"];
pub(super) const LEAD: &str = "yan";
/// Moderators come in the morning and leave late.
const OPENS_MS: i64 = 9 * HOUR_MS;
const CLOSES_MS: i64 = 22 * HOUR_MS;
/// Where the verdict of a ticket goes: most to the app's receiver, some to its second one, which was down for more than a
/// day, and a few to one that is there no more.
pub(super) const RECEIVERS: [&str; 3] = ["/callbacks", "/callbacks/eu", "/callbacks/archive"];
const REOPEN_REASONS: [&str; 5] = [
    "appeal: the user sent the whole conversation",
    "用户申诉,附完整聊天记录",
    "second opinion asked by support",
    "误判复核",
    "appeal 17",
];

/// A ticket.
pub(super) struct Case {
    pub(super) conversation: Conversation,
    pub(super) report_id: String,
    pub(super) uniqid: String,
    pub(super) receiver: &'static str,
}

/// What is done with a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Deed {
    File,
    /// Somebody else reports the same, with more of it.
    FileMore,
    Look,
    Claim,
    Release,
    /// As the script says, or as somebody in a hurry would say.
    Judge {
        hasty: bool,
    },
    Undo,
    Reopen(&'static str),
}

/// A deed, by whom and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Action {
    pub(super) at_ms: i64,
    pub(super) case: usize,
    pub(super) deed: Deed,
    pub(super) who: &'static str,
}

/// All tickets of the history, and all that is done with them, in order.
pub(super) fn cases(steps: &Steps) -> (Vec<Case>, Vec<Action>) {
    let mut draw = Draw::of(SEED, 0);
    let recent_ms = steps.ends_ms() - RECENT_MS;
    let old = |&&(from_ms, _): &&(i64, i64)| from_ms < recent_ms;
    let weight =
        |&(from_ms, to_ms): &(i64, i64)| CHATS.at(from_ms) * (to_ms - from_ms).unsigned_abs();
    let weights = steps.all().iter().filter(old).map(weight).sum();
    let mut shares = Shares::new(TICKETS - RECENT_TICKETS, weights);
    let mut times = Vec::new();
    for step in steps.all().iter().filter(old) {
        for _ in 0..shares.give(weight(step)) {
            times.push(draw.between(step.0, step.1 - 1));
        }
    }
    for _ in 0..RECENT_TICKETS {
        times.push(draw.between(recent_ms, steps.ends_ms() - 4 * MINUTE_MS));
    }
    times.sort_unstable();
    let (mut cases, mut actions) = (Vec::new(), Vec::new());
    for (number, filed_ms) in times.into_iter().enumerate() {
        let case = Case::of(number as u64, filed_ms, &mut draw);
        let mut plan = Plan {
            case: number,
            at_ms: filed_ms,
            ends_ms: steps.ends_ms(),
            actions: &mut actions,
        };
        plan.whole(&mut draw, filed_ms >= recent_ms);
        cases.push(case);
    }
    actions.sort_unstable();
    (cases, actions)
}

impl Case {
    fn of(number: u64, filed_ms: i64, draw: &mut Draw) -> Self {
        let words: &'static Words = if number % 5 < 3 {
            &chinese::WORDS
        } else {
            &english::WORDS
        };
        let of_language = if number % 5 < 3 {
            number / 5 * 3 + number % 5
        } else {
            number / 5 * 2 + number % 5 - 3
        };
        let conversation = Conversation::draw(words, of_language, draw);
        let mut reporter = draw.skewed(REPORTERS);
        if conversation.script.verdict == "normal" && draw.happens(550) {
            // A few report whatever they do not like.
            reporter = REPORTERS + draw.below(4);
        }
        let receiver = match draw.below(100) {
            0..=71 => RECEIVERS[0],
            72..=95 => RECEIVERS[1],
            _ => RECEIVERS[2],
        };
        Self {
            conversation,
            report_id: format!("{}-{number:03}", filed_ms / SECOND_MS),
            uniqid: format!("player-{:04}", 1_000 + reporter * 37),
            receiver,
        }
    }
}

/// Writes down what is done with one ticket.
struct Plan<'a> {
    case: usize,
    /// When the next deed is done.
    at_ms: i64,
    ends_ms: i64,
    actions: &'a mut Vec<Action>,
}

impl Plan<'_> {
    fn whole(&mut self, draw: &mut Draw, is_recent: bool) {
        self.add(Deed::File, LEAD);
        let filed_ms = self.at_ms;
        if draw.happens(130) {
            self.at_ms += draw.between(2, 9) * MINUTE_MS;
            self.add(Deed::FileMore, LEAD);
        }
        if is_recent && draw.happens(640) {
            return self.wait(draw, filed_ms);
        }
        let who = *draw.pick(&MODERATORS);
        self.at_ms = attended(filed_ms + 10 * MINUTE_MS + draw.wait(35 * MINUTE_MS), draw);
        if draw.happens(70) {
            let other = *draw.pick(&MODERATORS);
            self.add(Deed::Claim, other);
            self.at_ms += draw.between(20, 70) * SECOND_MS;
            self.add(Deed::Release, other);
            self.at_ms += draw.between(2, 20) * MINUTE_MS;
        }
        self.judge(draw, who, false);
        if draw.happens(70) {
            let away_ms = 3 * HOUR_MS + draw.wait(9 * HOUR_MS);
            self.at_ms = attended(self.at_ms + away_ms, draw);
            let reason = *draw.pick(&REOPEN_REASONS);
            self.add(Deed::Reopen(reason), LEAD);
            self.at_ms += draw.between(3, 40) * MINUTE_MS;
            let other = MODERATORS.iter().find(|other| **other != who);
            self.judge(draw, other.unwrap_or(&LEAD), true);
        }
    }

    /// Looks, claims, reads and judges; some think again at once.
    fn judge(&mut self, draw: &mut Draw, who: &'static str, is_again: bool) {
        self.add(Deed::Claim, who);
        self.at_ms += draw.between(1, 4) * SECOND_MS;
        self.add(Deed::Look, who);
        self.at_ms += 8 * SECOND_MS + draw.wait(50 * SECOND_MS);
        if !is_again && draw.happens(70) {
            self.add(Deed::Judge { hasty: true }, who);
            self.at_ms += draw.between(6, 40) * SECOND_MS;
            self.add(Deed::Undo, who);
            self.at_ms += draw.between(10, 60) * SECOND_MS;
        }
        self.add(Deed::Judge { hasty: is_again }, who);
        self.at_ms += MINUTE_MS;
    }

    /// Nobody has judged it; a few were looked at.
    fn wait(&mut self, draw: &mut Draw, filed_ms: i64) {
        if draw.happens(160) {
            let who = *draw.pick(&MODERATORS);
            self.at_ms = attended(filed_ms + 20 * MINUTE_MS, draw);
            self.add(Deed::Look, who);
            self.add(Deed::Claim, who);
            self.at_ms += draw.between(1, 5) * MINUTE_MS;
            self.add(Deed::Release, who);
        }
    }

    /// What lies ahead is not done.
    fn add(&mut self, deed: Deed, who: &'static str) {
        if self.at_ms < self.ends_ms {
            self.actions.push(Action {
                at_ms: self.at_ms,
                case: self.case,
                deed,
                who,
            });
        }
    }
}

/// When somebody is there: now, or in the morning.
fn attended(at_ms: i64, draw: &mut Draw) -> i64 {
    let of_day_ms = local(at_ms).rem_euclid(DAY_MS);
    let early = draw.wait(25 * MINUTE_MS);
    match of_day_ms {
        OPENS_MS..CLOSES_MS => at_ms,
        0..OPENS_MS => start_of(day(at_ms)) + OPENS_MS + early,
        _ => start_of(day(at_ms) + 1) + OPENS_MS + early,
    }
}

/// From when to when the second receiver was down: so long that what was judged first is given up.
pub(super) fn outage(steps: &Steps) -> (i64, i64) {
    let began_ms = start_of(day(steps.ends_ms()) - 8) + 10 * HOUR_MS;
    (began_ms, began_ms + 40 * HOUR_MS)
}

/// How many lines a first report tells: the last one comes with a second report.
pub(super) fn lines_at_first(conversation: &Conversation) -> usize {
    conversation.lines.len().saturating_sub(1).max(1)
}

/// The verdict on a ticket, and on its people.
pub(super) fn judgement(case: &Case, is_hasty: bool, draw: &mut Draw) -> serde_json::Value {
    let script = case.conversation.script;
    let verdict = match (is_hasty, script.verdict) {
        (false, verdict) => verdict,
        (true, "normal") => "other",
        (true, _) => "normal",
    };
    let faults = script.faults.iter().filter(|_| verdict != "normal");
    let users: serde_json::Map<String, serde_json::Value> = faults
        .map(|&(who, label)| {
            (
                format!("id_{}", case.conversation.people[who].id),
                label.into(),
            )
        })
        .collect();
    let note = draw
        .happens(360)
        .then(|| draw.pick(case.conversation.words.notes));
    serde_json::json!({"dialogue_result": verdict, "user_result": users, "note": note})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_ticket_is_filed_once_before_all_else_and_some_wait() {
        let steps = Steps::of_days(30, 1_795_341_600_000);
        let (cases, actions) = cases(&steps);
        assert_eq!(cases.len() as u64, TICKETS);
        assert!(actions.iter().all(|action| action.at_ms < steps.ends_ms()));
        let mut filed = vec![false; cases.len()];
        for action in &actions {
            match action.deed {
                Deed::File => assert!(!std::mem::replace(&mut filed[action.case], true)),
                _ => assert!(filed[action.case], "{action:?}"),
            }
        }
        assert!(filed.iter().all(|is_filed| *is_filed));
        let is_judged = |case| {
            actions
                .iter()
                .any(|action| action.case == case && matches!(action.deed, Deed::Judge { .. }))
        };
        let waiting = (0..cases.len()).filter(|case| !is_judged(*case)).count();
        assert!((15..40).contains(&waiting), "{waiting}");
        let texts: std::collections::HashSet<String> = cases
            .iter()
            .map(|case| {
                case.conversation
                    .lines
                    .iter()
                    .map(|line| line.2.as_str())
                    .collect()
            })
            .collect();
        assert!(texts.len() > 110, "{} are different", texts.len());
    }
}
