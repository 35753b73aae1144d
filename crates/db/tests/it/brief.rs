//! Brief reads.

use std::sync::mpsc::channel;
use std::thread::current;
use std::time::Duration;

use reportd_db::{DbError, sqlite};

use crate::stores::{Store, ground};

const DEADLINE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_brief_read_stays_on_its_thread_where_a_reader_is_free() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = sqlite::Options::durable(folder.path().join("test.db"));
    options.readers = 1;
    let db = sqlite::open(options).unwrap();
    let read = || db.read_briefly(|_| Ok::<_, DbError>(current().id()));
    let own = current().id();
    assert_ne!(read().await.unwrap(), own, "no reader is open yet");
    assert_eq!(read().await.unwrap(), own);
    let ((holds, is_held), (release, is_released)) = (channel(), channel());
    let reading = db.clone();
    let held = std::thread::spawn(move || {
        reading.read(|_| {
            holds.send(()).unwrap();
            is_released.recv_timeout(DEADLINE).unwrap();
            Ok(())
        })
    });
    is_held.recv_timeout(DEADLINE).unwrap();
    // It waits for the reader, and this thread goes on.
    let (read_beside, ()) = tokio::join!(read(), async { release.send(()).unwrap() });
    held.join().unwrap().unwrap();
    assert_ne!(read_beside.unwrap(), own);
}

#[test]
fn a_panic_ends_a_brief_read_alone() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let ground = ground();
    for Store { name, db } in ground.stores() {
        for _ in 0..2 {
            let told = db.read_briefly(|_| -> Result<(), DbError> { panic!("on purpose") });
            let told = runtime.block_on(told);
            assert!(matches!(told, Err(DbError::Statement(_))), "{name}");
            let told = db.read_briefly(|tx| tx.query_int("SELECT 7", &[]));
            assert_eq!(runtime.block_on(told), Ok(7), "{name}");
        }
    }
}
