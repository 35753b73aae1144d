//! The command line of xtask: few commands, so it is read by hand.

use std::str::FromStr;

use crate::bench::cores::Cores;
use crate::bench::store::StoreKind;

/// What is told where a command line is wrong.
pub(crate) const USAGE: &str = "\
usage: cargo xtask test [FILTER]
           all that CI runs; FILTER goes to cargo test
       cargo xtask fuzz
           sends what docs/openapi.json allows, and what it does not, to a server; part of test
       cargo xtask openapi
           writes docs/openapi.json anew from the code
       cargo xtask pictures
           takes docs/pictures anew from the demo, in a real browser
       cargo xtask bench comm [--seconds 30] [--connections 64,256] [--history 2000000] [--store embedded|postgres] [--nodes 1]
           measures bot event reports; --history is the number of reports behind the larger series read; on PostgreSQL
           only what a report costs is measured, with as many nodes as asked
       cargo xtask bench push [--seconds 30] [--history 10000000] [--store embedded|postgres] [--part all|feeds|reads]
               [--cores free|awake]
           measures push reports: what a receipt costs, and what reports cost with --history receipts behind them (on
           PostgreSQL 3000000 by default) against a tenth, or a million where that is less; with --cores awake no core
           sleeps while stores are filled and read, as none does on a machine that has work to do: it takes the rights of
           root
       cargo xtask bench playback [--part all|burst|sustained|reads|size] [--store embedded|postgres] [--viewers 1000000]
               [--seconds 30] [--rate 10000] [--sustained-seconds 60] [--history 100000] [--pairs 1000000]
               [--cores free|awake]
           measures playback reports: burst, what a heartbeat costs, of --viewers; sustained, whether a server keeps up with
           --rate; reads, what a history of --history entries costs against one of 1000; size, what --pairs videos in
           histories take on disk
       cargo xtask bench dialogue [--seconds 20] [--store embedded|postgres] [--part all|intake|verdicts|tickets|crash]
               [--tickets 100000]
           measures dialogue reports: intake, what a report costs; verdicts, how soon a callback comes, and the most
           verdicts a second that are kept up; tickets, what tickets/next costs with --tickets stored against 1000; crash,
           what kill -9 loses and how soon callbacks go on
       cargo xtask bench console [--requests 200]
           measures the console on the demo's data: how soon the demo is ready, what each page costs, of so many requests,
           against the login page, and what the first page weighs";

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// All that CI runs.
    Test { filter: Option<String> },
    /// Fuzz the API from its document.
    Fuzz,
    /// Write the document of the API.
    Openapi,
    /// Take the pictures of the README anew.
    Pictures,
    /// Measure bot event reports.
    BenchComm(BenchComm),
    /// Measure playback reports.
    BenchPlayback(BenchPlayback),
    /// Measure push reports.
    BenchPush(BenchPush),
    /// Measure dialogue reports.
    BenchDialogue(BenchDialogue),
    /// Measure the pages of the console.
    BenchConsole(BenchConsole),
}

/// How to measure the pages of the console.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BenchConsole {
    /// Of each page.
    pub(crate) requests: u64,
}

impl Default for BenchConsole {
    fn default() -> Self {
        Self { requests: 200 }
    }
}

/// How to measure bot event reports.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BenchComm {
    /// For each number of connections and each way; half of it at a time.
    pub(crate) seconds: u64,
    pub(crate) connections: Vec<u64>,
    /// Reports behind the larger series read.
    pub(crate) history: u64,
    pub(crate) store: StoreKind,
    /// Servers on that store; more than one on PostgreSQL alone.
    pub(crate) nodes: u64,
}

impl Default for BenchComm {
    fn default() -> Self {
        Self {
            seconds: 30,
            connections: vec![64, 256],
            history: 2_000_000,
            store: StoreKind::Embedded,
            nodes: 1,
        }
    }
}

