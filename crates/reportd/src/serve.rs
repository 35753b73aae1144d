//! `reportd serve`.

use std::future::Future;
use std::io::Write;

use tokio::signal::unix::{SignalKind, signal};

use crate::logging;
use crate::server::Server;
use crate::settings::Settings;
use crate::user_commands::{FIRST_PERSON, first_person};

/// Runs the server until it is told to stop.
pub(crate) async fn serve(settings: &Settings, discard: bool) -> anyhow::Result<()> {
    logging::start(&settings.log)?;
    let server = Server::open(settings, discard).await?;
    let mut stdout = std::io::stdout();
    if settings.console.enabled
        && let Some(password) = first_person(&server.running().state).await?
    {
        writeln!(
            stdout,
            "A first person may use the console. The password is for one login, and not shown again.\n\
             console: {}/console\nuser: {FIRST_PERSON}\npassword: {}\n",
            server.inner_url()?,
            password.reveal()
        )?;
    }
    if server.inner_url()? != server.url()? {
        let inner = server.inner_url()?;
        writeln!(stdout, "the console and the API are on {inner}")?;
    }
    writeln!(stdout, "reportd listens on {}", server.url()?)?;
    stdout.flush()?;
    server.run(stop_signal()?).await
}

/// Ready at SIGTERM or SIGINT.
pub(crate) fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
