//! The dependencies of a `Cargo.toml`, with their lines. It reads the few forms that this workspace writes.

/// A crate that a manifest depends on, for building or for tests.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Dependency<'a> {
    pub(super) line: usize,
    pub(super) name: &'a str,
    /// True of a dev-dependency.
    pub(super) is_for_tests: bool,
}

/// All dependencies, in the order of lines.
pub(super) fn dependencies(manifest: &str) -> Vec<Dependency<'_>> {
    let mut found = Vec::new();
    let (mut in_table, mut is_for_tests) = (false, false);
    for (line, text) in (1..).zip(manifest.lines()) {
        let text = text.split('#').next().unwrap_or_default().trim();
        if let Some(section) = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            in_table = section.ends_with("dependencies");
            is_for_tests = section.contains("dev-dependencies");
            // A table of its own: [dependencies.name].
            if let Some((_, name)) = section.rsplit_once("dependencies.") {
                found.push(Dependency {
                    line,
                    name,
                    is_for_tests,
                });
            }
        } else if in_table && let Some((key, value)) = text.split_once('=') {
            let key = key.trim().trim_matches('"');
            let name = renamed(value).unwrap_or_else(|| key.split('.').next().unwrap_or(key));
            found.push(Dependency {
                line,
                name,
                is_for_tests,
            });
        }
    }
    found
}

/// The real name in `{ package = "name" }`.
fn renamed(value: &str) -> Option<&str> {
    let (_, rest) = value.split_once("package")?;
    rest.trim_start().strip_prefix('=')?.split('"').nth(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_read() {
        let manifest = "\
[package]
name = \"x\"
[dependencies]
reportd-db.workspace = true
tokio = { workspace = true } # with care
short = { package = \"long-name\", version = \"1\" }
[dependencies.zstd]
version = \"1\"
[target.'cfg(unix)'.dev-dependencies]
tempfile = \"3\"
[features]
all = []
";
        let found: Vec<_> = dependencies(manifest)
            .into_iter()
            .map(|found| (found.line, found.name, found.is_for_tests))
            .collect();
        let expected = [
            (4, "reportd-db", false),
            (5, "tokio", false),
            (6, "long-name", false),
            (7, "zstd", false),
            (10, "tempfile", true),
        ];
        assert_eq!(found, expected);
    }
}
