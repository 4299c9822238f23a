//! What the hub relies on in RabbitMQ, claim by claim, so that a new version is judged by running them
//! (`deploy/test --rabbitmq next --test claims`). What differs between generations stands here as code.
//!
//! Claims about what the port itself does are in the tests of the port, those of streams among them.

#![expect(clippy::unwrap_used, reason = "what goes wrong in a test fails it")]

mod alarm;
mod cluster;
mod limits;
mod order;
mod properties;
mod publishing;
mod retention;
mod unacked;
