//! The hub in this process on a broker in memory, with faults to order that no real broker has at will.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::Utc;
use postroom_broker::memory::{Fault, Server};
use postroom_broker::{Broker, Delivery, Message, Outgoing, Publication};
use postroom_connector::Connectors;
use postroom_connector_file::{FileSink, FileSource};
use postroom_council::Council;
use postroom_ledger::{Ledger, Sums, TargetSums};
use postroom_router::{Connect, Hub};
use postroom_tests::council::{PARCEL, TestCouncil, parcel_event, yard_rows};
use postroom_tests::hub::DEADLINE;
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval};
use tokio_util::sync::CancellationToken;

const HUB: &str = "hub";
/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// Sessions that are cut between a publish and its ack.
const CUTS: u64 = 5;

/// The small council at work in this process.
pub(crate) struct Simulated {
    pub(crate) council: TestCouncil,
    pub(crate) server: Server,
    pub(crate) ledger: Ledger,
    stop: CancellationToken,
    hub: JoinHandle<Result<(), postroom_router::HubError>>,
}

impl Simulated {
    async fn start() -> Self {
        Self::at_work(TestCouncil::small(), Server::new(), connectors()).await
    }

    /// The council at work on `server`, on the ledger in its folder.
    pub(crate) async fn at_work(council: TestCouncil, server: Server, connectors: Connectors) -> Self {
        let simulated = Self::restored(council, server, connectors).await;
        let ingress = simulated.name("ingress.shop");
        let looker = simulated.server.connect(&simulated.council.prefix, "looker");
        until("the hub at its queues", async || {
            looker.depth(&ingress).await.is_ok_and(|depth| depth.consumers == 1)
        })
        .await;
        simulated
    }

    /// The same where the hub does not take anything yet, e.g. on a ledger that was put back.
    pub(crate) async fn restored(council: TestCouncil, server: Server, connectors: Connectors) -> Self {
        let read = Council::load(&council.folder(), Some(&council.data()), &connectors).map_err(|problems| {
            problems.iter().map(|problem| problem.render(&council.folder())).collect::<Vec<_>>()
        });
        std::fs::create_dir_all(council.data()).unwrap();
        let ledger = Ledger::open(&council.data().join("ledger.db")).await.unwrap();
        server.set_time(Utc::now().timestamp().unsigned_abs());
        let stop = CancellationToken::new();
        let (to, prefix) = (server.clone(), council.prefix.clone());
        let connect: Connect = Box::new(move || {
            let broker: Arc<dyn Broker> = Arc::new(to.connect(&prefix, HUB));
            Box::pin(async move { Ok(broker) })
        });
        let read = Arc::new(read.unwrap());
        let hub = Hub::new(read, Arc::new(connectors), ledger.clone(), connect, stop.clone());
        let hub = tokio::spawn(async move { hub.run().await });
        Self { council, server, ledger, stop, hub }
    }

    pub(crate) fn name(&self, object: &str) -> String {
        format!("{}{object}", self.council.prefix)
    }

    /// Puts an event of the shop into its ingress, whatever faults are ordered.
    fn put(&self, id: &str, number: u64) {
        self.put_about(id, "a", number);
    }

    /// The same about another parcel.
    pub(crate) fn put_about(&self, id: &str, parcel: &str, number: u64) {
        put(&self.server, &self.council, &parcel_event(id, parcel, number));
    }

    /// Publishes an event as the shop does: it comes into the journal, too.
    pub(crate) async fn publish_about(&self, id: &str, parcel: &str, number: u64) {
        publish(&self.server, &self.council, &parcel_event(id, parcel, number)).await;
    }

    pub(crate) async fn delivered(&self, target: &str) -> u64 {
        self.ledger.sums().await.unwrap().targets.get(target).map_or(0, |sums| sums.delivered)
    }

    /// Waits until the sums of `target` are as `look` wants them.
    pub(crate) async fn until_sums(&self, target: &str, what: &str, look: impl Fn(&TargetSums) -> bool) {
        until(what, async || self.ledger.sums().await.unwrap().targets.get(target).is_some_and(&look)).await;
    }

    /// Waits until so many events of a source are routed for the ledger, which may know later than their targets; the sums then.
    pub(crate) async fn until_routed(&self, source: &str, count: u64) -> Sums {
        let routed =
            |sums: &Sums| sums.sources.get(source).is_some_and(|source| source.events.routed >= count);
        until("the routing to be written", async || routed(&self.ledger.sums().await.unwrap())).await;
        self.ledger.sums().await.unwrap()
    }

    /// Waits until the book holds so many moves, and gives their numbers in its order.
    async fn booked(&self, count: u64) -> Vec<u64> {
        until("the book", async || self.delivered("book").await >= count).await;
        self.council.outbox_lines("book/out").iter().map(|line| line["number"].as_u64().unwrap()).collect()
    }

    /// The messages in the queue of the dock: its event's id and its own.
    pub(crate) fn docked(&self) -> Vec<(String, String)> {
        let ready = self.server.ready(&self.name("to.dock")).into_iter();
        ready.map(|one| (one.correlation_id.unwrap(), one.message_id.unwrap())).collect()
    }

    pub(crate) async fn end(self) {
        self.stopped().await;
    }

    /// Ends the hub as a power cut would; what is left: its council and broker.
    pub(crate) async fn killed(self) -> (TestCouncil, Server) {
        self.hub.abort();
        assert!(self.hub.await.unwrap_err().is_cancelled());
        self.server.cut();
        (self.council, self.server)
    }

    /// Stops the hub; what is left: its council and broker.
    pub(crate) async fn stopped(self) -> (TestCouncil, Server) {
        self.stop.cancel();
        self.hub.await.unwrap().unwrap();
        (self.council, self.server)
    }
}

