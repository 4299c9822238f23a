//! A target that pulls: however late it comes, nothing is tried, held or given up meanwhile, and whatever happens to the hub,
//! everything is on offer again under its id.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use postroom_broker::memory::Server;
use postroom_connector::{
    ConnectorError, Failure, Handover, Manner, Receipt, Settings, SettingsError, Sink, SinkKind,
};
use postroom_ledger::DeadFilter;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::lanes::{council, pause, sums};
use crate::simulation::{Simulated, connectors, until};

const PARCELS: u64 = 10;
const EVENTS: u64 = 40;
/// How long a hub may take to stop although nobody comes: far less than it gives its workers.
const STOPS_WITHIN: Duration = Duration::from_secs(10);

/// What is on offer: what it is about, and its number.
type Offered = BTreeSet<(String, u64)>;

/// A window at which messages lie until somebody comes for them.
#[derive(Debug, Clone, Default)]
struct Window {
    comes: Arc<watch::Sender<Comes>>,
    on_offer: Arc<Mutex<Offered>>,
    /// The ids under which each number was on offer, and how often.
    offers: Arc<Mutex<HashMap<u64, Vec<String>>>>,
    took: Arc<Mutex<Vec<(String, u64)>>>,
}

/// What the system does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Comes {
    #[default]
    Never,
    /// It takes whatever is on offer.
    Takes,
    /// It says that it cannot take it now.
    Fails,
    /// Nothing can be put on offer.
    Shut,
}

impl Window {
    fn on_offer(&self) -> Offered {
        self.on_offer.lock().unwrap().clone()
    }

    fn says(&self, comes: Comes) {
        self.comes.send_replace(comes);
    }

    /// How often the number was on offer.
    fn offers(&self, number: u64) -> usize {
        self.offers.lock().unwrap().get(&number).map_or(0, Vec::len)
    }

    async fn until_on_offer(&self, count: usize) {
        until("what is on offer", async || self.on_offer().len() == count).await;
    }
}

impl SinkKind for Window {
    fn name(&self) -> &'static str {
        "till"
    }

    fn check(&self, _settings: &Settings) -> Result<(), SettingsError> {
        Ok(())
    }

    fn manner(&self) -> Manner {
        Manner::Pulled
    }

    fn build(&self, _settings: &Settings) -> Result<Box<dyn Sink>, SettingsError> {
        Ok(Box::new(self.clone()))
    }
}

/// What lies at the window as long as this is there.
struct Lying<'a>(&'a Window, (String, u64));

impl Drop for Lying<'_> {
    fn drop(&mut self) {
        self.0.on_offer.lock().unwrap().remove(&self.1);
    }
}

#[async_trait]
impl Sink for Window {
    async fn deliver(&self, handover: &Handover) -> Result<Receipt, ConnectorError> {
        let fails = |failure| Err(ConnectorError::new(failure, "the window says no", ""));
        let mut comes = self.comes.subscribe();
        if *comes.borrow() == Comes::Shut {
            return fails(Failure::Down);
        }
        let item = &handover.items[0];
        let what = (item.subject.clone(), item.message["number"].as_u64().unwrap());
        self.offers.lock().unwrap().entry(what.1).or_default().push(handover.id.clone());
        assert!(self.on_offer.lock().unwrap().insert(what.clone()), "{what:?} lies there twice");
        let lying = Lying(self, what);
        let come = *comes.wait_for(|comes| matches!(comes, Comes::Takes | Comes::Fails)).await.unwrap();
        if come == Comes::Fails {
            return fails(Failure::Transient);
        }
        self.took.lock().unwrap().push(lying.1.clone());
        Ok(Receipt::default())
    }
}

async fn start(window: &Window, more: &str) -> Simulated {
    Simulated::at_work(council(more), Server::new(), connectors().with_sink(window.clone())).await
}

/// The next hub on what one has left.
async fn again(
    (council, server): (postroom_tests::council::TestCouncil, Server),
    window: &Window,
) -> Simulated {
    Simulated::at_work(council, server, connectors().with_sink(window.clone())).await
}

