//! What people decide: dead letters, invalid events, jobs, pauses.

use crate::support::{Place, attempt, decision, delivered, dispatch, event, held, letter, reason, staged};
use postroom_event::DispatchId;
use postroom_ledger::{
    Action, AttemptOutcome, Body, Broken, Claims, DeadFilter, Decision, Entry, Fate, InvalidEvent,
    InvalidFilter, JobFilter, JobState, Ledger, NewJob, Pause, State, TargetSums, Verdict,
};
use serde_json::json;

fn id(name: &str) -> DispatchId {
    dispatch(name, "tax").id
}

/// Four dispatches, of which the first three are dead letters.
async fn three_dead(place: &Place) -> Ledger {
    let ledger = place.open().await;
    let lanes = ["1", "2", "3", "4"].map(|id| Entry::Event(event(id, vec![("tax", Fate::InLane)])));
    ledger.record(lanes.to_vec()).await.expect("recorded");
    let dead = ["1", "2", "3"].map(|id| Entry::Dead(letter(id, "tax")));
    ledger.record(dead.to_vec()).await.expect("recorded");
    ledger
}

async fn tax(ledger: &Ledger) -> TargetSums {
    let sums = ledger.sums().await.expect("read").targets.remove("tax").expect("a target");
    assert_eq!(
        sums.dispatched,
        sums.waiting + sums.staged + sums.held + sums.delivered + sums.dead + sums.discarded,
        "{sums:?}"
    );
    assert_eq!(sums.excess, 0);
    sums
}

async fn a_dead_letter_is_decided_once_and_keeps_who_and_why(place: Place) {
    let ledger = three_dead(&place).await;
    let discarded = ledger.discard(&[id("2"), id("1"), id("4")], decision(5)).await.expect("written");
    assert_eq!(discarded, [id("2"), id("1")]);
    assert!(ledger.redrive(&[id("1")], decision(6)).await.expect("written").is_empty());
    let shown = ledger.dead_show(id("1")).await.expect("read").expect("there");
    assert_eq!((shown.state.as_str(), shown.notes.len()), ("discarded", 1));
    let note = &shown.notes[0];
    assert_eq!((note.action, note.at, note.job), (Action::Discarded, 5, Some(7)));
    assert_eq!((note.actor.as_str(), note.reason.as_str()), ("an officer", "the schema was mended"));
    let sums = tax(&ledger).await;
    assert_eq!((sums.waiting, sums.dead, sums.discarded), (1, 1, 2));
    assert_eq!(ledger.dead_of_job(7).await.expect("read").len(), 2);
}

async fn a_redriven_dead_letter_waits_is_held_or_arrives_and_counts_once(place: Place) {
    let ledger = three_dead(&place).await;
    assert_eq!(ledger.redrive(&[id("1")], decision(5)).await.expect("written"), [id("1")]);
    assert_eq!((tax(&ledger).await.waiting, tax(&ledger).await.dead), (2, 2));
    assert!(ledger.finished(&[id("1")]).await.expect("read").is_empty());
    ledger.record(vec![delivered("1", "tax")]).await.expect("recorded");
    let sums = tax(&ledger).await;
    assert_eq!((sums.waiting, sums.delivered, sums.dead), (1, 1, 2));

    let redriven = Entry::Redriven { dispatches: vec![id("2"), id("1")], decision: decision(6) };
    ledger.record(vec![Entry::Held(held("2", "tax")), redriven]).await.expect("in one moment");
    let sums = tax(&ledger).await;
    assert_eq!((sums.waiting, sums.held, sums.dead), (1, 1, 1));
    let noted = Entry::Attempts { dispatch: id("2"), attempts: vec![attempt(5, AttemptOutcome::Permanent)] };
    ledger.record(vec![Entry::Dead(letter("2", "tax")), noted]).await.expect("dead again");
    let sums = tax(&ledger).await;
    assert_eq!((sums.waiting, sums.held, sums.dead), (1, 0, 2));
    let shown = ledger.dead_show(id("2")).await.expect("read").expect("there");
    assert_eq!((shown.state.as_str(), shown.notes.len(), shown.attempts.len()), ("open", 1, 1));
    let states: Vec<_> = ledger.trace("1").await.expect("read").remove(0).legs;
    assert!(matches!(states[0].state, State::Delivered { .. }));
}

