//! What takes the dispatches of a desk, and what follows from that: which holds of the ledger are the desk's own, and how
//! its lane waits. Knows how the ledger's ids stand in a lane, and nothing of what is done with them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use postroom_event::DispatchId;
use postroom_lane::{AfterDeadLetter, DispatchKey, Kept, Moment, Plan, Standing, SubjectKey};
use postroom_ledger::{BlockedSubject, HoldRow, LANE_FULL};
use uuid::Uuid;

use crate::decisions::REDRIVEN_FIRST;
use crate::session::{Session, WorkerError};

/// How long a dispatch waits before the queue of its lane is asked to take it again.
const BEFORE_LANE: Duration = Duration::from_secs(1);

/// What takes the dispatches of a desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taker {
    /// The target, by its connector.
    Sink,
    /// The target, which comes for what its connector has on offer: how long it takes is no failure.
    Puller,
    /// The queue that the target reads.
    Queue,
    /// The queue of the target's lane: what it does not take waits for it, and is mapped and delivered behind it.
    Lane,
}

/// What the routes of a target say about failure, by route.
pub(crate) type Plans = HashMap<Arc<str>, Arc<Plan>>;

impl Taker {
    /// What the routes of `target` say, and everything that the ledger keeps for the taker of what is `ours` by its
    /// CloudEvents source, in order.
    pub(crate) async fn load(
        self,
        session: &Session,
        target: &str,
        ours: impl Fn(&str) -> bool,
    ) -> Result<(Plans, Vec<Kept>), WorkerError> {
        let routes = session.council.routes.iter().filter(|route| *route.to == *target);
        let plans = routes.map(|route| (Arc::clone(&route.name), Arc::new(self.plan(route)))).collect();
        let (blocked, holds) = (session.ledger.blocked(target).await?, session.ledger.holds(target).await?);
        let dead = blocked.iter().filter(|dead| self != Self::Lane && ours(&dead.source)).map(dead_head);
        let held = holds.iter().filter(|hold| self.takes(&hold.code) && ours(&hold.source));
        // The head of a subject that an officer sends again was held last and goes first.
        let (first, others): (Vec<_>, Vec<_>) = held.partition(|hold| hold.code == REDRIVEN_FIRST);
        let held = first.into_iter().chain(others).map(|hold| self::held(hold, &plans));
        let kept = dead.chain(held).collect();
        Ok((plans, kept))
    }

    /// Whether a hold with this code is for it: what a lane has is no longer on its way there.
    fn takes(self, code: &str) -> bool {
        match self {
            Self::Sink | Self::Puller => code != LANE_FULL,
            Self::Queue => true,
            Self::Lane => code == LANE_FULL,
        }
    }

    /// How long what failed is retried in hand. Whoever pulls may come for it only in the night: each failure that it tells counts
    /// on the schedule.
    pub(crate) fn in_place(self, session: &Session) -> Duration {
        if self == Self::Puller { Duration::ZERO } else { session.council.in_place }
    }

    /// Whether attempts are made with care after an unclean stop. What is on offer only lies there, and would keep all others
    /// waiting.
    pub(crate) fn is_careful(self, session: &Session) -> bool {
        self != Self::Puller && session.is_careful()
    }

    fn plan(self, route: &postroom_council::Route) -> Plan {
        let after_dead_letter = match route.after_dead_letter {
            postroom_council::AfterDeadLetter::HoldSubject => AfterDeadLetter::HoldSubject,
            postroom_council::AfterDeadLetter::Continue => AfterDeadLetter::Continue,
        };
        // A queue that is full is asked again soon, and what it does not take is never given up.
        let retry = if self == Self::Lane { vec![BEFORE_LANE] } else { route.retry.clone() };
        Plan { retry, after_dead_letter }
    }
}

fn dead_head(blocked: &BlockedSubject) -> Kept {
    Kept {
        dispatch: key(blocked.dispatch),
        subject: subject(&blocked.source, &blocked.subject),
        plan: Arc::default(),
        standing: Standing::Dead,
    }
}

fn held(hold: &HoldRow, plans: &Plans) -> Kept {
    Kept {
        dispatch: key(hold.dispatch),
        subject: subject(&hold.source, &hold.subject),
        plan: plans.get(hold.route.as_str()).cloned().unwrap_or_default(),
        standing: Standing::Held { waits: hold.waits, next: hold.next_at.map(Moment::from_micros) },
    }
}

/// A dispatch, as a lane knows it.
pub(crate) fn key(dispatch: DispatchId) -> DispatchKey {
    DispatchKey(dispatch.0.as_u128())
}

/// A dispatch, as the ledger knows it.
pub(crate) fn id(dispatch: DispatchKey) -> DispatchId {
    DispatchId(Uuid::from_u128(dispatch.0))
}

/// A subject of a source, as a lane knows it.
pub(crate) fn subject(source: &str, subject: &str) -> SubjectKey {
    // No attribute holds a line feed.
    let name = format!("{source}\n{subject}");
    SubjectKey(Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).as_u128())
}
