//! Erasing what is held of a subject, and of nobody else.

use std::path::PathBuf;

use crate::support::{Place, SOURCE, decision, dispatch, event, held, key, letter, route, whole};
use postroom_event::DispatchId;
use postroom_ledger::{
    Body, Claims, DeadLetter, Delivered, Dispatch, Entry, Erase, Erased, Erasure, EventOutcome, Fate,
    HeldDispatch, InvalidEvent, Ledger, NewJob, Open, Sent, StagedDispatch, Whole, Xref, XrefKey,
};
use serde_json::{Value, json};

/// Whom it is about, and somebody else.
pub(crate) const ADA: &str = "person:8841";
pub(crate) const BOB: &str = "person:8842";
/// What nothing may hold once she is erased.
pub(crate) const VALUE: &str = "Zebediah Canary";

fn about(subject: &str, id: &str, fates: Vec<(&str, Fate)>) -> Entry {
    Entry::Event(EventOutcome { subject: subject.to_owned(), ..event(id, fates) })
}

fn of(subject: &str, dispatch: Dispatch) -> Dispatch {
    Dispatch { subject: subject.to_owned(), ..dispatch }
}

pub(crate) fn bytes(subject: &str) -> Whole {
    let body = json!({"subject": subject, "data": {"name": format!("{VALUE} of {subject}")}});
    Whole { body: body.to_string().into_bytes(), ..whole() }
}

fn letter_of(subject: &str, id: &str, target: &str) -> DeadLetter {
    let (letter, event) = (letter(id, target), bytes(subject));
    DeadLetter { dispatch: of(subject, letter.dispatch.clone()), event, ..letter }
}

fn hold_of(subject: &str, id: &str, target: &str) -> HeldDispatch {
    let (held, event) = (held(id, target), bytes(subject));
    HeldDispatch { dispatch: of(subject, held.dispatch.clone()), event, message: None, ..held }
}

pub(crate) fn invalid_of(claimed: Option<&str>, body: &[u8]) -> Entry {
    Entry::Invalid(InvalidEvent {
        system: "gazetteer".into(),
        received_at: 2_000,
        code: "schema".into(),
        place: "/data".into(),
        words: "it does not fit".into(),
        content_type: Some("application/cloudevents+json".into()),
        headers: Vec::new(),
        body: Body::kept(body, 10_000),
        claims: Claims { subject: claimed.map(str::to_owned), ..Claims::default() },
    })
}

/// What no event could be made of, and says itself what it is about; its data names somebody by the identifier.
pub(crate) fn undecoded(subject: &str, identifier: &str) -> Vec<u8> {
    json!({"subject": subject, "time": "yesterday", "data": {"id": identifier, "name": VALUE}})
        .to_string()
        .into_bytes()
}

pub(crate) fn xref(key: &str, id: &str) -> Xref {
    let of = XrefKey { kind: "account".into(), key: key.into(), system: "tax".into() };
    Xref { of, id: id.into(), at: 1, noted_by: "to-tax".into() }
}

pub(crate) fn asked(subject: &str) -> Erase {
    Erase {
        subject: subject.to_owned(),
        mentions: false,
        untold: false,
        actor: "ada".to_owned(),
        reason: "request 7".to_owned(),
        at: 9_000,
    }
}

/// What a dispatch sent, that is kept.
fn kept(arrived: &Delivered) -> Entry {
    let content = json!({"name": VALUE}).to_string().into_bytes();
    let dispatch = arrived.dispatch.id;
    Entry::Sent(Sent { dispatch, target: "tax".into(), message: "bill".into(), content, until: 90_000 })
}

pub(crate) async fn erase(ledger: &Ledger, asked: Erase) -> Erasure {
    match ledger.erase(asked).await.expect("written") {
        Erased::Done(erasure) => erasure,
        Erased::Open(open) => panic!("open: {open:?}"),
    }
}

