//! The crash table of `docs/guarantees.md`, row by row: the real program dies as by SIGKILL at a named point of its way
//! under load, is started again, and every target has all of it, in order, and twice only what the row says.

mod dying;
mod holds;
mod officers;

use postroom_router::FailPoint;
use postroom_tests::council::yard_rows;
use postroom_tests::http_target::orders::{Does, Order};

use crate::rig::{Asking, EVENTS, PARCELS};
use crate::work::{dock, number};
use dying::{Dying, check};

/// Rows of one file of the yard: a whole chunk of its intake, and the rest.
const ROWS: u64 = 600;

fn file_of_the_yard(dying: &Dying) -> String {
    std::fs::create_dir_all(dying.rig.hub.council.data()).expect("a folder");
    let file = dying.rig.hub.council.data().join("moves.csv");
    std::fs::write(&file, yard_rows(ROWS, PARCELS)).expect("a file");
    file.display().to_string()
}

/// `publish --system` dies in the first chunk, then in the second; the third time it comes to its end.
async fn check_publishing(point: FailPoint, duplicates: std::ops::RangeInclusive<u64>) {
    let mut dying = Dying::new(Asking::CannotLookUp);
    let file = file_of_the_yard(&dying);
    let publish = ["publish", "--system", "yard", &file];
    dying.rig.start();
    for pass in [1, 2] {
        dying.command_dies_at(&publish, point, pass);
    }
    dying.rig.hub.say(&publish);
    dying.rig.published = ROWS;
    let twice = dying.drained().await;
    assert_eq!((twice.docked, twice.landed), (0, 0));
    let status = dying.rig.status();
    assert_eq!(number(&status, "/sources/yard/mapped"), ROWS);
    let told = number(&status, "/sources/yard/events/duplicate");
    assert!(duplicates.contains(&told), "{told} duplicates");
}

#[tokio::test]
async fn a_source_that_dies_before_the_confirm_publishes_again_and_each_event_is_taken_once() {
    check_publishing(FailPoint::IntakeSent, 0..=ROWS).await;
}

#[tokio::test]
async fn a_source_that_dies_before_its_cursor_moves_publishes_again_and_each_event_is_taken_once() {
    check_publishing(FailPoint::IntakePublished, ROWS..=ROWS).await;
}

/// A snapshot of the yard in which every row is new, and of which each pass of a page dies.
async fn check_snapshot(point: FailPoint, passes: &[u32]) {
    let mut dying = Dying::new(Asking::CannotLookUp);
    let snapshot = "connector = \"file\"\nsnapshot = { key = [\"number\"] }\n";
    dying.rig.hub.council.edit("systems/yard/system.toml", "connector = \"file\"\n", snapshot);
    let file = file_of_the_yard(&dying);
    let publish = ["publish", "--system", "yard", &file];
    dying.rig.start();
    for pass in passes {
        dying.command_dies_at(&publish, point, *pass);
    }
    dying.rig.hub.say(&publish);
    dying.rig.published = ROWS;
    let twice = dying.drained().await;
    assert_eq!((twice.docked, twice.landed), (0, 0));
    assert_eq!(number(&dying.rig.status(), "/sources/yard/mapped"), ROWS);
}

#[tokio::test]
async fn a_snapshot_whose_hub_dies_before_the_confirm_tells_each_record_once() {
    check_snapshot(FailPoint::IntakeSent, &[1, 2]).await;
}

#[tokio::test]
async fn a_snapshot_whose_hub_dies_before_the_ledger_knows_tells_each_record_once() {
    check_snapshot(FailPoint::IntakePublished, &[1, 2]).await;
}

#[tokio::test]
async fn a_snapshot_that_was_taken_whole_when_the_hub_died_is_not_taken_again() {
    check_snapshot(FailPoint::IntakeDone, &[1]).await;
}

/// The hub takes a file, dies at `point` in each of its runs but the last, and the file is put away in the end.
async fn check_intake(point: FailPoint, passes: &[u32]) {
    let mut dying = Dying::new(Asking::CannotLookUp);
    dying.rig.hub.council.feed("yard/in", "moves.csv", yard_rows(ROWS, PARCELS).as_bytes());
    dying.rig.published = ROWS;
    for pass in passes {
        dying.dies_at(point, *pass).await;
    }
    dying.rig.start();
    dying.drained().await;
    assert_eq!(number(&dying.rig.status(), "/sources/yard/mapped"), ROWS);
    assert_eq!(dying.rig.hub.council.outbox("yard/in/done").len(), 1);
}

#[tokio::test]
async fn a_hub_that_dies_before_its_cursor_moves_reads_on_from_there() {
    check_intake(FailPoint::IntakePublished, &[1, 2]).await;
}

#[tokio::test]
async fn a_file_that_was_taken_whole_when_the_hub_died_is_put_away_and_not_taken_again() {
    check_intake(FailPoint::IntakeDone, &[1]).await;
}

