//! One dispatch in the hands of its lane: what it needs to be attempted, and what the ledger is told of it.

use std::sync::Arc;
use std::time::Duration;

use postroom_connector::{ConnectorError, Failure, Outgoing, Receipt};
use postroom_lane::{AfterDeadLetter, DeadReason, HoldReason, Write};
use postroom_ledger::{
    Attempt, AttemptOutcome, DeadLetter, Delivered, Dispatch, Entry, HeldDispatch, LANE_FULL, Message,
    Reason, Whole,
};
use postroom_telemetry as telemetry;

use crate::decide::Unmappable;
use crate::entries::{connector_reason, refused_code};
use crate::{health, traced};

/// Longest technical detail that is kept of an attempt, in characters.
const MAX_DETAIL_CHARS: usize = 500;

/// A dispatch that was taken from the lane's queue or from the holds.
pub(crate) struct Work {
    pub(crate) dispatch: Dispatch,
    /// CloudEvents source: with the subject it names what is kept in order.
    pub(crate) source: Arc<str>,
    pub(crate) event: Whole,
    pub(crate) outgoing: Result<Outgoing, Unmappable>,
    /// The message in the very bytes in which it was sent before, if it was.
    stored: Option<Message>,
    /// Attempts made, in this session and before.
    pub(crate) attempts: u32,
    /// Those that failed and are not in the ledger yet.
    failed: Vec<Attempt>,
    /// What the last one said.
    last: Option<ConnectorError>,
    receipt: Receipt,
}

/// How one attempt went.
pub(crate) struct Tried {
    /// When it began, in microseconds since the epoch.
    pub(crate) started_at: i64,
    pub(crate) took: Duration,
    pub(crate) result: Result<Receipt, ConnectorError>,
}

impl Work {
    pub(crate) fn new(
        dispatch: Dispatch,
        source: Arc<str>,
        event: Whole,
        outgoing: Result<Outgoing, Unmappable>,
    ) -> Self {
        let (failed, last, receipt) = (Vec::new(), None, Receipt::default());
        Self { dispatch, source, event, outgoing, stored: None, attempts: 0, failed, last, receipt }
    }

    /// A dispatch from the holds that must not be read again.
    pub(crate) fn unread(held: HeldDispatch, why: Unmappable) -> Self {
        let HeldDispatch { dispatch, source, event, attempts, .. } = held;
        Self::new(dispatch, source, event, Err(why)).after(attempts)
    }

    /// A dispatch that goes on as its event came: it is mapped by its lane.
    pub(crate) fn unmapped(dispatch: Dispatch, source: Arc<str>, event: Whole) -> Self {
        let outgoing = Outgoing {
            dispatch: dispatch.id,
            event_type: dispatch.event_type.to_string(),
            subject: dispatch.subject.clone(),
            message: Arc::default(),
            traceparent: None,
        };
        Self::new(dispatch, source, event, Ok(outgoing))
    }

    /// The same, whose message was sent before, or tried to be, in these bytes.
    pub(crate) fn stored(self, stored: Option<Message>) -> Self {
        Self { stored, ..self }
    }

    /// The message in the bytes in which it is kept and sent, if there is one.
    pub(crate) fn message(&self) -> Option<Message> {
        self.stored.clone().or_else(|| {
            let message = &self.outgoing.as_ref().ok()?.message;
            let bytes = serde_json::to_vec(&**message).unwrap_or_default();
            Some(Message { bytes, content_type: Some("application/json".to_owned()) })
        })
    }

    /// The same, attempted so often before.
    pub(crate) fn after(self, attempts: u32) -> Self {
        Self { attempts, ..self }
    }

    /// The reference that the target gave when it took it.
    pub(crate) fn reference(&self) -> Option<&str> {
        self.receipt.reference.as_deref()
    }

    /// Notes an attempt.
    pub(crate) fn tried(&mut self, tried: Tried) {
        self.attempts += 1;
        let (went, took) = (traced::outcome(&tried.result), tried.took.as_secs_f64());
        telemetry::attempt_took(&self.dispatch.target, went, took);
        match tried.result {
            Ok(receipt) => self.receipt = receipt,
            Err(error) => {
                if error.failure != Failure::Down {
                    let (target, route) = (&self.dispatch.target, &self.dispatch.route);
                    let id = self.dispatch.id.to_string();
                    telemetry::dispatch_retried(target, route, &id, self.attempts, &error.to_string());
                }
                self.failed.push(failed(self.attempts, (tried.started_at, tried.took), &error));
                self.last = Some(error);
            }
        }
    }

    /// The attempts that failed and are not in the ledger yet, where it is let go before it ends.
    pub(crate) fn attempts_that_failed(self) -> Option<Entry> {
        let (dispatch, attempts) = (self.dispatch.id, self.failed);
        (!attempts.is_empty()).then_some(Entry::Attempts { dispatch, attempts })
    }

