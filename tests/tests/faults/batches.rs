//! A target that takes batches and does not answer.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use postroom_broker::memory::Server;
use postroom_connector::{
    ConnectorError, Failure, Handover, Receipt, Settings, SettingsError, Sink, SinkKind,
};

use crate::lanes::{council, sums};
use crate::simulation::{Simulated, connectors, until};

/// A target that fails as it is told to, and can be asked what it has: the ids of the batches that it was handed.
#[derive(Debug, Clone)]
struct Failing(Failure, Arc<Mutex<Vec<String>>>);

impl Failing {
    fn new(failure: Failure) -> Self {
        Self(failure, Arc::default())
    }
}

impl SinkKind for Failing {
    fn name(&self) -> &'static str {
        "failing"
    }

    fn check(&self, _settings: &Settings) -> Result<(), SettingsError> {
        Ok(())
    }

    fn build(&self, _settings: &Settings) -> Result<Box<dyn Sink>, SettingsError> {
        Ok(Box::new(self.clone()))
    }
}

#[async_trait]
impl Sink for Failing {
    async fn deliver(&self, handover: &Handover) -> Result<Receipt, ConnectorError> {
        let mut had = self.1.lock().unwrap();
        had.push(handover.id.clone());
        if self.0 == Failure::Down && had.len() > 1 {
            return Ok(Receipt::default());
        }
        Err(ConnectorError::new(self.0, "no answer", ""))
    }

    async fn look_up(&self, handover: &Handover) -> Result<Option<Receipt>, ConnectorError> {
        Ok(self.1.lock().unwrap().contains(&handover.id).then(Receipt::default))
    }
}

/// The hub with a till that fails and takes a batch ten times a second.
async fn start(till: &Failing) -> Simulated {
    let council = council("");
    let batch = "[target.batch]\nevery = \"100ms\"\nmax_items = 10\n";
    council.edit("systems/till/system.toml", "\"till\"\n", &format!("\"failing\"\n{batch}"));
    let hub = Simulated::at_work(council, Server::new(), connectors().with_sink(till.clone())).await;
    hub.put_about("a1", "a", 1);
    hub
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_whose_answer_never_came_is_looked_up_and_not_handed_over_again() {
    let till = Failing::new(Failure::Unknown);
    let hub = start(&till).await;
    sums(&hub, "the batch to be delivered", |till| till.delivered == 1).await;
    assert_eq!(till.1.lock().unwrap().len(), 1);
    hub.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_of_batches_that_cannot_be_reached_is_down_until_it_takes_one() {
    let till = Failing::new(Failure::Down);
    let hub = start(&till).await;
    let is_down = async |hub: &Simulated| {
        let lanes = hub.ledger.lane_states().await.unwrap();
        lanes.iter().any(|lane| lane.target == "till" && lane.down_since.is_some())
    };
    until("the target to be down", async || is_down(&hub).await).await;
    sums(&hub, "the batch to be delivered", |till| till.delivered == 1).await;
    let legs = hub.ledger.trace("a1").await.unwrap().remove(0).legs;
    let tried = legs.iter().filter(|leg| leg.target == "till").flat_map(|leg| &leg.attempts);
    assert_eq!(tried.map(|attempt| attempt.words.as_str()).collect::<Vec<_>>(), ["no answer"]);
    until("the target to be back", async || !is_down(&hub).await).await;
    hub.end().await;
}
