//! The work list: what is on it, who has it, and what is told of it.

use std::sync::Arc;

use postroom_event::{Concern, Fault};
use postroom_ledger::{
    Advance, Body, Broken, Business, ByConcern, Claims, DeadFilter, DeadLetter, Entry, Fate, Happened,
    ImportKey, InvalidEvent, InvalidFilter, Ledger, NewImport, Reason, RefusedImport, WorkFilter, WorkId,
};

use crate::support::{Place, decision, dispatch, event, letter, reason, staged};

const OWN: &str = "work.item.raised.v1";

fn business() -> Arc<Business> {
    let of = |code: &str| vec![code.to_owned()];
    let (teller, told_as) = ("postroom".to_owned(), of(OWN));
    Arc::new(Business { dead: of("refused"), invalid: of("schema"), records: of("no-rule"), teller, told_as })
}

async fn told(place: &Place) -> Ledger {
    let ledger = place.open().await;
    ledger.tell_work(business());
    ledger
}

async fn lines(ledger: &Ledger) -> Vec<(Happened, WorkId)> {
    let lines = ledger.work_outbox(100).await.expect("read");
    lines.into_iter().map(|line| (line.happened, line.item)).collect()
}

async fn items(ledger: &Ledger, filter: &WorkFilter) -> Vec<WorkId> {
    let items = ledger.work_list(&business(), filter, 100).await.expect("read");
    items.into_iter().map(|item| item.id).collect()
}

async fn listed(ledger: &Ledger) -> Vec<WorkId> {
    items(ledger, &WorkFilter::default()).await
}

fn dead(id: &str) -> WorkId {
    WorkId::Dispatch(dispatch(id, "tax").id)
}

fn exhausted(id: &str) -> DeadLetter {
    DeadLetter { reason: Reason { code: "exhausted".into(), ..reason() }, ..letter(id, "tax") }
}

fn invalid(system: &str, code: &str, body: &[u8]) -> Entry {
    Entry::Invalid(InvalidEvent {
        system: system.into(),
        received_at: 5,
        code: code.into(),
        place: "/uprn".into(),
        words: "it does not fit".into(),
        content_type: None,
        headers: Vec::new(),
        body: Body::kept(body, 10),
        claims: Claims { event_type: Some("property.created.v1".into()), ..Claims::default() },
    })
}

async fn a_dead_letter_of_business_is_raised_once_and_settled_with_what_was_decided(place: Place) {
    let ledger = told(&place).await;
    let entries = vec![Entry::Dead(letter("1", "tax")), Entry::Dead(exhausted("2"))];
    ledger.record(entries).await.expect("recorded");
    ledger.record(vec![Entry::Dead(letter("1", "tax"))]).await.expect("said before");
    let raised = ledger.work_outbox(9).await.expect("read");
    let [line] = raised.as_slice() else { panic!("{raised:?}") };
    let told = (line.happened, line.item, line.system.as_str(), line.route.as_deref(), line.since, line.at);
    assert_eq!(told, (Happened::Raised, dead("1"), "tax", Some("to-tax"), 4_000, 4_000));
    assert_eq!((line.code.as_str(), line.words.as_str()), ("refused", "the target refused it"));
    assert_eq!(listed(&ledger).await, [dead("1")]);
    let ids = ["1", "2"].map(|id| dispatch(id, "tax").id);
    ledger
        .record(vec![Entry::Redriven { dispatches: ids.into(), decision: decision(7) }])
        .await
        .expect("written");
    assert_eq!(listed(&ledger).await, []);
    let again = DeadLetter { failed_at: 8_000, ..letter("1", "tax") };
    ledger.record(vec![Entry::Dead(again)]).await.expect("recorded");
    ledger.discard(&ids, decision(9)).await.expect("written");
    let expected = [Happened::Raised, Happened::Redriven, Happened::Raised, Happened::Discarded];
    assert_eq!(lines(&ledger).await, expected.map(|happened| (happened, dead("1"))));
    let first = raised[0].position;
    ledger.record(vec![Entry::WorkTold(vec![first])]).await.expect("told");
    assert_eq!((lines(&ledger).await.len(), ledger.work_untold().await.expect("read")), (3, 3));
}

