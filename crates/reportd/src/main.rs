//! The binary of reportd: commands and their settings, and the wiring of a server.

mod api;
mod app_commands;
mod apps;
mod archive;
mod backup;
mod cli;
mod control;
mod copy_store;
mod data_folder;
mod demo;
mod export;
mod health;
mod key_commands;
mod keys;
mod kinds;
mod load;
mod logging;
mod master_key;
mod migrate;
mod migration;
mod openapi;
mod output;
mod progress;
mod rebuild;
mod refold;
mod restore;
mod retention;
mod running;
mod serve;
mod served;
mod server;
mod settings;
mod status;
mod stores;
mod surface;
mod text_table;
mod traffic;
mod user_commands;
mod verify;
mod viewer_commands;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command, Common};
use crate::data_folder::DataFolder;
use crate::output::{ReaderGone, print_line};
use crate::settings::Layers;
use crate::text_table::text_table;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Exit code of a program that SIGPIPE ended, as shells know it.
const READER_GONE: u8 = 141;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<ReaderGone>() => ExitCode::from(READER_GONE),
        Err(error) => {
            // Where nobody reads this either, the exit code tells.
            let _ = writeln!(std::io::stderr(), "reportd: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    let layers = layers(&cli, cli.common.data.as_deref())?;
    let settings = layers.settings()?;
    let configured = configured_erasures(&cli)?;
    match cli.command {
        Command::Openapi => print_line(openapi::text()?.trim_end()),
        Command::Config => print_line(text_table(["setting", "value", "from"], &layers.rows())),
        Command::App(command) => app_commands::run(&settings, command),
        Command::Verify => block_on(verify::run(&settings)),
        Command::Rebuild => block_on(rebuild::run(&settings)),
        Command::Export(asked) => block_on(export::export(&settings, asked)),
        Command::Migrate { to } => block_on(migrate::run(&settings, to)),
        Command::Backup(asked) => block_on(backup::backup(&settings, asked)),
        Command::Restore { file, erasures } => {
            block_on(restore::restore(&settings, &file, erasures.or(configured)))
        }
        Command::RotateMasterKey => master_key::rotate(&settings),
        Command::Key(command) => key_commands::run(&settings, command),
        Command::User(command) => user_commands::run(&settings, command),
        Command::Viewer(command) => viewer_commands::run(&settings, command),
        Command::Status { json } => block_on(status::print_status(&settings, json)),
        Command::Serve(flags) => block_on(serve::serve(&settings, flags.discard)),
        Command::Demo(_) => block_on(demo::demo(&settings, !layers.is_default("data"))),
        Command::Load(asked) => block_on(load::load(asked)),
    }
}

/// The file of erasures of the data folder that is configured, whatever `--data` says: a restore goes into another one.
fn configured_erasures(cli: &Cli) -> anyhow::Result<Option<PathBuf>> {
    if !matches!(cli.command, Command::Restore { .. }) {
        return Ok(None);
    }
    let settings = layers(cli, None)?.settings()?;
    let file = DataFolder::at(&settings.data).erasures();
    Ok(Some(file).filter(|file| file.is_file()))
}

fn layers(cli: &Cli, data: Option<&Path>) -> anyhow::Result<Layers> {
    let Common {
        database_url,
        config,
        ..
    } = &cli.common;
    let listen = match &cli.command {
        Command::Serve(flags) => flags.listen.clone(),
        Command::Demo(flags) => flags.listen.clone(),
        _ => None,
    };
    let data = data.map(|path| path.display().to_string());
    let database_url = database_url.as_ref().map(|url| url.reveal().to_owned());
    let flags = [
        ("listen", "--listen", listen),
        ("data", "--data", data),
        ("database_url", "--database-url", database_url),
    ];
    let flags = flags
        .into_iter()
        .filter_map(|(name, flag, text)| Some((name, flag, text?)))
        .collect();
    Layers::load(config.as_deref(), std::env::vars(), flags)
}

/// Runs a command that waits for input and output.
fn block_on(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(work)
}
