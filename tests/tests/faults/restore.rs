//! The ledger is put back from a copy that it did not make itself, or somebody says that it was: nothing moves until that is
//! accepted, and then what came after the copy is taken in again.

use std::fs;
use std::path::{Path, PathBuf};

use postroom_tests::council::{names_in, parcel_event};
use postroom_tests::hub::{TestHub, until};
use tempfile::TempDir;

use crate::postgres::Server;
use crate::work::{dock, number, publish, small, small_ready, until_number};

/// More looks than an ingress would need to go on.
const MORE_LOOKS: usize = 5;
/// The files of an SQLite ledger that are its data.
const FILES: [&str; 2] = ["ledger.db", "ledger.db-wal"];

async fn publish_one(hub: &TestHub, which: u64) {
    publish(hub, &[parcel_event(&format!("event-{which}"), "a", which)]).await;
}

/// Copies the ledger's files as a snapshot of their file system does: as they are at one moment, under a hub at work.
fn snapshot(hub: &TestHub) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    hub.signal("-STOP");
    let state = PathBuf::from(format!("/proc/{}/stat", hub.id()));
    until("the hub to stand still", || fs::read_to_string(&state).unwrap().contains(") T ").then_some(()));
    for file in FILES {
        fs::copy(hub.council.data().join(file), copy.path().join(file)).unwrap();
    }
    hub.signal("-CONT");
    copy
}

/// Puts the files of a snapshot in the place of the ledger's.
fn put_back(hub: &TestHub, snapshot: &Path) {
    for file in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
        // Which of them are there is the database's own matter.
        let _ = fs::remove_file(hub.council.data().join(file));
    }
    for file in FILES {
        fs::copy(snapshot.join(file), hub.council.data().join(file)).unwrap();
    }
}

/// A hub that was stopped after its second event, whose ledger was put back as it was after the first.
async fn put_back_behind_the_hub() -> TestHub {
    let mut hub = small_ready();
    publish_one(&hub, 1).await;
    hub.settled();
    let copy = snapshot(&hub);
    publish_one(&hub, 2).await;
    until_number(&hub, "/sources/shop/events/routed", 2);
    hub.settled();
    assert!(hub.stop().success());
    put_back(&hub, copy.path());
    hub
}

/// How far the ledger is, as the data folder knows it.
fn noted(hub: &TestHub) -> String {
    let folder = hub.council.data().join("watermark");
    let whole = names_in(&folder).into_iter().find(|name| !name.ends_with(".part"));
    fs::read_to_string(folder.join(whole.expect("a note"))).unwrap()
}

/// Nothing is taken in beyond the `known` events.
fn assert_halted(hub: &TestHub, known: u64) {
    for _ in 0..MORE_LOOKS {
        let status = hub.json(&["status", "--json"]);
        assert_eq!(number(&status, "/sources/shop/events/routed"), known);
        assert_eq!(status["standing"]["restored"], true);
    }
}

/// All three events are there, and the ledger is taken for a backup no longer.
async fn assert_whole(hub: &mut TestHub) {
    until_number(hub, "/sources/shop/events/routed", 3);
    let status = hub.settled();
    assert_eq!(number(&status, "/targets/book/delivered"), 3);
    assert_eq!(number(&status, "/targets/dock/delivered"), 3);
    let numbers: Vec<_> = dock(hub, 3).await.iter().map(|message| message.body["number"].as_u64()).collect();
    assert!((1..=3).all(|which| numbers.contains(&Some(which))), "{numbers:?}");
    let told = hub.heard("ledger.restored");
    assert!(hub.stop().success());
    hub.start();
    hub.wait_for("hub.ready");
    assert_eq!(hub.heard("ledger.restored"), told);
}

/// The hub starts on what was put back after its first event, halts, and once that is accepted takes the others in.
async fn assert_halts_until_accepted(hub: &mut TestHub) {
    publish_one(hub, 3).await;
    hub.start();
    hub.wait_for("ledger.restored");
    assert_halted(hub, 1);
    hub.say(&["ledger", "accept-restore"]);
    hub.wait_for("ledger.accepted");
    assert_whole(hub).await;
}

#[tokio::test]
async fn a_ledgers_file_that_was_put_back_from_a_snapshot_halts_everything_until_somebody_accepts_it() {
    let mut hub = put_back_behind_the_hub().await;
    assert_halts_until_accepted(&mut hub).await;
}

#[tokio::test]
async fn a_ledger_that_was_put_back_can_be_accepted_before_a_hub_starts() {
    let mut hub = put_back_behind_the_hub().await;
    hub.say(&["ledger", "accept-restore"]);
    publish_one(&hub, 3).await;
    hub.start();
    hub.wait_for("hub.ready");
    assert_eq!(hub.heard("ledger.restored"), 0);
    assert_whole(&mut hub).await;
}

/// A hub with its ledger on a server, the ledger's address, and a copy of it that lacks the second event.
async fn copied_on_a_server() -> (Server, TestHub, String, String) {
    let (server, mut hub) = (Server::start(), small());
    let url = server.database();
    hub.ledger = Some(url.clone());
    hub.start();
    hub.wait_for("hub.ready");
    publish_one(&hub, 1).await;
    hub.settled();
    let copy = server.copy(&url);
    publish_one(&hub, 2).await;
    until_number(&hub, "/sources/shop/events/routed", 2);
    (server, hub, url, copy)
}

#[tokio::test]
async fn a_database_that_was_dumped_and_put_back_halts_everything_until_somebody_accepts_it() {
    let (server, mut hub, url, copy) = copied_on_a_server().await;
    assert!(hub.stop().success());
    server.put_back(&url, &copy);
    assert_halts_until_accepted(&mut hub).await;
}

#[tokio::test]
async fn a_database_that_is_put_back_under_a_hub_at_work_halts_it_until_somebody_accepts_it() {
    let (server, mut hub, url, copy) = copied_on_a_server().await;
    let before = noted(&hub);
    until("the hub to note how far the ledger is", || (noted(&hub) != before).then_some(()));
    server.put_back(&url, &copy);
    hub.wait_for("ledger.restored");
    assert_halted(&hub, 1);
    publish_one(&hub, 3).await;
    hub.say(&["ledger", "accept-restore"]);
    hub.wait_for("ledger.accepted");
    assert_eq!(hub.heard("hub.started"), 1);
    assert_whole(&mut hub).await;
}

#[tokio::test]
async fn a_restore_that_no_hub_could_notice_halts_one_at_work_once_somebody_tells_and_the_jobs_quote_it() {
    let mut hub = small_ready();
    let refused = hub.run(&["ledger", "accept-restore"]);
    let words = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{words}");
    assert!(words.contains("postroom ledger restored"), "{words}");
    hub.say(&["ledger", "restored", "--reason", "the whole machine was put back"]);
    hub.wait_for("ledger.restored");
    for which in 1..=3 {
        publish_one(&hub, which).await;
    }
    assert_halted(&hub, 0);
    hub.say(&["ledger", "accept-restore"]);
    hub.wait_for("ledger.accepted");
    let jobs = hub.say(&["jobs", "list", "--json"]);
    assert!(jobs.contains("the whole machine was put back"), "{jobs}");
    assert_whole(&mut hub).await;
}

#[test]
fn a_data_folder_in_which_it_cannot_be_noted_how_far_the_ledger_is_ends_the_start() {
    let hub = small();
    fs::create_dir_all(hub.council.data()).unwrap();
    fs::write(hub.council.data().join("watermark"), "no folder").unwrap();
    let output = hub.run(&["run"]);
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{words}");
    assert!(words.contains("noting the watermark of the ledger"), "{words}");
}