/// How to measure playback reports.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BenchPlayback {
    pub(crate) part: PlaybackPart,
    pub(crate) store: StoreKind,
    /// Viewers of a burst.
    pub(crate) viewers: u64,
    /// Of a burst, for each run and each way.
    pub(crate) seconds: u64,
    /// Heartbeats a second that are sustained, and for how long.
    pub(crate) rate: u64,
    pub(crate) sustained_seconds: u64,
    /// Entries of the longer history that is read.
    pub(crate) history: u64,
    /// Videos in histories, of all viewers together, whose size is measured.
    pub(crate) pairs: u64,
    /// While histories are made and read.
    pub(crate) cores: Cores,
}

/// What of it to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PlaybackPart {
    All,
    Burst,
    Sustained,
    Reads,
    Size,
}

impl Default for BenchPlayback {
    fn default() -> Self {
        Self {
            part: PlaybackPart::All,
            store: StoreKind::Embedded,
            viewers: 1_000_000,
            seconds: 30,
            rate: 10_000,
            sustained_seconds: 60,
            history: 100_000,
            pairs: 1_000_000,
            cores: Cores::Free,
        }
    }
}

/// How to measure push reports.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BenchPush {
    /// For each size of a request and each way; half of it at a time.
    pub(crate) seconds: u64,
    /// Receipts behind the larger store that is read; what fits the store where it is not given.
    pub(crate) history: Option<u64>,
    pub(crate) store: StoreKind,
    pub(crate) part: PushPart,
    /// While stores are filled and reports are read.
    pub(crate) cores: Cores,
}

/// What of it to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PushPart {
    All,
    Feeds,
    Reads,
}

impl Default for BenchPush {
    fn default() -> Self {
        Self {
            seconds: 30,
            history: None,
            store: StoreKind::Embedded,
            part: PushPart::All,
            cores: Cores::Free,
        }
    }
}

/// How to measure dialogue reports.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BenchDialogue {
    /// Of intake for each way, half of it at a time; of verdicts for each rate.
    pub(crate) seconds: u64,
    pub(crate) store: StoreKind,
    pub(crate) part: DialoguePart,
    /// Tickets of the larger store that is asked for the next.
    pub(crate) tickets: u64,
}

/// What of it to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DialoguePart {
    All,
    Intake,
    Verdicts,
    Tickets,
    Crash,
}

impl Default for BenchDialogue {
    fn default() -> Self {
        Self {
            seconds: 20,
            store: StoreKind::Embedded,
            part: DialoguePart::All,
            tickets: 100_000,
        }
    }
}

impl Command {
    /// Reads the words behind `cargo xtask`.
    pub(crate) fn parse(words: &[String]) -> Result<Self, String> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["test"] => Ok(Self::Test { filter: None }),
            ["test", filter] if !filter.starts_with('-') => Ok(Self::Test {
                filter: Some((*filter).to_owned()),
            }),
            ["test", word, ..] => Err(format!("test takes one filter and no flags, not «{word}»")),
            ["fuzz"] => Ok(Self::Fuzz),
            ["openapi"] => Ok(Self::Openapi),
            ["pictures"] => Ok(Self::Pictures),
            [word @ ("fuzz" | "openapi" | "pictures"), ..] => {
                Err(format!("{word} takes nothing more"))
            }
            ["bench", "comm", flags @ ..] => BenchComm::parse(flags).map(Self::BenchComm),
            ["bench", "playback", flags @ ..] => {
                BenchPlayback::parse(flags).map(Self::BenchPlayback)
            }
            ["bench", "push", flags @ ..] => BenchPush::parse(flags).map(Self::BenchPush),
            ["bench", "dialogue", flags @ ..] => {
                BenchDialogue::parse(flags).map(Self::BenchDialogue)
            }
            ["bench", "console", flags @ ..] => BenchConsole::parse(flags).map(Self::BenchConsole),
            ["bench", ..] => {
                Err("bench: expected comm, playback, push, dialogue or console".to_owned())
            }
            [] => Err("expected a command".to_owned()),
            [word, ..] => Err(format!("there is no command «{word}»")),
        }
    }
}

