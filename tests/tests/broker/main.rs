//! The broker's port against a real RabbitMQ.

#![expect(clippy::unwrap_used, reason = "what goes wrong in a test fails it")]

mod consuming;
mod declaring;
mod publishing;
mod reading;
mod session;

/// What a consumer of these tests may hold unacked.
const PREFETCH: u16 = 1_000;
