//! `cargo xtask test`: all that CI runs, in order. The first step that fails ends it.

use std::time::Duration;

use anyhow::{Context, bail};
use reportd_testbed::{Options, Postgres, URL_VARIABLE};

use crate::clock::Stopwatch;
use crate::text_table::text_table;
use crate::{fuzz, rooms, tools};

/// Private items are documented too, so links to them are no fault.
const DOC_FLAGS: &str = "-D warnings -A rustdoc::private-intra-doc-links";

/// What is left out of a usual build, because it costs too much of it, is linted and tested all the same. The binary of
/// step «the binary» is without.
const FEATURES: &str = "--features=reportd/parquet";

/// A step, and how it is done.
struct Step {
    name: &'static str,
    work: Work,
}

enum Work {
    /// Done here.
    Here(fn() -> anyhow::Result<()>),
    /// A cargo command, with variables of the environment.
    Cargo(Vec<String>, &'static [(&'static str, &'static str)]),
    /// A cargo command with a PostgreSQL beside it.
    CargoBesidePostgres(Vec<String>),
}

/// Runs all steps; `filter` goes to `cargo test`.
pub(crate) fn run(filter: Option<&str>) -> anyhow::Result<()> {
    std::env::set_current_dir(rooms::workspace_root())
        .context("the workspace cannot be entered")?;
    let steps = steps(filter);
    let mut took = Vec::new();
    for (number, step) in (1..).zip(&steps) {
        println!("[{number}/{}] {}", steps.len(), step.name);
        let watch = Stopwatch::start();
        step.work
            .run()
            .with_context(|| format!("step {number}, {}, failed", step.name))?;
        println!(
            "[{number}/{}] well, {}",
            steps.len(),
            seconds(watch.elapsed())
        );
        took.push((step.name, watch.elapsed()));
    }
    println!("\n{}\n\nAll steps went well.", summary(&took));
    Ok(())
}

fn steps(filter: Option<&str>) -> Vec<Step> {
    let cargo = |line: &str, environment| {
        let words = line.split(' ').map(str::to_owned).collect();
        Work::Cargo(words, environment)
    };
    let lint = format!("clippy --workspace --all-targets {FEATURES} -- -D warnings");
    let test = [Some("test"), Some("--workspace"), Some(FEATURES), filter];
    let test = test.into_iter().flatten().map(str::to_owned).collect();
    let step = |name, work| Step { name, work };
    let mut steps = vec![
        step(
            "tools that the tests need",
            Work::Here(tools::install_missing),
        ),
        step("format", cargo("fmt --all --check", &[])),
        step("lints", cargo(&lint, &[])),
        step(
            "documentation",
            cargo(
                "doc --workspace --no-deps --document-private-items",
                &[("RUSTDOCFLAGS", DOC_FLAGS)],
            ),
        ),
        step("rooms and floors", Work::Here(rooms::check_workspace)),
        step("the binary", cargo("build -p reportd", &[])),
        step("tests", Work::CargoBesidePostgres(test)),
    ];
    if filter.is_none() {
        steps.push(step("fuzz from the document", Work::Here(fuzz::run)));
    }
    steps
}

impl Work {
    fn run(&self) -> anyhow::Result<()> {
        match self {
            Self::Here(work) => work(),
            Self::Cargo(words, environment) => cargo(words, environment),
            Self::CargoBesidePostgres(words) => beside_postgres(words),
        }
    }
}

fn cargo(words: &[String], environment: &[(&str, &str)]) -> anyhow::Result<()> {
    let status = crate::cargo::cargo()
        .args(words)
        .envs(environment.iter().copied())
        .status()
        .context("cargo cannot be started")?;
    if !status.success() {
        bail!("cargo {}: {status}", words.join(" "));
    }
    Ok(())
}

/// On the server that the environment names, or on one that is started for it and ended behind it. That one does not
/// sync: no test cuts the power.
fn beside_postgres(words: &[String]) -> anyhow::Result<()> {
    if std::env::var_os(URL_VARIABLE).is_some() {
        return cargo(words, &[]);
    }
    let server = Postgres::start(Options::default())?;
    cargo(words, &[(URL_VARIABLE, &server.url())])
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}

fn summary(took: &[(&str, Duration)]) -> String {
    let total = took.iter().map(|(_, each)| *each).sum();
    let rows = took.iter().copied().chain([("all", total)]);
    let rows: Vec<Vec<String>> = rows
        .map(|(name, each)| vec![name.to_owned(), seconds(each)])
        .collect();
    text_table(&rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_goes_to_the_tests_alone() {
        let with_filter = |step: &Step| match &step.work {
            Work::Cargo(words, _) | Work::CargoBesidePostgres(words) => {
                words.iter().any(|word| word == "kill")
            }
            Work::Here(_) => false,
        };
        let steps = steps(Some("kill"));
        let names: Vec<_> = steps
            .iter()
            .filter(|step| with_filter(step))
            .map(|step| step.name)
            .collect();
        assert_eq!(names, ["tests"]);
    }
}