impl BenchComm {
    fn parse(flags: &[&str]) -> Result<Self, String> {
        let mut options = Self::default();
        for (flag, value) in pairs(flags)? {
            match flag {
                "--seconds" => options.seconds = number(flag, value, 2)?,
                "--nodes" => options.nodes = number(flag, value, 1)?,
                "--store" => options.store = store(flag, value)?,
                "--history" => options.history = number(flag, value, 1)?,
                "--connections" => {
                    let each = value.split(',').map(|part| number(flag, part, 1));
                    options.connections = each.collect::<Result<_, _>>()?;
                }
                _ => return Err(format!("bench comm has no flag «{flag}»")),
            }
        }
        if options.nodes > 1 && options.store == StoreKind::Embedded {
            return Err("--nodes: the embedded store has one".to_owned());
        }
        Ok(options)
    }
}

impl BenchPlayback {
    fn parse(flags: &[&str]) -> Result<Self, String> {
        let mut options = Self::default();
        for (flag, value) in pairs(flags)? {
            match flag {
                "--store" => options.store = store(flag, value)?,
                "--viewers" => options.viewers = number(flag, value, 1)?,
                "--seconds" => options.seconds = number(flag, value, 1)?,
                "--rate" => options.rate = number(flag, value, 1)?,
                "--sustained-seconds" => options.sustained_seconds = number(flag, value, 1)?,
                "--history" => options.history = number(flag, value, LEAST_ENTRIES)?,
                "--pairs" => options.pairs = number(flag, value, 1)?,
                "--cores" => options.cores = cores(flag, value)?,
                "--part" => {
                    options.part = match value {
                        "all" => PlaybackPart::All,
                        "burst" => PlaybackPart::Burst,
                        "sustained" => PlaybackPart::Sustained,
                        "reads" => PlaybackPart::Reads,
                        "size" => PlaybackPart::Size,
                        _ => {
                            return Err(format!(
                                "{flag} {value}: expected all, burst, sustained, reads or size"
                            ));
                        }
                    }
                }
                _ => return Err(format!("bench playback has no flag «{flag}»")),
            }
        }
        Ok(options)
    }
}

impl BenchPush {
    fn parse(flags: &[&str]) -> Result<Self, String> {
        let mut options = Self::default();
        for (flag, value) in pairs(flags)? {
            match flag {
                "--seconds" => options.seconds = number(flag, value, 2)?,
                "--store" => options.store = store(flag, value)?,
                "--history" => options.history = Some(number(flag, value, LEAST_HISTORY)?),
                "--cores" => options.cores = cores(flag, value)?,
                "--part" => {
                    options.part = match value {
                        "all" => PushPart::All,
                        "feeds" => PushPart::Feeds,
                        "reads" => PushPart::Reads,
                        _ => return Err(format!("{flag} {value}: expected all, feeds or reads")),
                    }
                }
                _ => return Err(format!("bench push has no flag «{flag}»")),
            }
        }
        Ok(options)
    }
}

/// As many as the shorter history has.
const LEAST_ENTRIES: u64 = 1_000;
impl BenchDialogue {
    fn parse(flags: &[&str]) -> Result<Self, String> {
        let mut options = Self::default();
        for (flag, value) in pairs(flags)? {
            match flag {
                "--seconds" => options.seconds = number(flag, value, 2)?,
                "--store" => options.store = store(flag, value)?,
                "--tickets" => options.tickets = number(flag, value, FEW_TICKETS)?,
                "--part" => options.part = dialogue_part(flag, value)?,
                _ => return Err(format!("bench dialogue has no flag «{flag}»")),
            }
        }
        Ok(options)
    }
}

impl BenchConsole {
    fn parse(flags: &[&str]) -> Result<Self, String> {
        let mut options = Self::default();
        for (flag, value) in pairs(flags)? {
            match flag {
                "--requests" => options.requests = number(flag, value, 1)?,
                _ => return Err(format!("bench console has no flag «{flag}»")),
            }
        }
        Ok(options)
    }
}

fn dialogue_part(flag: &str, text: &str) -> Result<DialoguePart, String> {
    Ok(match text {
        "all" => DialoguePart::All,
        "intake" => DialoguePart::Intake,
        "verdicts" => DialoguePart::Verdicts,
        "tickets" => DialoguePart::Tickets,
        "crash" => DialoguePart::Crash,
        _ => {
            return Err(format!(
                "{flag} {text}: expected all, intake, verdicts, tickets or crash"
            ));
        }
    })
}