/// Everything that can be held of a subject and is not open, under ids that begin with `prefix`.
pub(crate) async fn fill(ledger: &Ledger, subject: &str, prefix: &str) {
    let id = |name: &str| format!("{prefix}-{name}");
    let (sent, dead, batched) = (id("sent"), id("dead"), id("batched"));
    let replay = Dispatch {
        id: DispatchId::again(SOURCE, &sent, &route("tax"), "replay-9"),
        ..of(subject, dispatch(&sent, "tax"))
    };
    let replayed = Delivered { dispatch: replay.clone(), attempts: 1, at: 3_000, reference: None };
    let again = Entry::Again { dispatches: vec![replay], replay: "replay-9".into(), at: 8 };
    let arrived = Delivered {
        dispatch: of(subject, dispatch(&sent, "tax")),
        attempts: 2,
        at: 3_000,
        reference: Some(format!("account of {VALUE}")),
    };
    let staged = StagedDispatch {
        dispatch: of(subject, dispatch(&batched, "waste")),
        source: SOURCE.into(),
        message: json!({"name": VALUE}),
        event: bytes(subject),
        at: 2_000,
    };
    let entries = vec![
        about(subject, &sent, vec![("land", Fate::Queued), ("tax", Fate::InLane)]),
        Entry::Held(hold_of(subject, &sent, "tax")),
        about(subject, &dead, vec![("tax", Fate::InLane)]),
        about(subject, &batched, vec![("waste", Fate::InLane)]),
        Entry::Dead(letter_of(subject, &dead, "tax")),
        Entry::Staged(staged),
        Entry::Xrefs(vec![xref(subject, &format!("account of {VALUE}"))]),
        invalid_of(Some(subject), &bytes(subject).body),
        invalid_of(None, &undecoded(subject, "1")),
    ];
    ledger.record(entries).await.expect("recorded");
    let kept = kept(&arrived);
    ledger.record(vec![Entry::Delivered(arrived), kept, again]).await.expect("recorded");
    ledger.record(vec![Entry::Delivered(replayed)]).await.expect("recorded");
    let batch = ledger.assign_batch("waste", 9, 5).await.expect("written").expect("a batch");
    ledger
        .record(vec![Entry::BatchDelivered { id: batch.id, reference: None, at: 6 }])
        .await
        .expect("recorded");
    ledger.discard(&[dispatch(&dead, "tax").id], decision(7)).await.expect("written");
    let open = ledger.invalid_list(None, 99).await.expect("read");
    let open: Vec<i64> = open.iter().filter(|row| row.state == "open").map(|row| row.id).collect();
    ledger.discard_invalid(&open, decision(8)).await.expect("written");
    let job = NewJob {
        kind: "replay".into(),
        target: String::new(),
        params: json!({"subject": subject, "words": format!("`{sent}` went past it")}),
        actor: "ada".into(),
        reason: "asked".into(),
        at: 9,
    };
    let job = ledger.submit(job).await.expect("written");
    ledger.finish(job, Value::Null, 10).await.expect("written");
}

async fn what_is_held_of_a_subject_is_erased_and_of_nobody_else_and_the_sums_stay(place: Place) {
    let ledger = place.open().await;
    fill(&ledger, ADA, "a").await;
    fill(&ledger, BOB, "b").await;
    let (sums, bob) = (ledger.sums().await.expect("read"), ledger.subject(BOB).await.expect("read"));
    let ada = ledger.subject(ADA).await.expect("read");
    for held in [&ada, &bob] {
        let counts =
            (held.events.len(), held.dead.len(), held.invalid.len(), held.xrefs.len(), held.jobs.len());
        assert_eq!((counts, held.sent.len()), ((3, 1, 2, 1, 1), 1));
        assert!(held.mentions.is_empty(), "{:?}", held.mentions);
    }
    let erasure = erase(&ledger, asked(ADA)).await;
    let counts =
        |kinds: &[(&str, u64)]| kinds.iter().map(|(kind, count)| ((*kind).to_owned(), *count)).collect();
    let expected = [
        ("cross-references", 1),
        ("dead letters", 1),
        ("events", 3),
        ("invalid events", 2),
        ("jobs", 1),
        ("receipts", 3),
        ("sent messages", 1),
    ];
    assert_eq!(erasure.counts, counts(&expected));
    assert!(erasure.is_of(ADA) && !erasure.is_of(BOB));
    assert_eq!(ledger.erasures().await.expect("read"), [erasure]);
    assert_eq!(ledger.subject(ADA).await.expect("read"), postroom_ledger::SubjectHeld::default());
    assert_eq!(ledger.subject(BOB).await.expect("read"), bob);
    assert_eq!(ledger.sent(&[dispatch("a-sent", "tax").id], 0).await.expect("read"), []);
    assert_eq!(ledger.sums().await.expect("read"), sums);
    assert!(ledger.trace("a-sent").await.expect("read").is_empty());
    let jobs = ledger.jobs(&postroom_ledger::JobFilter::default(), 9).await.expect("read");
    assert_eq!(jobs[1].params, json!({"subject": "<erased>", "words": "`<erased>` went past it"}));
    assert_eq!(ledger.subjects().await.expect("read"), [BOB]);
}

