//! HTTP as a client, for whoever asks a system over it: the one way to make a client, to send a request within limits and
//! read its answer, and to tell what it means that none came. The only crate that names `reqwest`.
//!
//! [`client`] and [`Trust::client`] make a client, [`Peer::ask`] sends a request that it began. It does not know what a
//! request asks for, nor what an answer says.

mod address;
mod client;
mod exchange;
mod retry_after;
mod tls;
mod trust;

pub use address::{Plain, check_address};
pub use client::client;
pub use exchange::{Answer, Body, Peer, meaning};
pub use reqwest::{Client, Method, RequestBuilder, StatusCode, Url, header};
pub use trust::Trust;
