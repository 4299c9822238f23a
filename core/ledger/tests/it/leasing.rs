//! Leases and what they fence.

use crate::support::{Place, event, key};
use postroom_ledger::{Entry, Failure, Fate, Fence, JobFilter, JobState, Kind, Ledger, LedgerError, NewJob};
use serde_json::json;

fn routed(id: &str) -> Entry {
    Entry::Event(event(id, vec![("waste", Fate::Queued)]))
}

async fn take(ledger: &Ledger, owner: &str) -> Option<Fence> {
    ledger.acquire("lane.tax", owner).await.expect("written").map(|taken| taken.lease.fence)
}

async fn a_lease_in_force_is_its_owners_alone_and_every_taking_has_a_new_epoch(place: Place) {
    let ledger = place.open().await;
    let first = take(&ledger, "one").await.expect("free");
    assert_eq!(take(&ledger, "other").await, None);
    assert_eq!(ledger.leases().await.expect("read")[0].owner, "one");
    let renewed = ledger.renew(std::slice::from_ref(&first)).await.expect("written");
    assert_eq!((renewed.len(), &renewed[0].fence), (1, &first));
    ledger.release(&first).await.expect("written");
    assert!(ledger.leases().await.expect("read").is_empty());
    assert!(ledger.renew(std::slice::from_ref(&first)).await.expect("written").is_empty());
    let second = take(&ledger, "other").await.expect("free again");
    assert_eq!((first.epoch, second.epoch), (1, 2));
    assert_eq!(take(&ledger, "other").await.expect("its own").epoch, 3);
    ledger.release(&second).await.expect("of no effect");
    assert_eq!(take(&ledger, "one").await, None);
}

async fn a_lease_that_was_not_given_back_says_so_to_whoever_takes_it_next(place: Place) {
    let ledger = place.open().await;
    let take = async || ledger.acquire("lane.tax", "one").await.expect("written").expect("its own");
    assert!(take().await.given_back, "nobody had it");
    let again = take().await;
    assert!(!again.given_back, "a hub that was killed comes back");
    ledger.release(&again.lease.fence).await.expect("written");
    assert!(take().await.given_back);
}

async fn what_was_recorded_before_a_lease_is_taken_is_known_to_whoever_takes_it(place: Place) {
    let (before, after) = (place.open().await, place.open().await);
    let fence = take(&before, "one").await.expect("free");
    before.under(&fence).record(vec![routed("1")]).await.expect("it stands");
    take(&after, "one").await.expect("its own");
    assert!(after.known(&[key("1")]).await.expect("read").contains(&key("1")));
}

async fn a_write_with_a_stale_epoch_fails_alone_and_writes_nothing(place: Place) {
    let ledger = place.open().await;
    let stale = take(&ledger, "one").await.expect("free");
    ledger.under(&stale).record(vec![routed("0")]).await.expect("it stands");
    ledger.release(&stale).await.expect("written");
    let fresh = take(&ledger, "other").await.expect("free");
    let unknown = Fence { name: "lane.nowhere".into(), epoch: 1 };
    // All at once, so that they share transactions.
    let (mut calls, mut refused) = (Vec::new(), Vec::new());
    for number in 0..60_u32 {
        let (ledger, fence) = match number % 4 {
            0 => (ledger.clone(), Some(stale.clone())),
            1 => (ledger.clone(), Some(fresh.clone())),
            2 => (ledger.clone(), Some(unknown.clone())),
            _ => (ledger.clone(), None),
        };
        let entries = vec![routed(&format!("event-{number}"))];
        calls.push(tokio::spawn(async move {
            match fence {
                Some(fence) => ledger.under(&fence).record(entries).await,
                None => ledger.record(entries).await,
            }
        }));
    }
    for (number, call) in calls.into_iter().enumerate() {
        if let Err(error) = call.await.expect("not cancelled") {
            assert!(matches!(error, LedgerError::Fenced { .. }), "{error:?}");
            assert_eq!((error.kind(), error.failure()), (Kind::Fenced, Failure::Permanent));
            refused.push(number);
        }
    }
    assert_eq!(refused, (0..60).filter(|number| number % 2 == 0).collect::<Vec<_>>());
    let keys: Vec<_> = (0..60).map(|number| key(&format!("event-{number}"))).collect();
    let known = ledger.known(&keys).await.expect("read");
    assert_eq!(known, keys.iter().skip(1).step_by(2).copied().collect());
}

