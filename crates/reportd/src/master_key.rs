//! `reportd rotate-master-key`: all stored secrets are sealed anew. It works on the store, while a server runs on it or
//! not.

use anyhow::{anyhow, bail};
use reportd_platform::clock::{Clock, SystemClock};
use reportd_platform::credentials;
use reportd_platform::random::SystemRandom;
use reportd_platform::reseal::{ReplaceError, SealedColumn, replace_master_key};

use crate::kinds::KINDS;
use crate::output::print_line;
use crate::settings::{MASTER_KEY, NEW_MASTER_KEY, Settings};
use crate::stores::Stores;

/// The sealed secrets of apps and of all kinds of reports.
pub(crate) fn sealed_columns() -> Vec<SealedColumn> {
    let of_kinds = KINDS.iter().flat_map(|kind| kind.sealed_columns);
    credentials::SEALED_COLUMNS
        .iter()
        .chain(of_kinds)
        .copied()
        .collect()
}

/// Replaces the master key.
pub(crate) fn rotate(settings: &Settings) -> anyhow::Result<()> {
    let stores = Stores::existing(settings)?;
    let folder = &stores.folder;
    let is_set = |name| std::env::var_os(name).is_some();
    let in_environment = is_set(MASTER_KEY);
    if in_environment && !is_set(NEW_MASTER_KEY) {
        bail!(
            "the master key comes from {MASTER_KEY}: give the new one in {NEW_MASTER_KEY}, to the servers too, and run \
             this again"
        );
    }
    let master = folder.existing_master_key()?.ok_or_else(|| {
        anyhow!(
            "there is no master key: neither {MASTER_KEY} nor the file {}. Give the key that the server has",
            folder.key_file().display()
        )
    })?;
    let (state, now_ms) = (stores.state()?, SystemClock::start().now_ms());
    let replaced = replace_master_key(&state, &sealed_columns(), &master, &SystemRandom, now_ms);
    let replaced = replaced.map_err(|error| explain(&error))?;
    let secrets = replaced.secrets;
    if in_environment {
        return print_line(format_args!(
            "{secrets} secrets are sealed with the key in {NEW_MASTER_KEY}.\nNow give the servers that key in \
             {MASTER_KEY}, without {NEW_MASTER_KEY}, and start them again. Keep the old key as long as you keep backups \
             that were made with it."
        ));
    }
    if replaced.resumed {
        print_line("A rotation that was interrupted before has been ended.")?;
    }
    print_line(format_args!(
        "{secrets} secrets are sealed with a new key, in {}.\nBack that file up, and not beside the data. Backups that \
         were made before still need the old key.",
        folder.key_file().display()
    ))
}

fn explain(error: &ReplaceError) -> anyhow::Error {
    let advice = match error {
        ReplaceError::Unopened(_) => {
            ". Nothing was changed. Give the key that opens them, or issue new ones in their place: reportd app rotate \
             APP --grace 0s --only KIND"
        }
        ReplaceError::Overtaken => ": all secrets open as before; run this again",
        ReplaceError::Db(_) | ReplaceError::Seal(_) => {
            ". All secrets open as before; run this again when the cause is mended"
        }
    };
    anyhow!("{error}{advice}")
}