async fn an_event_that_was_erased_is_a_duplicate_when_it_comes_again_until_it_would_have_been_forgotten(
    place: Place,
) {
    let ledger = place.open().await;
    ledger.want_receipts(["gazetteer".to_owned()].into());
    fill(&ledger, ADA, "a").await;
    erase(&ledger, Erase { untold: true, ..asked(ADA) }).await;
    // The hub was started again: nothing of it is in memory any more.
    let ledger = place.open().await;
    ledger.want_receipts(["gazetteer".to_owned()].into());
    let sums = ledger.sums().await.expect("read");
    let keys = [key("a-sent"), key("a-dead"), key("a-batched")];
    assert_eq!(ledger.known(&keys).await.expect("read"), keys.into());
    let ids = [dispatch("a-sent", "tax").id, dispatch("a-dead", "tax").id, dispatch("a-batched", "waste").id];
    assert_eq!(ledger.finished(&ids).await.expect("read"), ids.into());
    let again = Delivered { dispatch: dispatch("a-sent", "tax"), attempts: 1, at: 9, reference: None };
    let late = vec![
        kept(&again),
        Entry::Delivered(again),
        Entry::Dead(letter("a-dead", "tax")),
        Entry::Held(held("a-batched", "waste")),
    ];
    ledger.record(late).await.expect("recorded");
    assert_eq!(ledger.sums().await.expect("read"), sums, "what comes of it late is not taken down");
    assert_eq!(ledger.sent(&ids, 0).await.expect("read"), []);
    let untold = ledger.outbox(99).await.expect("read");
    let repeated = Entry::Repeated { system: "gazetteer".into(), keys: keys.to_vec(), at: 9 };
    ledger.record(vec![repeated]).await.expect("recorded");
    assert_eq!(ledger.outbox(99).await.expect("read"), untold, "nothing is left that could be told");
    assert_eq!(untold.len(), 1, "an invalid event of nobody knows whom");
    assert_eq!(ledger.sums().await.expect("read").sources["gazetteer"].events.duplicate, 3);
    ledger.prune(1_000, 99).await.expect("pruned");
    assert_eq!(ledger.known(&keys).await.expect("read"), keys.into(), "not before its time");
    ledger.prune(1_001, 99).await.expect("pruned");
    assert!(ledger.known(&keys).await.expect("read").is_empty());
}

async fn nothing_is_erased_while_anything_of_it_is_open_and_what_is_open_is_told(place: Place) {
    let ledger = place.open().await;
    let id = |id: &str, target: &str| dispatch(id, target).id.to_string();
    let target = || "tax".to_owned();
    let staged = StagedDispatch {
        dispatch: of(ADA, dispatch("4", "tax")),
        source: SOURCE.into(),
        message: json!({}),
        event: whole(),
        at: 2_000,
    };
    let fates = |number: &str| about(ADA, number, vec![("tax", Fate::InLane)]);
    let entries = ["1", "2", "3", "4"].map(fates).into_iter().chain([
        Entry::Held(hold_of(ADA, "2", "tax")),
        Entry::Dead(letter_of(ADA, "3", "tax")),
        Entry::Staged(staged),
        invalid_of(Some(ADA), b"{}"),
    ]);
    ledger.record(entries.collect()).await.expect("recorded");
    let job = NewJob {
        kind: "replay".into(),
        target: "lane.tax".into(),
        params: json!({"subject": ADA}),
        actor: "ada".into(),
        reason: "asked".into(),
        at: 9,
    };
    let job = ledger.submit(job).await.expect("written");
    let before = ledger.subject(ADA).await.expect("read");
    let Erased::Open(open) = ledger.erase(asked(ADA)).await.expect("written") else { panic!("erased") };
    let expected = [
        Open::Waiting { id: id("1", "tax"), target: target() },
        Open::Held { id: id("2", "tax"), target: target() },
        Open::Staged { id: id("4", "tax"), target: target() },
        Open::Dead { id: id("3", "tax"), target: target() },
        Open::Invalid { id: before.invalid[0].summary.id, system: "gazetteer".into() },
        Open::Job { id: job },
    ];
    assert_eq!(open, expected);
    assert_eq!(ledger.subject(ADA).await.expect("read"), before);
    assert!(ledger.erasures().await.expect("read").is_empty());
}