async fn dead_letters_are_found_and_grouped_by_what_is_asked_for(place: Place) {
    let ledger = place.open().await;
    let mut late = letter("4", "tax");
    late.failed_at = 9_000;
    let mut other = letter("5", "waste");
    other.reason.code = "mapping".into();
    let dead = [letter("1", "tax"), letter("2", "tax"), late, other];
    ledger.record(dead.map(Entry::Dead).to_vec()).await.expect("recorded");
    let groups = ledger.dead_groups(&DeadFilter::default()).await.expect("read");
    let told: Vec<_> =
        groups.iter().map(|group| (group.target.as_str(), group.code.as_str(), group.count)).collect();
    assert_eq!(told, [("tax", "refused", 3), ("waste", "mapping", 1)]);
    assert_eq!((groups[0].oldest, groups[0].newest), (4_000, 9_000));
    let count = async |filter: DeadFilter| ledger.dead_list(&filter, 10).await.expect("read").len();
    assert_eq!(count(DeadFilter { from: Some(9_000), ..DeadFilter::default() }).await, 1);
    assert_eq!(count(DeadFilter { until: Some(9_000), ..DeadFilter::default() }).await, 3);
    assert_eq!(count(DeadFilter { subject: Some("uprn:2".into()), ..DeadFilter::default() }).await, 1);
}

fn invalid(code: &str) -> Entry {
    Entry::Invalid(InvalidEvent {
        system: "planning".into(),
        received_at: 5,
        code: code.into(),
        place: String::new(),
        words: "it does not fit".into(),
        content_type: None,
        headers: Vec::new(),
        body: Body::kept(b"{}", 10),
        claims: Claims { subject: Some("uprn:1".into()), ..Claims::default() },
    })
}

async fn a_text_from_outside_that_no_database_takes_is_kept_all_the_same(place: Place) {
    let ledger = place.open().await;
    let Entry::Invalid(mut event) = invalid("schema") else { panic!("an invalid event") };
    event.content_type = Some("text/\0plain".into());
    event.claims.id = Some("a\0b".into());
    event.headers = vec![("x\0".into(), "y\0".into())];
    let mut hold = held("1", "tax");
    hold.reason.words = "answer \0".into();
    ledger.record(vec![Entry::Invalid(event.clone()), Entry::Held(hold)]).await.expect("recorded");
    let number = ledger.invalid_list(None, 9).await.expect("read")[0].id;
    let shown = ledger.invalid_show(number).await.expect("read").expect("there");
    assert_eq!(shown.headers, event.headers);
    assert_eq!(shown.summary.claims.id.as_deref(), Some("a\u{fffd}b"));
    assert_eq!(ledger.holds("tax").await.expect("read").len(), 1);
}

async fn an_invalid_event_is_decided_once_and_may_come_again_then(place: Place) {
    let ledger = place.open().await;
    ledger.record(vec![invalid("schema"), invalid("type"), invalid("schema")]).await.expect("recorded");
    let open = InvalidFilter { state: Some("open".into()), ..InvalidFilter::default() };
    let rows = ledger.invalid_find(&open, 10).await.expect("read");
    let numbers: Vec<i64> = rows.iter().map(|row| row.id).collect();
    assert_eq!(ledger.redrive_invalid(&numbers[..1], decision(6)).await.expect("written"), numbers[..1]);
    assert_eq!(ledger.discard_invalid(&numbers, decision(7)).await.expect("written"), numbers[1..]);
    assert!(ledger.invalid_find(&open, 10).await.expect("read").is_empty());
    let shown = ledger.invalid_show(numbers[0]).await.expect("read").expect("there");
    assert_eq!((shown.summary.state.as_str(), shown.notes[0].action), ("redriven", Action::Redriven));
    ledger.record(vec![invalid("schema")]).await.expect("recorded");
    assert_eq!(ledger.invalid_find(&open, 10).await.expect("read").len(), 1);
    let groups = ledger.invalid_groups(&InvalidFilter::default()).await.expect("read");
    assert_eq!((groups[0].code.as_str(), groups[0].count, groups.len()), ("schema", 2, 2));
}

