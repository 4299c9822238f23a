//! The way of an event through the hub: decide, publish, record, ack; deliver, record, ack.
//!
//! What decides is pure ([`Decider`], [`RecordMapper`], `core/lane`); what acts does not decide. An ack or a cursor moves
//! only after the next holder has confirmed and the ledger has the outcome. The crate knows no connector by name and
//! no AMQP: it works on the ports of `core/connector` and `core/broker`.

mod attempt;
mod attempts;
mod batches;
mod case;
mod clock;
mod codes;
mod configuration;
mod decide;
mod decisions;
mod delivery;
mod desk;
mod duty;
mod entries;
mod exceptions;
mod expiry;
mod fail_point;
mod gauges;
mod golden;
mod halts;
mod head;
mod health;
mod ingress;
mod intake;
mod item;
mod journal;
mod keeper;
mod lane_job;
mod late;
pub mod lease;
mod lookups;
mod mapper;
mod outgoing;
mod overtaken;
mod poison;
mod publish;
mod receipts;
mod reconcile;
mod records;
mod redecide;
mod references;
mod refusals;
mod rehearsal;
mod replay;
mod resend;
mod retention;
mod returning;
mod session;
mod settle;
mod silence;
mod snapshot;
mod staging;
pub mod sums;
mod supervise;
mod table;
mod taker;
mod topology;
mod traced;
mod traffic;
mod unrouted;
mod unserved;
mod versions;
mod watch;
mod whatif;
mod work;
mod work_items;

pub use attempt::ATTEMPT_TIMEOUT;
pub use case::{CaseAsked, CaseError, NewCase, Seed, Unclassed, new_case};
pub use codes::{
    Code, DEAD_CODES, HOLD_CODES, LEFT_CODES, RECORD_CODES, business_reasons, meaning, of_input, of_rule,
};
pub use configuration::Configuration;
pub use decide::{Decider, Decision, Dispatch, Head, Unmappable, Verdict, Way};
pub use decisions::{DISCARD, Left, LetterSet, Outcome, REDRIVE};
pub use exceptions::Exceptions;
pub use expiry::{Certificates, InUse, OF_HUB, Own, days};
pub use fail_point::FailPoint;
pub use golden::prove_cases;
pub use halts::Halts;
pub use health::{Health, Unready};
pub use intake::{Again, OnProgress, Publishing, Taken, Tally};
pub use lookups::{UNKNOWN_CODE, UNKNOWN_REFERENCE};
pub use outgoing::{APP_ID, REPLAY_HEADER, ROUTE_HEADER, SOURCE_HEADER, SUBJECT_HEADER, TYPE_HEADER};
pub use overtaken::CODE as OVERTAKEN;
pub use poison::POISON_ATTEMPTS;
pub use publish::{PublishError, publish_batch, publish_events};
pub use reconcile::{Lost, PROPOSED_REPLAY, RECONCILE, accept_restore, lost, reconcile};
pub use records::{Change, Mapped, Origin, RecordMapper};
pub use redecide::{InvalidSet, REDRIVE_INVALID};
pub use references::{Asked, Known, References, Told, resolved};
pub use rehearsal::{Outlook, Rehearsal};
pub use replay::{
    Counts, Fate, Line, MOST_LINES, Plan, REPLAY, Request, Sent, plan, replaying, submit_replay,
};
pub use silence::is_silent;
pub use supervise::{Connect, DRAIN_TIMEOUT, Hub, HubError};
pub use table::Table;
pub use topology::topology;
pub use whatif::{
    Differences, Example, ExampleField, MOST_EXAMPLES, Reach, RouteDifferences, Standing, Trial, what_if,
};
pub use work_items::want_told;
