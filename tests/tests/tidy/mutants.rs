//! Rules on the mutants of `tests/mutants`: each is a patch that still applies and a row of the table that names tests.
//! Whether those tests catch it is for `deploy/mutants` to find out.
#![expect(clippy::expect_used, reason = "a git that cannot be run fails the test")]
#![expect(clippy::print_stdout, reason = "a test that skips says so")]

use std::path::Path;
use std::process::Command;

use postroom_tests::council::house;

use crate::none;
use crate::tree::{Offence, Tree};

const TABLE: &str = "tests/mutants/table";
/// What the first line of a patch starts with: the promise that it breaks.
const PROMISE: &str = "Breaks: ";

/// Rows without a patch, patches without a row or a promise, and names of tests that no test has.
fn astray(tree: &Tree) -> Vec<Offence> {
    let mut offences = Vec::new();
    let functions = functions(tree);
    let rows: Vec<(usize, Vec<&str>)> = rows(tree.text(TABLE).unwrap_or_default()).collect();
    for (line, row) in &rows {
        let [mutant, _, _, tests @ ..] = row.as_slice() else {
            offences.push(Offence::new(
                TABLE,
                *line,
                "a row names a mutant, a package, a part of it, and tests",
            ));
            continue;
        };
        if tree.text(&patch(mutant)).is_none_or(|text| !text.starts_with(PROMISE)) {
            offences.push(Offence::new(
                TABLE,
                *line,
                format!("`{}` starts with \"{PROMISE}\"", patch(mutant)),
            ));
        }
        for test in tests {
            // What stands before it are its modules.
            let name = test.rsplit("::").next().unwrap_or(test);
            if functions.iter().any(|function| function.contains(name)) {
                continue;
            }
            offences.push(Offence::new(TABLE, *line, format!("no test is named `{test}`")));
        }
    }
    let named =
        |path: &str| rows.iter().any(|(_, row)| row.first().is_some_and(|mutant| patch(mutant) == path));
    let patches = tree.paths().filter(|path| path.ends_with(".patch"));
    offences.extend(
        patches
            .filter(|path| !named(path))
            .map(|path| Offence::new(path, 1, format!("a patch has its row in {TABLE}"))),
    );
    offences
}

fn rows(text: &str) -> impl Iterator<Item = (usize, Vec<&str>)> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.starts_with('#'));
    lines.map(|(index, line)| (index + 1, line.split_whitespace().collect()))
}

fn patch(mutant: &str) -> String {
    format!("tests/mutants/{mutant}.patch")
}

/// What follows each `fn ` in the house.
fn functions(tree: &Tree) -> Vec<&str> {
    let files = tree.paths().filter(|path| path.ends_with(".rs")).filter_map(|path| tree.text(path));
    files.flat_map(str::lines).filter_map(|line| Some(line.split_once("fn ")?.1)).collect()
}

/// Why a patch does not apply in `folder`, if it does not.
fn refused(folder: &Path, patch: &Path) -> Option<String> {
    // A copy of the house inside a repository of others is no part of that.
    let above = folder.parent().unwrap_or(folder);
    let mut command = Command::new("git");
    command.arg("apply").arg("--check").arg(patch).current_dir(folder).env("GIT_CEILING_DIRECTORIES", above);
    let output = command.output().expect("git can be run");
    (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

fn is_git_here() -> bool {
    let here = Command::new("git").arg("--version").output().is_ok();
    if !here {
        println!("skipped: without git nobody knows whether a patch applies");
    }
    here
}

#[test]
fn every_mutant_has_its_patch_and_names_tests_that_are_there() {
    none(&astray(&Tree::of_the_house()));
}

#[test]
fn every_mutant_still_applies() {
    if !is_git_here() {
        return;
    }
    let (tree, house) = (Tree::of_the_house(), house());
    let patches = tree.paths().filter(|path| path.ends_with(".patch"));
    let offence = |path: &str| {
        Some(Offence::new(path, 1, format!("it applies, but: {}", refused(&house, &house.join(path))?)))
    };
    none(&patches.filter_map(offence).collect::<Vec<_>>());
}

#[test]
fn a_mutant_without_its_other_half_and_a_test_that_is_gone_are_caught() {
    let check = |table: &str, expected: usize| {
        let files = [
            (TABLE, table),
            ("tests/mutants/a.patch", "Breaks: A promise.\n"),
            ("core/x/src/y.rs", "//! Y.\nfn it_holds_always() {}\n"),
        ];
        assert_eq!(astray(&Tree::planted(&files)).len(), expected, "{table}");
    };
    check("# mutant\na postroom-x lib y::it_holds\n", 0);
    check("# mutant\n", 1);
    check("a postroom-x lib it_holds\nb postroom-x lib it_holds\n", 1);
    check("a postroom-x lib it_fails\n", 1);
    check("a postroom-x\n", 1);
}

#[test]
fn a_patch_of_lines_that_are_not_there_is_caught() {
    if !is_git_here() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let place = |name: &str| folder.path().join(name);
    std::fs::write(place("a.txt"), "one\ntwo\n").expect("written");
    let check = |name: &str, line: &str, applies: bool| {
        let text =
            format!("{PROMISE}One.\n\n--- a/a.txt\n+++ b/a.txt\n@@ -1,2 +1,2 @@\n {line}\n-two\n+three\n");
        std::fs::write(place(name), text).expect("written");
        assert_eq!(refused(folder.path(), &place(name)).is_none(), applies, "{line}");
    };
    check("good.patch", "one", true);
    check("stale.patch", "once", false);
}
