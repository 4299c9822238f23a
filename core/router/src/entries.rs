//! What the workers write to the ledger, and say in the log, about what they did.

use std::sync::Arc;

use chrono::Utc;
use postroom_broker::Delivery;
use postroom_connector::{ConnectorError, Outgoing};
use postroom_event::{Concern, MAX_BODY_BYTES, Refusal};
use postroom_ledger::{
    Body, Claims, DeadLetter, Dispatch, Entry, EventOutcome, Fate, Handed, InvalidEvent, JournalPlace,
    Reason, StagedDispatch, Whole,
};
use postroom_telemetry as telemetry;

use crate::codes;
use crate::decide::{self, Head, Unmappable, Verdict, Way};
use crate::health::seconds;
use crate::item::{Item, Leg, Stage};
use crate::lane_job::Job;
use crate::outgoing::kept_headers;
use crate::settle::Repeated;

/// Now, in microseconds since the epoch.
pub(crate) fn now() -> i64 {
    Utc::now().timestamp_micros()
}

/// What a settled chunk of `system` comes to.
pub(crate) fn of_chunk(
    system: &Arc<str>,
    items: &[Item],
    repeated: &[Repeated],
    max_body: usize,
) -> Vec<Entry> {
    let at = now();
    // What is invalid still is listed already.
    let listed =
        |item: &&Item| item.redriven.is_some() && matches!(item.decision.verdict, Verdict::Invalid(_));
    let unlisted = items.iter().filter(|item| !listed(item));
    let mut entries: Vec<Entry> = unlisted.map(|item| of_item(system, item, at, max_body)).collect();
    entries.extend(repeats(system, repeated, at));
    entries
}

/// That everything of `system` in the journal before `place` is recorded.
pub(crate) fn journal_read(system: &str, place: JournalPlace) -> Entry {
    Entry::JournalRead { system: system.to_owned(), place }
}

/// What came again; a source is told what it published again.
fn repeats(system: &Arc<str>, repeated: &[Repeated], at: i64) -> Vec<Entry> {
    let again = repeated.iter().filter(|event| !event.redelivered);
    let keys: Vec<_> = again.map(|event| event.key).collect();
    let count = (repeated.len() - keys.len()) as u64;
    let mut entries = Vec::new();
    if !keys.is_empty() {
        entries.push(Entry::Repeated { system: system.to_string(), keys, at });
    }
    if count > 0 {
        entries.push(Entry::Duplicates { system: system.to_string(), count });
    }
    entries
}

fn of_item(system: &Arc<str>, item: &Item, at: i64, max_body: usize) -> Entry {
    let dispatches = match (&item.decision.verdict, &item.decision.head) {
        (Verdict::Invalid(refusal), head) => {
            return invalid(system, &item.delivery, head.as_ref(), refusal, max_body);
        }
        (Verdict::Routed(dispatches), _) => dispatches.as_slice(),
        (Verdict::NoRoute, _) => &[],
    };
    let Some(head) = &item.decision.head else {
        let refusal = Refusal::new(postroom_event::Rule::NotJson, "", "the event has no envelope");
        return invalid(system, &item.delivery, None, &refusal, max_body);
    };
    Entry::Event(EventOutcome {
        key: head.key,
        system: Arc::clone(system),
        source: head.source.as_str().into(),
        id: head.id.clone(),
        event_type: head.event_type.as_str().into(),
        subject: head.subject.clone(),
        correlation: head.correlation.clone(),
        received_at: at,
        dispatches: dispatches
            .iter()
            .enumerate()
            .map(|(number, dispatch)| handed(head, (dispatch, item.legs.get(number)), &item.delivery, at))
            .collect(),
    })
}

fn handed(
    head: &Head,
    (dispatch, leg): (&decide::Dispatch, Option<&Leg>),
    delivery: &Delivery,
    at: i64,
) -> Handed {
    let (route, target) = (Arc::clone(&dispatch.route), Arc::clone(&dispatch.target));
    let fate = match &dispatch.way {
        // What is kept has an entry of its own, too.
        Way::Queue(_) if leg.is_none_or(|leg| leg.stage != Stage::Kept) => Fate::Queued,
        Way::Queue(_) | Way::Lane | Way::Unfiltered(_) | Way::Unsendable(_) => Fate::InLane,
        Way::Skipped(unmappable) => Fate::Dead(Box::new(DeadLetter {
            dispatch: Dispatch {
                id: dispatch.id,
                event: head.key,
                route: Arc::clone(&route),
                target: Arc::clone(&target),
                event_type: head.event_type.as_str().into(),
                subject: head.subject.clone(),
            },
            reason: unmappable_reason(unmappable),
            failed_at: at,
            attempts: 0,
            event: whole_of(delivery, dispatch),
            message: None,
        })),
    };
    Handed { route, target, fate }
}

/// An event that broke a rule, kept whole, or as its hash where it is too large.
fn invalid(
    system: &str,
    delivery: &Delivery,
    head: Option<&Head>,
    refusal: &Refusal,
    max_body: usize,
) -> Entry {
    let claims = head.map_or_else(Claims::default, |head| Claims {
        id: Some(head.id.clone()),
        source: Some(head.source.clone()),
        event_type: Some(head.event_type.clone()),
        subject: Some(head.subject.clone()),
    });
    Entry::Invalid(InvalidEvent {
        system: system.to_owned(),
        received_at: now(),
        code: refusal.rule.code().to_owned(),
        place: refusal.place.clone(),
        words: refusal.words.clone(),
        content_type: delivery.content_type.clone(),
        headers: delivery.headers.clone(),
        body: Body::kept(&delivery.body, max_body),
        claims,
    })
}

