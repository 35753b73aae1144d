//! Backups under load are consistent, and come back whole or not at all. Of the embedded store: PostgreSQL has its own.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use reportd_platform::seal::MasterKey;
use reportd_testbed::StoreKind;

use crate::harness::{Data, Http, Server, TOKEN, files};
use crate::master_key::sealed_otherwise;
use crate::requests::{ACTIVE, active_messages};

const ITEMS: usize = 3;

/// Sends until it is told to stop, and counts what was acknowledged.
fn send(address: &str, label: usize, acknowledged: &AtomicI64, stop: &AtomicBool) {
    let mut http = Http::connect(address);
    for number in 0.. {
        let body = active_messages(&format!("{label}-{number}"), 1 + number % 7, ITEMS);
        assert_eq!(http.report(TOKEN, body.as_bytes()).unwrap().status, 200);
        acknowledged.fetch_add(1, Ordering::SeqCst);
        if stop.load(Ordering::Relaxed) {
            return;
        }
        std::thread::sleep(Duration::from_millis(3));
    }
}

/// Raw reports, all pages.
fn raw_reports(server: &Server, key: &str) -> i64 {
    let (mut count, mut cursor) = (0, String::new());
    loop {
        let path = format!("/api/apps/bots/comm/reports?limit=1000{cursor}");
        let page = server.get(&path, key).json();
        count += i64::try_from(page["reports"].as_array().unwrap().len()).unwrap();
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return count,
        }
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A store with a few reports, and a backup of it.
fn store_with_backup(arguments: &[&str]) -> (Data, PathBuf) {
    let data = Data::with_app(StoreKind::Embedded);
    let server = data.serve();
    server.report(&active_messages("n", 1, ITEMS));
    server.stop();
    let file = data.path().with_file_name("backup.tar.zst");
    data.run(&[&["backup", text(&file)], arguments].concat());
    (data, file)
}

#[test]
fn backups_under_load_restore_to_what_was_acknowledged() {
    let data = Data::with_app(StoreKind::Embedded);
    let key = data.key("k", "admin");
    let server = data.serve();
    let (acknowledged, stop) = (AtomicI64::new(0), AtomicBool::new(false));
    let backups: Vec<(PathBuf, i64)> = std::thread::scope(|scope| {
        for label in 0..4 {
            let (server, acknowledged, stop) = (&server, &acknowledged, &stop);
            scope.spawn(move || send(server.address(), label, acknowledged, stop));
        }
        let backups = (0..4).map(|number| {
            std::thread::sleep(Duration::from_millis(150));
            data.run(&["app", "create", &format!("app-{number}")]);
            let before = acknowledged.load(Ordering::SeqCst);
            let file = data.path().with_file_name(format!("{number}.tar.zst"));
            data.run(&["backup", text(&file)]);
            (file, before)
        });
        let backups = backups.collect();
        stop.store(true, Ordering::Relaxed);
        backups
    });
    let all = acknowledged.load(Ordering::SeqCst);
    drop(server);
    let items = i64::try_from(ITEMS).unwrap();
    for (number, (file, before)) in backups.iter().enumerate() {
        let restored = Data::nowhere();
        let told = restored.run(&["restore", text(file)]);
        assert!(
            told.contains(&format!("holds {} apps", number + 2)),
            "{told}"
        );
        let server = restored.serve();
        let counted = server.counted(&key, ACTIVE);
        assert!(
            (before * items..=all * items).contains(&counted),
            "{counted} of {before} requests before it and {all} in all"
        );
        assert_eq!(raw_reports(&server, &key), counted, "backup {number}");
        assert_eq!(server.report(&active_messages("after", 1, ITEMS)).0, 200);
        assert_eq!(server.counted(&key, ACTIVE), counted + items);
        println!(
            "backup {number}: {before} requests before, {} in it",
            counted / items
        );
    }
    let left = files(data.path().parent().unwrap());
    assert!(!left.iter().any(|file| text(file).contains(".part")));
}

#[test]
fn the_key_comes_with_the_backup_or_is_asked_for() {
    let (data, file) = store_with_backup(&["--with-key"]);
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let with_key = Data::nowhere();
    assert!(!with_key.run(&["restore", text(&file)]).contains("Warning"));
    let key = || fs::read_to_string(with_key.path().join("master.key")).unwrap();
    assert_eq!(sealed_otherwise(&with_key.path(), &key()), [""; 0]);

    data.run(&["backup", text(&file), "--force"]);
    let without_key = Data::nowhere();
    let told = without_key.run(&["restore", text(&file)]);
    assert!(
        told.contains("Warning") && told.contains("aes_key of bots"),
        "{told}"
    );
    assert!(!without_key.path().join("master.key").exists());

    let put_before = Data::nowhere();
    fs::create_dir(put_before.path()).unwrap();
    let path = put_before.path().join("master.key");
    fs::write(&path, key()).unwrap();
    assert!(
        !put_before
            .run(&["restore", text(&file)])
            .contains("Warning")
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), key());

    let in_environment = Data::nowhere();
    let environment = [("REPORTD_MASTER_KEY", key())];
    let environment = environment
        .each_ref()
        .map(|(name, key)| (*name, key.trim()));
    let told = in_environment.output_with(&["restore", text(&file)], &environment);
    assert!(told.status.success());
    assert!(!String::from_utf8_lossy(&told.stdout).contains("Warning"));
    let told = data.output_with(&["backup", "never", "--with-key"], &environment);
    assert_eq!(told.status.code(), Some(1));
    assert!(!Path::new("never").exists());

    // A key that was there before and the one of the backup: both open.
    data.run(&["backup", text(&file), "--force", "--with-key"]);
    let other = Data::nowhere();
    fs::create_dir(other.path()).unwrap();
    let path = other.path().join("master.key");
    fs::write(&path, format!("hex:{}\n", "5".repeat(64))).unwrap();
    assert!(!other.run(&["restore", text(&file)]).contains("Warning"));
    assert!(MasterKey::load(&path).unwrap().unwrap().is_being_replaced());
    other.run(&["rotate-master-key"]);
    let key = fs::read_to_string(&path).unwrap();
    assert_eq!(sealed_otherwise(&other.path(), &key), [""; 0]);
}

