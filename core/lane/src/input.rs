//! What a lane is told: by the broker, the ledger, the attempts, the lease, the operators and the clock.

use std::sync::Arc;
use std::time::Duration;

use crate::action::WriteNumber;
use crate::moment::Moment;
use crate::settings::Plan;

/// The id of a dispatch, as its 128 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DispatchKey(pub u128);

/// What order is kept by: 128 bits that stand for source and subject together. Equal keys are the same subject, so
/// the caller draws them from a hash that does not collide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubjectKey(pub u128);

/// What the broker calls one delivery on one channel: given once, and growing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(pub u64);

/// A dispatch that the broker delivered.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// By which it is acked.
    pub tag: Tag,
    /// Which dispatch it is.
    pub dispatch: DispatchKey,
    /// What it is about.
    pub subject: SubjectKey,
    /// What its route says about failure.
    pub plan: Arc<Plan>,
    /// Whether the broker delivered it before.
    pub redelivered: bool,
    /// Whether the ledger knows how it ended: delivered, dead or discarded. Asked after every
    /// [`Input::Committed`] that this lane was told before this arrival.
    pub finished: bool,
}

/// A dispatch that the ledger keeps: loaded at the start, in the order of the ledger, which
/// is the order in which the lane asked for it to be written.
#[derive(Debug, Clone)]
pub struct Kept {
    /// Which dispatch it is.
    pub dispatch: DispatchKey,
    /// What it is about.
    pub subject: SubjectKey,
    /// What its route says about failure.
    pub plan: Arc<Plan>,
    /// As it was written last: how it stands.
    pub standing: Standing,
}

/// How a dispatch stands that the ledger keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is held.
    Held {
        /// Waits of the schedule that were begun, as written last.
        waits: u16,
        /// When it is tried next; at once, when it is the first of its subject and this is `None`.
        next: Option<Moment>,
    },
    /// It is a dead letter that holds its subject.
    Dead,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It arrived.
    Delivered,
    /// The target answered that it cannot now, and when it may be asked again.
    Transient(Option<Duration>),
    /// The target refused it for good.
    Permanent,
    /// The hub cannot make a message of it: the target was not asked.
    Unsendable,
    /// It was sent and no answer came: it may have arrived.
    Unknown,
    /// The target could not be reached at all.
    Down,
    /// Nobody came for it, and it was taken back from where it was on offer: nothing was tried.
    Recalled,
}

/// Why nothing starts although the lane could.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// An operator paused the target.
    Operator,
    /// The ledger is full, slow or gone: no attempt starts that could not be recorded.
    Ledger,
}

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Input {
    /// The broker delivered a dispatch.
    Arrived(Arrival),
    /// A publish was not confirmed, or its subject is held, the circuit open or the target paused: the dispatch goes
    /// to the holds without an attempt. For targets that read their own queue, and only for them.
    Unconfirmed(Arrival),
    /// No message can be made of a dispatch: it is a dead letter without an attempt, or waits for those before it. For the
    /// same targets.
    Unsendable(Arrival),
    /// The attempt at a dispatch ended.
    Ended(DispatchKey, Outcome),
    /// The ledger has every write up to this one.
    Committed(WriteNumber),
    /// Time passed, and nothing else.
    Passed,
    /// Nothing may start.
    Pause(Pause),
    /// What [`Input::Pause`] said for this reason holds no more.
    Resume(Pause),
    /// The lease was renewed before it ended, and now ends at this moment; the news may come late. Once the lane was told
    /// anything else behind the end of its lease, that is not renewed.
    Leased(Moment),
    /// The owner stops.
    Stop,
    /// The channel is closed and open again, after [`crate::Action::Rotate`].
    Reopened,
    /// The ledger has turned this dead letter into a hold.
    Redriven(Kept),
    /// The ledger has this dead letter as discarded.
    Discarded(DispatchKey),
    /// The subject of this dispatch does not wait for its next attempt any longer.
    ReleaseNow(DispatchKey),
}
