//! The hub in this process on the broker in memory, through thousands of runs of faults drawn from seeds. A run whose
//! seed fails is told with the command that runs it alone; its seed goes into `seeds.txt`, which always runs.
//!
//! A seed fixes the schedule, not the order in which tasks get to work: a failure that needs both may need some tries.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "what goes wrong here fails the test"
)]

mod facts;
mod oracle;
mod run;
mod schedule;
mod seeds;
mod shop;
mod till;
mod world;