/// The files in a backup.
fn unpacked(file: &Path) -> Vec<(String, Vec<u8>)> {
    let plain = zstd::decode_all(fs::File::open(file).unwrap()).unwrap();
    let mut archive = tar::Archive::new(&plain[..]);
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let name = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
        let mut bytes = Vec::new();
        std::io::copy(&mut entry, &mut bytes).unwrap();
        (name, bytes)
    });
    entries.collect()
}

/// A backup of these files, with whatever names they have.
fn packed(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        builder.append(&header, &bytes[..]).unwrap();
    }
    zstd::encode_all(&builder.into_inner().unwrap()[..], 1).unwrap()
}

#[test]
fn a_damaged_backup_is_refused_and_leaves_nothing() {
    let (data, file) = store_with_backup(&[]);
    let whole = fs::read(&file).unwrap();
    let members = unpacked(&file);
    let names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names[..2], ["views.db", "reportd.db"]);
    assert_eq!(names.last(), Some(&"manifest.json"));

    let mut damaged: Vec<(String, Vec<u8>)> = Vec::new();
    for share in [0, 10, 500, 990, 999] {
        let end = whole.len() * share / 1000;
        damaged.push((format!("cut at {end}"), whole[..end].to_vec()));
    }
    damaged.push(("cut by one".to_owned(), whole[..whole.len() - 1].to_vec()));
    for at in [0, 40, whole.len() / 3, whole.len() / 2, whole.len() - 2] {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x10;
        damaged.push((format!("flipped at {at}"), flipped));
    }
    damaged.push(("longer".to_owned(), [&whole[..], b"more"].concat()));
    for missing in 0..members.len() {
        let mut rest = members.clone();
        let (name, _) = rest.remove(missing);
        damaged.push((format!("without {name}"), packed(&rest)));
    }
    for (at, name) in [
        (0, "../x"),
        (1, "/tmp/x"),
        (0, "journal/../../x"),
        (0, "serve.lock"),
    ] {
        let mut renamed = members.clone();
        name.clone_into(&mut renamed[at].0);
        damaged.push((format!("with {name}"), packed(&renamed)));
    }
    let mut changed = members.clone();
    changed[0].1[5_000] ^= 1;
    damaged.push(("a changed member".to_owned(), packed(&changed)));
    let mut twice = members.clone();
    twice.insert(1, members[0].clone());
    damaged.push(("a member twice".to_owned(), packed(&twice)));

    for (what, bytes) in damaged {
        fs::write(&file, bytes).unwrap();
        let target = Data::nowhere();
        let told = target.output(&["restore", text(&file)]);
        let stderr = String::from_utf8_lossy(&told.stderr).into_owned();
        assert_eq!(told.status.code(), Some(1), "{what}: {stderr}");
        assert!(stderr.contains("nothing was changed"), "{what}: {stderr}");
        assert!(!target.path().exists(), "{what}");
        let around = fs::read_dir(target.path().parent().unwrap()).unwrap();
        assert_eq!(around.count(), 0, "{what}");
    }
    fs::write(&file, packed(&members)).unwrap();
    let target = Data::nowhere();
    target.run(&["restore", text(&file)]);
    drop(data);
}

