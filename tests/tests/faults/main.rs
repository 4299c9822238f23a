//! What goes wrong, against a real RabbitMQ and the real program: nothing accepted is lost, nothing is done twice, and
//! what is refused says why.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "what goes wrong here fails the test"
)]

mod batches;
mod bindings;
mod broker;
mod careful;
mod certificates;
mod clock;
mod crashes;
mod fetching;
mod files;
mod filters;
mod hands;
mod health;
mod http;
mod hubs;
mod kills;
mod lanes;
mod lookups;
mod meddling;
mod officers;
mod outages;
#[path = "../../../core/ledger/tests/it/server.rs"]
mod postgres;
mod privacy;
mod publishing;
mod pulling;
mod queues;
mod receipts;
mod reconcile;
mod reloading;
mod replay;
mod restore;
mod rig;
mod rules;
mod simulation;
mod skips;
mod sources;
mod status;
mod subjects;
mod sums;
mod unsendable;
mod versions;
mod webhooks;
mod whatif;
mod work;
mod worklist;
mod xrefs;
