//! A queue is deleted, or gives up what it holds: what was in it comes again, in its order.

use std::collections::BTreeMap;

use chrono::Utc;
use postroom_ledger::{Entry, Job, JobFilter, JobState, JournalPlace, Ledger, NewJob, Pause};
use postroom_router::{PROPOSED_REPLAY, RECONCILE, lease};
use postroom_tests::council::{PARCEL, parcel_event};
use postroom_tests::hub::TestHub;
use postroom_tests::rabbitmq::Rabbit;
use serde_json::Value;

use crate::lanes::{Till, council, pause, restarted, start, sums, with_till_paused};
use crate::simulation::{Simulated, connectors, publish, until};
use crate::work::{self, dock, number, small, until_number};

/// Events of the tests under load, and the parcels that they are about.
const EVENTS: u64 = 300;
const PARCELS: u64 = 7;

/// Events in a journal that no session reads to its end twice: once for what was missed, once for what went past it.
const LONG_JOURNAL: u64 = 1_002;
const READ_BY_ONE_SESSION: usize = 1_300;

async fn is_reconciled(hub: &Simulated, kind: &str) -> bool {
    let filter = JobFilter { kind: Some(kind.to_owned()), ..JobFilter::default() };
    !hub.ledger.jobs(&filter, 10).await.unwrap().is_empty()
}

