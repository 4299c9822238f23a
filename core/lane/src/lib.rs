//! The order of a lane: which dispatch of one target starts, waits, is held, is given up or is acked, as a pure state
//! machine. Inputs in, actions out: no clock, no I/O, no random number, no bodies. It does not know brokers, ledgers,
//! connectors or routes; whoever drives it does what it asks for, in the order in which it asks, and says what came
//! of it. The same machine keeps the holds of a target that reads its own queue ([`Input::Unconfirmed`],
//! [`Input::Unsendable`]).
//!
//! # A dispatch
//!
//! | place | what is durable | acked | becomes |
//! |---|---|---|---|
//! | in hand | nothing | no | being kept (it, or its subject, is held; it is a dead letter that holds its subject); gone (receipt or other dead letter committed: ack); forgotten (rotation: the broker delivers it again) |
//! | being kept | nothing | no | held or dead, when the ledger has it (ack) |
//! | held | the hold | yes | gone (receipt or dead letter committed), dead |
//! | dead | the dead letter | yes | held (redriven), gone (discarded) |
//!
//! A second delivery of a dispatch that is in hand or being kept is acked with the first; of one that is held or dead,
//! at once. A dispatch whose end the ledger knows is acked at once.
//!
//! # A subject
//!
//! Its dispatches stand in one queue. Only the head is attempted, and the next is head when the ledger has the end of
//! the one before. When the ledger keeps any of them (held, dead, or on the way there) and none is in hand, what arrives is held behind.
//!
//! | phase of the head | until | then |
//! |---|---|---|
//! | ready | it is its turn, there is room, and nothing halts the lane | running |
//! | running | the attempt ends: delivered | recording the receipt |
//! | | transient or unknown, in hand | retrying; or recording holds of all in hand, when the time in place is used up or `Retry-After` is longer than it |
//! | | transient or unknown, held | recording the next wait; or the dead letter, when the schedule ran out |
//! | | refused or unsendable | recording the dead letter, and with `hold-subject` the holds of all in hand behind it |
//! | | down, in an outage | ready, behind all others |
//! | | recalled | ready, behind all others: nothing was tried, so nothing counts |
//! | | down, this subject alone | as transient, but a held one repeats its wait: it never counts on the schedule |
//! | retrying (in hand) | its wait ends | ready |
//! | | too many deliveries wait, and it has failed longest | recording holds of all in hand |
//! | resting (held) | its wait ends, or an operator releases it | ready |
//! | recording | the commit: receipt, or dead letter with `continue` | the next head: ready if it is in hand or held; recording while it is on its way there; blocked if it is dead; without one the subject is free |
//! | | the commit: hold or next wait | resting |
//! | | the commit: dead letter with `hold-subject` | blocked |
//! | blocked | redriven | ready, first of its subject |
//! | | discarded | the next head, as above |
//!
//! Subjects start in the order in which they became ready. A held dispatch that becomes head is tried at once.
//!
//! # The circuit
//!
//! | state | on | then |
//! |---|---|---|
//! | closed | down, of a second subject with nothing delivered between | open: [`Action::CircuitOpened`] |
//! | open | the wait for a probe ends | the subject that is ready longest is attempted: the only one at a time |
//! | | the probe ends in down | it goes behind all others; the next wait is longer |
//! | | the probe was unsendable | a dead letter; the next probe at once: the target was not asked |
//! | | the probe was recalled though it could wait | closed: it was on offer. Otherwise the next probe at once |
//! | | the probe ends in any other way | closed: [`Action::CircuitClosed`]. The target answered, and what it said counts |
//!
//! While it is open nothing else starts, nothing counts, and the time in place stands still (as it does in a pause).
//! What is in hand stays there beyond the share that waiters may have: the broker keeps the backlog in its order, and
//! nothing is held that a returned target would take at once. Rotation goes on.
//! An attempt that began before the last outage ended opens no circuit.
//!
//! # The lane
//!
//! | course | on | then |
//! |---|---|---|
//! | working | the oldest delivery is too old | winding down for a rotation |
//! | working, rotating, rotated | stop, or the lease ends | winding down for good |
//! | winding down | no attempt runs and no write is open | what is in hand is forgotten: [`Action::Rotate`] or [`Action::Drained`] |
//! | rotated | [`Input::Reopened`] | working; holds and circuit are as they were |
//!
//! Winding down starts nothing and takes nothing in, so what arrives then is left to come again. When the lease has
//! ended nothing is acked any more, whenever it was committed. The lane has no time limit for the ledger: a caller
//! whose writes do not commit in time closes the channel and drops the lane, which is always safe.
//!
//! After an unclean stop attempts run one at a time until everything redelivered, and every hold that was due at the
//! start, was tried ([`Role::Careful`]).
//!
//! # Skips
//!
//! Order per subject has one exception, which the caller lists: a dead letter that did not hold its subject
//! (`continue`) and is redriven goes behind what the subject has here.
//!
//! # Limits
//!
//! Unacked deliveries: the prefetch, kept by the caller. Holds: as many as the ledger has; the lane keeps ids only,
//! and each input costs a logarithm of them (but for the discarding of one dead letter behind another).

mod action;
mod arriving;
mod book;
mod circuit;
mod ending;
mod input;
mod lane;
mod moment;
mod pending;
mod settings;

pub use action::{Action, Attempt, Bytes, DeadReason, HoldReason, Role, Write, WriteNumber};
pub use input::{Arrival, DispatchKey, Input, Kept, Outcome, Pause, Standing, SubjectKey, Tag};
pub use lane::{Counts, Lane};
pub use moment::Moment;
pub use settings::{
    AfterDeadLetter, CONCURRENCY, FIRST_PROBE, FIRST_WAIT, IN_PLACE, LONGEST_PROBE, LONGEST_RETRY_AFTER,
    LONGEST_WAIT, LastStop, OLDEST_UNACKED, PREFETCH, Plan, RETRY, ROTATION_NEEDS, Settings,
};
