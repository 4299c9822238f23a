//! End-to-end tests, simulation, golden cases, the tidy test and the bench.

pub mod council;
pub mod demo;
pub mod dice;
pub mod http_target;
pub mod hub;
pub mod long_run;
pub mod marked;
pub mod ports;
pub mod rabbitmq;
