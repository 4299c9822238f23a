//! The source: publishes its events in their order, each until the broker has confirmed it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use postroom_broker::memory::{MemoryBroker, Server};
use postroom_broker::{Broker, Message, Outgoing, Publication};
use postroom_tests::council::{PARCEL, parcel_event};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, yield_now};

use crate::schedule::{Event, Kind};

/// The shop at work.
pub(crate) struct Shop {
    orders: mpsc::UnboundedSender<Event>,
    work: JoinHandle<()>,
    troubled: Arc<Mutex<HashSet<u64>>>,
}

/// Who publishes where.
pub(crate) struct Sender {
    pub(crate) server: Server,
    pub(crate) prefix: String,
    pub(crate) user: String,
    pub(crate) moves: Arc<watch::Sender<u64>>,
}

impl Shop {
    pub(crate) fn open(sender: Sender) -> Self {
        let (orders, mut ordered) = mpsc::unbounded_channel();
        let troubled = Arc::new(Mutex::new(HashSet::new()));
        let noted = Arc::clone(&troubled);
        let work = tokio::spawn(async move {
            while let Some(event) = ordered.recv().await {
                while !sender.publish(&event).await {
                    noted.lock().unwrap().insert(event.number);
                    yield_now().await;
                }
                sender.moves.send_modify(|moves| *moves += 1);
            }
        });
        Self { orders, work, troubled }
    }

    /// Has it publish an event behind all others.
    pub(crate) fn publish(&self, event: Event) {
        self.orders.send(event).expect("the shop is open");
    }

    /// Waits until everything is confirmed. The numbers of what was not confirmed at its first publish.
    pub(crate) async fn closed(self) -> HashSet<u64> {
        drop(self.orders);
        self.work.await.expect("the shop has no defect");
        self.troubled.lock().unwrap().clone()
    }
}

impl Sender {
    fn session(&self) -> MemoryBroker {
        self.server.connect(&self.prefix, &self.user)
    }

    /// Publishes once; whether it was confirmed.
    async fn publish(&self, event: &Event) -> bool {
        let message = Message {
            content_type: Some("application/cloudevents+json".to_owned()),
            user_id: Some(self.user.clone()),
            body: Bytes::from(body(event).to_string()),
            ..Message::default()
        };
        let (exchange, routing_key) = (format!("{}in.shop", self.prefix), PARCEL.to_owned());
        let session = self.session();
        let Ok(mut publisher) = session.publisher().await else { return false };
        let Ok(confirms) = publisher.publish(vec![Outgoing { exchange, routing_key, message }]).await else {
            return false;
        };
        matches!(confirms.wait().await.as_slice(), [Publication::Confirmed(_)])
    }
}

/// The id of an event.
pub(crate) fn id(number: u64) -> String {
    format!("event-{number}")
}

/// The subject of what is about a parcel.
pub(crate) fn subject(parcel: u64) -> String {
    format!("parcel:{parcel}")
}

/// The place of a parcel that nobody wants to hear of.
pub(crate) const NOWHERE: &str = "nowhere";

fn body(event: &Event) -> Value {
    let mut body = parcel_event(&id(event.number), &event.parcel.to_string(), event.number);
    match event.kind {
        Kind::Routed => {}
        Kind::NoRoute => body["data"]["place"] = json!(NOWHERE),
        Kind::Invalid => body["data"] = json!({"place": "shelf"}),
    }
    body
}
