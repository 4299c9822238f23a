//! What every connector must keep, as checks that its own tests run on a real system, which they bring as a ground.
//!
//! The checks know no connector. Each panics where a promise is broken, with the promise in its words; a test calls one of
//! them, under the name of what it promises. It is no part of the program: the feature `conformance` brings it.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "support for tests: what goes wrong here fails the test"
)]

mod hub;
mod settings;
pub mod sink;
pub mod source;

pub use settings::{check_opens_nothing, settings_errors_name_their_key};

use std::time::Duration;

use crate::Settings;

/// A value of a person that stands in every record and every message of the checks.
pub const CANARY: &str = "Canary-7f3a Example";
/// A secret for the settings of a ground, where it can choose it.
pub const SECRET: &str = "quite-secret-5d1c";
/// Longest wait for anything that must happen.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// What no error may hold: [`SECRET`], and the secrets of a ground.
pub(crate) struct Secrets(Vec<String>);

impl Secrets {
    /// Those that a ground with these settings says; each must stand in them, or in a file of their data folder.
    pub(crate) fn of(settings: &Settings, mut said: Vec<String>) -> Self {
        let files = settings::tree(&settings.data).into_iter().filter_map(|file| std::fs::read(file).ok());
        let used: Vec<String> = files.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect();
        let used = format!("{:?}{}", settings.table, used.concat());
        for secret in &said {
            assert!(!secret.is_empty() && used.contains(secret), "a secret that nothing uses proves nothing");
        }
        said.push(SECRET.to_owned());
        Self(said)
    }

    /// That nothing of a person, and no secret, is in the words of an error, nor in what a developer would print of it.
    pub(crate) fn untold_by(&self, error: &(impl std::fmt::Display + std::fmt::Debug)) {
        for told in [format!("{error}"), format!("{error:?}")] {
            assert!(!told.contains("Canary-7f3a"), "a value of a person is in an error: {told}");
            let is_told = self.0.iter().any(|secret| told.contains(secret));
            assert!(!is_told, "a secret is in an error: {told}");
        }
    }
}
