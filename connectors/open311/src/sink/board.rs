//! The board: each message says how far a request is, and the newest counts, however often it comes.

use async_trait::async_trait;
use chrono::Utc;
use postroom_connector::{ConnectorError, Handover, Receipt, Settings, Sink};

use super::settings::BoardSettings;
use super::single;
use crate::store::{Side, Store, Update};

pub(super) struct Board(Store);

impl Board {
    pub(super) fn new(settings: &Settings, read: &BoardSettings) -> Self {
        Self(Store::new(settings, read.store.as_deref(), Side::Board, read.keep_days))
    }
}

#[async_trait]
impl Sink for Board {
    async fn deliver(&self, handover: &Handover) -> Result<Receipt, ConnectorError> {
        let update = Update::read(single(handover)?)?;
        let now = Utc::now();
        self.0.clean(now).await?;
        self.0.put(&update, now).await?;
        Ok(Receipt { reference: update.reference().map(str::to_owned) })
    }
}