#[tokio::test(flavor = "multi_thread")]
async fn events_lost_with_a_deleted_ingress_are_taken_in_again_in_their_order() {
    let till = Till::default();
    let hub = start(&till, "").await;
    hub.publish_about("a1", "a", 1).await;
    sums(&hub, "the first", |till| till.delivered == 1).await;
    let ingress = hub.name("ingress.shop");
    let (council, server) = hub.stopped().await;
    publish(&server, &council, &parcel_event("a2", "a", 2)).await;
    publish(&server, &council, &parcel_event("a3", "a", 3)).await;
    publish(&server, &council, &serde_json::json!({"no": "event"})).await;
    server.delete(&ingress);
    publish(&server, &council, &parcel_event("a4", "a", 4)).await;
    let hub = Simulated::at_work(council, server, connectors().with_sink(till.clone())).await;
    hub.publish_about("a5", "a", 5).await;
    sums(&hub, "all", |till| till.delivered == 5).await;
    assert_eq!(till.numbers("a"), [1, 2, 3, 4, 5]);
    let sums = hub.until_routed("shop", 5).await;
    let shop = &sums.sources["shop"].events;
    assert_eq!((shop.routed, shop.invalid), (5, 1));
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reconcile_overtakes_nothing_that_came_into_the_new_queue_and_not_into_the_journal() {
    let till = Till::default();
    let hub = start(&till, "").await;
    hub.publish_about("a1", "a", 1).await;
    sums(&hub, "the first", |till| till.delivered == 1).await;
    let shop = Pause { system: "shop".to_owned(), ..pause() };
    hub.ledger.pause(shop.clone()).await.unwrap();
    let ingress = hub.name("ingress.shop");
    let (council, server) = hub.stopped().await;
    publish(&server, &council, &parcel_event("a2", "a", 2)).await;
    server.delete(&ingress);
    let hub = Simulated::restored(council, server, connectors().with_sink(till.clone())).await;
    let filter = JobFilter { target: Some(lease::of_ingress("shop")), ..JobFilter::default() };
    let is_noted = async || hub.ledger.jobs(&filter, 1).await.unwrap().iter().any(|job| job.total == 2);
    until("the loss to be noted", is_noted).await;
    hub.put_about("a3", "a", 3);
    hub.publish_about("a4", "a", 4).await;
    hub.ledger.resume(shop).await.unwrap();
    sums(&hub, "all", |till| till.delivered == 4).await;
    assert_eq!(till.numbers("a"), [1, 2, 3, 4]);
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ingress_deleted_while_the_hub_works_loses_nothing() {
    let till = Till::default();
    let hub = start(&till, "").await;
    for number in 1..=EVENTS {
        if number == EVENTS / 2 {
            hub.server.delete(&hub.name("ingress.shop"));
        }
        hub.publish_about(&format!("event-{number}"), &(number % PARCELS).to_string(), number).await;
    }
    sums(&hub, "all", |till| till.delivered == EVENTS).await;
    assert_all_once_in_order(&till);
    assert!(is_reconciled(&hub, RECONCILE).await);
    hub.stopped().await;
}

/// Has an officer reconcile what is under `lease`, and gives the job once it has ended.
pub(crate) async fn reconciled(hub: &Simulated, lease: String) -> Job {
    let (kind, actor, reason) = (RECONCILE.to_owned(), "an officer".to_owned(), "a test".to_owned());
    let params = serde_json::json!({"from": "first"});
    let new = NewJob { kind, target: lease, params, actor, reason, at: Utc::now().timestamp_micros() };
    let id = hub.ledger.submit(new).await.unwrap();
    let filter = JobFilter { id: Some(id), state: Some(JobState::Done), ..JobFilter::default() };
    until("the job to end", async || !hub.ledger.jobs(&filter, 1).await.unwrap().is_empty()).await;
    hub.ledger.jobs(&filter, 1).await.unwrap().remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_ledger_has_forgotten_is_not_taken_in_again_from_a_journal_that_still_has_it() {
    let till = Till::default();
    let hub = start(&till, "").await;
    hub.server.set_time(1_000);
    hub.publish_about("a1", "a", 1).await;
    until("it at its targets", async || hub.delivered("till").await + hub.delivered("book").await == 2).await;
    assert_eq!(hub.ledger.prune(i64::MAX, 1_000).await.unwrap().events, 1);
    // What is so old was recorded long after the last place in the journal.
    let place = JournalPlace { position: 0, at: 0, is_reading: false };
    hub.ledger.record(vec![Entry::JournalRead { system: "shop".to_owned(), place }]).await.unwrap();
    let hub = restarted(hub, &till).await;
    hub.publish_about("a2", "a", 2).await;
    sums(&hub, "the second", |till| till.delivered == 2).await;
    let job = reconciled(&hub, lease::of_ingress("shop")).await;
    assert_eq!(job.outcome.unwrap()["taken_in"], 0);
    hub.stopped().await;
    assert_eq!(till.numbers("a"), [1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reconcile_notes_up_to_where_the_journal_is_recorded_so_that_nobody_reads_that_again() {
    let till = Till::default();
    let hub = start(&till, "").await;
    hub.publish_about("a1", "a", 1).await;
    hub.publish_about("a2", "a", 2).await;
    sums(&hub, "both", |till| till.delivered == 2).await;
    let place = JournalPlace { position: 0, at: Utc::now().timestamp_micros(), is_reading: false };
    hub.ledger.record(vec![Entry::JournalRead { system: "shop".to_owned(), place }]).await.unwrap();
    let job = reconciled(&hub, lease::of_ingress("shop")).await;
    assert_eq!(job.outcome.unwrap()["taken_in"], 0);
    assert_eq!(hub.ledger.journal_place("shop").await.unwrap().unwrap().position, 2);
    hub.stopped().await;
}

/// Each number is taken once, and those of one parcel in their order.
fn assert_all_once_in_order(till: &Till) {
    let mut by_parcel: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for (parcel, number) in till.took() {
        by_parcel.entry(parcel).or_default().push(number);
    }
    assert!(by_parcel.values().all(|numbers| numbers.is_sorted()), "{by_parcel:?}");
    let mut all: Vec<u64> = by_parcel.into_values().flatten().collect();
    all.sort_unstable();
    assert!(all.into_iter().eq(1..=EVENTS));
}

#[tokio::test(flavor = "multi_thread")]
async fn dispatches_lost_with_a_deleted_lane_are_sent_again_in_their_order() {
    let till = Till::default();
    till.shut();
    let hub = start(&till, "").await;
    for number in 1..=EVENTS {
        if number == EVENTS / 2 {
            sums(&hub, "a backlog", |till| till.waiting > 0).await;
            hub.server.delete(&hub.name("lane.till"));
        }
        hub.publish_about(&format!("event-{number}"), &(number % PARCELS).to_string(), number).await;
    }
    until("the reconcile", async || is_reconciled(&hub, RECONCILE).await).await;
    till.open();
    sums(&hub, "all", |till| till.delivered == EVENTS).await;
    assert_all_once_in_order(&till);
    until("nothing unrouted", async || hub.server.ready(&hub.name("unrouted")).is_empty()).await;
    let sums = hub.until_routed("shop", EVENTS).await;
    assert_eq!((sums.targets["till"].dispatched, sums.targets["till"].excess), (EVENTS, 0));
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_that_the_broker_does_not_serve_delays_no_other_and_is_filled_once_it_was_deleted() {
    let till = Till::default();
    let hub = with_till_paused(&till).await;
    hub.publish_about("a1", "a", 1).await;
    hub.publish_about("a2", "a", 2).await;
    sums(&hub, "a backlog", |till| till.waiting == 2).await;
    hub.ledger.resume(pause()).await.unwrap();
    hub.server.stop_serving(&hub.name("lane.till"));
    hub.publish_about("a3", "a", 3).await;
    until("the book to go on", async || hub.delivered("book").await == 3).await;
    assert_eq!(till.asked(), 0, "before the lane is made again");
    assert!(hub.server.ended_by_consuming() <= 2, "no session lives for long");
    hub.server.delete(&hub.name("lane.till"));
    sums(&hub, "all", |till| (till.delivered, till.dead) == (3, 0)).await;
    assert_eq!(till.numbers("a"), [1, 2, 3]);
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ingress_that_the_broker_does_not_serve_delays_no_lane_and_is_filled_once_it_was_deleted() {
    let till = Till::default();
    let hub = with_till_paused(&till).await;
    hub.publish_about("a1", "a", 1).await;
    sums(&hub, "the first in its lane", |till| till.waiting == 1).await;
    let (ingress, ledger) = (hub.name("ingress.shop"), hub.ledger.clone());
    let (council, server) = hub.stopped().await;
    ledger.resume(pause()).await.unwrap();
    publish(&server, &council, &parcel_event("a2", "a", 2)).await;
    server.stop_serving(&ingress);
    let hub = Simulated::restored(council, server, connectors().with_sink(till.clone())).await;
    sums(&hub, "the first", |till| till.delivered == 1).await;
    hub.server.delete(&ingress);
    sums(&hub, "the second", |till| till.delivered == 2).await;
    hub.publish_about("a3", "a", 3).await;
    sums(&hub, "the third", |till| till.delivered == 3).await;
    assert_eq!(till.numbers("a"), [1, 2, 3]);
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_of_the_unrouted_that_the_broker_does_not_serve_delays_nothing_else() {
    let till = Till::default();
    let hub = start(&till, "").await;
    hub.publish_about("a1", "a", 1).await;
    sums(&hub, "the first", |till| till.delivered == 1).await;
    hub.server.stop_serving(&hub.name("unrouted"));
    for number in 2..=20 {
        hub.publish_about(&format!("a{number}"), "a", number).await;
        sums(&hub, "the next", |till| till.delivered == number).await;
    }
    assert!(hub.server.ended_by_consuming() <= 2, "no session lives for long");
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reconcile_ends_though_no_session_lives_long_enough_to_find_out_all_that_it_needs() {
    let till = Till::default();
    let hub = start(&till, "").await;
    hub.publish_about("a1", "a", 1).await;
    sums(&hub, "the first", |till| till.delivered == 1).await;
    let (ingress, ledger) = (hub.name("ingress.shop"), hub.ledger.clone());
    let (council, server) = hub.stopped().await;
    server.unbind(&ingress);
    publish(&server, &council, &parcel_event("a2", "a", 2)).await;
    // Nobody but a reconcile looks before that place.
    let read_up_to = async |ledger: &Ledger, position| {
        let place = JournalPlace { position, at: Utc::now().timestamp_micros(), is_reading: false };
        ledger.record(vec![Entry::JournalRead { system: "shop".to_owned(), place }]).await.unwrap();
    };
    read_up_to(&ledger, 2).await;
    let hub = Simulated::at_work(council, server, connectors().with_sink(till.clone())).await;
    for number in 3..=LONG_JOURNAL {
        let parcel = if number == LONG_JOURNAL { "a".to_owned() } else { (number % PARCELS).to_string() };
        hub.publish_about(&format!("a{number}"), &parcel, number).await;
    }
    sums(&hub, "all others", |till| till.delivered == LONG_JOURNAL - 1).await;
    read_up_to(&hub.ledger, LONG_JOURNAL).await;
    hub.server.cut_after_reading(READ_BY_ONE_SESSION);
    let job = reconciled(&hub, lease::of_ingress("shop")).await;
    assert_eq!(job.outcome.unwrap()["taken_in"], 1);
    sums(&hub, "the skip", |till| till.dead == 1).await;
    assert_eq!(till.numbers("a"), [1, LONG_JOURNAL]);
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_journal_has_no_more_is_a_dead_letter_that_says_so() {
    let till = Till::default();
    till.shut();
    let hub = start(&till, "").await;
    hub.put_about("a1", "a", 1);
    sums(&hub, "the dispatch", |till| till.dispatched == 1).await;
    hub.server.delete(&hub.name("lane.till"));
    sums(&hub, "the dead letter", |till| till.dead == 1).await;
    let dead = hub.ledger.dead_list(&postroom_ledger::DeadFilter::default(), 10).await.unwrap();
    assert_eq!(dead[0].code, "lost");
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn for_a_queue_that_its_system_reads_itself_a_replay_is_proposed_and_what_comes_meanwhile_is_kept() {
    let hub =
        Simulated::at_work(council(""), Default::default(), connectors().with_sink(Till::default())).await;
    hub.publish_about("a1", "a", 1).await;
    until("the first", async || hub.docked().len() == 1).await;
    hub.server.delete(&hub.name("to.dock"));
    for number in 2..=5 {
        hub.publish_about(&format!("a{number}"), "a", number).await;
    }
    until("the others", async || hub.docked().len() == 4).await;
    let events: Vec<String> = hub.docked().into_iter().map(|(event, _)| event).collect();
    assert_eq!(events, ["a2", "a3", "a4", "a5"]);
    assert!(is_reconciled(&hub, PROPOSED_REPLAY).await);
    until("nothing unrouted", async || hub.server.ready(&hub.name("unrouted")).is_empty()).await;
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_lane_gave_up_by_a_policy_comes_before_what_was_behind_it() {
    let till = Till::default();
    till.shut();
    let hub = start(&till, "").await;
    for number in 1..=3 {
        hub.publish_about(&format!("a{number}"), "a", number).await;
    }
    hub.publish_about("b1", "b", 4).await;
    sums(&hub, "the dispatches", |till| till.waiting == 4).await;
    hub.server.limit_deliveries(&hub.name("lane.till"), 0);
    hub.server.cut();
    sums(&hub, "the holds", |till| till.held == 4).await;
    hub.server.unlimit_deliveries(&hub.name("lane.till"));
    hub.publish_about("a4", "a", 5).await;
    till.open();
    let hub = restarted(hub, &till).await;
    sums(&hub, "all", |till| till.delivered == 5).await;
    assert_eq!(till.numbers("a"), [1, 2, 3, 5]);
    hub.stopped().await;
}

/// The small council with a press, whose lane delivers one by one into files.
fn with_press() -> TestHub {
    let hub = small();
    let folder = hub.council.folder();
    let press = "title = \"Press\"\n[target]\nconnector = \"file\"\n[target.settings]\nfolder = \"press/out\"\n\
                 name = \"parcel-{batch}.jsonl\"\nformat = { kind = \"jsonl\" }\n";
    hub.council.write("systems/press/system.toml", press);
    for (from, to) in [
        ("systems/dock/messages/parcel.schema.json", "systems/press/messages/parcel.schema.json"),
        ("routes/parcel-to-dock/mapping.vrl", "routes/parcel-to-press/mapping.vrl"),
    ] {
        hub.council.write(to, &std::fs::read_to_string(folder.join(from)).unwrap());
    }
    let route = format!("from = \"{PARCEL}\"\nto = \"press\"\nmessage = \"parcel\"\n");
    hub.council.write("routes/parcel-to-press/route.toml", &route);
    hub
}

/// Publishes under load, deletes `queue` in the middle of it, and gives the status once every confirmed event is routed.
async fn deleted_under_load(hub: &mut TestHub, queue: &str) -> Value {
    hub.start();
    hub.wait_for("hub.ready");
    let event =
        |number: u64| parcel_event(&format!("event-{number}"), &(number % PARCELS).to_string(), number);
    let (first, second): (Vec<u64>, Vec<u64>) = (1..=EVENTS).partition(|number| *number <= EVENTS / 2);
    work::publish(hub, &first.into_iter().map(event).collect::<Vec<_>>()).await;
    Rabbit::shared().ctl(&["delete_queue", &format!("{}{queue}", hub.council.prefix)]);
    work::publish(hub, &second.into_iter().map(event).collect::<Vec<_>>()).await;
    until_number(hub, "/sources/shop/events/routed", EVENTS)
}

/// The lines of the press about each parcel are in order, and none is missing.
fn assert_printed(hub: &TestHub) {
    let mut last: BTreeMap<String, u64> = BTreeMap::new();
    let mut all = Vec::new();
    for line in hub.council.outbox_lines("press/out") {
        let number = line["number"].as_u64().unwrap();
        let before = last.insert(line["parcel"].to_string(), number).unwrap_or_default();
        assert!(before < number, "{number} came after {before}");
        all.push(number);
    }
    all.sort_unstable();
    assert!(all.into_iter().eq(1..=EVENTS), "each is printed once");
}

#[tokio::test]
async fn an_ingress_deleted_under_load_loses_nothing_that_was_confirmed() {
    let mut hub = with_press();
    deleted_under_load(&mut hub, "ingress.shop").await;
    until_number(&hub, "/targets/press/delivered", EVENTS);
    assert_printed(&hub);
    work::assert_docked_in_order(&dock(&hub, usize::try_from(EVENTS).unwrap()).await, EVENTS);
}

#[tokio::test]
async fn a_lane_deleted_under_load_loses_nothing_that_was_confirmed() {
    let mut hub = with_press();
    deleted_under_load(&mut hub, "lane.press").await;
    until_number(&hub, "/targets/press/delivered", EVENTS);
    assert_printed(&hub);
}

#[tokio::test]
async fn a_queue_of_a_systems_own_deleted_under_load_is_filled_again_by_the_replay_that_is_proposed() {
    let mut hub = with_press();
    let status = deleted_under_load(&mut hub, "to.dock").await;
    assert_eq!(number(&status, "/targets/dock/dispatched"), EVENTS);
    hub.wait_for("replay.proposed");
    until_number(&hub, "/proposed_replays", 1);
    hub.say(&["replay", "--to", "dock", "--again", "--rate", "2000", "--yes"]);
    hub.wait_for("replay.finished");
    let docked = dock(&hub, usize::try_from(EVENTS).unwrap()).await;
    let numbers: std::collections::BTreeSet<u64> =
        docked.iter().map(|message| message.body["number"].as_u64().unwrap()).collect();
    assert!(numbers.into_iter().eq(1..=EVENTS), "no message is missing");
    assert_eq!(number(&hub.settled(), "/proposed_replays"), 0);
}
