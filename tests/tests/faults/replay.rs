//! Events of the journal sent again: what is sent, what is left out and listed, and that it can be stopped and goes on.

use std::sync::Arc;

use postroom_broker::Broker;
use postroom_broker::memory::Server;
use postroom_council::Council;
use postroom_ledger::{JobFilter, JobState};
use postroom_router::{Fate, Halts, Line, Outcome, Plan, Publishing, Request, lease, plan, submit_replay};

use crate::lanes::{Till, council, restarted, start, sums};
use crate::simulation::{Simulated, connectors, until};

/// What a replay is asked with: everything once more.
fn again() -> Request {
    Request { to: Some("till".to_owned()), again: true, ..Request::default() }
}

async fn planned(hub: &Simulated, till: &Till, request: &Request) -> (Publishing, Plan) {
    let connectors = connectors().with_sink(till.clone());
    let council = Council::load(&hub.council.folder(), Some(&hub.council.data()), &connectors);
    let council = Arc::new(council.map_err(|problems| problems.len()).unwrap());
    let broker: Arc<dyn Broker> = Arc::new(hub.server.connect(&hub.council.prefix, "hub"));
    let ground = Publishing { council, ledger: hub.ledger.clone(), broker, halts: Halts::default() };
    let plan = plan(&ground, request).await.unwrap();
    (ground, plan)
}

async fn replay(hub: &Simulated, till: &Till, request: &Request, rate: u32) -> (Plan, Vec<i64>) {
    let (ground, plan) = planned(hub, till, request).await;
    let of_lane = |line: &Line| lease::of_lane(&line.target);
    let jobs = submit_replay(&ground.ledger, &plan, rate, ("an officer", "a test"), of_lane).await.unwrap();
    (plan, jobs)
}

fn fates(plan: &Plan) -> Vec<(&str, &str)> {
    plan.lines.iter().map(|line| (line.event.as_str(), line.fate.word())).collect()
}

