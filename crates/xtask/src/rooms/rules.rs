//! The rules: the floors, and the names that stay in their rooms.

use std::path::Path;

use super::Fault;
use super::manifest::dependencies;
use super::source::{lines_naming_crate, lines_naming_std};

/// The kinds of reports: they never use each other.
const KINDS: &[&str] = &["comm", "playback", "push", "dialogue"];
/// What a kind may use.
const UNDER_KINDS: &[&str] = &["protocol", "db", "platform", "journal"];
/// The room that tests of any room may use, and no room's own code.
const TESTBED: &str = "testbed";
/// Crates that speak to a database.
const DATABASES: &[&str] = &["rusqlite", "tokio-postgres", "postgres"];
/// Modules of a kind that speak HTTP.
const WEB_MODULES: &[&str] = &["routes", "api", "pages"];
/// Modules of std that are input, output or a clock.
const IMPURE: &[&str] = &["fs", "net", "time"];

/// The rooms that `room` may use; `None` where the room is not known.
fn rooms_below(room: &str) -> Option<Vec<&'static str>> {
    let below: &[&[&str]] = match room {
        "protocol" | "db" => &[],
        "testbed" => &[&["db"]],
        "xtask" => &[&[TESTBED]],
        "client" => &[&["protocol"]],
        "platform" => &[&["db"]],
        "journal" => &[&["db", "platform"]],
        "console" => &[UNDER_KINDS, KINDS],
        "reportd" => &[&["client", "console"], UNDER_KINDS, KINDS],
        kind if KINDS.contains(&kind) => &[UNDER_KINDS],
        _ => return None,
    };
    Some(below.concat())
}

/// What a manifest breaks.
pub(super) fn check_manifest(room: &str, manifest: &str) -> Vec<Fault> {
    let Some(below) = rooms_below(room) else {
        let problem = format!("the room «{room}» has no floor yet: give it one in xtask's rules");
        return vec![Fault { line: 1, problem }];
    };
    let problem = |name: &str, is_for_tests: bool| {
        let other = name.strip_prefix("reportd-").unwrap_or(name);
        let is_room = other != name || name == "reportd";
        if is_room && KINDS.contains(&room) && KINDS.contains(&other) {
            Some(format!("the kind {room} uses the kind {other}"))
        } else if is_room && other == TESTBED && is_for_tests {
            None
        } else if is_room && !below.contains(&other) {
            Some(format!("{room} uses {other}, which is not below it"))
        } else if room != "db" && DATABASES.contains(&name) {
            Some(format!("only db uses {name}"))
        } else if room == "protocol" && name == "tokio" {
            Some("protocol is pure: it uses no tokio".to_owned())
        } else if name == "axum" && matches!(room, "protocol" | "client" | "db" | "journal") {
            Some(format!("{room} does not speak HTTP by axum"))
        } else {
            None
        }
    };
    dependencies(manifest)
        .into_iter()
        .filter_map(|found| Some((found.line, problem(found.name, found.is_for_tests)?)))
        .map(|(line, problem)| Fault { line, problem })
        .collect()
}

/// What a source file breaks; `inner` is its path inside the crate's folder.
pub(super) fn check_source(room: &str, inner: &Path, source: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut tell = |lines: Vec<usize>, problem: String| {
        faults.extend(lines.into_iter().map(|line| Fault {
            line,
            problem: problem.clone(),
        }));
    };
    // What xtask says in its rules and their tests is no use of a crate; its manifest is checked.
    if room != "db" && room != "xtask" {
        // «postgres» is also db's own module, which all may name; the manifest tells where it is the crate.
        for database in DATABASES.iter().filter(|name| **name != "postgres") {
            let lines = lines_naming_crate(source, &database.replace('-', "_"));
            tell(lines, format!("only db names {database}"));
        }
    }
    if inner.starts_with("src") && !may_name_axum(room, inner) {
        let lines = lines_naming_crate(source, "axum");
        tell(
            lines,
            "only web, routes, api and pages name axum".to_owned(),
        );
    }
    if room == "protocol" && inner.starts_with("src") {
        tell(
            lines_naming_crate(source, "tokio"),
            "protocol is pure: no tokio".to_owned(),
        );
        for module in IMPURE {
            let lines = lines_naming_std(source, module);
            tell(lines, format!("protocol is pure: no std::{module}"));
        }
    }
    faults
}

