//! What goes wrong, against a real RabbitMQ and the real program: nothing accepted is lost, nothing is done twice, and
//! what is refused says why.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "what goes wrong here fails the test")]

mod broker;
mod files;
mod kills;
mod lanes;
mod officers;
mod privacy;
mod publishing;
mod simulation;
mod work;
