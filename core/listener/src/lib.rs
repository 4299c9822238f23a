//! What is listened to over HTTP: one listener an address for all who ask for a path of it.
//!
//! Whoever claims an address and a path gets a bounded stream of requests, each read whole within limits, and answers
//! every one of them. This crate knows HTTP, TLS and the limits; it does not know what a request means or
//! what is behind a path. It never logs, and tells nobody of the paths of others.

mod answering;
mod asked;
mod certificates;
mod claims;
mod known;
mod limits;
mod proof;
mod rate;
mod refused;
mod registry;
mod serving;
mod strangers;
mod tls;
mod written;

pub use asked::{Answer, Asked, ClientCertificate, Reply};
pub use bytes::Bytes;
pub use claims::{Claim, Wanted, path_fault};
pub use hyper::header;
pub use hyper::{HeaderMap, Method, StatusCode};
pub use known::Known;
pub use limits::{Limits, Patience};
pub use proof::{Gate, Proof, WrittenBasic, WrittenCertificate, WrittenProofs};
pub use rate::{Rate, RateLimit};
pub use registry::{ClaimError, Listeners};
pub use strangers::{Strangers, Turned};
pub use tls::{Tls, TlsError};
pub use written::{LISTEN, WrittenPlace, WrittenTls, read_rate};