    /// What the ledger is told when the lane asks for `write` at `at`, and the log with it.
    pub(crate) fn write(mut self, write: Write, at: i64) -> Vec<Entry> {
        let (dispatch, failed) = (self.dispatch.id, std::mem::take(&mut self.failed));
        let mut entries = Vec::with_capacity(3);
        match write {
            Write::Receipt => {
                if let Some(taken_at) = traced::taken_at(&self.event.headers) {
                    telemetry::delivery_took(&self.dispatch.target, health::seconds(at - taken_at));
                }
                entries.push(Entry::Delivered(Delivered {
                    dispatch: self.dispatch.clone(),
                    attempts: self.attempts,
                    at,
                    reference: self.receipt.reference.take(),
                }));
            }
            Write::Retried { waits, next } => {
                let (attempts, next_at) = (self.attempts, Some(next.micros()));
                // Nothing is retried that was not tried.
                return failed
                    .into_iter()
                    .map(|attempt| Entry::Retried { dispatch, attempts, waits, next_at, attempt })
                    .collect();
            }
            Write::Hold { reason, waits, next } => {
                entries.push(Entry::Held(self.hold(
                    reason,
                    waits,
                    next.map(postroom_lane::Moment::micros),
                    at,
                )));
            }
            Write::Dead { reason, after } => {
                let source = Arc::clone(&self.source);
                entries.push(Entry::Dead(self.dead(reason, at)));
                if after == AfterDeadLetter::HoldSubject {
                    entries.push(Entry::Blocks { dispatch, source });
                }
            }
        }
        if !failed.is_empty() {
            entries.push(Entry::Attempts { dispatch, attempts: failed });
        }
        entries
    }

    /// The same, of a dispatch that the queue of its lane does not take.
    pub(crate) fn write_before_lane(self, write: Write, at: i64) -> Option<Entry> {
        let Write::Hold { reason, waits, next } = write else {
            // A queue never gives a dispatch up: what it does not take is tried again.
            return (write == Write::Receipt).then(|| Entry::Entered(vec![self.dispatch.id], at));
        };
        let words = "the queue of its lane takes no more messages".to_owned();
        if reason != HoldReason::Behind {
            let (target, route) = (&self.dispatch.target, &self.dispatch.route);
            telemetry::dispatch_held(target, route, &self.dispatch.id.to_string(), LANE_FULL, &words);
        }
        Some(Entry::Held(HeldDispatch {
            dispatch: self.dispatch,
            source: self.source,
            event: self.event,
            message: None,
            reason: Reason { code: LANE_FULL.to_owned(), words, detail: String::new() },
            attempts: 0,
            waits,
            next_at: next.map(postroom_lane::Moment::micros),
            at,
        }))
    }

    fn hold(self, reason: HoldReason, waits: u16, next_at: Option<i64>, at: i64) -> HeldDispatch {
        let (code, words) = hold_words(reason);
        let (words, detail) = match &self.last {
            Some(error) if reason != HoldReason::Behind => (error.words.clone(), error.detail.clone()),
            _ => (words.to_owned(), String::new()),
        };
        if reason != HoldReason::Behind {
            let (target, route) = (&self.dispatch.target, &self.dispatch.route);
            telemetry::dispatch_held(target, route, &self.dispatch.id.to_string(), code, &words);
        }
        let message = self.message();
        HeldDispatch {
            dispatch: self.dispatch,
            source: self.source,
            event: self.event,
            message,
            reason: Reason { code: code.to_owned(), words, detail },
            attempts: self.attempts,
            waits,
            next_at,
            at,
        }
    }

    fn dead(self, reason: DeadReason, at: i64) -> DeadLetter {
        let reason = match (reason, self.last, &self.outgoing) {
            (DeadReason::Unsendable, _, Err(unmappable)) => Reason {
                code: unmappable.code.to_owned(),
                words: unmappable.words.clone(),
                detail: String::new(),
            },
            (DeadReason::Refused, Some(error), _) => connector_reason(refused_code(&error), &error),
            (reason, Some(error), _) => connector_reason(dead_code(reason), &error),
            (reason, None, _) => Reason {
                code: dead_code(reason).to_owned(),
                words: "it was given up".to_owned(),
                detail: String::new(),
            },
        };
        let (target, route) = (&self.dispatch.target, &self.dispatch.route);
        telemetry::dispatch_dead(target, route, &self.dispatch.id.to_string(), &reason.code, &reason.words);
        DeadLetter {
            dispatch: self.dispatch,
            reason,
            failed_at: at,
            attempts: self.attempts,
            event: self.event,
            message: self.outgoing.ok().map(|outgoing| Arc::unwrap_or_clone(outgoing.message)),
        }
    }
}

