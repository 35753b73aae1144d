//! What commands print on stdout.

use std::fmt::{self, Display};
use std::io::{self, ErrorKind, Write};

/// Whoever read the output went away, as in `reportd app list | head`: no failure worth a word.
#[derive(Debug)]
pub(crate) struct ReaderGone;

impl Display for ReaderGone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody reads the output any more")
    }
}

impl std::error::Error for ReaderGone {}

/// Prints a line, where `println!` would panic on a closed pipe.
///
/// # Errors
/// [`ReaderGone`], or what the system said.
pub(crate) fn print_line(line: impl Display) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{line}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(ReaderGone.into()),
        printed => Ok(printed?),
    }
}
