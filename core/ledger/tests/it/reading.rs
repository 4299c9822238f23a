//! Sums and traces.

use std::collections::BTreeMap;

use crate::support::{Place, decision, delivered, dispatch, event, held, key, letter, staged};
use postroom_event::DispatchId;
use postroom_ledger::{Dispatch, Entry, EventSums, Fate, Leg, NewImport, Stage, State, TargetSums, Verdict};

/// A small generator, so that a failing mix can be had again by its seed.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(1);
        (self.0 >> 33) % bound
    }
}

/// What one lane dispatch comes to.
fn end(id: &str, target: &str, choice: u64, expected: &mut TargetSums) -> Option<Entry> {
    let (field, entry) = match choice {
        0 => (&mut expected.waiting, None),
        1 => (&mut expected.staged, Some(staged(id, target))),
        2 => (&mut expected.delivered, Some(delivered(id, target))),
        8 => (&mut expected.held, Some(Entry::Held(held(id, target)))),
        _ => (&mut expected.dead, Some(Entry::Dead(letter(id, target)))),
    };
    *field += 1;
    entry
}

async fn check_mix(place: &Place, seed: u64) {
    let ledger = place.open().await;
    let mut random = Seeded(seed);
    let mut events = EventSums::default();
    let mut targets = BTreeMap::<String, TargetSums>::new();
    for number in 0..200 {
        let id = number.to_string();
        let mut fates = Vec::new();
        let mut after = Vec::new();
        for target in ["waste", "tax", "land"] {
            let choice = random.below(10);
            if choice == 7 {
                continue;
            }
            let expected = targets.entry(target.to_owned()).or_default();
            expected.dispatched += 1;
            match choice {
                4 | 5 => {
                    expected.delivered += 1;
                    fates.push((target, Fate::Queued));
                }
                9 => {
                    expected.held += 1;
                    fates.push((target, Fate::Held(Box::new(held(&id, target)))));
                }
                6 => {
                    expected.dead += 1;
                    fates.push((target, Fate::Dead(Box::new(letter(&id, target)))));
                }
                lane => {
                    fates.push((target, Fate::InLane));
                    after.extend(end(&id, target, lane, expected));
                }
            }
        }
        *(if fates.is_empty() { &mut events.no_route } else { &mut events.routed }) += 1;
        let mut entries = vec![Entry::Event(event(&id, fates))];
        // A receipt may come before the router's own outcome, and an event twice.
        if random.below(2) == 0 {
            entries.splice(0..0, after);
        } else {
            entries.extend(after);
        }
        for entry in entries {
            for _ in 0..=random.below(2) {
                ledger.record(vec![entry.clone()]).await.expect("recorded");
                if matches!(entry, Entry::Event(_)) {
                    events.duplicate += 1;
                }
            }
        }
        events.duplicate -= 1;
    }
    let sums = ledger.sums().await.expect("read");
    assert_eq!(sums.sources["gazetteer"].events, events, "seed {seed}");
    assert_eq!(sums.targets, targets, "seed {seed}");
}

async fn the_sums_add_up_for_any_mix(place: Place) {
    for seed in 1..=4 {
        check_mix(&place.another(), seed).await;
    }
}

async fn a_trace_finds_an_event_by_each_of_its_names(place: Place) {
    let ledger = place.open().await;
    let fates = vec![("waste", Fate::Queued), ("tax", Fate::InLane)];
    ledger
        .record(vec![Entry::Event(event("1", fates)), Entry::Event(event("2", vec![]))])
        .await
        .expect("recorded");
    let lane = dispatch("1", "tax").id.to_string();
    let queued = dispatch("1", "waste").id.to_string();
    for name in ["1", "uprn:1", &key("1").0.to_string(), &lane, &queued] {
        let found = ledger.trace(name).await.expect("read");
        assert_eq!(found.iter().map(|journey| journey.id.as_str()).collect::<Vec<_>>(), ["1"], "{name}");
        let states: Vec<_> = found[0].legs.iter().map(|leg| leg.state.clone()).collect();
        assert_eq!(states, [State::Queued, State::Waiting]);
    }
    assert_eq!(ledger.trace("2").await.expect("read")[0].verdict, Verdict::NoRoute);
    assert!(ledger.trace(&dispatch("3", "tax").id.to_string()).await.expect("read").is_empty());
}

async fn a_trace_by_subject_is_in_order_of_time_and_tells_how_each_dispatch_ended(place: Place) {
    let ledger = place.open().await;
    for (id, at) in [("late", 30), ("early", 10), ("middle", 20)] {
        let fates = ["waste", "tax", "land"].map(|target| (target, Fate::InLane)).to_vec();
        let mut outcome = event(id, fates);
        outcome.received_at = at;
        outcome.subject = "uprn:1".into();
        ledger.record(vec![Entry::Event(outcome)]).await.expect("recorded");
    }
    ledger
        .record(vec![
            delivered("early", "waste"),
            staged("early", "tax"),
            Entry::Dead(letter("early", "land")),
        ])
        .await
        .expect("recorded");
    let journeys = ledger.trace("uprn:1").await.expect("read");
    assert_eq!(
        journeys.iter().map(|journey| journey.id.as_str()).collect::<Vec<_>>(),
        ["early", "middle", "late"]
    );
    let states: Vec<_> = journeys[0].legs.iter().map(|leg| leg.state.clone()).collect();
    let receipt = State::Delivered { at: 3_000, attempts: 2, batch: None, reference: Some("R1".into()) };
    assert_eq!(states[..2], [receipt, State::Staged { at: 2_000, batch: None }]);
    assert!(matches!(&states[2], State::Dead { code, discarded: false, .. } if code == "refused"));
    assert!(journeys[1].legs.iter().all(|leg| leg.state == State::Waiting));
}