/// An attempt that failed, as the ledger keeps it.
pub(crate) fn failed(number: u32, (started_at, took): (i64, Duration), error: &ConnectorError) -> Attempt {
    let outcome = match error.failure {
        Failure::Transient => AttemptOutcome::Transient,
        Failure::Permanent => AttemptOutcome::Permanent,
        Failure::Unknown => AttemptOutcome::Unknown,
        Failure::Down => AttemptOutcome::Down,
    };
    let took = i64::try_from(took.as_micros()).unwrap_or(i64::MAX);
    let detail = error.detail.chars().take(MAX_DETAIL_CHARS).collect();
    Attempt { number, started_at, took, outcome, words: error.words.clone(), detail }
}

/// What the lane is told of an attempt.
pub(crate) fn lane_outcome(result: &Result<Receipt, ConnectorError>) -> postroom_lane::Outcome {
    use postroom_lane::Outcome;
    let Err(error) = result else { return Outcome::Delivered };
    match error.failure {
        Failure::Transient => Outcome::Transient(error.retry_after),
        Failure::Permanent => Outcome::Permanent,
        Failure::Unknown => Outcome::Unknown,
        Failure::Down => Outcome::Down,
    }
}

fn hold_words(reason: HoldReason) -> (&'static str, &'static str) {
    match reason {
        HoldReason::FailedInPlace => ("failed-in-place", "the retries in place took too long"),
        HoldReason::OutOfReach => ("out-of-reach", "the target cannot be reached"),
        HoldReason::RetryAfter => ("retry-after", "the target asks to come back later"),
        HoldReason::Crowded => ("crowded", "too much was waiting for its target"),
        HoldReason::Behind => ("behind", "an earlier dispatch of its subject is held"),
        HoldReason::Unconfirmed => ("unconfirmed", "the broker did not confirm it"),
        HoldReason::Paused => ("paused", "nothing is started now, by an operator or because of the ledger"),
    }
}

fn dead_code(reason: DeadReason) -> &'static str {
    match reason {
        DeadReason::Refused => "refused",
        DeadReason::Unsendable => "mapping",
        DeadReason::Exhausted => "exhausted",
    }
}

#[cfg(test)]
mod tests {
    use postroom_event::{DispatchId, EventKey};

    use super::*;

    fn work() -> Work {
        let dispatch = Dispatch {
            id: DispatchId::new("/shop", "1", "to-till"),
            event: EventKey::new("/shop", "1"),
            route: "to-till".into(),
            target: "till".into(),
            event_type: "parcel.moved.v1".into(),
            subject: "parcel:a".to_owned(),
        };
        let why = Unmappable { code: "mapping", words: String::new() };
        Work::new(dispatch, "/shop".into(), Whole::default(), Err(why))
    }

    fn in_vain(started_at: i64, words: &str, detail: &str) -> Tried {
        let result = Err(ConnectorError::new(Failure::Transient, words, detail));
        Tried { started_at, took: Duration::from_millis(1), result }
    }

    #[test]
    fn a_work_that_is_let_go_before_it_ends_leaves_the_attempts_that_failed() {
        assert!(work().attempts_that_failed().is_none());
        let mut tried = work();
        tried.tried(in_vain(7, "not now", ""));
        let Some(Entry::Attempts { attempts, .. }) = tried.attempts_that_failed() else { panic!("none") };
        assert_eq!((attempts[0].number, attempts[0].started_at, attempts[0].took), (1, 7, 1_000));
    }

    #[test]
    fn each_attempt_that_failed_keeps_its_own_answer_and_detail_up_to_the_limit() {
        let long = "ä".repeat(MAX_DETAIL_CHARS + 1);
        let mut tried = work();
        tried.tried(in_vain(7, "not now: 503", "till-closed"));
        tried.tried(in_vain(8, "not now: 429", &long));
        let next = postroom_lane::Moment::from_micros(99);
        let entries = tried.write(Write::Retried { waits: 1, next }, 9);
        let kept: Vec<_> = entries
            .iter()
            .map(|entry| match entry {
                Entry::Retried { attempt, .. } => (attempt.words.as_str(), attempt.detail.as_str()),
                other => panic!("{other:?}"),
            })
            .collect();
        let cut = long.chars().take(MAX_DETAIL_CHARS).collect::<String>();
        assert_eq!(kept, [("not now: 503", "till-closed"), ("not now: 429", cut.as_str())]);
    }

    #[test]
    fn what_came_into_its_lane_at_last_is_told_with_the_time() {
        let Some(Entry::Entered(dispatches, at)) = work().write_before_lane(Write::Receipt, 9) else {
            panic!("not told")
        };
        assert_eq!((dispatches, at), (vec![work().dispatch.id], 9));
    }
}
