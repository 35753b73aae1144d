//! Where settings come from: defaults, a file, the environment and flags, each winning over those before it.
//! `config.default.toml` is both the defaults and their documentation.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use toml::{Table, Value};

use super::{MASTER_KEY, NEW_MASTER_KEY, Settings};

const DEFAULTS: &str = include_str!("../../config.default.toml");
const PREFIX: &str = "REPORTD_";

/// Where a setting comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    Default,
    File(PathBuf),
    Environment(String),
    Flag(&'static str),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => f.write_str(name),
            Self::Flag(name) => f.write_str(name),
        }
    }
}

/// Settings by their dotted names, with the origin of each.
#[derive(Clone)]
pub(crate) struct Layers {
    values: BTreeMap<String, (Value, Origin)>,
}

impl std::fmt::Debug for Layers {
    /// As people see them, without secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.rows()).finish()
    }
}

impl Layers {
    /// The defaults.
    fn defaults() -> anyhow::Result<Self> {
        let mut values = BTreeMap::new();
        flatten("", DEFAULTS.parse()?, &mut |name, value| {
            values.insert(name, (value, Origin::Default));
        });
        Ok(Self { values })
    }

    /// Defaults, then the file, then the environment, then flags.
    pub(crate) fn load(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
        flags: Vec<(&'static str, &'static str, String)>,
    ) -> anyhow::Result<Self> {
        let mut layers = Self::defaults()?;
        if let Some(path) = file {
            layers.add_file(path)?;
        }
        layers.add_environment(environment)?;
        for (name, flag, text) in flags {
            layers.set_text(name, &text, Origin::Flag(flag))?;
        }
        Ok(layers)
    }

    fn add_file(&mut self, path: &Path) -> anyhow::Result<()> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("the settings file {}", path.display()))?;
        let table: Table = text
            .parse()
            .with_context(|| format!("the settings file {}", path.display()))?;
        let mut given = Vec::new();
        flatten("", table, &mut |name, value| given.push((name, value)));
        for (name, value) in given {
            self.set(&name, value, Origin::File(path.to_owned()))?;
        }
        Ok(())
    }

    fn add_environment(
        &mut self,
        environment: impl Iterator<Item = (String, String)>,
    ) -> anyhow::Result<()> {
        for (variable, text) in environment {
            if variable == MASTER_KEY || variable == NEW_MASTER_KEY {
                continue;
            }
            let Some(given) = variable.strip_prefix(PREFIX) else {
                continue;
            };
            let spelled = |name: &str| name.replace('.', "_").to_uppercase();
            let name = self
                .values
                .keys()
                .find(|name| spelled(name) == given)
                .cloned();
            let Some(name) = name else {
                let nearest = self
                    .nearest(given, spelled)
                    .map(|name| format!("{PREFIX}{}", spelled(name)));
                bail!(
                    "{variable} in the environment is no setting{}",
                    did_you_mean(nearest.as_deref())
                );
            };
            self.set_text(&name, &text, Origin::Environment(variable))?;
        }
        Ok(())
    }

    /// Sets a value that came as text: it is read as the type that the default has.
    fn set_text(&mut self, name: &str, text: &str, origin: Origin) -> anyhow::Result<()> {
        let value = match self.values.get(name).map(|(value, _)| value) {
            Some(Value::String(_)) | None => Value::String(text.to_owned()),
            Some(Value::Array(_)) => {
                let parts = text
                    .split(',')
                    .map(str::trim)
                    .filter(|part| !part.is_empty());
                Value::Array(parts.map(|part| Value::String(part.to_owned())).collect())
            }
            Some(Value::Integer(_)) => text
                .parse()
                .map(Value::Integer)
                .map_err(|_| not_of_type(name, text, "an integer"))?,
            Some(_) => text
                .parse()
                .map(Value::Boolean)
                .map_err(|_| not_of_type(name, text, "true or false"))?,
        };
        self.set(name, value, origin)
    }

    fn set(&mut self, name: &str, value: Value, origin: Origin) -> anyhow::Result<()> {
        let Some((known, _)) = self.values.get(name) else {
            let nearest = self.nearest(name, str::to_owned);
            bail!(
                "{origin}: «{name}» is no setting{}",
                did_you_mean(nearest.map(String::as_str))
            );
        };
        if known.type_str() != value.type_str() {
            bail!(
                "{origin}: {name}: expected {}, not {}",
                known.type_str(),
                value.type_str()
            );
        }
        self.values.insert(name.to_owned(), (value, origin));
        Ok(())
    }

    fn nearest(&self, given: &str, spelled: impl Fn(&str) -> String) -> Option<&String> {
        let distance = |name: &&String| strsim::levenshtein(given, &spelled(name));
        self.values.keys().min_by_key(distance)
    }

    /// The settings, read into their types and checked.
    pub(crate) fn settings(&self) -> anyhow::Result<Settings> {
        let mut table = Table::new();
        for (name, (value, _)) in &self.values {
            let (group, name) = name.split_once('.').unwrap_or(("", name));
            let target = if group.is_empty() {
                Some(&mut table)
            } else {
                table
                    .entry(group)
                    .or_insert_with(|| Value::Table(Table::new()))
                    .as_table_mut()
            };
            target
                .ok_or_else(|| anyhow!("{group} is no group of settings"))?
                .insert(name.to_owned(), value.clone());
        }
        let mut settings: Settings = table.try_into().context("the settings")?;
        settings.shown = self.rows();
        settings.check_database_url()?;
        settings.check_lease()?;
        Ok(settings)
    }

    /// True where nobody set it.
    pub(crate) fn is_default(&self, name: &str) -> bool {
        self.values
            .get(name)
            .is_none_or(|(_, origin)| *origin == Origin::Default)
    }

    /// Name, value and origin of each setting, for people.
    pub(crate) fn rows(&self) -> Vec<[String; 3]> {
        let row = |(name, (value, origin)): (&String, &(Value, Origin))| {
            let shown =
                if name == "database_url" && value.as_str().is_some_and(|url| !url.is_empty()) {
                    "•••".to_owned()
                } else {
                    value.to_string()
                };
            [name.clone(), shown, origin.to_string()]
        };
        self.values.iter().map(row).collect()
    }
}

