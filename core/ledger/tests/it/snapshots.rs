//! Snapshots of sources: what is known of each record, what is published of one in hand, and what is left of one refused.

use crate::support::Place;
use postroom_event::Fault;
use postroom_ledger::{
    Advance, Compared, Entry, Import, ImportState, InHand, KnownCount, Ledger, NewImport, NewPending, Opened,
    PublishedChanges, RefusedImport, RemovedRecords, Snapshot, SnapshotStep,
};
use uuid::Uuid;

const SYSTEM: &str = "gazetteer";

fn new(batch: &str) -> NewImport {
    NewImport {
        system: SYSTEM.into(),
        batch: batch.repeat(64),
        label: format!("{batch}.csv"),
        total: 3,
        at: 1,
    }
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

async fn begun(ledger: &Ledger, batch: &str) -> Snapshot {
    match ledger.open_snapshot(new(batch)).await.expect("written") {
        Opened::Comparing(snapshot) => snapshot,
        other => panic!("{other:?}"),
    }
}

fn advance(import: &Import, position: u64, unchanged: u64) -> Advance {
    Advance {
        import: import.key.clone(),
        position,
        mapped: position - import.position - unchanged,
        published: position - import.position - unchanged,
        ignored: if unchanged > 0 { vec![("unchanged".into(), unchanged)] } else { Vec::new() },
        refused: Vec::new(),
        at: 2,
    }
}

fn step(snapshot: &Snapshot, step: SnapshotStep) -> Entry {
    let generation = snapshot.generation;
    Entry::Snapshot(InHand { system: SYSTEM.into(), generation }, Box::new(step))
}

fn fault(number: u64, rule: &'static str) -> Fault {
    Fault { number, line: number + 1, place: "UPRN".into(), rule, words: "it is so".into() }
}

/// One chunk of records, each by its key and its content, of which those in `known` are known.
fn compared(snapshot: &Snapshot, records: &[(u128, u128)], known: &[u128]) -> SnapshotStep {
    let pending = |(number, (key, hash)): (u64, &(u128, u128))| NewPending {
        number,
        line: number + 1,
        key: id(*key),
        hash: id(*hash),
        content: format!("{hash}").into_bytes(),
    };
    let (seen, created): (Vec<u128>, Vec<u128>) =
        records.iter().map(|(key, _)| *key).partition(|key| known.contains(key));
    SnapshotStep::Compared(Compared {
        from: snapshot.compared,
        to: snapshot.compared + records.len() as u64,
        seen: seen.into_iter().map(id).collect(),
        created: created.into_iter().map(id).collect(),
        pending: (snapshot.compared + 1..).zip(records).map(pending).collect(),
        step: advance(&snapshot.import, snapshot.import.position, 0),
    })
}

async fn record(ledger: &Ledger, entry: Entry) {
    ledger.record(vec![entry]).await.expect("recorded");
}

/// Accepts what was compared and publishes it, but for the records whose keys are `refused`.
async fn accept_and_publish(ledger: &Ledger, snapshot: &Snapshot, refused: &[u128]) -> Snapshot {
    record(ledger, step(snapshot, SnapshotStep::Accepted(snapshot.import.key.clone(), None))).await;
    let pending = ledger.snapshot_pending(SYSTEM, 10).await.expect("read");
    let in_hand = ledger.snapshot_in_publishing(SYSTEM).await.expect("read").expect("it is accepted");
    let refused: Vec<Uuid> = refused.iter().map(|key| id(*key)).collect();
    let kept = pending.iter().filter(|one| !refused.contains(&one.new.key));
    let kept = kept.map(|one| (one.id, one.new.content.clone())).collect();
    if let Some(last) = pending.last() {
        let position = in_hand.import.position + pending.len() as u64;
        let step_of = advance(&in_hand.import, position, 0);
        let changes = PublishedChanges { to: last.new.number, refused, kept, step: step_of };
        record(ledger, step(snapshot, SnapshotStep::Published(changes))).await;
    }
    ledger.snapshot_in_publishing(SYSTEM).await.expect("read").expect("it is not done")
}

async fn done(ledger: &Ledger, snapshot: &Snapshot) {
    let ended = Entry::ImportDone(snapshot.import.key.clone(), 3);
    ledger.record(vec![step(snapshot, SnapshotStep::Done), ended]).await.expect("recorded");
}

/// A snapshot of these records, taken whole; none of them was known.
async fn first(ledger: &Ledger, records: &[(u128, u128)]) -> Snapshot {
    let snapshot = begun(ledger, "a").await;
    record(ledger, step(&snapshot, compared(&snapshot, records, &[]))).await;
    let published = accept_and_publish(ledger, &snapshot, &[]).await;
    done(ledger, &snapshot).await;
    published
}

/// The hashes of what is known of the records.
async fn hashes(ledger: &Ledger, keys: &[u128]) -> Vec<(u128, Option<u128>)> {
    let keys: Vec<Uuid> = keys.iter().map(|key| id(*key)).collect();
    let known = ledger.snapshot_known(SYSTEM, &keys).await.expect("read").known;
    let mut hashes: Vec<_> =
        known.iter().map(|one| (one.key.as_u128(), one.hash.map(|hash| hash.as_u128()))).collect();
    hashes.sort_unstable();
    hashes
}

async fn a_snapshot_goes_on_where_its_last_chunk_ended_and_a_chunk_that_comes_twice_counts_once(
    place: Place,
) {
    let ledger = place.open().await;
    let snapshot = begun(&ledger, "a").await;
    for _ in 0..2 {
        record(&ledger, step(&snapshot, compared(&snapshot, &[(1, 11), (2, 12)], &[]))).await;
    }
    let again = place.open().await;
    let snapshot = begun(&again, "a").await;
    assert_eq!((snapshot.generation, snapshot.compared, snapshot.taken), (1, 2, 0));
    let known = again.snapshot_known(SYSTEM, &[id(1), id(3)]).await.expect("read");
    assert_eq!(known.place, Some((1, 2)));
    assert_eq!(known.known.iter().map(|one| (one.hash, one.generation)).collect::<Vec<_>>(), [(None, 1)]);
    assert_eq!(again.snapshot_pending(SYSTEM, 10).await.expect("read").len(), 2);
}

async fn what_was_published_is_known_to_the_next_snapshot_with_what_is_kept_of_it(place: Place) {
    let ledger = place.open().await;
    first(&ledger, &[(1, 11), (2, 12)]).await;
    assert_eq!(hashes(&ledger, &[1, 2, 3]).await, [(1, Some(11)), (2, Some(12))]);
    let snapshot = begun(&ledger, "b").await;
    assert_eq!((snapshot.generation, snapshot.taken), (2, 1));
    record(&ledger, step(&snapshot, compared(&snapshot, &[(2, 22), (3, 13)], &[2]))).await;
    let count = ledger.snapshot_count(SYSTEM).await.expect("read");
    assert_eq!(count, KnownCount { all: 2, missing: 1 });
    let pending = ledger.snapshot_pending(SYSTEM, 10).await.expect("read");
    let old = |at: usize| (pending[at].old_hash, pending[at].old.as_deref());
    assert_eq!((old(0), old(1)), ((Some(id(12)), Some(b"12".as_slice())), (None, None)));
    accept_and_publish(&ledger, &snapshot, &[]).await;
    assert_eq!(hashes(&ledger, &[1, 2, 3]).await, [(1, Some(11)), (2, Some(22)), (3, Some(13))]);
}

async fn a_record_that_was_refused_stays_what_it_was_and_a_new_one_unknown(place: Place) {
    let ledger = place.open().await;
    first(&ledger, &[(1, 11)]).await;
    let snapshot = begun(&ledger, "b").await;
    record(&ledger, step(&snapshot, compared(&snapshot, &[(1, 21), (2, 12), (3, 13)], &[1]))).await;
    accept_and_publish(&ledger, &snapshot, &[1, 2]).await;
    assert_eq!(hashes(&ledger, &[1, 2, 3]).await, [(1, Some(11)), (3, Some(13))]);
    assert!(ledger.snapshot_pending(SYSTEM, 10).await.expect("read").is_empty());
}

async fn what_a_snapshot_lacks_is_forgotten_once_its_removal_is_published_and_else_stays(place: Place) {
    let ledger = place.open().await;
    first(&ledger, &[(1, 11), (2, 12), (3, 13)]).await;
    let snapshot = begun(&ledger, "b").await;
    record(&ledger, step(&snapshot, compared(&snapshot, &[(4, 14)], &[]))).await;
    let published = accept_and_publish(&ledger, &snapshot, &[]).await;
    let gone = ledger.snapshot_gone(SYSTEM, 0, 2).await.expect("read");
    assert_eq!(gone.iter().map(|one| one.content.as_slice()).collect::<Vec<_>>(), [b"11", b"12"]);
    let removed = RemovedRecords {
        removed: vec![id(1)],
        refused: vec![id(2)],
        step: Advance { mapped: 1, refused: vec![fault(9, "mapping")], ..advance(&published.import, 3, 0) },
    };
    for _ in 0..2 {
        record(&ledger, step(&snapshot, SnapshotStep::Removed(removed.clone()))).await;
    }
    let left = ledger.snapshot_gone(SYSTEM, 0, 10).await.expect("read");
    assert_eq!(
        left.iter().map(|one| one.key).collect::<Vec<_>>(),
        [id(3)],
        "what was refused is not asked twice"
    );
    done(&ledger, &snapshot).await;
    let import = ledger.import(SYSTEM, &new("b").batch).await.expect("read").expect("known");
    assert_eq!((import.total, import.position, import.state), (5, 3, ImportState::Done));
    let next = begun(&ledger, "c").await;
    let count = ledger.snapshot_count(SYSTEM).await.expect("read");
    assert_eq!(
        (next.generation, count),
        (3, KnownCount { all: 3, missing: 3 }),
        "it is asked in the next one"
    );
}

async fn a_snapshot_that_is_refused_counts_no_record_and_leaves_what_was_known(place: Place) {
    let ledger = place.open().await;
    first(&ledger, &[(1, 11), (2, 12)]).await;
    let snapshot = begun(&ledger, "b").await;
    let SnapshotStep::Compared(chunk) = compared(&snapshot, &[(1, 21), (3, 13)], &[1]) else {
        panic!("a chunk")
    };
    let counted = Advance { refused: vec![fault(4, "snapshot-key")], ..advance(&snapshot.import, 2, 1) };
    let chunk = Compared { step: Advance { mapped: 0, published: 0, ..counted }, ..chunk };
    record(&ledger, step(&snapshot, SnapshotStep::Compared(chunk))).await;
    let source = |sums: postroom_ledger::Sums| sums.sources[SYSTEM].clone();
    let before = source(ledger.sums().await.expect("read"));
    assert_eq!((before.records_read, before.refused, before.ignored["unchanged"]), (4, 1, 1));
    let NewImport { system, batch, label, at, .. } = new("b");
    let refused = RefusedImport { system, batch, label, fault: fault(0, "snapshot-shrunk"), at };
    record(&ledger, step(&snapshot, SnapshotStep::Refused(snapshot.import.key.clone(), refused))).await;
    let after = source(ledger.sums().await.expect("read"));
    assert_eq!((after.records_read, after.refused, after.ignored.len()), (2, 0, 0));
    assert_eq!((after.batches_refused, after.batches_open), (1, 0));
    assert_eq!(hashes(&ledger, &[1, 2, 3]).await, [(1, Some(11)), (2, Some(12))]);
    let told = ledger.refused_records(SYSTEM, &new("b").batch, 10).await.expect("read");
    assert_eq!(told.iter().map(|one| one.rule.as_str()).collect::<Vec<_>>(), ["snapshot-shrunk"]);
    let again = begun(&ledger, "b").await;
    assert_eq!((again.import.key.round, again.compared, again.generation), (1, 0, 3));
}

async fn a_snapshot_that_is_accepted_comes_before_any_other(place: Place) {
    let ledger = place.open().await;
    let snapshot = begun(&ledger, "a").await;
    record(&ledger, step(&snapshot, compared(&snapshot, &[(1, 11)], &[]))).await;
    record(&ledger, step(&snapshot, SnapshotStep::Accepted(snapshot.import.key.clone(), None))).await;
    for batch in ["a", "b"] {
        let opened = ledger.open_snapshot(new(batch)).await.expect("written");
        assert!(
            matches!(opened, Opened::Publishing(first) if first.import.key == snapshot.import.key),
            "{batch}"
        );
    }
    done(&ledger, &snapshot).await;
    begun(&ledger, "b").await;
}

async fn a_snapshot_that_was_only_compared_gives_way_to_another_and_its_late_steps_change_nothing(
    place: Place,
) {
    let ledger = place.open().await;
    let lost = begun(&ledger, "a").await;
    record(&ledger, step(&lost, compared(&lost, &[(1, 11)], &[]))).await;
    let snapshot = begun(&ledger, "b").await;
    record(&ledger, step(&lost, SnapshotStep::Accepted(lost.import.key.clone(), None))).await;
    record(&ledger, step(&lost, compared(&Snapshot { compared: 1, ..lost.clone() }, &[(2, 12)], &[]))).await;
    assert_eq!(hashes(&ledger, &[1, 2]).await, []);
    assert_eq!(ledger.snapshot_in_publishing(SYSTEM).await.expect("read"), None);
    let place = ledger.snapshot_known(SYSTEM, &[]).await.expect("read").place;
    assert_eq!(place, Some((snapshot.generation, 0)));
}

async fn the_last_snapshot_is_recognised_and_an_earlier_one_is_taken_again(place: Place) {
    let ledger = place.open().await;
    first(&ledger, &[(1, 11)]).await;
    let opened = ledger.open_snapshot(new("a")).await.expect("written");
    assert!(matches!(opened, Opened::Taken(import) if import.key.round == 0));
    let snapshot = begun(&ledger, "b").await;
    record(&ledger, step(&snapshot, compared(&snapshot, &[(1, 21)], &[1]))).await;
    accept_and_publish(&ledger, &snapshot, &[]).await;
    done(&ledger, &snapshot).await;
    let earlier = begun(&ledger, "a").await;
    assert_eq!((earlier.import.key.round, earlier.import.position, earlier.taken), (1, 0, 2));
    let again = ledger.snapshot_again(new("a")).await.expect("written");
    assert!(
        matches!(again, Opened::Comparing(again) if again.generation == earlier.generation),
        "it goes on"
    );
}

async fn what_is_known_of_a_system_is_forgotten_piece_by_piece_and_nothing_of_another(place: Place) {
    let ledger = place.open().await;
    first(&ledger, &[(1, 11), (2, 12), (3, 13)]).await;
    let other = NewImport { system: "billing".into(), ..new("a") };
    ledger.open_snapshot(other).await.expect("written");
    let known = vec![(SYSTEM.to_owned(), 3)];
    assert_eq!(ledger.snapshot_systems().await.expect("read"), known);
    for expected in [2, 1, 0] {
        assert_eq!(ledger.forget_snapshot(SYSTEM, 2).await.expect("written"), expected);
    }
    assert_eq!(ledger.snapshot_systems().await.expect("read"), []);
    assert_eq!(hashes(&ledger, &[1, 2, 3]).await, []);
    let again = begun(&ledger, "a").await;
    let expected = (2, 0);
    assert_eq!(
        (again.generation, again.taken),
        expected,
        "the next one is the first, under a number of its own"
    );
}

promises!(
    what_is_known_of_a_system_is_forgotten_piece_by_piece_and_nothing_of_another,
    a_snapshot_goes_on_where_its_last_chunk_ended_and_a_chunk_that_comes_twice_counts_once,
    what_was_published_is_known_to_the_next_snapshot_with_what_is_kept_of_it,
    a_record_that_was_refused_stays_what_it_was_and_a_new_one_unknown,
    what_a_snapshot_lacks_is_forgotten_once_its_removal_is_published_and_else_stays,
    a_snapshot_that_is_refused_counts_no_record_and_leaves_what_was_known,
    a_snapshot_that_is_accepted_comes_before_any_other,
    a_snapshot_that_was_only_compared_gives_way_to_another_and_its_late_steps_change_nothing,
    the_last_snapshot_is_recognised_and_an_earlier_one_is_taken_again,
);
