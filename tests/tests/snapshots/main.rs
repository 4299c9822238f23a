//! A source of snapshots in this process: the connector of files or of HTTP, the ledger in a file, and the broker in memory. What is
//! told of each record is what the ingress of its system holds.

#![expect(clippy::expect_used, clippy::panic, reason = "what goes wrong here fails the test")]

mod killed;
mod polled;
mod told;
mod world;
