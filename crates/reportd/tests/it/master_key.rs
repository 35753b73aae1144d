//! The master key is replaced while a server runs and apps are made. It is a file with either store; how the store's
//! secrets are sealed anew is tested on both beside it (`platform/src/reseal.rs`).

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use reportd_db::sqlite;
use reportd_platform::credentials::SEALED_COLUMNS;
use reportd_platform::reseal::unopened;
use reportd_platform::seal::MasterKey;
use reportd_testbed::StoreKind;

use crate::harness::{Data, reportd};
use crate::requests::active_message;

/// Secrets of the store that `key` does not open.
pub(crate) fn sealed_otherwise(data: &Path, key: &str) -> Vec<String> {
    let db = sqlite::open(sqlite::Options::durable(data.join("reportd.db"))).unwrap();
    let master = MasterKey::parse(key).unwrap();
    db.read(|tx| unopened(tx, SEALED_COLUMNS, Some(&master)))
        .unwrap()
}

#[test]
fn the_key_file_is_replaced_while_a_server_runs_and_apps_are_made() {
    let data = Data::with_app(StoreKind::Embedded);
    let server = data.serve();
    let path = data.path().join("master.key");
    let key = || std::fs::read_to_string(&path).unwrap();
    let first = key();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..6 {
                data.run(&["app", "create", &format!("made-{number}")]);
            }
        });
        for _ in 0..6 {
            let told = data.run(&["rotate-master-key"]);
            assert!(!told.contains(key().trim()), "no secret is printed");
        }
    });
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(key().lines().count(), 1);
    assert_eq!(sealed_otherwise(&data.path(), &key()), [""; 0]);
    assert_eq!(sealed_otherwise(&data.path(), &first).len(), 7 * 4);
    assert_eq!(server.report(&active_message("n", 1)).0, 200);
}

#[test]
fn a_key_in_the_environment_is_replaced_by_the_one_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let [old, new] = ["1", "2"].map(|digit| format!("hex:{}", digit.repeat(64)));
    let run = |arguments: &[&str], environment: &[(&str, &str)]| {
        let mut command = reportd();
        command.args(arguments).arg("--data").arg(&data);
        command.envs(environment.iter().copied());
        let output = command.output().unwrap();
        let told = [output.stdout, output.stderr].concat();
        let told = String::from_utf8(told).unwrap();
        assert!(
            !told.contains(&old[4..]) && !told.contains(&new[4..]),
            "{told}"
        );
        (output.status.code(), told)
    };
    let (master, other) = ("REPORTD_MASTER_KEY", "REPORTD_NEW_MASTER_KEY");
    run(&["app", "create", "bots"], &[(master, &old)]);

    let (code, told) = run(&["rotate-master-key"], &[(master, &old)]);
    assert_eq!(code, Some(1));
    assert!(
        told.contains("give the new one in REPORTD_NEW_MASTER_KEY"),
        "{told}"
    );
    let (code, told) = run(&["rotate-master-key"], &[(other, &new)]);
    assert_eq!(code, Some(1), "{told}");
    let (code, told) = run(&["rotate-master-key"], &[]);
    assert_eq!(code, Some(1));
    assert!(told.contains("there is no master key"), "{told}");
    let third = format!("hex:{}", "3".repeat(64));
    let (code, told) = run(&["rotate-master-key"], &[(master, &third), (other, &new)]);
    assert_eq!(code, Some(1));
    assert!(
        told.contains("appkey of bots") && told.contains("app rotate"),
        "{told}"
    );

    for _ in 0..2 {
        let (code, told) = run(&["rotate-master-key"], &[(master, &old), (other, &new)]);
        assert_eq!(code, Some(0), "{told}");
        assert!(told.starts_with("4 secrets are sealed"), "{told}");
    }
    assert_eq!(sealed_otherwise(&data, &new), [""; 0]);
    assert!(!data.join("master.key").exists());
}
