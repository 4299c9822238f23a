//! The sink in its two forms: the board, from which the hub's own server tells, and the client of another endpoint.

mod board;
mod client;
mod found;
mod judge;
mod outgoing;
mod settings;

use postroom_connector::{
    ConnectorError, Failure, Handover, Outgoing, Settings, SettingsError, Sink, SinkKind,
};
use serde_json::Value;

use crate::NAME;
use board::Board;
use client::Endpoint;
use settings::SinkSettings;

/// Settings to begin with.
const BEGINNING: &str = r#"form = "board"
"#;

/// The kind of sink that speaks Open311 GeoReport v2, or tells the hub's own server what to say.
#[derive(Debug, Clone, Copy, Default)]
pub struct Open311Sink;

impl SinkKind for Open311Sink {
    fn name(&self) -> &'static str {
        NAME
    }

    fn check(&self, settings: &Settings) -> Result<(), SettingsError> {
        SinkSettings::read(settings).map(drop)
    }

    fn keys(&self) -> Vec<&'static str> {
        settings::keys()
    }

    fn beginning(&self) -> &'static str {
        BEGINNING
    }

    fn build(&self, settings: &Settings) -> Result<Box<dyn Sink>, SettingsError> {
        Ok(match SinkSettings::read(settings)? {
            SinkSettings::Board(read) => Box::new(Board::new(settings, &read)),
            SinkSettings::Client(read) => Box::new(Endpoint::new(settings, *read)?),
        })
    }
}

/// The one message of a handover.
fn single(handover: &Handover) -> Result<&Value, ConnectorError> {
    match handover.items.as_slice() {
        [Outgoing { message, .. }] => Ok(message),
        _ => {
            let words = "one request at a time is told: leave out [target.batch]";
            Err(ConnectorError::new(Failure::Permanent, words, ""))
        }
    }
}
