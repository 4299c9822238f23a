//! A hub that was killed, or crashed, with dispatches in the hands of its lanes: what may have been the cause is tried one
//! by one, and what was the cause three times is put aside.

use postroom_broker::memory::{Fault, Server};
use postroom_connector::Failure;
use postroom_event::EventKey;
use postroom_ledger::DeadFilter;
use postroom_router::{DISCARD, lease};
use postroom_tests::council::{TestCouncil, parcel_event};
use uuid::Uuid;

use crate::lanes::{Till, council, decide, start, sums};
use crate::simulation::{Simulated, connectors, until};

/// A hub that was killed while it had in hand what `till` does not answer, at work again.
async fn killed(hub: Simulated, till: &Till) -> Simulated {
    let (council, server) = hub.killed().await;
    Simulated::at_work(council, server, connectors().with_sink(till.clone())).await
}

/// The council of the till with three more of its kind.
fn four_tills() -> TestCouncil {
    let council = council("");
    let text = |path: &str| std::fs::read_to_string(council.folder().join(path)).unwrap();
    for other in ["till-b", "till-c", "till-d"] {
        for file in ["system.toml", "messages/parcel.schema.json"] {
            council.write(&format!("systems/{other}/{file}"), &text(&format!("systems/till/{file}")));
        }
        let route = text("routes/parcel-to-till/route.toml").replace("\"till\"", &format!("\"{other}\""));
        council.write(&format!("routes/parcel-to-{other}/route.toml"), &route);
        let mapping = text("routes/parcel-to-till/mapping.vrl");
        council.write(&format!("routes/parcel-to-{other}/mapping.vrl"), &mapping);
    }
    council
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_four_lanes_had_in_hand_when_the_hub_was_killed_twice_is_no_poison() {
    let till = Till::default();
    till.shut();
    let hub = Simulated::at_work(four_tills(), Server::new(), connectors().with_sink(till.clone())).await;
    hub.put_about("a1", "a", 1);
    until("every till to be asked", async || till.asked() == 4).await;
    let hub = killed(hub, &till).await;
    until("every till to be asked again", async || till.asked() == 8).await;
    let hub = killed(hub, &till).await;
    let dead = async || hub.ledger.dead_list(&DeadFilter::default(), 10).await.unwrap().len() as u64;
    until("every till to be asked once more", async || till.asked() + dead().await == 12).await;
    till.open();
    until("every till to have it", async || till.numbers("a").len() as u64 + dead().await == 4).await;
    assert_eq!(dead().await, 0);
    hub.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_dispatch_that_has_crashed_the_hub_three_times_is_dead_and_others_are_delivered() {
    let till = Till::default();
    till.fail("a", Failure::Transient);
    let hub = start(&till, &format!("retry = [{}]", ["\"100ms\""; 100].join(", "))).await;
    hub.put_about("a1", "a", 1);
    sums(&hub, "a held", |till| till.held == 1).await;
    till.crash("a");
    sums(&hub, "the dead letter", |till| (till.dead, till.held) == (1, 0)).await;
    hub.put_about("a2", "a", 2);
    hub.put_about("b1", "b", 3);
    sums(&hub, "b delivered, a held", |till| (till.delivered, till.held) == (1, 1)).await;
    assert_eq!(hub.ledger.dead_list(&DeadFilter::default(), 10).await.unwrap()[0].code, "poison");
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_slow_dispatch_is_tried_with_care_its_lane_does_what_officers_decide() {
    let till = Till::default();
    till.fail("b", Failure::Permanent);
    let hub = start(&till, "").await;
    hub.put_about("b1", "b", 1);
    sums(&hub, "the dead letter", |till| till.dead == 1).await;
    till.shut();
    hub.put_about("a1", "a", 2);
    until("the till to be asked", async || till.asked() == 2).await;
    let hub = killed(hub, &till).await;
    until("the till to be asked again", async || till.asked() == 3).await;
    decide(&hub, DISCARD, lease::of_lane("till")).await;
    sums(&hub, "the decision", |till| (till.discarded, till.delivered) == (1, 0)).await;
    till.open();
    sums(&hub, "the slow one", |till| till.delivered == 1).await;
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_tried_with_care_when_its_session_was_lost_is_no_suspect_any_more() {
    let till = Till::default();
    let hub = start(&till, "").await;
    hub.server.fail_next(Fault::Unanswered, 1);
    hub.put_about("a1", "a", 1);
    until("it to be under way", async || !hub.docked().is_empty()).await;
    hub.server.fail_next(Fault::Unanswered, 1);
    let hub = killed(hub, &till).await;
    let body = parcel_event("a1", "a", 1).to_string();
    let name = format!("{}\n{body}", lease::of_ingress("shop"));
    let suspect = EventKey(Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()));
    let is_suspect = async || hub.ledger.tried(&[suspect]).await.unwrap().contains_key(&suspect);
    until("it to be tried again", is_suspect).await;
    hub.server.cut();
    until("it to be forgotten", async || !is_suspect().await).await;
    sums(&hub, "it to be delivered", |till| till.delivered == 1).await;
    hub.end().await;
}
