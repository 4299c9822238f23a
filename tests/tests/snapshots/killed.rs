//! A hub that is killed between any two steps of a snapshot, again and again, and started again.

use std::collections::HashMap;

use postroom_router::Taken;

use crate::world::{Event, World};

/// Records of the first snapshot: more than one chunk.
const RECORDS: u64 = 600;
/// Waits between one kill and the next that is tried: a step comes to several.
const STRIDE: usize = 3;

/// The second snapshot: of ten records one is gone and one has changed; some are new.
fn second() -> (Vec<String>, HashMap<String, String>) {
    let (mut rows, mut expected) = (Vec::new(), HashMap::new());
    for number in 1..=RECORDS {
        let (subject, row) = (format!("parcel:p{number}"), format!("p{number},{number}"));
        match number % 10 {
            0 => drop(expected.insert(subject, "removed shelf shelf".to_owned())),
            1 => {
                rows.push(format!("{row},van"));
                expected.insert(subject, "changed shelf van".to_owned());
            }
            _ => rows.push(format!("{row},shelf")),
        }
    }
    for number in RECORDS + 1..=RECORDS + 20 {
        rows.push(format!("p{number},{number},door"));
        expected.insert(format!("parcel:p{number}"), "created - door".to_owned());
    }
    (rows, expected)
}

/// Each change is told, what comes twice has the id of the first, and nothing else is told.
fn assert_told_once(events: &[Event], expected: &HashMap<String, String>, waits: usize) {
    let mut told: HashMap<&str, (&str, &str)> = HashMap::new();
    for (subject, place, id) in events {
        assert_eq!(expected.get(subject), Some(place), "{subject}, killed after {waits} waits");
        let first = told.entry(subject).or_insert((place, id));
        assert_eq!(*first, (place.as_str(), id.as_str()), "{subject} under another id, {waits} waits");
    }
    assert_eq!(told.len(), expected.len(), "killed after {waits} waits");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_that_is_killed_at_any_step_of_a_snapshot_tells_each_change_once() {
    let first: Vec<String> = (1..=RECORDS).map(|number| format!("p{number},{number},shelf")).collect();
    let (rows, expected) = second();
    let (first, rows): (Vec<&str>, Vec<&str>) =
        (first.iter().map(String::as_str).collect(), rows.iter().map(String::as_str).collect());
    let turned: Vec<&str> = rows.iter().rev().copied().collect();
    let mut killed = 0;
    for waits in (0..).step_by(STRIDE) {
        let world = World::new(", shrink_at_most = \"20%\", first = \"remember\"");
        world.night(&first).await;
        let before = world.events().len();
        world.feed(&rows);
        // Killed there, and once more at the same distance from its new start.
        let mut taken = world.take_until(waits).await;
        let whole_at_once = taken.is_some();
        if taken.is_none() {
            killed += 1;
            taken = world.take_until(waits).await;
        }
        if taken.is_none() {
            taken = Some(world.take().await);
        }
        assert!(matches!(taken, Some(Taken::Whole(_) | Taken::Repeated)), "{taken:?}");
        assert_told_once(&world.events().split_off(before), &expected, waits);
        let yard = world.sums().await.sources["yard"].clone();
        // What is gone is read from the ledger.
        let read = 2 * RECORDS + 20;
        assert_eq!((yard.records_read, yard.refused), (read, 0), "killed after {waits} waits");
        assert_eq!((yard.mapped, yard.ignored["unchanged"]), (expected.len() as u64, RECORDS * 8 / 10));
        assert_eq!((world.put("done").len(), world.put("").len()), (2, 0));
        assert_eq!(
            world.night(&turned).await,
            [],
            "what is known is what was told, killed after {waits} waits"
        );
        if whole_at_once {
            break;
        }
    }
    assert!(killed > 5, "{killed} kills were in its way");
}