/// Something on the lane of `target` that is no dispatch of this hub.
pub(crate) fn foreign(target: &str, delivery: &Delivery, unmappable: &Unmappable) -> Entry {
    Entry::Invalid(InvalidEvent {
        system: target.to_owned(),
        received_at: now(),
        code: unmappable.code.to_owned(),
        place: String::new(),
        words: unmappable.words.clone(),
        content_type: delivery.content_type.clone(),
        headers: delivery.headers.clone(),
        body: Body::kept(&delivery.body, MAX_BODY_BYTES),
        claims: Claims::default(),
    })
}

/// A dispatch of which no message can be made.
pub(crate) fn unmappable(job: &Job, unmappable: &Unmappable) -> Entry {
    Entry::Dead(dead(job, unmappable_reason(unmappable), 0, None))
}

/// A dispatch that waits for its target's next batch.
pub(crate) fn staged(job: &Job, outgoing: &Outgoing) -> Entry {
    Entry::Staged(StagedDispatch {
        dispatch: dispatch(job),
        source: job.head.source.as_str().into(),
        message: outgoing.message.as_ref().clone(),
        event: whole(&job.delivery),
        at: now(),
    })
}

/// The code of what a connector gives up for good.
pub(crate) fn refused_code(error: &ConnectorError) -> &'static str {
    match error.concern {
        Concern::Business => "refused",
        Concern::Technical => codes::SETTINGS,
    }
}

/// Why a connector gave up.
pub(crate) fn connector_reason(code: &str, error: &ConnectorError) -> Reason {
    Reason { code: code.to_owned(), words: error.words.clone(), detail: error.detail.clone() }
}

fn unmappable_reason(unmappable: &Unmappable) -> Reason {
    Reason { code: unmappable.code.to_owned(), words: unmappable.words.clone(), detail: String::new() }
}

fn dead(job: &Job, reason: Reason, attempts: u32, message: Option<serde_json::Value>) -> DeadLetter {
    DeadLetter {
        dispatch: dispatch(job),
        reason,
        failed_at: now(),
        attempts,
        event: whole(&job.delivery),
        message,
    }
}

/// Which dispatch a job is.
pub(crate) fn dispatch(job: &Job) -> Dispatch {
    Dispatch {
        id: job.id,
        event: job.head.key,
        route: Arc::clone(&job.route),
        target: Arc::clone(&job.target),
        event_type: job.head.event_type.as_str().into(),
        subject: job.head.subject.clone(),
    }
}

/// An event as it was delivered.
pub(crate) fn whole(delivery: &Delivery) -> Whole {
    Whole {
        content_type: delivery.content_type.clone(),
        headers: delivery.headers.clone(),
        body: delivery.body.to_vec(),
    }
}

/// The event of a dispatch, as it is kept.
pub(crate) fn whole_of(delivery: &Delivery, dispatch: &decide::Dispatch) -> Whole {
    Whole { headers: kept_headers(delivery, dispatch).collect(), ..whole(delivery) }
}

/// Says what a settled chunk came to.
pub(crate) fn tell(system: &str, items: &[Item], repeated: u64) {
    let (mut routed, mut no_route, mut invalid) = (0, 0, 0);
    let now = now();
    for item in items {
        match &item.decision.verdict {
            Verdict::NoRoute => no_route += 1,
            Verdict::Invalid(refusal) => {
                invalid += 1;
                telemetry::event_invalid(system, refusal.rule.code(), &refusal.place, &refusal.words);
            }
            Verdict::Routed(dispatches) => {
                routed += 1;
                for (dispatch, leg) in dispatches.iter().zip(&item.legs) {
                    tell_handed(dispatch, leg.stage, now - item.taken_at);
                }
            }
        }
    }
    for (verdict, events) in
        [("routed", routed), ("no-route", no_route), ("invalid", invalid), ("duplicate", repeated)]
    {
        if events > 0 {
            telemetry::count_events(system, verdict, events);
        }
    }
}

/// Says what became of a dispatch `took` microseconds after its event was taken in: what its target's own queue has is
/// delivered.
fn tell_handed(dispatch: &decide::Dispatch, stage: Stage, took: i64) {
    match &dispatch.way {
        Way::Queue(_) if stage != Stage::Kept => {
            telemetry::count_dispatches(&dispatch.target, "delivered", 1);
            telemetry::delivery_took(&dispatch.target, seconds(took));
        }
        Way::Queue(_) | Way::Lane | Way::Unfiltered(_) | Way::Unsendable(_) => {}
        Way::Skipped(unmappable) => {
            tell_dead(&dispatch.target, &dispatch.route, &dispatch.id.to_string(), unmappable);
        }
    }
}

fn tell_dead(target: &str, route: &str, dispatch: &str, unmappable: &Unmappable) {
    telemetry::dispatch_dead(target, route, dispatch, unmappable.code, &unmappable.words);
}

/// Says that no message can be made of a dispatch.
pub(crate) fn tell_unmappable(job: &Job, unmappable: &Unmappable) {
    tell_dead(&job.target, &job.route, &job.id.to_string(), unmappable);
}

#[cfg(test)]
mod tests {
    use postroom_event::EventKey;

    use super::*;

    #[test]
    fn a_source_is_told_what_it_published_again_and_not_what_the_broker_delivered_again() {
        let event = |id, redelivered| Repeated { key: EventKey::new("/shop", id), redelivered };
        let entries = repeats(&"shop".into(), &[event("1", false), event("2", true)], 7);
        let [Entry::Repeated { keys, at: 7, .. }, Entry::Duplicates { count: 1, .. }] = &entries[..] else {
            panic!("{entries:?}");
        };
        assert_eq!(*keys, [EventKey::new("/shop", "1")]);
        assert!(repeats(&"shop".into(), &[], 7).is_empty());
    }
}
