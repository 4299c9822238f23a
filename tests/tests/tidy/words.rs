//! Rules on the lines of a file: words that are forbidden, sizes, and what a module says first.

use crate::tree::Offence;

const LONGEST_FILE_LINES: usize = 500;
const LONGEST_MAIN_LINES: usize = 60;

/// Where a word is forbidden.
#[derive(Clone, Copy)]
enum Where {
    Code,
    Rust,
    RustTests,
    RustOutside(&'static str),
    RustOutsideUnlessTests(&'static str),
    Everywhere,
}

/// The words, each taken apart so that this file does not hold it, with the rule.
const FORBIDDEN: [(Where, &str, &str); 20] = [
    (Where::Rust, concat!("#[", "allow"), "say #[expect(.., reason = \"..\")]"),
    (Where::Rust, concat!("#![", "allow"), "say #![expect(.., reason = \"..\")]"),
    (Where::Rust, concat!("#[", "ignore"), "a test that does not run is no test"),
    (Where::Rust, concat!("todo", "!"), "finish it, or leave it out"),
    (Where::Rust, concat!("unimplemented", "!"), "finish it, or leave it out"),
    (
        Where::RustTests,
        concat!("sleep", "("),
        "a test waits on a condition with a deadline, never for a time",
    ),
    (Where::Code, concat!("TO", "DO"), "finish it, or file an issue"),
    (Where::Code, concat!("FIX", "ME"), "finish it, or file an issue"),
    (Where::Code, concat!("XX", "X"), "finish it, or file an issue"),
    (Where::Everywhere, concat!("/wo", "rk/"), "no path of one machine"),
    (Where::Everywhere, concat!("/ro", "ot/"), "no path of one machine"),
    (Where::Everywhere, concat!("/ho", "me/"), "no path of one machine"),
    (Where::RustOutside("core/telemetry/"), concat!("info", "!("), LOGS),
    (Where::RustOutside("core/telemetry/"), concat!("warn", "!("), LOGS),
    (Where::RustOutside("core/telemetry/"), concat!("error", "!("), LOGS),
    (Where::RustOutside("core/telemetry/"), concat!("tracing::", "event!"), LOGS),
    (Where::RustOutsideUnlessTests("core/council/"), concat!("\"council", ".toml\""), LAYOUT),
    (Where::RustOutsideUnlessTests("core/council/"), concat!("\"system", ".toml\""), LAYOUT),
    (Where::RustOutsideUnlessTests("core/council/"), concat!("\"route", ".toml\""), LAYOUT),
    (Where::RustOutsideUnlessTests("core/council/"), concat!("\"purposes", ".toml\""), LAYOUT),
];

const LOGS: &str = "log through core/telemetry: one function a log event";
const LAYOUT: &str = "only core/council knows the layout of a council's folder";

impl Where {
    fn holds(self, path: &str, text: &str, in_test: bool) -> bool {
        let rust = path.ends_with(".rs");
        match self {
            Self::Code => is_code(path, text),
            Self::Rust => rust,
            Self::RustTests => rust && in_test,
            Self::RustOutside(home) => rust && !path.starts_with(home),
            Self::RustOutsideUnlessTests(home) => rust && !path.starts_with(home) && !in_test,
            Self::Everywhere => true,
        }
    }
}

/// Words that the house forbids.
pub(crate) fn forbidden(path: &str, text: &str) -> Vec<Offence> {
    let mut in_test = is_test(path);
    let mut offences = Vec::new();
    for (index, line) in text.lines().enumerate() {
        in_test |= line.trim_start().starts_with("#[cfg(test)]");
        for (place, word, rule) in FORBIDDEN {
            if has_word(line, word) && place.holds(path, text, in_test) {
                offences.push(Offence::new(path, index + 1, format!("`{word}`: {rule}")));
            }
        }
    }
    offences
}

/// Files longer than the house bears.
pub(crate) fn size(path: &str, text: &str) -> Vec<Offence> {
    let is_main = path == "main.rs" || path.ends_with("/src/main.rs");
    let limit = if is_main { LONGEST_MAIN_LINES } else { LONGEST_FILE_LINES };
    let counted = path.ends_with(".rs") || path.ends_with(".py") || is_shell(path, text);
    let lines = text.lines().count();
    if counted && lines > limit {
        return vec![Offence::new(path, limit + 1, format!("{lines} lines, and {limit} is the limit"))];
    }
    Vec::new()
}

/// Rust files that do not start by saying what they are for.
pub(crate) fn preface(path: &str, text: &str) -> Vec<Offence> {
    if path.ends_with(".rs") && !text.starts_with("//! ") {
        return vec![Offence::new(
            path,
            1,
            "a module starts `//!` with what it is for and what it does not know",
        )];
    }
    Vec::new()
}

/// Whether `word` stands in `line` and is not the end or the beginning of a longer one.
fn has_word(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let joined =
            |edge: Option<char>, beyond: Option<char>| edge.is_some_and(part) && beyond.is_some_and(part);
        // A path of one machine starts with `/`: what stands before it must not make it the inside of another path.
        let inside_a_path = word.starts_with('/') && before.is_some_and(part);
        !inside_a_path && !joined(word.chars().next(), before) && !joined(word.chars().next_back(), after)
    })
}

