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

/// A value of a person that stands in every record and every message of the checks.
pub const CANARY: &str = "Canary-7f3a Example";
/// A secret that stands where the settings of a ground name one, where it can choose it.
pub const SECRET: &str = "quite-secret-5d1c";
/// Longest wait for anything that must happen.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// That nothing of a person, and no secret, is in the words of an error, nor in what a developer would print of it.
pub(crate) fn tells_nothing(error: &(impl std::fmt::Display + std::fmt::Debug)) {
    for told in [format!("{error}"), format!("{error:?}")] {
        assert!(!told.contains("Canary-7f3a"), "a value of a person is in an error: {told}");
        assert!(!told.contains(SECRET), "a secret is in an error: {told}");
    }
}
