//! End-to-end tests, simulation, golden cases, the tidy test and the bench.

pub mod council;
pub mod http_target;
pub mod hub;
pub mod rabbitmq;
