//! `reportd user`: people of the console. They work on the store, while a server runs on it or not.

use std::io::{BufRead, IsTerminal, Read};

use anyhow::{Context, bail};
use reportd_db::Database;
use reportd_platform::access::Role;
use reportd_platform::clock::{Clock, SystemClock};
use reportd_platform::people::{
    HashedPassword, Limits, ListedPerson, PeopleError, count_people, create_person, disable_person,
    draw_password, enable_person, list_people, set_password,
};
use reportd_platform::random::SystemRandom;
use reportd_platform::secret::Secret;
use serde_json::json;

use crate::cli::User;
use crate::output::print_line;
use crate::settings::Settings;
use crate::stores::Stores;
use crate::text_table::text_table;

/// The name of the person whom the first start makes.
pub(crate) const FIRST_PERSON: &str = "admin";
/// No password is longer, in bytes.
const MOST_LINE_BYTES: u64 = 4096;

/// Runs a command on people.
pub(crate) fn run(settings: &Settings, command: User) -> anyhow::Result<()> {
    let state = Stores::existing(settings)?.state()?;
    let now_ms = SystemClock::start().now_ms();
    match command {
        User::Create {
            name,
            role,
            app,
            category,
        } => {
            let limits = Limits {
                role,
                app_ids: &app,
                categories: &category,
            };
            let password = HashedPassword::of(&read_password()?, &SystemRandom)?;
            state.try_write(|tx| create_person(tx, &name, limits, &password, false, now_ms))?;
            print_line(format_args!("{name} may log in, as {role}"))
        }
        User::List { json } => list(&state, json),
        User::Passwd { name } => {
            let password = HashedPassword::of(&read_password()?, &SystemRandom)?;
            state.try_write(|tx| set_password(tx, &name, &password, false))?;
            print_line(format_args!(
                "{name} has a new password; sessions with the old one have ended"
            ))
        }
        User::Disable { name } => {
            state.try_write(|tx| disable_person(tx, &name, now_ms))?;
            print_line(format_args!("{name} is disabled"))
        }
        User::Enable { name } => {
            state.try_write(|tx| enable_person(tx, &name))?;
            print_line(format_args!("{name} may log in again"))
        }
    }
}

/// A password from the terminal, twice and unseen, or the first line of stdin.
fn read_password() -> anyhow::Result<Secret> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        let ask = |prompt| rpassword::prompt_password(prompt).context("the password");
        let password = Secret::new(ask("Password: ")?);
        if password != Secret::new(ask("Again: ")?) {
            bail!("the two passwords differ");
        }
        return Ok(password);
    }
    let mut line = String::new();
    let read = stdin.lock().take(MOST_LINE_BYTES).read_line(&mut line);
    read.context("the password on stdin")?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        bail!("expected the password on stdin, in a line");
    }
    Ok(Secret::new(password))
}

fn list(state: &Database, as_json: bool) -> anyhow::Result<()> {
    let people = state.read(list_people)?;
    if as_json {
        return print_line(json!({"users": people.iter().map(person_json).collect::<Vec<_>>()}));
    }
    let rows: Vec<_> = people.iter().map(person_row).collect();
    let head = ["user", "role", "apps", "categories", "state"];
    print_line(text_table(head, &rows))
}

fn person_json(listed: &ListedPerson) -> serde_json::Value {
    json!({
        "name": listed.principal.name, "role": listed.principal.role.name(), "app_ids": listed.app_ids,
        "categories": listed.principal.categories, "must_change": listed.must_change,
        "created_at": listed.created_at_ms, "disabled_at": listed.disabled_at_ms,
    })
}

fn person_row(listed: &ListedPerson) -> [String; 5] {
    let state = match (listed.disabled_at_ms, listed.must_change) {
        (Some(_), _) => "disabled",
        (None, true) => "must change the password",
        (None, false) => "in force",
    };
    let names =
        |all: Option<&Vec<String>>| all.map_or_else(|| "all".to_owned(), |all| all.join(", "));
    [
        listed.principal.name.clone(),
        listed.principal.role.name().to_owned(),
        names(listed.app_ids.as_ref()),
        names(listed.principal.categories.as_ref()),
        state.to_owned(),
    ]
}

/// Makes a person who may do everything, where there is nobody yet; returns the password, which is for one login.
pub(crate) async fn first_person(state: &Database) -> anyhow::Result<Option<Secret>> {
    let state = state.clone();
    let made = tokio::task::spawn_blocking(move || {
        if state.read(count_people)? > 0 {
            return Ok(None);
        }
        let password = draw_password(&SystemRandom)?;
        let hash = HashedPassword::of(&password, &SystemRandom)?;
        let everything = Limits {
            role: Role::Admin,
            app_ids: &[],
            categories: &[],
        };
        let now_ms = SystemClock::start().now_ms();
        let made =
            state.try_write(|tx| create_person(tx, FIRST_PERSON, everything, &hash, true, now_ms));
        match made {
            Ok(()) => Ok(Some(password)),
            // Another node was quicker, and has told.
            Err(PeopleError::Exists(_)) => Ok(None),
            Err(error) => Err(error),
        }
    });
    Ok(made.await??)
}
