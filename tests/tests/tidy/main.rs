//! The house rules that no lint can hold, as tests: each offence is told with its file, line and rule.
//!
//! Every rule is a function of a path and its text (or of the list of all paths), and is tried here on a planted offence:
//! a rule that cannot fail is a defect. Knows nothing of what the crates do.

mod connectors;
mod manifests;
mod mutants;
mod registers;
mod tree;
mod types;
mod unit;
mod words;

use tree::{Offence, Tree};

/// Fails with every offence, one a line.
fn none(offences: &[Offence]) {
    let told = offences.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert!(offences.is_empty(), "{} offences against the house rules:\n{told}", offences.len());
}

#[test]
fn the_walk_sees_the_house() {
    let tree = Tree::of_the_house();
    for path in ["Cargo.toml", "core/event/src/lib.rs", "tests/tests/tidy/main.rs", "deploy/demo"] {
        assert!(tree.text(path).is_some(), "{path} was not seen");
    }
    assert!(!tree.paths().any(|path| path.starts_with("target/") || path.starts_with(".git/")));
}

#[test]
fn no_line_holds_a_word_that_the_house_forbids() {
    none(&Tree::of_the_house().each(words::forbidden));
}

#[test]
fn no_file_is_too_long() {
    none(&Tree::of_the_house().each(words::size));
}

#[test]
fn every_module_says_first_what_it_is_for() {
    none(&Tree::of_the_house().each(words::preface));
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    none(&Tree::of_the_house().each(manifests::lints));
}

#[test]
fn the_arrows_between_the_crates_point_one_way() {
    none(&Tree::of_the_house().each(manifests::arrows));
}

#[test]
fn a_dependency_that_has_an_owner_is_named_by_nobody_else() {
    none(&Tree::of_the_house().each(manifests::owners));
}

#[test]
fn the_workspace_names_every_crate_and_no_other() {
    none(&manifests::members(&Tree::of_the_house()));
}

#[test]
fn a_connector_is_a_folder_and_two_lines() {
    none(&connectors::two_lines(&Tree::of_the_house()));
}

#[test]
fn every_connector_runs_the_whole_conformance_kit() {
    none(&connectors::kit(&Tree::of_the_house()));
}

#[test]
fn every_event_type_has_its_schema_and_examples_of_both_kinds() {
    let tree = Tree::of_the_house();
    let paths: Vec<&str> = tree.paths().collect();
    none(&types::incomplete(&paths));
}

#[test]
fn every_log_event_has_its_line_in_the_operators_page() {
    let names: Vec<&str> = postroom_telemetry::EVENTS.iter().map(|event| event.name).collect();
    let tree = Tree::of_the_house();
    none(&registers::missing("docs/logs.md", tree.text("docs/logs.md"), &names));
    none(&registers::surplus("docs/logs.md", tree.text("docs/logs.md"), &names));
}

#[test]
fn every_rule_that_refuses_has_its_line_in_the_page_of_codes() {
    let mut codes: Vec<&str> = postroom_event::Rule::ALL.iter().map(|rule| rule.code()).collect();
    codes.extend(postroom_format::RULES.iter().map(|(code, _)| *code));
    let tree = Tree::of_the_house();
    none(&registers::missing("docs/codes.md", tree.text("docs/codes.md"), &codes));
}

#[test]
fn every_point_at_which_the_hub_may_die_has_its_row_in_the_crash_table_and_every_row_its_test() {
    let points = postroom_router::FailPoint::ALL.map(postroom_router::FailPoint::name);
    let (tree, page) = (Tree::of_the_house(), "docs/guarantees.md");
    let text = tree.text(page);
    none(&registers::missing(page, text, &points));
    none(&registers::surplus(page, text, &points));
    let tests: Vec<&str> = tree.paths().filter(|path| path.starts_with("tests/tests/")).collect();
    let is_there = |name: &str| {
        let head = format!("fn {name}(");
        tests.iter().any(|path| tree.text(path).is_some_and(|text| text.contains(&head)))
    };
    none(&registers::unshown(page, text, is_there));
}
