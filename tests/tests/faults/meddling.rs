//! Somebody deletes a queue at the one moment at which the hub does not look: between finding it there and declaring it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use postroom_broker::memory::{MemoryBroker, Server};
use postroom_broker::{
    Broker, BrokerError, Consumer, Declaration, Depth, Names, Publisher, Reader, Start, Topology,
};
use postroom_council::Council;
use postroom_ledger::Ledger;
use postroom_router::{Connect, Hub};
use postroom_tests::council::{TestCouncil, parcel_event};
use tokio_util::sync::CancellationToken;

use crate::simulation::{Simulated, connectors, publish, until};

/// A session that deletes a queue right before it declares anything, once.
struct Meddler {
    session: MemoryBroker,
    deletes: String,
    done: Arc<AtomicBool>,
}

#[async_trait]
impl Broker for Meddler {
    fn names(&self) -> &Names {
        self.session.names()
    }

    fn user(&self) -> &str {
        self.session.user()
    }

    async fn declare(&self, topology: &Topology) -> Result<(), BrokerError> {
        self.redeclare_missing(topology).await.map(drop)
    }

    async fn redeclare_missing(&self, topology: &Topology) -> Result<Vec<Declaration>, BrokerError> {
        if !self.done.swap(true, Ordering::SeqCst) {
            self.session.server().delete(&self.deletes);
        }
        self.session.redeclare_missing(topology).await
    }

    async fn publisher(&self) -> Result<Box<dyn Publisher>, BrokerError> {
        self.session.publisher().await
    }

    async fn consumer(&self, queue: &str, prefetch: u16) -> Result<Box<dyn Consumer>, BrokerError> {
        self.session.consumer(queue, prefetch).await
    }

    async fn read(&self, stream: &str, start: Start, prefetch: u16) -> Result<Box<dyn Reader>, BrokerError> {
        self.session.read(stream, start, prefetch).await
    }

    async fn lock(&self) -> Result<(), BrokerError> {
        self.session.lock().await
    }

    async fn depth(&self, queue: &str) -> Result<Depth, BrokerError> {
        self.session.depth(queue).await
    }

    fn blocked(&self) -> bool {
        self.session.blocked()
    }

    async fn lost(&self) -> String {
        self.session.lost().await
    }

    async fn close(&self) {
        self.session.close().await;
    }
}

/// Sessions on `server`, the first of which finds its ingress deleted in the middle.
fn meddled(server: &Server, council: &TestCouncil) -> Connect {
    let (server, prefix, done) = (server.clone(), council.prefix.clone(), Arc::default());
    Box::new(move || {
        let session = server.connect(&prefix, "hub");
        let (deletes, done) = (format!("{prefix}ingress.shop"), Arc::clone(&done));
        Box::pin(async move { Ok(Arc::new(Meddler { session, deletes, done }) as Arc<dyn Broker>) })
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ingress_deleted_between_the_look_at_it_and_its_declaration_loses_nothing() {
    let hub = Simulated::at_work(TestCouncil::small(), Server::new(), connectors()).await;
    let (council, server) = hub.stopped().await;
    publish(&server, &council, &parcel_event("a1", "a", 1)).await;
    let read = Council::load(&council.folder(), Some(&council.data()), &connectors());
    let Ok(read) = read else { panic!("the small council has problems") };
    let ledger = Ledger::open(&council.data().join("ledger.db")).await.unwrap();
    let (connect, stop) = (meddled(&server, &council), CancellationToken::new());
    let hub = Hub::new(Arc::new(read), Arc::new(connectors()), ledger.clone(), connect, stop.clone());
    let hub = tokio::spawn(async move { hub.run().await });
    until("the event", async || {
        let sums = ledger.sums().await.unwrap();
        sums.sources.get("shop").is_some_and(|shop| shop.events.routed == 1)
    })
    .await;
    stop.cancel();
    hub.await.unwrap().unwrap();
}
