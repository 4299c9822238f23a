//! What is told of the records of snapshots, and which snapshots are refused.

use postroom_router::{Again, Taken, Tally};

use crate::world::World;

fn told(events: &[(&str, &str)]) -> Vec<(String, String)> {
    events.iter().map(|(subject, place)| (format!("parcel:{subject}"), (*place).to_owned())).collect()
}

/// A share that no snapshot of a test breaks.
const ANY: &str = ", shrink_at_most = \"100%\"";

#[tokio::test]
async fn only_what_differs_is_told_with_its_old_values() {
    let world = World::new(ANY);
    let first = world.night(&["a,1,shelf", "b,2,shelf", "c,3,shelf"]).await;
    assert_eq!(first, told(&[("a", "created - shelf"), ("b", "created - shelf"), ("c", "created - shelf")]));
    let second = world.night(&["d,4,door", "c,3,shelf", "b,2,van"]).await;
    let expected = [("d", "created - door"), ("b", "changed shelf van"), ("a", "removed shelf shelf")];
    assert_eq!(second, told(&expected));
    assert_eq!(world.night(&["b,2,van", "c,3,shelf", "d,4,door"]).await, []);
    let yard = world.sums().await.sources["yard"].clone();
    assert_eq!((yard.records_read, yard.mapped, yard.ignored["unchanged"]), (10, 6, 4));
    assert_eq!((yard.batches_done, world.put("done").len()), (3, 3));
}

#[tokio::test]
async fn the_same_change_in_a_later_snapshot_is_another_event() {
    let world = World::new(ANY);
    for place in ["shelf", "van", "shelf", "van", "shelf"] {
        world.night(&[&format!("a,1,{place}"), "b,2,door"]).await;
    }
    world.night(&["b,2,door"]).await;
    assert_eq!(world.night(&["a,1,shelf", "b,2,door"]).await, told(&[("a", "created - shelf")]));
    let mut ids: Vec<_> = world.events().into_iter().map(|(.., id)| id).collect();
    assert_eq!(ids.len(), 8);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 8, "each is an event of its own");
}

#[tokio::test]
async fn the_last_content_is_put_away_unread_and_taken_again_it_tells_nothing() {
    let world = World::new(ANY);
    world.night(&["a,1,shelf"]).await;
    world.feed(&["a,1,shelf"]);
    assert_eq!(world.take().await, Taken::Repeated);
    world.feed(&["a,1,shelf"]);
    let tally = Tally { ignored: 1, ..Tally::default() };
    assert_eq!(world.take_as(Again::Yes).await, Taken::Whole(tally));
    assert_eq!(world.events().len(), 1);
}

#[tokio::test]
async fn a_snapshot_that_has_shrunk_is_put_aside_and_taken_when_an_officer_says_so() {
    let world = World::new("");
    let rows: Vec<String> = (1..=10).map(|number| format!("p{number},{number},shelf")).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    world.night(&rows).await;
    world.feed(&rows[..8]);
    let Taken::Refused(fault) = world.take().await else { panic!("it has shrunk") };
    assert_eq!((fault.rule, world.events().len()), ("snapshot-shrunk", 10));
    assert_eq!(world.put("refused"), ["night-002.csv", "night-002.csv.why.json"]);
    let yard = world.sums().await.sources["yard"].clone();
    assert_eq!((yard.batches_refused, yard.records_read), (1, 10), "no record of it is counted");
    assert_eq!(world.night(&rows[1..]).await, told(&[("p1", "removed shelf shelf")]), "one in ten may go");
    world.feed(&rows[..8]);
    let Taken::Whole(tally) = world.take_as(Again::Shrunk).await else { panic!("it is accepted") };
    // One comes back, and two go.
    assert_eq!((tally.mapped, tally.ignored), (3, 7));
    world.sums().await;
}

