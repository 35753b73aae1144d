//! `reportd key`: API keys. They work on the store, while a server runs on it or not.

use anyhow::bail;
use reportd_platform::access::{NewKey, create_limited_key, list_keys, revoke_key};
use reportd_platform::clock::{Clock, SystemClock};
use reportd_platform::random::SystemRandom;
use serde_json::json;

use crate::cli::Key;
use crate::keys::{IssuedKey, ShownKey};
use crate::output::print_line;
use crate::settings::Settings;
use crate::stores::Stores;
use crate::text_table::text_table;

/// Runs a command on keys.
pub(crate) fn run(settings: &Settings, command: Key) -> anyhow::Result<()> {
    let state = Stores::existing(settings)?.state()?;
    let now_ms = SystemClock::start().now_ms();
    match command {
        Key::Create {
            name,
            role,
            app,
            category,
            json,
        } => {
            let new = NewKey {
                name: &name,
                role,
                app_id: app.as_deref(),
                categories: &category,
            };
            let key = state.try_write(|tx| create_limited_key(tx, &new, &SystemRandom, now_ms))?;
            if json {
                print_line(serde_json::to_value(IssuedKey::new(&new, &key))?)
            } else {
                let key = key.reveal();
                print_line(format_args!("{key}\n\nKeep it: it is not shown again."))
            }
        }
        Key::List { json } => {
            let keys = state.read(list_keys)?.into_iter();
            let keys: Vec<_> = keys.map(ShownKey::from).collect();
            if json {
                print_line(json!({ "keys": keys }))
            } else {
                let rows: Vec<_> = keys.iter().map(key_row).collect();
                print_line(text_table(
                    ["key", "role", "app", "categories", "state"],
                    &rows,
                ))
            }
        }
        Key::Revoke { name } => {
            if !state.write(|tx| revoke_key(tx, &name, now_ms))? {
                bail!("there is no key «{name}» in force: see reportd key list");
            }
            print_line(format_args!("{name} is revoked"))
        }
    }
}

fn key_row(key: &ShownKey) -> [String; 5] {
    let state = if key.revoked_at.is_some() {
        "revoked"
    } else {
        "in force"
    };
    let categories = key.categories.as_ref();
    let categories = categories.map_or_else(|| "all".to_owned(), |all| all.join(", "));
    [
        key.name.clone(),
        key.role.to_owned(),
        key.app_id.clone().unwrap_or_else(|| "all".to_owned()),
        categories,
        state.to_owned(),
    ]
}
