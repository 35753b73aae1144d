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

/// True where writing failed because nobody reads any more.
pub(crate) fn is_reader_gone(error: &anyhow::Error) -> bool {
    let mut causes = error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.any(|cause| cause.kind() == ErrorKind::BrokenPipe)
}

/// Prints a line for people on stderr, beside output that is for programs.
pub(crate) fn print_error_line(line: impl Display) -> anyhow::Result<()> {
    Ok(writeln!(io::stderr(), "{line}")?)
}

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
