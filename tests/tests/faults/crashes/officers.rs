//! Rows of the crash table: while the hub carries out what an officer decided.

use std::collections::HashMap;

use postroom_event::DispatchId;
use postroom_ledger::{Action, DeadFilter};
use postroom_router::{FailPoint, REPLAY_HEADER};
use postroom_tests::council::{PARCEL, parcel_event};
use postroom_tests::http_target::oracle::Asked;
use postroom_tests::http_target::orders::{Does, Order};
use postroom_tests::hub::wire::Arrived;
use serde_json::{Value, json};

use super::dying::Dying;
use crate::rig::{Asking, EVENTS, PARCELS, assert_in_order, keys};
use crate::work::{assert_docked_in_order, dock, ledger, publish, until_number};

/// Waits until a job has come to its end.
fn until_done(dying: &Dying, job: &str) {
    let told = dying.rig.hub.say(&["jobs", "show", job, "--wait"]);
    assert!(told.contains("done"), "{told}");
}

#[tokio::test]
async fn a_redrive_whose_hub_dies_goes_on_and_sends_each_dead_letter_once_and_in_order() {
    let mut dying = Dying::new(Asking::CannotLookUp);
    dying.rig.till.order(&[Order::new(Does::Status(422))]);
    dying.rig.start();
    dying.rig.publish(EVENTS).await;
    until_number(&dying.rig.hub, "/targets/till/dead", PARCELS);
    until_number(&dying.rig.hub, "/targets/till/held", EVENTS - PARCELS);
    assert!(dying.rig.hub.stop().success());
    dying.rig.till.order(&[]);
    let redrive = ["dead", "redrive", "--target", "till", "--reason", "mended", "--rate", "5/s", "--yes"];
    dying.rig.hub.say(&redrive);
    for pass in [1, 2] {
        dying.dies_at(FailPoint::RedriveRecorded, pass).await;
    }
    dying.rig.start();
    until_done(&dying, "1");
    dying.drained().await;
}

/// Events about each parcel, of which the first is refused.
const EACH: u64 = 3;

#[tokio::test]
async fn a_discard_whose_hub_dies_goes_on_and_gives_each_dead_letter_up_once_and_sends_none() {
    let mut dying = Dying::new(Asking::CannotLookUp);
    dying.rig.till.order(&[Order::new(Does::Status(422))]);
    dying.rig.start();
    dying.rig.publish(EACH * PARCELS).await;
    until_number(&dying.rig.hub, "/targets/till/dead", PARCELS);
    until_number(&dying.rig.hub, "/targets/till/held", (EACH - 1) * PARCELS);
    assert!(dying.rig.hub.stop().success());
    dying.rig.till.order(&[]);
    dying.rig.hub.say(&["dead", "discard", "--target", "till", "--reason", "corrected by hand", "--yes"]);
    // It is one step: it is done, found done, and found done again.
    for pass in [1, 1] {
        dying.dies_at(FailPoint::RedriveRecorded, pass).await;
    }
    dying.rig.start();
    until_done(&dying, "1");
    until_number(&dying.rig.hub, "/targets/till/delivered", (EACH - 1) * PARCELS);
    dying.rig.hub.settled();
    let job = dying.rig.hub.json(&["jobs", "show", "1", "--json"]);
    assert_eq!(job["outcome"], json!({"carried_out": PARCELS, "left": []}));
    assert_given_up(&dying).await;
    dying.assert_receipts_stood();
}

/// The first event of each parcel is discarded by one decision and was asked for once; the others have landed in order.
async fn assert_given_up(dying: &Dying) {
    let (ledger, mut others) = (ledger(&dying.rig.hub).await, keys("parcel-to-till", EACH * PARCELS));
    let letters = ledger.dead_list(&DeadFilter::default(), u32::MAX).await.expect("the dead letters");
    assert_eq!(letters.len() as u64, PARCELS);
    for letter in letters {
        let shown = ledger.dead_show(letter.dispatch).await.expect("a dead letter").expect("it is kept");
        let decided: Vec<_> = shown.notes.iter().map(|note| (note.action, note.job)).collect();
        assert_eq!((shown.state.as_str(), decided), ("discarded", vec![(Action::Discarded, Some(1))]));
        others.remove(&letter.dispatch.to_string());
    }
    let (sent, refused): (Vec<Asked>, Vec<Asked>) =
        dying.rig.till.asked().into_iter().partition(|one| others.contains_key(&one.key));
    assert_eq!(refused.len() as u64, PARCELS, "it was sent again");
    assert_in_order(&sent, &others);
}

/// Invalid events of the load.
const INVALID: u64 = 60;