/// Two events about a, one about b; then, later, one more about a; all delivered.
async fn delivered(till: &Till) -> Simulated {
    let hub = start(till, "").await;
    hub.server.set_time(100);
    hub.publish_about("a1", "a", 1).await;
    hub.publish_about("a2", "a", 2).await;
    hub.publish_about("b1", "b", 3).await;
    hub.server.set_time(200);
    hub.publish_about("a3", "a", 4).await;
    sums(&hub, "all", |till| till.delivered == 4).await;
    hub
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_sends_nothing_twice_unless_it_is_to_and_then_under_ids_of_its_own() {
    let till = Till::default();
    let hub = delivered(&till).await;
    let (_, plan) = planned(&hub, &till, &Request { again: false, ..again() }).await;
    assert_eq!((plan.events, plan.sent(), plan.lines.len()), (4, 0, 4));
    assert!(plan.lines.iter().all(|line| line.fate == Fate::Suppressed { was: "delivered" }));
    let (plan, jobs) = replay(&hub, &till, &again(), 1_000).await;
    assert_eq!((plan.sent(), jobs.len()), (4, 1));
    sums(&hub, "all again", |till| (till.delivered, till.dispatched, till.excess) == (8, 8, 0)).await;
    assert_eq!((till.numbers("a"), till.numbers("b")), (vec![1, 2, 4, 1, 2, 4], vec![3, 3]));
    let journey = &hub.ledger.trace("a1").await.unwrap()[0];
    let legs: Vec<_> = journey.legs.iter().filter(|leg| leg.target == "till").collect();
    assert!(legs.len() == 2 && legs[0].id != legs[1].id, "{legs:?}");
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_later_dispatch_of_its_subject_overtook_is_left_out_and_listed() {
    let till = Till::default();
    let hub = delivered(&till).await;
    let early = Request { until: Some(150), ..again() };
    let (_, plan) = planned(&hub, &till, &early).await;
    assert_eq!(fates(&plan), [("a1", "overtaken"), ("a2", "overtaken"), ("b1", "again")]);
    assert_eq!(plan.lines[0].fate, Fate::Overtaken { by: "a3".to_owned() });
    let (_, plan) = planned(&hub, &till, &Request { stale: true, ..early }).await;
    assert_eq!(plan.sent(), 3);
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_in_the_lane_has_overtaken_what_would_be_sent_behind_it() {
    let till = Till::default();
    let hub = start(&till, "").await;
    hub.server.set_time(100);
    hub.publish_about("a1", "a", 1).await;
    sums(&hub, "the first", |till| till.delivered == 1).await;
    hub.server.set_time(200);
    till.shut();
    hub.publish_about("a2", "a", 2).await;
    sums(&hub, "the second in the lane", |till| till.waiting == 1).await;
    let (_, plan) = planned(&hub, &till, &Request { until: Some(150), ..again() }).await;
    assert_eq!(fates(&plan), [("a1", "overtaken")]);
    till.open();
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_overtaken_since_it_was_planned_is_left_and_listed_by_its_job() {
    let till = Till::default();
    let hub = start(&till, "").await;
    hub.publish_about("a1", "a", 1).await;
    hub.publish_about("b1", "b", 2).await;
    sums(&hub, "both", |till| till.delivered == 2).await;
    let (ground, plan) = planned(&hub, &till, &again()).await;
    hub.publish_about("a2", "a", 3).await;
    sums(&hub, "the later one", |till| till.delivered == 3).await;
    let of_lane = |line: &Line| lease::of_lane(&line.target);
    let jobs = submit_replay(&ground.ledger, &plan, 1_000, ("an officer", "a test"), of_lane).await.unwrap();
    let filter = JobFilter { id: Some(jobs[0]), state: Some(JobState::Done), ..JobFilter::default() };
    until("the job to end", async || hub.ledger.jobs(&filter, 1).await.unwrap().len() == 1).await;
    let outcome = Outcome::of(&hub.ledger.jobs(&filter, 1).await.unwrap()[0]);
    let left: Vec<_> = outcome.left.iter().map(|left| left.code.as_str()).collect();
    assert_eq!((outcome.carried_out, left), (1, vec!["overtaken"]));
    sums(&hub, "b again", |till| till.delivered == 4).await;
    assert_eq!((till.numbers("a"), till.numbers("b")), (vec![1, 3], vec![2, 2]));
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_to_a_queue_of_a_systems_own_goes_behind_what_is_held_for_it() {
    let till = Till::default();
    let council = council("");
    council.retry_soon("parcel-to-dock");
    let hub = Simulated::at_work(council, Server::new(), connectors().with_sink(till.clone())).await;
    hub.publish_about("a1", "a", 1).await;
    until("the first", async || hub.docked().len() == 1).await;
    hub.server.limit(&hub.name("to.dock"), 0);
    hub.publish_about("a2", "a", 2).await;
    let held = async || hub.ledger.sums().await.unwrap().targets.get("dock").map_or(0, |dock| dock.held);
    until("the hold", async || held().await == 1).await;
    let request = Request { to: Some("dock".to_owned()), again: true, stale: true, ..Request::default() };
    let (ground, plan) = planned(&hub, &till, &request).await;
    assert_eq!(fates(&plan), [("a1", "again"), ("a2", "suppressed")]);
    let of_ingress = |line: &Line| lease::of_ingress(&line.system);
    submit_replay(&ground.ledger, &plan, 1_000, ("an officer", "a test"), of_ingress).await.unwrap();
    until("it behind the hold", async || held().await == 2).await;
    hub.server.unlimit(&hub.name("to.dock"));
    until("all in the queue", async || hub.docked().len() == 3).await;
    let events: Vec<_> = hub.docked().into_iter().map(|(event, _)| event).collect();
    assert_eq!(events, ["a1", "a2", "a1"]);
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_that_is_new_gets_what_came_in_before_it() {
    let till = Till::default();
    let hub = delivered(&till).await;
    let folder = hub.council.folder().join("routes");
    std::fs::create_dir_all(folder.join("parcel-to-till-too")).unwrap();
    for name in ["route.toml", "mapping.vrl"] {
        std::fs::copy(folder.join("parcel-to-till").join(name), folder.join("parcel-to-till-too").join(name))
            .unwrap();
    }
    std::fs::remove_dir_all(folder.join("parcel-to-till")).unwrap();
    let hub = restarted(hub, &till).await;
    let (plan, _) = replay(&hub, &till, &Request { again: false, stale: true, ..again() }, 1_000).await;
    let counts = plan.counts();
    assert_eq!(counts[&("parcel-to-till-too".to_owned(), "till".to_owned())]["new"], 4);
    assert_eq!(counts[&("parcel-to-till".to_owned(), "till".to_owned())]["no-longer"], 4);
    sums(&hub, "all", |till| (till.delivered, till.dispatched, till.excess) == (8, 8, 0)).await;
    hub.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_goes_on_after_a_stop_from_where_it_stood_and_ends_when_it_is_cancelled() {
    let till = Till::default();
    let hub = start(&till, "").await;
    for number in 1..=40 {
        hub.publish_about(&format!("a{number}"), "a", number).await;
    }
    sums(&hub, "all", |till| till.delivered == 40).await;
    let (_, jobs) = replay(&hub, &till, &again(), 5).await;
    sums(&hub, "some again", |till| till.delivered > 42).await;
    let hub = restarted(hub, &till).await;
    let so_far = hub.delivered("till").await;
    sums(&hub, "more again", |till| till.delivered > so_far + 2).await;
    assert!(till.numbers("a").iter().skip(40).copied().eq(1..=till.numbers("a").len() as u64 - 40));
    hub.ledger.cancel(jobs[0], 1).await.unwrap();
    let filter = JobFilter { id: Some(jobs[0]), state: Some(JobState::Cancelled), ..JobFilter::default() };
    until("the job to end", async || hub.ledger.jobs(&filter, 1).await.unwrap().len() == 1).await;
    assert!(hub.delivered("till").await < 80);
    hub.stopped().await;
}
