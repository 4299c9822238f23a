//! What only mentions a subject: it is found by its identifier, and erased where that is asked for.

use crate::erasing::{ADA, BOB, VALUE, asked, bytes, erase, fill, invalid_of, undecoded, xref};
use crate::support::{Place, decision, dispatch, event, held, key, letter, whole};
use postroom_event::Fault;
use postroom_ledger::{
    Advance, Compared, DeadLetter, Entry, Erase, Fate, HeldDispatch, InHand, Ledger, MentionedIn, NewImport,
    NewPending, Opened, PublishedChanges, SnapshotStep, Whole,
};
use serde_json::{Value, json};
async fn snapshot(ledger: &Ledger, content: &Value) {
    let new = NewImport { system: "crm".into(), batch: "b".into(), label: "b.csv".into(), total: 1, at: 1 };
    let Opened::Comparing(snapshot) = ledger.open_snapshot(new).await.expect("opened") else {
        panic!("it is new")
    };
    let of = InHand { system: "crm".into(), generation: snapshot.generation };
    let key = uuid();
    let step = |position| Advance {
        import: snapshot.import.key.clone(),
        position,
        mapped: position,
        published: 0,
        ignored: Vec::new(),
        refused: Vec::<Fault>::new(),
        at: 1,
    };
    let content = content.to_string().into_bytes();
    let pending = vec![NewPending { number: 1, line: 2, key, hash: key, content: content.clone() }];
    let compared = Compared { from: 0, to: 1, seen: Vec::new(), created: vec![key], pending, step: step(0) };
    let take = |step| Entry::Snapshot(of.clone(), Box::new(step));
    ledger.record(vec![take(SnapshotStep::Compared(compared))]).await.expect("compared");
    let accepted = SnapshotStep::Accepted(snapshot.import.key.clone(), None);
    ledger.record(vec![take(accepted)]).await.expect("accepted");
    let row = ledger.snapshot_pending("crm", 9).await.expect("read")[0].id;
    let kept = vec![(row, content)];
    let published = PublishedChanges { to: 1, refused: Vec::new(), kept, step: step(1) };
    ledger.record(vec![take(SnapshotStep::Published(published))]).await.expect("published");
}

fn uuid() -> uuid::Uuid {
    key("a record").0
}