fn may_name_axum(room: &str, inner: &Path) -> bool {
    let under = |modules: &[&str]| {
        let mut parts = inner.iter().filter_map(|part| part.to_str());
        parts.any(|part| modules.contains(&part.strip_suffix(".rs").unwrap_or(part)))
    };
    match room {
        "protocol" | "client" | "db" | "journal" => false,
        "platform" => under(&["web"]),
        kind if KINDS.contains(&kind) => under(WEB_MODULES),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest_faults(room: &str, dependency: &str) -> Vec<String> {
        let manifest = format!("[package]\n[dependencies]\n{dependency}.workspace = true\n");
        let faults = check_manifest(room, &manifest);
        assert!(faults.iter().all(|fault| fault.line == 3), "{faults:?}");
        faults.into_iter().map(|fault| fault.problem).collect()
    }

    #[test]
    fn what_points_down_is_well() {
        for (room, dependency) in [
            ("client", "reportd-protocol"),
            ("journal", "reportd-db"),
            ("push", "reportd-protocol"),
            ("console", "reportd-comm"),
            ("reportd", "reportd-console"),
            ("db", "rusqlite"),
            ("comm", "axum"),
        ] {
            assert!(manifest_faults(room, dependency).is_empty(), "{room}");
        }
    }

    #[test]
    fn what_points_up_or_aside_is_told() {
        for (room, dependency, told) in [
            (
                "db",
                "reportd-platform",
                "db uses platform, which is not below it",
            ),
            (
                "protocol",
                "reportd-client",
                "protocol uses client, which is not below it",
            ),
            (
                "comm",
                "reportd",
                "comm uses reportd, which is not below it",
            ),
            (
                "comm",
                "reportd-client",
                "comm uses client, which is not below it",
            ),
            ("comm", "reportd-push", "the kind comm uses the kind push"),
            ("journal", "rusqlite", "only db uses rusqlite"),
            ("reportd", "postgres", "only db uses postgres"),
            ("journal", "axum", "journal does not speak HTTP by axum"),
            ("protocol", "tokio", "protocol is pure: it uses no tokio"),
        ] {
            assert_eq!(manifest_faults(room, dependency), [told]);
        }
    }

    #[test]
    fn the_testbed_is_for_tests_alone() {
        let told = ["comm uses testbed, which is not below it"];
        assert_eq!(manifest_faults("comm", "reportd-testbed"), told);
        for (room, table) in [("comm", "dev-dependencies"), ("xtask", "dependencies")] {
            let manifest = format!("[{table}]\nreportd-testbed.workspace = true\n");
            assert_eq!(check_manifest(room, &manifest), [], "{room}");
        }
    }

    #[test]
    fn a_room_without_a_floor_is_told() {
        let faults = check_manifest("attic", "[package]\n");
        assert_eq!((faults.len(), faults[0].line), (1, 1));
    }

    #[test]
    fn names_stay_in_their_rooms() {
        let axum = "//! Web.\nuse axum::Router;\n";
        let cases = [
            ("comm", "src/routes.rs", axum, 0),
            ("comm", "src/api/series.rs", axum, 0),
            ("comm", "src/lib.rs", axum, 1),
            ("comm", "src/view.rs", axum, 1),
            ("platform", "src/web/body.rs", axum, 0),
            ("platform", "src/apps.rs", axum, 1),
            ("journal", "src/api.rs", axum, 1),
            ("reportd", "src/health.rs", axum, 0),
            ("db", "src/sqlite.rs", "use rusqlite::Connection;", 0),
            ("comm", "tests/view.rs", "use rusqlite::Connection;", 1),
            ("journal", "src/store.rs", "tokio_postgres::connect(a)", 1),
            ("journal", "src/store.rs", "postgres::open(options)", 0),
            ("protocol", "src/window.rs", "use std::time::Duration;", 1),
            ("protocol", "src/window.rs", "use std::{fs, net};", 2),
            ("protocol", "src/window.rs", "use tokio::sync::Mutex;", 1),
            ("protocol", "tests/data.rs", "use std::fs;", 0),
        ];
        for (room, path, source, count) in cases {
            let faults = check_source(room, Path::new(path), source);
            assert_eq!(faults.len(), count, "{room} {path}: {faults:?}");
        }
    }
}