/// The stage in which a trace shows a dispatch.
fn stage(leg: &Leg) -> Stage {
    match &leg.state {
        State::Waiting if leg.held.is_some() => Stage::Held,
        State::Waiting => Stage::Waiting,
        State::Staged { .. } => Stage::Staged,
        State::Queued => Stage::Queued,
        State::Delivered { .. } => Stage::Delivered,
        State::Dead { discarded: false, .. } => Stage::Dead,
        State::Dead { discarded: true, .. } => Stage::Discarded,
    }
}

async fn what_was_taken_is_told_for_many_at_once_as_a_trace_tells_it_for_one(place: Place) {
    let ledger = place.open().await;
    let targets = ["queued", "waiting", "staged", "delivered", "held", "dead", "discarded", "redriven"];
    let fates = targets.map(|target| (target, if target == "queued" { Fate::Queued } else { Fate::InLane }));
    for id in ["1", "2"] {
        let mut outcome = event(id, fates.to_vec());
        outcome.subject = "uprn:1".into();
        let again = Dispatch {
            id: DispatchId::again("/systems/gazetteer", id, "to-tax", "9"),
            ..dispatch(id, "tax")
        };
        let entries = vec![
            Entry::Event(outcome),
            staged(id, "staged"),
            delivered(id, "delivered"),
            Entry::Held(held(id, "held")),
            Entry::Dead(letter(id, "dead")),
            Entry::Dead(letter(id, "discarded")),
            Entry::Dead(letter(id, "redriven")),
            Entry::Again { dispatches: vec![again], replay: "9".into(), at: 8 },
        ];
        ledger.record(entries).await.expect("recorded");
        ledger.redrive(&[dispatch(id, "redriven").id], decision(5)).await.expect("written");
        let dispatches = vec![dispatch(id, "discarded").id];
        ledger.record(vec![Entry::Discarded { dispatches, decision: decision(6) }]).await.expect("recorded");
    }
    let taken = ledger.taken(&[key("2"), key("1")]).await.expect("read");
    assert_eq!(taken.len(), 2);
    for (taken, journey) in taken.iter().zip(ledger.trace("uprn:1").await.expect("read")) {
        assert_eq!((Some(taken.key), &taken.id, &taken.source), (journey.key, &journey.id, &journey.source));
        let told: Vec<_> =
            journey.legs.iter().map(|leg| (leg.id, &leg.route, &leg.target, stage(leg))).collect();
        let made = taken.dispatches.iter().map(|made| (made.id, &made.route, &made.target, made.stage));
        assert_eq!(made.collect::<Vec<_>>(), told);
        let words: Vec<_> = taken.dispatches.iter().map(|made| made.stage.word()).collect();
        let expected =
            ["queued", "waiting", "staged", "delivered", "held", "dead", "discarded", "waiting", "waiting"];
        assert_eq!(words, expected);
    }
}

async fn a_trace_names_the_batch_of_records_and_the_file_delivered(place: Place) {
    let ledger = place.open().await;
    let batch = "0f".repeat(32);
    let new = NewImport {
        system: "gazetteer".into(),
        batch: batch.clone(),
        label: "insert.csv".into(),
        total: 1,
        at: 1,
    };
    ledger.open_import(new).await.expect("written");
    let id = format!("{batch}-1");
    ledger
        .record(vec![Entry::Event(event(&id, vec![("tax", Fate::InLane)])), staged(&id, "tax")])
        .await
        .expect("recorded");
    let handed = ledger.assign_batch("tax", 10, 8).await.expect("written").expect("a batch");
    let end = Entry::BatchDelivered { id: handed.id.clone(), reference: Some("changes.csv".into()), at: 9 };
    ledger.record(vec![end]).await.expect("recorded");
    let journey = &ledger.trace(&id).await.expect("read")[0];
    assert_eq!(journey.import.as_deref(), Some("insert.csv"));
    let expected = State::Delivered {
        at: 9,
        attempts: 1,
        batch: Some(handed.id),
        reference: Some("changes.csv".into()),
    };
    assert_eq!(journey.legs[0].state, expected);
}

promises!(
    the_sums_add_up_for_any_mix,
    a_trace_finds_an_event_by_each_of_its_names,
    a_trace_by_subject_is_in_order_of_time_and_tells_how_each_dispatch_ended,
    what_was_taken_is_told_for_many_at_once_as_a_trace_tells_it_for_one,
    a_trace_names_the_batch_of_records_and_the_file_delivered,
);