#[tokio::test]
async fn a_redrive_of_invalid_events_whose_hub_dies_goes_on_and_takes_each_once_and_in_order() {
    let mut dying = Dying::new(Asking::CannotLookUp);
    dying.rig.start();
    let far = |number: u64| {
        let mut event = parcel_event(&format!("event-{number}"), &(number % PARCELS).to_string(), number);
        event["data"]["place"] = json!("far ".repeat(30));
        event
    };
    publish(&dying.rig.hub, &(1..=INVALID).map(far).collect::<Vec<_>>()).await;
    dying.rig.published = INVALID;
    until_number(&dying.rig.hub, "/sources/shop/events/invalid", INVALID);
    assert!(dying.rig.hub.stop().success());
    let council = &dying.rig.hub.council;
    council.edit(&format!("schemas/{PARCEL}/schema.json"), "\"maxLength\":100", "\"maxLength\":200");
    for target in ["book", "dock", "till"] {
        let schema = format!("systems/{target}/messages/parcel.schema.json");
        council.edit(&schema, "\"maxLength\":20,", "\"maxLength\":200,");
    }
    let redrive = ["invalid", "redrive", "--system", "shop", "--reason", "mended", "--rate", "20/s", "--yes"];
    dying.rig.hub.say(&redrive);
    for pass in [1, 1] {
        dying.dies_at(FailPoint::IngressRecorded, pass).await;
    }
    dying.rig.start();
    until_done(&dying, "1");
    assert_eq!(dying.drained().await.docked, 0);
}

/// The load is delivered; then all of it is replayed to the till and to the dock, and the hub dies at `point`.
async fn check_replay(point: FailPoint) {
    let mut dying = Dying::new(Asking::CannotLookUp);
    dying.rig.start();
    dying.rig.publish(EVENTS).await;
    dying.rig.until_delivered(&["till", "book", "dock"]).await;
    assert!(dying.rig.hub.stop().success());
    let replays = ["till", "dock"].map(|target| (target, replay(&dying, target)));
    for pass in [1, 3] {
        dying.dies_at(point, pass).await;
    }
    dying.rig.start();
    for (target, _) in &replays {
        until_number(&dying.rig.hub, &format!("/targets/{target}/delivered"), 2 * EVENTS);
    }
    replays.iter().for_each(|(_, planned)| until_done(&dying, &planned["jobs"][0].to_string()));
    dying.rig.hub.settled();
    dying.assert_receipts_stood();
    assert_replayed_to_the_till(&dying, &replays[0].1);
    assert_replayed_to_the_dock(&dying, &replays[1].1).await;
}

/// Asks for everything once more.
fn replay(dying: &Dying, target: &str) -> Value {
    let arguments = ["--system", "shop", "--to", target, "--again", "--rate", "100", "--reason", "a test"];
    let planned = dying.rig.hub.json(&[&["replay", "--yes", "--json"], &arguments[..]].concat());
    assert_eq!(planned["sent"], EVENTS, "{planned:#}");
    planned
}

fn assert_replayed_to_the_till(dying: &Dying, planned: &Value) {
    let replay = planned["plan"]["replay"].as_str().expect("its id");
    let key = |number: u64| {
        let event = format!("event-{number}");
        DispatchId::again("/systems/shop", &event, "parcel-to-till", replay).to_string()
    };
    let (first, again) = (keys("parcel-to-till", EVENTS), (1..=EVENTS).map(|number| (key(number), number)));
    let again: HashMap<_, _> = again.collect();
    let (of_first, of_again): (Vec<Asked>, Vec<Asked>) =
        dying.rig.till.asked().into_iter().partition(|one| first.contains_key(&one.key));
    assert_in_order(&of_first, &first);
    assert_in_order(&of_again, &again);
    assert_eq!(of_first.len() as u64, EVENTS, "a replay has keys of its own");
}

async fn assert_replayed_to_the_dock(dying: &Dying, planned: &Value) {
    let count = usize::try_from(EVENTS).expect("a small number");
    let messages = dock(&dying.rig.hub, 2 * count).await;
    let (first, again): (Vec<Arrived>, Vec<Arrived>) =
        messages.into_iter().partition(|message| !message.headers.contains_key(REPLAY_HEADER));
    assert_docked_in_order(&first, EVENTS);
    assert_docked_in_order(&again, EVENTS);
    assert!(again.iter().all(|message| planned["plan"]["replay"] == message.headers[REPLAY_HEADER]));
    assert_eq!(first.len(), count);
}

#[tokio::test]
async fn a_replay_whose_hub_dies_before_it_publishes_goes_on_and_leaves_out_nothing() {
    check_replay(FailPoint::ReplayNoted).await;
}

#[tokio::test]
async fn a_replay_whose_hub_dies_when_it_has_published_goes_on_under_the_same_ids() {
    check_replay(FailPoint::ReplayPublished).await;
}