#[tokio::test]
async fn a_key_that_stands_twice_refuses_the_snapshot_whole() {
    let world = World::new(ANY);
    world.night(&["a,1,shelf"]).await;
    let mut rows: Vec<String> = (1..=600).map(|number| format!("p{number},{number},shelf")).collect();
    rows.push("p1,1,van".to_owned());
    world.feed(&rows.iter().map(String::as_str).collect::<Vec<_>>());
    let Taken::Refused(fault) = world.take().await else { panic!("a key stands twice") };
    assert_eq!((fault.rule, fault.number, fault.line), ("snapshot-duplicate-key", 601, 602));
    assert_eq!((world.events().len(), world.put("refused").len()), (1, 2));
    assert_eq!(world.night(&["a,1,van"]).await, told(&[("a", "changed shelf van")]));
    world.sums().await;
}

#[tokio::test]
async fn a_snapshot_of_which_a_record_was_refused_removes_nothing_and_tells_the_rest() {
    let world = World::new(ANY);
    world.night(&["a,1,shelf", "b,2,shelf"]).await;
    let second = world.night(&[" ,3,shelf", "a,1,van", "d,4,door"]).await;
    assert_eq!(second, told(&[("a", "changed shelf van"), ("d", "created - door")]));
    let ledger = world.ledger().await;
    let import = ledger.imports(Some("yard"), 1).await.expect("read").remove(0);
    let refused = ledger.refused_records("yard", &import.key.batch, 10).await.expect("read");
    let refused: Vec<_> = refused.iter().map(|one| (one.number, one.rule.as_str())).collect();
    assert_eq!(refused, [(0, "snapshot-incomplete"), (1, "snapshot-key")]);
    let yard = world.sums().await.sources["yard"].clone();
    assert_eq!((yard.records_read, yard.mapped, yard.refused), (5, 4, 1));
    assert_eq!(world.night(&["a,1,van", "d,4,door"]).await, told(&[("b", "removed shelf shelf")]));
}

#[tokio::test]
async fn a_first_snapshot_may_only_be_remembered() {
    let world = World::new(", first = \"remember\"");
    assert_eq!(world.night(&["a,1,shelf", "b,2,shelf"]).await, []);
    assert_eq!(world.sums().await.sources["yard"].ignored["remembered"], 2);
    let second = world.night(&["a,1,van", "b,2,shelf", "c,3,door"]).await;
    assert_eq!(second, told(&[("a", "changed shelf van"), ("c", "created - door")]));
}

#[tokio::test]
async fn what_its_mapping_refuses_is_told_again_by_the_next_snapshot() {
    let world = World::new(ANY);
    world.night(&["a,1,shelf"]).await;
    // A number that is none breaks the schema of the event.
    assert_eq!(world.night(&["a,one,van", "b,two,van", "c,3,van"]).await, told(&[("c", "created - van")]));
    assert_eq!(world.sums().await.sources["yard"].refused, 2);
    let third = world.night(&["a,1,van", "b,2,van", "c,3,van"]).await;
    assert_eq!(third, told(&[("a", "changed shelf van"), ("b", "created - van")]));
    world.sums().await;
}

#[tokio::test]
async fn of_a_record_that_is_gone_there_is_only_what_is_kept_and_then_nothing() {
    let mapping = r#"
{
  "subject": "parcel:" + .parcel,
  "data": { "number": 1, "place": %change + " " + (string(.owner) ?? "nobody") + " " + .place }
}
"#;
    let world = World::mapping(", shrink_at_most = \"100%\", keep = [\"code\", \"place\"]", mapping);
    assert_eq!(world.night(&["a,1,shelf", "b,2,door"]).await[0].1, "created Ann shelf");
    let ledger = world.ledger().await;
    let old = ledger.snapshot_gone("yard", 0, 10).await.expect("read");
    assert_eq!(old, [], "the last snapshot has them all");
    assert_eq!(world.night(&["b,2,door"]).await, told(&[("a", "removed nobody shelf")]));
    assert_eq!(ledger.snapshot_count("yard").await.expect("read").all, 1);
}