async fn a_receipt_that_is_not_told_stands_in_the_way_unless_it_shall_go_untold(place: Place) {
    let ledger = place.open().await;
    ledger.want_receipts(["gazetteer".to_owned()].into());
    ledger.record(vec![about(ADA, "1", vec![]), about(BOB, "2", vec![])]).await.expect("recorded");
    assert_eq!(ledger.subject(ADA).await.expect("read").receipts.len(), 1);
    let open = ledger.erase(asked(ADA)).await.expect("written");
    assert_eq!(open, Erased::Open(vec![Open::Untold { receipts: 1 }]));
    let erasure = erase(&ledger, Erase { untold: true, ..asked(ADA) }).await;
    assert_eq!(erasure.counts["untold receipts"], 1);
    let told = ledger.outbox(9).await.expect("read");
    assert_eq!(told.iter().map(|receipt| receipt.id.as_str()).collect::<Vec<_>>(), ["2"]);
}

/// A snapshot of one system with one record, taken whole.
async fn what_comes_after_the_newest_event_was_erased_waits_and_is_known(place: Place) {
    let ledger = place.open().await;
    fill(&ledger, ADA, "a").await;
    erase(&ledger, asked(ADA)).await;
    ledger.record(vec![about(BOB, "new", vec![("tax", Fate::InLane)])]).await.expect("recorded");
    for ledger in [ledger, place.open().await] {
        let page = ledger.unreceived("tax", 0, 9).await.expect("read");
        assert_eq!(page.found.iter().map(|found| found.event_id.as_str()).collect::<Vec<_>>(), ["new"]);
        assert_eq!(ledger.known(&[key("new")]).await.expect("read"), [key("new")].into());
        assert!(ledger.trace("new").await.expect("read").len() == 1);
    }
}

promises!(
    what_is_held_of_a_subject_is_erased_and_of_nobody_else_and_the_sums_stay,
    an_event_that_was_erased_is_a_duplicate_when_it_comes_again_until_it_would_have_been_forgotten,
    nothing_is_erased_while_anything_of_it_is_open_and_what_is_open_is_told,
    a_receipt_that_is_not_told_stands_in_the_way_unless_it_shall_go_untold,
    what_comes_after_the_newest_event_was_erased_waits_and_is_known,
);

/// The ledger's file and its log, as far as they are there.
fn files(place: &Place) -> Vec<(PathBuf, String)> {
    let paths = ["db", "db-wal"].map(|end| place.path().with_extension(end));
    let text = |path: PathBuf| {
        Some((path.clone(), String::from_utf8_lossy(&std::fs::read(path).ok()?).into_owned()))
    };
    paths.into_iter().filter_map(text).collect()
}

#[tokio::test]
async fn once_a_file_is_written_anew_no_byte_of_an_erased_subject_is_in_it_or_in_its_log() {
    let place = Place::file();
    let ledger = place.open().await;
    fill(&ledger, ADA, "a").await;
    let other = "Bartholomew Control";
    ledger.record(vec![about(&format!("person:{other}"), "b", vec![])]).await.expect("recorded");
    let holds = |text: &str| files(&place).iter().any(|(_, bytes)| bytes.contains(text));
    for planted in [VALUE, ADA, "a-sent"] {
        assert!(holds(planted), "{planted}");
    }
    erase(&ledger, asked(ADA)).await;
    assert!(ledger.scrub().await.expect("written"));
    for (path, bytes) in files(&place) {
        for planted in [VALUE, ADA, "a-sent"] {
            assert!(!bytes.contains(planted), "{planted} is in {}", path.display());
        }
    }
    assert!(holds(other), "what is looked for would be found");
    ledger.record(vec![about(BOB, "later", vec![])]).await.expect("whoever has it open goes on");
    assert_eq!(place.open().await.subjects().await.expect("read").len(), 2);
}
