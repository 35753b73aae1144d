//! The control socket: what a command asks of the server that holds the data folder.
//!
//! A command connects, sends one word and a line break, and reads JSON objects, a line each, until the end.

use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

use crate::rebuild::Told;
use crate::refold::Step;
use crate::running::Running;
use crate::status::Status;

const STATUS: &str = "status";
const REBUILD: &str = "rebuild";
/// Steps of a rebuild that wait to be sent; what does not fit is left out.
const STEPS: usize = 16;
/// No command is longer, and none takes longer to arrive.
const MOST_COMMAND_BYTES: u64 = 64;
const TIMEOUT: Duration = Duration::from_secs(5);

/// A socket that is being served; closing it removes the file.
pub(crate) struct ControlSocket {
    path: PathBuf,
    task: JoinHandle<()>,
}

impl ControlSocket {
    pub(crate) fn close(self) {
        self.task.abort();
        // It may be gone already; the next start removes it in any case.
        let _ = fs::remove_file(&self.path);
    }
}

/// Serves the socket. The caller holds the folder's lock, so a socket that is there was left by a process that is gone.
pub(crate) fn listen(path: &Path, running: Arc<Running>) -> anyhow::Result<ControlSocket> {
    let listener = bind(path).with_context(|| format!("the control socket {}", path.display()))?;
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let running = Arc::clone(&running);
            tokio::spawn(async move {
                // A command that goes away has its reason.
                let _ = answer(stream, &running).await;
            });
        }
    });
    Ok(ControlSocket {
        path: path.to_owned(),
        task,
    })
}

/// Binds a socket of mode 0600. It is made in a folder that is its owner's alone, and moved to its place when its mode
/// is set: so nobody else can come in between, whoever may look into the data folder.
fn bind(path: &Path) -> std::io::Result<UnixListener> {
    let nursery = path.with_extension("new");
    let socket = nursery.join("s");
    // Both may be left from a process that was killed here.
    let _ = fs::remove_file(&socket);
    let _ = fs::remove_dir(&nursery);
    DirBuilder::new().mode(0o700).create(&nursery)?;
    let listener = UnixListener::bind(&socket)?;
    fs::set_permissions(&socket, Permissions::from_mode(0o600))?;
    fs::rename(&socket, path)?;
    fs::remove_dir(&nursery)?;
    Ok(listener)
}

async fn answer(mut stream: UnixStream, running: &Arc<Running>) -> anyhow::Result<()> {
    let mut command = String::new();
    let (read, mut write) = stream.split();
    let mut line = BufReader::new(read.take(MOST_COMMAND_BYTES));
    tokio::time::timeout(TIMEOUT, line.read_line(&mut command)).await??;
    match command.trim() {
        STATUS => {
            let status = serde_json::to_vec(&Status::measure(running).await)?;
            tokio::time::timeout(TIMEOUT, write.write_all(&status)).await??;
        }
        REBUILD => answer_rebuild(&mut write, running).await?,
        _ => bail!("unknown command"),
    }
    Ok(write.shutdown().await?)
}

/// Rebuilds the views, and tells how far it is; where the command goes away, the rebuild goes on.
async fn answer_rebuild(
    write: &mut (impl AsyncWriteExt + Unpin),
    running: &Arc<Running>,
) -> anyhow::Result<()> {
    let (sender, mut told) = tokio::sync::mpsc::channel(STEPS);
    let running = Arc::clone(running);
    tokio::task::spawn_blocking(move || {
        let ended = running.served.rebuild(&running.clock, &mut |step| {
            // Where nobody reads, or too slowly, a step is left out.
            let _ = sender.try_send(Told::Step(step));
            true
        });
        let last = match ended {
            Ok(sealed) => Told::Done { sealed },
            Err(error) => Told::Failed(format!("{error:#}")),
        };
        let _ = sender.blocking_send(last);
    });
    while let Some(told) = told.recv().await {
        let mut line = serde_json::to_vec(&told)?;
        line.push(b'\n');
        tokio::time::timeout(TIMEOUT, write.write_all(&line)).await??;
    }
    Ok(())
}

/// Asks the server that holds the folder to rebuild its views; `None` where none does. Returns the day up to which a base
/// stood in for the journal.
pub(crate) async fn ask_rebuild(
    path: &Path,
    mut show: impl FnMut(Step) -> bool,
) -> anyhow::Result<Option<Option<i64>>> {
    let Ok(mut stream) = UnixStream::connect(path).await else {
        return Ok(None);
    };
    stream.write_all(format!("{REBUILD}\n").as_bytes()).await?;
    let mut lines = BufReader::new(stream).lines();
    while let Some(line) = lines.next_line().await? {
        match serde_json::from_str(&line).context("the reply of the server")? {
            Told::Step(step) => {
                show(step);
            }
            Told::Done { sealed } => return Ok(Some(sealed)),
            Told::Failed(cause) => bail!("{cause}"),
        }
    }
    bail!("the server ended before the rebuild did; start it and try again")
}

/// Asks the server that holds the folder; `None` where none does.
pub(crate) async fn ask_status(path: &Path) -> anyhow::Result<Option<Status>> {
    let Ok(mut stream) = UnixStream::connect(path).await else {
        return Ok(None);
    };
    let mut reply = Vec::new();
    let exchange = async {
        stream.write_all(format!("{STATUS}\n").as_bytes()).await?;
        stream.read_to_end(&mut reply).await
    };
    tokio::time::timeout(TIMEOUT, exchange)
        .await
        .context("the server does not answer on its control socket")??;
    Ok(Some(
        serde_json::from_slice(&reply).context("the reply of the server")?,
    ))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[tokio::test]
    async fn the_socket_is_its_owners_and_takes_the_place_of_an_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        drop(bind(&path).unwrap());
        fs::create_dir(folder.path().join("control.new")).unwrap();
        let _listener = bind(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        UnixStream::connect(&path).unwrap();
    }
}
