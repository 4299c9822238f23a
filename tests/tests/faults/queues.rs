//! A target that reads its own queue, and a broker that does not take, or does not answer, what is published for it.

use std::collections::{BTreeMap, HashSet};

use postroom_broker::Broker;
use postroom_broker::memory::{Fault, Odds, Server};
use postroom_ledger::{DeadFilter, TargetSums};
use postroom_router::{REDRIVE, lease};
use postroom_tests::council::{PARCEL, TestCouncil};

use crate::lanes::decide;
use crate::simulation::{Simulated, connectors, until};

/// Events of a run by chance, and the parcels that they are about.
const EVENTS: u64 = 300;
const PARCELS: u64 = 7;

/// The small council, whose dock is tried again soon.
fn council() -> TestCouncil {
    let council = TestCouncil::small();
    council.retry_soon("parcel-to-dock");
    council
}

async fn start() -> Simulated {
    Simulated::at_work(council(), Server::new(), connectors()).await
}

/// Waits until the sums of the dock are as `look` wants them.
async fn sums(hub: &Simulated, what: &str, look: impl Fn(&TargetSums) -> bool) {
    hub.until_sums("dock", what, look).await;
}

/// The events in the queue of the dock, each once, in the order of its first message.
fn first_docked(hub: &Simulated) -> Vec<String> {
    let mut seen = HashSet::new();
    hub.docked().into_iter().map(|(event, _)| event).filter(|event| seen.insert(event.clone())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_broker_refuses_for_a_queue_is_held_and_released_in_order_and_delays_no_other_target() {
    let hub = start().await;
    hub.server.limit(&hub.name("to.dock"), 0);
    hub.put_about("a1", "a", 1);
    hub.put_about("a2", "a", 2);
    hub.put_about("b1", "b", 3);
    sums(&hub, "all to be held", |dock| dock.held == 3).await;
    until("the book", async || hub.delivered("book").await == 3).await;
    assert!(hub.docked().is_empty());
    hub.server.unlimit(&hub.name("to.dock"));
    hub.put_about("a3", "a", 4);
    sums(&hub, "all to be delivered", |dock| (dock.delivered, dock.held) == (4, 0)).await;
    let about_a: Vec<_> = first_docked(&hub).into_iter().filter(|event| event.starts_with('a')).collect();
    assert_eq!(about_a, ["a1", "a2", "a3"]);
    assert_eq!(hub.docked().len(), 4, "each once");
    hub.end().await;
}

/// The small council with a pier, which reads its own queue as the dock does; the dock is tried once more and given up.
fn with_pier() -> TestCouncil {
    let council = TestCouncil::small();
    let text = |path: &str| std::fs::read_to_string(council.folder().join(path)).unwrap();
    for file in ["systems/dock/system.toml", "systems/dock/messages/parcel.schema.json"] {
        council.write(&file.replace("dock", "pier"), &text(file));
    }
    council.write("routes/parcel-to-pier/mapping.vrl", &text("routes/parcel-to-dock/mapping.vrl"));
    for (target, retry) in [("dock", "\"100ms\""), ("pier", "")] {
        let route =
            format!("from = \"{PARCEL}\"\nto = \"{target}\"\nmessage = \"parcel\"\nretry = [{retry}]\n");
        council.write(&format!("routes/parcel-to-{target}/route.toml"), &route);
    }
    council
}

/// Which taking of the lease of the shop's ingress is in force.
async fn epoch(hub: &Simulated) -> u64 {
    let leases = hub.ledger.leases().await.unwrap().into_iter();
    let mut epochs = leases.filter(|taken| taken.fence.name == lease::of_ingress("shop"));
    epochs.next().unwrap().fence.epoch
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_is_redriven_for_one_queue_is_no_business_of_another_queue() {
    let hub = Simulated::at_work(with_pier(), Server::new(), connectors()).await;
    hub.server.limit(&hub.name("to.dock"), 0);
    hub.put_about("a1", "a", 1);
    sums(&hub, "the dead letter", |dock| dock.dead == 1).await;
    hub.server.unlimit(&hub.name("to.dock"));
    let before = epoch(&hub).await;
    decide(&hub, REDRIVE, lease::of_ingress("shop")).await;
    sums(&hub, "the first to be delivered", |dock| (dock.delivered, dock.dead) == (1, 0)).await;
    hub.put_about("b1", "b", 2);
    sums(&hub, "the second to be delivered", |dock| dock.delivered == 2).await;
    assert_eq!(first_docked(&hub), ["a1", "b1"]);
    assert_eq!((hub.docked().len(), epoch(&hub).await), (2, before), "each once, in the same session");
    hub.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_for_a_queue_survives_a_restart() {
    let hub = start().await;
    hub.server.limit(&hub.name("to.dock"), 0);
    hub.put_about("a1", "a", 1);
    hub.put_about("a2", "a", 2);
    sums(&hub, "both to be held", |dock| dock.held == 2).await;
    let (council, server) = hub.stopped().await;
    server.unlimit(&format!("{}to.dock", council.prefix));
    let hub = Simulated::at_work(council, server, connectors()).await;
    hub.put_about("a3", "a", 3);
    sums(&hub, "all to be delivered", |dock| (dock.delivered, dock.held) == (3, 0)).await;
    assert_eq!(first_docked(&hub), ["a1", "a2", "a3"]);
    hub.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publish_whose_answer_never_comes_holds_its_subject_and_no_other() {
    let hub = start().await;
    hub.server.limit(&hub.name("to.dock"), 0);
    hub.put_about("a1", "a", 1);
    sums(&hub, "the first to be held", |dock| dock.held == 1).await;
    hub.server.unlimit(&hub.name("to.dock"));
    hub.server.fail_next(Fault::Unanswered, 1);
    sums(&hub, "the first to be delivered", |dock| (dock.delivered, dock.held) == (1, 0)).await;
    let ids: HashSet<_> = hub.docked().into_iter().map(|(_, id)| id).collect();
    assert_eq!((hub.docked().len(), ids.len()), (2, 1), "sent again under the same id");
    hub.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_its_system_gives_back_until_its_queue_gives_it_up_is_a_dead_letter_and_does_not_come_again() {
    let hub = start().await;
    hub.put_about("a1", "a", 1);
    sums(&hub, "it in the queue", |dock| dock.delivered == 1).await;
    hub.server.limit_deliveries(&hub.name("to.dock"), 0);
    let dock = hub.server.connect(&hub.council.prefix, "dock");
    let mut consumer = dock.consumer(&hub.name("to.dock"), 1).await.unwrap();
    consumer.next(1).await.unwrap();
    consumer.close().await;
    sums(&hub, "the dead letter", |dock| (dock.dispatched, dock.dead, dock.excess) == (2, 1, 0)).await;
    let dead = hub.ledger.dead_list(&DeadFilter::default(), 10).await.unwrap();
    assert_eq!(dead[0].code, "rejected");
    let shown = hub.ledger.dead_show(dead[0].dispatch).await.unwrap().unwrap();
    assert_eq!(shown.letter.message.unwrap()["number"], 1);
    until("nothing unrouted", async || hub.server.ready(&hub.name("unrouted")).is_empty()).await;
    assert!(hub.docked().is_empty());
    hub.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_binding_that_was_deleted_is_made_again_and_what_missed_it_comes_before_what_is_new() {
    let hub = start().await;
    hub.put_about("a1", "a", 1);
    sums(&hub, "the first", |dock| dock.delivered == 1).await;
    hub.server.unbind(&hub.name("to.dock"));
    for number in 2..=20 {
        hub.put_about(&format!("a{number}"), "a", number);
    }
    until("all in the queue", async || hub.docked().len() == 20).await;
    assert!(first_docked(&hub).into_iter().eq((1..=20).map(|number| format!("a{number}"))));
    until("nothing unrouted", async || hub.server.ready(&hub.name("unrouted")).is_empty()).await;
    hub.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_publishes_are_refused_lost_or_unanswered_each_subject_arrives_in_order() {
    for seed in 1..=4 {
        let hub = start().await;
        let odds = Odds { nacked: 60, lost: 2, unanswered: 2, ..Odds::default() };
        hub.server.fail_by_chance(seed, odds);
        for number in 1..=EVENTS {
            hub.put_about(&format!("e{number:03}"), &format!("p{}", number % PARCELS), number);
        }
        until("everything to be decided", async || {
            hub.ledger
                .sums()
                .await
                .unwrap()
                .sources
                .get("shop")
                .is_some_and(|shop| shop.events.routed == EVENTS)
        })
        .await;
        hub.server.fail_by_chance(seed, Odds::default());
        sums(&hub, "the dock to have all", |dock| dock.delivered + dock.dead == EVENTS).await;
        let mut last = BTreeMap::new();
        for event in first_docked(&hub) {
            let number: u64 = event[1..].parse().unwrap();
            let before = last.insert(number % PARCELS, number).unwrap_or(0);
            assert!(before < number, "seed {seed}: {number} after {before}");
        }
        hub.end().await;
    }
}
