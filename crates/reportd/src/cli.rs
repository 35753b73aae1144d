//! The command line (spec operating, Commands).

mod load;

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use reportd_platform::access::Role;
use reportd_platform::secret::Secret;
use reportd_platform::zones::{day_text, parse_day};

pub(crate) use self::load::{
    Load, LoadComm, LoadDialogue, LoadPlayback, LoadPush, LoadRun, PlaybackRead, PushFeed,
    PushReport,
};

/// One server for the reports of an app.
#[derive(Debug, Parser)]
#[command(name = "reportd", version, about)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    /// Folder of the embedded store
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// PostgreSQL in place of the embedded store, for one node or many
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) database_url: Option<Secret>,
    /// Settings file
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server
    Serve(Serve),
    /// Run the server with a sample app, 30 days of history and live traffic
    Demo(Demo),
    /// Apps and their credentials
    #[command(subcommand)]
    App(App),
    /// API keys
    #[command(subcommand)]
    Key(Key),
    /// People who may use the console
    #[command(subcommand)]
    User(User),
    /// Login sessions of viewers, for playback reports
    #[command(subcommand)]
    Viewer(Viewer),
    /// How the server and its store stand
    Status {
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Fold the journal into a second store of views and print each difference; exit code 1 if there is one
    Verify,
    /// Fold the journal into fresh views and serve them, while servers run or not
    Rebuild,
    /// Write raw reports to a file or to stdout, while a server runs or not
    #[command(subcommand)]
    Export(Export),
    /// Bring the embedded store to a PostgreSQL database, while no server runs
    #[command(
        long_about = "Bring the embedded store to an empty PostgreSQL database, while no server runs, and verify what came \
        there. The embedded store stays as it is. A run that was interrupted, however that came, is repeated, and goes on \
        where it was; until it has come to its end, no server starts on the database."
    )]
    Migrate {
        /// The database, postgres://…
        #[arg(long, value_name = "URL")]
        to: Secret,
    },
    /// Copy the store into one file, while a server runs or not
    Backup(Backup),
    /// Make the store of a backup in a data folder that holds none
    Restore {
        /// The backup
        file: PathBuf,
        /// The file `erasures` of the store that was backed up: viewers who were erased since are erased again. By
        /// default that of the data folder, or of the one that is configured without --data
        #[arg(long, value_name = "FILE")]
        erasures: Option<PathBuf>,
    },
    /// Seal all stored secrets anew with a new master key, while a server runs or not
    #[command(
        long_about = "Seal all stored secrets anew with a new master key, while a server runs or not.\n\n\
        A key in the key file is replaced by one that is drawn. Where the key comes from REPORTD_MASTER_KEY, give the new \
        one in REPORTD_NEW_MASTER_KEY, to the servers too, before this is run: they open secrets of both then. A run that \
        was interrupted can be repeated."
    )]
    RotateMasterKey,
    /// The OpenAPI document of all that a server serves
    #[command(hide = true)]
    Openapi,
    /// The settings that hold, and where each comes from
    Config,
    /// Send generated reports to a server and measure
    #[command(subcommand)]
    Load(Load),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Serve {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<String>,
    /// Acknowledge reports and throw them away: to measure what storing costs
    #[arg(long, hide = true)]
    pub(crate) discard: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Demo {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Export {
    /// Bot event reports that count, oldest first
    Comm(ExportReports),
    /// Playback reports as they were accepted, oldest first
    Playback(ExportReports),
    /// Push events and receipts as they were fed, oldest first
    Push(ExportReports),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ExportReports {
    /// The app
    #[arg(long, value_name = "ID")]
    pub(crate) app: String,
    /// First day, in the app's zone, such as 2026-11-21
    #[arg(long, value_name = "DAY", value_parser = parse_day)]
    pub(crate) from: i64,
    /// Last day, which is in it
    #[arg(long, value_name = "DAY", value_parser = parse_day)]
    pub(crate) to: i64,
    /// How it is written
    #[arg(long, value_enum)]
    pub(crate) format: Format,
    /// The file to make, or to replace when all is written; without it, stdout
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

impl ExportReports {
    /// Ends the program, as for any other misuse, where the days are in the wrong order.
    pub(crate) fn checked(self) -> Self {
        if self.from > self.to {
            let (from, to) = (day_text(self.from), day_text(self.to));
            let message = format!("--from {from} is after --to {to}");
            Cli::command()
                .error(ErrorKind::ValueValidation, message)
                .exit()
        }
        self
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One JSON object a line
    Ndjson,
    /// A line of names, then a line each, by RFC 4180
    Csv,
    /// Columns for analytical databases; only where it was built in
    Parquet,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Backup {
    /// The file to make: a tar, compressed by zstd
    pub(crate) file: PathBuf,
    /// Put the master key into it: who has the file can open the secrets then
    #[arg(long)]
    pub(crate) with_key: bool,
    /// Replace a file that is there
    #[arg(long)]
    pub(crate) force: bool,
}

/// Secrets that the operator brings.
#[derive(Debug, Clone, Args)]
pub(crate) struct Given {
    /// Token of bot event reports
    #[arg(long)]
    pub(crate) comm_token: Option<Secret>,
    /// Public half of the push credentials
    #[arg(long)]
    pub(crate) appkey: Option<Secret>,
    /// Secret half of the push credentials
    #[arg(long)]
    pub(crate) master_secret: Option<Secret>,
    /// Key of dialogue reports: text as it is, or with hex: or base64: in front
    #[arg(long)]
    pub(crate) aes_key: Option<Secret>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum App {
    /// Create an app and print its credentials, once
    Create {
        /// 1 to 64 characters of A-Z, a-z, 0-9, _ and -
        id: String,
        /// Name for people
        #[arg(long, default_value = "")]
        name: String,
        /// Time zone of its days, fixed once there are reports
        #[arg(long, default_value = reportd_platform::apps::DEFAULT_ZONE)]
        zone: String,
        #[command(flatten)]
        given: Given,
        /// Cipher of dialogue reports, such as aes-128-cbc
        #[arg(long)]
        aes_mode: Option<String>,
        /// Its initialisation vector: prepended, zero, key, or 32 hexadecimal digits
        #[arg(long)]
        aes_iv: Option<String>,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// All apps
    List {
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// One app and its settings
    Show {
        /// The app
        id: String,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Change the name, the zone or settings of an app
    Set {
        /// The app
        id: String,
        /// Such as name=Bots or comm.max_age=48h
        #[arg(required = true, value_name = "KEY=VALUE", value_parser = parse_pair)]
        changes: Vec<(String, String)>,
    },
    /// Replace credentials and print the new ones, once
    Rotate {
        /// The app
        id: String,
        /// How long the old ones still work
        #[arg(long, default_value = "24h")]
        grace: String,
        /// Only these: comm_token, appkey, master_secret, aes_key, callback_secret (without: all but the appkey)
        #[arg(long, value_name = "KIND")]
        only: Vec<String>,
        #[command(flatten)]
        given: Given,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Refuse all credentials of an app
    Disable {
        /// The app
        id: String,
    },
    /// Take the credentials of an app again
    Enable {
        /// The app
        id: String,
    },
}

fn parse_pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}

#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Create an API key and print it, once
    Create {
        /// Its name in lists and records
        name: String,
        /// ingest, viewer, moderator, lead or admin
        #[arg(long)]
        role: Role,
        /// The only app that it may touch
        #[arg(long, value_name = "ID")]
        app: Option<String>,
        /// A category of that app's tickets, of several the only ones that a moderator may touch
        #[arg(long, value_name = "CATEGORY")]
        category: Vec<String>,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// All keys
    List {
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Refuse a key from now on
    Revoke {
        /// Its name
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum User {
    /// Let a person use the console; the password is asked for, or is the first line of stdin
    Create {
        /// Its name, to log in with and in records
        name: String,
        /// viewer, moderator, lead or admin
        #[arg(long)]
        role: Role,
        /// An app, of several the only ones that the person may touch
        #[arg(long, value_name = "ID")]
        app: Vec<String>,
        /// A category of those apps' tickets, of several the only ones that a moderator may touch
        #[arg(long, value_name = "CATEGORY")]
        category: Vec<String>,
    },
    /// All people
    List {
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Give a person a new password and end its sessions; it is asked for, or is the first line of stdin
    Passwd {
        /// The person
        name: String,
    },
    /// Refuse a person from now on
    Disable {
        /// The person
        name: String,
    },
    /// Let a disabled person in again
    Enable {
        /// The person
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Viewer {
    /// Issue a session to a viewer and print its secrets, once
    Create {
        /// The app
        app: String,
        /// The viewer: a whole number from 1 on
        #[arg(value_parser = clap::value_parser!(i64).range(1..))]
        mid: i64,
        /// How long it lives, such as 30d; without it, as long as playback.session_life says
        #[arg(long, value_name = "TIME")]
        life: Option<String>,
        /// Its name in lists
        #[arg(long, value_name = "TEXT")]
        label: Option<String>,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_show_in_debug_output() {
        for arguments in [
            &[
                "reportd",
                "app",
                "create",
                "a",
                "--comm-token",
                "hush",
                "--aes-key",
                "hush",
            ][..],
            &[
                "reportd",
                "app",
                "rotate",
                "a",
                "--master-secret",
                "hush",
                "--appkey",
                "hush",
            ],
            &["reportd", "load", "comm", "--token", "hush"],
            &["reportd", "load", "push", "--app", "a", "--key", "hush"],
            &[
                "reportd",
                "load",
                "playback",
                "--session-key-secret",
                "hush",
            ],
            &[
                "reportd",
                "load",
                "playback",
                "--sessdata",
                "hush",
                "--csrf",
                "hush",
            ],
            &[
                "reportd",
                "load",
                "dialogue",
                "--app",
                "a",
                "--aes-key",
                "hush",
                "--key",
                "hush",
            ],
            &["reportd", "migrate", "--to", "postgres://u:hush@h/d"],
            &[
                "reportd",
                "config",
                "--database-url",
                "postgres://u:hush@h/d",
            ],
        ] {
            let shown = format!("{:?}", Cli::try_parse_from(arguments).unwrap());
            assert!(!shown.contains("hush"), "{shown}");
        }
    }
}
