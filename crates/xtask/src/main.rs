//! The one entry for developers and CI: `cargo xtask test`, and parts of it; `cargo xtask bench`.

mod bench;
mod cargo;
mod clock;
mod command;
mod document;
mod fuzz;
mod rooms;
mod steps;
mod text_table;
mod tools;

use std::process::ExitCode;

use crate::command::{Command, USAGE};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let command = match Command::parse(&words) {
        Ok(command) => command,
        Err(problem) => {
            eprintln!("xtask: {problem}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let ran = match command {
        Command::Test { filter } => steps::run(filter.as_deref()),
        Command::Fuzz => fuzz::run(),
        Command::Openapi => document::write(),
        Command::Pictures => steps::take_pictures(),
        Command::BenchComm(options) => bench::comm(&options),
        Command::BenchPlayback(options) => bench::playback(&options),
        Command::BenchPush(options) => bench::push(&options),
        Command::BenchConsole(options) => bench::console(&options),
        Command::BenchDialogue(options) => bench::dialogue(&options),
    };
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