/// Tickets of the smaller store.
pub(crate) const FEW_TICKETS: u64 = 1_000;

/// A device for each of 200 tasks in a tenth of it.
const LEAST_HISTORY: u64 = 2_000;

/// Flags with their values.
fn pairs<'a>(words: &[&'a str]) -> Result<Vec<(&'a str, &'a str)>, String> {
    let pair = |words: &[&'a str]| match *words {
        [flag, value] => Ok((flag, value)),
        _ => Err(format!("«{}»: expected a flag and its value", words[0])),
    };
    words.chunks(2).map(pair).collect()
}

fn store(flag: &str, text: &str) -> Result<StoreKind, String> {
    match text {
        "embedded" => Ok(StoreKind::Embedded),
        "postgres" => Ok(StoreKind::Postgres),
        _ => Err(format!("{flag} {text}: expected embedded or postgres")),
    }
}

fn cores(flag: &str, text: &str) -> Result<Cores, String> {
    match text {
        "free" => Ok(Cores::Free),
        "awake" => Ok(Cores::Awake),
        _ => Err(format!("{flag} {text}: expected free or awake")),
    }
}

fn number(flag: &str, text: &str, least: u64) -> Result<u64, String> {
    u64::from_str(text)
        .ok()
        .filter(|&value| value >= least)
        .ok_or_else(|| format!("{flag} {text}: expected a whole number from {least} on"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Command::parse(&words)
    }

    #[test]
    fn commands_are_read() {
        let filter = Some("kill".to_owned());
        assert_eq!(parse("test"), Ok(Command::Test { filter: None }));
        assert_eq!(parse("test kill"), Ok(Command::Test { filter }));
        let asked = BenchComm {
            seconds: 6,
            connections: vec![8, 16],
            ..BenchComm::default()
        };
        assert_eq!(
            parse("bench comm --connections 8,16 --seconds 6"),
            Ok(Command::BenchComm(asked))
        );
        let asked = BenchPlayback {
            part: PlaybackPart::Reads,
            history: 2_000,
            ..BenchPlayback::default()
        };
        assert_eq!(
            parse("bench playback --history 2000 --part reads"),
            Ok(Command::BenchPlayback(asked))
        );
        let asked = BenchDialogue {
            seconds: 4,
            part: DialoguePart::Crash,
            ..BenchDialogue::default()
        };
        assert_eq!(
            parse("bench dialogue --seconds 4 --part crash"),
            Ok(Command::BenchDialogue(asked))
        );
        assert_eq!(
            parse("bench console --requests 50"),
            Ok(Command::BenchConsole(BenchConsole { requests: 50 }))
        );
        let asked = BenchPush {
            history: Some(100_000_000),
            store: StoreKind::Postgres,
            part: PushPart::Reads,
            cores: Cores::Awake,
            ..BenchPush::default()
        };
        assert_eq!(
            parse("bench push --history 100000000 --store postgres --part reads --cores awake"),
            Ok(Command::BenchPush(asked))
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (line, named) in [
            ("", "expected a command"),
            ("tset", "«tset»"),
            ("test --all", "«--all»"),
            ("openapi docs", "takes nothing"),
            ("bench", "comm"),
            ("bench comm --second 3", "«--second»"),
            ("bench comm --seconds", "«--seconds»"),
            ("bench comm --seconds 1", "from 2 on"),
            ("bench comm --connections 4,", "--connections"),
            ("bench playback --part fold", "--part fold"),
            ("bench playback --history 999", "from 1000 on"),
            ("bench push --history 1999", "from 2000 on"),
            ("bench push --part half", "--part half"),
            ("bench push --nodes 2", "«--nodes»"),
            ("bench push --cores asleep", "free or awake"),
            ("bench console --requests 0", "from 1 on"),
            ("bench console --part reads", "«--part»"),
            ("bench dialogue --part reads", "--part reads"),
            ("bench dialogue --tickets 999", "from 1000 on"),
        ] {
            let problem = parse(line).unwrap_err();
            assert!(problem.contains(named), "{line}: {problem}");
        }
    }
}
