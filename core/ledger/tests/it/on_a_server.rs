//! Every promise once more on a server, one server for all; then what only a server can be asked.

use std::sync::Arc;
use std::time::Duration;

use postroom_ledger::{Entry, Failure, Fate, Kind, Watermark};

use crate::server::Server;
use crate::support::{Place, Promise, event, key};

/// Promises that are tried at the same time.
const AT_ONCE: usize = 4;
/// Longest that one may take.
const DEADLINE: Duration = Duration::from_secs(120);

fn promises() -> Vec<(&'static str, Promise)> {
    [
        crate::deciding::all(),
        crate::delivering::all(),
        crate::erasing::all(),
        crate::holding::all(),
        crate::importing::all(),
        crate::leasing::all(),
        crate::mentioning::all(),
        crate::reading::all(),
        crate::recording::all(),
        crate::referring::all(),
        crate::restoring::all(),
        crate::snapshots::all(),
        crate::telling::all(),
        crate::waiting::all(),
        crate::work::all(),
    ]
    .concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_promise_is_kept_on_a_server_too() {
    let server = Arc::new(Server::start());
    let turns = Arc::new(tokio::sync::Semaphore::new(AT_ONCE));
    let running: Vec<_> = promises()
        .into_iter()
        .map(|(name, promise)| {
            let (turns, place) = (Arc::clone(&turns), Place::server(Arc::clone(&server)));
            let kept = tokio::spawn(async move {
                let _turn = turns.acquire().await.expect("a turn");
                tokio::time::timeout(DEADLINE, promise(place)).await.expect("in time");
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
    assert!(broken.is_empty(), "not kept on a server: {broken:?}");
}

fn routed(id: &str) -> Entry {
    Entry::Event(event(id, vec![("waste", Fate::Queued)]))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_was_killed_is_met_again_by_the_next_call_and_what_was_told_is_there() {
    let mut server = Server::start();
    let url = server.database();
    let ledger = crate::support::open_url(&url).await;
    ledger.record(vec![routed("1")]).await.expect("recorded");
    server.kill();
    let error = ledger.record(vec![routed("2")]).await.expect_err("nobody is there");
    assert_eq!((error.failure(), error.kind()), (Failure::Transient, Kind::Gone), "{error:?}");
    let error = ledger.known(&[key("1")]).await.expect_err("nobody is there");
    assert_eq!(error.kind(), Kind::Gone, "{error:?}");
    server.begin();
    ledger.record(vec![routed("3")]).await.expect("recorded");
    let known = ledger.known(&[key("1"), key("2"), key("3")]).await.expect("read");
    assert_eq!(known, [key("1"), key("3")].into());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_is_put_back_under_an_open_ledger_is_told_by_the_next_note() {
    let (server, folder) = (Server::start(), tempfile::tempdir().expect("a folder"));
    let (url, watermark) = (server.database(), Watermark::below(folder.path()));
    let ledger = crate::support::open_url(&url).await;
    watermark.note(&ledger).await.expect("noted");
    let copy = server.copy(&url);
    watermark.note(&ledger).await.expect("noted");
    server.put_back(&url, &copy);
    watermark.note(&ledger).await.expect("noted");
    assert!(ledger.is_restored().await.expect("read"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_server_will_never_take_fails_alone() {
    let server = Server::start();
    let ledger = crate::support::open_url(&server.database()).await;
    let calls: Vec<_> = (0..20)
        .map(|number| {
            let (ledger, mut outcome) = (ledger.clone(), event(&number.to_string(), vec![]));
            if number == 7 {
                outcome.subject = "no\0subject".into();
            }
            tokio::spawn(async move { ledger.record(vec![Entry::Event(outcome)]).await })
        })
        .collect();
    for (number, call) in calls.into_iter().enumerate() {
        let told = call.await.expect("not cancelled");
        assert_eq!(told.is_ok(), number != 7, "{number}");
    }
    assert_eq!(ledger.sums().await.expect("read").sources["gazetteer"].events.no_route, 19);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hubs_that_record_the_same_events_at_once_count_each_once() {
    const EVENTS: usize = 200;
    let server = Server::start();
    let url = server.database();
    let (one, other) = tokio::join!(crate::support::open_url(&url), crate::support::open_url(&url));
    let ids: Vec<String> = (0..EVENTS).map(|number| number.to_string()).collect();
    for chunk in ids.chunks(20) {
        let forwards = chunk.iter().map(|id| routed(id)).collect();
        let backwards = chunk.iter().rev().map(|id| routed(id)).collect();
        let (first, second) = tokio::join!(one.record(forwards), other.record(backwards));
        first.expect("recorded");
        second.expect("recorded");
    }
    let sums = one.sums().await.expect("read");
    assert_eq!(sums.sources["gazetteer"].events.routed, EVENTS as u64);
    assert_eq!(sums.targets["waste"].delivered, EVENTS as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_on_a_server_says_how_it_is_backed_up() {
    let server = Server::start();
    let ledger = crate::support::open_url(&server.database()).await;
    let folder = tempfile::tempdir().expect("a folder");
    let error = ledger.backup(&folder.path().join("copy.db")).await.expect_err("refused");
    assert!(error.to_string().contains("pg_dump"), "{error}");
}