#[tokio::test]
async fn a_hub_that_dies_before_it_publishes_anything_doubles_nothing() {
    let twice = check(FailPoint::IngressDecided, &[1]).await;
    assert_eq!((twice.docked, twice.landed), (0, 0));
}

#[tokio::test]
async fn an_event_that_kills_the_hub_is_found_out_among_those_that_were_tried_with_it() {
    let mut dying = Dying::new(Asking::CannotLookUp);
    dying.rig.start();
    assert!(dying.rig.hub.stop().success());
    dying.rig.publish(3).await;
    // As it comes, then with the others, then alone and alone.
    for _ in 0..4 {
        dying.dies_at(FailPoint::IngressDecided, 1).await;
    }
    dying.rig.start();
    assert_eq!(dying.rig.hub.wait_for("event.invalid")["rule"], "poison");
    let status = dying.rig.hub.settled();
    let of = |end: &str| number(&status, &format!("/sources/shop/events/{end}"));
    assert_eq!((of("invalid"), of("routed")), (1, 2));
    let numbers: Vec<_> =
        dock(&dying.rig.hub, 2).await.iter().map(|one| one.body["number"].clone()).collect();
    assert_eq!(numbers, [2, 3]);
}

#[tokio::test]
async fn a_hub_that_dies_before_it_publishes_a_later_chunk_loses_nothing() {
    check(FailPoint::IngressDecided, &[2, 3]).await;
}

#[tokio::test]
async fn a_hub_that_dies_between_publishes_publishes_again_under_the_same_ids() {
    let mut dying = Dying::new(Asking::CannotLookUp);
    dying.rig.start();
    assert!(dying.rig.hub.stop().success());
    dying.rig.publish(EVENTS).await;
    dying.dies_at(FailPoint::IngressPublishing, 3).await;
    dying.rig.start();
    assert!(dying.drained().await.docked > 0, "nothing came again");
}

#[tokio::test]
async fn a_hub_that_dies_when_all_is_published_publishes_again_under_the_same_ids() {
    let twice = check(FailPoint::IngressPublished, &[1, 3]).await;
    assert!(twice.docked > 0, "nothing came again");
}

#[tokio::test]
async fn a_hub_that_dies_between_ledger_and_ack_takes_the_event_once() {
    let mut dying = Dying::new(Asking::CannotLookUp);
    dying.start(FailPoint::IngressRecorded, 1);
    dying.rig.hub.wait_for("hub.ready");
    dying.rig.publish(1).await;
    dying.died().await;
    dying.rig.start();
    assert_eq!(dying.drained().await.docked, 0);
    assert_eq!(number(&dying.rig.status(), "/sources/shop/events/duplicate"), 1);
}

#[tokio::test]
async fn a_hub_that_dies_between_ledger_and_ack_under_load_loses_nothing() {
    check(FailPoint::IngressRecorded, &[2, 2]).await;
}

#[tokio::test]
async fn a_lane_that_dies_before_it_asks_its_target_doubles_nothing() {
    let twice = check(FailPoint::LaneStarted, &[1]).await;
    assert_eq!(twice.landed, 0);
}

#[tokio::test]
async fn a_lane_that_dies_before_the_targets_answer_asks_again_under_the_same_key() {
    let mut dying = Dying::new(Asking::CannotLookUp);
    dying.rig.till.order(&[Order::new(Does::Slow(300)).times(48)]);
    let twice = dying.under_load(FailPoint::LaneStarted, &[40, 1]).await;
    assert!(twice.landed > 0, "nothing came again");
}

#[tokio::test]
async fn a_lane_that_dies_after_the_targets_answer_asks_again_under_the_same_key() {
    let twice = check(FailPoint::LaneAnswered, &[40, 1]).await;
    assert!(twice.landed >= 2, "each answer was lost: {twice:?}");
}

#[tokio::test]
async fn a_lane_that_dies_after_the_answer_looks_up_what_may_have_landed_and_sends_nothing_again() {
    let twice = Dying::new(Asking::CanLookUp).under_load(FailPoint::LaneAnswered, &[40, 1]).await;
    assert_eq!(twice.landed, 0);
}

#[tokio::test]
async fn a_lane_that_dies_between_ledger_and_ack_does_not_ask_again_for_what_it_recorded() {
    check(FailPoint::LaneRecorded, &[10, 1]).await;
}

#[tokio::test]
async fn a_lane_that_dies_when_its_dispatches_are_staged_stands_in_the_batch_once() {
    check(FailPoint::StagingRecorded, &[2, 1]).await;
}

#[tokio::test]
async fn a_batch_whose_answer_died_with_the_hub_is_handed_over_under_its_id_and_stands_there_once() {
    check(FailPoint::BatchAnswered, &[1, 1]).await;
}
