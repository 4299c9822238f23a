//! Two hubs on one broker and one ledger on a server: one of them works at a place, and the other takes over.

use std::sync::Arc;
use std::time::{Duration, Instant};

use postroom_tests::council::yard_rows;
use postroom_tests::hub::TestHub;
use serde_json::Value;

use crate::postgres::Server;
use crate::work::{
    assert_booked_once_and_in_order, assert_docked_in_order, dock, number, small, until_number,
};

/// Rows of one import, and the parcels that they are about.
const ROWS: u64 = 2_000;
const PARCELS: u64 = 97;
/// In this time what a killed hub did is done by another.
const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(15);

/// Two hubs, ready; the first of them has every lease.
fn two(server: &Server) -> (TestHub, TestHub) {
    let mut first = small();
    first.ledger = Some(server.database());
    let mut second = first.beside();
    first.start();
    first.wait_for("hub.ready");
    until_number(&first, "/sources/yard/mapped", 0);
    second.start();
    second.wait_for("hub.ready");
    (first, second)
}

/// Everything arrived, once where the target can tell, and in order.
async fn assert_all_arrived(hub: &TestHub) {
    until_number(hub, "/targets/book/delivered", ROWS);
    let status = hub.settled();
    assert_eq!(number(&status, "/sources/yard/events/routed"), ROWS);
    assert_eq!(number(&status, "/sources/yard/events/invalid"), 0);
    assert_booked_once_and_in_order(hub, ROWS);
    assert_docked_in_order(&dock(hub, usize::try_from(ROWS).expect("a small number")).await, ROWS);
}

/// Waits until a hub has taken over the intake of the yard from one that stopped in the middle.
fn wait_for_yard(hub: &mut TestHub) -> Value {
    loop {
        let line = hub.wait_for("lease.recovering");
        if line["lease"] == "ingress.yard" {
            return line;
        }
    }
}

#[tokio::test]
async fn a_hub_that_is_killed_is_taken_over_in_time_and_nothing_is_lost_or_out_of_order() {
    let server = Server::start();
    let (mut first, mut second) = two(&server);
    first.council.feed("yard/in", "moves.csv", yard_rows(ROWS, PARCELS).as_bytes());
    until_number(&second, "/targets/dock/delivered", ROWS / 8);
    first.kill();
    let killed = Instant::now();
    wait_for_yard(&mut second);
    let taken_over = killed.elapsed();
    println!("taken over within {taken_over:?}");
    assert!(taken_over <= TAKEN_OVER_WITHIN, "{taken_over:?}");
    assert_all_arrived(&second).await;
    assert!(Arc::ptr_eq(&first.council, &second.council));
}

#[tokio::test]
async fn a_hub_that_sleeps_past_its_lease_writes_nothing_when_it_wakes() {
    let server = Server::start();
    let (mut first, mut second) = two(&server);
    first.council.feed("yard/in", "moves.csv", yard_rows(ROWS, PARCELS).as_bytes());
    until_number(&second, "/targets/dock/delivered", ROWS / 8);
    first.signal("-STOP");
    wait_for_yard(&mut second);
    first.signal("-CONT");
    first.wait_for("lease.lost");
    assert_all_arrived(&second).await;
    assert!(first.stop().success());
}