async fn a_redriven_invalid_event_counts_as_what_it_turned_out_to_be(place: Place) {
    let ledger = place.open().await;
    ledger.record(vec![invalid("schema"), invalid("unknown-type")]).await.expect("recorded");
    let numbers = ledger.invalid_in_order(&InvalidFilter::default(), 9).await.expect("read");
    assert_eq!(numbers.len(), 2);
    let broken = Broken { code: "sender".into(), place: "user-id".into(), words: "not its own".into() };
    let mut routed = event("1", vec![]);
    routed.system = "planning".into();
    let again = vec![
        Entry::StillInvalid { number: numbers[0], broken, decision: decision(6) },
        Entry::Understood { number: numbers[1], decision: decision(6) },
        Entry::Event(routed),
    ];
    ledger.record(again).await.expect("recorded");
    let shown = ledger.invalid_show(numbers[0]).await.expect("read").expect("there");
    assert_eq!((shown.summary.state.as_str(), shown.summary.code.as_str()), ("open", "sender"));
    assert_eq!((shown.summary.place.as_str(), shown.notes.len()), ("user-id", 1));
    let shown = ledger.invalid_show(numbers[1]).await.expect("read").expect("there");
    assert_eq!((shown.summary.state.as_str(), shown.notes.len()), ("redriven", 1));
    let counted =
        async || ledger.sums().await.expect("read").sources.remove("planning").expect("a source").events;
    assert_eq!((counted().await.invalid, counted().await.no_route), (1, 1));
    ledger.prune(1_000_000, 10).await.expect("written");
    assert_eq!((counted().await.invalid, counted().await.no_route), (1, 1));
}

/// Event `id` about uprn:1.
fn about_one(id: &str, fate: Fate) -> Entry {
    let mut event = event(id, vec![("tax", fate)]);
    event.subject = "uprn:1".into();
    Entry::Event(event)
}

async fn a_dead_letter_is_overtaken_by_a_later_dispatch_of_its_subject_that_is_not_given_up(place: Place) {
    let ledger = place.open().await;
    let mut later = letter("2", "tax");
    later.dispatch.subject = "uprn:1".into();
    let taken = vec![about_one("1", Fate::InLane), about_one("2", Fate::Dead(Box::new(later)))];
    ledger.record(taken).await.expect("recorded");
    ledger.record(vec![Entry::Dead(letter("1", "tax"))]).await.expect("recorded");
    let first = dispatch("1", "tax");
    assert_eq!(ledger.overtaken_by(&first).await.expect("read"), None, "the later one is dead");
    let mut foreign = event("3", vec![("tax", Fate::InLane)]);
    (foreign.subject, foreign.source) = ("uprn:1".into(), "/systems/other".into());
    foreign.key = postroom_event::EventKey::new("/systems/other", "3");
    ledger.record(vec![Entry::Event(foreign)]).await.expect("recorded");
    ledger.record(vec![Entry::Event(event("4", vec![("waste", Fate::Queued)]))]).await.expect("recorded");
    assert_eq!(ledger.overtaken_by(&first).await.expect("read"), None, "another source, another target");
    ledger.record(vec![about_one("5", Fate::Queued)]).await.expect("recorded");
    assert_eq!(ledger.overtaken_by(&first).await.expect("read").as_deref(), Some("5"));
    assert_eq!(ledger.overtaken_by(&dispatch("5", "tax")).await.expect("read"), None, "nothing is later");
    let redriven = ledger.redrive(&[id("2")], decision(5)).await.expect("written");
    assert_eq!(redriven.len(), 1);
    assert_eq!(ledger.overtaken_by(&first).await.expect("read").as_deref(), Some("2"), "it goes on again");
}

async fn dead_letters_of_one_subject_keep_their_order_when_they_fail_again(place: Place) {
    let ledger = place.open().await;
    let mut letters = ["2", "1", "3"].map(|id| letter(id, "tax"));
    for (letter, at) in letters.iter_mut().zip([10, 20, 20]) {
        letter.failed_at = at;
    }
    ledger.record(letters.clone().map(Entry::Dead).to_vec()).await.expect("recorded");
    let order = async || ledger.dead_in_order(&DeadFilter::default(), 9).await.expect("read");
    assert_eq!(order().await, [id("2"), id("1"), id("3")]);
    let redriven = Entry::Redriven { dispatches: vec![id("2")], decision: decision(30) };
    ledger.record(vec![redriven, Entry::Held(held("2", "tax"))]).await.expect("recorded");
    letters[0].failed_at = 40;
    ledger.record(vec![Entry::Dead(letters[0].clone())]).await.expect("recorded");
    assert_eq!(order().await, [id("2"), id("1"), id("3")]);
    assert_eq!(ledger.dead_in_order(&DeadFilter::default(), 1).await.expect("read"), [id("2")]);
}