fn put_all(hub: &Simulated) {
    for number in 1..=EVENTS {
        hub.put_about(&format!("event-{number}"), &(number % PARCELS).to_string(), number);
    }
}

/// The first of each parcel, and no other, is on offer, each number under one id.
async fn assert_on_offer(window: &Window) {
    window.until_on_offer(usize::try_from(PARCELS).unwrap()).await;
    let numbers: BTreeSet<u64> = window.on_offer().into_iter().map(|(_, number)| number).collect();
    assert!(numbers.into_iter().eq(1..=PARCELS));
    for (number, ids) in window.offers.lock().unwrap().iter() {
        assert!(ids.iter().all(|id| *id == ids[0]), "{number} has more than one id");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_to_the_hub_a_system_that_comes_late_gets_everything_once_and_in_order() {
    let window = Window::default();
    let hub = start(&window, "").await;
    put_all(&hub);
    assert_on_offer(&window).await;
    hub.server.cut();
    until("everything on offer again", async || (1..=PARCELS).all(|number| window.offers(number) >= 2)).await;
    assert_on_offer(&window).await;
    let hub = again(hub.killed().await, &window).await;
    assert_on_offer(&window).await;
    let begun = Instant::now();
    let left = hub.stopped().await;
    assert!(begun.elapsed() < STOPS_WITHIN, "it waited {:?} for somebody to come", begun.elapsed());
    let hub = again(left, &window).await;
    assert_on_offer(&window).await;
    window.says(Comes::Takes);
    sums(&hub, "everything", |till| (till.delivered, till.held, till.dead) == (EVENTS, 0, 0)).await;
    let mut by_parcel: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for (parcel, number) in window.took.lock().unwrap().iter() {
        by_parcel.entry(parcel.clone()).or_default().push(*number);
    }
    assert!(by_parcel.values().all(|numbers| numbers.is_sorted()), "{by_parcel:?}");
    assert_eq!(by_parcel.values().map(Vec::len).sum::<usize>() as u64, EVENTS);
    hub.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_on_offer_while_the_system_is_paused_and_all_of_it_is_behind_the_pause() {
    let window = Window::default();
    let hub = start(&window, "").await;
    put_all(&hub);
    assert_on_offer(&window).await;
    hub.ledger.pause(pause()).await.unwrap();
    window.until_on_offer(0).await;
    assert!(hub.ledger.resume(pause()).await.unwrap());
    assert_on_offer(&window).await;
    sums(&hub, "nothing to have happened", |till| (till.delivered, till.held, till.dead) == (0, 0, 0)).await;
    hub.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_failure_that_a_system_tells_counts_on_the_schedule_and_none_is_tried_in_place() {
    let window = Window::default();
    window.says(Comes::Fails);
    let hub = start(&window, "retry = [\"100ms\", \"100ms\"]").await;
    hub.put_about("a1", "a", 1);
    hub.put_about("a2", "a", 2);
    sums(&hub, "the dead letter, and what is behind it", |till| (till.dead, till.held) == (1, 1)).await;
    let dead = hub.ledger.dead_list(&DeadFilter::default(), 10).await.unwrap();
    assert_eq!((dead[0].code.as_str(), dead[0].attempts), ("exhausted", 3));
    assert_eq!((window.offers(1), window.offers(2)), (3, 0));
    hub.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_was_shut_has_everything_on_offer_once_it_opens_though_nobody_comes() {
    let window = Window::default();
    window.says(Comes::Shut);
    let hub = start(&window, "retry = [\"100ms\", \"1h\"]").await;
    put_all(&hub);
    until("the target to be down", async || {
        let lanes = hub.ledger.lane_states().await.unwrap();
        lanes.iter().any(|lane| lane.target == "till" && lane.down_since.is_some())
    })
    .await;
    window.says(Comes::Never);
    assert_on_offer(&window).await;
    window.says(Comes::Takes);
    sums(&hub, "everything", |till| (till.delivered, till.held, till.dead) == (EVENTS, 0, 0)).await;
    hub.end().await;
}
