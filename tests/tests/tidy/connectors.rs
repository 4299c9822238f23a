//! Rules on connectors: the house names each in two lines, and each runs the whole conformance kit.

use std::collections::BTreeSet;

use crate::tree::{Offence, Tree};

/// Where a connector is named outside its folder: its crate, and its kinds.
const TWO_LINES: [&str; 2] = ["hub/Cargo.toml", "hub/src/registry.rs"];
/// Whose text may name connectors beside: that is of tests, and of the example.
const NOT_OF_THE_HOUSE: [&str; 2] = ["tests/", "deploy/"];
/// The pattern, which the hub does not know.
const PATTERN: &str = "template";

const OF_ALL: &[&str] = &["settings_errors_name_their_key", "check_opens_nothing"];
const OF_SOURCES: &[&str] = &[
    "nothing_is_lost_or_doubled",
    "what_is_taken_is_not_read_again",
    "what_came_to_nothing_comes_again",
    "it_says_in_time_that_nothing_came",
    "a_system_that_is_away_is_told",
];
const OF_SINKS: &[&str] =
    &["each_trouble_has_its_meaning_and_costs_nothing", "what_comes_again_takes_effect_once"];
/// Checks that cannot be kept, and why.
const NOT_KEPT: [(&str, &str, &str); 1] = [(
    "notify",
    "what_comes_again_takes_effect_once",
    "Notify sends again what has a reference that it knows",
)];

/// The names of the connectors' folders.
fn connectors(tree: &Tree) -> BTreeSet<&str> {
    tree.paths()
        .filter_map(|path| path.strip_prefix("connectors/")?.strip_suffix("/Cargo.toml"))
        .filter(|name| !name.contains('/'))
        .collect()
}

/// Places that name a connector and are none of its two lines, and connectors that lack one of these.
pub(crate) fn two_lines(tree: &Tree) -> Vec<Offence> {
    let mut offences = Vec::new();
    for name in connectors(tree) {
        let (own, crate_name) = (format!("connectors/{name}/"), format!("postroom-connector-{name}"));
        let words = [crate_name.replace('-', "_"), crate_name, own.trim_end_matches('/').to_owned()];
        let elsewhere = tree.paths().filter(|path| {
            let is_code = path.ends_with(".rs") || path.ends_with(".toml");
            is_code && !NOT_OF_THE_HOUSE.iter().chain([&own.as_str()]).any(|other| path.starts_with(other))
        });
        let naming: Vec<(&str, usize)> = elsewhere
            .filter_map(|path| {
                let names = |line: &str| words.iter().any(|word| names_whole(line, word));
                Some((path, tree.text(path)?.lines().position(names)? + 1))
            })
            .collect();
        let extra = naming.iter().filter(|(path, _)| !TWO_LINES.contains(path));
        let rule = "a connector is named by its line in hub/Cargo.toml and in hub/src/registry.rs only";
        offences.extend(extra.map(|(path, line)| Offence::new(path, *line, rule)));
        let expected = if name == PATTERN { 0 } else { TWO_LINES.len() };
        if naming.iter().filter(|(path, _)| TWO_LINES.contains(path)).count() != expected {
            offences.push(Offence::new(&format!("{own}Cargo.toml"), 1, rule));
        }
    }
    offences
}

/// Whether `line` holds `word`, and no longer name that begins with it; not in a comment of the sources.
fn names_whole(line: &str, word: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    code.match_indices(word).any(|(at, _)| {
        let next = code.get(at + word.len()..).and_then(|rest| rest.chars().next());
        !next.is_some_and(|next| next.is_ascii_alphanumeric() || next == '-')
    })
}

/// Connectors that do not run a check of the kit, and exceptions that are none.
pub(crate) fn kit(tree: &Tree) -> Vec<Offence> {
    let mut offences = Vec::new();
    for name in connectors(tree) {
        let own = format!("connectors/{name}/");
        let of_it: Vec<&str> =
            tree.paths().filter(|path| path.starts_with(&own)).filter_map(|path| tree.text(path)).collect();
        let has = |words: &str| of_it.iter().any(|text| text.contains(words));
        let sides =
            [(true, OF_ALL), (has("impl SourceKind for"), OF_SOURCES), (has("impl SinkKind for"), OF_SINKS)];
        for check in sides.into_iter().filter(|(is_so, _)| *is_so).flat_map(|(_, checks)| checks) {
            let exempt = NOT_KEPT.iter().any(|(kind, what, _)| (*kind, what) == (name, check));
            let rule = match (of_it.iter().any(|text| calls(text, check)), exempt) {
                (false, false) => format!("the tests of a connector call `{check}` of the conformance kit"),
                (true, true) => format!("`{check}` is called, so it is no exception"),
                _ => continue,
            };
            offences.push(Offence::new(&format!("{own}Cargo.toml"), 1, rule));
        }
    }
    offences
}

/// Whether a text calls a function, and does not only say the name, as in that of a test.
fn calls(text: &str, function: &str) -> bool {
    text.match_indices(function).any(|(at, _)| {
        let (before, after) = (text.get(..at).unwrap_or_default(), text.get(at + function.len()..));
        let is_longer = before.ends_with(|last: char| last.is_alphanumeric() || last == '_');
        !is_longer && !before.ends_with("fn ") && after.is_some_and(|after| after.starts_with('('))
    })
}

#[test]
fn a_connector_that_needs_a_third_line_is_caught() {
    let planted = |more: &[(&'static str, &'static str)]| {
        let mut files = vec![
            ("connectors/fax/Cargo.toml", "[package]"),
            ("hub/Cargo.toml", "postroom-connector-fax = { path = \"../connectors/fax\" }"),
            ("hub/src/registry.rs", ".with_sink(postroom_connector_fax::FaxSink)"),
            ("connectors/template/Cargo.toml", "[package]"),
        ];
        files.extend_from_slice(more);
        two_lines(&Tree::planted(&files)).len()
    };
    assert_eq!(planted(&[]), 0);
    assert_eq!(planted(&[("core/router/src/lib.rs", "// as postroom_connector_fax does")]), 0, "a comment");
    assert_eq!(planted(&[("Cargo.toml", "postroom-connector-faxes")]), 0, "another name");
    assert_eq!(planted(&[("Cargo.toml", "postroom-connector-fax = { path = \"connectors/fax\" }")]), 1);
    assert_eq!(planted(&[("connectors/mail/Cargo.toml", "[package]")]), 1, "one that the hub does not know");
}

#[test]
fn a_connector_that_leaves_a_check_out_is_caught() {
    let lacks = |text: &str| {
        let all = [OF_ALL, OF_SINKS].concat().into_iter().filter(|check| *check != text);
        let calls: String = all.map(|check| format!("{check}(&mut Fax::new()).await;\n")).collect();
        let files = [
            ("connectors/fax/Cargo.toml", "[package]"),
            ("connectors/fax/src/lib.rs", "impl SinkKind for FaxSink {"),
            ("connectors/fax/tests/fax.rs", calls.as_str()),
        ];
        kit(&Tree::planted(&files)).len()
    };
    assert_eq!(lacks(""), 0);
    assert_eq!(lacks("check_opens_nothing"), 1);
    assert_eq!(lacks("what_comes_again_takes_effect_once"), 1);
    assert!(!calls("async fn check_opens_nothing() {", "check_opens_nothing"), "a test of that name");
    assert!(calls("conformance::check_opens_nothing(|", "check_opens_nothing"));
}
