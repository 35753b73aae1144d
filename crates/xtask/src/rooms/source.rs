//! Names in Rust sources: enough of a reader to tell a path from a word in a comment.

/// The lines on which the source names the crate: `name::…`, `use name` or `extern crate name`.
pub(super) fn lines_naming_crate(source: &str, name: &str) -> Vec<usize> {
    lines_where(source, |code| {
        words(code, name).any(|(before, after)| {
            after.starts_with("::") || before.ends_with("use ") || before.ends_with("extern crate ")
        })
    })
}

/// The lines on which the source names the module of `std`, by its path or in a group behind `std::{`.
pub(super) fn lines_naming_std(source: &str, module: &str) -> Vec<usize> {
    let mut in_group = false;
    lines_where(source, |code| {
        in_group |= code.contains("std::{");
        let named = words(code, module)
            .any(|(before, _)| before.ends_with("std::") || (in_group && !before.ends_with("::")));
        in_group &= !code.contains(';');
        named
    })
}

fn lines_where(source: &str, mut is_so: impl FnMut(&str) -> bool) -> Vec<usize> {
    let code = |line: &str| line.split("//").next().unwrap_or_default().to_owned();
    (1..)
        .zip(source.lines())
        .filter(|(_, line)| is_so(&code(line)))
        .map(|(number, _)| number)
        .collect()
}

/// What stands before and after each place where `word` is a whole word.
fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    code.match_indices(word).filter_map(move |(at, _)| {
        let (before, after) = (&code[..at], &code[at + word.len()..]);
        (!before.ends_with(is_part) && !after.starts_with(is_part)).then_some((before, after))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_a_crate_and_words_do_not() {
        let source = "\
//! axum::Router is not here
use axum::Router;
use axum;
let axum = maxum::new(my_axum::x); // axum::x
    Ok(axum::Json(1))
use crate::{axum_extra::X};
";
        assert_eq!(lines_naming_crate(source, "axum"), [2, 3, 5]);
    }

    #[test]
    fn modules_of_std_are_found_alone_and_in_groups() {
        let source = "\
use std::fmt;
use std::time::Duration;
use std::{borrow::Cow, time};
use std::{
    collections::HashMap,
    time::Instant,
};
let time = item.time;
";
        assert_eq!(lines_naming_std(source, "time"), [2, 3, 6]);
    }
}