async fn a_batch_that_is_refused_leaves_dead_letters_in_the_order_of_their_staging(place: Place) {
    let ledger = place.open().await;
    let names: Vec<String> = (0..40).map(|number| format!("e{number}")).collect();
    let ids: Vec<_> = names.iter().map(|name| id(name)).collect();
    ledger.record(names.iter().map(|name| staged(name, "tax")).collect()).await.expect("staged");
    let batch = ledger.assign_batch("tax", 100, 5).await.expect("written").expect("a batch");
    let refused = Entry::BatchRefused { id: batch.id, reason: reason(), holding: Vec::new(), at: 6 };
    ledger.record(vec![refused]).await.expect("refused");
    assert_eq!(ledger.dead_in_order(&DeadFilter::default(), 100).await.expect("read"), ids);
    let redriven = Entry::Redriven { dispatches: ids.clone(), decision: decision(7) };
    let again = names.iter().map(|name| staged(name, "tax"));
    ledger.record(again.chain([redriven]).collect()).await.expect("staged again");
    let batch = ledger.assign_batch("tax", 100, 8).await.expect("written").expect("a batch");
    assert_eq!(batch.items.iter().map(|item| item.dispatch).collect::<Vec<_>>(), ids);
    let delivered = Entry::BatchDelivered { id: batch.id, reference: None, at: 9 };
    ledger.record(vec![delivered]).await.expect("delivered");
    let shown = ledger.dead_show(ids[0]).await.expect("read").expect("there");
    assert_eq!((shown.state.as_str(), shown.letter.event.body.len()), ("redriven", 0), "its bytes are gone");
}

async fn of_a_subject_that_a_refused_batch_holds_up_only_the_first_is_dead_and_goes_before_the_others_again(
    place: Place,
) {
    let ledger = place.open().await;
    let about = |name: &str, subject: &str| match staged(name, "tax") {
        Entry::Staged(mut item) => {
            item.dispatch.subject = subject.into();
            Entry::Staged(item)
        }
        other => other,
    };
    let names = async || {
        let batch = ledger.assign_batch("tax", 9, 5).await.expect("written");
        batch.map(|batch| (batch.id, batch.items.iter().map(|item| item.dispatch).collect::<Vec<_>>()))
    };
    ledger.record(vec![about("a1", "a"), about("b1", "b"), about("a2", "a")]).await.expect("staged");
    let (batch, items) = names().await.expect("a batch");
    assert_eq!(items, [id("a1"), id("b1"), id("a2")]);
    let holding = vec![dispatch("a1", "tax").route];
    let refused = Entry::BatchRefused { id: batch.clone(), reason: reason(), holding, at: 6 };
    ledger.record(vec![refused, about("a3", "a"), about("c1", "c")]).await.expect("refused");
    let dead = ledger.dead_in_order(&DeadFilter::default(), 9).await.expect("read");
    assert_eq!(dead, [id("a1"), id("b1")]);
    assert_eq!(ledger.sums().await.expect("read").targets["tax"].staged, 3);
    assert_eq!(ledger.staged_summary("tax").await.expect("read").count, 1, "two wait for a dead letter");
    let (batch, items) = names().await.expect("a batch");
    assert_eq!(items, [id("c1")], "nobody else waits for it");
    let delivered = Entry::BatchDelivered { id: batch, reference: None, at: 7 };
    ledger.record(vec![delivered]).await.expect("delivered");
    assert_eq!(names().await, None);
    let redriven = Entry::Redriven { dispatches: vec![id("a1")], decision: decision(8) };
    ledger.record(vec![redriven, about("a1", "a")]).await.expect("sent again");
    let discarded = Entry::Discarded { dispatches: vec![id("b1")], decision: decision(8) };
    ledger.record(vec![discarded, about("b2", "b")]).await.expect("discarded");
    let (batch, items) = names().await.expect("a batch");
    assert_eq!(items, [id("a1"), id("a2"), id("a3"), id("b2")]);
    assert_eq!(ledger.open_batch("tax").await.expect("read").expect("open").id, batch, "the same again");
}

async fn what_was_staged_before_a_letter_that_holds_its_subject_up_waits_for_nothing(place: Place) {
    let ledger = place.open().await;
    let mut dead = letter("2", "tax");
    dead.dispatch.subject = dispatch("1", "tax").subject;
    let blocks = Entry::Blocks { dispatch: id("2"), source: "/systems/gazetteer".into() };
    ledger.record(vec![staged("1", "tax"), Entry::Dead(dead), blocks]).await.expect("recorded");
    let Entry::Staged(mut behind) = staged("3", "tax") else { panic!("staged") };
    behind.dispatch.subject = dispatch("1", "tax").subject;
    ledger.record(vec![Entry::Staged(behind)]).await.expect("recorded");
    let batch = ledger.assign_batch("tax", 9, 5).await.expect("written").expect("a batch");
    assert_eq!(batch.items.iter().map(|item| item.dispatch).collect::<Vec<_>>(), [id("1")]);
}

