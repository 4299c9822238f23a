//! Every promise once more on servers, one of each kind for all; then what only a server can be asked.

use std::sync::Arc;

use tokio::task::LocalSet;

use crate::mariadb::MariaDb;
use crate::place::{DEADLINE, Home, Place, Promise};
use crate::postgres::Postgres;

/// Promises that are tried at the same time.
const AT_ONCE: usize = 3;

fn promises() -> Vec<(&'static str, Promise)> {
    [
        crate::outbox::all(),
        crate::watermark::all(),
        crate::whole::all(),
        crate::values::all(),
        crate::handing_over::all(),
        crate::conformance::all(),
        crate::troubles::all(),
        crate::conformance::on_a_server(),
    ]
    .concat()
}

async fn all_are_kept(home: Home) {
    let turns = Arc::new(tokio::sync::Semaphore::new(AT_ONCE));
    let running: Vec<_> = promises()
        .into_iter()
        .map(|(name, promise)| {
            let (turns, home) = (Arc::clone(&turns), home.clone());
            let kept = tokio::task::spawn_local(async move {
                let _turn = turns.acquire().await.expect("a turn");
                let place = Place::at(home).await;
                tokio::time::timeout(DEADLINE * 2, promise(place)).await.expect("in time");
            });
            (name, kept)
        })
        .collect();
    let mut broken = Vec::new();
    for (name, kept) in running {
        if kept.await.is_err() {
            broken.push(name);
        }
    }
    assert!(broken.is_empty(), "not kept: {broken:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_promise_is_kept_on_postgresql() {
    LocalSet::new().run_until(all_are_kept(Home::Postgres(Arc::new(Postgres::start())))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_promise_is_kept_on_mariadb() {
    LocalSet::new().run_until(all_are_kept(Home::MariaDb(Arc::new(MariaDb::start())))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgresql_that_hangs_is_left_within_the_time_limit() {
    crate::troubles::hanging(Home::Postgres(Arc::new(Postgres::start()))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mariadb_that_hangs_is_left_within_the_time_limit() {
    crate::troubles::hanging(Home::MariaDb(Arc::new(MariaDb::start()))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mariadb_that_makes_tables_without_transactions_is_asked_for_one_with_them() {
    let place = Place::at(Home::MariaDb(Arc::new(MariaDb::start()))).await;
    place.run("SET GLOBAL default_storage_engine = MyISAM").await;
    place.run("CREATE TABLE homes (uprn bigint) ENGINE=InnoDB").await;
    let sink = place.sink(
        "receipts = { table = 'postroom_delivered', create = true }\nstatement = 'INSERT INTO homes VALUES (:uprn)'",
    );
    sink.deliver(&crate::handing_over::handover(serde_json::json!({"uprn": 1}))).await.expect("delivered");
    let made = "SELECT count(*) FROM information_schema.TABLES WHERE TABLE_NAME = 'postroom_delivered' AND ENGINE = 'InnoDB'";
    assert_eq!(place.numbers(made).await, [1]);
}