/// Puts an event of the shop into its ingress, and not into the journal.
pub(crate) fn put(server: &Server, council: &TestCouncil, event: &Value) {
    let delivery = Delivery {
        content_type: Some("application/cloudevents+json".to_owned()),
        user_id: Some(council.publisher.clone()),
        body: Bytes::from(event.to_string()),
        ..Delivery::default()
    };
    server.put(&format!("{}ingress.shop", council.prefix), delivery);
}

/// Publishes an event as the shop does.
pub(crate) async fn publish(server: &Server, council: &TestCouncil, event: &Value) {
    let shop = server.connect(&council.prefix, &council.publisher);
    let message = Message {
        content_type: Some("application/cloudevents+json".to_owned()),
        user_id: Some(council.publisher.clone()),
        body: Bytes::from(event.to_string()),
        ..Message::default()
    };
    let (exchange, routing_key) = (format!("{}in.shop", council.prefix), PARCEL.to_owned());
    let mut publisher = shop.publisher().await.unwrap();
    let answers =
        publisher.publish(vec![Outgoing { exchange, routing_key, message }]).await.unwrap().wait().await;
    assert!(matches!(answers.as_slice(), [Publication::Confirmed(_)]), "{answers:?}");
}

/// The connectors of the small council.
pub(crate) fn connectors() -> Connectors {
    Connectors::default().with_source(FileSource).with_sink(FileSink)
}

/// Looks until `look` finds it so.
pub(crate) async fn until(what: &str, mut look: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    let mut looks = interval(LOOK_EVERY);
    while !look().await {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        looks.tick().await;
    }
}

/// The first event's publishes, to the lane of the book and to the queue of the dock, meet the fault.
async fn check_unknown(fault: Fault, in_the_queue: usize) {
    let hub = Simulated::start().await;
    hub.server.fail_next(fault, 2);
    hub.put("first", 1);
    assert_eq!(hub.booked(1).await, [1]);
    hub.put("second", 2);
    assert_eq!(hub.booked(2).await, [1, 2], "in order and once");
    until("the dock", async || hub.delivered("dock").await == 2).await;
    let docked = hub.docked();
    let events: BTreeSet<_> = docked.iter().map(|(event, _)| event.as_str()).collect();
    let ids: BTreeSet<_> = docked.iter().map(|(_, id)| id.as_str()).collect();
    assert_eq!((events.len(), ids.len()), (2, 2), "one id an event: {docked:?}");
    assert_eq!(docked.len(), in_the_queue, "{docked:?}");
    let sums = hub.until_routed("shop", 2).await;
    assert!(sums.targets.values().all(|target| target.dispatched == 2 && target.dead == 0), "{sums:?}");
    hub.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publish_that_got_lost_is_made_again_in_a_new_session() {
    check_unknown(Fault::Lost, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publish_whose_answer_got_lost_is_made_again_under_the_same_id() {
    check_unknown(Fault::Unanswered, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_cut_between_publish_and_ack_loses_nothing_and_delivers_nothing_twice() {
    let hub = Simulated::start().await;
    let mut seen = 0;
    for number in 1..=CUTS {
        hub.put(&format!("event-{number}"), number);
        until("the message in its queue", async || hub.docked().len() > seen).await;
        hub.server.cut();
        hub.until_routed("shop", number).await;
        seen = hub.docked().len();
    }
    let expected: Vec<u64> = (1..=CUTS).collect();
    assert_eq!(hub.booked(CUTS).await, expected, "the book has each once and in order");
    let docked = hub.docked();
    let ids: BTreeSet<_> = docked.iter().collect();
    assert_eq!(ids.len() as u64, CUTS, "one id an event, however often it comes: {docked:?}");
    let sums = hub.ledger.sums().await.unwrap();
    assert!(sums.targets.values().all(|target| target.dispatched == CUTS), "{sums:?}");
    hub.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_whose_consumer_is_cancelled_is_taken_up_again() {
    let hub = Simulated::start().await;
    hub.put("first", 1);
    hub.booked(1).await;
    hub.server.cancel(&hub.name("lane.book"));
    hub.server.cancel(&hub.name("ingress.shop"));
    hub.put("second", 2);
    assert_eq!(hub.booked(2).await, [1, 2]);
    hub.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_whose_publishes_are_refused_or_lost_publishes_each_record_under_one_id() {
    let hub = Simulated::start().await;
    for fault in [Fault::Nacked, Fault::Lost, Fault::Unanswered] {
        hub.server.fail_next(fault, 3);
    }
    hub.council.feed("yard/in", "moves.csv", yard_rows(40, 1).as_bytes());
    let expected: Vec<u64> = (1..=40).collect();
    assert_eq!(hub.booked(40).await, expected);
    // The last answers got lost: the book may have all of it before the import knows.
    until("the import", async || {
        let yard = &hub.ledger.sums().await.unwrap().sources["yard"];
        (yard.mapped, yard.published, yard.events.routed) == (40, 40, 40)
    })
    .await;
    hub.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_broker_is_blocked_nothing_new_is_taken_in() {
    let hub = Simulated::start().await;
    hub.server.block();
    hub.council.feed("yard/in", "moves.csv", yard_rows(5, 1).as_bytes());
    until("the import to be begun", async || !hub.ledger.imports(None, 1).await.unwrap().is_empty()).await;
    assert!(hub.server.ready(&hub.name("journal")).is_empty());
    hub.server.unblock();
    assert_eq!(hub.booked(5).await, [1, 2, 3, 4, 5]);
    hub.end().await;
}
