//! Rows of the crash table: while dispatches are held because their target fails, and while they are released.

use postroom_router::FailPoint;
use postroom_tests::http_target::orders::{Does, Order};
use postroom_tests::rabbitmq::Rabbit;

use super::dying::{Dying, Twice};
use crate::rig::{Asking, EVENTS};
use crate::work::{number, until_number};

/// A queue with room for so many.
const ROOM: u64 = 2;

/// A till that takes nothing, and is given up on after a second; what is held is tried again each second.
fn failing() -> Dying {
    let mut dying = Dying::new(Asking::CannotLookUp);
    let council = &dying.rig.hub.council;
    council.edit("council.toml", "in_place = \"20s\"", "in_place = \"1s\"");
    let schedule = ["\"1s\""; 90].join(", ");
    council.edit("routes/parcel-to-till/route.toml", "\"1h\"", &schedule);
    dying.rig.till.order(&[Order::new(Does::Status(500))]);
    dying
}

/// The hub dies at `point` while it holds what the till does not take; then the till takes everything.
async fn check_holding(point: FailPoint, passes: [u32; 2]) -> (u64, Twice) {
    let mut dying = failing();
    dying.start(point, passes[0]);
    dying.rig.hub.wait_for("hub.ready");
    dying.rig.publish(EVENTS).await;
    dying.died().await;
    dying.dies_at(point, passes[1]).await;
    let held = number(&dying.rig.status(), "/targets/till/held");
    dying.rig.till.order(&[]);
    dying.rig.start();
    (held, dying.drained().await)
}

#[tokio::test]
async fn a_lane_that_dies_before_a_hold_is_written_tries_again_in_order() {
    let (_, twice) = check_holding(FailPoint::LaneAnswered, [30, 1]).await;
    assert_eq!(twice.landed, 0);
}

#[tokio::test]
async fn a_lane_that_dies_when_a_hold_is_written_holds_it_once_and_releases_it_in_order() {
    let (held, twice) = check_holding(FailPoint::LaneRecorded, [1, 2]).await;
    assert!(held > 0, "nothing was held");
    assert_eq!(twice.landed, 0);
}

#[tokio::test]
async fn a_lane_that_dies_while_it_releases_sends_again_under_the_same_key_and_in_order() {
    let mut dying = failing();
    dying.rig.start();
    dying.rig.publish(EVENTS).await;
    until_number(&dying.rig.hub, "/targets/till/held", EVENTS);
    assert!(dying.rig.hub.stop().success());
    dying.rig.till.order(&[]);
    for (point, pass) in
        [(FailPoint::LaneAnswered, 1), (FailPoint::LaneAnswered, 20), (FailPoint::LaneRecorded, 5)]
    {
        dying.dies_at(point, pass).await;
    }
    dying.rig.start();
    let twice = dying.drained().await;
    assert!(twice.landed >= 2, "each answer was lost: {twice:?}");
}

/// A hub that has published some of the load while the queue of the dock was full, stopped; and the name of the policy.
async fn full() -> (Dying, String) {
    let mut dying = Dying::new(Asking::CannotLookUp);
    let council = &dying.rig.hub.council;
    council.retry_soon("parcel-to-dock");
    let (policy, prefix) = (format!("full-{}", council.prefix), council.prefix.replace('.', r"\."));
    let full = format!(r#"{{"max-length": {ROOM}, "overflow": "reject-publish"}}"#);
    dying.rig.start();
    let queue = format!(r"^{prefix}to\.dock$");
    Rabbit::shared().ctl(&["set_policy", "--apply-to", "queues", &policy, &queue, &full]);
    dying.rig.publish(EVENTS / 3).await;
    until_number(&dying.rig.hub, "/targets/dock/held", EVENTS / 6);
    until_number(&dying.rig.hub, "/targets/till/delivered", EVENTS / 3);
    (dying, policy)
}

#[tokio::test]
async fn a_hub_that_dies_when_a_hold_of_a_queue_is_written_holds_it_once_and_releases_it_in_order() {
    let (mut dying, policy) = full().await;
    assert!(dying.rig.hub.stop().success());
    let held = number(&dying.rig.status(), "/targets/dock/held");
    dying.start(FailPoint::IngressRecorded, 1);
    dying.rig.hub.wait_for("hub.ready");
    dying.rig.publish(EVENTS - EVENTS / 3).await;
    dying.died().await;
    assert!(number(&dying.rig.status(), "/targets/dock/held") > held, "nothing more was held");
    Rabbit::shared().ctl(&["clear_policy", &policy]);
    dying.rig.start();
    dying.drained().await;
}

#[tokio::test]
async fn a_hub_that_dies_while_it_releases_to_a_queue_publishes_again_under_the_same_ids() {
    let (mut dying, policy) = full().await;
    dying.rig.publish(EVENTS - EVENTS / 3).await;
    until_number(&dying.rig.hub, "/targets/till/delivered", EVENTS);
    assert!(dying.rig.hub.stop().success());
    Rabbit::shared().ctl(&["clear_policy", &policy]);
    for pass in [1, 2] {
        dying.dies_at(FailPoint::ReleaseAnswered, pass).await;
    }
    dying.rig.start();
    let twice = dying.drained().await;
    assert!(twice.docked > 0, "nothing came again");
}
