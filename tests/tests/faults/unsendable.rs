//! Events of which no message can be made, or whose route cannot tell whether it wants them: what comes behind them waits for
//! an officer, as behind every dead letter.

use postroom_broker::memory::Server;
use postroom_ledger::DeadFilter;
use postroom_router::{DISCARD, REDRIVE, lease};
use postroom_tests::council::TestCouncil;

use crate::lanes::{Till, decide, pause, restarted, start, sums};
use crate::simulation::{Simulated, connectors, until};

/// A number of which too large a one would be made.
const TOO_LARGE: u64 = 9;
const WHEN: &str = "when = \".number * 2000000000000000000 > 0\"";
const NUMBER: &str = ".number + .number * 2000000000000000000 * 0";
const TO_DOCK: &str = "routes/parcel-to-dock/route.toml";
const TO_TILL: &str = "routes/parcel-to-till/route.toml";
const DOCK_MAPPING: &str = "routes/parcel-to-dock/mapping.vrl";

/// The first of `a` is dead, the second waits behind it, over a restart too; `b` goes on. Once `mend` has been at the council
/// and the first is redriven, both arrive in their order.
async fn check_dock(council: TestCouncil, code: &str, mend: impl Fn(&TestCouncil)) {
    let hub = Simulated::at_work(council, Server::new(), connectors()).await;
    hub.put_about("a1", "a", TOO_LARGE);
    hub.put_about("a2", "a", 2);
    hub.put_about("b1", "b", 3);
    hub.until_sums("dock", "a2 behind a1", |dock| (dock.delivered, dock.dead, dock.held) == (1, 1, 1)).await;
    let dead = hub.ledger.dead_list(&DeadFilter::default(), 10).await.unwrap();
    assert_eq!((dead[0].code.as_str(), dead[0].attempts), (code, 0));
    let (council, server) = hub.stopped().await;
    mend(&council);
    let hub = Simulated::at_work(council, server, connectors()).await;
    hub.put_about("a3", "a", 4);
    hub.until_sums("dock", "a3 behind a2", |dock| (dock.delivered, dock.dead, dock.held) == (1, 1, 2)).await;
    decide(&hub, REDRIVE, lease::of_ingress("shop")).await;
    hub.until_sums("dock", "all of it", |dock| (dock.delivered, dock.dead, dock.held) == (4, 0, 0)).await;
    let docked: Vec<_> = hub.docked().into_iter().map(|(event, _)| event).collect();
    assert_eq!(docked, ["b1", "a1", "a2", "a3"]);
    hub.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_behind_a_message_that_cannot_be_made_for_a_queue_waits_for_an_officer() {
    let council = TestCouncil::small();
    council.edit(DOCK_MAPPING, ".number", NUMBER);
    check_dock(council, "mapping", |council| council.edit(DOCK_MAPPING, NUMBER, ".number")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_behind_an_event_that_a_queue_may_want_or_not_waits_for_an_officer() {
    let council = TestCouncil::small();
    council.edit(TO_DOCK, "message =", &format!("{WHEN}\nmessage ="));
    check_dock(council, "filter", |council| council.edit(TO_DOCK, WHEN, "when = \".number > 0\"")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_dead_letter_holds_nothing_a_message_that_cannot_be_made_for_a_queue_delays_none() {
    let council = TestCouncil::small();
    council.edit(DOCK_MAPPING, ".number", NUMBER);
    council.edit(TO_DOCK, "message =", "after_dead_letter = \"continue\"\nmessage =");
    let hub = Simulated::at_work(council, Server::new(), connectors()).await;
    hub.put_about("a1", "a", TOO_LARGE);
    hub.put_about("a2", "a", 2);
    hub.put_about("a3", "a", 3);
    hub.until_sums("dock", "the others", |dock| (dock.delivered, dock.dead, dock.held) == (2, 1, 0)).await;
    let docked: Vec<_> = hub.docked().into_iter().map(|(event, _)| event).collect();
    assert_eq!(docked, ["a2", "a3"]);
    hub.end().await;
}

/// The first of `a` is dead at the till because its `when` cannot be run, the second waits behind it; `b` is delivered.
async fn undecided(till: &Till) -> Simulated {
    let hub = start(till, WHEN).await;
    hub.put_about("a1", "a", TOO_LARGE);
    hub.put_about("a2", "a", 2);
    hub.put_about("b1", "b", 3);
    sums(&hub, "a2 behind a1", |till| (till.delivered, till.dead, till.held) == (1, 1, 1)).await;
    assert_eq!(hub.ledger.dead_list(&DeadFilter::default(), 10).await.unwrap()[0].code, "filter");
    hub
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_a_lane_may_want_or_not_is_delivered_in_its_place_once_its_when_is_mended() {
    let till = Till::default();
    let hub = undecided(&till).await;
    hub.council.edit(TO_TILL, WHEN, "when = \".number > 0\"");
    let hub = restarted(hub, &till).await;
    decide(&hub, REDRIVE, lease::of_lane("till")).await;
    sums(&hub, "all of it", |till| (till.delivered, till.dead, till.held) == (3, 0, 0)).await;
    assert_eq!((till.numbers("a"), till.numbers("b")), (vec![TOO_LARGE, 2], vec![3]));
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_its_mended_when_does_not_want_is_not_delivered_when_it_is_redriven() {
    let till = Till::default();
    let hub = undecided(&till).await;
    hub.council.edit(TO_TILL, WHEN, "when = \".number < 9\"");
    let hub = restarted(hub, &till).await;
    decide(&hub, REDRIVE, lease::of_lane("till")).await;
    let again = async || {
        let dead = hub.ledger.dead_list(&DeadFilter::default(), 10).await.unwrap();
        dead.iter().any(|row| row.state == "open" && row.words.contains("false"))
    };
    until("the dead letter again", again).await;
    decide(&hub, DISCARD, lease::of_lane("till")).await;
    sums(&hub, "the second", |till| (till.delivered, till.dead, till.held) == (2, 0, 0)).await;
    assert_eq!((till.numbers("a"), till.numbers("b")), (vec![2], vec![3]));
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_a_lane_may_want_or_not_is_not_delivered_when_its_lane_was_deleted() {
    let till = Till::default();
    let hub = start(&till, WHEN).await;
    hub.ledger.pause(pause()).await.unwrap();
    let hub = restarted(hub, &till).await;
    hub.publish_about("a1", "a", TOO_LARGE).await;
    sums(&hub, "a1 in its lane", |till| till.waiting == 1).await;
    hub.server.delete(&hub.name("lane.till"));
    hub.ledger.resume(pause()).await.unwrap();
    sums(&hub, "the dead letter", |till| (till.delivered, till.dead) == (0, 1)).await;
    hub.stopped().await;
}