async fn what_only_mentions_a_subject_is_found_by_its_identifier_and_erased_where_it_is_asked_for(
    place: Place,
) {
    let ledger = place.open().await;
    snapshot(&ledger, &json!({"ID": 8841, "NAME": VALUE})).await;
    let closed = DeadLetter { event: bytes(ADA), ..letter("closed", "tax") };
    let open = DeadLetter { event: bytes(ADA), ..letter("open", "tax") };
    let entries = vec![
        Entry::Dead(closed),
        Entry::Dead(open),
        Entry::Held(HeldDispatch { event: bytes(ADA), ..held("held", "tax") }),
        Entry::Held(HeldDispatch { event: bytes(BOB), ..held("other", "tax") }),
        invalid_of(Some("uprn:1"), &bytes(ADA).body),
        Entry::Xrefs(vec![xref("uprn:1", "8841"), xref("uprn:2", "8842")]),
    ];
    ledger.record(entries).await.expect("recorded");
    ledger.discard(&[dispatch("closed", "tax").id], decision(7)).await.expect("written");
    let invalid = ledger.invalid_list(None, 9).await.expect("read")[0].id;
    ledger.discard_invalid(&[invalid], decision(8)).await.expect("written");
    let places = async || {
        let held = ledger.subject(ADA).await.expect("read");
        assert!(held.events.is_empty() && held.dead.is_empty() && held.invalid.is_empty());
        held.mentions.into_iter().map(|mention| (mention.place, mention.is_open)).collect::<Vec<_>>()
    };
    let record = |mention: &(MentionedIn, bool)| matches!(mention.0, MentionedIn::Record { .. });
    let found = places().await;
    assert_eq!(
        found.iter().filter(|mention| record(mention)).map(|mention| mention.1).collect::<Vec<_>>(),
        [true]
    );
    let open = [
        (MentionedIn::DeadLetter { id: dispatch("open", "tax").id }, true),
        (MentionedIn::Hold { id: dispatch("held", "tax").id }, true),
    ];
    let closed = [
        (MentionedIn::DeadLetter { id: dispatch("closed", "tax").id }, false),
        (MentionedIn::InvalidEvent { id: invalid }, false),
        (MentionedIn::CrossReference { kind: "account".into(), key: "uprn:1".into() }, false),
    ];
    assert!(open.iter().chain(&closed).all(|mention| found.contains(mention)), "{found:?}");
    assert_eq!(found.len(), 6);
    assert_eq!(erase(&ledger, asked(ADA)).await.counts, [].into(), "nothing but mentions is held");
    assert_eq!(places().await, found);
    let done = InHand { system: "crm".into(), generation: 1 };
    ledger.record(vec![Entry::Snapshot(done, Box::new(SnapshotStep::Done))]).await.expect("done");
    let erasure = erase(&ledger, Erase { mentions: true, ..asked(ADA) }).await;
    assert_eq!(erasure.counts["mentions"], 4);
    assert_eq!(places().await, open, "what is under way ends by itself");
    assert_eq!(ledger.snapshot_count("crm").await.expect("read").all, 0);
    let shown = ledger.dead_show(dispatch("closed", "tax").id).await.expect("read").expect("a letter");
    assert!(shown.letter.event.body.is_empty() && shown.letter.dispatch.subject == "uprn:closed");
}

