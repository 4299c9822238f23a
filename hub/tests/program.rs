//! The program as a shell meets it: help and exit codes.

#![expect(clippy::expect_used, reason = "what goes wrong here fails the test")]

use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_postroom")).args(arguments).output().expect("the program can be run")
}

#[test]
fn help_names_every_command_of_the_readme() {
    let help = run(&["--help"]);
    assert!(help.status.success());
    let said = String::from_utf8_lossy(&help.stdout).into_owned();
    for command in [
        "run", "check", "explain", "publish", "status", "trace", "holds", "worklist", "dead", "invalid",
        "jobs",
    ] {
        assert!(said.lines().any(|line| line.trim_start().starts_with(command)), "{command}: {said}");
    }
}

#[test]
fn a_command_that_does_not_exist_is_a_wrong_command_line() {
    let output = run(&["deliver-everything"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("deliver-everything"));
}