async fn each_dispatch_of_a_batch_that_is_refused_is_raised(place: Place) {
    let ledger = told(&place).await;
    for id in ["1", "2"] {
        let lane = Entry::Event(event(id, vec![("tax", Fate::InLane)]));
        ledger.record(vec![lane, staged(id, "tax")]).await.expect("staged");
    }
    let batch = ledger.assign_batch("tax", 5, 9).await.expect("written").expect("a batch");
    let refused = Entry::BatchRefused { id: batch.id, reason: reason(), holding: Vec::new(), at: 12 };
    ledger.record(vec![refused.clone(), refused]).await.expect("ended");
    let mut raised = lines(&ledger).await;
    raised.sort_by_key(|(_, item)| item.to_string());
    let mut expected = vec![(Happened::Raised, dead("1")), (Happened::Raised, dead("2"))];
    expected.sort_by_key(|(_, item)| item.to_string());
    assert_eq!(raised, expected);
}

async fn an_item_about_an_item_is_none(place: Place) {
    let ledger = told(&place).await;
    let mut own = letter("1", "tax");
    own.dispatch.event_type = OWN.into();
    let entries = vec![Entry::Dead(own), invalid("postroom", "schema", b"{}")];
    ledger.record(entries).await.expect("recorded");
    assert_eq!((lines(&ledger).await, listed(&ledger).await), (vec![], vec![]));
    let open = |concern| DeadFilter {
        concern: Some(ByConcern { concern, business: business() }),
        ..DeadFilter::default()
    };
    let technical = ledger.dead_list(&open(Concern::Technical), 9).await.expect("read");
    assert_eq!(technical.len(), 1, "it is an operator's");
}

async fn an_invalid_event_is_raised_and_settled_also_where_it_breaks_another_rule_now(place: Place) {
    let ledger = told(&place).await;
    let entries = vec![
        invalid("shop", "schema", b"a"),
        invalid("shop", "not-json", b"b"),
        invalid("shop", "schema", b"a"),
    ];
    ledger.record(entries).await.expect("recorded");
    let [wrong, broken] = [1, 2].map(WorkId::Event);
    assert_eq!(lines(&ledger).await, [(Happened::Raised, wrong)]);
    let list = ledger.work_list(&business(), &WorkFilter::default(), 9).await.expect("read");
    assert_eq!(list[0].words, "/uprn: it does not fit");
    for (number, code) in [(1, "schema"), (1, "unknown-type"), (2, "schema")] {
        let broken = Broken { code: code.into(), place: String::new(), words: "no".into() };
        let still = Entry::StillInvalid { number, broken, decision: decision(7) };
        ledger.record(vec![still]).await.expect("written");
    }
    assert_eq!(listed(&ledger).await, [broken]);
    ledger.discard_invalid(&[1, 2], decision(9)).await.expect("written");
    let expected = [
        (Happened::Raised, wrong),
        (Happened::Redriven, wrong),
        (Happened::Raised, broken),
        (Happened::Discarded, broken),
    ];
    assert_eq!(lines(&ledger).await, expected);
    let of = |concern| InvalidFilter {
        concern: Some(ByConcern { concern, business: business() }),
        ..InvalidFilter::default()
    };
    for (concern, number) in [(Concern::Business, 2), (Concern::Technical, 1)] {
        assert_eq!(ledger.invalid_in_order(&of(concern), 9).await.expect("read"), [number]);
    }
}

fn fault(number: u64, rule: &'static str) -> Fault {
    Fault { number, line: number + 1, place: "code".into(), rule, words: "it is not known".into() }
}

fn step(batch: &str, refused: Vec<Fault>) -> Vec<Entry> {
    let key = ImportKey { system: "yard".into(), batch: batch.into(), round: 0 };
    let (mapped, published, ignored) = (0, 0, Vec::new());
    let step = Advance { import: key.clone(), position: 9, mapped, published, ignored, refused, at: 20 };
    vec![Entry::Advanced(step), Entry::ImportDone(key, 21)]
}

