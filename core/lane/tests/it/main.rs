//! The lane, tried: each rule by name, a random walk against a model, and 100,000 holds.
#![expect(clippy::expect_used, clippy::panic, reason = "what does not hold fails the test")]

mod breaker;
mod careful;
mod dead_letters;
mod duplicates;
mod ending;
mod holds;
mod in_place;
mod model;
mod order;
mod recalls;
mod rig;
mod rotation;
mod scale;
mod walk;
mod watch;
mod world;
