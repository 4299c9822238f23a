//! What a lane asks for. The caller does it in the order in which it was asked.

use std::time::Duration;

use crate::input::{DispatchKey, Tag};
use crate::moment::Moment;
use crate::settings::AfterDeadLetter;

/// The place of a write among all writes of a lane, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WriteNumber(pub u64);

/// Something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Start an attempt; its end is told by [`crate::Input::Ended`].
    Start(Attempt),
    /// Write to the ledger. Writes are committed in the order of their numbers, so that what is told by
    /// [`crate::Input::Committed`] has everything before it.
    Write(WriteNumber, DispatchKey, Write),
    /// Ack this delivery: the ledger has its dispatch.
    Ack(Tag),
    /// Log it: the target has been out of reach since.
    CircuitOpened {
        /// When the first of the failures was told.
        since: Moment,
    },
    /// Log it: the target is back.
    CircuitClosed {
        /// How long it was out of reach.
        after: Duration,
    },
    /// Close the channel, open it again, and say so by [`crate::Input::Reopened`]. What is unacked comes again.
    Rotate,
    /// Close the channel and drop the lane: nothing is under way any more.
    Drained,
}

/// An attempt at a dispatch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// Which dispatch.
    pub dispatch: DispatchKey,
    /// Where its bytes are.
    pub bytes: Bytes,
    /// Whether an earlier attempt may have arrived: a connector that can look it up does so first.
    pub look_up: bool,
    /// What the attempt is for.
    pub role: Role,
}

/// Where the bytes of a dispatch are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bytes {
    /// In the delivery that the caller has in hand.
    InHand,
    /// In the ledger: the stored message is sent again byte for byte.
    InLedger,
}

/// What an attempt is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// To deliver, beside others.
    Ordinary,
    /// To deliver alone, after an unclean stop: the caller notes `trying` in the ledger first (DESIGN 3.11).
    Careful,
    /// To find out whether the target can be reached again, and to deliver if so.
    Probe,
}

/// What is written about a dispatch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// It is held, behind every hold of its subject.
    Hold {
        /// Why.
        reason: HoldReason,
        /// Waits of the schedule that were begun.
        waits: u16,
        /// When it is tried next; `None` when it waits behind another.
        next: Option<Moment>,
    },
    /// It is held and was tried in vain.
    Retried {
        /// Waits of the schedule that were begun.
        waits: u16,
        /// When it is tried next.
        next: Moment,
    },
    /// It was delivered; its hold goes, if it had one.
    Receipt,
    /// It is a dead letter; its hold goes, if it had one.
    Dead {
        /// Why.
        reason: DeadReason,
        /// Whether it holds its subject: written with it, so that the next start knows.
        after: AfterDeadLetter,
    },
}

/// Why a dispatch is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldReason {
    /// Its retries in place took too long.
    FailedInPlace,
    /// It alone cannot reach the target, for too long to wait in place.
    OutOfReach,
    /// The target said when to come back, and that is later than a retry in place.
    RetryAfter,
    /// Too much was waiting in hand, and its subject waited longest.
    Crowded,
    /// Its subject is held.
    Behind,
    /// Its publish was not confirmed.
    Unconfirmed,
    /// Nothing may start, by an operator or because of the ledger: it is due when that is over.
    Paused,
}

/// Why a dispatch is a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeadReason {
    /// The target refused it for good.
    Refused,
    /// No message can be made of it.
    Unsendable,
    /// The retry schedule ran out.
    Exhausted,
}
