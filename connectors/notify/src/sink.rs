//! The sink: a message is one notification under its dispatch id, by which a lost answer is looked up.

use async_trait::async_trait;
use chrono::Utc;
use postroom_connector::{
    ConnectorError, Failure, Fresh, Handover, Outgoing, PeerOf, Receipt, Revealed, Settings, SettingsError,
    Sink, SinkKind,
};
use postroom_request::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use postroom_request::{Client, Method, Peer, RequestBuilder, client};
use serde_json::Value;

use crate::NAME;
use crate::allowance::Allowance;
use crate::channel::Channel;
use crate::settings::{self, SinkSettings};
use crate::token::Key;
use crate::{judge, notification};

/// How errors call Notify, and how much of its answer is read: a look-up tells notifications whole.
const NOTIFY: Peer = Peer { name: "Notify", max_answer_bytes: 256 * 1024 };

/// Settings to begin with.
const BEGINNING: &str = r#"api_key = { file = "SYSTEM/secret" }
templates = { email = "11111111-2222-4333-8444-555555555501" }
"#;

/// The kind of sink that sends notifications by GOV.UK Notify.
#[derive(Debug, Clone, Copy, Default)]
pub struct NotifySink;

impl SinkKind for NotifySink {
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

    /// What Notify puts into e-mails, texts and letters.
    fn reveals(&self, settings: &Settings) -> Vec<Revealed> {
        let revealed =
            Revealed { key: "templates".to_owned(), field: notification::PERSONALISATION.to_owned() };
        SinkSettings::read(settings).map(|_| vec![revealed]).unwrap_or_default()
    }

    fn build(&self, settings: &Settings) -> Result<Box<dyn Sink>, SettingsError> {
        let read = SinkSettings::read(settings)?;
        let key = {
            let (read, settings) = (read.clone(), settings.clone());
            Fresh::new(read.key_file(&settings), move || read.key(&settings))?
        };
        let client = client(PeerOf::new(settings, "target.base_url"), read.timeout)?;
        Ok(Box::new(NotifyTarget {
            client,
            key,
            allowance: Allowance::new(read.daily_limit),
            settings: read,
        }))
    }
}

struct NotifyTarget {
    client: Client,
    key: Fresh<Key>,
    allowance: Allowance,
    settings: SinkSettings,
}

#[async_trait]
impl Sink for NotifyTarget {
    async fn deliver(&self, handover: &Handover) -> Result<Receipt, ConnectorError> {
        let message = single(handover)?;
        let channel = self.settings.choice.of(message)?;
        let body = notification::body(message, channel, &self.settings.content, &handover.id)?;
        self.allowance.take(Utc::now())?;
        let result = self.send(channel, &body).await;
        if result.as_ref().is_err_and(|error| error.failure != Failure::Unknown) {
            self.allowance.give_back();
        }
        result
    }

    async fn look_up(&self, handover: &Handover) -> Result<Option<Receipt>, ConnectorError> {
        single(handover)?;
        let path = format!("/v2/notifications?reference={}", handover.id);
        judge::found(&NOTIFY.ask(self.request(Method::GET, &path)?).await?, &handover.id)
    }

    fn concurrency(&self) -> Option<usize> {
        Some(self.settings.concurrency)
    }
}

impl NotifyTarget {
    async fn send(&self, channel: Channel, body: &Value) -> Result<Receipt, ConnectorError> {
        let path = format!("/v2/notifications/{}", channel.name());
        let request = self.request(Method::POST, &path)?;
        let request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        judge::receipt(&NOTIFY.ask(request).await?)
    }

    /// A request with a token of its own.
    fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, ConnectorError> {
        let key = self.key.current().map_err(|error| {
            ConnectorError::new(Failure::Down, "the key for Notify cannot be read", error)
        })?;
        let token = format!("Bearer {}", key.token(Utc::now()));
        let mut token = HeaderValue::from_str(&token).map_err(|error| {
            ConnectorError::new(Failure::Permanent, "the token is not fit for a header", error)
        })?;
        token.set_sensitive(true);
        let address = format!("{}{path}", self.settings.base_url);
        Ok(self.client.request(method, address).header(AUTHORIZATION, token))
    }
}

/// The one message of a handover; its id is a dispatch id, and so is fit for an address.
fn single(handover: &Handover) -> Result<&Value, ConnectorError> {
    match handover.items.as_slice() {
        [Outgoing { dispatch, message, .. }] if dispatch.to_string() == handover.id => Ok(message),
        _ => {
            let words = "Notify takes one message at a time: leave out [target.batch]";
            Err(ConnectorError::new(Failure::Permanent, words, ""))
        }
    }
}