async fn a_journey_tells_who_sent_a_dead_letter_again_and_how_it_had_failed(place: Place) {
    let ledger = three_dead(&place).await;
    ledger.redrive(&[id("1")], decision(5)).await.expect("written");
    ledger.record(vec![delivered("1", "tax")]).await.expect("recorded");
    let leg = ledger.trace("1").await.expect("read").remove(0).legs.remove(0);
    let failed = leg.failed.expect("how it failed");
    assert_eq!((failed.at, failed.code.as_str()), (4_000, "refused"));
    assert_eq!((leg.notes[0].action, leg.notes[0].actor.as_str()), (Action::Redriven, "an officer"));
    ledger.record(vec![invalid("schema")]).await.expect("recorded");
    let number = ledger.invalid_list(None, 9).await.expect("read")[0].id;
    ledger.discard_invalid(&[number], decision(6)).await.expect("written");
    let journeys = ledger.trace("uprn:1").await.expect("read");
    let told = journeys.iter().find_map(|journey| match &journey.verdict {
        Verdict::Invalid { state, notes, .. } => Some((state.as_str(), notes[0].action)),
        _ => None,
    });
    assert_eq!(told, Some(("discarded", Action::Discarded)));
}

fn job(target: &str, at: i64) -> NewJob {
    NewJob {
        kind: "redrive".into(),
        target: target.into(),
        params: json!({"ids": [1, 2]}),
        actor: "an officer".into(),
        reason: "mended".into(),
        at,
    }
}

async fn a_job_is_given_to_its_targets_holder_until_it_has_ended(place: Place) {
    let ledger = place.open().await;
    let first = ledger.submit(job("tax", 1)).await.expect("written");
    let second = ledger.submit(job("tax", 2)).await.expect("written");
    let next = async |target: &str| {
        ledger.next_job(&[], &[target.to_owned()], 3).await.expect("written").map(|job| job.id)
    };
    assert_eq!((next("waste").await, next("tax").await, next("tax").await), (None, Some(first), Some(first)));
    assert_eq!(ledger.next_job(&["replay".into()], &["tax".into()], 3).await.expect("written"), None);
    assert_eq!(ledger.progress(first, 4, 9, 4).await.expect("written"), Some(JobState::Running));
    let so_far = ledger.advance(first, (5, 9), json!({"sent": 5}), 4).await.expect("written");
    let job = ledger.next_job(&[], &["tax".into()], 4).await.expect("written").expect("it goes on");
    assert_eq!((so_far, job.done, job.outcome), (Some(JobState::Running), 5, Some(json!({"sent": 5}))));
    ledger.finish(first, json!({"sent": 9}), 5).await.expect("written");
    assert_eq!(next("tax").await, Some(second));
    let done = ledger.jobs(&JobFilter { id: Some(first), ..JobFilter::default() }, 9).await.expect("read");
    assert_eq!((done[0].state, done[0].done, done[0].total), (JobState::Done, 5, 9));
    assert_eq!((&done[0].params, &done[0].outcome), (&json!({"ids": [1, 2]}), &Some(json!({"sent": 9}))));
}

async fn a_job_that_is_cancelled_never_begins_or_is_told_to_stop(place: Place) {
    let ledger = place.open().await;
    let (one, other) = (
        ledger.submit(job("tax", 1)).await.expect("written"),
        ledger.submit(job("waste", 2)).await.expect("written"),
    );
    assert_eq!(ledger.cancel(one, 3).await.expect("written"), Some(JobState::Cancelled));
    assert_eq!(ledger.next_job(&[], &["tax".into()], 4).await.expect("written"), None);
    ledger.next_job(&[], &["waste".into()], 4).await.expect("written").expect("a job");
    assert_eq!(ledger.cancel(other, 5).await.expect("written"), Some(JobState::Cancelling));
    assert_eq!(ledger.progress(other, 1, 2, 6).await.expect("written"), Some(JobState::Cancelling));
    ledger.finish(other, json!({}), 7).await.expect("written");
    let state = JobFilter { state: Some(JobState::Cancelled), ..JobFilter::default() };
    assert_eq!(ledger.jobs(&state, 9).await.expect("read").len(), 2);
    assert_eq!(ledger.cancel(99, 8).await.expect("written"), None);
}

