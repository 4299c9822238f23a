//! The way of an event through the hub: decide, publish, record, ack; deliver, record, ack.
//!
//! What decides is pure ([`Decider`], [`RecordMapper`], `core/lane`); what acts does not decide. An ack or a cursor moves
//! only after the next holder has confirmed and the ledger has the outcome. The crate knows no connector by name and
//! no AMQP: it works on the ports of `core/connector` and `core/broker`.

mod attempt;
mod batches;
mod codes;
mod decide;
mod decisions;
mod delivery;
mod entries;
mod golden;
mod ingress;
mod intake;
mod item;
mod lane_job;
mod outgoing;
mod poison;
mod publish;
mod records;
mod session;
mod staging;
mod supervise;
mod table;
mod watch;
mod work;

pub use attempt::ATTEMPT_TIMEOUT;
pub use codes::{DEAD_CODES, HOLD_CODES, RECORD_CODES};
pub use decide::{Decider, Decision, Dispatch, Head, Unmappable, Verdict, Way};
pub use decisions::{DISCARD, REDRIVE};
pub use golden::prove_cases;
pub use intake::{Again, OnProgress, Publishing, Taken, Tally};
pub use outgoing::{APP_ID, ROUTE_HEADER, SOURCE_HEADER, SUBJECT_HEADER, TYPE_HEADER};
pub use poison::POISON_ATTEMPTS;
pub use publish::{PublishError, publish_batch, publish_events};
pub use records::{Mapped, Origin, RecordMapper};
pub use supervise::{Connect, DRAIN_TIMEOUT, Hub, HubError};
pub use table::Table;
