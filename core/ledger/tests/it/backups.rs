//! Copies of a ledger in a file.

use std::time::{Duration, Instant};

use crate::support::{Place, event, key};
use postroom_ledger::{Entry, Fate, Ledger, RunStart};

#[tokio::test]
async fn a_backup_made_while_the_hub_writes_is_whole_and_says_that_it_is_one_until_it_is_acknowledged() {
    let place = Place::file();
    let ledger = place.open().await;
    let routed = |id: &str| Entry::Event(event(id, vec![("waste", Fate::Queued)]));
    ledger.start_run(1).await.expect("written");
    ledger.record(vec![routed("1")]).await.expect("recorded");
    let copy = place.path().with_file_name("copy.db");
    let (made, recorded) = tokio::join!(ledger.backup(&copy), ledger.record(vec![routed("2")]));
    made.expect("made");
    recorded.expect("recorded");
    ledger.backup(&copy).await.expect_err("it exists already");
    ledger.end_run(2).await.expect("written");
    assert_eq!(ledger.start_run(3).await.expect("written"), RunStart { restored: false });

    let restored = Ledger::open(&copy).await.expect("a ledger");
    assert!(restored.known(&[key("1")]).await.expect("read").contains(&key("1")));
    for at in [4, 5] {
        assert_eq!(restored.start_run(at).await.expect("written"), RunStart { restored: true });
    }
    restored.acknowledge_restore().await.expect("written");
    assert!(!restored.start_run(6).await.expect("written").restored);
}

/// Half of what the writer lets the log grow to, in bytes.
const LONG_LOG: u64 = 32 * 1024 * 1024;
/// Longest wait for the log to be moved.
const DEADLINE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn what_is_written_is_moved_from_the_log_into_the_file_while_the_writer_goes_on() {
    let place = Place::file();
    let ledger = place.open().await;
    let size = || std::fs::metadata(place.path()).expect("a file").len();
    let (before, deadline) = (size(), Instant::now() + DEADLINE);
    let mut number = 0;
    while size() == before {
        assert!(Instant::now() < deadline, "nothing was moved");
        let names = (number..number + 100).map(|number| number.to_string());
        let events = names.map(|name| Entry::Event(event(&name, vec![("waste", Fate::Queued)])));
        ledger.record(events.collect()).await.expect("recorded");
        number += 100;
    }
    let log = place.path().with_extension("db-wal");
    let log = std::fs::metadata(log).expect("a log").len();
    assert!(log < LONG_LOG, "the writer itself moves it when it is longer: {log}");
}
