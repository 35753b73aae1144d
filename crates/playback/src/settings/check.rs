//! What hosts, origins and numbers a setting may hold.

use reportd_platform::settings::SettingsError;

/// Most hosts or origins of an app.
const MOST: usize = 32;
/// Most characters of one.
const MOST_CHARS: usize = 255;

/// Each of a list as `read` reads it, in lower case, none twice.
pub(super) fn list(
    field: &str,
    texts: &[String],
    read: fn(&str) -> Result<(), &'static str>,
) -> Result<Vec<String>, SettingsError> {
    if texts.len() > MOST {
        return Err(SettingsError::invalid(
            field,
            format!("expected at most {MOST}"),
        ));
    }
    let mut all = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        let text = text.to_ascii_lowercase();
        let read = match (text.len() <= MOST_CHARS, all.contains(&text)) {
            (false, _) => Err("expected at most 255 characters"),
            (_, true) => Err("expected each once"),
            _ => read(&text),
        };
        read.map_err(|expected| SettingsError::invalid(format!("{field}[{index}]"), expected))?;
        all.push(text);
    }
    Ok(all)
}

/// A `Host` header: a name or an address, and a port where one is given.
pub(super) fn host(text: &str) -> Result<(), &'static str> {
    let expected = "expected a host such as api.example.com or localhost:8080";
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (text, None),
    };
    let is_address = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
        .is_some_and(|name| name.parse::<std::net::Ipv6Addr>().is_ok());
    let is_name = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok());
    if (is_address || is_name) && is_port {
        Ok(())
    } else {
        Err(expected)
    }
}

/// An origin: a scheme and a host, nothing behind it.
pub(super) fn origin(text: &str) -> Result<(), &'static str> {
    let expected = "expected an origin such as https://www.example.com, without a path";
    let (scheme, rest) = text.split_once("://").ok_or(expected)?;
    let is_scheme = !scheme.is_empty()
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    host(rest).map_err(|_| expected)?;
    is_scheme.then_some(()).ok_or(expected)
}

/// A number that is not greater than `most`.
pub(super) fn at_most(field: &str, number: u32, most: u32) -> Result<u32, SettingsError> {
    if number <= most {
        return Ok(number);
    }
    Err(SettingsError::invalid(
        field,
        format!("expected 0 to {most}"),
    ))
}
