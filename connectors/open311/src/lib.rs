//! Open311 GeoReport v2, both ways: a server that takes reports and tells what became of them, and a client of others.
//!
//! [`Open311Source`] is the server. What it tells of requests it learns from messages that [`Open311Sink`] puts on its
//! board, or else that sink posts requests to the endpoint of another organisation. It does not know what a service is, nor
//! who does the work, and tells nobody who has reported something.

mod report;
mod server;
mod sink;
mod store;
mod writing;

pub use server::Open311Source;
pub use sink::Open311Sink;

/// The name of the kind in `system.toml`.
const NAME: &str = "open311";
