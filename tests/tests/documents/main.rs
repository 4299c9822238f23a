//! The documents that the program writes from a council's text, and the text that it scaffolds: asked of the program itself,
//! judged by whoever else reads such a form.
#![expect(clippy::expect_used, reason = "what cannot be asked or read fails the test")]

mod asyncapi;
mod catalogue;
mod config_schema;
mod examples;
mod map;
mod scaffold;

use std::path::Path;
use std::process::{Command, Output};

use postroom_tests::hub::program;

/// Runs the program on the council in `folder`, with an environment that tells it nothing.
fn postroom(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(program())
        .args(arguments)
        .env("POSTROOM_COUNCIL", folder)
        .env_remove("AMQP_URL")
        .env_remove("POSTROOM_DATA")
        .env_remove("POSTROOM_PREFIX")
        .output()
        .expect("the program can be run")
}

/// What it prints where it succeeds.
fn said(folder: &Path, arguments: &[&str]) -> String {
    let output = postroom(folder, arguments);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "postroom {arguments:?}: {complained}");
    String::from_utf8(output.stdout).expect("UTF-8")
}
