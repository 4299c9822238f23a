//! Named points between two steps, at each of which a debug build can be made to end as by SIGKILL: so every row of the
//! crash table in `docs/guarantees.md` is shown by a test. A release build has none, whatever its environment says.

use std::env;
use std::process::abort;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// The variable that says where to end: `<point>`, or `<point>:<n>` for the n-th time that the point is passed.
const FAIL_AT: &str = "POSTROOM_FAIL_AT";

/// A point between two steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailPoint {
    /// A source's events, or what is sent again, were sent to the broker, which has not answered.
    IntakeSent,
    /// A source's events are confirmed, and the cursor has not moved.
    IntakePublished,
    /// A source's batch is recorded as done, and not put away.
    IntakeDone,
    /// Events were decided, and nothing is published.
    IngressDecided,
    /// Dispatches are confirmed that others of their subject waited for, and those are not published.
    IngressPublishing,
    /// Every dispatch of events is answered for, and the ledger does not know.
    IngressPublished,
    /// The ledger has the outcome of events, and they are not acked.
    IngressRecorded,
    /// A lane is about to hand a message over.
    LaneStarted,
    /// A target has answered, and the ledger does not know.
    LaneAnswered,
    /// The ledger has what became of dispatches of a lane, and they are not acked.
    LaneRecorded,
    /// Dispatches are staged for a batch, and not acked.
    StagingRecorded,
    /// A target of batches has answered, and the ledger does not know.
    BatchAnswered,
    /// What was held for a queue is answered for by the broker, and the ledger does not know.
    ReleaseAnswered,
    /// What an officer decided is done in the ledger, and the job has not moved.
    RedriveRecorded,
    /// A replay is noted in the ledger, and nothing is published.
    ReplayNoted,
    /// A replay is confirmed, and the ledger does not know.
    ReplayPublished,
    /// What became of items of the work list is confirmed as events, and the ledger does not know.
    WorkPublished,
}

impl FailPoint {
    /// Every point, in the order of an event's way.
    pub const ALL: [Self; 17] = [
        Self::IntakeSent,
        Self::IntakePublished,
        Self::IntakeDone,
        Self::IngressDecided,
        Self::IngressPublishing,
        Self::IngressPublished,
        Self::IngressRecorded,
        Self::LaneStarted,
        Self::LaneAnswered,
        Self::LaneRecorded,
        Self::StagingRecorded,
        Self::BatchAnswered,
        Self::ReleaseAnswered,
        Self::RedriveRecorded,
        Self::ReplayNoted,
        Self::ReplayPublished,
        Self::WorkPublished,
    ];

    /// Its name, by which the environment names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::IntakeSent => "intake.sent",
            Self::IntakePublished => "intake.published",
            Self::IntakeDone => "intake.done",
            Self::IngressDecided => "ingress.decided",
            Self::IngressPublishing => "ingress.publishing",
            Self::IngressPublished => "ingress.published",
            Self::IngressRecorded => "ingress.recorded",
            Self::LaneStarted => "lane.started",
            Self::LaneAnswered => "lane.answered",
            Self::LaneRecorded => "lane.recorded",
            Self::StagingRecorded => "staging.recorded",
            Self::BatchAnswered => "batch.answered",
            Self::ReleaseAnswered => "release.answered",
            Self::RedriveRecorded => "redrive.recorded",
            Self::ReplayNoted => "replay.noted",
            Self::ReplayPublished => "replay.published",
            Self::WorkPublished => "work.published",
        }
    }

    /// Passes the point, or ends the process here: nothing is unwound, flushed, closed or told.
    pub(crate) fn pass(self) {
        static END: OnceLock<Option<End>> = OnceLock::new();
        if cfg!(debug_assertions)
            && let Some(end) = END.get_or_init(|| End::read(&env::var(FAIL_AT).ok()?))
            && end.is_here(self)
        {
            abort();
        }
    }
}

/// Where the process is to end.
struct End {
    point: FailPoint,
    /// How often the point is still to be passed.
    left: AtomicU32,
}

impl End {
    fn read(text: &str) -> Option<Self> {
        let (name, pass) = text.split_once(':').unwrap_or((text, "1"));
        let point = FailPoint::ALL.into_iter().find(|point| point.name() == name)?;
        Some(Self { point, left: AtomicU32::new(pass.parse().ok()?) })
    }

    fn is_here(&self, point: FailPoint) -> bool {
        self.point == point && self.left.fetch_sub(1, Ordering::Relaxed) == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_ends_the_nth_time_that_it_passes_the_point_that_is_named_and_at_no_other() {
        for (text, passes) in [("lane.answered:3", 3), ("lane.answered", 1)] {
            let end = End::read(text).expect("a point");
            for pass in 1..=passes {
                assert!(!end.is_here(FailPoint::LaneRecorded));
                assert_eq!(end.is_here(FailPoint::LaneAnswered), pass == passes, "{text}, pass {pass}");
            }
        }
        assert!(End::read("lane").is_none() && End::read("lane.answered:x").is_none());
    }
}
