//! A target that takes batches and does not answer.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use postroom_broker::memory::Server;
use postroom_connector::{
    ConnectorError, Failure, Handover, Receipt, Settings, SettingsError, Sink, SinkKind,
};

use crate::lanes::{council, sums};
use crate::simulation::{Simulated, connectors};

/// A target that never answers, and can be asked what it has: the ids of its batches.
#[derive(Debug, Clone, Default)]
struct Mute(Arc<Mutex<Vec<String>>>);

impl SinkKind for Mute {
    fn name(&self) -> &'static str {
        "mute"
    }

    fn check(&self, _settings: &Settings) -> Result<(), SettingsError> {
        Ok(())
    }

    fn build(&self, _settings: &Settings) -> Result<Box<dyn Sink>, SettingsError> {
        Ok(Box::new(self.clone()))
    }
}

#[async_trait]
impl Sink for Mute {
    async fn deliver(&self, handover: &Handover) -> Result<Receipt, ConnectorError> {
        self.0.lock().unwrap().push(handover.id.clone());
        Err(ConnectorError::new(Failure::Unknown, "no answer", ""))
    }

    async fn look_up(&self, handover: &Handover) -> Result<Option<Receipt>, ConnectorError> {
        Ok(self.0.lock().unwrap().contains(&handover.id).then(Receipt::default))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_whose_answer_never_came_is_looked_up_and_not_handed_over_again() {
    let (mute, council) = (Mute::default(), council(""));
    let batch = "[target.batch]\nevery = \"100ms\"\nmax_items = 10\n";
    council.edit("systems/till/system.toml", "\"till\"\n", &format!("\"mute\"\n{batch}"));
    let hub = Simulated::at_work(council, Server::new(), connectors().with_sink(mute.clone())).await;
    hub.put_about("a1", "a", 1);
    sums(&hub, "the batch to be delivered", |till| till.delivered == 1).await;
    assert_eq!(mute.0.lock().unwrap().len(), 1);
    hub.end().await;
}
