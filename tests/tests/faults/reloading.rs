//! The council's text is changed while the hub works: what is new is at work whole, between events, or not at all.

use postroom_tests::council::yard_rows;
use postroom_tests::hub::TestHub;
use postroom_tests::hub::wire::Arrived;

use crate::rig::{events, route_to};
use crate::work::{
    assert_booked_once_and_in_order, assert_docked_in_order, dock, number, publish, small, small_ready,
    until_number,
};

const ROWS: u64 = 2_000;
const PARCELS: u64 = 97;
/// A mapping of the small council, and what it is changed to.
const MAPPING: &str = "routes/parcel-to-dock/mapping.vrl";
const PLACE: (&str, &str) = (".place", "(.place + \" (new)\")");

/// Where the next messages of the dock say that their parcels are.
async fn places(hub: &TestHub, least: usize) -> Vec<String> {
    let place = |message: &Arrived| message.body["place"].as_str().expect("a place").to_owned();
    dock(hub, least).await.iter().map(place).collect()
}

/// The hub finds the change by itself: the first problem that it tells.
fn refusal(hub: &mut TestHub) -> String {
    let line = hub.wait_for("configuration.refused");
    line["first"].as_str().expect("the first problem").to_owned()
}

#[tokio::test]
async fn a_changed_mapping_is_taken_over_under_load_between_two_events_with_nothing_lost_or_twice() {
    let mut hub = small();
    hub.council.feed("yard/in", "moves.csv", yard_rows(ROWS, PARCELS).as_bytes());
    hub.start();
    until_number(&hub, "/sources/yard/events/routed", 1);
    hub.council.edit(MAPPING, PLACE.0, PLACE.1);
    hub.signal("-HUP");
    let applied = hub.wait_for("configuration.applied");
    assert_eq!((&applied["files"], &applied["named"]), (&1.into(), &MAPPING.into()));
    assert_eq!(hub.heard("import.finished"), 0, "it was changed in the middle of the work");
    hub.wait_for("import.finished");
    until_number(&hub, "/targets/book/delivered", ROWS);
    let status = hub.settled();
    assert_eq!(number(&status, "/sources/yard/events/routed"), ROWS);
    assert_booked_once_and_in_order(&hub, ROWS);
    let messages = dock(&hub, usize::try_from(ROWS).expect("a small number")).await;
    assert_docked_in_order(&messages, ROWS);
    let is_new = |message: &Arrived| message.body["place"].as_str().expect("a place").ends_with("(new)");
    let mut is_new: Vec<bool> = messages.iter().map(is_new).collect();
    is_new.dedup();
    assert_eq!(is_new, [false, true], "first the old text, then the new one, and never the old one again");
    assert_eq!((hub.heard("broker.lost"), hub.heard("lease.recovering")), (0, 0));
}

#[tokio::test]
async fn a_change_that_is_not_right_is_refused_and_the_old_text_goes_on_until_it_is_mended() {
    let mut hub = small_ready();
    hub.council.edit(MAPPING, PLACE.0, ".plaice");
    let first = refusal(&mut hub);
    assert!(first.contains("mapping.vrl:3: there is no field `plaice` here [unknown-field]"), "{first}");
    publish(&hub, &events(1..=1)).await;
    assert_eq!(places(&hub, 1).await, ["shelf"]);

    hub.council.edit(MAPPING, ".plaice", PLACE.1);
    let system = "title = \"Hatch\"\n[target]\nconnector = \"queue\"\n";
    hub.council.write("systems/hatch/system.toml", system);
    route_to(&hub.council, "hatch");
    assert_eq!(hub.wait_for("configuration.applied")["routes"], 3);
    publish(&hub, &events(2..=2)).await;
    assert_eq!(places(&hub, 1).await, ["shelf (new)"]);
    until_number(&hub, "/targets/hatch/delivered", 1);

    hub.signal("-HUP");
    hub.wait_for("configuration.unchanged");
    hub.council.edit("council.toml", "\"Small\"", "\"Grown\"");
    let first = refusal(&mut hub);
    assert_eq!(first, "`name` was changed, which takes a restart");
}

#[tokio::test]
async fn a_system_for_which_something_waits_is_not_taken_away() {
    let mut hub = small_ready();
    hub.say(&["pause", "book", "--reason", "it is moved"]);
    hub.wait_for("pause.begun");
    publish(&hub, &events(1..=3)).await;
    until_number(&hub, "/sources/shop/events/routed", 3);
    for gone in ["systems/book", "routes/parcel-to-book"] {
        std::fs::remove_dir_all(hub.council.folder().join(gone)).expect("a folder of the council");
    }
    let first = refusal(&mut hub);
    assert!(first.starts_with("system `book` is no target any more, and 3 dispatches still wait"), "{first}");
}