async fn an_input_is_one_item_however_many_of_its_records_were_refused_until_somebody_has_looked(
    place: Place,
) {
    let ledger = told(&place).await;
    for batch in ["a", "b", "c"] {
        let label = format!("{batch}.csv");
        let new = NewImport { system: "yard".into(), batch: batch.into(), label, total: 9, at: 10 };
        ledger.open_import(new).await.expect("open");
    }
    let wrong = vec![fault(2, "not-json"), fault(4, "no-rule"), fault(7, "no-rule")];
    ledger.record(step("a", wrong)).await.expect("recorded");
    ledger.record(step("b", vec![fault(1, "not-json")])).await.expect("recorded");
    ledger.record(step("c", Vec::new())).await.expect("recorded");
    let fault = Fault { number: 0, line: 1, ..fault(1, "no-rule") };
    let (system, batch, label) = ("yard".to_owned(), "d".to_owned(), "d.csv".to_owned());
    let whole = Entry::ImportRefused(RefusedImport { system, batch, label, fault, at: 30 });
    ledger.record(vec![whole.clone()]).await.expect("recorded");
    ledger.record(vec![whole]).await.expect("it came again");
    let list = ledger.work_list(&business(), &WorkFilter::default(), 9).await.expect("read");
    let words: Vec<_> = list.iter().map(|item| item.words.as_str()).collect();
    assert_eq!(
        words,
        [
            "a.csv: 2 records were refused, the first in line 5: code: it is not known",
            "d.csv: it was refused whole: code: it is not known"
        ]
    );
    let [WorkId::Input(first), WorkId::Input(_)] = [list[0].id, list[1].id] else { panic!("{list:?}") };
    assert_eq!(lines(&ledger).await, [list[0].id, list[1].id].map(|item| (Happened::Raised, item)));
    assert!(ledger.settle_input(first, decision(40)).await.expect("written"));
    assert!(!ledger.settle_input(first, decision(41)).await.expect("written"), "somebody has");
    assert_eq!(listed(&ledger).await, [list[1].id]);
    assert_eq!(lines(&ledger).await[2..], [(Happened::Discarded, list[0].id)]);
    let (import, records, notes) = ledger.input_show(first, 9).await.expect("read").expect("an input");
    assert_eq!((import.label.as_str(), records.len()), ("a.csv", 3));
    assert_eq!((notes.len(), notes[0].at, notes[0].actor.as_str()), (1, 40, "an officer"));
}

async fn the_list_is_by_system_route_and_time_and_says_who_has_what(place: Place) {
    let ledger = place.open().await;
    let late = DeadLetter { failed_at: 9_000, ..letter("2", "waste") };
    let entries = vec![Entry::Dead(letter("1", "tax")), Entry::Dead(late), invalid("shop", "schema", b"a")];
    ledger.record(entries).await.expect("recorded");
    let late = WorkId::Dispatch(dispatch("2", "waste").id);
    assert_eq!(listed(&ledger).await, [WorkId::Event(1), dead("1"), late]);
    let none = WorkFilter::default;
    let check = async |filter: WorkFilter, expected: &[WorkId]| {
        assert_eq!(items(&ledger, &filter).await, expected, "{filter:?}");
    };
    check(WorkFilter { system: Some("shop".into()), ..none() }, &[WorkId::Event(1)]).await;
    check(WorkFilter { route: Some("to-waste".into()), ..none() }, &[late]).await;
    check(WorkFilter { from: Some(5_000), ..none() }, &[late]).await;
    assert_eq!(ledger.work_list(&business(), &none(), 2).await.expect("read").len(), 2);
    assert!(ledger.take_work(late, Some("Ada".into()), 70).await.expect("written"));
    assert!(!ledger.take_work(WorkId::Event(9), Some("Ada".into()), 70).await.expect("written"));
    let item = ledger.work_list(&business(), &none(), 9).await.expect("read").pop().expect("an item");
    assert_eq!((item.taken_by.as_deref(), item.taken_at), (Some("Ada"), Some(70)));
    assert!(ledger.take_work(late, None, 71).await.expect("written"));
    let item = ledger.work_list(&business(), &none(), 9).await.expect("read").pop().expect("an item");
    assert_eq!((item.taken_by, item.taken_at), (None, None));
    assert!(lines(&ledger).await.is_empty(), "nobody is to be told");
}

promises!(
    a_dead_letter_of_business_is_raised_once_and_settled_with_what_was_decided,
    each_dispatch_of_a_batch_that_is_refused_is_raised,
    an_item_about_an_item_is_none,
    an_invalid_event_is_raised_and_settled_also_where_it_breaks_another_rule_now,
    an_input_is_one_item_however_many_of_its_records_were_refused_until_somebody_has_looked,
    the_list_is_by_system_route_and_time_and_says_who_has_what,
);