#[test]
fn what_is_there_is_neither_restored_over_nor_overwritten() {
    let (data, file) = store_with_backup(&[]);
    let refused = |data: &Data, arguments: &[&str], because: &str| {
        let told = data.output(arguments);
        let stderr = String::from_utf8_lossy(&told.stderr).into_owned();
        assert_eq!(told.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains(because), "{stderr}");
    };
    refused(&data, &["restore", text(&file)], "holds a store already");
    refused(&data, &["backup", text(&file)], "is there already");
    let server = data.serve();
    refused(&data, &["restore", text(&file)], "another reportd serves");
    assert_eq!(server.report(&active_messages("m", 1, 1)).0, 200);

    let nowhere = Data::nowhere();
    refused(&nowhere, &["backup", "never"], "there is no reportd store");
    refused(&nowhere, &["restore", "never"], "never was not restored");
    assert!(!nowhere.path().exists() && !Path::new("never").exists());
    let told = data.output(&["backup"]);
    assert_eq!(told.status.code(), Some(2));
}

#[test]
fn a_disk_that_is_full_is_left_as_it_was() {
    let (data, file) = store_with_backup(&[]);
    let disk = data.path().with_file_name("disk");
    fs::create_dir(&disk).unwrap();
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let script = "mount -t tmpfs -o size=100k tmpfs $1 && { $2 $3 $4 --data $5; code=$?; ls -A $1; exit $code; }";
    let run = |command: &str, file: &Path, data: &Path| {
        let mut unshare = Command::new("unshare");
        unshare.args(if is_root { &["-m"][..] } else { &["-Urm"][..] });
        unshare.args(["sh", "-c", script, "sh"]).arg(&disk);
        unshare.arg(env!("CARGO_BIN_EXE_reportd")).arg(command);
        let told = unshare.arg(file).arg(data).output().unwrap();
        let left = String::from_utf8(told.stdout).unwrap();
        let stderr = String::from_utf8(told.stderr).unwrap();
        assert_eq!(
            (told.status.code(), left.as_str()),
            (Some(1), ""),
            "{stderr}"
        );
        let causes = ["full", "No space", "disk I/O error"];
        assert!(
            causes.iter().any(|cause| stderr.contains(cause)),
            "{stderr}"
        );
    };
    run("backup", &disk.join("backup"), &data.path());
    run("restore", &file, &disk.join("data"));
}