fn not_of_type(name: &str, text: &str, expected: &str) -> anyhow::Error {
    anyhow!("{name}: expected {expected}, not «{text}»")
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!(": did you mean {name}?"))
}

fn flatten(prefix: &str, table: Table, visit: &mut impl FnMut(String, Value)) {
    for (name, value) in table {
        let name = if prefix.is_empty() {
            name
        } else {
            format!("{prefix}.{name}")
        };
        match value {
            Value::Table(table) => flatten(&name, table, visit),
            value => visit(name, value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(
        file: &str,
        environment: &[(&str, &str)],
        listen: Option<&str>,
    ) -> anyhow::Result<Layers> {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("reportd.toml");
        std::fs::write(&path, file)?;
        let environment = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let flags = listen
            .map(|text| ("listen", "--listen", text.to_owned()))
            .into_iter()
            .collect();
        Layers::load(Some(&path), environment, flags)
    }

    #[test]
    fn the_defaults_are_complete() {
        let settings = Layers::defaults().unwrap().settings().unwrap();
        assert_eq!(settings.listen, "127.0.0.1:8300");
        assert!(settings.comm.enabled);
    }

    #[test]
    fn the_database_url_is_not_shown() {
        for url in ["postgres://u:secret@h/d", "mysql://u:secret@h/d"] {
            let environment = [("REPORTD_DATABASE_URL", url)];
            let layers = load("", &environment, None).unwrap();
            assert!(!format!("{layers:?}").contains("secret"));
            let settings = layers.settings();
            assert_eq!(settings.is_ok(), url.starts_with("postgres"));
            assert!(!format!("{settings:?}").contains("secret"));
        }
    }

    #[test]
    fn a_lease_is_neither_too_short_nor_too_long() {
        for (text, is_taken) in [
            ("499", false),
            ("500", true),
            ("30000", true),
            ("30001", false),
        ] {
            let environment = [("REPORTD_POSTGRES_LEASE_MS", text)];
            let settings = load("", &environment, None).unwrap().settings();
            assert_eq!(settings.is_ok(), is_taken, "{text}");
        }
    }

    #[test]
    fn flags_win_over_the_environment_and_that_over_the_file() {
        let file = "listen = \"a:1\"\ndata = \"from-file\"\n[journal]\nlinger_ms = 7\n[server]\nconnections = 9";
        let environment = [
            ("REPORTD_LISTEN", "b:2"),
            ("REPORTD_JOURNAL_LINGER_MS", "8"),
            ("PATH", "/bin"),
        ];
        let layers = load(file, &environment, Some("c:3")).unwrap();
        let settings = layers.settings().unwrap();
        assert_eq!(
            (
                settings.listen.as_str(),
                settings.journal.linger_ms,
                settings.server.connections
            ),
            ("c:3", 8, 9)
        );
        let origin = |name: &str| {
            layers
                .rows()
                .into_iter()
                .find(|row| row[0] == name)
                .map(|row| row[2].clone())
        };
        assert_eq!(origin("listen").as_deref(), Some("--listen"));
        assert_eq!(
            origin("journal.linger_ms").as_deref(),
            Some("REPORTD_JOURNAL_LINGER_MS")
        );
        assert_eq!(origin("log.level").as_deref(), Some("default"));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let error = |file: &str, environment: &[(&str, &str)]| {
            load(file, environment, None).unwrap_err().to_string()
        };
        assert!(
            error("[journal]\nlingr_ms = 1", &[])
                .ends_with("«journal.lingr_ms» is no setting: did you mean journal.linger_ms?")
        );
        assert!(
            error("[journal]\nlinger_ms = \"1\"", &[])
                .ends_with("journal.linger_ms: expected integer, not string")
        );
        assert_eq!(
            error("", &[("REPORTD_JOURNAL_LINGER", "1")]),
            "REPORTD_JOURNAL_LINGER in the environment is no setting: did you mean REPORTD_JOURNAL_LINGER_MS?"
        );
        assert_eq!(
            error("", &[("REPORTD_COMM_ENABLED", "yes")]),
            "comm.enabled: expected true or false, not «yes»"
        );
    }
}
