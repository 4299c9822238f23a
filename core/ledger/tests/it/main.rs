//! The ledger on a real file.
#![expect(clippy::expect_used, reason = "helpers of tests")]

mod delivering;
mod importing;
mod reading;
mod recording;
mod support;