fn is_test(path: &str) -> bool {
    path.split('/').any(|part| part == "tests" || part == "tests.rs")
}

fn is_shell(path: &str, text: &str) -> bool {
    path.ends_with(".sh") || text.starts_with("#!/")
}

fn is_code(path: &str, text: &str) -> bool {
    [".rs", ".py", ".toml", ".md", ".vrl"].iter().any(|end| path.ends_with(end)) || is_shell(path, text)
}

#[test]
fn each_forbidden_word_is_caught_on_its_line() {
    for (place, word, _) in FORBIDDEN {
        let path = match place {
            Where::RustTests => "core/x/tests/y.rs",
            _ => "core/x/src/y.rs",
        };
        let found = forbidden(path, &format!("//! Fine.\nlet a = {word};\n"));
        assert_eq!(found.iter().map(|offence| offence.line).collect::<Vec<_>>(), [2], "{word}");
    }
}

#[test]
fn a_forbidden_word_is_let_be_where_it_is_at_home() {
    let check = |path: &str, line: &str, expected: usize| {
        assert_eq!(forbidden(path, line).len(), expected, "{path}: {line}");
    };
    check("core/telemetry/src/a.rs", concat!("tracing::info", "!(name)"), 0);
    check("core/router/src/a.rs", concat!("tracing::info", "!(name)"), 1);
    check("core/router/src/a.rs", concat!("my_info", "!(name)"), 0);
    check("core/router/src/a.rs", concat!("tokio::time::sleep", "(wait).await"), 0);
    check("core/router/src/a.rs", concat!("#[cfg(test)]\ntokio::time::sleep", "(wait).await"), 1);
    check("core/council/src/load.rs", concat!("join(\"system", ".toml\")"), 0);
    check("hub/src/load.rs", concat!("join(\"system", ".toml\")"), 1);
    check("docs/a.md", concat!("https://example.org/a/ho", "me/b"), 0);
    check("docs/a.md", concat!("see /ho", "me/someone"), 1);
    check("docs/a.md", concat!("MASTO", "DON"), 0);
}

#[test]
fn a_file_is_too_long_at_one_line_over_its_limit() {
    let check = |path: &str, lines: usize, expected: usize| {
        assert_eq!(size(path, &"#!/bin/sh\n".repeat(lines)).len(), expected, "{path} of {lines}");
    };
    check("core/x/src/y.rs", 500, 0);
    check("core/x/src/y.rs", 501, 1);
    check("hub/src/main.rs", 60, 0);
    check("hub/src/main.rs", 61, 1);
    check("deploy/demo", 501, 1);
    assert!(size("a.json", &"1\n".repeat(900)).is_empty());
}

#[test]
fn a_module_without_its_preface_is_caught() {
    assert_eq!(preface("core/x/src/y.rs", "use std::fmt;\n").len(), 1);
    assert!(preface("core/x/src/y.rs", "//! For this.\n").is_empty());
}
