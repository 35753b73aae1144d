//! Cargo as a person would call it.

use std::process::{Command, Stdio};

/// A call of cargo, without what cargo told this program about itself: build scripts that look at such variables (ring's
/// does) would run again at each change between a call from here and one by hand, and all that stands on them be built anew.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new("cargo");
    for (name, _) in std::env::vars_os() {
        let is_ours = name.to_str().is_some_and(|name| {
            name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
        });
        if is_ours {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
}