async fn a_pause_lasts_until_its_end_or_a_word(place: Place) {
    let ledger = place.open().await;
    let pause = |system: &str, until| Pause {
        system: system.into(),
        since: 1,
        until,
        actor: "an officer".into(),
        reason: "an upgrade".into(),
    };
    ledger.pause(pause("tax", Some(10))).await.expect("written");
    ledger.pause(pause("waste", Some(20))).await.expect("written");
    ledger.pause(pause("waste", None)).await.expect("written");
    assert_eq!(ledger.pauses(9).await.expect("read"), [pause("tax", Some(10)), pause("waste", None)]);
    assert_eq!(ledger.pauses(10).await.expect("read"), [pause("waste", None)]);
    let word = Pause { since: 11, actor: "another".into(), ..pause("waste", Some(11)) };
    assert!(ledger.resume(word.clone()).await.expect("written"));
    assert!(!ledger.resume(Pause { since: 12, ..word.clone() }).await.expect("written"));
    assert!(ledger.pauses(11).await.expect("read").is_empty());
    assert_eq!(ledger.newest_pause("waste").await.expect("read"), Some(word));
    assert_eq!(ledger.newest_pause("nobody").await.expect("read"), None);
}

async fn what_is_discarded_or_arrived_long_ago_is_forgotten_and_the_sums_stay(place: Place) {
    const LATER: i64 = 1_000_000;
    let ledger = three_dead(&place).await;
    ledger.record(vec![invalid("schema")]).await.expect("recorded");
    ledger.discard(&[id("1")], Decision { job: None, ..decision(5) }).await.expect("written");
    ledger.redrive(&[id("2")], decision(5)).await.expect("written");
    ledger.record(vec![delivered("2", "tax")]).await.expect("recorded");
    let number = ledger.invalid_list(None, 9).await.expect("read")[0].id;
    ledger.discard_invalid(&[number], decision(5)).await.expect("written");
    let before = ledger.sums().await.expect("read");
    let mut pruned = ledger.prune(LATER, 3).await.expect("written");
    while pruned.more {
        let next = ledger.prune(LATER, 10_000).await.expect("written");
        pruned.events += next.events;
        pruned.receipts += next.receipts;
        pruned.dead += next.dead;
        pruned.invalid += next.invalid;
        pruned.more = next.more;
    }
    assert_eq!((pruned.events, pruned.receipts, pruned.dead, pruned.invalid), (2, 1, 2, 1));
    assert_eq!(ledger.sums().await.expect("read"), before);
    assert!(ledger.dead_show(id("1")).await.expect("read").is_none());
    assert!(ledger.dead_show(id("3")).await.expect("read").is_some(), "it is open");
    assert!(ledger.trace("1").await.expect("read").is_empty());
    assert_eq!(ledger.trace("4").await.expect("read").len(), 1, "it waits");
}

promises!(
    a_redriven_invalid_event_counts_as_what_it_turned_out_to_be,
    a_dead_letter_is_overtaken_by_a_later_dispatch_of_its_subject_that_is_not_given_up,
    dead_letters_of_one_subject_keep_their_order_when_they_fail_again,
    a_batch_that_is_refused_leaves_dead_letters_in_the_order_of_their_staging,
    what_was_staged_before_a_letter_that_holds_its_subject_up_waits_for_nothing,
    of_a_subject_that_a_refused_batch_holds_up_only_the_first_is_dead_and_goes_before_the_others_again,
    a_journey_tells_who_sent_a_dead_letter_again_and_how_it_had_failed,
    a_text_from_outside_that_no_database_takes_is_kept_all_the_same,
    a_dead_letter_is_decided_once_and_keeps_who_and_why,
    a_redriven_dead_letter_waits_is_held_or_arrives_and_counts_once,
    dead_letters_are_found_and_grouped_by_what_is_asked_for,
    an_invalid_event_is_decided_once_and_may_come_again_then,
    a_job_is_given_to_its_targets_holder_until_it_has_ended,
    a_job_that_is_cancelled_never_begins_or_is_told_to_stop,
    a_pause_lasts_until_its_end_or_a_word,
    what_is_discarded_or_arrived_long_ago_is_forgotten_and_the_sums_stay,
);