async fn a_job_is_begun_moved_on_and_ended_only_under_the_lease_in_force(place: Place) {
    let ledger = place.open().await;
    let stale = take(&ledger, "one").await.expect("free");
    ledger.release(&stale).await.expect("written");
    let fresh = take(&ledger, "other").await.expect("free");
    let (stale, fresh) = (ledger.under(&stale), ledger.under(&fresh));
    let lease = ["lane.tax".to_owned()];
    let (kind, params, actor, reason) =
        ("replay".to_owned(), json!({}), "ada".to_owned(), "a test".to_owned());
    let new = NewJob { kind, target: lease[0].clone(), params, actor, reason, at: 1 };
    let id = ledger.submit(new).await.expect("written");
    let is_fenced = |error| assert!(matches!(error, LedgerError::Fenced { .. }), "{error:?}");
    is_fenced(stale.next_job(&[], &lease, 2).await.expect_err("taken over"));
    fresh.next_job(&[], &lease, 2).await.expect("written").expect("the job");
    is_fenced(stale.progress(id, 9, 9, 3).await.expect_err("taken over"));
    is_fenced(stale.advance(id, (9, 9), json!("wrong"), 3).await.expect_err("taken over"));
    is_fenced(stale.finish(id, json!("wrong"), 3).await.expect_err("taken over"));
    let filter = JobFilter { id: Some(id), ..JobFilter::default() };
    let job = ledger.jobs(&filter, 1).await.expect("read").remove(0);
    assert_eq!((job.state, job.done, job.outcome), (JobState::Running, 0, None));
    fresh.finish(id, json!("right"), 4).await.expect("written");
}

async fn a_second_hub_cannot_write_under_the_first_ones_lease(place: Place) {
    let (one, other) = (place.open().await, place.open().await);
    let first = take(&one, "one").await.expect("free");
    assert_eq!(take(&other, "other").await, None);
    one.release(&first).await.expect("written");
    let second = take(&other, "other").await.expect("free");
    one.under(&first).record(vec![routed("1")]).await.expect_err("taken over");
    other.under(&second).record(vec![routed("1")]).await.expect("recorded");
    assert_eq!(one.leases().await.expect("read")[0].fence, second);
}

async fn of_many_that_ask_at_once_one_gets_the_lease(place: Place) {
    let ledgers = [place.open().await, place.open().await];
    for name in ["lane.a", "lane.b", "lane.c"] {
        let asking: Vec<_> = (0..12)
            .map(|number| {
                let ledger = ledgers[number % 2].clone();
                tokio::spawn(async move { ledger.acquire(name, &format!("owner {number}")).await })
            })
            .collect();
        let mut got = 0;
        for asked in asking {
            got += usize::from(asked.await.expect("not cancelled").expect("written").is_some());
        }
        assert_eq!(got, 1, "{name}");
    }
}

promises!(
    a_lease_that_was_not_given_back_says_so_to_whoever_takes_it_next,
    what_was_recorded_before_a_lease_is_taken_is_known_to_whoever_takes_it,
    of_many_that_ask_at_once_one_gets_the_lease,
    a_lease_in_force_is_its_owners_alone_and_every_taking_has_a_new_epoch,
    a_write_with_a_stale_epoch_fails_alone_and_writes_nothing,
    a_job_is_begun_moved_on_and_ended_only_under_the_lease_in_force,
    a_second_hub_cannot_write_under_the_first_ones_lease,
);