async fn an_invalid_event_that_does_not_claim_the_subject_only_mentions_it_whatever_value_is_the_identifier(
    place: Place,
) {
    let ledger = place.open().await;
    let broken = format!("{{{ADA}, {VALUE}");
    let entries = vec![
        invalid_of(Some(ADA), &bytes(ADA).body),
        invalid_of(None, &undecoded(ADA, "1")),
        invalid_of(None, &undecoded(BOB, "8841")),
        invalid_of(None, br#"{"data": {"house": 8841}}"#),
        invalid_of(None, broken.as_bytes()),
        invalid_of(None, &undecoded(BOB, "18841")),
        // What was decoded counts, whatever the bytes say.
        invalid_of(Some(BOB), &undecoded(ADA, "2")),
    ];
    ledger.record(entries).await.expect("recorded");
    let mut all: Vec<i64> =
        ledger.invalid_list(None, 9).await.expect("read").iter().map(|row| row.id).collect();
    all.sort_unstable();
    let [hers, as_well, of_another, of_a_house, broken, elsewhere, decoded] = all[..] else {
        panic!("{all:?}")
    };
    let held = async || {
        let held = ledger.subject(ADA).await.expect("read");
        let place = |mention: postroom_ledger::Mention| match mention.place {
            MentionedIn::InvalidEvent { id } => (id, mention.is_open),
            other => panic!("{other:?}"),
        };
        let invalid: Vec<i64> = held.invalid.iter().map(|event| event.summary.id).collect();
        (invalid, held.mentions.into_iter().map(place).collect::<Vec<_>>())
    };
    let mentioned = |is_open| [of_another, of_a_house, broken, decoded].map(|id| (id, is_open)).to_vec();
    assert_eq!(held().await, (vec![hers, as_well], mentioned(true)));
    ledger.discard_invalid(&[hers, as_well], decision(7)).await.expect("written");
    assert_eq!(erase(&ledger, Erase { mentions: true, ..asked(ADA) }).await.counts["invalid events"], 2);
    assert_eq!(held().await, (vec![], mentioned(true)), "what is open is not erased");
    ledger.discard_invalid(&all, decision(8)).await.expect("written");
    assert_eq!(erase(&ledger, asked(ADA)).await.counts, [].into());
    assert_eq!(held().await, (vec![], mentioned(false)), "nobody asked for what only mentions her");
    assert_eq!(erase(&ledger, Erase { mentions: true, ..asked(ADA) }).await.counts["mentions"], 4);
    assert_eq!(held().await, (vec![], vec![]));
    let left: Vec<i64> = ledger.invalid_list(None, 9).await.expect("read").iter().map(|row| row.id).collect();
    assert_eq!(left, [elsewhere]);
}

async fn a_letter_that_is_held_again_keeps_its_bytes_whoever_they_mention_until_it_has_ended(place: Place) {
    let ledger = place.open().await;
    let id = dispatch("1", "tax").id;
    let dead = || Entry::Dead(DeadLetter { event: bytes(ADA), ..letter("1", "tax") });
    ledger
        .record(vec![Entry::Event(event("1", vec![("tax", Fate::InLane)])), dead()])
        .await
        .expect("recorded");
    let again = vec![
        Entry::Redriven { dispatches: vec![id], decision: decision(6) },
        Entry::Held(HeldDispatch { event: bytes(ADA), ..held("1", "tax") }),
    ];
    ledger.record(again).await.expect("in one moment");
    let before = ledger.subject("uprn:1").await.expect("read");
    assert_eq!((&before.held[0].event, before.dead[0].state.as_str()), (&bytes(ADA), "redriven"));
    let mentions = ledger.subject(ADA).await.expect("read").mentions;
    assert_eq!(mentions.iter().map(|mention| mention.is_open).collect::<Vec<_>>(), [true, true]);
    assert_eq!(erase(&ledger, Erase { mentions: true, ..asked(ADA) }).await.counts, [].into());
    assert_eq!(ledger.subject("uprn:1").await.expect("read"), before);
    ledger.record(vec![dead()]).await.expect("dead again");
    ledger.discard(&[id], decision(7)).await.expect("written");
    assert_eq!(erase(&ledger, Erase { mentions: true, ..asked(ADA) }).await.counts["mentions"], 1);
    assert!(ledger.subject("uprn:1").await.expect("read").dead[0].letter.event.body.is_empty());
}

async fn what_tells_of_a_dispatch_of_a_subject_is_a_mention_of_it(place: Place) {
    let ledger = place.open().await;
    fill(&ledger, ADA, "a").await;
    fill(&ledger, BOB, "b").await;
    let body = json!({"data": {"reference": dispatch("a-sent", "tax").id.to_string()}}).to_string();
    let event = Whole { body: body.into_bytes(), ..whole() };
    let told = DeadLetter { event, message: Some(json!({"name": VALUE})), ..letter("told", "tax") };
    ledger.record(vec![Entry::Dead(told)]).await.expect("recorded");
    let id = dispatch("told", "tax").id;
    let mentions = async |subject| ledger.subject(subject).await.expect("read").mentions;
    let [found] = &mentions(ADA).await[..] else { panic!("not found once") };
    assert_eq!((&found.place, found.is_open), (&MentionedIn::DeadLetter { id }, true));
    assert_eq!(mentions(BOB).await, []);
    ledger.discard(&[id], decision(7)).await.expect("written");
    let erasure = erase(&ledger, Erase { mentions: true, ..asked(ADA) }).await;
    assert_eq!(erasure.counts["mentions"], 1);
    let shown = ledger.dead_show(id).await.expect("read").expect("a letter").letter;
    assert!(shown.event.body.is_empty() && shown.message.is_none());
}

promises!(
    what_only_mentions_a_subject_is_found_by_its_identifier_and_erased_where_it_is_asked_for,
    an_invalid_event_that_does_not_claim_the_subject_only_mentions_it_whatever_value_is_the_identifier,
    a_letter_that_is_held_again_keeps_its_bytes_whoever_they_mention_until_it_has_ended,
    what_tells_of_a_dispatch_of_a_subject_is_a_mention_of_it,
);
